# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a push or copy reads from: a layout, an archive and a registry offer the same few methods."""

from __future__ import annotations

import typing as t

from .._core.budget import Budget, KeptDocument, weigh
from .._core.errors import RegistryError
from .._core.json import check_twins, load_object
from .companions import UNREAD_TYPES
from .image_config import check_config
from .manifest import CONFIG_TYPES, MAX_CONFIG, MAX_MANIFESTS, Descriptor, Manifest
from .reference import Digest

BLOCK = 1024 * 1024


class BlobStream(t.Protocol):
    """A blob being read from its first byte; closing it early is fine."""

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""

    def close(self) -> None:
        """Release what is held."""


class ImageSource(t.Protocol):
    """One image or index and all that it needs, readable by several threads at a time."""

    @property
    def is_local(self) -> bool:
        """Whether blobs can be read twice at little cost: then small ones are checked before they are sent."""

    @property
    def root(self) -> Manifest:
        """The image's manifest, or its index."""

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Return the verified manifest or index of a child."""

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        """Return the content of a config or layer; the reader checks it against size and digest."""

    def close(self) -> None:
        """Release what the source holds open."""


def check_manifests(size: int) -> None:
    """Refuse an image whose manifests are too large together."""
    if size > MAX_MANIFESTS:
        raise RegistryError(f"The manifests of the image are larger than the limit of {MAX_MANIFESTS} bytes together.", "limit")


def walk(source: ImageSource, root: Manifest) -> t.Iterator[tuple[Descriptor, Manifest]]:
    """Yield the children of ``root`` at every depth, each once, a child before the index that names it."""
    seen: set[tuple[Digest, int, str]] = set()  # one that is listed anew, but otherwise, is held against that too
    size = len(root.raw)

    def visit(index: Manifest, depth: int) -> t.Iterator[tuple[Descriptor, Manifest]]:
        nonlocal size
        if depth > 8:
            raise RegistryError("The index is nested deeper than 8 levels.", "limit")
        for child in index.children:
            stated = (child.digest, child.size, child.media_type)
            if stated in seen or not child.is_manifest:
                continue
            seen.add(stated)
            manifest = source.manifest(child)
            size += len(manifest.raw)
            check_manifests(size)
            yield from visit(manifest, depth + 1)
            yield child, manifest

    return visit(root, 0)


def find_unread(manifests: t.Iterable[Manifest]) -> list[Descriptor]:
    """Return what indexes list of manifests of former times: they cannot be transferred, since nobody knows what they need."""
    return [child for manifest in manifests for child in manifest.children if child.media_type in UNREAD_TYPES]


def unread_error(child: Descriptor, where: str = "") -> RegistryError:
    """Return the error (``unsupported``) of what ``find_unread`` returns; ``where`` says that it is not there already."""
    return RegistryError(
        f"The index lists {child.digest}, a manifest of the unsupported type {child.media_type}{where}: set the option platforms to leave it out.",
        "unsupported",
    )


class VerifiedBlob:
    """Read a blob to its end and hold it against its descriptor; ``origin``, a ``reference`` or a path, and ``kind`` word the error."""

    def __init__(
        self,
        stream: BlobStream,
        descriptor: Descriptor,
        origin: str,
        kind: str = "digest_mismatch",
        reference: str | None = None,
        on_verified: t.Callable[[], None] = lambda: None,
    ) -> None:
        self._stream = stream
        self._descriptor = descriptor
        self._origin = origin
        self._kind = kind
        self._reference = reference
        self._on_verified = on_verified
        self._hash = descriptor.digest.hasher()
        self._count = 0

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes; the last ones only after size and digest were found right."""
        block = self._stream.read(amount)
        self._count += len(block)
        self._hash.update(block)
        if self._count > self._descriptor.size:
            raise self._error(f"is longer than the {self._descriptor.size} bytes that its manifest states")
        if self._count == self._descriptor.size:
            if self._hash.hexdigest() != self._descriptor.digest.hex:
                raise self._error(f"has the digest {self._descriptor.digest.algorithm}:{self._hash.hexdigest()}")
            self._on_verified()
        if not block and amount and self._count < self._descriptor.size:
            raise self._error(f"ends after {self._count} of {self._descriptor.size} bytes")
        return block

    def close(self) -> None:
        """Close the blob beneath."""
        self._stream.close()

    def _error(self, fault: str) -> RegistryError:
        message = f"The blob {self._descriptor.digest} in {self._origin} {fault}: it is corrupt."
        return RegistryError(message, self._kind, reference=self._reference)


class CountedBlob:
    """A blob that tells ``on_progress`` how far it was read."""

    def __init__(self, stream: BlobStream, on_progress: t.Callable[[int], None]) -> None:
        self._stream = stream
        self._on_progress = on_progress
        self._position = 0

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""
        block = self._stream.read(amount)
        self._position += len(block)
        self._on_progress(self._position)
        return block

    def close(self) -> None:
        """Close the blob beneath."""
        self._stream.close()


def copy_stream(stream: BlobStream, write: t.Callable[[bytes], t.Any], check: t.Callable[[], None] = lambda: None) -> None:
    """Hand all that ``stream`` has left to ``write``, in blocks; ``check``, called before each, ends it by raising."""
    while True:
        check()
        block = stream.read(BLOCK)
        if not block:
            return
        write(block)


def drain(stream: BlobStream) -> None:
    """Read ``stream`` to its end and close it; one that verifies its content raises what is wrong with it."""
    try:
        while stream.read(BLOCK):
            pass
    finally:
        stream.close()


def read_config(stream: BlobStream, config: Descriptor, where: str, budget: Budget | None = None) -> dict[str, t.Any]:
    """Return the config of an image, which lies ``where`` and has at most 8 MiB, and close its stream."""
    what = f"The config {config.digest} in {where}"
    try:
        if config.size > MAX_CONFIG:
            raise RegistryError(f"{what} is larger than the limit of {MAX_CONFIG} bytes.", "limit")
        parts: list[bytes] = []
        while sum(map(len, parts)) < config.size:
            parts.append(stream.read(MAX_CONFIG))
            if not parts[-1]:
                raise RegistryError(f"{what} is shorter than {config.size} bytes.", "digest_mismatch")
        raw = b"".join(parts)
        with (budget or Budget()).parsing(raw, what) as loan:
            document = KeptDocument(load_object(raw, MAX_CONFIG, what))
            loan.keep(document, weigh(document))
        if config.media_type in CONFIG_TYPES:
            check_config(document, what)
        else:
            check_twins(document, what)
        return document
    finally:
        stream.close()
