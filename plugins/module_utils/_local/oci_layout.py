# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OCI image layout, in a directory or in an archive, as an image source."""

from __future__ import annotations

import contextlib
import json
import typing as t

from .._core.errors import RegistryError
from .._core.json import check_spelling, load_object
from .._core.scrub import quoted
from .._oci.image_source import BLOCK, BlobStream, VerifiedBlob
from .._oci.manifest import MAX_MANIFEST, UNCOMPRESSED_TYPES, Descriptor, Manifest
from .._oci.reference import Digest
from .files import FileState, Store, StoredFile, read_all, read_file
from .selection import Candidate, choose, merge_names

MARKER = "oci-layout"
INDEX = "index.json"
_NAMES = ("org.opencontainers.image.ref.name", "io.containerd.image.name")
MAX_INDEX = 8 * 1024 * 1024
MAX_IMAGES = 10_000  # in one layout: an export puts all tags of a repository into one
_MAX_MARKER = 64 * 1024


@contextlib.contextmanager
def reading_source() -> t.Iterator[None]:
    """Call what cannot be understood ``invalid_source``: no registry sent it."""
    try:
        yield
    except RegistryError as error:
        if error.kind != "invalid_response":
            raise
        raise RegistryError(error.message, "invalid_source") from None


def read_index(store: Store) -> tuple[dict[str, t.Any], list[Descriptor]]:
    """Return index.json, and the images that it names."""
    what = f"{INDEX} in {store.path}"
    raw = read_file(store, INDEX, MAX_INDEX)
    with store.budget.parsing(raw, what):
        document = load_object(raw, MAX_INDEX, what, "invalid_source")
    check_spelling(document, ("manifests", "mediaType", "schemaVersion"), what, "invalid_source")
    if document.get("manifests", "") is None:
        document["manifests"] = []  # so Go writes a list that nobody has put anything in
    entries = document.get("manifests")
    if not isinstance(entries, list) or len(entries) > MAX_IMAGES:
        raise RegistryError(f"{what} has no list of manifests, or one of more than {MAX_IMAGES}.", "invalid_source")
    with reading_source():
        return document, [Descriptor.parse(entry, f"Entry {number} of {what}") for number, entry in enumerate(entries)]


def find_root(store: Store, source_name: str | None) -> Manifest:
    """Return the image that ``source_name`` means, or the only one: an entry of index.json, or index.json itself where that is the image."""
    document, roots = read_index(store)
    whole = _whole_index(store, document, roots)
    if whole is not None and not source_name:
        return whole
    candidates = [Candidate(() if whole else entry_names(root), root.digest, root) for root in roots]
    if whole is not None:
        candidates.append(Candidate(entry_names(roots[0]), whole.digest, whole))
    chosen: Descriptor | Manifest = choose(candidates, source_name, store.path)
    return chosen if isinstance(chosen, Manifest) else read_manifest(store, chosen)


def list_roots(store: Store) -> list[Candidate]:
    """Return what index.json names, each image once with all its names; index.json itself where that is the image."""
    document, roots = read_index(store)
    whole = _whole_index(store, document, roots)
    if whole is not None:
        return [Candidate(entry_names(roots[0]), whole.digest, whole)]
    return merge_names(Candidate(entry_names(root), root.digest, root) for root in roots)


def open_root(store: Store, candidate: Candidate) -> LayoutImage:
    """Return one of ``list_roots``."""
    return LayoutImage(store, candidate.value if isinstance(candidate.value, Manifest) else read_manifest(store, candidate.value))


def _whole_index(store: Store, document: dict[str, t.Any], roots: t.Sequence[Descriptor]) -> Manifest | None:
    """Return index.json as an index where it is one multi-platform image.

    Then it lists no images with names of their own, but one for each platform, and what attests them.
    """
    if len({root.digest for root in roots}) < 2 or len({entry_names(root) for root in roots}) > 1:
        return None
    images = [(entry, root) for entry, root in zip(document["manifests"], roots) if not root.is_companion]
    platforms = {json.dumps(entry.get("platform"), sort_keys=True) for entry, root in images if root.platform}
    if not images or len(platforms) < len(images):
        return None
    try:
        return Manifest.parse(read_file(store, INDEX, MAX_MANIFEST), what=f"{INDEX} in {store.path}", budget=store.budget)
    except RegistryError:
        return None


def entry_names(root: Descriptor) -> tuple[str, ...]:
    """Return the names that an entry of index.json gives its image."""
    return tuple(root.annotations[key] for key in _NAMES if root.annotations.get(key))


def check_version(store: Store) -> None:
    """Refuse what is no layout of version 1."""
    if not store.has(MARKER):
        raise RegistryError(f"{store.path} is not an OCI layout: the file {MARKER} is missing.", "invalid_source")
    version = load_object(read_file(store, MARKER, _MAX_MARKER), _MAX_MARKER, f"{MARKER} in {store.path}", "invalid_source").get(
        "imageLayoutVersion"
    )
    if not isinstance(version, str) or not version.startswith("1."):
        raise RegistryError(f"{store.path} is an OCI layout of version {quoted(version, 30)}: only version 1 is supported.", "unsupported")


def blob_path(digest: Digest) -> str:
    """Return where a blob lies in a layout."""
    return f"blobs/{digest.algorithm}/{digest.hex}"


class _KnownBlob:
    """A blob whose file was found right before: the last bytes come only if nobody has written to it since."""

    def __init__(self, file: StoredFile, state: FileState, digest: Digest) -> None:
        self._file = file
        self._state = state
        self._digest = digest
        self._left = file.length

    def read(self, amount: int) -> bytes:
        block = self._file.read(amount)
        self._left -= len(block)
        if not self._left and self._file.state != self._state:
            raise RegistryError(f"The file of the blob {self._digest} was changed while it was read.", "digest_mismatch")
        return block

    def close(self) -> None:
        self._file.close()


def read_manifest(store: Store, descriptor: Descriptor) -> Manifest:
    """Return the manifest or index of ``descriptor``."""
    what = f"The manifest {descriptor.digest} in {store.path}"
    if descriptor.size > MAX_MANIFEST:
        raise RegistryError(f"{what} is larger than the limit of {MAX_MANIFEST} bytes.", "limit")
    stream = open_blob(store, descriptor)
    try:
        raw = read_all(stream)
    finally:
        stream.close()
    with reading_source():
        return Manifest.parse(raw, descriptor.media_type, descriptor.digest, what, store.budget)


def open_blob(store: Store, descriptor: Descriptor, known: dict[Digest, FileState | None] | None = None) -> BlobStream:
    """Return the content of a blob, checked while it is read.

    ``known`` keeps how the files of blobs were that were found right: one that is still so is read without another digest.
    """
    file = store.open(blob_path(descriptor.digest))
    if file.length != descriptor.size:
        file.close()
        raise RegistryError(
            f"The blob {descriptor.digest} in {store.path} has {file.length} bytes, not {descriptor.size} as its manifest states: "
            "it is corrupt.",
            "digest_mismatch",
        )
    states: dict[Digest, FileState | None] = {} if known is None else known
    state = file.state
    if state is not None and state == states.get(descriptor.digest):
        return _KnownBlob(file, state, descriptor.digest)
    return VerifiedBlob(file, descriptor, store.path, on_verified=lambda: states.update({descriptor.digest: state}))


def has_blob(store: Store, descriptor: Descriptor, known: dict[Digest, FileState | None]) -> bool:
    """Tell whether a blob is there and what its digest says; a file that is as it was when it was found right is not read."""
    try:
        stream = open_blob(store, descriptor, known)
        try:
            while not isinstance(stream, _KnownBlob) and stream.read(BLOCK):
                pass
        finally:
            stream.close()
    except RegistryError:
        return False
    return True


class LayoutImage:
    """One image or index of a layout; its blobs are opened by their digest and checked while they are read.

    Reading a blob once more is not worth another digest where its file is as it was: a push reads each twice, to find what is
    corrupt before its first byte is sent. ``known`` keeps how the files were, also for other images of the layout.
    """

    def __init__(self, store: Store, root: Manifest, known: dict[Digest, FileState | None] | None = None) -> None:
        self._store = store
        self._known = {} if known is None else known
        self._root = root

    def with_root(self, root: Manifest) -> LayoutImage:
        """Return another image of the same layout."""
        return LayoutImage(self._store, root, self._known)

    @property
    def store(self) -> Store:
        """The files of the layout."""
        return self._store

    @property
    def is_local(self) -> bool:
        """Whether blobs can be read twice at little cost."""
        return self._store.is_local

    @property
    def root(self) -> Manifest:
        """The manifest or index that was chosen."""
        return self._root

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Return the manifest or index of ``descriptor``."""
        return read_manifest(self._store, descriptor)

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        """Return the content of a config or layer."""
        return open_blob(self._store, descriptor, self._known)

    def close(self) -> None:
        """Close the layout."""
        self._store.close()

    # Docker writes layouts that lack something: its images of other platforms, or the compression of the layers.

    @property
    def is_uncompressed(self) -> bool:
        """Whether this is a single image with layers that are not compressed."""
        return any(layer.media_type in UNCOMPRESSED_TYPES for layer in self._root.layers)

    @property
    def is_complete(self) -> bool:
        """Whether all manifests and blobs of the image, or of each image of the index, are there."""
        return all(self._has_all(manifest) for manifest in self.reachable())

    def find_image(self, is_wanted: t.Callable[[Manifest], bool]) -> Manifest | None:
        """Return a single image that ``is_wanted``, if all of it is there."""
        return next((manifest for manifest in self.reachable() if is_wanted(manifest) and self._has_all(manifest)), None)

    @property
    def configs(self) -> frozenset[Digest]:
        """The configs of the image, or of each image of the index that is there."""
        return frozenset(manifest.config.digest for manifest in self.reachable() if manifest.config)

    def _has_all(self, manifest: Manifest) -> bool:
        needed = [blob for blob in manifest.blobs if not blob.is_foreign] + [child for child in manifest.children if child.is_manifest]
        return all(self._store.has(blob_path(descriptor.digest)) for descriptor in needed)

    def reachable(self) -> t.Iterator[Manifest]:
        """Yield the manifest, and of an index all below it that are there."""
        yield self._root
        pending, seen = list(self._root.children), {self._root.digest}
        while pending:
            child = pending.pop()
            if child.is_manifest and child.digest not in seen and self._store.has(blob_path(child.digest)):
                seen.add(child.digest)
                manifest = self.manifest(child)  # read only now: all of them together may be large
                pending += manifest.children
                yield manifest
