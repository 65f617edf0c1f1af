# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an image is laid down where: files, directories and links that stay within what is extracted."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._core.scrub import quoted
from .image_paths import NeededPaths, Parts, Want
from .image_tree import DIRECTORY, FILE, LINK, MAX_LINKS, OTHER, UNKNOWN, ImageTree, Node, Source


@dataclass(frozen=True)
class Item:
    """A file, directory or link as it shall lie below the destination, at ``out``; ``path`` is what it is called in the image."""

    out: Parts
    path: str
    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    link: str = ""
    source: Source = (-1, -1)
    sha256: str = ""


class Selected(t.NamedTuple):
    """What is laid down, and what is not, with the reason; ``is_single`` for one file that the task names itself."""

    items: list[Item]
    skipped: list[tuple[str, str]]
    is_single: bool


class Selector:
    """Chooses from a tree what ``wants`` say; what has to be known besides is added to ``needed``, and then ``is_complete`` is False."""

    def __init__(self, tree: ImageTree, wants: t.Sequence[Want], needed: NeededPaths, strip: int) -> None:
        self._tree = tree
        self._needed = needed
        self._strip = strip
        self._roots: dict[Parts, Parts] = {}  # by their real path, what was asked for
        self._items: dict[Parts, Item] = {}
        self._skipped: dict[str, str] = {}
        self._wants = wants
        self.is_complete = True
        self.missing: list[str] = []

    def run(self) -> Selected:
        """Return the selection; ``missing`` are the wants that the image has nothing for, as far as is known."""
        roots: list[tuple[Parts, Node]] = []
        for want in self._wants:
            found = [root for root in (self._root(path, want.is_glob) for path in self._tree.expand(want)) if root is not None]
            if not found:
                self.missing.append(str(want))
            roots += found
        is_single = len(roots) == 1 and roots[0][1].kind == FILE and not self._wants[0].is_glob
        for path, node in roots:
            self._lay(path, node, roots_alone=is_single)
        return Selected(sorted(self._items.values(), key=lambda item: item.out), sorted(self._skipped.items()), is_single)

    def _need(self, path: Parts, trail: t.Sequence[Parts], below: bool) -> None:
        """Have a path known, and the links that lead to it, which a layer above may have replaced."""
        is_new = [self._needed.add_path(link) for link in trail]
        is_new.append(self._needed.add(path) if below else self._needed.add_path(path))
        self.is_complete = self.is_complete and not any(is_new)

    def _root(self, path: Parts, is_glob: bool) -> tuple[Parts, Node] | None:
        plain = self._tree.find(path, follow=False)
        if is_glob and plain.node is not None and plain.node.kind == LINK:
            self._roots.setdefault(plain.path, path)
            return path, plain.node
        found = self._tree.find(path)
        if found.trail or (found.node is not None and found.node.kind == UNKNOWN):
            self._need(found.path, found.trail, below=True)
        if found.node is None:
            return None
        self._roots.setdefault(found.path, path)
        return path, found.node

    def _lay(self, path: Parts, node: Node, roots_alone: bool) -> None:
        """Choose what is at ``path``, and all below it."""
        stack = [(path, self._tree.find(path, follow=node.kind != LINK).path, node)]
        while stack:
            at, real, here = stack.pop()
            out = at[-1:] if roots_alone else at[self._strip :]
            if here.kind == DIRECTORY:
                if out:
                    self._add(_item(out, at, here))
                stack += [((*at, name), (*real, name), child) for name, child in here.children.items()]
            elif not out:
                raise RegistryError(
                    f"The option strip removes all of {quoted(_shown(at), 300)}: choose a smaller number.", "invalid_option"
                )
            elif here.kind == LINK:
                self._lay_link(out, at, real, here)
            elif here.kind == FILE:
                self._add(_item(out, at, here))
            else:
                self._skip(at, _reason(here))

    def _lay_link(self, out: Parts, at: Parts, real: Parts, node: Node) -> None:
        """Lay down a link that leads to something within what is extracted, be it another link; of others the file that they lead to."""
        target = node.header.link if node.header else ""
        steps = tuple(part for part in target.split("/") if part not in ("", "."))
        base = () if target.startswith("/") else real[:-1]
        for found in (self._tree.find((*base, *steps), follow=False), self._tree.find(real)):
            place = self._out(found.path) if len(found.trail) <= MAX_LINKS else None
            if place is not None:
                self._need(found.path, found.trail, below=False)
                wanted = os.path.relpath("/" + "/".join(place), "/" + "/".join(out[:-1]))
                self._add(_item(out, at, node, target if _is_plain(target) and os.path.normpath(target) == wanted else wanted))
                return
        self._need(found.path, found.trail, below=found.node is None or found.node.kind != DIRECTORY)
        if found.node is not None and found.node.kind == FILE:
            self._add(_item(out, at, found.node))
        elif len(found.trail) > MAX_LINKS:
            self._skip(at, "a link that leads in a circle")
        else:
            self._skip(at, "a link to a file that is not in the image" if found.node is None else "a link to a file that is not extracted")

    def _out(self, real: Parts) -> Parts | None:
        """Return where a path of the image lies below the destination, None where it is not extracted."""
        for length in range(len(real), -1, -1):
            root = self._roots.get(real[:length])
            if root is not None:
                return (*root, *real[length:])[self._strip :]
        return None

    def _add(self, item: Item) -> None:
        known = self._items.setdefault(item.out, item)
        if known.path != item.path and not (known.kind == item.kind == DIRECTORY):
            raise RegistryError(
                f"{quoted(known.path, 300)} and {quoted(item.path, 300)} of the image would both get the path "
                f"{quoted('/'.join(item.out), 300)}: choose another strip.",
                "invalid_option",
            )

    def _skip(self, at: Parts, reason: str) -> None:
        self._skipped[_shown(at)] = reason


def _reason(node: Node) -> str:
    """Return why what is at a node is not extracted."""
    if node.kind != OTHER:
        return "a hard link to a file that is not in the image"
    return "a link with an invalid target" if node.header and node.header.is_link else "a device, a pipe or a socket"


def _is_plain(target: str) -> bool:
    """Tell whether a link is relative and goes up first and then down only."""
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return not target.startswith("/") and ".." not in parts[ups:]


def _shown(parts: Parts) -> str:
    return "/" + "/".join(parts)


def _item(out: Parts, at: Parts, node: Node, link: str = "") -> Item:
    header = node.header
    if header is None:
        return Item(out, _shown(at), node.kind, 0o755)
    return Item(out, _shown(at), node.kind, header.mode, header.uid, header.gid, header.size if node.kind == FILE else 0, link, node.source)
