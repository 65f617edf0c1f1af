# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_artifact_pull that is killed: each file is the old or the new one, and the next task leaves nothing of the last one behind."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import artifacts, tars
from ansible_collections.ocitools.registry.tests.unit.plugins.filesystems import tree
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule, run_module
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import killed_before_each_change
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

WANTED = {"a": "0644 new", "d": "0755 /", "d/e": "0755 /", "d/e/m": "-> ../run", "d/l": "-> run", "d/run": "0644 new"}


@pytest.fixture
def files(registry: FakeRegistry) -> FakeRegistry:
    """A registry with a file and a folder with links."""
    tar = tars.tar_bytes([("d/run", b"new"), ("d/l", tars.Link("run")), ("d/e/m", tars.Link("../run"))])
    artifacts.artifact(registry, "1", artifacts.file(registry, "a", b"new"), artifacts.folder(registry, "d", tar))
    return registry


def test_t71_a_task_that_is_killed_before_any_change_leaves_each_file_old_or_new(
    files: FakeRegistry, start_module: t.Callable[..., Process], tmp_path: Path
) -> None:
    def prepare(dest: Path) -> dict[str, t.Any]:
        (dest / "d").mkdir()
        for name in ("a", "d/run"):
            (dest / name).write_text("old", encoding="ascii")
        return files.args(name="app:1", dest=str(dest), concurrency=1)

    for dest, args in killed_before_each_change(start_module, "registry_artifact_pull", prepare, tmp_path, least=5):
        found = tree(dest)
        for name in ("a", "d/run"):
            assert found.pop(name) in ("0644 old", "0644 new")
        assert {name: what for name, what in found.items() if ".ocitools" not in name}.items() <= WANTED.items()
        run_module("registry_artifact_pull", args, False, False, tmp_path).ok()
        assert tree(dest) == WANTED


def test_t71_two_tasks_at_a_time_do_not_take_each_others_links_for_leftovers(
    files: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    symlink = os.symlink
    removed: list[str] = []

    def link(target: t.Any, name: t.Any, *options: t.Any, dir_fd: int | None = None) -> None:
        symlink(target, name, *options, dir_fd=dir_fd)
        if not removed and ".ocitools" in str(name):
            os.unlink(name, dir_fd=dir_fd)
            removed.append(name)

    monkeypatch.setattr(os, "symlink", link)
    run_module("registry_artifact_pull", files.args(name="app:1", dest=str(tmp_path / "out"))).ok()
    assert removed
    assert tree(tmp_path / "out") == WANTED


def test_t71_a_signal_before_a_link_is_in_its_place_leaves_none_behind(
    files: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def end(name: str, wanted: str, **options: t.Any) -> None:
        if wanted == "l":
            raise KeyboardInterrupt
        rename(name, wanted, **options)

    monkeypatch.setattr(os, "rename", end)
    with pytest.raises(KeyboardInterrupt):
        run_module("registry_artifact_pull", files.args(name="app:1", dest=str(tmp_path / "out"), concurrency=1))
    assert [path for path in tmp_path.rglob("*") if ".ocitools" in path.name] == []
