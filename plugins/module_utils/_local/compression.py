# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams of gzip, bzip2, xz and zstd, decompressed as they are read and never held whole, and what is learnt of a stream on the way."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import threading
import typing as t
import zlib

from .._core.errors import RegistryError, missing_library
from .._oci.image_source import BLOCK, BlobStream
from .._oci.reference import Digest
from .tar import RECORD, is_header

MAGIC_LENGTH = 6
LIGHT = 20 * 1024 * 1024  # bytes that one decompressor may hold: what the tools do by default stays below
HEAVY = 80 * 1024 * 1024  # xz -9 needs 65 MiB
MOST_RATIO = 1100  # what gzip can do at most is 1032
FREE = 3 * 1024**3  # bytes that a source may unpack to whatever its size: other codecs make almost nothing of a sparse file
_READINGS = 3  # a source is read more than once: to list it, to check its layers, to send them
_INPUT = 64 * 1024
_MAGIC = {"gzip": b"\x1f\x8b\x08", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00", "zstd": b"\x28\xb5\x2f\xfd"}
_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte 0x50 to 0x5f: a zstd frame of something else, with which pzstd begins
_LEVEL = 6


class TooMuchMemory(RegistryError):
    """The stream was compressed with a window that is larger than was allowed."""


def detect(head: bytes) -> str:
    """Return what ``head``, the first bytes of a stream, says of its compression; "" for none that is known."""
    for codec, magic in _MAGIC.items():
        if head.startswith(magic):
            return codec
    return "zstd" if head[1:4] == _SKIPPABLE and head[0] & 0xF0 == 0x50 else ""


class Allowance:
    """How much a source of ``packed`` bytes may unpack to, in one stream and in all readings together; safe for several threads."""

    def __init__(self, packed: int = 0) -> None:
        self._most = max(FREE, MOST_RATIO * packed)
        self._left = _READINGS * self._most
        self._lock = threading.Lock()

    def check(self, end: int, what: str) -> None:
        """Refuse a stream that goes on to the byte ``end``, or says that it will."""
        if end > self._most:
            raise self._refusal(what)

    def spend(self, count: int, what: str) -> None:
        """Note that ``count`` further bytes were unpacked."""
        with self._lock:
            self._left -= count
        if self._left < 0:
            raise self._refusal(what)

    def _refusal(self, what: str) -> RegistryError:
        return RegistryError(
            f"{what} unpacks to more than {self._most} bytes: the limit is {FREE >> 30} GiB, or {MOST_RATIO} times its own size if that is more. "
            "If you trust it, decompress it first.",
            "limit",
        )


class _Gzip:
    """zlib with the manners of its siblings, and able to be copied where it stands."""

    def __init__(self, inner: t.Any = None, tail: bytes = b"", needs_input: bool = True) -> None:
        self._inner = inner or zlib.decompressobj(31)
        self._tail = tail
        self.needs_input = needs_input

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return t.cast(bytes, self._inner.unused_data)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        block: bytes = self._inner.decompress(self._tail + data, max_length)
        self._tail = self._inner.unconsumed_tail
        self.needs_input = not self._tail and len(block) < max_length
        return block

    def copy(self) -> _Gzip:
        return _Gzip(self._inner.copy(), self._tail, self.needs_input)


class Decoder:
    """Decompresses ``stream``, several members after each other too, as far as ``allowance`` goes; ``what`` names it in errors."""

    def __init__(self, stream: BlobStream, codec: str, what: str, memory: int = LIGHT, allowance: Allowance | None = None) -> None:
        self._stream = stream
        self._codec = codec
        self._what = what
        self._memory = memory
        self._allowance = allowance or Allowance()
        self._pull, self._engine = _start(codec, memory, what, stream)
        self._pending = b""
        self._ended = False
        self.position = 0

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""
        try:
            block: bytes = self._pull(amount) if self._pull else self._decompress(amount)
        except RegistryError:
            raise
        except Exception as error:
            # Each library has an exception of its own, one of them an optional one, and bz2 raises OSError.
            if "memory" in str(error).lower():
                raise TooMuchMemory(
                    f"{self._what} needs more than {self._memory >> 20} MiB of memory to be decompressed by {self._codec}: "
                    "compress it with a lower level or a smaller window.",
                    "limit",
                ) from None
            raise RegistryError(f"{self._what} is damaged: it cannot be decompressed by {self._codec}.", "invalid_source") from None
        self.position += len(block)
        self._allowance.check(self.position, self._what)
        self._allowance.spend(len(block), self._what)
        return block

    def _decompress(self, amount: int) -> bytes:
        while not self._ended:
            if self._engine.eof:
                self._begin_member()
                continue
            if self._engine.needs_input and not self._pending:
                self._pending = self._stream.read(_INPUT)
                if not self._pending:
                    raise RegistryError(f"{self._what} is truncated: its {self._codec} stream has no end.", "invalid_source")
            data, self._pending = self._pending, b""
            block: bytes = self._engine.decompress(data, amount)
            if block:
                return block
        return b""

    def _begin_member(self) -> None:
        """Go on with what follows a member: another one; zeros between them are padding, anything else is not ours."""
        rest = self._engine.unused_data.lstrip(b"\0")
        while len(rest) < MAGIC_LENGTH:
            more = self._stream.read(_INPUT)
            if not more:
                break
            rest = (rest + more).lstrip(b"\0")
        if detect(rest) == self._codec:
            self._pull, self._engine = _start(self._codec, self._memory, self._what, self._stream)
            self._pending = rest
        else:
            self._ended = True

    def copy(self) -> Decoder | None:
        """Return a second decoder that goes on from the same byte; None for codecs that cannot."""
        if not isinstance(self._engine, _Gzip):
            return None
        copy = Decoder(t.cast(t.Any, self._stream).copy(), self._codec, self._what, self._memory, self._allowance)
        copy._engine = self._engine.copy()
        copy._pending, copy._ended, copy.position = self._pending, self._ended, self.position
        return copy

    def close(self) -> None:
        """Close what is decompressed."""
        self._stream.close()


def _start(codec: str, memory: int, what: str, stream: BlobStream) -> tuple[t.Callable[[int], bytes] | None, t.Any]:
    """Return a new engine; or for the package zstandard, which has none of that kind, a function that reads all of ``stream``."""
    if codec == "gzip":
        return None, _Gzip()
    if codec == "bzip2":
        return None, bz2.BZ2Decompressor()
    if codec == "xz":
        return None, lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=memory)
    window = memory.bit_length() - 1
    try:
        from compression import zstd

        return None, zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: window})
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError:
        raise missing_library("zstandard", f"{what} is compressed with zstd, which requires Python 3.14 or a library. ") from None
    reader = zstandard.ZstdDecompressor(max_window_size=1 << window).stream_reader(
        t.cast(t.Any, stream), read_across_frames=True, closefd=False
    )
    return reader.read, None


class GzipStream:
    """Another stream compressed as it is read: the same bytes for the same content, with neither time nor name."""

    def __init__(self, stream: BlobStream) -> None:
        self._stream = stream
        self._engine = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
        self._ready = b""
        self._ended = False

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""
        while not self._ready and not self._ended:
            block = self._stream.read(BLOCK)
            self._ready = self._engine.compress(block) if block else self._engine.flush()
            self._ended = not block
        block, self._ready = self._ready[:amount], self._ready[amount:]
        return block

    def close(self) -> None:
        """Close what is compressed."""
        self._stream.close()


class BegunStream:
    """A layer whose first bytes were looked at: ``codec`` is its compression, "" for a tar without; it is still read from its first byte."""

    def __init__(self, stream: BlobStream) -> None:
        self._stream = stream
        self._left = b""
        while len(self._left) < RECORD:
            block = stream.read(RECORD - len(self._left))
            if not block:
                break
            self._left += block
        self.codec = "" if is_header(self._left) else detect(self._left)

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""
        block, self._left = self._left[:amount], self._left[amount:]
        return block or self._stream.read(amount)

    def close(self) -> None:
        """Close the stream beneath."""
        self._stream.close()


class CountedDigest:
    """A stream whose digest and length are taken as it is read."""

    def __init__(self, stream: BlobStream, algorithm: str = "sha256") -> None:
        self._stream = stream
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm)
        self.length = 0

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""
        block = self._stream.read(amount)
        self._hash.update(block)
        self.length += len(block)
        return block

    def close(self) -> None:
        """Close the stream beneath."""
        self._stream.close()

    @property
    def digest(self) -> Digest:
        """The digest of what was read."""
        return Digest(self._algorithm, self._hash.hexdigest())
