# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_archive_info: what a path holds, in every form that can be pushed, and nothing but clear errors for the rest."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import tar_bytes
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

AMD = images.image(layers=["base", "one"], labels={"team": "blue"})
ARM = images.image("linux/arm64", layers=["base", "two"])
NAMES = {"reg.example.com/app:1": AMD, "reg.example.com/app:2": ARM}
KEYS = {"names", "digest", "config_digest", "media_type", "is_index", "platforms", "size", "created", "labels"}


def _listed(run_module: RunModule, path: str, **options: t.Any) -> list[dict[str, t.Any]]:
    result = run_module("registry_archive_info", {"path": path, **options}).ok()
    assert not result.changed
    assert all(set(image) == KEYS for image in result["images"])
    return list(result["images"])


def _size(content: images.Content) -> int:
    return sum(map(len, content.files.values()))


def test_a_layout_with_two_images(run_module: RunModule, tmp_path: Path) -> None:
    one, two = _listed(run_module, images.write_layout(tmp_path / "layout", NAMES))
    assert one == {
        "names": ["reg.example.com/app:1"],
        "digest": AMD.digest,
        "config_digest": images.digest_of(AMD.config),
        "media_type": AMD.media_type,
        "is_index": False,
        "platforms": ["linux/amd64"],
        "size": _size(AMD),
        "created": "2026-01-01T00:00:00Z",
        "labels": {"team": "blue"},
    }
    assert (two["names"], two["digest"], two["platforms"]) == (["reg.example.com/app:2"], ARM.digest, ["linux/arm64"])


@pytest.mark.parametrize("compression", ["", "gzip", "xz"])
def test_an_index_in_an_archive_has_its_platforms(run_module: RunModule, tmp_path: Path, compression: str) -> None:
    index = images.multi_arch(attested=True)
    (image,) = _listed(run_module, images.write_oci_archive(tmp_path / "app.tar", {"app:1": index}, compression))
    assert (image["digest"], image["is_index"], image["config_digest"]) == (index.digest, True, None)
    assert image["platforms"] == ["linux/amd64", "linux/arm64"]
    assert image["size"] == _size(index)


@pytest.mark.parametrize("form", ["old", "mixed", "packed"])
def test_every_image_of_docker_save_is_listed_once(run_module: RunModule, tmp_path: Path, form: str) -> None:
    path = images.write_docker_archive(tmp_path / "app.tar", NAMES, form)
    listed = _listed(run_module, path)
    assert [image["names"] for image in listed] == [["reg.example.com/app:1"], ["reg.example.com/app:2"]]
    assert [image["config_digest"] for image in listed] == [images.digest_of(AMD.config), images.digest_of(ARM.config)]
    assert [image["digest"] for image in listed] == [None, None]
    assert [image["platforms"] for image in listed] == [["linux/amd64"], ["linux/arm64"]]
    assert listed[0]["labels"] == {"team": "blue"}
    assert listed[0]["size"] > len(AMD.config)


def test_one_image_with_two_names_is_one_entry(run_module: RunModule, tmp_path: Path) -> None:
    for path in (
        images.write_layout(tmp_path / "layout", {"a:1": AMD, "b:1": AMD}),
        images.write_docker_archive(tmp_path / "app.tar", {"a:1": AMD, "b:1": AMD}),
    ):
        assert [image["names"] for image in _listed(run_module, path)] == [["a:1", "b:1"]]


def test_what_is_listed_can_be_pushed_by_its_name_or_digest(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = images.write_layout(tmp_path / "layout", {"a:1": AMD, "": ARM})
    for image in _listed(run_module, path):
        chosen = image["names"][0] if image["names"] else image["digest"]
        pushed = run_module("registry_push", registry.args(path=path, name="app:1", source_name=chosen)).ok()
        assert pushed["digest"] == image["digest"]


def _write_saved_indexes(path: Path, *saved: images.Content) -> str:
    """Write an archive as containerd saves images of indexes without names: of each index only one image is there."""
    files: dict[str, bytes] = {}
    listed, entries = [], []
    for image in saved:
        index = images.index(image, images.image("linux/s390x", layers=["absent"]))
        files.update({**images.layout_files(image), f"blobs/{index.digest.replace(':', '/')}": index.raw})
        listed.append(index.descriptor())
        parts = [f"blobs/{part['digest'].replace(':', '/')}" for part in (image.document["config"], *image.document["layers"])]
        entries.append({"Config": parts[0], "RepoTags": None, "Layers": parts[1:]})
    files["index.json"] = images.to_json({"schemaVersion": 2, "manifests": listed})
    files["manifest.json"] = images.to_json(entries)
    return images.write_bytes(path, tar_bytes(files.items()))


@pytest.mark.parametrize("key", ["digest", "config_digest"])
def test_an_image_of_an_incomplete_index_can_be_pushed_by_its_digests(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, key: str
) -> None:
    path = _write_saved_indexes(tmp_path / "app.tar", AMD, ARM)
    listed = _listed(run_module, path)
    assert [(image["names"], image["digest"]) for image in listed] == [([], AMD.digest), ([], ARM.digest)]
    for number, image in enumerate(listed):
        pushed = run_module("registry_push", registry.args(path=path, name=f"app:{number}", source_name=image[key])).ok()
        assert pushed["digest"] == image["digest"]


def test_no_request_is_sent_and_connection_options_have_no_effect(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = images.write_layout(tmp_path / "layout", AMD)
    assert len(_listed(run_module, path, **registry.args())) == 1
    assert registry.log() == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "is not an OCI layout"),
        ({"oci-layout": b"{}", "index.json": b"{}"}, ""),
        ({"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": b"[]"}, ""),
    ],
)
def test_what_holds_no_image_is_refused(run_module: RunModule, tmp_path: Path, files: dict[str, bytes], said: str) -> None:
    path = images.write_files(tmp_path / "layout", files)
    result = run_module("registry_archive_info", {"path": path})
    assert result.failed
    assert result.error["kind"] in ("invalid_source", "unsupported")
    assert said in result.msg


def test_a_path_that_does_not_exist_is_refused(run_module: RunModule, tmp_path: Path) -> None:
    run_module("registry_archive_info", {"path": str(tmp_path / "absent")}).failure("local_io")


def test_a_layout_that_lacks_a_manifest_is_refused(run_module: RunModule, tmp_path: Path) -> None:
    path = images.write_layout(tmp_path / "layout", NAMES)
    (tmp_path / "layout" / "blobs" / AMD.digest.replace(":", "/")).unlink()
    run_module("registry_archive_info", {"path": path}).failure("invalid_source")


# What registry_push says where it has to be told which image is meant


def test_a_push_of_several_images_tells_the_choices(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    for path in (images.write_layout(tmp_path / "layout", NAMES), images.write_docker_archive(tmp_path / "app.tar", NAMES)):
        for source_name in (None, "nothing:1"):
            options: dict[str, t.Any] = {"source_name": source_name} if source_name else {}
            error = run_module("registry_push", {**registry.args(path=path, name="app:1"), **options}).failure("invalid_source").error
            assert error["choices"] == list(NAMES)
    assert registry.writes() == []


def test_choices_without_a_name_of_their_own_are_digests(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = images.write_layout(tmp_path / "layout", {"": AMD, "app:2": ARM})
    error = run_module("registry_push", registry.args(path=path, name="app:1")).failure("invalid_source").error
    assert error["choices"] == [AMD.digest, "app:2"]


def test_other_errors_have_no_choices(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    error = run_module("registry_push", registry.args(path=str(tmp_path), name="app:1")).failure("invalid_source").error
    assert set(error) == {"kind", "status", "code", "registry", "reference"}
