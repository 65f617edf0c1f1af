# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder as a tar archive: the same bytes for the same files, whoever owns them and whenever they were written."""

from __future__ import annotations

import os
import posixpath
import stat
import typing as t

from .._core.errors import RegistryError
from .._core.scrub import quoted
from .._oci.artifact import check_packed_path, link_stays
from .._oci.image_source import BLOCK
from .files import check_size, unreadable
from .tar import MAX_MEMBERS, RECORD
from .tar_writer import header, padded

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class _Opened(t.NamedTuple):
    """A folder on the way to what is being read, its path in the whole, and the names in it that are still to be read."""

    descriptor: int
    inner: str
    names: t.Iterator[str]


class FolderTar:
    """The folder at ``path`` as a tar archive of which all names begin with ``title``, read from its first byte.

    Owners and times are left out; of modes only whether the owner may execute a file. Links stay links. ``open_folder`` opens the
    folder in another way than by its path.
    """

    def __init__(self, path: str, title: str, open_folder: t.Callable[[], int] | None = None) -> None:
        self._path = path
        self._title = title
        self._open = open_folder or (lambda: os.open(path, _FOLDER))
        self._members = 0
        self._at = ""  # what is being read, for errors
        self._way: list[_Opened] = []  # a folder may lie deeper than calls can be nested
        self._blocks = self._archive()
        self._ready = b""

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""
        while not self._ready:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._ready = block
        block, self._ready = self._ready[:amount], self._ready[amount:]
        return block

    def close(self) -> None:
        """Close what is open."""
        self._blocks.close()

    def _archive(self) -> t.Generator[bytes, None, None]:
        try:
            yield self._enter(self._open(), "")
            while self._way:
                folder = self._way[-1]
                name = next(folder.names, None)
                if name is None:
                    os.close(self._way.pop().descriptor)
                else:
                    yield from self._member(folder.descriptor, name, f"{folder.inner}/{name}")
        except OSError as error:
            raise unreadable(f"{self._path}{self._at}", error) from None
        finally:
            for folder in self._way:
                os.close(folder.descriptor)
        yield bytes(2 * RECORD)  # and nothing behind that: ORAS takes the digest of what its reader of archives has read

    def _enter(self, descriptor: int, inner: str) -> bytes:
        """Go on with what is in a folder that was opened; return its own header."""
        self._way.append(_Opened(descriptor, inner, _names(descriptor)))
        return self._header(f"{inner}/", 0)

    def _header(self, inner: str, size: int, mode: int | None = None, link: str | None = None) -> bytes:
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise RegistryError(f"{self._path} contains more than the limit of {MAX_MEMBERS} files.", "limit")
        name = f"{self._title}{inner}"
        check_packed_path(name.rstrip("/"), self._path, "invalid_source")
        return header(name, size, mode, link)

    def _member(self, folder: int, name: str, inner: str) -> t.Iterator[bytes]:
        self._at = inner
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            yield self._enter(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder), inner)
        elif stat.S_ISLNK(found.st_mode):
            yield self._header(inner, 0, 0o777, self._target(folder, name, inner))
        elif stat.S_ISREG(found.st_mode):
            yield from self._file(os.open(name, _FILE, dir_fd=folder), inner)
        else:
            raise RegistryError(
                f"{self._path}{inner} is not a file, folder or link: remove it, or leave out its folder.",
                "invalid_source",
            )

    def _target(self, folder: int, name: str, inner: str) -> str:
        target = os.readlink(name, dir_fd=folder)
        if not link_stays([part for part in posixpath.dirname(inner).split("/") if part], target):
            raise RegistryError(
                f"The link {self._path}{inner} leads out of the folder, to {quoted(target, 200)}, so it cannot be unpacked: remove it.",
                "invalid_source",
            )
        return target

    def _file(self, descriptor: int, inner: str) -> t.Iterator[bytes]:
        with open(descriptor, "rb", buffering=0) as file:
            check_size(descriptor, f"{self._path}{inner}")
            found = os.fstat(descriptor)
            yield self._header(inner, found.st_size, 0o755 if found.st_mode & stat.S_IXUSR else 0o644)
            left = found.st_size
            while left:
                block = file.read(min(BLOCK, left))
                if not block:
                    raise RegistryError(f"{self._path}{inner} became shorter while it was read.", "invalid_source")
                left -= len(block)
                yield block
            yield bytes(padded(found.st_size) - found.st_size)  # none behind an empty file, or one that fills its last record


def _names(descriptor: int) -> t.Iterator[str]:
    yield from sorted(os.listdir(descriptor), key=os.fsencode)
