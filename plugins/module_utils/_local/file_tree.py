# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files below a folder of this host: each is written beside its place and renamed, and no symbolic link below the folder is followed."""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from .._core.cleanup import on_failure
from .._core.errors import RegistryError
from .._oci.image_source import BlobStream, copy_stream
from .._oci.reference import Digest
from .disk import Folder, NewFile, default_mode, disk_errors, special_file, temporary_name
from .files import FileRange, LocalFile, unreadable
from .open_path import Found, Place, find, put_file

Parts = t.Sequence[str]
Check = t.Callable[[], None]
_LABEL = "files"


class FileTree:
    """The folder at ``path``, which need not be there; several threads may write different files.

    ``dress`` gives a file the mode and owner that the user wants before it is put in its place; ``private`` ones are their owner's alone until then.
    """

    def __init__(self, path: str, private: bool, dress: t.Callable[[Found], t.Any]) -> None:
        self.path = path
        self._dress = dress
        self._private = private
        self._mode = default_mode()
        self._cleaned: set[tuple[str, ...]] = set()
        self._made: dict[tuple[str, ...], None] = {}  # folders that were made for files
        self._place = Place(path)
        with on_failure(self._place.close):
            self._top = self._place.folder.child(self._place.name)

    @property
    def surroundings(self) -> Found:
        """The folder that this one is in."""
        return self._place.surroundings

    def begin(self) -> None:
        """Make the folder, if it is not there."""
        if self._top is None:
            self._top = self._place.folder.child(self._place.name, 0o777)
            self._made[()] = None

    def remove_empty(self) -> None:
        """Remove the folders that were made for files, and that are empty since none came to be there."""
        for parts in sorted(self._made, key=len, reverse=True):
            with contextlib.suppress(RegistryError, OSError), self.folder(parts[:-1]) as folder:
                above, name = (folder, parts[-1]) if parts else (self._place.folder, self._place.name)
                if above is not None:
                    os.rmdir(name, dir_fd=above.descriptor)

    def shown(self, parts: Parts) -> str:
        """Return the path of a file, as the user would write it."""
        return os.path.join(self.path, *parts)

    @contextlib.contextmanager
    def folder(self, parts: Parts, make: bool = False) -> t.Iterator[Folder | None]:
        """Open the folder at ``parts``; None where it is not there, unless ``make`` says to make it and those above."""
        with contextlib.ExitStack() as opened:
            at = Folder(os.dup(self._top.descriptor), self._top.path) if self._top is not None else None
            opened.callback(at.close if at is not None else int)
            for length, part in enumerate(parts, 1):
                inner = at.child(part) if at is not None else None
                if at is not None and inner is None and make:
                    self._made[tuple(parts[:length])] = None
                    inner = at.child(part, 0o777)
                at = inner
                opened.callback(at.close if at is not None else int)
            yield at

    def make_folder(self, parts: Parts) -> None:
        """Make a folder that is wanted itself."""
        with self.folder(parts, make=True):
            self._made.pop(tuple(parts), None)

    # What is there

    def open(self, parts: Parts) -> FileRange | None:
        """Open a regular file; None where there is none, or a link. A folder or device there is an error: nothing is put in its place."""
        with self.folder(parts[:-1]) as folder:
            found = self._replaceable(folder, parts, "file")
            if folder is None or found is None or not stat.S_ISREG(found.st_mode):
                return None
            try:
                file = LocalFile(folder.open_file(parts[-1]), self.shown(parts))
            except OSError as error:
                raise unreadable(self.shown(parts), error) from None
        return FileRange(file, 0, file.size, owned=True)

    def _replaceable(self, folder: Folder | None, parts: Parts, kind: str) -> os.stat_result | None:
        """Return what is known of the file or link at ``parts``, which may be replaced by one of the ``kind``; None where there is none."""
        found = folder.stat(parts[-1]) if folder is not None else None
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise RegistryError(f"{self.shown(parts)} is a folder, but has to be a {kind}: remove it.", "local_io")
        if found is not None and not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
            raise special_file(self.shown(parts))
        return found

    def digest(self, parts: Parts, wanted: Digest, check: Check) -> Digest | None:
        """Return the digest of a file by the algorithm of ``wanted``, None where there is none."""
        file = self.open(parts)
        if file is None:
            return None
        hasher = wanted.hasher()
        with contextlib.closing(file):
            copy_stream(file, hasher.update, check)
        return Digest(wanted.algorithm, hasher.hexdigest())

    def is_executable(self, parts: Parts) -> bool:
        """Tell whether the owner of a file may execute it."""
        with self.folder(parts[:-1]) as folder:
            found = folder.stat(parts[-1]) if folder is not None else None
        return found is not None and bool(found.st_mode & stat.S_IXUSR)

    def link(self, parts: Parts) -> str | None:
        """Return where a symbolic link points to, None where there is none, or a file. A folder or device there is an error."""
        with self.folder(parts[:-1]) as folder:
            found = self._replaceable(folder, parts, "symbolic link")
            if folder is None or found is None or not stat.S_ISLNK(found.st_mode):
                return None
            with disk_errors(self.shown(parts)):
                return os.readlink(parts[-1], dir_fd=folder.descriptor)

    # Writing

    def write(self, parts: Parts, stream: BlobStream, check: Check, executable: bool | None = None) -> None:
        """Write a file, which ``stream`` verifies; ``executable`` says whether it may be executed, None that what it replaces decides."""
        with self.folder(parts[:-1], make=True) as folder:
            home = t.cast(Folder, folder)
            self._clean(home, tuple(parts[:-1]))
            with contextlib.closing(stream), NewFile(home, _LABEL, self.shown(parts)) as file:
                copy_stream(stream, file.write, check)
                mode = self._mode | ((self._mode & 0o444) >> 2 if executable else 0)
                put_file(home, parts[-1], file, self._dress, mode=mode, is_of_new=executable is None, private=self._private)
            home.sync()

    def _clean(self, folder: Folder, parts: tuple[str, ...]) -> None:
        """Remove what an ended task left in a folder: once, since that reads the names of all that is in it."""
        if parts not in self._cleaned:
            self._cleaned.add(parts)
            folder.leftovers(_LABEL, remove=True)

    def write_link(self, parts: Parts, target: str) -> None:
        """Write a symbolic link in the place of what is there."""
        with self.folder(parts[:-1], make=True) as folder, disk_errors(self.shown(parts)):
            home = t.cast(Folder, folder)
            self._clean(home, tuple(parts[:-1]))
            while not _put_link(home, target, parts[-1]):
                pass

    # Attributes

    def files(self, parts: Parts) -> t.Iterator[Found]:
        """Yield the file or folder at ``parts`` and all below it, folders before what is in them, each open until the next one."""
        with self.folder(parts[:-1]) as folder:
            for found in find(folder, parts[-1]) if folder is not None else ():
                yield found
                if found.is_folder:
                    yield from _below(found)

    def close(self) -> None:
        """Close the folders."""
        self._place.close()
        if self._top is not None:
            self._top.close()


def _put_link(folder: Folder, target: str, wanted: str) -> bool:
    """Make a link and put it in its place; False where another task took it for a leftover in between, since a link cannot be locked."""
    name = temporary_name(_LABEL)
    os.symlink(target, name, dir_fd=folder.descriptor)
    with on_failure(lambda: folder.remove(name)):
        try:
            os.rename(name, wanted, src_dir_fd=folder.descriptor, dst_dir_fd=folder.descriptor)
        except FileNotFoundError:
            return False
    return True


def _below(found: Found) -> t.Iterator[Found]:
    with contextlib.closing(Folder(os.dup(found.descriptor), found.path)) as folder:
        for item in find(folder, *folder.names()):
            yield item
            if item.is_folder:
                yield from _below(item)
