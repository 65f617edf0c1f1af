# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tars and their compressions for tests, the same bytes on every run."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """A symbolic (or hard) link as a member of ``tar_bytes``."""

    target: str
    hard: bool = False


def tar_bytes(members: t.Iterable[tuple[str, bytes | Link]], format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar with these members, in this order; the same name may come twice."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o644
            if isinstance(content, Link):
                info.type = tarfile.LNKTYPE if content.hard else tarfile.SYMTYPE
                info.linkname = content.target
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def header(
    name: bytes, size: int | bytes = 0, kind: bytes = b"0", link: bytes = b"", magic: bytes = b"ustar\x0000", prefix: bytes = b""
) -> bytes:
    """One header of a tar, with whatever is to be in it and the right checksum; ``size`` may be the twelve bytes themselves."""
    stated = size if isinstance(size, bytes) else b"%011o\0" % size
    before = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + stated.ljust(12, b"\0") + b"%011o\0" % 0
    after = kind + link.ljust(100, b"\0") + magic + bytes(80) + prefix.ljust(155, b"\0") + bytes(12)
    return before + b"%06o\0 " % (sum(before) + sum(after) + 8 * 32) + after


def member(name: bytes, content: bytes, kind: bytes = b"0", size: int | bytes | None = None) -> bytes:
    """A header and its content with padding; ``size`` is what the header says of it."""
    return header(name, len(content) if size is None else size, kind) + content + bytes(-len(content) % 512)


def pax_record(key: bytes, value: bytes) -> bytes:
    """A record of a pax header."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length += 1
    return b"%d" % length + rest


def zstd(raw: bytes, window_log: int = 21) -> bytes:
    """A valid zstd frame of ``raw``, made without a library: blocks that are stored, not compressed."""
    frame = [b"\x28\xb5\x2f\xfd", bytes([0, (window_log - 10) << 3])]  # it states no length
    blocks = [raw[at : at + 65536] for at in range(0, len(raw), 65536)] or [b""]
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        frame.append((len(block) << 3 | last).to_bytes(3, "little") + block)
    return b"".join(frame)


def _gzip(raw: bytes) -> bytes:
    return gzip.compress(raw, 6, mtime=0)


COMPRESSIONS: dict[str, t.Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": _gzip,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}
