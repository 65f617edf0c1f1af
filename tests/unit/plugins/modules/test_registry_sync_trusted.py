# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync with verify, also of what was carried, and with extra: delete from a directory."""

from __future__ import annotations

import json
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, import_from, side
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

KEY = signing.make_key()
VERIFY: dict[str, t.Any] = {"keys": [signing.pem_of(KEY)]}
Sign = t.Callable[[FakeRegistry, str, t.Any], object]


def _simple(registry: FakeRegistry, digest: str, key: t.Any) -> None:
    signing.add_simple(registry, digest, key)


def _bundle(registry: FakeRegistry, digest: str, key: t.Any) -> None:
    signing.add_bundle(registry, digest, key)


SIGNERS: dict[str, Sign] = {"a tag": _simple, "a referrer": _bundle}


def _between(source: FakeRegistry, destination: FakeRegistry, **options: t.Any) -> dict[str, t.Any]:
    return {"timeout": 10, **side("src", source), **side("dest", destination), "images": ["app:1"], **options}


def _export(source: FakeRegistry, folder: Path, **options: t.Any) -> dict[str, t.Any]:
    return {"timeout": 10, **side("src", source), "dest_dir": str(folder), "images": ["app:1"], "referrers": True, **options}


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("way", ["registry", "export", "import"])
def test_t65_only_what_is_verified_is_brought(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, way: str, signer: str
) -> None:
    source, destination, folder = make_registry(), make_registry(), tmp_path / "d"
    digest = source.add_image("app", "1").digest
    SIGNERS[signer](source, digest, signing.make_key())
    tasks = {
        "registry": lambda: _between(source, destination, verify=VERIFY),
        "export": lambda: _export(source, folder, verify=VERIFY),
        "import": lambda: import_from(folder, destination, verify=VERIFY),
    }
    if way == "import":
        run_module("registry_sync", _export(source, folder)).ok()
    for check in (True, False):
        failure = run_module("registry_sync", tasks[way](), check=check).failure("unverified")
        assert failure["failed_names"] == [source.name("app:1")]
    assert (destination.tags("app"), (folder / "images.yml").exists()) == ({}, way == "import")
    SIGNERS[signer](source, digest, KEY)
    shutil.rmtree(folder, ignore_errors=True)
    if way == "import":
        run_module("registry_sync", _export(source, folder)).ok()
    run_module("registry_sync", tasks[way]()).ok()
    assert run_module("registry_sync", tasks[way]()).ok().changed is False
    assert way == "export" or destination.tags("app")["1"] == digest


def test_t65_signatures_that_were_not_carried_prove_nothing(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    _simple(source, source.add_image("app", "1").digest, KEY)
    run_module("registry_sync", _export(source, tmp_path / "d", referrers=False)).ok()
    failure = run_module("registry_sync", import_from(tmp_path / "d", destination, verify=VERIFY)).failure("unverified")
    assert f"{tmp_path / 'd'} has no signature of it" in failure.msg
    assert destination.writes() == []


def test_t65_a_signature_of_another_image_is_none_whatever_the_list_says(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    source, destination, folder = make_registry(), make_registry(), tmp_path / "d"
    _simple(source, source.add_image("app", "1").digest, KEY)
    other = source.add_image("app", "2", seed="other").digest
    run_module("registry_sync", _export(source, folder, images=["app:1", "app:2"])).ok()
    listed = json.loads((folder / "images.yml").read_text(encoding="ascii"))
    signature = {**listed["images"][0]["referrers"][0], "name": f"{other.replace(':', '-')}.sig"}
    listed["images"] = [{**listed["images"][1], "referrers": [signature]}]
    (folder / "images.yml").write_text(json.dumps(listed), encoding="ascii")
    run_module("registry_sync", import_from(folder, destination, verify=VERIFY)).failure("unverified")
    assert destination.writes() == []


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_t65_an_archive_has_no_signatures(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, kind: str) -> None:
    destination = make_registry()
    content = {"quay.io/org/app:1": images.image(layers=["one"])}
    write = images.write_oci_archive if kind == "oci" else images.write_docker_archive
    path = Path(write(tmp_path / "app.tar", content))
    run_module("registry_sync", import_from(path, destination, verify=VERIFY)).failure("unverified")
    assert destination.writes() == []


def _fill(source: FakeRegistry, destination: FakeRegistry) -> None:
    for tag in ("1.0", "1.1"):
        source.add_image("app", tag)
    for repository, tag in (("app", "0.9"), ("app", "1.0"), ("other", "0.9")):
        destination.add_image(repository, tag)


def test_what_an_export_does_not_have_is_deleted(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    _fill(source, destination)
    chosen = [{"src": source.name("app"), "semver": "1.x"}]
    run_module("registry_sync", _export(source, tmp_path / "d", images=[{"src": "app", "include": ["."]}])).ok()
    task = import_from(tmp_path / "d", destination, images=chosen, extra="delete")
    predicted = run_module("registry_sync", task, check=True, diff=True).ok()
    done = run_module("registry_sync", task, diff=True).ok()
    assert done["deleted_tags"] == predicted["deleted_tags"] == [destination.name("app:0.9")]
    assert done["diff"] == predicted["diff"]
    assert (set(destination.tags("app")), set(destination.tags("other"))) == ({"1.0", "1.1"}, {"0.9"})
    assert run_module("registry_sync", task).ok().changed is False


@pytest.mark.parametrize("fault", ["an image that was not exported", "a list of release 1.0", "an image for another place"])
def test_nothing_is_deleted_where_an_export_does_not_tell_all(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, fault: str
) -> None:
    source, destination = make_registry(), make_registry()
    _fill(source, destination)
    listed: dict[str, t.Any] = {"src": "app", "include": ["."]}
    if fault == "an image for another place":
        listed = {"src": "app:1.0", "dest": "other:1.0"}
    if fault == "an image that was not exported":
        source.on("get_manifest", path="1.1").answer(403, code="DENIED")
    run_module("registry_sync", _export(source, tmp_path / "d", images=[listed]))
    if fault == "a list of release 1.0":
        image = json.loads((tmp_path / "d" / "images.yml").read_text(encoding="ascii"))["images"][0]
        text = f"images:\n- digest: {image['digest']}\n  name: {image['name']}\n  path: {image['path']}\n"
        (tmp_path / "d" / "images.yml").write_text(text, encoding="ascii")
    task = import_from(tmp_path / "d", destination, images=[{"src": source.name("app"), "include": ["."]}], extra="delete")
    result = run_module("registry_sync", task)
    assert result.data.get("deleted_tags", []) == []
    assert "0.9" in destination.tags("app")
    assert "0.9" in destination.tags("other")
    if fault == "an image that was not exported":
        assert "could be exported" in result.warnings[0]


ELSEWHERE = {"src": "team/tool", "include": ["."], "dest": "app"}


@pytest.mark.parametrize(
    ("exported", "missing", "wanted"),
    [
        ([], None, ["app:2.0"]),
        ([], None, [{"src": "app:2.0", "dest": "app", "tags": ["stable"]}]),
        ([], None, [{"src": "other:1", "dest": "app:0.9"}]),
        ([{"src": "team/tool:9", "dest": "app"}], "team/tool/manifests/9", ["team/tool:9"]),
        ([ELSEWHERE], "team/tool/manifests/9", [{"src": "team/tool", "include": ["."]}]),
        ([ELSEWHERE], "team/tool", [{"src": "team/tool", "include": ["."]}]),
    ],
)
@pytest.mark.parametrize("empty", ["fail", "ok"])
def test_nothing_is_deleted_where_an_image_of_the_list_was_not_carried(
    make_registry: MakeRegistry,
    run_module: RunModule,
    tmp_path: Path,
    exported: list[t.Any],
    missing: str | None,
    wanted: list[t.Any],
    empty: str,
) -> None:
    source, destination = make_registry(), make_registry()
    _fill(source, destination)
    for tag in ("8", "9"):
        source.add_image("team/tool", tag)
    for tag in ("2.0", "stable", "8", "9"):
        destination.add_image("app", tag)
    if missing:
        source.on("get_manifest", path=missing, times=None).answer(403, code="DENIED")
    run_module("registry_sync", _export(source, tmp_path / "d", images=[{"src": "app", "semver": "1.x"}, *exported]))
    listed = [{"src": "app", "semver": "1.x"}, *wanted]
    named = [{**entry, "src": source.name(entry["src"])} if isinstance(entry, dict) else source.name(entry) for entry in listed]
    task = import_from(tmp_path / "d", destination, images=named, extra="delete", empty=empty)
    before = set(destination.tags("app"))
    for check in (True, False):
        assert run_module("registry_sync", task, check=check).data["deleted_tags"] == []
    assert set(destination.tags("app")) >= before


def test_only_the_repository_that_lacks_an_image_keeps_its_tags(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    _fill(source, destination)
    run_module("registry_sync", _export(source, tmp_path / "d", images=[{"src": "app", "semver": "1.x"}])).ok()
    listed = [{"src": source.name("app"), "semver": "1.x"}, {"src": source.name("app:2.0"), "dest": "other"}]
    failed = run_module("registry_sync", import_from(tmp_path / "d", destination, images=listed, extra="delete")).failure("not_found")
    assert failed["deleted_tags"] == [destination.name("app:0.9")]
    assert "0.9" in destination.tags("other")


@pytest.mark.parametrize("listed", [None, [{"src": "app", "include": ["."]}], ["app:1.0"]])
def test_what_could_not_be_exported_is_told_by_the_import(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, listed: list[t.Any] | None
) -> None:
    source, destination = make_registry(), make_registry()
    _fill(source, destination)
    source.on("get_manifest", path="1.1").answer(403, code="DENIED")
    run_module("registry_sync", _export(source, tmp_path / "d", images=["app:1.0", "app:1.1"]))
    wanted = listed and [{**entry, "src": source.name("app")} if isinstance(entry, dict) else source.name(entry) for entry in listed]
    result = run_module("registry_sync", import_from(tmp_path / "d", destination, **({"images": wanted} if wanted else {}))).ok()
    told = f"Not all images could be exported to {tmp_path / 'd'}. These are not imported: {source.name('app:1.1')}."
    assert result.warnings == ([] if listed == ["app:1.0"] else [told])
