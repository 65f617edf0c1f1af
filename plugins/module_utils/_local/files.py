# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of this host, read in place: an open file by offset, and a directory of which no link leads out."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import time
import typing as t

from .._core.budget import Budget
from .._core.cleanup import on_failure
from .._core.errors import RegistryError
from .._core.scrub import quoted
from .._oci.image_source import BlobStream
from .layout_links import open_inside

# A fifo must not block, a terminal must not become ours; what was opened is looked at before it is read.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_COARSEST_CLOCK = 2_000_000_000  # nanoseconds; no file system notes the time of a write less exactly

SAVED_IMAGES = "manifest.json"  # the file that tells an archive of docker save

FileState = tuple[int, ...]


class StoredFile(BlobStream, t.Protocol):
    """A file of a store, being read; its ``length`` is known beforehand."""

    @property
    def length(self) -> int:
        """Its length in bytes."""

    @property
    def state(self) -> FileState | None:
        """What changes whenever somebody writes to the file, None where that is not known."""


class Store(t.Protocol):
    """The files of an image on this host, by their path inside the layout or archive; safe for several threads."""

    @property
    def path(self) -> str:
        """Where the whole lies, for messages."""

    @property
    def is_local(self) -> bool:
        """Whether its files can be read twice at little cost."""

    @property
    def budget(self) -> Budget:
        """What the task may keep in memory: manifests that are read from here are charged to it."""

    def has(self, name: str) -> bool:
        """Tell whether there is a file ``name``."""

    def repeats(self, name: str) -> bool:
        """Tell whether there are several files ``name``, of which readers do not agree on which one counts."""

    def size_of(self, names: t.Iterable[str]) -> int:
        """Return how many bytes of the disk these files take."""

    def open(self, name: str) -> StoredFile:
        """Open the file ``name``; ``invalid_source`` where it is missing or no regular file."""

    def close(self) -> None:
        """Release what is held open; a second call is fine."""


class MissingFile(RegistryError):
    """A file that should be in the layout or archive is not."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(f"{quoted(name, 300)} is missing in {path}: the image is incomplete. Create it again.", "invalid_source")


def read_file(store: Store, name: str, limit: int) -> bytes:
    """Return the whole file ``name``, which is there once and has at most ``limit`` bytes."""
    if store.repeats(name):
        raise RegistryError(f"{quoted(name, 300)} is in {store.path} more than once: create the archive again.", "invalid_source")
    stream = store.open(name)
    try:
        if stream.length > limit:
            raise RegistryError(f"{quoted(name, 300)} in {store.path} is larger than the limit of {limit} bytes.", "limit")
        return read_all(stream)
    finally:
        stream.close()


def read_all(stream: BlobStream) -> bytes:
    """Return what ``stream`` has left; for content whose length was held against a limit."""
    parts: list[bytes] = []
    while True:
        block = stream.read(io.DEFAULT_BUFFER_SIZE * 8)
        if not block:
            return b"".join(parts)
        parts.append(block)


class LocalFile:
    """An open regular file, read by offset: any number of threads, no shared position."""

    def __init__(self, file: t.BinaryIO, path: str) -> None:
        self._file = file
        self.path = path
        self.size = os.fstat(file.fileno()).st_size

    def read_at(self, offset: int, amount: int) -> bytes:
        """Return up to ``amount`` bytes from ``offset`` on, b"" at the end."""
        try:
            return os.pread(self._file.fileno(), amount, offset)
        except OSError as error:
            raise unreadable(self.path, error) from None

    @property
    def state(self) -> FileState | None:
        """Which file it is, how long, and when somebody last wrote to it; None where that is so short ago that a further write may not show."""
        found = os.fstat(self._file.fileno())
        if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < _COARSEST_CLOCK:
            return None
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class FileRange:
    """A part of a file from ``offset`` on, read from its first byte; ``owned`` closes the file with it."""

    def __init__(self, file: LocalFile, offset: int, length: int, owned: bool = False) -> None:
        self._file = file
        self._at = offset
        self._end = offset + length
        self._owned = owned
        self.length = length

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""
        wanted = min(amount, self._end - self._at)
        if wanted <= 0:
            return b""
        block = self._file.read_at(self._at, wanted)
        if not block:
            raise RegistryError(f"{self._file.path} became shorter while it was read.", "invalid_source")
        self._at += len(block)
        return block

    @property
    def state(self) -> FileState | None:
        """What changes whenever somebody writes to the file."""
        return self._file.state

    def copy(self) -> FileRange:
        """Return a second reader that goes on from the same byte."""
        return FileRange(self._file, self._at, self._end - self._at)

    def close(self) -> None:
        """Close the file where it was opened for this part alone."""
        if self._owned:
            self._file.close()


class MemoryFile:
    """Bytes as a file."""

    state: FileState | None = None

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0
        self.length = len(content)

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""
        block = self._content[self._at : self._at + amount]
        self._at += len(block)
        return block

    def close(self) -> None:
        """Nothing is held."""


class Directory:
    """A directory as a store: each step is opened from the one before, and only regular files are read.

    Links are followed where ``links`` says so and they stay inside; a step out of the directory is never taken.
    """

    is_local = True

    def __init__(self, descriptor: int, path: str, links: bool = False) -> None:
        self._descriptor = descriptor
        self.path = path
        self._links = links
        self.budget = Budget()

    def has(self, name: str) -> bool:
        """Tell whether there is a file ``name``; one that may not be read is no missing one, but an error."""
        try:
            self.open(name).close()
        except MissingFile:
            return False
        return True

    def repeats(self, name: str) -> bool:
        """Return False: a directory has each name once."""
        return False

    def size_of(self, names: t.Iterable[str]) -> int:
        """Return the bytes of these files together."""
        size = 0
        for name in names:
            with contextlib.closing(self.open(name)) as file:
                size += file.length
        return size

    def open(self, name: str) -> FileRange:
        """Open the file ``name`` (parts joined by "/")."""
        try:
            file = _adopt(open_inside(self._descriptor, self.path, name, _FLAGS, self._links), os.path.join(self.path, name))
        except OSError as error:
            raise self._fault(name, error) from None
        return FileRange(file, 0, file.size, owned=True)

    def _fault(self, name: str, error: OSError) -> RegistryError:
        if error.errno == errno.ENOENT:
            return MissingFile(name, self.path)
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            return RegistryError(
                f"{quoted(name, 300)} in {self.path} is a symbolic link, or lies behind one or behind a file: links that lead out of the folder are "
                "not followed, copy the layout with its links resolved.",
                "invalid_source",
            )
        return unreadable(os.path.join(self.path, name), error)

    def close(self) -> None:
        """Close the directory."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_path(path: str) -> LocalFile | Directory:
    """Open what the user named: a regular file or a directory, anything else is refused without waiting for it."""
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        hint = "" if os.path.isabs(path) else ": use an absolute path, since a relative one starts where Ansible runs the module"
        raise RegistryError(f"The path {path} does not exist on the host that runs the task{hint}.", "local_io") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        return Directory(descriptor, path, links=True)
    return _adopt(descriptor, path)


def unreadable(path: str, error: Exception) -> RegistryError:
    """Return the error for a path that the system does not let us read."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return RegistryError(f"{path} cannot be read: {reason}.", "local_io")


def _adopt(descriptor: int, path: str) -> LocalFile:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a directory, not a file" if stat.S_ISDIR(mode) else "neither a file nor a directory"
        raise RegistryError(f"{path} is {what}.", "invalid_source")
    with on_failure(lambda: os.close(descriptor)):
        check_size(descriptor, path)
    return LocalFile(open(descriptor, "rb", buffering=0), path)


def check_size(descriptor: int, path: str) -> None:
    """Refuse an open file that says it is empty, and is not: those of the kernel below /proc do."""
    try:
        is_unsized = not os.fstat(descriptor).st_size and os.pread(descriptor, 1, 0)
    except OSError as error:
        raise unreadable(path, error) from None
    if is_unsized:
        raise RegistryError(
            f"{path} has content, but states a size of 0, as files in /proc do: copy it to another file first.", "invalid_source"
        )
