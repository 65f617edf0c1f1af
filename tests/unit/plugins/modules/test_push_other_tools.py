# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_push of files as other tools write them: what they mean arrives, and a second push changes nothing."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pushes import Push, make_push
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import Link, tar_bytes
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

IMAGE = images.image(layers=("a", "b"))
OTHER = images.image(layers=("a", "c"))
INDEX = images.multi_arch()
CHILDREN = [images.image(f"linux/{name}", ("base", f"app-linux-{name}")) for name in ("amd64", "arm64")]


@pytest.fixture
def push(registry: FakeRegistry, run_module: RunModule) -> Push:
    """Push a path to app:1, in check mode first and twice in the end."""
    return make_push(registry, run_module)


# manifest.json


def saved(form: str, rename: t.Callable[[str], str], image: images.Content = IMAGE) -> list[tuple[str, bytes | Link]]:
    """The members of a docker save archive whose manifest.json has other keys."""
    files = images.docker_files({"app:1": image}, form)
    entries = json.loads(t.cast(bytes, files["manifest.json"]))
    files["manifest.json"] = images.to_json([{rename(key): value for key, value in entry.items()} for entry in entries])
    return list(files.items())


def _small_first(key: str) -> str:
    return key[0].lower() + key[1:]


@pytest.mark.parametrize("form", ["old", "packed"])
@pytest.mark.parametrize("rename", [_small_first, str.lower, str.upper], ids=["as Jib and containerify", "lower", "upper"])
def test_keys_in_another_case_are_no_reason_to_refuse(push: Push, tmp_path: Path, form: str, rename: t.Callable[[str], str]) -> None:
    result = push(images.write_bytes(tmp_path / "app.tar", tar_bytes(saved(form, rename))))
    assert len(result["uploaded_blobs"]) == 3


def test_a_key_in_two_cases_is_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    files = images.docker_files(IMAGE)
    entry = json.loads(t.cast(bytes, files["manifest.json"]))[0]
    files["manifest.json"] = images.to_json([{**entry, "layers": []}])
    path = images.write_bytes(tmp_path / "app.tar", tar_bytes(files.items()))
    result = run_module("registry_push", registry.args(name="app:1", path=path))
    assert result.error["kind"] == "invalid_source"
    assert "'Layers' and 'layers'" in result.msg
    assert registry.writes() == []


@pytest.mark.parametrize("fault", ["missing", "corrupt"])
def test_an_image_is_pushed_though_the_config_of_another_one_in_the_archive_is_no_good(push: Push, tmp_path: Path, fault: str) -> None:
    files = images.docker_files({"app:1": IMAGE, "other:1": OTHER})
    name = f"{OTHER.document['config']['digest'][7:]}.json"
    files[name] = b"{}"
    if fault == "missing":
        del files[name]
    result = push(images.write_bytes(tmp_path / "app.tar", tar_bytes(files.items())), source_name="app:1")
    assert IMAGE.document["config"]["digest"] in {blob["digest"] for blob in result["uploaded_blobs"]}


# Archives with index.json and manifest.json


def mixed(path: Path, *contents: images.Content) -> str:
    """Write an archive with a layout and a manifest.json of these images, as regctl and containerd do."""
    files: dict[str, bytes] = {}
    entries, saved_entries = [], []
    for number, content in enumerate(contents):
        files.update(images.layout_files(content))
        entries.append(content.descriptor(annotations={"org.opencontainers.image.ref.name": f"v{number}"}))
        parts = [f"blobs/{part['digest'].replace(':', '/')}" for part in (content.document["config"], *content.document["layers"])]
        saved_entries.append({"Config": parts[0], "RepoTags": [f"app:v{number}"], "Layers": parts[1:]})
    files["index.json"] = images.to_json({"schemaVersion": 2, "manifests": entries})
    files["manifest.json"] = images.to_json(saved_entries)
    return images.write_bytes(path / "app.tar", tar_bytes(files.items()))


def _digests(message: str) -> list[str]:
    return [word.strip("(),.") for word in message.split() if word.strip("(),.").startswith("sha256:")]


def test_an_image_is_chosen_by_each_digest_that_the_message_lists(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, push: Push
) -> None:
    path = mixed(tmp_path, IMAGE, OTHER)
    message = run_module("registry_push", registry.args(name="app:1", path=path)).msg
    listed = _digests(message)
    assert len(listed) == 2
    push(path, IMAGE.digest, source_name=listed[0])
    for name, content in ((listed[1], OTHER), (OTHER.digest, OTHER), (OTHER.document["config"]["digest"], OTHER), ("v1", OTHER)):
        run_module("registry_tag_delete", registry.args(name="app:1")).ok()
        push(path, content.digest, source_name=name)


def test_an_image_without_compression_is_chosen_by_the_digest_of_its_manifest(push: Push, tmp_path: Path) -> None:
    path = images.write_docker_archive(tmp_path / "app.tar", {"app:v0": IMAGE, "app:v1": OTHER}, "mixed")
    names = images.docker_files({"app:v0": IMAGE, "app:v1": OTHER}, "mixed")
    entries = json.loads(t.cast(bytes, names["index.json"]))["manifests"]
    result = push(path, source_name=entries[1]["digest"])
    assert OTHER.document["config"]["digest"] in {blob["digest"] for blob in result["uploaded_blobs"]}


@pytest.mark.parametrize("layers", [[], None, IMAGE.document["layers"][:1]], ids=["none", "null", "one of two"])
def test_a_manifest_of_docker_25_that_lacks_layers_does_not_count(
    registry: FakeRegistry, run_module: RunModule, push: Push, tmp_path: Path, layers: t.Any
) -> None:
    files = images.docker_files({"app:1": IMAGE}, "packed")
    hollow = images.to_json({**IMAGE.document, "layers": layers})
    entry = {"mediaType": IMAGE.media_type, "digest": images.digest_of(hollow), "size": len(hollow)}
    for raw in (hollow, IMAGE.config, *(IMAGE.blobs[layer["digest"]] for layer in layers or ())):
        files[f"blobs/{images.digest_of(raw).replace(':', '/')}"] = raw
    files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    files["index.json"] = images.to_json({"manifests": [{**entry, "annotations": {"io.containerd.image.name": "docker.io/library/app:1"}}]})
    path = images.write_bytes(tmp_path / "app.tar", tar_bytes(files.items()))
    push(path)
    stored = registry.manifest("app", "1")
    assert stored is not None
    assert len(stored.document["layers"]) == 2
    (told,) = run_module("registry_archive_info", {"path": path}).ok()["images"]
    assert (told["digest"], told["config_digest"]) == (None, IMAGE.document["config"]["digest"])


# index.json that is the image itself


def whole(content: images.Content) -> dict[str, bytes]:
    """The files of a layout whose index.json is the index ``content`` itself."""
    files = images.layout_files(content)
    del files[f"blobs/{content.digest.replace(':', '/')}"]
    return {**files, "index.json": content.raw}


@pytest.mark.parametrize("form", ["directory", "archive", "packed with / before each name"])
@pytest.mark.parametrize("attested", [False, True])
@pytest.mark.parametrize("docker", [False, True])
def test_an_index_json_that_is_the_image_is_pushed_whole(push: Push, tmp_path: Path, form: str, docker: bool, attested: bool) -> None:
    content = images.multi_arch(docker=docker, attested=attested)
    files = whole(content)
    if form == "directory":
        path = images.write_files(tmp_path / "layout", files)
    else:
        before = "/" if form.startswith("packed") else ""
        path = images.write_bytes(tmp_path / "app.tar", tar_bytes([(before + name, raw) for name, raw in files.items()]))
    push(path, content.digest)


def test_of_an_index_json_that_is_the_image_one_platform_or_child_can_be_pushed(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    path = images.write_files(tmp_path / "layout", whole(INDEX))
    child = INDEX.document["manifests"][1]
    assert (
        run_module("registry_push", registry.args(name="app:1", path=path, source_name=child["digest"])).ok()["digest"] == child["digest"]
    )
    assert run_module("registry_push", registry.args(name="app:2", path=path, source_name=INDEX.digest)).ok()["digest"] == INDEX.digest
    reduced = run_module("registry_push", registry.args(name="app:3", path=path, platforms=["linux/arm64"])).ok()
    stored = registry.manifest("app", "3")
    assert stored is not None
    assert [entry["digest"] for entry in stored.document["manifests"]] == [child["digest"]]
    assert reduced["digest"] not in (INDEX.digest, child["digest"])


def test_images_that_have_nothing_to_do_with_each_other_are_no_index(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    for number, contents in enumerate(
        [{"one": IMAGE, "two": images.image("linux/arm64")}, {"one": IMAGE, "": OTHER}, {"": IMAGE, "two": OTHER}]
    ):
        path = images.write_layout(tmp_path / str(number), contents)
        assert "contains several images" in run_module("registry_push", registry.args(name="app:1", path=path)).msg
    files = images.layout_files(IMAGE)
    files.update(images.layout_files(OTHER))
    files["index.json"] = images.to_json({"manifests": [IMAGE.descriptor(), OTHER.descriptor()]})  # twice the same platform
    path = images.write_files(tmp_path / "same", files)
    assert "contains several images" in run_module("registry_push", registry.args(name="app:1", path=path)).msg


@pytest.fixture
def apko(tmp_path: Path) -> str:
    """An archive of apko: index.json is INDEX itself, and manifest.json has its images under names of their own."""
    files: dict[str, bytes | Link] = {}
    entries = []
    for name, child in zip(("amd64", "arm64"), CHILDREN):
        parts = images.docker_files({f"app:1-{name}": child}, "packed")
        entries += json.loads(t.cast(bytes, parts.pop("manifest.json")))
        files.update({**parts, child.digest: child.raw})
    files["manifest.json"], files["index.json"] = images.to_json(entries), INDEX.raw
    return images.write_bytes(tmp_path / "app.tar", tar_bytes(files.items()))


def test_an_archive_of_apko_is_pushed_whole_and_each_image_as_it_is(
    registry: FakeRegistry, push: Push, run_module: RunModule, apko: str
) -> None:
    push(apko, INDEX.digest)
    result = run_module("registry_push", registry.args(name="app:2", path=apko, source_name="app:1-arm64")).ok()
    assert result["digest"] == CHILDREN[1].digest


def test_names_of_single_images_are_not_said_to_be_names_of_their_index(registry: FakeRegistry, run_module: RunModule, apko: str) -> None:
    listed = run_module("registry_archive_info", {"path": apko}).ok()["images"]
    named = {name: image["digest"] for image in listed for name in image["names"]}
    assert named == {f"app:1-{name}": child.digest for name, child in zip(("amd64", "arm64"), CHILDREN)}
    assert [image["digest"] for image in listed if not image["names"]] == [INDEX.digest]
    for name, digest in [*named.items(), (INDEX.digest, INDEX.digest)]:
        assert run_module("registry_push", registry.args(name="app:1", path=apko, source_name=name)).ok()["digest"] == digest


def test_all_of_an_archive_of_apko_goes_where_its_names_say(registry: FakeRegistry, run_module: RunModule, apko: str) -> None:
    arguments = {**registry.args(), "dest_registry": registry.host, "src_dir": apko}
    del arguments["registry"]
    run_module("registry_sync", arguments).ok()
    assert registry.tags("library/app") == {f"1-{name}": child.digest for name, child in zip(("amd64", "arm64"), CHILDREN)}


# Archives of containerd's store, which has only some platforms of an index

THREE = images.multi_arch("linux/amd64", "linux/arm64", "linux/s390x")


@pytest.fixture
def partial(tmp_path: Path) -> str:
    """What ``docker save`` writes of THREE where two platforms are there: manifest.json names the one of the host."""
    host, _other, missing = THREE.document["manifests"]
    files = images.layout_files({"docker.io/library/app:1": THREE}, "io.containerd.image.name")
    lacked = images.image("linux/s390x", ("base", "app-linux-s390x"))
    shared = images.image("linux/amd64", ("base", "app-linux-amd64")).files
    for digest in {missing["digest"], *lacked.blobs} - set(shared):
        del files[f"blobs/{digest.replace(':', '/')}"]
    manifest = json.loads(files[f"blobs/{host['digest'].replace(':', '/')}"])
    parts = [f"blobs/{part['digest'].replace(':', '/')}" for part in (manifest["config"], *manifest["layers"])]
    files["manifest.json"] = images.to_json([{"Config": parts[0], "RepoTags": ["app:1"], "Layers": parts[1:]}])
    return images.write_bytes(tmp_path / "app.tar", tar_bytes(files.items()))


@pytest.mark.parametrize("platforms", [["linux/arm64"], ["linux/amd64", "linux/arm64"]])
def test_all_platforms_that_were_saved_can_be_pushed(registry: FakeRegistry, push: Push, partial: str, platforms: list[str]) -> None:
    push(partial, platforms=platforms)
    stored = registry.manifest("app", "1")
    assert stored is not None
    told = [entry["platform"] for entry in stored.document["manifests"]]
    assert [f"{platform['os']}/{platform['architecture']}" for platform in told] == platforms


def test_all_platforms_that_were_saved_are_listed(run_module: RunModule, partial: str) -> None:
    (listed,) = run_module("registry_archive_info", {"path": partial}).ok()["images"]
    assert listed["digest"] == THREE.document["manifests"][0]["digest"]
    assert listed["platforms"] == ["linux/amd64", "linux/arm64"]


def test_all_platforms_that_were_saved_can_be_imported(registry: FakeRegistry, run_module: RunModule, partial: str) -> None:
    entry = {"src": "app:1", "dest": "app:1", "platforms": ["linux/arm64"]}
    arguments = {**registry.args(), "dest_registry": registry.host, "src_dir": partial, "images": [entry]}
    del arguments["registry"]
    for check in (True, False):
        result = run_module("registry_sync", arguments, check=check).ok()
        assert result["images"][0]["digest_changed"] is True
    stored = registry.manifest("app", "1")
    assert stored is not None
    assert [child["platform"]["architecture"] for child in stored.document["manifests"]] == ["arm64"]
    assert registry.gaps() == []
    assert run_module("registry_sync", arguments).ok().changed is False


def test_the_platform_of_the_host_is_pushed_as_its_image(push: Push, partial: str) -> None:
    host = THREE.document["manifests"][0]["digest"]
    push(partial, host, platforms=["linux/amd64"])


def test_a_platform_that_was_not_saved_is_not_found(registry: FakeRegistry, run_module: RunModule, partial: str) -> None:
    run_module("registry_push", registry.args(name="app:1", path=partial, platforms=["linux/s390x"])).failure("not_found")
    assert registry.writes() == []


def test_no_other_image_is_pushed_for_a_digest(registry: FakeRegistry, run_module: RunModule, partial: str, push: Push) -> None:
    for name in (THREE.digest, THREE.digest[7:19]):
        arguments = registry.args(name="app:1", path=partial, source_name=name)
        assert "incomplete" in run_module("registry_push", arguments).failure("invalid_source").msg
        assert registry.writes() == []
    push(partial, source_name=THREE.digest, platforms=["linux/amd64"])
