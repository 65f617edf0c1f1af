# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the event source registry_tags with a clock of the test's own."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

NAME = "ocitools.registry.registry_tags"
SOURCE = Path(__file__).resolve().parents[3] / "extensions" / "eda" / "plugins" / "event_source" / "registry_tags.py"
Step = t.Callable[[], object]


class Watched(t.NamedTuple):
    """What a source did: its events, and the pauses that it made."""

    events: list[dict[str, t.Any]]
    pauses: list[float]

    @property
    def changes(self) -> list[tuple[str, str]]:
        return [(event["tag"], event["change"]) for event in self.events if "change" in event]

    @property
    def errors(self) -> list[str]:
        return [event["error"]["kind"] for event in self.events if "error" in event]


class Queue(list[dict[str, t.Any]]):
    async def put(self, event: dict[str, t.Any]) -> None:
        json.dumps(event)
        self.append(event)


def add(registry: FakeRegistry, image: str) -> None:
    """Add a small image by its name."""
    repository, _colon, tag = image.partition(":")
    registry.add_image(repository, tag, layers=0)


def nothing() -> None:
    """Change nothing between two checks."""


class Counting(Queue):
    """Keeps how many events there were, and none of them."""

    total = 0

    async def put(self, event: dict[str, t.Any]) -> None:
        self.total += 1


def watch(*steps: Step, jitter: float = 1.0, queue: Queue | None = None, **options: t.Any) -> Watched:
    """Run the source: a check, a step, a check, and so on; it is cancelled after the check that follows the last step."""
    events, left = Queue() if queue is None else queue, list(steps)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if not left:
            raise asyncio.CancelledError
        left.pop(0)()

    shared = plugin("plugin_utils._tag_events")
    pace = shared.Pace(sleep, lambda: jitter)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(shared.watch_tags(events, options, pace))
    return Watched(events, pauses)


def source() -> t.Any:
    """Return the file of the source, run by its path."""
    spec = importlib.util.spec_from_file_location("registry_tags", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
