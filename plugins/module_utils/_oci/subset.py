# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some platforms of an image: a smaller index, everything else in it untouched."""

from __future__ import annotations

import json
import typing as t

from .._core.budget import Budget
from .._core.errors import NotFound, RegistryError, damaged
from .companions import owner_of
from .image_source import BlobStream, ImageSource, read_config
from .manifest import CONFIG_TYPES, MAX_CONFIG, Descriptor, Manifest
from .platform import Platform


class Subset:
    """An image source that offers only some platforms of the index of another source."""

    def __init__(self, source: ImageSource, platforms: t.Sequence[Platform], what: str, registry: str | None = None) -> None:
        self._source = source
        self._root = reduce_index(source.root, platforms, what, registry)

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


def choose_platforms(source: ImageSource, platforms: t.Sequence[Platform], what: str, registry: str | None = None) -> ImageSource:
    """Return what ``platforms`` leave of an image named ``what``: a smaller index, or a single image as it is, which must be for all of them.

    ``registry`` is where the image is, None for a file. Errors: ``not_found`` for a platform that it lacks.
    """
    if not platforms:
        return source
    if source.root.is_index:
        return Subset(source, platforms, what, registry)
    check_platforms(source, platforms, what, registry)
    return source


def check_platforms(image: ImageSource, platforms: t.Iterable[Platform], what: str, registry: str | None = None) -> None:
    """Raise ``not_found`` where the config of a single image, named ``what``, does not state each of ``platforms``."""
    stated = Platform.from_document(image_config(image, registry or what))
    for platform in platforms:
        if stated is None or not stated.satisfies(platform):
            message = f"{what} is not an image for the platform {platform}; it is for: {stated or 'none'}."
            raise NotFound(message, registry=registry, reference=what if registry else None)


def image_config(image: ImageSource, where: str, budget: Budget | None = None) -> dict[str, t.Any]:
    """Return the config of a single image, which lies ``where``; an empty one where it is no image's config and no JSON object."""
    config = t.cast(Descriptor, image.root.config)
    is_known = config.media_type in CONFIG_TYPES
    if not is_known and ("json" not in config.media_type or config.size > MAX_CONFIG):
        return {}
    try:
        return read_config(image.open_blob(config), config, where, budget)
    except NotFound as error:
        raise damaged(error, f"The image {image.root.digest} of {where} lacks its config {config.digest}") from None
    except RegistryError as error:
        if is_known or error.kind not in ("invalid_response", "limit"):
            raise
        return {}


def reduce_index(index: Manifest, platforms: t.Sequence[Platform], what: str, registry: str | None = None) -> Manifest:
    """Return ``index`` with the images for ``platforms`` and what belongs to them only; itself where that is all of it.

    Errors: ``not_found`` for a platform it lacks.
    """
    kept = {str(index.child(platform, what, registry).digest) for platform in platforms}
    listed = index.document["manifests"] or []
    entries = [entry for entry in listed if entry["digest"] in kept or owner_of(entry.get("annotations") or {}) in kept]
    if len(entries) == len(index.children):
        return index
    document = {**index.document, "manifests": entries}
    return Manifest.parse(json.dumps(document, separators=(",", ":")).encode(), index.media_type)
