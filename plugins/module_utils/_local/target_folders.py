# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders below a destination, also those that their owner may not enter: they are opened for as long as something is written there."""

from __future__ import annotations

import os
import stat
import typing as t

from .disk import Folder, disk_errors
from .open_path import Found, find

OWNER = 0o700
_TO_LOOK = 0o500
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NAME = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Parts = tuple[str, ...]


class ShutFolder(Exception):
    """A folder of the task's user on the way, whose mode does not let its owner look into it."""


class TargetFolders:
    """Reaches folders below ``base``, no part of the way to which is a link; the last one stays open."""

    def __init__(self, base: Folder) -> None:
        self.base = base
        self._last: tuple[Parts, Folder] | None = None
        self._to_shut: dict[Parts, tuple[int, bool]] = {}  # modes, and whether the folder is new

    def find(self, parts: Parts) -> Folder | None:
        """Return the folder at ``parts``, None where it is not there; raises ``ShutFolder``."""
        return self._reach(parts, makes=False)

    def make(self, parts: Parts) -> Folder:
        """Return the folder at ``parts`` to write there; what is missing is made, and what is shut is opened until ``shut``."""
        return t.cast(Folder, self._reach(parts, makes=True))

    def shut_later(self, parts: Parts, mode: int, is_new: bool) -> None:
        """Have a folder get its ``mode`` when all is written."""
        self._to_shut.setdefault(parts, (mode, is_new))

    def shut(self, dress: t.Callable[[Found], t.Any]) -> None:
        """Give folders their modes, those below others first, and ``dress`` the new ones: nothing is written in them any more."""
        while self._to_shut:
            parts, (mode, is_new) = self._to_shut.popitem()
            parent = self.find(parts[:-1])
            for found in find(parent, parts[-1]) if parent is not None else ():
                with disk_errors(found.path):
                    os.fchmod(found.descriptor, mode)
                if is_new:
                    dress(found)

    def forget(self) -> None:
        """Close the last folder."""
        if self._last is not None:
            self._last[1].close()
            self._last = None

    def _reach(self, parts: Parts, makes: bool) -> Folder | None:
        if not parts:
            return self.base
        if self._last is not None and self._last[0] == parts:
            return self._last[1]
        folder: Folder | None = self.base
        for length in range(1, len(parts) + 1):
            inner = self._enter(folder, parts[:length], makes) if folder is not None else None
            if folder is not None and folder is not self.base:
                folder.close()
            folder = inner
        if folder is not None:
            self.forget()
            self._last = (parts, folder)
        return folder

    def _enter(self, folder: Folder, parts: Parts, makes: bool) -> Folder | None:
        name = parts[-1]
        found = folder.stat(name) if os.geteuid() else None  # root may enter all
        if found is not None and stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
            if makes and found.st_mode & OWNER != OWNER:
                self._open(folder, name, parts)
            elif found.st_mode & _TO_LOOK != _TO_LOOK:
                raise ShutFolder(os.path.join(folder.path, name))
        return folder.child(name, 0o777 if makes else None)

    def _open(self, folder: Folder, name: str, parts: Parts) -> None:
        """Let the owner write in a folder: that one, whatever gets its name meanwhile."""
        with disk_errors(os.path.join(folder.path, name)):
            try:
                descriptor = os.open(name, _OPEN, dir_fd=folder.descriptor)
                path: int | str = descriptor
            except PermissionError:
                descriptor = os.open(name, _NAME, dir_fd=folder.descriptor)
                path = f"/proc/self/fd/{descriptor}"
            try:
                mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
                os.chmod(path, mode | OWNER)
            finally:
                os.close(descriptor)
        self.shut_later(parts, mode, is_new=False)
