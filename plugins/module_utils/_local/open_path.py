# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a path that is written to leads: found step by step through open folders, so that nobody changes it afterwards."""

from __future__ import annotations

import errno
import os
import stat
import typing as t

from .._core.errors import RegistryError
from .disk import Folder, NewFile, check_path, disk_errors

_MAX_LINKS = 40  # on the way, as Linux has it
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNER = 0o700
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Found(t.NamedTuple):
    """An open file or folder; ``is_exposed`` says whether others can write the folder that it is in."""

    path: str
    descriptor: int
    is_folder: bool
    is_exposed: bool


def find(folder: Folder, *names: str) -> t.Iterator[Found]:
    """Yield those of ``names`` in ``folder`` that are files or folders, open until the next one; links are none."""
    is_exposed = others_write(folder.descriptor)
    for name in names:
        path = os.path.join(folder.path, name)
        with disk_errors(path):
            try:
                descriptor = os.open(name, _LOOK, dir_fd=folder.descriptor)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ELOOP):
                    continue
                raise
        try:
            kind = os.fstat(descriptor).st_mode
            if stat.S_ISDIR(kind) or stat.S_ISREG(kind):
                yield Found(path, descriptor, stat.S_ISDIR(kind), is_exposed)
        finally:
            os.close(descriptor)


class Place:
    """The ``folder`` that a path leads to, open, and the ``name`` in it, which need not be there.

    Links on the way are followed, but none that somebody else may have put there: one that is not the task's user's or the
    system's, in a folder that others can write. ``real`` is the path without links.
    """

    def __init__(self, path: str) -> None:
        check_path(path)
        self.path = path
        self._links = 0
        self._folders = [os.open("/", _STEP)]
        self._names: list[str] = []
        try:
            self.name = self._walk([part for part in os.path.join(os.getcwd(), path).split("/") if part])
            self.folder = Folder(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._folders[-1]), self._at())
        except OSError as error:
            at = path if error.errno in (errno.ENAMETOOLONG, errno.ELOOP) else self._at()
            raise RegistryError(f"{at} cannot be opened: {error.strerror}.", "local_io") from None
        finally:
            for folder in self._folders:
                os.close(folder)
        self.real = os.path.normpath(os.path.join(self.folder.path, self.name))

    @property
    def surroundings(self) -> Found:
        """The folder, as what is found in it is told."""
        return Found(self.folder.path, self.folder.descriptor, True, False)

    def close(self) -> None:
        """Close the folder."""
        self.folder.close()

    def _at(self, *names: str) -> str:
        return f"/{'/'.join([*self._names, *names])}"

    def _walk(self, parts: list[str]) -> str:
        """Go the way of ``parts``, and return the last of them when its folder is reached."""
        while parts:
            part, *parts = parts
            if part == "..":
                self._leave()
                continue
            if part == ".":
                continue
            found = self._look(part, is_last=not parts)
            if found is not None and stat.S_ISLNK(found.st_mode):
                parts = [*self._follow(part, found), *parts]
            elif parts:
                self._folders.append(self._enter(part))
                self._names.append(part)
            else:
                return part
        return "."

    def _look(self, name: str, is_last: bool) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self._folders[-1], follow_symlinks=False)
        except FileNotFoundError:
            if is_last:
                return None
            raise self._no_folder(name) from None

    def _enter(self, name: str) -> int:
        try:
            return os.open(name, _STEP, dir_fd=self._folders[-1])
        except NotADirectoryError:
            raise self._no_folder(name) from None

    def _no_folder(self, name: str) -> RegistryError:
        return RegistryError(f"{self.path} cannot be written: the folder {self._at(name)} does not exist. Create it first.", "local_io")

    def _leave(self) -> None:
        if self._names:
            self._names.pop()
            os.close(self._folders.pop())

    def _follow(self, name: str, link: os.stat_result) -> list[str]:
        """Return the steps to where a link points."""
        self._links += 1
        if self._links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if link.st_uid not in trusted_users() and others_write(self._folders[-1]):
            raise RegistryError(
                f"{self._at(name)} is a symbolic link of another user, in a folder that others can write to, so it is not followed. "
                "If you trust the link, use the path that it leads to.",
                "local_io",
            )
        target = os.readlink(name, dir_fd=self._folders[-1])
        if os.path.isabs(target):
            while self._names:
                self._leave()
        return [part for part in target.split("/") if part]


def trusted_users() -> frozenset[int]:
    """Return the users that may do to the task's files what they like anyway: its own, and that of the system."""
    return frozenset({os.geteuid(), os.stat("/").st_uid})


def others_write(folder: int) -> bool:
    """Tell whether somebody else than the task's user and the system can put something into the open ``folder``."""
    found = os.fstat(folder)
    return found.st_uid not in trusted_users() or bool(found.st_mode & _OTHERS_WRITE)


def is_own_place(folder: int, owner: int) -> bool:
    """Tell whether what ``owner`` has in the open ``folder`` is there by right: not where they could merely put it, as in /tmp."""
    return owner in trusted_users() or owner == os.fstat(folder).st_uid or not others_write(folder)


def put_file(
    folder: Folder, name: str, file: NewFile, dress: t.Callable[[Found], t.Any], *, mode: int, is_of_new: bool, private: bool
) -> None:
    """Put the complete ``file`` under ``name`` into ``folder``, with owner, access list and label of a file there that it may replace.

    With ``is_of_new`` the ``mode`` is that of a new file alone: one that is replaced passes on its own. A ``private`` file is its owner's
    alone, until ``dress`` gives it what the user wants, before it is put there.
    """
    there = folder.stat(name)
    replaced = there if there is not None and stat.S_ISREG(there.st_mode) and is_own_place(folder.descriptor, there.st_uid) else None
    if replaced is not None:
        file.inherit(name, replaced)
        mode = stat.S_IMODE(replaced.st_mode) if is_of_new else mode
    file.open_to(mode & _OWNER if private else mode)  # after the access list, which has a mode of its own
    dress(Found(file.path, file.descriptor, False, False))
    file.place(name)
