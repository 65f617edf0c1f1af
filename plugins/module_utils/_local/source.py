# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user named by its path: it is looked at, whatever it is called, and opened as the image that it holds."""

from __future__ import annotations

import typing as t

from .._core.budget import Budget
from .._core.cleanup import on_failure
from .._core.errors import NotFound, RegistryError
from .._core.json import load_object
from .._core.scrub import quoted
from .._oci.manifest import MAX_CONFIG, Manifest
from .._oci.platform import Platform
from .._oci.reference import DIGEST_PREFIXES, Digest
from .._oci.subset import reduce_index
from .files import SAVED_IMAGES, Directory, Store, open_path
from .flat_store import FlatStore, read_single_manifest
from .oci_layout import INDEX, MARKER, LayoutImage, blob_path, check_version, find_root, read_index, read_manifest
from .selection import Candidate, choose

if t.TYPE_CHECKING:  # on a host all is compiled anew for each task: what reads archives is imported where there is one
    from .docker_archive import DockerArchive, ListsLayers

Opened = t.Union[LayoutImage, "DockerArchive"]


def open_source(path: str, source_name: str | None = None, budget: Budget | None = None, platforms: t.Sequence[Platform] = ()) -> Opened:
    """Open the image at ``path``, an OCI layout, a tree of ``dir:`` or an archive; ``source_name`` chooses where there are several.

    What is kept of it is charged to ``budget``. ``platforms`` are those that are wanted of it, if not all are.

    Errors: ``local_io`` (it cannot be read), ``invalid_source`` (what it holds cannot be used), ``digest_mismatch``, ``unsupported``,
    ``limit``, ``missing_library``.
    """
    store = open_store(path, budget or Budget())
    with on_failure(store.close):
        return _open_image(store, source_name, platforms)


def open_store(path: str, budget: Budget) -> Store:
    """Open what lies at ``path`` as a store of files, whatever images it holds."""
    opened = open_path(path)
    if isinstance(opened, Directory):
        opened.budget = budget
        return opened
    from .archive import Archive

    with on_failure(opened.close):
        return Archive(opened, budget)


class Held(t.NamedTuple):
    """What the images of a ``store`` are told by: the index.json of a layout, the manifest.json of docker save, both, or a ``manifest`` alone."""

    store: Store
    has_layout: bool
    has_saved: bool
    manifest: Manifest | None = None


def look_into(store: Store) -> Held:
    """Return what tells the images of a store; ``invalid_source`` where nothing does."""
    if store.has(MARKER) and store.has(INDEX):
        check_version(store)
        return Held(store, True, store.has(SAVED_IMAGES))
    if store.has(SAVED_IMAGES):
        manifest = read_single_manifest(store)
        if manifest is not None:
            return Held(FlatStore(store), False, False, manifest)
        if not isinstance(store, Directory):
            has_index = store.has(INDEX)
            return Held(FlatStore(store) if has_index else store, has_index, True)
    raise RegistryError(f"{store.path} {_what_it_is(store)}", "invalid_source")


def _open_image(store: Store, source_name: str | None, platforms: t.Sequence[Platform]) -> Opened:
    held = look_into(store)
    if held.manifest is not None:
        return LayoutImage(held.store, choose([Candidate((), held.manifest.digest, held.manifest)], source_name, store.path))
    if not held.has_layout:
        return _open_saved(held.store, source_name)
    if held.has_saved:
        return _open_mixed(held.store, source_name, platforms)
    return LayoutImage(held.store, find_root(held.store, source_name))


def _open_saved(store: Store, source_name: str | None, configs: t.Container[Digest] = ()) -> DockerArchive:
    from .docker_archive import DockerArchive

    return DockerArchive(store, source_name, configs)


def _what_it_is(store: Store) -> str:
    from .archive import Archive

    if not isinstance(store, Archive):
        needed = f"is not an OCI layout: a directory needs the files {MARKER} and {INDEX}"
        if store.has(SAVED_IMAGES):
            return f"{needed}. If it is an unpacked archive of docker save, use the archive, or pack it again with tar."
        return f"{needed}, or {SAVED_IMAGES} as skopeo writes it for dir:."
    inner = [name for name in store.names if name.endswith(f"/{MARKER}")]
    if inner:
        return f"has its OCI layout in the directory {quoted(inner[0][: -len(MARKER) - 1], 100)}, not at its top: create the archive from within it."
    folders = {name.partition("/")[0] for name in store.names}
    if len(folders) == 1 and store.has(f"{min(folders)}/{SAVED_IMAGES}"):
        return f"has its {SAVED_IMAGES} in the directory {quoted(min(folders), 100)}, not at its top: create the archive from within it."
    if store.has("repositories"):
        return f"was saved by a Docker version before 1.10 and has no {SAVED_IMAGES}: save it again with a current version."
    return f"contains no image: it has neither {INDEX} with {MARKER} (an OCI archive) nor {SAVED_IMAGES} (docker save)."


def _open_mixed(store: Store, source_name: str | None, platforms: t.Sequence[Platform]) -> Opened:
    """Open an archive of docker save with an index.json: that of Docker 25 or later, which is a layout as well, or of apko.

    The layout counts, with all its platforms, unless its layers are not compressed (Docker's own store), manifest.json lists others, or some
    of it was left out (containerd's store saves an index, but only the platforms it has): then the one image that manifest.json names is
    pushed, as the manifest that it had where that is there. It is pushed for no other index that was asked for by its digest, nor for other
    platforms.
    """
    from .docker_archive import saved_as

    layout = _find_layout(store, source_name) or _find_below(store, source_name)
    is_usable = layout is not None and layout_counts(layout, saved_as(store, layout.root))
    if layout is not None and is_usable and (layout.is_complete or Candidate((), layout.root.digest, None).has(source_name or "")):
        return layout
    saved = _open_saved(store, source_name, layout.configs if layout is not None else ())
    if layout is not None and is_usable and is_index_for(layout, saved, platforms):
        return layout
    return single_image([layout] if layout is not None else _every_layout(store), saved)


# What of the two a push sends, here and where all images of an archive are listed.


def layout_counts(layout: LayoutImage, saved: t.Collection[ListsLayers]) -> bool:
    """Tell whether a layout counts beside manifest.json: its layers are compressed, and what is ``saved`` of it there, if anything, has as many."""
    if layout.root.is_index:
        return True
    return not layout.is_uncompressed and (not saved or any(one.lists_layers_of(layout.root) for one in saved))


def is_index_for(layout: LayoutImage, saved: DockerArchive, platforms: t.Sequence[Platform]) -> bool:
    """Tell whether these platforms are those of an index that lacks others, and the single image that is ``saved`` of it is for another one."""
    return not _is_for(saved, platforms) and _has_platforms(layout, platforms)


def single_image(layouts: t.Iterable[LayoutImage], saved: DockerArchive) -> Opened:
    """Return the image that is ``saved``, as the manifest that it has in one of ``layouts`` where that is there and its layers are compressed."""
    for layout in layouts:
        manifest = layout.find_image(saved.is_image_of)
        if manifest is not None:
            image = layout.with_root(manifest)
            return saved if image.is_uncompressed else image
    return saved


def _is_for(saved: DockerArchive, platforms: t.Sequence[Platform]) -> bool:
    """Tell whether the config of a single image states each of ``platforms``."""
    stated = Platform.from_document(load_object(saved.config, MAX_CONFIG, "The config", "invalid_source"))
    return all(stated is not None and stated.satisfies(platform) for platform in platforms)


def _has_platforms(layout: LayoutImage, platforms: t.Sequence[Platform]) -> bool:
    """Tell whether all of these platforms of an index are there."""
    try:
        chosen = reduce_index(layout.root, platforms, layout.store.path)
    except NotFound:
        return False
    return layout.with_root(chosen).is_complete


def _find_layout(store: Store, source_name: str | None) -> LayoutImage | None:
    try:
        return LayoutImage(store, find_root(store, source_name))
    except RegistryError as error:
        # The two know an image by different names. What is wrong for both is told by the second.
        if error.kind != "invalid_source":
            raise
        return None


def _find_below(store: Store, source_name: str | None) -> LayoutImage | None:
    """Return the image below an index that has the digest ``source_name``: ``list_images`` tells it where the index is not complete."""
    from .docker_archive import list_saved

    name = source_name or ""
    if not name.startswith(DIGEST_PREFIXES) or any(name == str(saved.digest) for saved in list_saved(store)):
        return None
    found = (whole.with_root(manifest) for whole in _every_layout(store) for manifest in whole.reachable() if str(manifest.digest) == name)
    return next(found, None)


def _every_layout(store: Store) -> t.Iterator[LayoutImage]:
    """Yield each image that index.json names and whose manifest is there; what cannot be read is left out."""
    try:
        _document, roots = read_index(store)
    except RegistryError:
        return
    for root in roots:
        if not root.is_manifest or not store.has(blob_path(root.digest)):
            continue
        try:
            manifest = read_manifest(store, root)
        except RegistryError as error:
            if error.kind != "invalid_source":
                raise
            continue
        yield LayoutImage(store, manifest)
