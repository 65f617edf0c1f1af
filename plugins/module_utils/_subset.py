# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A smaller index: some platforms of an image, everything else in it untouched."""

from __future__ import annotations

import json
import typing as t

from ._errors import RegistryError
from ._image_source import BlobStream, ImageSource
from ._manifest import ATTESTATION, Descriptor, Manifest
from ._platform import Platform

_ATTESTED = "vnd.docker.reference.digest"


class Subset:
    """An image source that offers only some platforms of the index of another source."""

    def __init__(self, source: ImageSource, platforms: t.Sequence[Platform], what: str) -> None:
        self._source = source
        self._root = reduce_index(source.root, platforms, what)

    @property
    def is_local(self) -> bool:
        """Whether the source beneath is."""
        return self._source.is_local

    @property
    def root(self) -> Manifest:
        """The smaller index."""
        return self._root

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Return a child's manifest."""
        return self._source.manifest(descriptor)

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        """Return a blob's content."""
        return self._source.open_blob(descriptor)

    def close(self) -> None:
        """Close the source beneath."""
        self._source.close()


def reduce_index(index: Manifest, platforms: t.Sequence[Platform], what: str) -> Manifest:
    """Return ``index`` with the images for ``platforms`` and their attestations only; itself where that is all of it.

    Errors: ``not_found`` for a platform it lacks, ``invalid_option`` for a single image.
    """
    if not index.is_index:
        raise RegistryError(f"{what} is a single image: platforms can be chosen only of an index, so leave them out.", "invalid_option")
    kept = {str(index.child(platform, what).digest) for platform in platforms}
    entries = []
    for entry in index.document["manifests"] or []:
        annotations = entry.get("annotations") or {}
        attested = annotations.get(_ATTESTED) if ATTESTATION in annotations else None
        if entry["digest"] in kept or attested in kept:
            entries.append(entry)
    if len(entries) == len(index.children):
        return index
    document = {**index.document, "manifests": entries}
    return Manifest.parse(json.dumps(document, separators=(",", ":")).encode(), index.media_type)
