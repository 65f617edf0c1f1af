# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of tasks that are ended from outside have in common."""

from __future__ import annotations

import os
import signal
import threading
import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process
from ansible_collections.ocitools.registry.tests.unit.plugins.pushes import layout
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

SOON = 10  # seconds: far more than it takes, far less than the 60 seconds of a request
_MOST_CHANGES = 50
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
IMAGE = images.image(layers=["a", "b", "c", "d", "e"])


class Trigger:
    """Sends a signal to this process, or to the one that ``aim`` names, when so many requests have come."""

    def __init__(self, number: int, count: int, aimed: bool = True) -> None:
        self._number, self._left = number, count
        self._process = os.getpid()
        self._aimed = threading.Event()
        self._lock = threading.Lock()
        if aimed:
            self._aimed.set()

    def aim(self, process: int) -> None:
        """Name another process than this one."""
        self._process = process
        self._aimed.set()

    def __call__(self, _request: t.Any = None) -> None:
        with self._lock:
            self._left -= 1
            due = self._left == 0
        if due and self._aimed.wait(SOON):
            os.kill(self._process, self._number)


class Held(t.Protocol):
    """A request or an answer that the registry holds up."""

    def wait(self) -> None:
        """Wait until it has come to that."""

    def release(self) -> None:
        """Let it go on."""


def kill_at(process: Process, held: Held) -> tuple[int, str, str]:
    """Kill a module where it is held up, and let the registry go on; return what ``wait_for_end`` does."""
    held.wait()
    process.kill()
    end = process.wait_for_end()
    held.release()
    return end


def push(registry: FakeRegistry, folder: Path, **options: t.Any) -> dict[str, t.Any]:
    """Return the options of a push that the registry will never finish."""
    return registry.args(name="app:1", path=layout(folder, IMAGE), **options)


def killed_before_each_change(
    start_module: t.Callable[..., Process], name: str, prepare: t.Callable[[Path], dict[str, t.Any]], folder: Path, least: int
) -> t.Iterator[tuple[Path, dict[str, t.Any]]]:
    """Run a module as often as it makes changes to the disk, each time killed right before another one, and at last to its end.

    ``prepare`` makes a folder, of each run alone, ready and returns the arguments; both are yielded after the run. There must be ``least``
    changes.
    """
    for change in range(1, _MOST_CHANGES):
        home = folder / str(change)
        home.mkdir()
        arguments = prepare(home)
        status, _out, err = start_module(name, arguments, env={"KILLED_BEFORE_CHANGE": str(change)}).wait_for_end()
        yield home, arguments
        if status != -signal.SIGKILL:
            assert (status, change > least) == (0, True), err
            return
    raise AssertionError(f"{name} does not come to its end.")
