# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a layout or OCI archive already: found by name, and believed only where it is what its digest says."""

from __future__ import annotations

from .._core.errors import RegistryError
from .._core.fanout import fan_out
from .._oci.image_content import ImageContent
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest
from .files import FileState, Store
from .layout_index import LayoutIndex
from .oci_layout import check_version, has_blob, read_index, read_manifest


class ExistingContent:
    """The images of a store that its ``index`` names; ``blobs`` keeps how the files were that were found right."""

    def __init__(
        self, store: Store | None = None, index: LayoutIndex | None = None, blobs: dict[Digest, FileState | None] | None = None
    ) -> None:
        self._store = store
        self.index = index or LayoutIndex()
        self._blobs = {} if blobs is None else blobs

    @classmethod
    def read(cls, store: Store) -> ExistingContent:
        """Return what ``store`` holds; ``invalid_source`` where it cannot be understood."""
        check_version(store)
        return cls(store, LayoutIndex(*read_index(store)))

    def manifest(self, descriptor: Descriptor) -> Manifest | None:
        """Return a manifest, None where it is missing or corrupt."""
        if self._store is None:
            return None
        try:
            return read_manifest(self._store, descriptor)
        except RegistryError:
            return None

    def has(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob is there and what its digest says."""
        return self._store is not None and has_blob(self._store, descriptor, self._blobs)

    def lacks(self, content: ImageContent, workers: int) -> tuple[tuple[Manifest, ...], tuple[Descriptor, ...]]:
        """Return the manifests and blobs of ``content`` that are missing or corrupt."""
        manifests = tuple(manifest for manifest in content.manifests if self.manifest(manifest.descriptor()) is None)
        there = fan_out(self.has, content.blobs, workers)
        return manifests, tuple(blob for blob, exists in zip(content.blobs, there) if not exists)

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
