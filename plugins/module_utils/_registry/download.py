# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an image from a registry: the same interface as a layout, blobs resumed where a connection breaks."""

from __future__ import annotations

import threading
import typing as t

from .._core.budget import Once
from .._core.cleanup import on_failure
from .._core.errors import NotFound, RegistryError, damaged
from .._http.headers import parse_content_range, parse_part
from .._http.retry import Allowance, Retry
from .._http.transport import Answer
from .._oci.image_source import BLOCK, BlobStream, VerifiedBlob, check_manifests
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest
from .api import RepositoryApi

_MORE_TIMES = 4  # that a blob may be read again from its first byte, besides once for each of ``retries``

Result = t.TypeVar("Result")


class RegistryBlob:
    """The body of a blob; after a broken connection it goes on with the byte that is missing.

    Further attempts are counted anew only after a whole block: a connection that breaks at every byte is given up.
    """

    def __init__(self, api: RepositoryApi, descriptor: Descriptor, retries: int) -> None:
        self._api = api
        self._descriptor = descriptor
        self._retries = retries
        self._retry = Retry(retries)
        self._position = 0
        self._progress = 0
        self._to_skip = Allowance(descriptor.size, retries + _MORE_TIMES, self._endless)
        self._answer: Answer | None = None
        self._answer = self._persist(self._open)

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, b"" at the end."""
        block = self._persist(lambda: self._read_on(amount))
        self._position += len(block)
        self._progress += len(block)
        return block

    def _persist(self, step: t.Callable[[], Result]) -> Result:
        while True:
            try:
                return step()
            except RegistryError as error:
                self.close()
                if self._progress >= BLOCK:
                    self._retry = Retry(self._retries)
                self._progress = 0
                if not self._retry.after_error(error):
                    raise

    def _read_on(self, amount: int) -> bytes:
        if self._answer is None:
            self._answer = self._open()
        block = self._answer.read(amount)
        ends_with_connection = self._answer.length is None and "Transfer-Encoding" not in self._answer.headers
        may_go_on = ends_with_connection or self._answer.status == 206
        if not block and amount and may_go_on and self._position < self._descriptor.size:
            # Nothing but the size tells the end of such a body from a broken connection; and a part may be less than what was asked for.
            raise RegistryError(
                f"{self._answer.target.origin.authority} closed the connection after {self._position} of {self._descriptor.size} bytes.",
                "network",
                passing=True,
            )
        return block

    def _open(self) -> Answer:
        """Return an answer that stands at the byte that is missing; one with another part is not used."""
        answer = self._ask(self._position)
        start = self._start_of(answer)
        if start is None:
            answer.close()
            answer, start = self._ask(0), 0
        with on_failure(answer.close):
            self._skip(answer, self._position - start)
        return answer

    def _ask(self, start: int) -> Answer:
        try:
            answer = self._api.get_blob(self._descriptor.digest, start)
        except RegistryError as error:
            # A request without an answer was repeated already; an answer may be another one next time.
            error.passing = error.passing and error.status is not None
            raise
        if answer.coding == "gzip" and self._is_as_stored(answer):
            answer.coding = ""
        return answer

    def _is_as_stored(self, answer: Answer) -> bool:
        """Tell whether a body that is called compressed is the blob itself: stores name so the coding that a layer was made with."""
        size, length = self._descriptor.size, answer.length
        if answer.status == 200:
            return length == size if length is not None else self._descriptor.media_type.endswith("gzip")
        part = parse_part(answer.headers.get("Content-Range"))
        return part is not None and part[1] == size and length in (None, part[0])

    def _start_of(self, answer: Answer) -> int | None:
        if answer.status == 200:
            return 0
        if answer.coding:
            return None  # a part of what is compressed cannot be joined to the blob
        start = parse_content_range(answer.headers.get("Content-Range")) if answer.status == 206 else None
        return start if start in (0, self._position) else None

    def _skip(self, answer: Answer, left: int) -> None:
        while left:
            block = answer.read(min(left, BLOCK))
            if not block:
                raise RegistryError(f"The blob {self._descriptor.digest} became shorter while it was read.", "invalid_response")
            self._to_skip.take(len(block))
            left -= len(block)

    def _endless(self) -> RegistryError:
        return RegistryError(
            f"The connection broke repeatedly while the blob {self._descriptor.digest} was read from {self._api.name}, and the "
            "registry does not support resuming a download.",
            "network",
        )

    def close(self) -> None:
        """Let go of the connection."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()


def open_blob(api: RepositoryApi, descriptor: Descriptor, retries: int) -> BlobStream:
    """Return the content of a config or layer of a repository, verified while it is read."""
    return VerifiedBlob(RegistryBlob(api, descriptor, retries), descriptor, api.name, reference=api.name)


class RegistryImage:
    """An image or index in a registry as an image source."""

    is_local = False

    def __init__(self, api: RepositoryApi, root: Manifest, retries: int) -> None:
        self.api = api
        self._root = root
        self._retries = retries
        self._known: Once[Digest, Manifest] = Once()
        self._known.get(root.digest, lambda: root)
        self._size = len(root.raw)
        self._lock = threading.Lock()

    @property
    def root(self) -> Manifest:
        """The manifest or index that was asked for."""
        return self._root

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Return the manifest of a child, which must be what ``descriptor`` says; it is read once. That it lacks does not mean the index does."""
        known = self._known.get(descriptor.digest, lambda: self._read(descriptor.digest))
        known.check(descriptor, f"The manifest {descriptor.digest} in {self.api.name}")
        return known

    def _read(self, digest: Digest) -> Manifest:
        try:
            manifest = self.api.get_manifest(str(digest))
        except NotFound as error:
            shown = self.api.display(str(self._root.digest))
            raise damaged(error, f"{shown} is an index and lacks {digest}, which it lists") from None
        with self._lock:
            self._size += len(manifest.raw)
        check_manifests(self._size)
        return manifest

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        """Return the content of a config or layer, verified while it is read."""
        return open_blob(self.api, descriptor, self._retries)

    def close(self) -> None:
        """Nothing is held open."""
