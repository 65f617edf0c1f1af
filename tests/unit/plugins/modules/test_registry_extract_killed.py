# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_extract that is ended before any change: each file is whole, and the next task leaves nothing of the last one behind."""

from __future__ import annotations

import os
import signal
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._tasks.signals import orderly_end
from ansible_collections.ocitools.registry.tests.unit.plugins.filesystems import file, folder, layer, link, tree
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, plugin, run_module
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import killed_before_each_change
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

WANTED = {"out": "0755 /", "out/d": "0755 /", "out/d/a": "0644 1", "out/d/l": "-> a", "out/d/n": "0644 2"}


def _found(path: Path) -> dict[str, str]:
    return {name: what for name, what in tree(path).items() if not name.endswith(".json")}


def test_a_task_that_is_killed_before_any_change_leaves_nothing_for_ever(
    registry: FakeRegistry, start_module: t.Callable[..., Process], tmp_path: Path
) -> None:
    registry.add_image("app", "1", [layer(folder("d"), file("d/a", "1"), file("d/n", "2"), link("d/l", "a"))])

    def prepare(home: Path) -> dict[str, t.Any]:
        return registry.args(name="app:1", paths=["/"], dest=str(home / "out"))

    for home, args in killed_before_each_change(start_module, "registry_extract", prepare, tmp_path, least=5):
        run_module("registry_extract", args, False, False, tmp_path).ok()
        assert _found(home) == WANTED


def test_a_signal_while_the_files_that_waited_are_removed_keeps_none_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staging = plugin("module_utils._local.staging").Staging(
        plugin("module_utils._local.open_path").Place(f"{tmp_path}/x").folder, "extract"
    )
    for text in (b"1", b"2"):
        staging.store([text])
    unlink = os.unlink
    signals = [signal.SIGTERM]

    def interrupted(name: str, *, dir_fd: int) -> None:
        unlink(name, dir_fd=dir_fd)
        for number in [signals.pop() for _signal in signals]:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(os, "unlink", interrupted)
    ended: list[int] = []
    with orderly_end(ended.append):
        staging.close()
    assert ended == [signal.SIGTERM]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_task_takes_for_a_leftover_at_once_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staging = plugin("module_utils._local.staging")
    home = plugin("module_utils._local.open_path").Place(f"{tmp_path}/x").folder
    mkdir = os.mkdir
    times = [1, 2]

    def taken(name: str, mode: int, *, dir_fd: int) -> None:
        mkdir(name, mode, dir_fd=dir_fd)
        if times:
            times.pop()
            staging.remove_leftovers(home, "extract")

    monkeypatch.setattr(os, "mkdir", taken)
    made = staging.Staging(home, "extract")
    made.store([b"1"])
    made.close()
    assert (times, list(tmp_path.iterdir())) == ([], [])
