# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that an artifact packs into an archive: its table, every name in it held below the folder, and what of it is there already."""

from __future__ import annotations

import contextlib
import posixpath
import typing as t
from dataclasses import dataclass, replace

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._core.scrub import quoted
from .._oci.artifact import WHOLE, check_packed_path, link_stays
from .._oci.image_source import BlobStream, copy_stream
from .._oci.manifest import lower
from .._oci.reference import Digest
from .compressed_file import CompressedFile, Room
from .compression import HEAVY, MAGIC_LENGTH, Allowance, CountedDigest, Decoder, detect
from .file_tree import Check, FileTree
from .files import FileRange, LocalFile, StoredFile
from .tar import MAX_EXTENSIONS, MAX_MEMBERS, Header, HeaderReader

_WEIGHT = 600  # bytes of memory, besides the name

Parts = tuple[str, ...]


@dataclass(frozen=True)
class PackedEntry:
    """A member: its path with the title of the folder before it, ``link`` for a symbolic link, ``size`` None for a folder."""

    parts: Parts
    offset: int = 0
    size: int | None = None
    executable: bool = False
    link: str | None = None


class PackedFolder:
    """The archive of the folder ``title`` in an open file, of which everything is read and checked before anything is written.

    What is kept of its content is in ``room``, and so in memory, until ``rest``.
    """

    def __init__(self, file: LocalFile, title: str, name: str, budget: Budget, room: Room) -> None:
        self._what = f"The archive of {quoted(title, 200)} in {name}"
        self._title = () if title == WHOLE else tuple(title.split("/"))
        self._budget = budget
        codec = detect(file.read_at(0, MAGIC_LENGTH))
        if codec != "gzip":
            raise RegistryError(f"{self._what} is not compressed with gzip: it cannot be unpacked.", "unsupported")
        self._file = file
        self._content = CompressedFile(file, codec, self._what, HEAVY, room)
        self._rests = False
        self._table: dict[Parts, PackedEntry] = {}

    def read(self, digest: Digest | None, check: Check) -> None:
        """Read the table; ``digest`` is what the artifact states for the archive without its compression."""
        if digest is not None:
            tar = CountedDigest(
                Decoder(FileRange(self._file, 0, self._file.size), "gzip", self._what, HEAVY, Allowance(self._file.size)), digest.algorithm
            )
            copy_stream(tar, len, check)
            if tar.digest != digest:
                raise RegistryError(
                    f"{self._what} unpacks to {tar.digest}, not to {digest} as its annotation states: it is corrupt.", "digest_mismatch"
                )

        def enter(header: Header, offset: int, reader: HeaderReader) -> None:
            self._budget.take(_WEIGHT + len(header.name) + len(header.link), f"The table of {self._what[:1].lower()}{self._what[1:]}")
            self._enter(header, offset, reader)

        self._check_parents(self._pass(enter, check))

    def _pass(self, enter: t.Callable[[Header, int, HeaderReader], None], check: Check) -> HeaderReader:
        """Read the archive once, handing each header and where its content begins to ``enter``; what it takes to read members is kept."""
        forward = self._content.forward()
        reader = HeaderReader(forward, self._what, MAX_MEMBERS, MAX_EXTENSIONS)
        for header in reader:
            check()
            enter(header, forward.position, reader)
            reader.pass_over(header.size)
        return reader

    def rest(self) -> None:
        """Let go of the content until it is written: an artifact may have many folders."""
        self._content.forget()
        self._rests = True

    def _enter(self, header: Header, offset: int, reader: HeaderReader) -> None:
        parts = self._parts(header.name)
        if header.is_directory:
            entry = PackedEntry(parts)
        elif header.is_regular:
            entry = PackedEntry(parts, offset, header.size, bool(header.mode & 0o100))
        elif header.kind == b"2" and link_stays(parts[len(self._title) : -1], header.link):
            entry = PackedEntry(parts, link=header.link)
        elif header.kind == b"1" and self._parts(header.link) in self._table:
            origin = self._table[self._parts(header.link)]
            entry = PackedEntry(parts, origin.offset, origin.size, origin.executable, origin.link)
        else:
            fault = "leads out of its folder" if header.is_link else "is neither a file nor a folder nor a link"
            raise reader.damaged(f"{quoted(header.name, 200)} {fault}")
        known = self._table.get(parts)
        if known is not None and (known.size, known.link) != (None, None):
            raise reader.damaged(f"{quoted(header.name, 200)} is in the archive twice")
        self._table[parts] = entry

    def _parts(self, name: str) -> Parts:
        inner = [part for part in name.split("/") if part not in ("", ".")]
        if not inner and not self._title and not name.startswith("/"):
            return ()
        plain = posixpath.join(*inner or ["."])
        parts = tuple(check_packed_path("/" * name.startswith("/") + plain, lower(self._what), "invalid_source").split("/"))
        if parts[: len(self._title)] != self._title:
            raise RegistryError(
                f"{self._what} has {quoted(name, 200)}, which is outside of that folder: nothing was unpacked.", "invalid_source"
            )
        return parts

    def _check_parents(self, reader: HeaderReader) -> None:
        for parts, entry in self._table.items():
            if len(parts) == len(self._title) and (entry.size is not None or entry.link is not None):
                raise reader.damaged("it contains no folder")
            for length in range(len(self._title), len(parts)):
                above = self._table.get(parts[:length])
                if above is not None and (above.size is not None or above.link is not None):
                    raise reader.damaged(f"{quoted('/'.join(parts), 200)} lies in a file or a link")

    def top_names(self) -> set[str]:
        """Return the names of what is directly in the folder."""
        return {parts[len(self._title)] for parts in self._table if len(parts) > len(self._title)}

    def gap(self, tree: FileTree, top: Parts, modes: bool, check: Check) -> list[PackedEntry]:
        """Return the entries that are not below ``top`` of ``tree`` as they are here, their paths in the whole tree.

        ``modes`` says whether it matters who may execute a file.
        """
        entries = [replace(entry, parts=(*top, *entry.parts)) for entry in self._ordered()]
        return [entry for entry in entries if not self._is_there(entry, tree, modes, check)]

    def _ordered(self) -> list[PackedEntry]:
        """Return folders first, so that they are there, files as the archive has them, and links last: none is ever there that leads to nothing."""
        return sorted(self._table.values(), key=lambda entry: (entry.link is not None, entry.size is not None, entry.offset, entry.parts))

    def _is_there(self, entry: PackedEntry, tree: FileTree, modes: bool, check: Check) -> bool:
        if entry.link is not None:
            return tree.link(entry.parts) == entry.link
        if entry.size is None:
            with tree.folder(entry.parts) as folder:
                return folder is not None
        found = tree.open(entry.parts)
        if found is None:
            return False
        with contextlib.closing(found):
            if found.length != entry.size or (modes and tree.is_executable(entry.parts) != entry.executable):
                return False
            return _digest(found, check) == _digest(self._open(entry), check)

    def _open(self, entry: PackedEntry) -> StoredFile:
        return self._content.open(entry.offset, entry.size or 0)

    def write(self, entries: t.Iterable[PackedEntry], tree: FileTree, check: Check, on_written: t.Callable[[], None]) -> None:
        """Write what is missing; ``on_written`` is told of each entry."""
        if self._rests:
            self._pass(lambda _header, _offset, _reader: None, check)
            self._rests = False
        for entry in entries:
            if entry.link is not None:
                tree.write_link(entry.parts, entry.link)
            elif entry.size is None:
                tree.make_folder(entry.parts)
            else:
                tree.write(entry.parts, self._open(entry), check, entry.executable)
            on_written()


def _digest(stream: BlobStream, check: Check) -> Digest:
    counted = CountedDigest(stream)
    with contextlib.closing(counted):
        copy_stream(counted, len, check)
    return counted.digest
