# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes of an upload: a blob as an HTTP body of known length, from any byte on."""

from __future__ import annotations

import typing as t

from .._core.cleanup import on_failure
from .._core.errors import RegistryError
from .._core.fanout import Cancellation
from .._http.retry import Allowance
from .._oci.image_source import BLOCK, BlobStream
from .._oci.manifest import Descriptor


class BlobBody:
    """A body of exactly ``length`` bytes from a stream, in large blocks whatever amount is asked for; ``on_progress`` hears how many are read."""

    def __init__(
        self,
        stream: BlobStream,
        length: int,
        cancellation: Cancellation,
        allowance: Allowance,
        on_progress: t.Callable[[int], None] = lambda count: None,
    ) -> None:
        self._stream = stream
        self._length = length
        self._left = length
        self._cancellation = cancellation
        self._allowance = allowance
        self._on_progress = on_progress

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> t.Iterator[bytes]:
        while self._left:
            yield self.read()

    def read(self, _amount: int = -1) -> bytes:
        """Return the next block, b"" at the end; raises ``Cancelled`` when the transfer was stopped."""
        self._cancellation.check()
        self._on_progress(self._length - self._left)  # what was handed out before is sent by now
        if not self._left:
            return b""
        block = self._stream.read(min(BLOCK, self._left))
        if not block:
            raise _shorter()
        self._allowance.take(len(block))
        self._left -= len(block)
        return block


def _shorter() -> RegistryError:
    return RegistryError("The blob became shorter while it was sent.", "invalid_source")


def open_at(open_blob: t.Callable[[Descriptor], BlobStream], descriptor: Descriptor, offset: int, allowance: Allowance) -> BlobStream:
    """Return the content of a blob from byte ``offset`` on; what stands before is read and dropped, as far as ``allowance`` goes."""
    stream = open_blob(descriptor)
    with on_failure(stream.close):
        while offset:
            block = stream.read(min(BLOCK, offset))
            if not block:
                raise _shorter()
            allowance.take(len(block))
            offset -= len(block)
    return stream
