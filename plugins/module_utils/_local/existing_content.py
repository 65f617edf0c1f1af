# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a layout or OCI archive already: found by name, and believed only where it is what its digest says."""

from __future__ import annotations

import typing as t

from .._core.errors import RegistryError
from .._core.fanout import fan_out
from .._oci.image_content import ImageContent, ImageName
from .._oci.image_source import BLOCK
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest
from .files import Store
from .oci_layout import check_version, open_blob, read_index, read_manifest


class ExistingContent:
    """The images of a store; ``roots`` are the entries of its index.json, ``document`` is the whole of it."""

    def __init__(self, store: Store | None, document: dict[str, t.Any], roots: t.Sequence[Descriptor]) -> None:
        self._store = store
        self.document = document
        self.roots = tuple(roots)

    @classmethod
    def read(cls, store: Store) -> ExistingContent:
        """Return what ``store`` holds; ``invalid_source`` where it cannot be understood."""
        check_version(store)
        return cls(store, *read_index(store))

    def entries_with(self, name: ImageName, entry: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        """Return the entries of index.json as they are written there, ``entry`` in the place of the one of ``name`` or at the end."""
        entries = list(self.document.get("manifests", []))
        at = next((number for number, root in enumerate(self.roots) if name.means(root)), len(entries))
        return [*entries[:at], entry, *entries[at + 1 :]]

    def find(self, name: ImageName) -> Descriptor | None:
        """Return the entry of the image ``name``, None where there is none."""
        return next((root for root in self.roots if name.means(root)), None)

    def find_digest(self, digest: Digest) -> Descriptor | None:
        """Return an entry with this digest, None where there is none."""
        return next((root for root in self.roots if root.digest == digest), None)

    def manifest(self, descriptor: Descriptor) -> Manifest | None:
        """Return a manifest, None where it is missing or corrupt."""
        if self._store is None:
            return None
        try:
            return read_manifest(self._store, descriptor)
        except RegistryError:
            return None

    def has(self, descriptor: Descriptor) -> bool:
        """Read a blob to its end and tell whether it is there and what its digest says."""
        if self._store is None:
            return False
        try:
            stream = open_blob(self._store, descriptor)
        except RegistryError:
            return False
        try:
            while stream.read(BLOCK):
                pass
        except RegistryError:
            return False
        finally:
            stream.close()
        return True

    def lacks(self, content: ImageContent, workers: int) -> tuple[tuple[Manifest, ...], tuple[Descriptor, ...]]:
        """Return the manifests and blobs of ``content`` that are missing or corrupt."""
        manifests = tuple(manifest for manifest in content.manifests if self.manifest(manifest.descriptor()) is None)
        there = fan_out(self.has, content.blobs, workers)
        return manifests, tuple(blob for blob, exists in zip(content.blobs, there) if not exists)

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
