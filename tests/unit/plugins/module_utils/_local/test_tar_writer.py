# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers of tar archives, read back by Python's own tarfile and by the collection's reader."""

from __future__ import annotations

import io
import tarfile

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.budget import Budget
from ansible_collections.ocitools.registry.plugins.module_utils._local.tar_members import scan
from ansible_collections.ocitools.registry.plugins.module_utils._local.tar_writer import end_of, header

SHA512 = "blobs/sha512/" + "0123456789abcdef" * 8
SIZES = [0, 1, 511, 512, 513, 8**11 - 1, 8**11, 2**53]


class Endless:
    """An archive of which only the headers are there: contents are passed over, and zeros follow."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.position = 0

    def read(self, amount: int) -> bytes:
        block, self._raw = self._raw[:amount].ljust(amount, b"\0"), self._raw[amount:]
        self.position += amount
        return block

    def pass_over(self, size: int) -> bool:
        self.position += size
        return True


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["index.json", "a" * 99, "a" * 100, "a" * 101, SHA512])
def test_headers_are_understood(name: str, size: int) -> None:
    raw = header(name, size)
    assert len(raw) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        member = archive.next()
    assert member is not None
    assert (member.name, member.size, member.isfile(), member.mode) == (name, size, True, 0o644)
    assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
    members = scan(Endless(raw), "The archive", Budget())
    assert list(members) == [name]
    assert members[name] == (len(raw), size, "")


@pytest.mark.parametrize("length", [*range(101, 110), 970, 980, 990, 995, 1000])
def test_the_length_of_a_long_name_counts_itself(length: int) -> None:
    with tarfile.open(fileobj=io.BytesIO(header("n" * length, 0))) as archive:
        assert archive.getnames() == ["n" * length]


def test_the_length_of_a_header_does_not_depend_on_the_size() -> None:
    assert {len(header("layer.tar", size)) for size in SIZES} == {512}
    assert len({len(header(SHA512, size)) for size in SIZES}) == 1


def test_a_directory_is_one() -> None:
    with tarfile.open(fileobj=io.BytesIO(header("blobs/", 0))) as archive:
        member = archive.next()
    assert member is not None
    assert (member.name, member.isdir(), member.mode, member.size) == ("blobs", True, 0o755, 0)


@pytest.mark.parametrize(("position", "end"), [(0, 10240), (512, 10240), (9216, 10240), (9217, 20480), (10240, 20480)])
def test_an_archive_ends_at_a_whole_group(position: int, end: int) -> None:
    assert end_of(position) == end
