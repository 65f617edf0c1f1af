# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an image from a registry: the same interface as a layout, blobs resumed where a connection breaks."""

from __future__ import annotations

import threading
import typing as t

from ._api import RepositoryApi
from ._errors import RegistryError
from ._headers import parse_content_range
from ._image_source import BlobStream, VerifiedBlob
from ._manifest import MAX_CONFIG, Descriptor, Manifest
from ._reference import Digest
from ._retry import Retry
from ._transport import Answer


class RegistryBlob:
    """The body of a blob; after a broken connection it goes on with the byte that is missing."""

    def __init__(self, api: RepositoryApi, descriptor: Descriptor, retries: int) -> None:
        self._api = api
        self._descriptor = descriptor
        self._retries = retries
        self._retry = Retry(retries)
        self._position = 0
        self._answer: Answer | None = api.get_blob(descriptor.digest)

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""
        while True:
            try:
                if self._answer is None:
                    self._answer = self._resume()
                block = self._answer.read(amount)
            except RegistryError as error:
                self.close()
                if not self._retry.after_error(error):
                    raise
                continue
            if block:
                self._retry = Retry(self._retries)
                self._position += len(block)
            return block

    def _resume(self) -> Answer:
        answer = self._api.get_blob(self._descriptor.digest, self._position)
        start = parse_content_range(answer.headers.get("Content-Range")) if answer.status == 206 else 0
        if start is None or start not in (0, self._position):
            answer.close()
            raise RegistryError(
                f"The registry {self._api.exchange.registry} sent another part of the blob {self._descriptor.digest} than was asked for.",
                "invalid_response",
            )
        left = self._position - start
        while left:
            block = answer.read(min(left, 1024 * 1024))
            if not block:
                raise RegistryError(f"The blob {self._descriptor.digest} became shorter while it was read.", "invalid_response")
            left -= len(block)
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()


class RegistryImage:
    """An image or index in a registry as an image source."""

    is_local = False

    def __init__(self, api: RepositoryApi, root: Manifest, retries: int) -> None:
        self.api = api
        self._root = root
        self._retries = retries
        self._known: dict[Digest, Manifest] = {root.digest: root}
        self._lock = threading.Lock()

    @property
    def root(self) -> Manifest:
        """The manifest or index that was asked for."""
        return self._root

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Return the manifest of a child; it is read once."""
        with self._lock:
            known = self._known.get(descriptor.digest)
        if known is None:
            known = self.api.get_manifest(str(descriptor.digest))
            with self._lock:
                self._known[descriptor.digest] = known
        return known

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        """Return the content of a config or layer, verified while it is read."""
        return VerifiedBlob(RegistryBlob(self.api, descriptor, self._retries), descriptor, self.api.name)

    def close(self) -> None:
        """Nothing is held open."""


def read_small(stream: BlobStream, descriptor: Descriptor, what: str) -> bytes:
    """Return a whole blob of at most 8 MiB, such as a config, and close it."""
    try:
        if descriptor.size > MAX_CONFIG:
            raise RegistryError(f"{what} is larger than the limit of {MAX_CONFIG} bytes.", "limit")
        parts: list[bytes] = []
        while sum(map(len, parts)) < descriptor.size:
            parts.append(stream.read(MAX_CONFIG))
        return b"".join(parts)
    finally:
        stream.close()


def walk(source: t.Any, root: Manifest) -> t.Iterator[tuple[Descriptor, Manifest]]:
    """Yield the children of ``root`` at every depth, each once, a child before the index that names it."""
    seen: set[Digest] = set()

    def visit(index: Manifest, depth: int) -> t.Iterator[tuple[Descriptor, Manifest]]:
        if depth > 8:
            raise RegistryError("The index is nested deeper than 8 levels.", "limit")
        for child in index.children:
            if child.digest in seen or not child.is_manifest:
                continue
            seen.add(child.digest)
            manifest = source.manifest(child)
            yield from visit(manifest, depth + 1)
            yield child, manifest

    return visit(root, 0)
