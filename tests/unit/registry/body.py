# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of a request: read on demand, counted and hashed in the record."""

from __future__ import annotations

import hashlib
import typing as t

from .journal import Recorded
from .wire import BLOCK, Channel, ClientLeft, CutOff

KEPT = 4 * 1024 * 1024 + 4096  # bodies up to this size stay in the record


class Body:
    """The body of a request, read on demand; what was read is counted and hashed in the record."""

    def __init__(self, channel: Channel, request: Recorded) -> None:
        self._channel = channel
        self._request = request
        self._hash = hashlib.sha256()
        self._chunked = "chunked" in request.headers.get("Transfer-Encoding").lower()
        length = request.headers.get("Content-Length", "0")
        self._left = int(length) if length.isdigit() else 0
        self.announced = None if self._chunked else self._left
        self.complete = not self._chunked and not self._left
        self._greeted = False
        self._cut: int | None = None
        request.sha256 = self._hash.hexdigest()

    def blocks(self) -> t.Iterator[bytes]:
        """Yield the body; raises ``ClientLeft`` where it breaks off."""
        if not self.complete and not self._greeted and "100-continue" in self._request.headers.get("Expect").lower():
            self._channel.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._greeted = True
        for block in self._chunks() if self._chunked else self._plain():
            self._hash.update(block)
            self._request.length += len(block)
            self._request.sha256 = self._hash.hexdigest()
            if self._request.length <= KEPT and self._request.endpoint not in ("put_upload", "patch_upload", "start_upload"):
                self._request.body += block
            yield block

    def _plain(self) -> t.Iterator[bytes]:
        while self._left:
            block = self._receive()
            self._left -= len(block)
            self.complete = not self._left
            yield block

    def cut(self, count: int) -> None:
        """Have the body break off after ``count`` bytes."""
        self._cut = count

    def _receive(self) -> bytes:
        most = min(self._left, BLOCK)
        if self._cut is not None:
            if self._request.length >= self._cut:
                raise CutOff
            most = min(most, self._cut - self._request.length)
        try:
            block = self._channel.reader.some(most)
        except (OSError, ValueError):
            block = b""
        if not block:
            raise ClientLeft
        return block

    def _chunks(self) -> t.Iterator[bytes]:
        while not self.complete:
            line = self._channel.reader.line().partition(b";")[0].strip()
            try:
                self._left = int(line, 16)
            except ValueError:
                raise ClientLeft from None
            if not self._left:
                while self._channel.reader.line().strip():
                    pass
                self.complete = True
                return
            while self._left:
                block = self._receive()
                self._left -= len(block)
                yield block
            self._channel.reader.line()

    def read(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.blocks())

    def drain(self) -> None:
        """Read what is left of the body."""
        for _block in self.blocks():
            pass
