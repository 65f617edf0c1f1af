# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An auth file on this host that is changed: under a lock, written beside and renamed, never through a link."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import typing as t

from .._core.errors import RegistryError
from .._core.scrub import clean
from .._core.waiting import take_within
from .._http.auth_document import AuthDocument, Changed
from .._http.keychain import MAX_AUTH_FILE
from .._local.disk import Folder, NewFile, disk_errors
from .._local.open_path import Place, is_own_place

_LABEL = "auth"
_LOCK_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Edit = t.Callable[[AuthDocument], Changed]


class AuthFilePlace:
    """The auth file at ``path``, which need not be there."""

    def __init__(self, path: str, on_warning: t.Callable[[str], None]) -> None:
        self._path = os.path.abspath(path)
        self._directory, self._name = os.path.split(self._path)
        self.what = f"The auth file {clean(self._path, 300)}"
        self._on_warning = on_warning

    def plan(self, edit: Edit) -> Changed:
        """Return what ``edit`` would make of the file; nothing is written. A file that it would change and others can read is warned of."""
        if not os.path.isdir(self._directory):
            return self._edited(edit, b"")
        with self._folder() as folder:
            raw, found = self._read(folder)
            changed = self._edited(edit, raw)
        if changed.differs and found is not None and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            self._on_warning(f"{self.what} can be read or changed by other users: make it readable by its owner only.")
        return changed

    def change(self, edit: Edit, seconds: float) -> None:
        """Write what ``edit`` makes of the file as it is at this moment; the lock is waited for so many ``seconds``."""
        _make_directory(self._directory)
        with self._folder() as folder, self._locked(folder, seconds):
            raw, found = self._read(folder)
            changed = self._edited(edit, raw)
            if changed.differs:
                self._write(folder, changed.content, found)

    def _edited(self, edit: Edit, raw: bytes) -> Changed:
        changed = edit(AuthDocument(raw, self.what))
        if changed.differs and len(changed.content) > MAX_AUTH_FILE:
            fault = f"would be larger than the limit of {MAX_AUTH_FILE} bytes, and no task could read it: remove entries that are not needed first"
            raise RegistryError(f"{self.what} {fault}.", "limit")
        return changed

    @contextlib.contextmanager
    def _folder(self) -> t.Iterator[Folder]:
        with contextlib.closing(Place(os.path.join(self._directory, "."))) as place:
            yield place.folder

    def _read(self, folder: Folder) -> tuple[bytes, os.stat_result | None]:
        """Return the content of the file, and what is known of it; None where it is not there."""
        found = folder.stat(self._name)
        if found is None:
            return b"", None
        if stat.S_ISLNK(found.st_mode):
            raise self._refusal("is a symbolic link, which is not followed: use the path of its target")
        if not stat.S_ISREG(found.st_mode):
            raise self._refusal("is not a regular file: use another one")
        try:
            with folder.open_file(self._name) as file:
                found = os.fstat(file.fileno())
                raw = file.read(MAX_AUTH_FILE + 1)
        except OSError as error:
            raise self._refusal(f"cannot be read: {error.strerror}") from None
        if not is_own_place(folder.descriptor, found.st_uid):
            raise self._refusal("belongs to another user and is in a folder that others can write to: use another one")
        return raw, found

    def _refusal(self, fault: str) -> RegistryError:
        return RegistryError(f"{self.what} {fault}.", "credentials")

    @contextlib.contextmanager
    def _locked(self, folder: Folder, seconds: float) -> t.Iterator[None]:
        """Keep out other programs that change the file and take the same lock, as those of containers do."""
        shown = f"{self._path}.lock"
        with disk_errors(shown):
            descriptor = self._open_lock(folder)
        try:
            if not take_within(seconds, lambda: _take(descriptor)):
                raise RegistryError(
                    f"{shown} has been locked by another program for {seconds:g} s: the auth file was not changed.", "local_io"
                )
            yield
        finally:
            os.close(descriptor)

    def _open_lock(self, folder: Folder) -> int:
        """Open the file to lock, made where it is missing: it belongs to the owner of the auth file, who has to open it as well."""
        name = f"{self._name}.lock"
        try:
            descriptor = os.open(name, _LOCK_FLAGS | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder.descriptor)
        except FileExistsError:
            return os.open(name, _LOCK_FLAGS, dir_fd=folder.descriptor)
        found = folder.stat(self._name)
        if found is not None:
            with contextlib.suppress(PermissionError):
                os.fchown(descriptor, found.st_uid, found.st_gid)
        return descriptor

    def _write(self, folder: Folder, content: bytes, replaced: os.stat_result | None) -> None:
        folder.leftovers(_LABEL, remove=True)
        with NewFile(folder, _LABEL, self._path) as file:
            file.write(content)
            if replaced is not None:
                file.inherit(self._name, replaced)
                file.open_to(stat.S_IMODE(replaced.st_mode))
            file.place(self._name)
        folder.sync()


def _take(descriptor: int) -> bool:
    """Take a lock; False where somebody holds it."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN)  # a file system without locks cannot tell
    return True


def _make_directory(path: str) -> None:
    """Make a directory that is missing, and those above it, for their owner alone."""
    if os.path.isdir(path):
        return
    _make_directory(os.path.dirname(path))
    with contextlib.closing(Place(path)) as place:
        made = place.folder.child(place.name, 0o700)
        if made is not None:
            made.close()
