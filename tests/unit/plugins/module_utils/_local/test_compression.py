# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compressed streams: all codecs, in members, cut off and spoilt, within bounded memory."""

from __future__ import annotations

import gzip
import lzma
import sys
import tracemalloc
import zlib

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._local.compression import HEAVY, Decoder, GzipStream, TooMuchMemory, detect
from ansible_collections.ocitools.registry.plugins.module_utils._local.files import MemoryFile
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import CODECS, read_stream, refused
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import COMPRESSIONS, zstd

PACKED = [codec for codec in CODECS if codec]
TEXT = b"".join(b"%d bottles of beer on the wall\n" % number for number in range(20_000))


def decoder(codec: str, raw: bytes, memory: int = HEAVY) -> Decoder:
    """A decoder of these bytes."""
    return Decoder(MemoryFile(raw), codec, "The file", memory)


@pytest.mark.parametrize("codec", COMPRESSIONS)
def test_codecs_are_known_by_their_first_bytes(codec: str) -> None:
    assert detect(COMPRESSIONS[codec](TEXT)) == codec


def test_a_skippable_frame_is_zstd() -> None:
    assert detect(b"\x5a\x2a\x4d\x18\x04\x00\x00\x00") == "zstd"
    assert detect(b"\x6a\x2a\x4d\x18\x04\x00\x00\x00") == ""


@pytest.mark.parametrize("amount", [1000, 4096, 10_000_000])
@pytest.mark.parametrize("codec", PACKED)
def test_what_was_compressed_comes_back(codec: str, amount: int) -> None:
    stream = decoder(codec, COMPRESSIONS[codec](TEXT))
    assert read_stream(stream, amount) == TEXT
    assert stream.position == len(TEXT)


@pytest.mark.parametrize("codec", PACKED)
def test_nothing_compressed_is_nothing(codec: str) -> None:
    assert read_stream(decoder(codec, COMPRESSIONS[codec](b""))) == b""


@pytest.mark.parametrize("codec", PACKED)
def test_members_after_each_other_are_one_stream(codec: str) -> None:
    pack = COMPRESSIONS[codec]
    assert read_stream(decoder(codec, pack(TEXT) + pack(b"") + pack(b"the end"))) == TEXT + b"the end"


@pytest.mark.parametrize("codec", ["gzip", "bzip2", "xz"])
def test_padding_and_strangers_behind_a_member_are_passed_over(codec: str) -> None:
    pack = COMPRESSIONS[codec]
    assert read_stream(decoder(codec, pack(b"one") + bytes(70_000) + pack(b"two") + bytes(8))) == b"onetwo"
    assert read_stream(decoder(codec, pack(b"one") + b"a signature")) == b"one"


@pytest.mark.parametrize("codec", ["gzip", "bzip2", "xz"])
def test_a_stream_that_was_cut_off_is_truncated(codec: str) -> None:
    raw = COMPRESSIONS[codec](TEXT)
    for length in (8, 20, len(raw) // 2, len(raw) - 1):
        with refused("invalid_source", "The file is truncated", codec):
            read_stream(decoder(codec, raw[:length]))


@pytest.mark.parametrize("codec", PACKED)
def test_a_stream_that_was_spoilt_is_damaged(codec: str) -> None:
    raw = bytearray(COMPRESSIONS[codec](TEXT))
    raw[6:14] = b"\xff" * 8
    with refused("invalid_source", "The file is damaged", codec):
        read_stream(decoder(codec, bytes(raw)))


def test_a_wrong_checksum_of_gzip_is_damage() -> None:
    raw = bytearray(COMPRESSIONS["gzip"](TEXT))
    raw[-8] ^= 1
    with refused("invalid_source", "damaged"):
        read_stream(decoder("gzip", bytes(raw)))


@pytest.mark.parametrize("codec", ["gzip", "bzip2", "xz"])
def test_a_bomb_is_read_in_bounded_memory(codec: str) -> None:
    raw = COMPRESSIONS[codec](bytes(32 * 1024 * 1024))
    stream = decoder(codec, raw)
    tracemalloc.start()
    try:
        while stream.read(256 * 1024):
            pass
        assert tracemalloc.get_traced_memory()[1] < (11 if codec == "xz" else 2) * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert stream.position == 32 * 1024 * 1024


def test_a_window_beyond_the_allowance_is_a_clear_error() -> None:
    raw = lzma.compress(TEXT, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 8 * 1024 * 1024}])
    assert read_stream(decoder("xz", raw)) == TEXT
    with refused("limit", "needs more than 4 MiB of memory", "xz"):
        read_stream(decoder("xz", raw, 4 * 1024 * 1024))
    with pytest.raises(TooMuchMemory):
        decoder("xz", raw, 4 * 1024 * 1024).read(10)


def test_zstd_is_read_frame_by_frame_within_bounds() -> None:
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    assert read_stream(decoder("zstd", skippable + zstd(TEXT, 26) + skippable + zstd(b"end"))) == TEXT + b"end"
    with refused("limit", "needs more than 80 MiB", "zstd"):
        read_stream(decoder("zstd", zstd(TEXT, 27)))


def test_without_any_zstd_the_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("zstandard", "compression"):
        monkeypatch.setitem(sys.modules, name, None)
    with refused("missing_library", "The file is compressed with zstd", "Python 3.14 or a library", "zstandard"):
        decoder("zstd", zstd(TEXT))


@pytest.mark.parametrize("codec", PACKED)
def test_a_copy_goes_on_from_the_same_byte_where_there_can_be_one(codec: str) -> None:
    stream = Decoder(_Copyable(COMPRESSIONS[codec](TEXT)), codec, "The file")
    begun = stream.read(70_000)
    copy = stream.copy()
    assert (copy is not None) == (codec == "gzip")
    if copy is not None:
        assert copy.position == len(begun)
        assert begun + read_stream(copy) == TEXT
    assert begun + read_stream(stream) == TEXT


class _Copyable(MemoryFile):
    def copy(self) -> _Copyable:
        copy = _Copyable(self._content)
        copy._at = self._at
        return copy


# Compressing


def test_gzip_is_the_same_for_the_same_content() -> None:
    packed = read_stream(GzipStream(MemoryFile(TEXT)), 1000)
    assert packed == read_stream(GzipStream(MemoryFile(TEXT)), 33)
    assert gzip.decompress(packed) == TEXT
    assert packed[3:8] == bytes(5), "neither a name nor a time"
    assert len(packed) < len(zlib.compress(TEXT, 1))


def test_gzip_of_nothing_is_a_stream_as_well() -> None:
    assert gzip.decompress(read_stream(GzipStream(MemoryFile(b"")))) == b""
