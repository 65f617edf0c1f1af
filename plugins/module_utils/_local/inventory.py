# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All images that a path holds, each as a push of it alone would read it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._oci.reference import Digest
from .docker_archive import DockerArchive, list_saved
from .files import SAVED_IMAGES, Directory, Store
from .flat_store import FlatStore, read_single_manifest
from .oci_layout import INDEX, MARKER, LayoutImage, check_version, list_roots, open_root
from .selection import merge_names
from .source import Opened, no_image


@dataclass(frozen=True)
class NamedImage:
    """An image with the names that it goes by at its path; ``source`` reads it until the store is closed."""

    names: tuple[str, ...]
    source: Opened

    @property
    def digest(self) -> Digest:
        """The digest of the image, or of its config where the archive has no manifest of it."""
        return self.source.root.digest if isinstance(self.source, LayoutImage) else self.source.config_digest


def list_images(store: Store) -> list[NamedImage]:
    """Return the images in ``store``, in its order; errors as of ``open_source``."""
    if store.has(MARKER) and store.has(INDEX):
        check_version(store)
        return _list_mixed(store) if store.has(SAVED_IMAGES) else _list_layout(store)
    if store.has(SAVED_IMAGES):
        manifest = read_single_manifest(store)
        if manifest is not None:
            return [NamedImage((), LayoutImage(FlatStore(store), manifest))]
        if not isinstance(store, Directory):
            return _list_mixed(FlatStore(store)) if store.has(INDEX) else _list_saved(store)
    raise no_image(store)


def _list_layout(store: Store) -> list[NamedImage]:
    return [NamedImage(candidate.names, open_root(store, candidate)) for candidate in list_roots(store)]


def _list_saved(store: Store) -> list[NamedImage]:
    candidates = merge_names(list_saved(store))
    return [NamedImage(candidate.names, DockerArchive(store, None, candidates=[candidate])) for candidate in candidates]


def _list_mixed(store: Store) -> list[NamedImage]:
    """Return the images of an archive that is a layout as well; each once, where both name it."""
    try:
        layouts = [(image, t.cast(LayoutImage, image.source)) for image in _list_layout(store)]
    except RegistryError as error:
        if error.kind != "invalid_source":
            raise
        layouts = []
    by_config = {config: (image.names, layout) for image, layout in layouts for config in layout.configs}
    found: dict[Digest, NamedImage] = {}
    for image in _list_saved(store):
        saved = t.cast(DockerArchive, image.source)
        names, layout = by_config.get(saved.config_digest, ((), None))
        source = _pushed(store, layout, saved) if layout is not None else saved
        key = NamedImage((), source).digest
        known = found[key].names if key in found else ()
        found[key] = NamedImage(tuple(dict.fromkeys([*known, *image.names, *names])), source)
    told = {config for image in found.values() for config in _configs(image.source)}
    return [*found.values(), *(image for image, layout in layouts if not layout.configs & told)]


def _configs(source: Opened) -> frozenset[Digest]:
    return source.configs if isinstance(source, LayoutImage) else frozenset([source.config_digest])


def _pushed(store: Store, layout: LayoutImage, saved: DockerArchive) -> Opened:
    """Return what of the two a push sends: the layout, unless some of it is missing or its layers are not compressed."""
    if layout.is_complete and not layout.is_uncompressed:
        return layout
    manifest = layout.find_image(saved.is_image_of)
    image = LayoutImage(store, manifest) if manifest is not None else None
    return image if image is not None and not image.is_uncompressed else saved
