# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_pull to archives for docker load: what is in them, and what cannot be."""

from __future__ import annotations

import json
import typing as t
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import (
    Pull,
    make_pull,
    members_of,
    put,
    tree,
)
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import zstd
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

FORMATS = ["oci-archive", "docker-archive"]


@pytest.fixture
def pull(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> Pull:
    """Pull app:1.0 to the file "app.tar"."""
    return partial(make_pull(registry, run_module, tmp_path / "app.tar"), "docker-archive")


def contents(path: Path) -> dict[str, t.Any]:
    """The one entry of manifest.json."""
    (entry,) = json.loads(members_of(path)["manifest.json"])
    return t.cast("dict[str, t.Any]", entry)


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_a_docker_archive_holds_the_layers_decompressed(registry: FakeRegistry, pull: Pull, tmp_path: Path, compression: str) -> None:
    content = put(registry, "app", "1.0", images.image(compression=compression, layers=["a", "b", "a"]))
    result = pull().ok()
    assert (result.changed, result["digest"]) == (True, content.digest)
    names = [f"{images.digest_of(tar)[7:]}.tar" for tar in content.layer_tars]
    config = f"{images.digest_of(content.config)[7:]}.json"
    assert contents(tmp_path / "app.tar") == {"Config": config, "RepoTags": [registry.name("app:1.0")], "Layers": names}
    found = members_of(tmp_path / "app.tar")
    del found["manifest.json"]
    assert found == {config: content.config, **dict(zip(names, content.layer_tars))}


def test_a_docker_archive_is_pushed_with_the_same_config(registry: FakeRegistry, run_module: RunModule, pull: Pull, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.image())
    pull().ok()
    run_module("registry_push", registry.args(path=str(tmp_path / "app.tar"), name="copy:1.0")).ok()
    pushed = registry.manifest("copy", "1.0")
    assert pushed is not None
    assert pushed.document["config"]["digest"] == images.digest_of(content.config)


def test_a_docker_archive_that_is_there_downloads_no_blob(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    put(token_registry, "app", "1.0", images.image())
    arguments = token_registry.args(name="app:1.0", path=str(tmp_path / "app.tar"), format="docker-archive")
    run_module("registry_pull", arguments).ok()
    assert token_registry.counts() == {"get_manifest": 2, "token": 1, "get_blob": 3}
    before = tree(tmp_path)
    token_registry.clear()
    result = run_module("registry_pull", arguments).ok()
    assert result.changed is False
    assert len(result["existing_blobs"]) == 3
    assert token_registry.counts() == {"get_manifest": 2, "token": 1}
    assert tree(tmp_path) == before


@pytest.mark.parametrize("form", ["old", "mixed", "packed"])
def test_a_docker_archive_of_another_tool_is_taken_as_it_is(registry: FakeRegistry, pull: Pull, tmp_path: Path, form: str) -> None:
    content = put(registry, "app", "1.0", images.image())
    images.write_docker_archive(tmp_path / "app.tar", {registry.name("app:1.0"): content}, form)
    before = tree(tmp_path)
    assert pull().ok().changed is False
    assert tree(tmp_path) == before


def test_a_docker_archive_takes_one_platform_of_an_index(registry: FakeRegistry, pull: Pull, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.multi_arch())
    failed = pull().failure("invalid_option")
    assert "linux/amd64, linux/arm64" in failed.msg
    pull(platforms=["linux/amd64", "linux/arm64"]).failure("invalid_option")
    pull(platforms=["linux/riscv64"]).failure("not_found")
    assert tree(tmp_path) == {}
    result = pull(platforms=["linux/arm64"]).ok()
    chosen = content.document["manifests"][1]
    assert chosen["platform"]["architecture"] == "arm64"
    assert result["digest"] == chosen["digest"]
    assert json.loads(members_of(tmp_path / "app.tar")[contents(tmp_path / "app.tar")["Config"]])["architecture"] == "arm64"
    assert pull(platforms=["linux/arm64"]).ok().changed is False
    assert pull(platforms=["linux/amd64"]).ok().changed is True


def test_an_index_without_platforms_is_not_one_to_choose_from(registry: FakeRegistry, pull: Pull) -> None:
    put(registry, "app", "1.0", images.index(images.artifact()))
    assert "none for a platform, so use one of the OCI formats" in pull().failure("invalid_option").msg


def test_a_single_image_is_taken_for_its_own_platform_only(registry: FakeRegistry, pull: Pull) -> None:
    put(registry, "app", "1.0", images.image("linux/arm64"))
    assert "linux/arm64" in pull(platforms=["linux/amd64"]).failure("not_found").msg
    assert pull(platforms=["linux/arm64/v8"]).ok().changed is True


def test_an_image_that_is_pulled_by_digest_gets_no_tag(registry: FakeRegistry, pull: Pull, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.image())
    pull(name=f"app@{content.digest}").ok()
    assert contents(tmp_path / "app.tar")["RepoTags"] == []


@pytest.mark.parametrize(
    "content", [images.artifact(), images.image(foreign=True), images.encrypted()], ids=["artifact", "foreign", "encrypted"]
)
def test_what_docker_cannot_load_is_refused(registry: FakeRegistry, pull: Pull, tmp_path: Path, content: images.Content) -> None:
    put(registry, "app", "1.0", content)
    pull().failure("unsupported")
    assert "get_blob" not in registry.counts()
    assert tree(tmp_path) == {}


def test_a_layer_that_is_not_what_the_config_says_is_refused(registry: FakeRegistry, pull: Pull, tmp_path: Path) -> None:
    added = registry.add_image("app", "1.0", layers=2, config={"rootfs": {"type": "layers", "diff_ids": [images.digest_of(b"other")] * 2}})
    failed = pull().failure("digest_mismatch")
    assert added.layers[0]["digest"] in failed.msg
    registry.add_image("app", "1.0", layers=2, config={"rootfs": {"type": "layers", "diff_ids": []}})
    pull().failure("invalid_source")
    registry.add_image(
        "app", "1.0", layers=[b"same", b"same"], config={"rootfs": {"diff_ids": [images.digest_of(b"same"), "sha256:" + "0" * 64]}}
    )
    pull().failure("invalid_source")
    assert tree(tmp_path) == {}


def test_zstd_needs_a_library(registry: FakeRegistry, run_module_process: t.Callable[..., Result], tmp_path: Path) -> None:
    layer = b"\x28\xb5\x2f\xfd" + bytes(20)
    blob = registry.add_blob("app", layer, "application/vnd.oci.image.layer.v1.tar+zstd")
    config = {"rootfs": {"type": "layers", "diff_ids": [images.digest_of(b"tar")]}}
    described = registry.add_blob("app", json.dumps(config).encode(), images.OCI_CONFIG)
    registry.add_manifest("app", {"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "config": described, "layers": [blob]}, tag="1.0")
    arguments = registry.args(name="app:1.0", path=str(tmp_path / "app.tar"), format="docker-archive")
    failed = run_module_process("registry_pull", arguments, hide=["zstandard", "compression.zstd"]).failure("missing_library")
    assert "zstandard" in failed.msg
    assert "ansible_python_interpreter" in failed.msg
    assert tree(tmp_path) == {}


# Compression that takes much memory


@pytest.mark.parametrize("window", [24, 25, 26])
def test_a_layer_in_zstd_with_a_large_window_is_decompressed(registry: FakeRegistry, pull: Pull, tmp_path: Path, window: int) -> None:
    content = _with_window(window, "a", "b")
    put(registry, "app", "1.0", content)
    pull().ok()
    assert contents(tmp_path / "app.tar")["Layers"] == [f"{images.digest_of(tar)[7:]}.tar" for tar in content.layer_tars]
    assert pull().ok().changed is False


def test_a_window_that_takes_too_much_memory_is_refused(registry: FakeRegistry, pull: Pull, tmp_path: Path) -> None:
    put(registry, "app", "1.0", _with_window(27, "a"))
    result = pull()
    assert (result.error["kind"], tree(tmp_path)) == ("limit", {})
    assert "80 MiB of memory" in result.msg


def _with_window(window: int, *seeds: str) -> images.Content:
    """An image with layers in zstd that state this window."""
    content = images.image(layers=seeds, compression="zstd")
    packed = [zstd(tar, window) for tar in content.layer_tars]
    document = content.document
    for layer, raw in zip(document["layers"], packed):
        layer.update(digest=images.digest_of(raw), size=len(raw))
    raw = images.to_json(document)
    blobs = {**content.blobs, **{images.digest_of(layer): layer for layer in packed}}
    return images.Content(
        raw, content.media_type, {images.digest_of(raw): (content.media_type, raw)}, blobs, {}, content.config, content.layer_tars
    )
