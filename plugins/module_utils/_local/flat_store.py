# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of an image that lie beside each other, each named after its digest, as if they were in a layout."""

from __future__ import annotations

import typing as t

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._core.json import load_value
from .._oci.manifest import MAX_MANIFEST, Manifest
from .files import SAVED_IMAGES, MissingFile, Store, StoredFile, read_file

_BLOBS = "blobs"


class FlatStore:
    """A store without folders: skopeo's and podman's ``dir:``, or an archive with manifests beside the layers, as apko writes it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def path(self) -> str:
        """Where the whole lies."""
        return self._store.path

    @property
    def budget(self) -> Budget:
        """What the task may keep in memory."""
        return self._store.budget

    @property
    def is_local(self) -> bool:
        """Whether its files can be read twice at little cost."""
        return self._store.is_local

    def _find(self, name: str) -> str:
        """Return what the file ``name`` of a layout is called here."""
        return next((other for other in _names(name) if self._store.has(other)), name)

    def has(self, name: str) -> bool:
        """Tell whether there is a file ``name``."""
        return self._store.has(self._find(name))

    def repeats(self, name: str) -> bool:
        """Tell whether there are several files ``name``."""
        return self._store.repeats(self._find(name))

    def open(self, name: str) -> StoredFile:
        """Open the file ``name``."""
        found = self._find(name)
        try:
            return self._store.open(found)
        except MissingFile:
            raise MissingFile(_names(name)[0], self.path) from None

    def size_of(self, names: t.Iterable[str]) -> int:
        """Return how many bytes of the disk these files take."""
        return self._store.size_of([self._find(name) for name in names])

    def close(self) -> None:
        """Release what is held open."""
        self._store.close()


def _names(name: str) -> tuple[str, ...]:
    """Return what the file ``name`` of a layout may be called where there are no folders."""
    folder, _slash, rest = name.partition("/")
    algorithm, _slash, hexadecimal = rest.partition("/")
    if folder != _BLOBS or not hexadecimal:
        return (name,)
    plain = hexadecimal if algorithm == "sha256" else f"{algorithm}-{hexadecimal}"
    return plain, f"{plain}.manifest.json", f"{algorithm}:{hexadecimal}", f"{hexadecimal}.tar.gz"


def read_single_manifest(store: Store) -> Manifest | None:
    """Return the manifest or index that is the whole of manifest.json; None where it is something else, as of docker save."""
    what = f"{SAVED_IMAGES} in {store.path}"
    raw = read_file(store, SAVED_IMAGES, MAX_MANIFEST)
    document = load_value(raw, MAX_MANIFEST, what, "invalid_source")
    if not isinstance(document, dict) or "schemaVersion" not in document:
        return None
    try:
        return Manifest.parse(raw, what=what, budget=store.budget)
    except RegistryError as error:
        raise RegistryError(error.message, "invalid_source" if error.kind == "invalid_response" else error.kind) from None
