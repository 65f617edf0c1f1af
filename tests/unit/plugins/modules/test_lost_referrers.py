# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that fails between a referrer and the tag that lists it, or between a referrer and its own tag: what it tells, and what the next one does."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, put
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

BASE = images.image()
REFERRER = images.artifact(BASE)
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
