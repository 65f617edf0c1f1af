# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of an image in a registry: layers are read from the top down, and no more of them than it takes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import typing as t
from dataclasses import replace

from .._core.budget import Budget
from .._core.errors import NotFound, RegistryError
from .._core.scrub import some
from .._local.file_selection import SPECIAL, Item, Selected, Selector
from .._local.image_paths import NeededPaths, Parts, Want
from .._local.image_tree import FILE, ImageTree, Source, add_aliases
from .._local.layer_reader import Blocks, LayerContent, Wants, read_layer
from .._local.staging import Staging
from .._local.tar import Header
from .._oci.manifest import CONFIG_TYPES, ENCRYPTED, Manifest
from .client import RegistryClient

_MOST_ROUNDS = 10  # a link to a file elsewhere takes one more, and so does what it takes to be sure of it
_CONTENT_WEIGHT = 500


class Content(t.NamedTuple):
    """The content of a file: its digest, and what it is called in the staging folder, "" in check mode."""

    sha256: str
    staged: str


class ImageFiles:
    """Reads what ``wants`` say of the image ``manifest``; files go to ``staging``, in check mode nowhere."""

    def __init__(
        self, client: RegistryClient, manifest: Manifest, shown: str, wants: t.Sequence[Want], strip: int, staging: Staging | None
    ) -> None:
        self._client = client
        self._image = client.image_of(manifest)
        self._layers = manifest.layers
        self._shown = shown
        self._wants = wants
        self._strip = strip
        self._staging = staging
        self._budget = client.connection.exchange.budget
        self._contents: dict[Source, Content] = {}
        self.downloaded_bytes = 0
        _check(manifest, shown)

    @property
    def staged(self) -> dict[Source, str]:
        """What files are called in the staging folder."""
        return {source: content.staged for source, content in self._contents.items()}

    def select(self) -> Selected:
        """Return what is to be laid down; ``not_found`` where the image lacks a path."""
        needed = NeededPaths(self._wants, self._budget)
        for _round in range(_MOST_ROUNDS):
            layers = self._scan(needed)
            tree = _tree(layers, self._budget)
            is_new = [*map(needed.add, tree.needed), *map(needed.add_path, tree.needed_links)]
            is_new.append(add_aliases(tree, needed))
            selector = Selector(tree, self._wants, needed, self._strip)
            selected = selector.run()
            for layer in layers.values():
                self._budget.give_back(layer.weight)
            if any(is_new) or not selector.is_complete:
                continue
            if selector.missing:
                raise NotFound(f"{self._shown} has no {some(selector.missing)}.", reference=self._shown)
            for path, what in selector.refused:
                raise RegistryError(
                    f"{path} of {self._shown} is {what}, which cannot be extracted: remove it from paths.",
                    "unsupported" if what == SPECIAL else "invalid_source",
                    reference=self._shown,
                )
            self._fetch({item.source for item in selected.items if item.kind == FILE} - self._contents.keys(), needed)
            return selected._replace(items=[self._complete(item) for item in selected.items])
        raise RegistryError(f"The paths in {self._shown} lie behind too many links.", "limit", reference=self._shown)

    def _complete(self, item: Item) -> Item:
        return replace(item, sha256=self._contents[item.source].sha256) if item.kind == FILE else item

    def _scan(self, needed: NeededPaths) -> dict[int, LayerContent]:
        """Read layers from the top down, until it is certain what each want is."""
        layers: dict[int, LayerContent] = {}
        hidden: set[Parts] = set()
        for number in range(len(self._layers) - 1, -1, -1):
            layers[number] = self._read(
                number,
                needed,
                lambda _number, parts, header: not header.is_sparse and needed.wants_content(parts) and parts not in hidden,
            )
            hidden.update(entry.parts for entry in layers[number].entries if entry.header.is_file)
            if self._is_settled(layers):
                break
        return layers

    def _is_settled(self, layers: dict[int, LayerContent]) -> bool:
        if any(want.is_glob for want in self._wants) or not all(layer.is_closed for layer in layers.values()):
            return False
        tree = _tree(layers, self._budget)
        found = [tree.find(want.parts).node for want in self._wants]
        return all(node is not None and node.kind == FILE for node in found)

    def _fetch(self, sources: set[Source], needed: NeededPaths) -> None:
        """Read once more the layers that have files which turned out to be needed, such as what a hard link was before it was replaced."""
        for number in sorted({layer for layer, _member in sources}):
            wanted = frozenset(member for layer, member in sources if layer == number)
            self._budget.give_back(self._read(number, needed, functools.partial(_is_among, wanted)).weight)

    def _read(self, number: int, needed: NeededPaths, wants: Wants) -> LayerContent:
        layer = self._layers[number]

        def keep(member: int, blocks: Blocks) -> None:
            self._budget.take(_CONTENT_WEIGHT, "The table of the files to extract")
            self._contents[number, member] = self._store(blocks)

        with contextlib.closing(self._image.open_blob(layer)) as blob:
            what = f"The layer {layer.digest} of {self._shown}"
            content = read_layer(
                blob,
                layer,
                what,
                needed,
                lambda member, parts, header: (number, member) not in self._contents and wants(member, parts, header),
                keep,
                self._budget,
            )
        self.downloaded_bytes += layer.size
        self._client.connection.options.on_log(f"{layer.digest} ({layer.size} bytes): read")
        return content

    def _store(self, blocks: Blocks) -> Content:
        sha256 = hashlib.sha256()

        def hashed() -> Blocks:
            for block in blocks:
                sha256.update(block)
                yield block

        if self._staging is not None:
            name = self._staging.store(hashed())
            return Content(sha256.hexdigest(), name)
        for _block in hashed():
            pass
        return Content(sha256.hexdigest(), "")


def _is_among(wanted: frozenset[int], member: int, _parts: Parts, _header: Header) -> bool:
    return member in wanted


def _tree(layers: t.Mapping[int, LayerContent], budget: Budget) -> ImageTree:
    tree = ImageTree(budget)
    for number in sorted(layers):
        tree.add(number, layers[number])
    return tree


def _check(manifest: Manifest, shown: str) -> None:
    if manifest.config is None or manifest.config.media_type not in CONFIG_TYPES:
        raise RegistryError(
            f"{shown} is an artifact, not an image: pull its files with registry_artifact_pull.",
            "unsupported",
            reference=shown,
        )
    for layer in manifest.layers:
        if layer.is_foreign or layer.media_type.endswith(ENCRYPTED):
            why = "must not be distributed" if layer.is_foreign else "is encrypted"
            message = f"{shown} has the layer {layer.digest}, which {why}: its files cannot be read."
            raise RegistryError(message, "unsupported", reference=shown)
