# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""index.json of a layout, and what a task knows of a layout from the images that it has put there already."""

from __future__ import annotations

import threading
import typing as t
from collections import OrderedDict

from .._core.budget import Budget, weigh
from .._core.errors import RegistryError
from .._oci.image_content import ImageName, entry_key, layout_index
from .._oci.manifest import Descriptor
from .._oci.reference import Digest
from .files import FileState, Store
from .oci_layout import INDEX, MAX_IMAGES, MAX_INDEX, read_index

_MOST_LISTS = 8  # as many layouts as are worked on at a time, or a few more
_ENTRY = 1500  # bytes that an entry takes beside what it is in the document


class LayoutIndex:
    """The whole ``document``, and its entries, found by name or digest at once. Safe for several threads."""

    def __init__(self, document: dict[str, t.Any] | None = None, roots: t.Sequence[Descriptor] = ()) -> None:
        self._document = {"manifests": [], **(document or {})}
        self._roots = list(roots)
        self._lock = threading.Lock()
        self._names: dict[tuple[str, str], int] = {}
        self._digests: dict[Digest, int] = {}
        self._number()

    @property
    def roots(self) -> tuple[Descriptor, ...]:
        """The entries."""
        return tuple(self._roots)

    def _number(self, first: int = 0) -> None:
        for number, root in enumerate(self._roots[first:], first):
            key = entry_key(root)
            if key is not None:
                self._names.setdefault(key, number)
            self._digests.setdefault(root.digest, number)

    def _at(self, name: ImageName) -> int | None:
        return min((self._names[key] for key in name.keys if key in self._names), default=None)

    def find(self, name: ImageName) -> Descriptor | None:
        """Return the entry of the image ``name``, None where there is none."""
        with self._lock:
            at = self._at(name)
            return None if at is None else self._roots[at]

    def find_digest(self, digest: Digest) -> Descriptor | None:
        """Return an entry with this digest, None where there is none."""
        with self._lock:
            at = self._digests.get(digest)
            return None if at is None else self._roots[at]

    def check_room(self, name: ImageName) -> None:
        """Refuse an image that the layout has no room for: ``limit``."""
        if self.find(name) is None and len(self._roots) >= MAX_IMAGES:
            raise _too_many()

    def put(self, name: ImageName, entry: dict[str, t.Any]) -> None:
        """Put ``entry`` in the place of the one of ``name``, or at the end; ``limit`` where there is no room."""
        self.check_room(name)
        root = Descriptor.parse(entry, f"The entry of {name.full} in {INDEX}")
        entries = self._document["manifests"]
        with self._lock:
            at = self._at(name)
            if at is None:
                entries.append(entry)
                self._roots.append(root)
                self._number(len(self._roots) - 1)
            else:
                entries[at], self._roots[at] = entry, root
                self._names.clear()
                self._digests.clear()
                self._number()

    def encoded(self) -> bytes:
        """Return the bytes of index.json; ``limit`` where nobody would read so many."""
        raw = layout_index(self._document)
        if len(raw) > MAX_INDEX:
            raise _too_many()
        return raw


def _too_many() -> RegistryError:
    return RegistryError(
        f"The layout has no room for another image: {INDEX} may have {MAX_IMAGES} entries and {MAX_INDEX} bytes. Write to another directory.",
        "limit",
    )


class KnownLayout:
    """What need not be looked at again for the next image of the same layout. Safe for several threads.

    ``blobs`` says how the files were that were found right, ``leftovers`` how many files ended tasks left behind, None before somebody counted them.
    What is kept is charged to ``budget``.
    """

    def __init__(self, budget: Budget | None = None, on_list: t.Callable[[KnownLayout], None] = lambda layout: None) -> None:
        self.budget = budget or Budget()
        self._on_list = on_list  # told when a list is kept in memory
        self.blobs: dict[Digest, FileState | None] = {}
        self.leftovers: int | None = None
        self._index: tuple[FileState, LayoutIndex] | None = None
        self._fault: tuple[FileState, RegistryError] | None = None
        self._reading = threading.Lock()

    def read_index(self, store: Store, state: FileState) -> LayoutIndex:
        """Return what index.json of ``store`` says; ``state`` tells which file it is, before it is read."""
        with self._reading:  # it may be large: whoever comes second takes what the first one has read
            known, fault = self._index, self._fault
            if known is not None and known[0] == state:
                return known[1]
            if fault is not None and fault[0] == state:
                raise fault[1].again()
            self._index = known = None  # before another one takes memory
            try:
                document, roots = read_index(store)
            except RegistryError as error:
                self._fault = state, error.again()
                raise
            index = LayoutIndex(document, roots)
            self.budget.hold(index, weigh(document) + _ENTRY * len(roots), f"{INDEX} in {store.path}")
            self.note_index(index, state)
            return index

    def forget_index(self) -> None:
        """Read index.json anew the next time."""
        self._index = None

    def note_index(self, index: LayoutIndex, state: FileState) -> None:
        """Take ``index`` for what is in the file with this ``state``, which was just read or written."""
        self._index = state, index
        self._on_list(self)


class KnownLayouts:
    """The layouts of a directory, by folder; only the lists that were read or written last stay in memory. Safe for several threads."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._layouts: dict[str, KnownLayout] = {}
        self._last: OrderedDict[KnownLayout, None] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, folder: str) -> KnownLayout:
        """Return what is known of the layout in ``folder``."""
        with self._lock:
            return self._layouts.setdefault(folder, KnownLayout(self._budget, self._note))

    def _note(self, layout: KnownLayout) -> None:
        with self._lock:
            self._last[layout] = None
            self._last.move_to_end(layout)
            if len(self._last) > _MOST_LISTS:
                oldest, _none = self._last.popitem(last=False)
                oldest.forget_index()
