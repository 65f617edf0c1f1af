# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync to a directory and from it: what is carried arrives, what was changed on the way does not, and no list is believed too much."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, export_to, import_from, put
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def test_what_is_carried_arrives_with_what_refers_to_it(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    index = put(source, "team/app", images.multi_arch(), "1.0")
    referrer = source.add_referrer("team/app", index.digest)
    signature = f"{index.digest.replace(':', '-')}.sig"
    source.add_image("team/app", signature, seed="signature")
    db = source.add_image("db", "16", seed="db").digest
    folder = tmp_path / "carried"
    listed = ["team/app:1.0", {"src": "db:16", "dest": "databases/pg", "tags": ["16", "stable"]}]
    export = export_to(folder, source, *listed, referrers=True)
    expected = run_module("registry_sync", export, check=True, diff=True).ok()
    assert not folder.exists()
    done = run_module("registry_sync", export, diff=True).ok()
    assert done["diff"] == expected["diff"]
    assert done["summary"]["bytes_sent"] == expected["summary"]["bytes_sent"] > 0
    carried = json.loads((folder / "images.yml").read_text(encoding="ascii"))["images"]
    assert [image["name"] for image in carried] == [f"{source.host}/team/app:1.0", f"{source.host}/db:16"]
    assert [item["name"] for item in carried[0]["referrers"]] == [referrer.digest, signature]
    assert carried[0]["platforms"]
    source.clear()
    again = run_module("registry_sync", export_to(folder, source, *listed)).ok()
    assert again["summary"]["unchanged"] == 2
    assert len(source.log()) == 2
    run_module("registry_sync", export).ok()
    source.clear()
    brought = run_module("registry_sync", import_from(folder, destination)).ok()
    assert brought["summary"]["copied"] == 2
    assert destination.tags("team/app") == {"1.0": index.digest, signature: source.tags("team/app")[signature]}
    assert destination.tags("databases/pg") == {"16": db, "stable": db}
    assert destination.manifest("team/app", referrer.digest) is not None
    assert source.log() == []
    assert run_module("registry_sync", import_from(folder, destination)).ok().changed is False


def test_an_import_of_what_is_there_costs_one_request_for_each_image(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    source, destination = make_registry(), make_registry(auth="token")
    for number in range(5):
        source.add_image("app", f"1.{number}")
    run_module("registry_sync", export_to(tmp_path / "d", source, {"src": "app", "include": ["."]})).ok()
    run_module("registry_sync", import_from(tmp_path / "d", destination)).ok()
    destination.clear()
    assert run_module("registry_sync", import_from(tmp_path / "d", destination)).ok().changed is False
    assert destination.counts()["token"] == 1
    assert len(destination.log()) == 5 + 2


def test_what_only_a_registry_can_tell_is_refused_for_a_directory(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    source, destination = make_registry(), make_registry()
    source.add_image("app", "1.0")
    run_module("registry_sync", export_to(tmp_path / "d", source, "app:1.0")).ok()
    newest = {"src": f"{source.host}/app", "newest": 1, "sort": "created"}
    for options in ({"images": [newest]}, {"extra": "delete"}):
        run_module("registry_sync", import_from(tmp_path / "d", destination, **options)).failure("invalid_option")
    assert destination.log() == []


def test_only_images_that_are_named_are_imported(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    for tag in ("1.0", "1.1", "2.0"):
        source.add_image("app", tag)
    run_module("registry_sync", export_to(tmp_path / "d", source, {"src": "app", "include": ["."]})).ok()
    listed = [{"src": f"{source.host}/app", "semver": "1.x", "newest": 1}, {"src": f"{source.host}/app:2.0", "dest": "other:2"}]
    run_module("registry_sync", import_from(tmp_path / "d", destination, images=listed)).ok()
    assert set(destination.tags("app")) == {"1.1"}
    assert set(destination.tags("other")) == {"2"}
    failed = run_module("registry_sync", import_from(tmp_path / "d", destination, images=[f"{source.host}/app:9"])).failure("not_found")
    assert "has no image" in failed.msg
    failed = run_module(
        "registry_sync", import_from(tmp_path / "d", destination, images=[{"src": f"{source.host}/app", "semver": "9"}])
    ).failure("not_found")
    assert f"has no image of {source.host}/app that the entry selects; it has: " in failed.msg


def test_an_image_that_was_pinned_is_found_by_its_tag(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    digest = source.add_image("app", "1.0").digest
    run_module("registry_sync", export_to(tmp_path / "d", source, f"app:1.0@{digest}")).ok()
    for number, name in enumerate((f"app:1.0@{digest}", "app:1.0", f"app@{digest}")):
        task = import_from(tmp_path / "d", destination, images=[{"src": source.name(name), "dest": f"found:{number}"}])
        run_module("registry_sync", task).ok()
    assert destination.tags("found") == {"0": digest, "1": digest, "2": digest}


def test_a_changed_layer_gets_no_tag_and_the_others_arrive(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    bad, good = source.add_image("bad", "1", seed="bad"), source.add_image("good", "1", seed="good")
    run_module("registry_sync", export_to(tmp_path / "d", source, "bad:1", "good:1")).ok()
    layer = bad.layers[0]["digest"]
    path = next((tmp_path / "d").glob(f"*bad/blobs/sha256/{layer[7:]}"))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    failed = run_module("registry_sync", import_from(tmp_path / "d", destination)).failure("digest_mismatch")
    assert failed["summary"]["copied"] == 1
    assert failed["failed_names"] == [f"{source.host}/bad:1"]
    assert destination.tags("bad") == {}
    assert destination.tags("good") == {"1": good.digest}


def test_check_mode_finds_what_is_damaged(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    contents = {name: source.add_image(name, "1", seed=name) for name in ("gone", "changed", "signed", "good")}
    source.add_referrer("signed", contents["signed"].digest)
    run_module("registry_sync", export_to(tmp_path / "d", source, *(f"{name}:1" for name in contents), referrers=True)).ok()
    carried = json.loads((tmp_path / "d" / "images.yml").read_text(encoding="ascii"))["images"]
    referrer = source.stored("signed", carried[2]["referrers"][0]["digest"])
    damaged = [contents["gone"].layers[0], contents["changed"].layers[0], json.loads(referrer.raw)["layers"][0]]
    paths = [tmp_path / "d" / image["path"] / "blobs" / blob["digest"].replace(":", "/") for image, blob in zip(carried, damaged)]
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:-1] + b"!")
    paths[2].unlink()
    task = import_from(tmp_path / "d", destination)
    expected = run_module("registry_sync", task, check=True)
    assert destination.writes() == []
    failed = run_module("registry_sync", task)
    assert expected["failed_names"] == failed["failed_names"] == [source.name(f"{name}:1") for name in ("gone", "changed", "signed")]
    assert expected.msg == failed.msg
    assert destination.tags("good") == {"1": contents["good"].digest}


@pytest.mark.parametrize(
    "text",
    [
        "images:\n- &a\n  name: x\n- *a\n",
        "images:\n- name: x\n  path: ../x\n  digest: sha256:" + "0" * 64 + "\n",
        "images:\n- name: !!python/object x\n",
        "images:\n- name: {a: b}\n",
        '{"images": [{"name": "app:1", "path": "/etc", "digest": "sha256:' + "0" * 64 + '"}]}',
        '{"images": 7}',
        "",
    ],
)
def test_t61_a_list_that_no_export_writes_is_refused(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, text: str) -> None:
    destination = make_registry()
    (tmp_path / "images.yml").write_text(text, encoding="ascii")
    run_module("registry_sync", import_from(tmp_path, destination)).failure("invalid_source")
    assert destination.log() == []


def test_t61_a_list_of_absurd_size_is_refused_unread(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    destination = make_registry()
    with (tmp_path / "images.yml").open("wb") as file:
        file.truncate(1 << 40)
    run_module("registry_sync", import_from(tmp_path, destination)).failure("limit")
    assert destination.log() == []


def test_an_export_of_the_first_release_is_imported(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    destination = make_registry()
    content = images.image()
    images.write_layout(tmp_path / "quay.io+org+db", {"16": content})
    text = (
        f"images:\n- dest: databases/pg\n  digest: {content.digest}\n  name: quay.io/org/db:16\n  path: quay.io+org+db\n"
        "  platforms: []\n  size: 100\n  tags:\n  - '16'\n  - stable\n"
    )
    (tmp_path / "images.yml").write_text(text, encoding="ascii")
    run_module("registry_sync", import_from(tmp_path, destination)).ok()
    assert destination.tags("databases/pg") == {"16": content.digest, "stable": content.digest}


def test_a_bundle_of_many_images_is_brought_whole(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    destination = make_registry()
    content = {f"quay.io/org/{name}:1": images.image(layers=[name]) for name in ("a", "b")}
    path = images.write_oci_archive(tmp_path / "all.tar", content)
    run_module("registry_sync", import_from(Path(path), destination)).ok()
    assert {name: set(destination.tags(f"org/{name}")) for name in "ab"} == {"a": {"1"}, "b": {"1"}}
    assert run_module("registry_sync", import_from(Path(path), destination)).ok().changed is False


def test_docker_save_is_brought_and_found_again(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    destination = make_registry()
    path = images.write_docker_archive(
        tmp_path / "app.tar", {"team/app:1": images.image(layers=["one", "two"]), "team/db:2": images.image(layers=["db"])}
    )
    task = import_from(Path(path), destination)
    result = run_module("registry_sync", task).ok()
    assert result["summary"]["copied"] == 2
    assert run_module("registry_sync", task).ok().changed is False


def test_one_image_in_two_forms_is_not_exported(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source = make_registry()
    put(source, "app", images.multi_arch(), "1.0")
    listed = [{"src": "app:1.0", "dest": "x:1"}, {"src": "app:1.0", "dest": "y:1", "platforms": ["linux/arm64"]}]
    run_module("registry_sync", export_to(tmp_path / "d", source, *listed)).failure("invalid_option")
    assert not (tmp_path / "d").exists()


def test_one_image_for_two_places_arrives_at_both(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination, other = make_registry(), make_registry(), make_registry()
    digest = source.add_image("app", "1.0").digest
    listed = [{"src": "app", "include": ["."]}, {"src": "app:1.0", "dest": "release/app", "tags": ["1.0", "stable"]}]
    run_module("registry_sync", export_to(tmp_path / "d", source, *listed)).ok()
    assert run_module("registry_sync", export_to(tmp_path / "d", source, *listed)).ok().changed is False
    run_module("registry_sync", import_from(tmp_path / "d", destination)).ok()
    assert destination.tags("app") == {"1.0": digest}
    assert destination.tags("release/app") == {"1.0": digest, "stable": digest}
    run_module("registry_sync", import_from(tmp_path / "d", other, images=[{"src": source.name("app:1.0"), "dest": "elsewhere"}])).ok()
    assert (other.tags("app"), other.tags("elsewhere")) == ({}, {"1.0": digest})
    run_module("registry_sync", import_from(tmp_path / "d", other, images=[source.name("app:1.0")])).ok()
    assert other.tags("app") == {"1.0": digest}
    assert other.tags("release/app") == {"1.0": digest, "stable": digest}


@pytest.mark.parametrize(
    "content", ["mirror_images:\n- quay.io/org/app:1\n", '{"images": ["quay.io/org/app:1"]}', "images:\n- quay.io/org/app:1\n"]
)
def test_a_list_of_somebody_else_is_not_overwritten(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, content: str
) -> None:
    source = make_registry()
    source.add_image("app", "1")
    (tmp_path / "images.yml").write_text(content, encoding="ascii")
    for check in (True, False):
        failure = run_module("registry_sync", export_to(tmp_path, source, "app:1"), check=check).failure("invalid_source")
        assert "no export has written it" in failure.msg
    assert [path.name for path in tmp_path.iterdir()] == ["images.yml"]
    assert (tmp_path / "images.yml").read_text(encoding="ascii") == content
    assert source.log() == []


def test_the_option_platforms_holds_for_an_import_of_all(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    put(source, "app", images.multi_arch(), "1")
    run_module("registry_sync", export_to(tmp_path / "d", source, "app:1")).ok()
    result = run_module("registry_sync", import_from(tmp_path / "d", destination, platforms=["linux/arm64"])).ok()
    assert result["images"][0]["digest_changed"] is True
    assert [str(entry["platform"]["architecture"]) for entry in _index_of(destination)] == ["arm64"]


def test_what_refers_to_other_platforms_stays_behind(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    index = put(source, "app", images.multi_arch(), "1")
    arm = index.document["manifests"][1]["digest"]
    of_all, of_arm = (source.add_referrer("app", digest).digest for digest in (index.digest, arm))
    above = source.add_referrer("app", of_arm).digest
    for digest in (index.digest, arm):
        source.add_image("app", f"{digest.replace(':', '-')}.sig", seed=digest)
    run_module("registry_sync", export_to(tmp_path / "d", source, "app:1", referrers=True)).ok()
    listed = [{"src": f"{source.host}/app", "include": ["."], "platforms": ["linux/arm64"]}]
    task = import_from(tmp_path / "d", destination, images=listed, extra="delete")
    result = run_module("registry_sync", task).ok()
    assert {item["name"] for item in result["images"][0]["referrers"]} == {of_arm, above, f"{arm.replace(':', '-')}.sig"}
    assert destination.manifest("app", of_all) is None
    assert run_module("registry_sync", task).ok().changed is False


def _index_of(registry: FakeRegistry) -> list[dict[str, t.Any]]:
    stored = registry.manifest("app", registry.tags("app")["1"])
    assert stored is not None
    return t.cast("list[dict[str, t.Any]]", stored.document["manifests"])


def test_a_clash_in_an_export_names_nothing_that_the_user_has_not_given(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    source = make_registry()
    failure = run_module("registry_sync", export_to(tmp_path / "d", source, "app:1", {"src": "other:1", "dest": "app:1"})).failure(
        "invalid_option"
    )
    assert f"both {source.name('app:1')} and {source.name('other:1')} to app:1:" in failure.msg


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_t61_a_list_that_is_no_file_is_not_waited_for(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, kind: str
) -> None:
    destination = make_registry()
    path = tmp_path / "images.yml"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    assert run_module("registry_sync", import_from(tmp_path, destination)).failed
    assert destination.log() == []
