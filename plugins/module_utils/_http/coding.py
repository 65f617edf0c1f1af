# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Codings of bodies that nobody asked for: made-up ones, which code nothing, and gzip, which is undone block by block."""

from __future__ import annotations

import typing as t
import zlib

from .._core.errors import RegistryError

_CODINGS = frozenset({"gzip", "compress", "deflate", "br", "zstd", "dcb", "dcz", "exi", "pack200-gzip"})  # those that are registered
_BLOCK = 64 * 1024
_SLACK = 1024 * 1024  # how much compressed content may be longer than what it holds


def find_coding(header: str) -> str:
    """Return what a Content-Encoding says was done to a body; names that stores make up (``aws-chunked``, ``none``) code nothing."""
    names = [name.strip(" \t\"'").lower() for name in header.split(",")]
    known = [name[2:] if name in ("x-gzip", "x-compress") else name for name in names]
    return ", ".join(name for name in known if name in _CODINGS)


class GzipBody:
    """Undoes gzip: ``read_raw`` gives the body as it is sent, ``host`` names its sender."""

    def __init__(self, read_raw: t.Callable[[int], bytes], host: str) -> None:
        self._read_raw = read_raw
        self._host = host
        self._unpacker = zlib.decompressobj(31)
        self._pending = b""
        self._taken = 0
        self._given = 0

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes of the content, b"" at its end."""
        while True:
            raw = self._pending or self._read_raw(_BLOCK)
            self._taken += 0 if self._pending else len(raw)
            if not raw and self._unpacker.eof:
                return b""
            if not raw:
                raise RegistryError(f"{self._host} closed the connection before the end of a compressed response.", "network", passing=True)
            if self._unpacker.eof or self._taken > 2 * self._given + _SLACK:
                raise RegistryError(f"{self._host} sent a compressed response with data after its end.", "invalid_response")
            try:
                block = self._unpacker.decompress(raw, amount)
            except zlib.error:
                raise RegistryError(f"{self._host} sent a response that does not match its Content-Encoding.", "invalid_response") from None
            self._pending = self._unpacker.unconsumed_tail or self._unpacker.unused_data
            self._given += len(block)
            if block:
                return block
