# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long lists on a registry that does not answer any more: not each image takes all its retries, and images of other registries are copied."""

from __future__ import annotations

import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._tasks import image_copies
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between, export_to, import_from, side
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

COUNT = 8
TOLD = "After 3 such failures in a row, no more images were tried."


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait a minute for a registry."""
    monkeypatch.setattr(image_copies, "_PATIENCE", 0.0)


def _fill(registry: FakeRegistry) -> list[str]:
    for number in range(COUNT):
        registry.add_image(f"app{number}", "1")
    return [f"app{number}:1" for number in range(COUNT)]


def _options(**options: t.Any) -> dict[str, t.Any]:
    return {"timeout": 10, "retries": 0, "concurrency": 1, **options}


def _assert_given_up(failed: Result, gone: FakeRegistry) -> None:
    messages = [image["error"]["msg"] for image in failed["images"] if "error" in image]
    assert [message.endswith(TOLD) for message in messages] == [False] * 3 + [True] * (COUNT - 3)
    assert len(gone.log()) == 3


@pytest.mark.parametrize("kind", ["network", "server"])
def test_a_source_that_is_gone_costs_three_images_and_others_are_copied(
    make_registry: MakeRegistry, run_module: RunModule, kind: str
) -> None:
    gone, other, destination = make_registry(), make_registry(), make_registry()
    listed = [gone.name(name) for name in _fill(gone)]
    other.add_image("other", "1")
    rule = gone.on(times=None)
    if kind == "network":
        rule.reset()
    else:
        rule.html(503)
    task = _options(**side("dest", destination), src_plain_http=True, images=[*listed, other.name("other:1")])
    failed = run_module("registry_sync", task).failure(kind)
    assert len(failed["failed_names"]) == COUNT
    _assert_given_up(failed, gone)
    assert failed["summary"]["copied"] == 1
    assert set(destination.tags("other")) == {"1"}


def test_lists_of_tags_are_not_asked_for_one_by_one(make_registry: MakeRegistry, run_module: RunModule) -> None:
    gone, destination = make_registry(), make_registry()
    gone.on(times=None).reset()
    listed = [{"src": f"app{number}", "include": ["."]} for number in range(COUNT)]
    failed = run_module("registry_sync", _options(**between(gone, destination, images=listed))).failure("network")
    assert len(failed["failed_names"]) == COUNT
    assert len(gone.log()) == 3


@pytest.mark.parametrize("way", ["copy", "import"])
def test_a_destination_that_is_gone_costs_three_images(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, way: str
) -> None:
    source, gone = make_registry(), make_registry()
    names = _fill(source)
    gone.on(times=None).reset()
    task = _options(**between(source, gone, images=names))
    if way == "import":
        run_module("registry_sync", export_to(tmp_path / "d", source, *names)).ok()
        task = _options(**import_from(tmp_path / "d", gone))
    failed = run_module("registry_sync", task).failure("network")
    _assert_given_up(failed, gone)


def test_registry_copy_does_the_same(make_registry: MakeRegistry, run_module: RunModule) -> None:
    gone, destination = make_registry(), make_registry()
    names = _fill(gone)
    gone.on(times=None).reset()
    task = _options(**between(gone, destination, images=[{"src": name, "dest": name} for name in names]))
    failed = run_module("registry_copy", task).failure("network")
    _assert_given_up(failed, gone)


def test_a_registry_that_answers_in_between_is_asked_for_all(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    names = _fill(source)
    for number in (0, 1, 3, 4, 6, 7):
        source.on("get_manifest", path=f"/app{number}/").reset()
    failed = run_module("registry_sync", _options(**between(source, destination, images=names))).failure("network")
    assert len(failed["failed_names"]) == 6
    assert len(source.named("get_manifest")) == COUNT
    assert run_module("registry_sync", _options(**between(source, destination, images=names))).ok()["summary"]["copied"] == 6


def test_a_registry_that_nobody_asked_for_long_is_not_lost_by_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(image_copies, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(image_copies, "_PATIENCE", 60.0)
    error = RegistryError("late.example refuses connections.", "network", registry="late.example")
    for heard in (False, True):
        lost = image_copies.LostHosts()
        if heard:
            lost.note(None, clock[0], "late.example")
        clock[0] += 600
        for _image in range(3):
            clock[0] += 1
            lost.note(error, clock[0], "late.example")
            assert lost.find("late.example") is None
        clock[0] += 60
        lost.note(error, clock[0], "late.example")
        found = lost.find("late.example")
        assert found is not None
        assert found.message.endswith("After 4 such failures in a row, no more images were tried.")
