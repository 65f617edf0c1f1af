# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image that was made here, in memory: a manifest, the blobs that are new, and where the others come from."""

from __future__ import annotations

import io
import typing as t

from .image_source import BlobStream, ImageSource
from .manifest import Descriptor, Manifest
from .reference import Digest


class MadeImage:
    """An image source of a manifest and its new ``blobs``; those that it took over are read from ``origin``."""

    is_local = True

    def __init__(self, root: Manifest, blobs: t.Iterable[bytes], origin: ImageSource | None = None) -> None:
        self._root = root
        self._blobs = {Digest.of(blob): blob for blob in blobs}
        self._origin = origin

    @property
    def root(self) -> Manifest:
        """The manifest."""
        return self._root

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Return the manifest of a child, which only an origin has."""
        return t.cast(ImageSource, self._origin).manifest(descriptor)

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        """Return a blob."""
        known = self._blobs.get(descriptor.digest)
        return io.BytesIO(known) if known is not None else t.cast(ImageSource, self._origin).open_blob(descriptor)

    def close(self) -> None:
        """Nothing is held open."""
