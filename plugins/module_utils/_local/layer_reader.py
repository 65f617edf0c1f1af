# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the layers of an image once, from their first byte to their last: what they hold, without keeping it."""

from __future__ import annotations

import os
import sys
import typing as t

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._core.scrub import quoted
from .._oci.image_source import BLOCK, BlobStream, drain
from .._oci.manifest import Descriptor
from .compression import HEAVY, Allowance, BegunStream, Decoder
from .image_paths import NeededPaths, Parts, split_path
from .tar import Header, HeaderReader

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_LONGEST = 4096  # characters of a path, and its parts
_DEEPEST = 200
_LONGEST_NAME = 255  # bytes of one part
_ENTRY_WEIGHT = 600  # bytes of memory, besides the names
_PART_WEIGHT, _USUAL_PARTS = 80, 10  # for each part of a path that has more than usual
_MARK_WEIGHT = 120  # for each directory that anything is in

Blocks = t.Iterator[bytes]
Wants = t.Callable[[int, Parts, Header], bool]
Keep = t.Callable[[int, Blocks], None]


class Entry(t.NamedTuple):
    """A member of a layer that has to be known; ``number`` is its place in the layer."""

    parts: Parts
    number: int
    header: Header


class LayerContent:
    """What is known of a layer: the entries that were kept, and which directories hold any at all."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.folders: set[int] = set()  # hashes of the paths of directories in which it has anything
        self._stated: set[int] = set()  # and of those that it has an entry for
        self.weight = 0

    @property
    def is_closed(self) -> bool:
        """Whether it has an entry for each directory that it has anything in, so that no layer below says what that is."""
        return self.folders <= self._stated

    def has_anything_in(self, path: Parts) -> bool:
        """Tell whether the layer has entries below ``path``, by that name."""
        return hash(path) in self.folders

    def note(self, parts: Parts, is_directory: bool) -> int:
        """Note that there is an entry; return how many bytes of memory that takes."""
        before = len(self.folders) + len(self._stated)
        if is_directory:
            self._stated.add(hash(parts))
        for length in range(len(parts) - 1, 0, -1):
            mark = hash(parts[:length])
            if mark in self.folders:
                break
            self.folders.add(mark)
        return _MARK_WEIGHT * (len(self.folders) + len(self._stated) - before)


class _Forward:
    """A layer without its compression, as an archive that is read once."""

    def __init__(self, blob: BlobStream, layer: Descriptor, what: str) -> None:
        begun = BegunStream(blob)
        self._stream: BlobStream = Decoder(begun, begun.codec, what, HEAVY, Allowance(layer.size)) if begun.codec else begun
        self.position = 0

    def read(self, amount: int) -> bytes:
        """Return ``amount`` bytes, fewer only at the end."""
        parts = []
        while amount:
            block = self._stream.read(amount)
            if not block:
                break
            parts.append(block)
            amount -= len(block)
            self.position += len(block)
        return b"".join(parts)

    def pass_over(self, size: int) -> bool:
        """Skip ``size`` bytes; False where there are fewer."""
        return all(len(block) for block in self.blocks(size))

    def blocks(self, size: int) -> Blocks:
        """Yield the next ``size`` bytes; an empty block stands for those that are missing."""
        while size:
            block = self._stream.read(min(BLOCK, size))
            self.position += len(block)
            size -= len(block)
            yield block
            if not block:
                return


def read_layer(
    blob: BlobStream, layer: Descriptor, what: str, needed: NeededPaths, wants: Wants, keep: Keep, budget: Budget
) -> LayerContent:
    """Return what is known of a layer; the content of files that are wanted is handed to ``keep``.

    The blob verifies itself at its end, so what was kept counts only when this returns.
    """
    try:
        content = _read(_Forward(blob, layer, what), what, needed, wants, keep, budget)
    except RegistryError as error:
        if error.kind == "invalid_source":
            drain(blob)  # a layer that is not what its digest says is told as that
        raise
    drain(blob)
    return content


def _read(forward: _Forward, what: str, needed: NeededPaths, wants: Wants, keep: Keep, budget: Budget) -> LayerContent:
    content = LayerContent()
    reader = HeaderReader(forward, what, sys.maxsize, sys.maxsize, of_layer=True)
    for number, header in enumerate(reader):
        parts = _parts(header, what)
        weight = content.note(parts, header.is_directory)
        is_kept = parts and (header.kind == b"2" or needed.keeps(parts) or _marks(parts, needed))
        if is_kept:
            weight += _ENTRY_WEIGHT + 2 * len(header.name) + len(header.link) + _PART_WEIGHT * max(len(parts) - _USUAL_PARTS, 0)
        if weight:
            budget.take(weight, "The list of the files in the image")
            content.weight += weight
        if is_kept:
            content.entries.append(Entry(parts, number, header))
        if header.is_file and wants(number, parts, header):
            if header.is_sparse:
                raise reader.damaged(f"{quoted(header.name, 300)} is a sparse file, which is not supported")
            keep(number, _whole(forward, reader, header.size))
            reader.finish(header.size)
        else:
            reader.pass_over(header.size)
    return content


def _parts(header: Header, what: str) -> Parts:
    parts = split_path(header.name) if len(header.name) <= _LONGEST else ()
    if len(header.name) > _LONGEST or len(parts) > _DEEPEST or any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts):
        raise RegistryError(
            f"{what} has a path of {len(header.name)} characters, with more than {_DEEPEST} parts or a part of more than {_LONGEST_NAME} bytes, "
            "which no system supports.",
            "limit",
        )
    return parts


def _marks(parts: Parts, needed: NeededPaths) -> bool:
    """Tell whether an entry says that something that has to be known is not there any more."""
    name = parts[-1]
    if name == OPAQUE:
        return needed.keeps(parts[:-1]) or len(parts) == 1
    return name.startswith(WHITEOUT) and needed.keeps((*parts[:-1], name[len(WHITEOUT) :]))


def _whole(forward: _Forward, reader: HeaderReader, size: int) -> Blocks:
    for block in forward.blocks(size):
        if not block:
            raise reader.truncated()
        yield block
