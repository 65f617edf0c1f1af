# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives read where they lie: by several threads, in any order, compressed ones too, and never held whole."""

from __future__ import annotations

import os
import random
import threading
import tracemalloc
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._local import archive as archive_file
from ansible_collections.ocitools.registry.plugins.module_utils._local import compressed_file
from ansible_collections.ocitools.registry.plugins.module_utils._local.archive import Archive
from ansible_collections.ocitools.registry.plugins.module_utils._local.compression import Decoder
from ansible_collections.ocitools.registry.plugins.module_utils._local.files import LocalFile, open_path
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import CODECS, read_stream, refused
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import COMPRESSIONS, tar_bytes

PACKED = [codec for codec in CODECS if codec]
FILES = {f"file{number}": random.Random(number).randbytes(70_000 + number) for number in range(8)}
FILES["small"] = b"{}"
RAW = tar_bytes(FILES.items())


@pytest.fixture
def make(tmp_path: Path) -> t.Iterator[t.Callable[[bytes], Archive]]:
    """A function that writes an archive and opens it."""
    opened: list[Archive] = []

    def write_and_open(raw: bytes) -> Archive:
        path = tmp_path / "image.tar"
        path.write_bytes(raw)
        file = open_path(str(path))
        assert isinstance(file, LocalFile)
        opened.append(Archive(file))
        return opened[-1]

    yield write_and_open
    for archive in opened:
        archive.close()


Make = t.Callable[[bytes], Archive]


def compressed(archive: Archive) -> compressed_file.CompressedFile:
    """Look behind an archive that is compressed."""
    content = archive._content
    assert isinstance(content, compressed_file.CompressedFile)
    return content


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever a compressed file is decompressed from its beginning."""
    count: list[int] = []

    class Counted(Decoder):
        def __init__(self, *args: t.Any) -> None:
            super().__init__(*args)
            count.append(1)

    monkeypatch.setattr(compressed_file, "Decoder", Counted)
    return count


@pytest.mark.parametrize("codec", CODECS)
def test_files_are_read_in_any_order_and_often(make: Make, codec: str) -> None:
    archive = make(COMPRESSIONS[codec](RAW))
    assert archive.is_local == (codec == "")
    names = [*FILES, *reversed(FILES), "small", "file5", "file5"]
    for name in names:
        file = archive.open(name)
        assert file.length == len(FILES[name])
        assert read_stream(file, 70_000) == FILES[name]


@pytest.mark.parametrize("codec", CODECS)
def test_threads_read_at_the_same_time(make: Make, codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed_file, "_SPACING", 1)
    archive = make(COMPRESSIONS[codec](RAW))
    together = threading.Barrier(4, timeout=30)

    def read(number: int) -> None:
        names = list(FILES)
        random.Random(number).shuffle(names)
        together.wait()
        for name in names:
            assert read_stream(archive.open(name), 30_000) == FILES[name]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4)))


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_may_be_closed_before_its_end(make: Make, codec: str) -> None:
    archive = make(COMPRESSIONS[codec](RAW))
    for _attempt in range(3):
        file = archive.open("file3")
        assert file.read(1000) == FILES["file3"][:1000]
        file.close()
        file.close()
    assert read_stream(archive.open("file3")) == FILES["file3"]


@pytest.mark.parametrize("codec", ["bzip2", "xz"])
def test_reading_in_order_goes_on_instead_of_beginning_anew(make: Make, begun: list[int], codec: str) -> None:
    archive = make(COMPRESSIONS[codec](RAW))
    for name in FILES:
        read_stream(archive.open(name))
    assert len(begun) == 2, "one pass for what is where, one for all files"
    read_stream(archive.open("file2"))
    assert len(begun) == 3


def test_gzip_is_read_from_near_the_file(make: Make, begun: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed_file, "_SPACING", 1)
    archive = make(COMPRESSIONS["gzip"](RAW))
    passes = len(begun)
    for name in reversed(FILES):
        read_stream(archive.open(name))
    assert len(begun) == passes


def test_copies_of_a_decompressor_are_few(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed_file, "_SPACING", 1)
    monkeypatch.setattr(compressed_file, "MAX_COPIES", 4)
    archive = make(COMPRESSIONS["gzip"](RAW))
    assert len(compressed(archive)._copies) <= 4
    assert all(read_stream(archive.open(name)) == FILES[name] for name in FILES)


def test_small_files_are_kept_as_long_as_there_is_room(make: Make, begun: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed_file, "MAX_KEPT", 1000)
    files = {f"{number}": bytes([number]) * 300 for number in range(5)}
    archive = make(COMPRESSIONS["xz"](tar_bytes(files.items())))
    for name in ("2", "1", "0"):
        assert read_stream(archive.open(name)) == files[name]
    assert len(begun) == 1
    for name in ("4", "3"):
        assert read_stream(archive.open(name)) == files[name]
    assert len(begun) == 3


def test_a_large_window_has_one_reader_at_a_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_file, "LIGHT", 1024 * 1024)
    archive = make(COMPRESSIONS["xz"](RAW))
    first = archive.open("file1")
    done: list[bytes] = []
    second = threading.Thread(target=lambda: done.append(read_stream(archive.open("file0"))))
    second.start()
    assert read_stream(first) == FILES["file1"]
    second.join(30)
    assert done == [FILES["file0"]]
    assert len(compressed(archive)._waiting) == 1


def test_a_thread_does_not_wait_for_itself(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_file, "LIGHT", 1024 * 1024)
    archive = make(COMPRESSIONS["xz"](RAW))
    found: list[bytes] = []

    def read_two() -> None:
        first, second = archive.open("file1"), archive.open("file2")
        found.extend([first.read(10), read_stream(second), read_stream(first)])

    for _attempt in range(2):
        thread = threading.Thread(target=read_two, daemon=True)
        thread.start()
        thread.join(30)
    assert b"".join(found) == (FILES["file1"][:10] + FILES["file2"] + FILES["file1"][10:]) * 2


def test_a_window_beyond_all_allowance_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_file, "LIGHT", 1024 * 1024)
    monkeypatch.setattr(archive_file, "HEAVY", 2 * 1024 * 1024)
    with refused("limit", "The archive", "needs more than 2 MiB", "xz"):
        make(COMPRESSIONS["xz"](RAW))


@pytest.mark.parametrize("codec", ["", "gzip", "bzip2", "xz"])
def test_memory_is_bounded_whatever_the_size(make: Make, codec: str) -> None:
    size = 32 * 1024 * 1024
    raw = COMPRESSIONS[codec](tar_bytes([("large", bytes(size)), ("last", b"x" * 100)]))
    tracemalloc.start()
    try:
        archive = make(raw)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        file, length = archive.open("large"), 0
        while True:
            block = file.read(1024 * 1024)
            if not block:
                break
            length += len(block)
        assert length == size
        assert tracemalloc.get_traced_memory()[1] - before < 14 * 1024 * 1024, "xz alone holds 8 MiB"
    finally:
        tracemalloc.stop()


# Files that change while they are read


def test_a_file_that_became_shorter(make: Make, tmp_path: Path) -> None:
    archive = make(RAW)
    os.truncate(tmp_path / "image.tar", 1000)
    with refused("invalid_source", "became shorter while it was read"):
        read_stream(archive.open("file1"))


def test_a_compressed_file_that_became_shorter(make: Make, tmp_path: Path) -> None:
    raw = COMPRESSIONS["xz"](RAW)
    archive = make(raw)
    os.truncate(tmp_path / "image.tar", len(raw) // 2)
    file = archive.open("file7")
    with refused("invalid_source", "image.tar became shorter while it was read"):
        read_stream(file)
    with refused("invalid_source", "image.tar"):
        file.read(1)


def test_a_compressed_file_that_is_another_now(make: Make, tmp_path: Path) -> None:
    archive = make(COMPRESSIONS["bzip2"](RAW))
    (tmp_path / "image.tar").write_bytes(COMPRESSIONS["bzip2"](b"short").ljust(3_000_000, b"\0"))
    with refused("invalid_source", "The archive", "changed while it was read"):
        read_stream(archive.open("file7"))


# What is no archive


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "is empty"),
        (bytes(2048), "is empty"),
        (b"#!/bin/sh\n", "is not a tar archive, plain or compressed"),
        (b"x" * 5000, "is not a tar archive, plain or compressed"),
        (RAW[:511], "is not a tar archive"),
        (COMPRESSIONS["gzip"](b"text"), "is not a tar archive"),
        (COMPRESSIONS["gzip"](b"text" * 1000), "is not a tar archive"),
        (COMPRESSIONS["xz"](RAW)[:1000], "is truncated"),
        (COMPRESSIONS["bzip2"](RAW)[:1000], "is truncated"),
        (COMPRESSIONS["gzip"](RAW)[:100_000], "is truncated"),
        (COMPRESSIONS["gzip"](RAW[:100_000]), "is truncated: it ends after 100000 bytes"),
        (RAW[:100_000], "is truncated: it ends after 100000 bytes"),
    ],
)
def test_files_that_are_no_archives(make: Make, raw: bytes, words: str) -> None:
    with refused("invalid_source", "image.tar", words):
        make(raw)


def test_a_tar_that_begins_like_a_compressed_file(make: Make) -> None:
    assert read_stream(make(tar_bytes([("BZh9", b"a name")])).open("BZh9")) == b"a name"
