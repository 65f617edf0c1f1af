# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and files that are written: no symbolic link is followed, and nobody sees a file that is not complete."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import typing as t

from .._core.errors import MORE_FILES, RegistryError
from .._core.interruption import current
from .._core.scrub import quoted
from .locks import is_abandoned, locked_folder, open_to_lock, take_lock

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LOOK_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = re.compile(r"\.ocitools-([0-9a-z]{1,64})-[0-9a-f]{16}\.tmp", re.ASCII)
_INHERITED = ("system.posix_acl_access", "security.selinux")
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})  # file systems that cannot sync a folder
_SPACE = "free some space there or choose another path"
_PERMISSION = "give the user of the task the permission to write there"
_ADVICE = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "the file system or a quota does not allow a larger file",
    errno.EMFILE: MORE_FILES,
    errno.ENFILE: MORE_FILES,
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: "choose a writable path",
    errno.EISDIR: "a folder is in the way; remove it or choose another path",
    errno.EXDEV: "a folder on the way is a mount point; choose a path without one",
    errno.EBUSY: "it is in use as a mount point; choose another path",
}


def disk_error(path: str, error: OSError) -> RegistryError:
    """Return the error (``local_io``) that says why ``path`` could not be written."""
    advice = _ADVICE.get(error.errno or 0)
    return RegistryError(f"Writing {path} failed: {error.strerror or error}{f'; {advice}' if advice else ''}.", "local_io")


def special_file(path: str) -> RegistryError:
    """Return the error (``local_io``) for a device, pipe or socket at ``path``: programs use it, so no file takes its place."""
    return RegistryError(f"{path} is a device, a pipe or a socket, and is not replaced: remove it, or choose another path.", "local_io")


def check_path(path: str) -> None:
    """Refuse a path that no file can have: ``invalid_option``."""
    if "\0" in path:
        raise RegistryError(f"The path {quoted(path, 300)} contains a NUL character: remove it.", "invalid_option")


@contextlib.contextmanager
def disk_errors(path: str) -> t.Iterator[None]:
    """Turn an ``OSError`` inside the block into a ``local_io`` error about ``path``."""
    check_path(path)
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from None


def default_mode() -> int:
    """Return the mode that the umask gives to new files; call it while there is one thread."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


class Folder:
    """An open directory; what is in it is reached by name, never through a symbolic link."""

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path

    def child(self, name: str, mode: int | None = None) -> Folder | None:
        """Open a directory in this one; None where it is not there and no ``mode`` says to make it."""
        path = os.path.join(self.path, name)
        with disk_errors(path):
            if mode is not None:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, mode, dir_fd=self.descriptor)
            try:
                return Folder(os.open(name, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=self.descriptor), path)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
        raise RegistryError(f"{path} is a symbolic link or a file, not a folder: nothing was written.", "local_io")

    def open_file(self, name: str) -> t.BinaryIO:
        """Open a file for reading; raises ``OSError``, for a link too."""
        return open(os.open(name, _LOOK_FLAGS, dir_fd=self.descriptor), "rb", buffering=0)

    def names(self) -> list[str]:
        """Return what is in the directory, in order."""
        with disk_errors(self.path):
            return sorted(os.listdir(self.descriptor))

    def stat(self, name: str) -> os.stat_result | None:
        """Return what is known of ``name`` itself, None where it is not there."""
        with disk_errors(os.path.join(self.path, name)), contextlib.suppress(FileNotFoundError):
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        return None

    def remove(self, name: str) -> None:
        """Remove a file; it is fine where it is gone."""
        with disk_errors(os.path.join(self.path, name)), contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def leftovers(self, label: str, remove: bool = False) -> list[str]:
        """Return the temporary files and links with ``label`` that no running task is writing: one that was killed left them behind."""
        return [name for name in self.names() if is_temporary(name, label) and self._is_left(name, remove)]

    def _is_left(self, name: str, remove: bool) -> bool:
        found = self.stat(name)
        if found is None or os.geteuid() not in (0, found.st_uid) or stat.S_IFMT(found.st_mode) not in (stat.S_IFREG, stat.S_IFLNK):
            return False  # in a shared folder, nobody else may remove it
        if stat.S_ISLNK(found.st_mode):  # which a task has but for a moment
            if remove:
                self.remove(name)
            return True
        try:
            descriptor = open_to_lock(name, self.descriptor)
        except OSError:
            return False
        try:
            left = is_abandoned(descriptor)
            if left and remove:
                self.remove(name)  # under the lock: a task that is just making the file sees that it is gone
            return left
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Make the names in the directory last."""
        try:
            os.fsync(self.descriptor)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise disk_error(self.path, error) from None

    def locked(self, seconds: float, file: str = "") -> contextlib.AbstractContextManager[None]:
        """Keep out other tasks that do the same, where the file system has locks; ``local_io`` where one is held for more than ``seconds``.

        NFS has no locks of folders: there, that of a ``file`` in this one counts.
        """
        return locked_folder(self.descriptor, self.path, seconds, file)

    def close(self) -> None:
        """Close the directory; a second call is fine."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def is_temporary(name: str, label: str) -> bool:
    """Tell whether ``name`` is that of a temporary file with ``label``."""
    match = _TEMPORARY.fullmatch(name)
    return match is not None and match.group(1) == label


def temporary_name(label: str) -> str:
    """Return a name for a temporary file or folder that nothing else has."""
    return f".ocitools-{label}-{secrets.token_hex(8)}.tmp"


class NewFile:
    """A file under a temporary name, readable by its owner alone; it is gone at the end unless it was put in its place.

    Where the task is ended from outside its name goes at once: the thread that writes the file may hang, and nobody waits for it.
    """

    def __init__(self, folder: Folder, label: str, shown: str) -> None:
        self._folder = folder
        self._shown = shown
        self._label = label
        self._position = 0
        self._named = True
        with disk_errors(shown):
            while not self._make():
                os.close(self.descriptor)
        self._interruption = current()
        self._interruption.listen(self._give_up)
        if self._interruption.is_set:
            self._give_up()

    def _make(self) -> bool:
        """Make and lock the file; False where another task took it for a leftover before it was locked."""
        self._name = temporary_name(self._label)
        self.descriptor = os.open(self._name, _NEW_FLAGS, 0o600, dir_fd=self._folder.descriptor)
        take_lock(self.descriptor, waits=True)
        return os.fstat(self.descriptor).st_nlink > 0

    @property
    def path(self) -> str:
        """Where the file is now."""
        return os.path.join(self._folder.path, self._name)

    def write(self, block: bytes) -> None:
        """Add ``block`` at the end."""
        self.write_at(self._position, block)
        self._position += len(block)

    def write_at(self, offset: int, block: bytes) -> None:
        """Write ``block`` from byte ``offset`` on; several threads may."""
        view = memoryview(block)
        with disk_errors(self._shown):
            while view:
                count = os.pwrite(self.descriptor, view, offset)
                view, offset = view[count:], offset + count

    def resize(self, size: int) -> None:
        """Give the file its length; what was not written is zeros."""
        with disk_errors(self._shown):
            os.ftruncate(self.descriptor, size)

    def hide(self) -> None:
        """Take the name away: the content is there until the file is closed, however the task ends."""
        if self._named:
            self._folder.remove(self._name)
            self._named = False  # no earlier: a signal in between has this called again

    def _give_up(self) -> None:
        with contextlib.suppress(RegistryError):
            self.hide()

    def inherit(self, name: str, replaced: os.stat_result) -> None:
        """Give the file the owner, the access list and the label of the one at ``name``, which it will replace, where that is allowed.

        With an access list, the mode says what its entries may do at most: without the list, all of the group could.
        """
        with disk_errors(self._shown), contextlib.suppress(PermissionError):
            os.fchown(self.descriptor, replaced.st_uid, replaced.st_gid)
        place = f"/proc/self/fd/{self._folder.descriptor}/{name}"
        for attribute in _INHERITED if hasattr(os, "getxattr") else ():
            with contextlib.suppress(OSError):
                try:
                    os.setxattr(self.descriptor, attribute, os.getxattr(place, attribute, follow_symlinks=False))
                except OSError as error:
                    if error.errno == errno.ENODATA:
                        os.removexattr(self.descriptor, attribute)  # the folder gives new files one

    def open_to(self, mode: int) -> None:
        """Give the file its permissions."""
        with disk_errors(self._shown):
            os.fchmod(self.descriptor, mode)

    def place(self, name: str) -> None:
        """Put the complete file under ``name``, in the place of what is there."""
        with disk_errors(self._shown):
            os.fsync(self.descriptor)
            os.rename(self._name, name, src_dir_fd=self._folder.descriptor, dst_dir_fd=self._folder.descriptor)
        self._named = False

    def close(self) -> None:
        """Close the file, and remove it unless it was put in its place; a second call is fine."""
        self._interruption.forget(self._give_up)
        if self.descriptor >= 0:
            try:
                self.hide()
            finally:
                os.close(self.descriptor)
                self.descriptor = -1

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, *_details: object) -> None:
        self.close()
