# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync from archives and layouts of others, in which an image may have several names, or none."""

from __future__ import annotations

import io
import json
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, export_to, import_from, read_so_far
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import tar_bytes

KEY = signing.make_key()
IMAGE = images.image(layers=["1"])
NAMES = dict.fromkeys(("quay.io/team/app:1", "quay.io/team/app:latest", "quay.io/other/app:5"), IMAGE)
FORMS: dict[str, t.Callable[[Path], str]] = {
    "docker": lambda folder: images.write_docker_archive(folder / "bundle.tar", NAMES),
    "mixed": lambda folder: images.write_docker_archive(folder / "bundle.tar", NAMES, form="mixed"),
    "archive": lambda folder: images.write_oci_archive(folder / "bundle.tar", NAMES),
    "layout": lambda folder: images.write_layout(folder / "layout", NAMES),
}


def _untagged(path: str, folder: Path) -> str:
    """Return a copy of a ``docker save`` archive whose images have lost their names."""
    made = str(folder / "untagged.tar")
    with tarfile.open(path) as source, tarfile.open(made, "w") as target:
        for member in source.getmembers():
            file = source.extractfile(member)
            raw = file.read() if file else b""
            if member.name == "manifest.json":
                raw = json.dumps([{**entry, "RepoTags": None} for entry in json.loads(raw)]).encode()
                member.size = len(raw)
            if member.name != "repositories":
                target.addfile(member, io.BytesIO(raw))
    return made


@pytest.mark.parametrize("form", FORMS)
def test_an_image_arrives_under_each_of_its_names(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, form: str) -> None:
    path, destination = FORMS[form](tmp_path), make_registry()
    expected = run_module("registry_sync", import_from(path, destination), check=True, diff=True).ok()
    done = run_module("registry_sync", import_from(path, destination), diff=True).ok()
    assert done["diff"] == expected["diff"]
    assert done["summary"]["copied"] == 3
    assert set(destination.tags("team/app")) == {"1", "latest"}
    assert set(destination.tags("other/app")) == {"5"}
    again = run_module("registry_sync", import_from(path, destination)).ok()
    assert again["summary"]["unchanged"] == 3


@pytest.mark.parametrize("form", FORMS)
def test_each_name_can_be_listed(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, form: str) -> None:
    path, destination = FORMS[form](tmp_path), make_registry()
    run_module("registry_sync", import_from(path, destination, images=["quay.io/other/app:5"])).ok()
    assert destination.tags("team/app") == {}
    assert set(destination.tags("other/app")) == {"5"}
    listed = [{"src": "quay.io/team/app", "include": ["."]}]
    destination.add_image("team/app", "latest", seed="before")
    destination.add_image("team/app", "old", seed="old")
    done = run_module("registry_sync", import_from(path, destination, images=listed, extra="delete")).ok()
    assert set(destination.tags("team/app")) == {"1", "latest"}
    assert done["deleted_tags"] == [f"{destination.host}/team/app:old"]


def test_an_image_without_a_name_is_listed_by_its_digest(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = _untagged(images.write_docker_archive(tmp_path / "bundle.tar", {"team/app:1": IMAGE}), tmp_path)
    destination = make_registry()
    refused = run_module("registry_sync", import_from(path, destination)).failure("invalid_reference").msg
    digest = refused.partition("sha256:")[2][:64]
    assert f"The image 'sha256:{digest}' in {path} has no full name: list it in images, with dest." in refused
    run_module("registry_sync", import_from(path, destination, images=[{"src": f"sha256:{digest}", "dest": "team/app:1"}])).ok()
    assert set(destination.tags("team/app")) == {"1"}


def _named(path: Path, *named: tuple[images.Content, str]) -> Path:
    """Write a layout of images by the names that their entries have, which need not differ."""
    images.write_layout(path, {f"n{number}:1": image for number, (image, _name) in enumerate(named)})
    key = "org.opencontainers.image.ref.name"
    entries = [{**image.descriptor(), **({"annotations": {key: name}} if name else {})} for image, name in named]
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}), encoding="ascii")
    return path


def test_two_images_of_one_name_are_not_taken_for_one(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    other, destination = images.image(layers=["signature"]), make_registry()
    path = _named(tmp_path / "store", (IMAGE, "quay.io/team/app:1"), (other, "quay.io/team/app:1"))
    refused = run_module("registry_sync", import_from(path, destination)).failure("invalid_option")
    assert IMAGE.digest in refused.msg
    assert other.digest in refused.msg
    for listed in ("quay.io/team/app:1", {"src": "quay.io/team/app", "include": ["."]}):
        unclear = run_module("registry_sync", import_from(path, destination, images=[listed])).failure("invalid_source")
        assert f"'quay.io/team/app:1', {IMAGE.digest}, {other.digest}: list each that you want by its digest" in unclear.msg
    assert destination.log() == []
    by_digest = [{"src": IMAGE.digest, "dest": "team/app:1"}, {"src": other.digest, "dest": "team/app:other"}]
    run_module("registry_sync", import_from(path, destination, images=by_digest)).ok()
    assert destination.tags("team/app") == {"1": IMAGE.digest, "other": other.digest}


def test_a_short_name_of_two_images_is_told_as_it_was_given(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    for name in ("app", "web"):
        source.add_image(name, "1", seed=name)
        task = source.args(name=f"{name}:1", path=str(tmp_path / "store"), format="oci-layout", append=True)
        run_module("registry_pull", task).ok()
    unclear = run_module("registry_sync", import_from(tmp_path / "store", destination, images=[{"src": "1", "dest": "app"}]))
    assert "has several images with the name '1', sha256:" in unclear.failure("invalid_source").msg


def test_two_images_without_a_name_for_one_tag_are_refused(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    other, destination = images.image(layers=["other"]), make_registry()
    path = _named(tmp_path / "store", (IMAGE, ""), (other, ""))
    listed = [{"src": image.digest, "dest": "app:1"} for image in (IMAGE, other)]
    run_module("registry_sync", import_from(path, destination, images=listed)).failure("invalid_option")
    assert destination.log() == []
    done = run_module("registry_sync", import_from(path, destination, images=listed[:1])).ok()
    assert done["images"][0]["name"] == IMAGE.digest


def test_a_layout_of_no_image_is_refused(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    failed = run_module("registry_sync", import_from(_named(tmp_path / "store"), make_registry())).failure("invalid_source")
    assert failed.msg == f"{tmp_path / 'store'} contains no image."


@pytest.mark.parametrize("inner", ["carried", "."])
def test_an_export_that_was_packed_is_to_be_unpacked(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, inner: str
) -> None:
    source, destination = make_registry(), make_registry()
    source.add_image("app", "1")
    run_module("registry_sync", export_to(tmp_path / "carried", source, "app:1")).ok()
    with tarfile.open(tmp_path / "carried.tar", "w") as archive:
        archive.add(tmp_path / "carried", arcname=inner)
    failed = run_module("registry_sync", import_from(tmp_path / "carried.tar", destination)).failure("invalid_source")
    assert failed.msg.endswith("carried.tar is an archive with the images.yml of an export: unpack it, and set src_dir to the directory.")


def test_what_no_shard_finds_fails_in_one_of_them(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path, destination = FORMS["docker"](tmp_path), make_registry()
    failed = []
    for index in range(2):
        task = import_from(path, destination, images=["quay.io/team/app:1", "quay.io/team/none:1"], shard={"index": index, "count": 2})
        failed += run_module("registry_sync", task)["failed_names"]
    assert failed == ["quay.io/team/none:1"]


def test_a_layer_of_many_images_of_a_bundle_is_compressed_once(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    layer = images.layer_tar("base", 1_000_000)
    bundle = {f"team/app:{number}": images.image(layers=[layer, images.layer_tar(str(number), 10)], compression="") for number in range(12)}
    path, destination = images.write_docker_archive(tmp_path / "bundle.tar", bundle), make_registry()
    begun = read_so_far()
    done = run_module("registry_sync", import_from(path, destination, concurrency=1)).ok()
    assert done["summary"]["copied"] == 12
    assert read_so_far() - begun < 6_000_000
    manifests = [json.loads(destination.stored("team/app", digest).raw) for digest in destination.tags("team/app").values()]
    assert len({manifest["layers"][0]["digest"] for manifest in manifests}) == 1


def test_an_image_without_a_full_name_is_called_by_its_path(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path, destination = images.write_layout(tmp_path / "layout", {"1": images.multi_arch()}), make_registry()
    entry = {"src": "1", "dest": "app:1"}
    result = run_module("registry_sync", import_from(path, destination, images=[{**entry, "platforms": ["linux/s390x"]}]))
    verified = run_module("registry_sync", import_from(path, destination, images=[entry], verify={"keys": [signing.pem_of(KEY)]}))
    for failed in (result.failure("not_found"), verified.failure("unverified")):
        assert f"The image '1' in {path}" in failed.msg
        assert (failed.error["registry"], failed.error["reference"]) == (None, None)
        assert "localhost" not in failed.msg


def test_another_image_does_not_stand_for_a_digest(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    index = images.index(IMAGE, images.image("linux/s390x", layers=["not saved"]))
    files = {**images.layout_files(IMAGE), f"blobs/{index.digest.replace(':', '/')}": index.raw}
    parts = [f"blobs/{part['digest'].replace(':', '/')}" for part in (IMAGE.document["config"], *IMAGE.document["layers"])]
    name = f"quay.io/team/app@{index.digest}"
    files["index.json"] = images.to_json({"manifests": [index.descriptor(annotations={"io.containerd.image.name": name})]})
    files["manifest.json"] = images.to_json([{"Config": parts[0], "RepoTags": None, "Layers": parts[1:]}])
    path, destination = images.write_bytes(tmp_path / "app.tar", tar_bytes(files.items())), make_registry()
    result = run_module("registry_sync", import_from(path, destination)).failure("invalid_source")
    assert f"The image {IMAGE.digest} in {path} is called {name}, but that is the digest of another image" in result.msg
    assert destination.writes() == []
    run_module("registry_sync", import_from(path, destination, images=[{"src": IMAGE.digest, "dest": "team/app:1"}])).ok()
    assert destination.tags("team/app") == {"1": IMAGE.digest}


def test_a_digest_that_docker_saved_without_compression_is_another_image(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    name = f"quay.io/team/app@{IMAGE.digest}"
    path, destination = images.write_docker_archive(tmp_path / "app.tar", {name: IMAGE}, form="mixed"), make_registry()
    assert "the digest of another image" in run_module("registry_sync", import_from(path, destination)).failure("invalid_source").msg
    config = IMAGE.document["config"]["digest"]
    run_module("registry_sync", import_from(path, destination, images=[{"src": config, "dest": "team/app:1"}])).ok()
    assert set(destination.tags("team/app")) == {"1"}
