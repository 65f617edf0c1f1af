# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks where the file system has them only for files that are open for writing, as flock(2) says of NFS."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._local.disk import Folder, NewFile
from ansible_collections.ocitools.registry.plugins.module_utils._local.staging import Staging
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import content_of, make_arguments, put
from ansible_collections.ocitools.registry.tests.unit.plugins.pushes import image
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


@pytest.fixture
def nfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks as NFS has them."""
    lock = fcntl.flock

    def as_on_nfs(descriptor: int, operation: int) -> None:
        if operation & fcntl.LOCK_EX and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", as_on_nfs)


def _open(path: Path) -> t.ContextManager[Folder]:
    return contextlib.closing(Folder(os.open(path, os.O_RDONLY), str(path)))


def test_a_file_that_a_task_on_nfs_is_writing_is_not_taken_for_a_leftover(nfs: None, tmp_path: Path) -> None:
    with _open(tmp_path) as folder:
        with NewFile(folder, "layout", "shown"):
            assert folder.leftovers("layout", remove=True) == []
            assert len(folder.names()) == 1
        (tmp_path / ".ocitools-layout-0123456789abcdef.tmp").touch()
        assert len(folder.leftovers("layout", remove=True)) == 1
        assert folder.names() == []


def test_without_locks_only_what_is_old_is_a_leftover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with _open(tmp_path) as folder, NewFile(folder, "layout", "shown") as file:
        assert folder.leftovers("layout", remove=True) == []
        written = os.path.basename(file.path)
        os.utime(file.path, (0, 0))
        assert folder.leftovers("layout", remove=True) == [written]
        staging = Staging(folder, "extract")
        Staging(folder, "extract").close()
        (waiting,) = folder.names()
        os.utime(tmp_path / waiting, (0, 0))
        Staging(folder, "extract").close()
        assert folder.names() == []
        staging.close()


def test_two_tasks_on_nfs_lock_a_folder_by_a_file_in_it(nfs: None, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with _open(tmp_path) as first, _open(tmp_path) as second:
        with first.locked(0, "file"), pytest.raises(RegistryError, match="has been locked by another program"), second.locked(0, "file"):
            pass
        with second.locked(0, "file"), first.locked(0, "missing"):
            pass


def test_two_pulls_on_nfs_that_append_at_the_same_moment_are_both_listed(
    nfs: None, registry: FakeRegistry, run_module: t.Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {tag: image(tag) for tag in ("1.0", "2.0")}
    for tag, content in contents.items():
        put(registry, "app", tag, content)
    arguments = make_arguments(registry, tmp_path / "layout")
    run_module("registry_pull", arguments(append=True)).ok()
    with _open(tmp_path / "layout") as layout, layout.locked(0, "oci-layout"):
        monkeypatch.setattr("ansible_collections.ocitools.registry.plugins.module_utils._local.layout_writer._PATIENCE", 0)
        run_module("registry_pull", arguments(name="app:2.0", append=True)).failure("local_io")
    run_module("registry_pull", arguments(name="app:2.0", append=True)).ok()
    for tag, content in contents.items():
        assert content_of(tmp_path / "layout", tag) == content.files
