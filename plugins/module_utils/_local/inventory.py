# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All images that a path holds, each as a push of it alone would read it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._core.errors import RegistryError
from .._oci.platform import Platform
from .._oci.reference import Digest
from .docker_archive import DockerArchive, list_saved
from .files import Store
from .oci_layout import LayoutImage, list_roots, open_root
from .selection import Candidate, merge_names
from .source import Opened, is_index_for, layout_counts, look_into, single_image


@dataclass(frozen=True)
class NamedImage:
    """An image with the names that it goes by at its path; ``source`` reads it until the store is closed.

    If it is the one image of an index that a push without ``platforms`` sends, since others were left out, ``index`` is all there is of it.
    """

    names: tuple[str, ...]
    source: Opened
    index: tuple[LayoutImage, DockerArchive] | None = None

    @property
    def digest(self) -> Digest:
        """The digest of the image, or of its config where the archive has no manifest of it."""
        return self.source.root.digest if isinstance(self.source, LayoutImage) else self.source.config_digest

    @property
    def configs(self) -> frozenset[Digest]:
        """The configs of the image, or of each image of the index."""
        return self.source.configs if isinstance(self.source, LayoutImage) else frozenset([self.source.config_digest])

    @property
    def is_index(self) -> bool:
        """Whether it is an index."""
        return isinstance(self.source, LayoutImage) and self.source.root.is_index

    def of(self, platforms: t.Sequence[Platform]) -> Opened:
        """Return what has these platforms of it."""
        if self.index is not None and is_index_for(*self.index, platforms):
            return self.index[0]
        return self.source

    def has(self, name: str) -> bool:
        """Tell whether it is called ``name``, or that is another spelling of its name."""
        return Candidate(self.names, self.digest, None).has(name)


def leave_out_sums(images: t.Sequence[NamedImage]) -> list[NamedImage]:
    """Return the images without those indexes that have no name while each image of theirs has one of its own."""
    named = {config for image in images if image.names and not image.is_index for config in image.configs}
    return [image for image in images if image.names or not image.is_index or not image.configs <= named]


def list_images(store: Store) -> list[NamedImage]:
    """Return the images in ``store``, in its order; errors as of ``open_source``."""
    held = look_into(store)
    if held.manifest is not None:
        return [NamedImage((), LayoutImage(held.store, held.manifest))]
    if not held.has_layout:
        return _list_saved(held.store)
    return _list_mixed(held.store) if held.has_saved else _list_layout(held.store)


def _list_layout(store: Store) -> list[NamedImage]:
    return [NamedImage(candidate.names, open_root(store, candidate)) for candidate in list_roots(store)]


def _list_saved(store: Store) -> list[NamedImage]:
    candidates = merge_names(list_saved(store))
    return [NamedImage(candidate.names, DockerArchive(store, None, candidates=[candidate])) for candidate in candidates]


def _list_mixed(store: Store) -> list[NamedImage]:
    """Return the images of an archive that is a layout as well; each once, where both name it."""
    try:
        layouts = _list_layout(store)
    except RegistryError as error:
        if error.kind != "invalid_source":
            raise
        layouts = []
    by_config = {config: image for image in layouts for config in image.configs}
    found: dict[Digest, NamedImage] = {}
    for image in _list_saved(store):
        saved = t.cast(DockerArchive, image.source)
        listed = by_config.get(saved.config_digest)
        for one in _shares(image, listed, saved) if listed else [image]:
            known = found[one.digest].names if one.digest in found else ()
            found[one.digest] = replace(one, names=tuple(dict.fromkeys([*known, *one.names])))
    told = {config for image in found.values() for config in image.configs}
    return [*found.values(), *(image for image in layouts if not image.configs & told)]


def _shares(image: NamedImage, listed: NamedImage, saved: DockerArchive) -> t.Iterator[NamedImage]:
    """Yield what a push sends by the names of an image in manifest.json, which is in ``listed`` of the layout.

    Where the layout knows a name, that is the whole of the index; by a name of manifest.json alone it is the one image.
    """
    layout = t.cast(LayoutImage, listed.source)
    source = layout if layout.is_complete and layout_counts(layout, [saved]) else single_image([layout], saved)
    alone = tuple(name for name in image.names if not listed.has(name)) if source is layout and listed.is_index else ()
    index = (layout, saved) if source is not layout and listed.is_index else None
    yield NamedImage((*(name for name in image.names if name not in alone), *listed.names), source, index)
    if alone:
        yield NamedImage(alone, single_image([layout], saved))
