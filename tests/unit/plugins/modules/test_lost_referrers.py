# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that fails between a referrer and the tag that lists it, or between a referrer and its own tag: what it tells, and what the next one does."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, put
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

BASE = images.image()
REFERRER = images.artifact(BASE)
OTHER = images.artifact(BASE, "application/vnd.example.signature", b"signature")
LISTING = images.index(REFERRER)
LIST = BASE.digest.replace(":", "-")


def _push(registry: FakeRegistry, folder: Path, content: images.Content, name: str) -> tuple[str, dict[str, t.Any]]:
    return "registry_push", registry.args(path=images.write_layout(folder / "layout", content), name=name)


def _copy(registry: FakeRegistry, folder: Path, content: images.Content, name: str) -> tuple[str, dict[str, t.Any]]:
    put(registry, "source", content)
    return "registry_copy", registry.args(src=registry.name(f"source@{content.digest}"), dest=registry.name(name.partition("@")[0]))


MODULES = pytest.mark.parametrize("module", [_push, _copy])


def _listed(registry: FakeRegistry) -> list[str]:
    return registry.stored("app", LIST).children


@MODULES
@pytest.mark.parametrize("content", [REFERRER, LISTING], ids=["itself", "in an index"])
def test_what_no_list_names_after_a_failure_is_listed_by_the_next_run(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, content: images.Content, module: t.Any
) -> None:
    registry = make_registry(referrers=False)
    name, task = module(registry, tmp_path, content, f"app@{content.digest}" if content is REFERRER else "app:1")
    registry.on("put_manifest", f"/app/manifests/{LIST}$").answer(403, code="DENIED")
    run_module(name, task).failure("denied")
    assert LIST not in registry.tags("app")
    assert run_module(name, task, check=True).ok().changed
    assert run_module(name, task).ok().changed
    assert _listed(registry) == [REFERRER.digest]
    registry.clear()
    assert not run_module(name, task).ok().changed
    assert registry.writes() == []


@MODULES
def test_a_referrer_whose_tag_is_refused_was_attached(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, module: t.Any) -> None:
    name, task = module(registry, tmp_path, REFERRER, "app:1")
    registry.on("put_manifest", "/app/manifests/1$", times=None).answer(403, code="DENIED")
    first = run_module(name, task, diff=True).failure("denied")
    assert first.changed
    assert list(first["diff"]["after"].values()) == [REFERRER.digest]
    assert not run_module(name, task, diff=True).failure("denied").changed


def _attach(registry: FakeRegistry, folder: Path) -> tuple[str, dict[str, t.Any]]:
    (folder / "report.txt").write_text("report", encoding="ascii")
    return "registry_artifact", registry.args(name="app", subject="app:1", files=[str(folder / "report.txt")])


def _sign(registry: FakeRegistry, folder: Path) -> tuple[str, dict[str, t.Any]]:
    return "registry_sign", registry.args(name="app:1", signing_key=signing.private_pem(signing.make_key()), format="bundle")


def _copy_all(registry: FakeRegistry, folder: Path) -> tuple[str, dict[str, t.Any]]:
    put(registry, "source", BASE, "1")
    listed = put(registry, "source", images.artifact(BASE, data=b"another"))
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [listed.descriptor()]}
    registry.add_manifest("source", document, images.OCI_INDEX, LIST)
    return "registry_copy", registry.args(src=registry.name("source:1"), dest=registry.name("app:1"), referrers=True)


def _delete(registry: FakeRegistry, folder: Path) -> tuple[str, dict[str, t.Any]]:
    return "registry_tag_delete", registry.args(name=f"app@{OTHER.digest}", method="digest")


@pytest.mark.parametrize("head", ["ok", 404])
@pytest.mark.parametrize("module", [_attach, _sign, _copy_all, _delete])
def test_a_referrer_that_somebody_deleted_and_left_in_the_list_is_in_nobodys_way(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, module: t.Any, head: t.Any
) -> None:
    registry = make_registry("distribution3", auth="token", head_manifest=head)
    put(registry, "app", BASE, "1")
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [each.descriptor() for each in (REFERRER, OTHER)]}
    registry.add_manifest("app", document, images.OCI_INDEX, LIST)
    put(registry, "app", OTHER)
    name, task = module(registry, tmp_path)
    assert run_module(name, task).ok().changed
    assert registry.gaps() == []
    assert [digest == OTHER.digest for digest in _listed(registry)] == ([] if module is _delete else [True, False])
    if head == "ok":  # else it is written again, to save a request where nothing is there
        registry.clear()
        assert not run_module(name, task).ok().changed
        assert registry.writes() == []


def test_a_list_that_is_refused_for_another_reason_stays(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry = make_registry("distribution3")
    put(registry, "app", BASE, "1")
    name, task = _attach(registry, tmp_path)
    run_module(name, task).ok()
    before = _listed(registry)
    (tmp_path / "report.txt").write_text("another report", encoding="ascii")
    registry.on("put_manifest", f"/app/manifests/{LIST}$", times=None).answer(400, code="MANIFEST_INVALID")
    result = run_module(name, task)
    assert (result.failed, result.error["status"], result.error["code"]) == (True, 400, "MANIFEST_INVALID")
    assert _listed(registry) == before
