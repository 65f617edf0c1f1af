# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A push that is killed at any request: no tag points at something incomplete, and the next push sends only what is missing."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import kill_at
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]

CONTENT = images.multi_arch()
REQUESTS = 20  # of a whole push of CONTENT to two tags, that for a token aside; held against the registry's own count below


def _arguments(registry: FakeRegistry, folder: Path) -> dict[str, t.Any]:
    path = images.write_layout(folder / "layout", {"1.0": CONTENT})
    # One request at a time: the order of requests is the same in every run.
    return registry.args(path=path, name="app:1.0", tags=["latest"], concurrency=1)


def _sent(registry: FakeRegistry) -> set[str]:
    """The digests of blobs whose bytes were sent."""
    return {str(request.query["digest"]) for request in registry.named("put_upload") if request.length}


def test_how_many_requests_a_whole_push_takes(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    run_module("registry_push", _arguments(token_registry, tmp_path)).ok()
    assert len(token_registry.log()) == REQUESTS + token_registry.counts()["token"]


@pytest.mark.parametrize("number", range(1, REQUESTS + 1))
def test_killed_at_each_request(
    token_registry: FakeRegistry,
    run_module: RunModule,
    start_module: t.Callable[..., Process],
    tmp_path: Path,
    number: int,
) -> None:
    registry = token_registry
    registry.guard_closure()
    arguments = _arguments(registry, tmp_path)
    hold = registry.on(nth=number).hold_answer()
    process = start_module("registry_push", arguments)
    kill_at(process, hold)
    assert registry.gaps() == []
    there = {digest for digest in CONTENT.files if registry.has_blob("app", digest)}
    registry.clear()
    result = run_module("registry_push", arguments).ok()
    assert result["digest"] == CONTENT.digest
    assert registry.tags("app") == {"1.0": CONTENT.digest, "latest": CONTENT.digest}
    assert _sent(registry) & there == set()
    assert registry.gaps() == []
