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


def tar_bytes(members: t.Iterable[tuple[str, bytes | Link]], format: int = tarfile.USTAR_FORMAT) -> bytes:
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


def zstd(raw: bytes) -> bytes:
    """A valid zstd frame of ``raw``, made without a library: blocks that are stored, not compressed."""
    frame = [b"\x28\xb5\x2f\xfd", b"\x00\x58"]  # no content size, a window of 2 MiB
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
