# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tar archive as a store of files: compressed or not, it is read where it lies and nothing is unpacked."""

from __future__ import annotations

import typing as t

from .._core.budget import Budget
from .._core.errors import RegistryError
from .compressed_file import CompressedFile
from .compression import HEAVY, LIGHT, TooMuchMemory, detect
from .files import FileRange, LocalFile, MissingFile, StoredFile
from .tar import RECORD, is_header
from .tar_members import Members, scan


class Archive:
    """The members of a tar archive as files; safe for several threads. Links are followed inside the archive only."""

    def __init__(self, file: LocalFile, budget: Budget | None = None) -> None:
        self.path = file.path
        self._file = file
        self.budget = budget or Budget()
        self._content, self._members = self._read()

    def _read(self) -> tuple[_Plain | CompressedFile, Members]:
        what = f"The archive {self.path}"
        head = self._file.read_at(0, RECORD)
        if is_header(head):
            plain = _Plain(self._file)
            return plain, scan(plain, what, self.budget)
        codec = detect(head)
        if not codec:
            fault = "is not a tar archive, plain or compressed with gzip, bzip2, xz or zstd" if head.strip(b"\0") else "is empty"
            raise RegistryError(f"The file {self.path} {fault}: it contains no image.", "invalid_source")
        content = CompressedFile(self._file, codec, what, LIGHT)
        try:
            return content, scan(content.forward(), what, self.budget)
        except TooMuchMemory:
            content = CompressedFile(self._file, codec, what, HEAVY)
            return content, scan(content.forward(), what, self.budget)

    @property
    def is_local(self) -> bool:
        """Whether files can be read twice at little cost: not where each reading decompresses anew."""
        return isinstance(self._content, _Plain)

    @property
    def names(self) -> t.Iterable[str]:
        """The names of all members."""
        return self._members.keys()

    def has(self, name: str) -> bool:
        """Tell whether there is a file ``name``."""
        return self._members.find(name) is not None

    def repeats(self, name: str) -> bool:
        """Tell whether several members are called ``name``."""
        return name in self._members.repeated

    def size_of(self, names: t.Iterable[str]) -> int:
        """Return the bytes of the whole archive, which are those of any files in it."""
        return self._file.size

    def open(self, name: str) -> StoredFile:
        """Open the file ``name``."""
        member = self._members.find(name)
        if member is None:
            raise MissingFile(name, self.path)
        return self._content.open(member.offset, member.size)

    def close(self) -> None:
        """Close the archive."""
        self._file.close()


class _Plain:
    """A tar that is not compressed: read by offset."""

    def __init__(self, file: LocalFile) -> None:
        self._file = file
        self.position = 0

    def read(self, amount: int) -> bytes:
        block = self._file.read_at(self.position, amount)
        self.position += len(block)
        return block

    def pass_over(self, size: int) -> bool:
        left = self._file.size - self.position
        self.position += min(size, left)
        return size <= left

    def open(self, offset: int, size: int) -> StoredFile:
        return FileRange(self._file, offset, size)
