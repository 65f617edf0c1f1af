# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that are told to end: at once, and with nothing left behind."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import harness
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import SIGNALS, SOON, Trigger, push
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("workers", [1, 4])
def test_a_module_that_is_told_to_end_waits_for_no_thread_and_leaves_no_session(
    registry: FakeRegistry, start_module: t.Callable[..., harness.Process], tmp_path: Path, number: int, workers: int
) -> None:
    trigger = Trigger(number, workers, aimed=False)
    ended: list[float] = []
    registry.on("put_upload", times=None).call(trigger).call(lambda _request: ended.append(time.monotonic())).silence()
    process = start_module("registry_push", push(registry, tmp_path, concurrency=workers))
    trigger.aim(process.pid)
    code, _output, _errors = process.wait_for_end()
    assert time.monotonic() - ended[-1] < SOON
    assert code == 128 + number
    assert registry.sessions("app") == []
