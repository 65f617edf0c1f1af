# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read at any place of a compressed file, in bounded memory and without unpacking it.

The file is decompressed once to learn what is where. On the way small members are kept, and for gzip, whose decompressor can be copied,
a copy is kept at the beginning of large members: each of them is read from there. The other codecs cannot do that. The decompressors
of files that were closed wait where they are, so that reading members in their order goes on instead of beginning anew.
A stream that was compressed with an unusually large window has one decompressor at a time, and threads wait for each other; one thread
may open several files, and closes those that it opened.
"""

from __future__ import annotations

import threading

from .._core.errors import RegistryError
from .._oci.image_source import BLOCK
from .compression import HEAVY, Allowance, Decoder
from .files import FileRange, FileState, LocalFile, MemoryFile, StoredFile

SMALL = 64 * 1024  # bytes of a member that is kept: manifests and configs
MAX_KEPT = 16 * 1024 * 1024  # bytes of all that are kept
MAX_COPIES = 64  # of 40 KiB each, or a little more
MAX_WAITING = 4
_SPACING = 1024 * 1024


class Room:
    """How many bytes small members may take together, those of several files too; safe for several threads."""

    def __init__(self) -> None:
        self._left = MAX_KEPT
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take ``size`` bytes; False where there are not so many left."""
        with self._lock:
            fits = size <= self._left
            self._left -= size if fits else 0
        return fits

    def give_back(self, size: int) -> None:
        """Note that ``size`` bytes are free again."""
        with self._lock:
            self._left += size


class CompressedFile:
    """A compressed file by offset in what it decompresses to; several may share the ``room`` for what is kept of them."""

    def __init__(self, file: LocalFile, codec: str, what: str, memory: int, room: Room | None = None) -> None:
        self._file = file
        self._codec = codec
        self._what = what
        self._memory = memory
        self._allowance = Allowance(file.size)
        self._kept: dict[int, bytes] = {}
        self._room = room or Room()
        self._copies: list[Decoder] = []
        self._spacing = _SPACING
        self._waiting: list[Decoder] = []
        self._lock = threading.Lock()
        self._turn = threading.RLock() if memory >= HEAVY else None

    def forward(self) -> Pass:
        """Return a reader for the first pass, which remembers what later ones need."""
        return Pass(self, self._begin())

    def _begin(self) -> Decoder:
        return Decoder(FileRange(self._file, 0, self._file.size), self._codec, self._what, self._memory, self._allowance)

    def check_end(self, end: int) -> None:
        """Refuse a member that says it ends further on than the file may unpack to; of gzip, which cannot, it is cut off."""
        if self._codec != "gzip":
            self._allowance.check(end, self._what)

    def keeps(self, size: int) -> bool:
        """Tell whether a member of ``size`` bytes shall be kept, and make room for it."""
        return size <= SMALL and self._room.take(size)

    def keep(self, offset: int, content: bytes) -> None:
        """Keep the content of a small member."""
        self._kept[offset] = content

    def forget(self) -> None:
        """Let go of all that was kept; a further first pass has to come before members are read."""
        self._room.give_back(sum(map(len, self._kept.values())))
        self._kept, self._copies, self._waiting, self._spacing = {}, [], [], _SPACING
        self._allowance = Allowance(self._file.size)  # the further pass and what comes after it are as much again

    def mark(self, decoder: Decoder) -> None:
        """Keep a copy of ``decoder``, where that is possible and the last one is far enough away."""
        last = self._copies[-1].position if self._copies else 0
        copy = decoder.copy() if decoder.position - last >= self._spacing else None
        if copy is not None:
            self._copies.append(copy)
        if len(self._copies) > MAX_COPIES:
            self._copies = self._copies[::2]
            self._spacing *= 2

    def open(self, offset: int, size: int) -> StoredFile:
        """Return the ``size`` bytes from ``offset`` on as a file."""
        if offset in self._kept:
            return MemoryFile(self._kept[offset])
        return _Section(self, offset, size)

    def take(self, offset: int) -> Decoder:
        """Return a decoder at or before ``offset``, the nearest there is; it must be given back."""
        if self._turn is not None:
            self._turn.acquire()
        with self._lock:
            nearest = max(
                (decoder for decoder in self._copies + self._waiting if decoder.position <= offset),
                key=lambda decoder: decoder.position,
                default=None,
            )
            if nearest is None:
                if self._turn is not None:
                    self._waiting.clear()
                return self._begin()
            if nearest in self._waiting:
                self._waiting.remove(nearest)
                return nearest
            return nearest.copy() or self._begin()

    def give_back(self, decoder: Decoder | None) -> None:
        """Let ``decoder`` wait for the next reader; None where it failed."""
        with self._lock:
            if decoder is not None:
                self._waiting.append(decoder)
                self._waiting.sort(key=lambda waiting: waiting.position)
                del self._waiting[: -1 if self._turn is not None else -MAX_WAITING]
        if self._turn is not None:
            self._turn.release()

    def ended(self) -> RegistryError:
        """Return the error for a file that is shorter than it was on the first pass, or was closed."""
        return RegistryError(f"{self._what} changed while it was read.", "invalid_source")


class Pass:
    """The first pass over the file."""

    def __init__(self, file: CompressedFile, decoder: Decoder) -> None:
        self._file = file
        self._decoder = decoder

    @property
    def position(self) -> int:
        """How many bytes were decompressed."""
        return self._decoder.position

    def read(self, amount: int) -> bytes:
        """Return ``amount`` bytes, fewer only at the end."""
        parts = b""
        while len(parts) < amount:
            block = self._decoder.read(amount - len(parts))
            if not block:
                break
            parts += block
        return parts

    def pass_over(self, size: int) -> bool:
        """Skip the ``size`` bytes of a member; False where there are fewer."""
        self._file.check_end(self.position + size)
        if self._file.keeps(size):
            offset = self.position
            content = self.read(size)
            self._file.keep(offset, content)
            return len(content) == size
        self._file.mark(self._decoder)
        return _skip(self._decoder, size)


def _skip(decoder: Decoder, size: int) -> bool:
    end = decoder.position + size
    while decoder.position < end:
        if not decoder.read(min(BLOCK, end - decoder.position)):
            return False
    return True


class _Section:
    """Some bytes of a compressed file."""

    state: FileState | None = None  # reading them once more is dear enough to check them once more

    def __init__(self, file: CompressedFile, offset: int, length: int) -> None:
        self._file = file
        self._offset = offset
        self._left = length
        self._decoder: Decoder | None = file.take(offset)
        self._open = True
        self.length = length

    def read(self, amount: int) -> bytes:
        wanted = min(amount, self._left)
        if wanted <= 0:
            return b""
        decoder, self._decoder = self._decoder, None  # one that fails is not given back
        if decoder is None or not _skip(decoder, self._offset - decoder.position):
            raise self._file.ended()
        block = decoder.read(wanted)
        if not block:
            raise self._file.ended()
        self._decoder = decoder
        self._offset += len(block)
        self._left -= len(block)
        return block

    def close(self) -> None:
        if self._open:
            self._open = False
            decoder, self._decoder = self._decoder, None
            self._file.give_back(decoder)
