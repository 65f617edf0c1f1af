# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hidden folder in which files wait, complete, until all of them are put in their places."""

from __future__ import annotations

import contextlib
import os
import typing as t

from .._core.cleanup import on_failure
from .disk import Folder, disk_errors, is_temporary, temporary_name
from .locks import is_abandoned, take_lock

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 1024 * 1024


class Staging:
    """A folder with a temporary name in ``folder``, which its owner alone can enter; it is gone at the end, with what is in it."""

    def __init__(self, folder: Folder, label: str) -> None:
        self._folder = folder
        self._count = 0
        remove_leftovers(folder, label)
        while not self._make(label):
            pass

    def _make(self, label: str) -> bool:
        """Make and lock the folder; False where another task took it for a leftover before it was locked."""
        self._name = temporary_name(label)
        with disk_errors(os.path.join(self._folder.path, self._name)):
            os.mkdir(self._name, 0o700, dir_fd=self._folder.descriptor)
            try:
                self.descriptor = os.open(self._name, _FLAGS, dir_fd=self._folder.descriptor)
            except FileNotFoundError:
                return False
            take_lock(self.descriptor, waits=True)
            if os.fstat(self.descriptor).st_nlink > 0:
                return True
            os.close(self.descriptor)
        return False

    def store(self, blocks: t.Iterable[bytes]) -> str:
        """Write a file and return its name."""
        name = self._next()
        with disk_errors(self._folder.path):
            descriptor = os.open(name, _NEW, 0o600, dir_fd=self.descriptor)
            with open(descriptor, "wb", buffering=0) as file:
                for block in blocks:
                    view = memoryview(block)
                    while view:
                        view = view[file.write(view) :]
        return name

    def copy(self, name: str) -> str:
        """Return the name of a second file with the same content."""
        with open(self.open(name), "rb", buffering=0) as file:
            return self.store(iter(lambda: file.read(_BLOCK), b""))

    def open(self, name: str) -> int:
        """Open a file of the folder."""
        return os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.descriptor)

    def link(self, target: str) -> str:
        """Make a symbolic link and return its name."""
        name = self._next()
        os.symlink(target, name, dir_fd=self.descriptor)
        return name

    def _next(self) -> str:
        self._count += 1
        return str(self._count)

    def place(self, name: str, folder: Folder, wanted: str) -> None:
        """Put a file or link in its place, whatever file is there."""
        with disk_errors(os.path.join(folder.path, wanted)):
            os.rename(name, wanted, src_dir_fd=self.descriptor, dst_dir_fd=folder.descriptor)

    def close(self) -> None:
        """Remove the folder; a second call is fine."""
        if self.descriptor >= 0:
            with on_failure(self._remove):  # a signal may come in between
                self._remove()
            os.close(self.descriptor)
            self.descriptor = -1

    def _remove(self) -> None:
        _remove(self._folder, self._name, self.descriptor)


def _remove(folder: Folder, name: str, descriptor: int) -> None:
    """Remove a staging folder, which has no folders in it."""
    with contextlib.suppress(OSError):
        for file in os.listdir(descriptor):
            os.unlink(file, dir_fd=descriptor)
        os.rmdir(name, dir_fd=folder.descriptor)


def remove_leftovers(folder: Folder, label: str) -> None:
    """Remove what tasks that were killed left behind: folders that no running task has locked."""
    for name in folder.names():
        if not is_temporary(name, label):
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(name, _FLAGS, dir_fd=folder.descriptor)
            try:
                if is_abandoned(descriptor):
                    _remove(folder, name, descriptor)
            finally:
                os.close(descriptor)
