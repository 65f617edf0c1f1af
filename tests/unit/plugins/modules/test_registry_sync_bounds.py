# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync with a run that is killed, and with a list that is long."""

from __future__ import annotations

import tracemalloc
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, side
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import kill_at
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

NAMES = ("a", "b")
REQUESTS = 26  # to the destination, of a first copy; held against its own count below


def _task(source: FakeRegistry, destination: FakeRegistry) -> dict[str, t.Any]:
    listed = [{"src": name, "include": ["."]} for name in NAMES]
    return {"timeout": 10, "concurrency": 1, **side("src", source), **side("dest", destination), "images": listed}


def _fill(source: FakeRegistry) -> dict[str, str]:
    return {name: source.add_image(name, "1.0", seed=name).digest for name in NAMES}


def test_how_many_requests_a_first_copy_takes(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    _fill(source)
    run_module("registry_sync", _task(source, destination)).ok()
    assert len(destination.log()) <= REQUESTS


@pytest.mark.parametrize("number", range(1, 17, 2))
def test_killed_at_a_request_a_rerun_goes_on(
    make_registry: MakeRegistry, run_module: RunModule, start_module: t.Callable[..., Process], number: int
) -> None:
    source, destination = make_registry(), make_registry()
    digests = _fill(source)
    destination.guard_closure()
    task = _task(source, destination)
    hold = destination.on(nth=number).hold_answer()
    kill_at(start_module("registry_sync", task), hold)
    assert destination.gaps() == []
    there = {name for name in NAMES if destination.tags(name)}
    result = run_module("registry_sync", task).ok()
    assert result["summary"]["unchanged"] == len(there)
    assert {name: destination.tags(name) for name in NAMES} == {name: {"1.0": digest} for name, digest in digests.items()}
    assert destination.gaps() == []


def test_five_thousand_images_fit_into_the_memory_of_a_task(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    digest = registry.add_image("app", "first").digest
    registry.add_image("mirror/app", "first")
    tags = [f"1.{number}" for number in range(5000)]
    for tag in tags:
        registry.set_tag("app", tag, digest)
        registry.set_tag("mirror/app", tag, digest)
    task = {"timeout": 60, **side("dest", registry), "dest_registry": f"{registry.host}/mirror", "src_registry": registry.host}
    task = {**task, "src_plain_http": True, "images": [{"src": "app", "semver": "1.x"}], "concurrency": 16}
    tracemalloc.start()
    try:
        result = run_module("registry_sync", task).ok()
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result["summary"] == {
        "images": 5000,
        "unchanged": 5000,
        "copied": 0,
        "failed": 0,
        "bytes_sent": 0,
        "bytes_mounted": 0,
        "bytes_existing": 0,
    }
    assert peak < 100_000_000
