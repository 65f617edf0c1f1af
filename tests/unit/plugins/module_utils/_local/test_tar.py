# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a tar: every form that tools write, and everything that is meant to harm."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import tracemalloc
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._local import tar_members
from ansible_collections.ocitools.registry.plugins.module_utils._local.archive import Archive
from ansible_collections.ocitools.registry.plugins.module_utils._local.files import LocalFile, open_path
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import read_stream, refused
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import COMPRESSIONS, Link, header, member, pax_record, tar_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

END = bytes(1024)
LONG = "blobs/sha512/" + "a" * 128


def archive(raw: bytes) -> Archive:
    """An archive of these bytes, in a file that is removed but open."""
    with tempfile.NamedTemporaryFile(suffix="image.tar") as file:
        file.write(raw)
        file.flush()
        return Archive(t.cast(LocalFile, open_path(file.name)))


def contents(raw: bytes) -> dict[str, bytes]:
    """The files in an archive by name."""
    opened = archive(raw)
    try:
        return {name: read_stream(opened.open(name)) for name in opened.names if opened.has(name)}
    finally:
        opened.close()


def outcome(raw: bytes) -> dict[str, bytes] | RegistryError:
    """The files in an archive, or the error with which it is refused."""
    try:
        return contents(raw)
    except RegistryError as error:
        return error


# What tools write


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_each_format_is_read(format: int) -> None:
    long = "blobs/" + "d" * 60 + "/" + "f" * 60
    files = {"index.json": b"{}", "empty": b"", long: b"x" * 513, "block": b"y" * 512}
    assert contents(tar_bytes(files.items(), format)) == files


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_and_link_targets_of_any_usual_length(format: int) -> None:
    raw = tar_bytes([(LONG, b"content"), ("link", Link(LONG)), ("hard", Link(LONG, hard=True))], format)
    assert contents(raw) == {LONG: b"content", "link": b"content", "hard": b"content"}


def test_names_are_brought_to_their_shortest_form() -> None:
    raw = member(b"./", b"", b"5") + member(b"./index.json", b"1") + member(b"blobs//sha256/./aa", b"2") + member(b"folder/", b"") + END
    opened = archive(raw)
    assert sorted(opened.names) == ["blobs/sha256/aa", "index.json"]
    assert opened.has("./index.json")
    assert not opened.has("folder")


def test_a_header_from_before_ustar() -> None:
    old = header(b"index.json", 2, kind=b"\0", magic=bytes(8), prefix=b"not a prefix then")
    assert contents(old + b"{}" + bytes(510) + END) == {"index.json": b"{}"}


def test_a_prefix_belongs_to_ustar_alone() -> None:
    new, gnu = header(b"name", 0, prefix=b"folder"), header(b"name", 0, magic=b"ustar  \0", prefix=b"13377777777\0" * 2)
    assert contents(new + END) == {"folder/name": b""}
    assert contents(gnu + END) == {"name": b""}


def test_checksums_of_signed_bytes_are_accepted() -> None:
    block = bytearray(header("größe".encode()))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(byte - 256 * (byte > 127) for byte in block)
    assert contents(bytes(block) + END) == {"größe": b""}


def test_sizes_in_binary_form() -> None:
    binary = b"\x80" + (5).to_bytes(11, "big")
    assert contents(member(b"a", b"hello", size=binary) + END) == {"a": b"hello"}


def test_a_pax_size_counts_more_than_that_of_the_header() -> None:
    said = member(b"pax", pax_record(b"size", b"5") + pax_record(b"mtime", b"1.5") + pax_record(b"path", b"b"), b"x")
    assert contents(said + member(b"a", b"hello", size=0) + END) == {"b": b"hello"}


def test_a_pax_name_counts_more_than_gnus() -> None:
    said = member(b"pax", pax_record(b"path", b"new"), b"x") + member(b"././@LongLink", b"old\0", b"L")
    assert contents(said + member(b"a", b"") + END) == {"new": b""}


def test_global_headers_that_say_nothing_of_members_are_passed_over() -> None:
    assert contents(member(b"pax", pax_record(b"comment", b"1f2e3d"), b"g") + member(b"a", b"1") + END) == {"a": b"1"}


def test_the_last_of_several_members_counts_and_is_remembered_as_repeated() -> None:
    raw = tar_bytes([("a", b"first"), ("b", b""), ("./a", b"last")])
    assert contents(raw)["a"] == b"last"
    opened = archive(raw)
    assert (opened.repeats("a"), opened.repeats("b")) == (True, False)


def test_what_follows_the_end_is_not_looked_at() -> None:
    raw = member(b"a", b"1") + END
    assert contents(raw + b"garbage" * 200) == {"a": b"1"}
    assert contents(raw[:-1024]) == {"a": b"1"}, "an end without zeros, as some tools write it"


# Links


def test_links_are_followed_inside_the_archive() -> None:
    raw = tar_bytes([("one/layer.tar", b"layer"), ("two/layer.tar", Link("../one/layer.tar")), ("three", Link("two/layer.tar", hard=True))])
    assert contents(raw)["three"] == b"layer"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "..", "", "nowhere", "a"])
def test_links_that_lead_out_or_nowhere_are_missing(target: str) -> None:
    opened = archive(tar_bytes([("a", Link(target))]))
    assert not opened.has("a")
    with refused("invalid_source", "'a' is missing in", "image.tar"):
        opened.open("a")


def test_links_in_a_circle_are_missing() -> None:
    opened = archive(tar_bytes([("a", Link("b")), ("b", Link("c", hard=True)), ("c", Link("a"))]))
    assert not any(opened.has(name) for name in opened.names)


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up", ".", "..", "n" * 300])
def test_names_that_lead_out_are_left_out(name: str) -> None:
    raw = tar_bytes([(name, b"evil"), ("good", b"1")], tarfile.GNU_FORMAT)
    assert contents(raw) == {"good": b"1"}
    assert not archive(raw).has(name)


# What is meant to harm

HARMFUL = {
    "negative size": (member(b"a", b"", size=b"\xff" * 12), "invalid_source", "an invalid size"),
    "size with a sign": (member(b"a", b"", size=b"-0000000001\0"), "invalid_source", "an invalid size"),
    "huge size": (member(b"a", b"", size=b"\x80" + b"\xff" * 11), "invalid_source", "truncated"),
    "pax size of words": (member(b"p", pax_record(b"size", b"many"), b"x") + member(b"a", b""), "invalid_source", "an invalid size"),
    "pax size negative": (member(b"p", pax_record(b"size", b"-1"), b"x") + member(b"a", b""), "invalid_source", "an invalid size"),
    "checksum": (member(b"a", b"1") + member(b"a", b"1").replace(b"a", b"b", 1), "invalid_source", "wrong checksum"),
    "sparse file": (member(b"a", b"", b"S"), "invalid_source", "type b'S'"),
    "sparse file in pax": (member(b"p", pax_record(b"GNU.sparse.major", b"1"), b"x"), "invalid_source", "sparse"),
    "device": (member(b"sda", b"", b"4"), "invalid_source", "'sda' is neither file, directory nor link"),
    "fifo": (member(b"pipe", b"", b"6"), "invalid_source", "neither file"),
    "long name too long": (member(b"a", b"", b"L", size=2**20 + 1), "limit", "header of 1048577 bytes"),
    "pax headers too long together": (
        b"".join(member(b"p", pax_record(b"comment", b"x" * 1_000_000), b"x") + member(b"a", b"") for _count in range(17)),
        "limit",
        "names and pax headers",
    ),
    "pax header too long": (member(b"a", b"", b"x", size=2**33 - 1), "limit", "header of 8589934591 bytes"),
    "pax record without a length": (member(b"p", b"path=a\n", b"x"), "invalid_source", "pax header"),
    "pax record past the end": (member(b"p", b"99 path=a\n", b"x"), "invalid_source", "pax header"),
    "pax record of no length": (member(b"p", b"0 path=a\n", b"x"), "invalid_source", "pax header"),
    "pax record without a newline": (member(b"p", b"8 path=a", b"x"), "invalid_source", "pax header"),
    "global name": (member(b"p", pax_record(b"path", b"a"), b"g"), "invalid_source", "many members"),
    "nothing after a long name": (member(b"a", b"name\0", b"L"), "invalid_source", "truncated"),
}


@pytest.mark.parametrize("codec", ["", "gzip"])
@pytest.mark.parametrize("case", HARMFUL)
def test_harmful_archives_are_refused(case: str, codec: str) -> None:
    raw, kind, words = HARMFUL[case]
    with refused(kind, "The archive ", "image.tar", words):
        archive(COMPRESSIONS[codec](raw + END))


def test_too_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_members, "MAX_MEMBERS", 50)
    assert len(contents(tar_bytes((f"{number}", b"") for number in range(49)))) == 49
    with refused("limit", "more than the limit of 50 members"):
        archive(tar_bytes((f"{number}", b"") for number in range(51)))


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_bomb_in_a_header_takes_no_memory(kind: bytes) -> None:
    size = 600 * 1024 * 1024
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as file:
        file.write(header(b"a", size, kind))
        file.write(bytes(20 * 1024 * 1024))
    tracemalloc.start()
    try:
        with refused("limit", f"header of {size} bytes"):
            archive(packed.getvalue())
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_cut_off_anywhere_it_is_truncated_or_lacks_the_last_members() -> None:
    files = {"a": b"1" * 700, LONG: b"2" * 512, "c": b"3"}
    raw = tar_bytes(files.items(), tarfile.GNU_FORMAT)
    for length in range(512, len(raw), 31):
        found = outcome(raw[:length])
        if isinstance(found, RegistryError):
            assert found.kind == "invalid_source"
            assert "truncated: it ends after" in found.message
        else:
            assert found.items() <= files.items()
            assert length % 512 == 0 or length > len(raw.rstrip(b"\0")) + 512


# Whatever the bytes are, the answer is a list or one of our errors

VALID = tar_bytes([("a", b"1" * 600), (LONG, b"2"), ("c", Link("a"))])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_spoilt_bytes_never_surprise(data: st.DataObject) -> None:
    raw = bytearray(VALID)
    for _count in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + 1] = data.draw(st.binary(max_size=3))
    if data.draw(st.booleans()):
        raw = bytearray(_with_checksums(bytes(raw)))
    codec = data.draw(st.sampled_from(["", "gzip", "bzip2", "xz"]))
    _read_or_refuse(COMPRESSIONS[codec](bytes(raw)))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=600), st.sampled_from([b"", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"]))
def test_bytes_of_any_kind_never_surprise(raw: bytes, magic: bytes) -> None:
    _read_or_refuse(magic + raw)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"x", b"g", b"L", b"K"]))
def test_extensions_of_any_kind_never_surprise(raw: bytes, kind: bytes) -> None:
    _read_or_refuse(member(b"e", raw, kind) + member(b"a", b"1") + END)


def _with_checksums(raw: bytes) -> bytes:
    """The same tar with right checksums, so that what is spoilt gets past them."""
    blocks = [raw[at : at + 512] for at in range(0, len(raw), 512)]
    return b"".join(
        block[:148] + b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:])) + block[156:] if b"ustar" in block[257:265] else block
        for block in blocks
    )


def _read_or_refuse(raw: bytes) -> None:
    found = outcome(raw)
    if isinstance(found, RegistryError):
        assert found.kind in ("invalid_source", "limit", "missing_library")
    else:
        assert all(len(content) <= len(raw) + 10_000 for content in found.values())
