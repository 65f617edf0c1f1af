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
from .image_tree import DIRECTORY, FILE, LINK, MAX_LINKS, OTHER, UNKNOWN, Found, ImageTree, Node, Source, is_hidden

SPECIAL = "a device, a pipe or a socket"


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
        self.refused: list[tuple[str, str]] = []

    def run(self) -> Selected:
        """Return the selection, as far as is known.

        ``missing`` are the wants that the image has nothing for, ``refused`` the paths that are nothing to lay down, with what they are.
        """
        roots = self._find_roots()
        is_direct = {path: self._tree.find(path, follow=False).path == path for path in roots}
        order = sorted(roots, key=lambda path: (not is_direct[path], path))
        for path in order:
            self._roots.setdefault(self._real(path, roots[path]), path)
        is_single = [want.is_glob for want in self._wants] == [False] and [node.kind for node in roots.values()] == [FILE]
        for path in order:
            self._lay(path if is_direct[path] else self._beyond_links(path), roots[path], roots_alone=is_single)
        if self.is_complete:
            self._check_ways()
        return Selected(sorted(self._items.values(), key=lambda item: item.out), sorted(self._skipped.items()), is_single)

    def _find_roots(self) -> dict[Parts, Node]:
        """Return what the wants stand for; a link that a path names itself is what it leads to, also where a glob finds the link."""
        roots: dict[Parts, Node] = {}
        for want in self._wants:
            found = {
                path: node
                for path, node in ((path, self._root(path, want.is_glob)) for path in self._tree.expand(want, self._need_behind))
                if node is not None
            }
            if not found:
                self.missing.append(str(want))
            if not want.is_glob:
                self.refused += [(str(want), _reason(node)) for node in found.values() if node.kind in (OTHER, UNKNOWN)]
            roots = {**roots, **found} if not want.is_glob else {**found, **roots}
        return roots

    def _real(self, path: Parts, node: Node) -> Parts:
        return self._tree.find(path, follow=node.kind != LINK).path

    def _beyond_links(self, path: Parts) -> Parts:
        """Return the path of what lies behind a link, without the links that are laid down as such: nothing can be laid down behind them."""
        length = 1
        while length < len(path):
            link = path[:length]
            item = self._items.get(link[self._strip :])
            if item is not None and item.kind == LINK and item.path == _shown(link):
                path, length = (*self._tree.find(link).path, *path[length:]), 0
            self._skipped.pop(_shown(link), None)
            length += 1
        return path

    def _need_behind(self, found: Found, rest: Parts) -> None:
        """Have known what a glob finds where a link leads to."""
        is_new = [self._needed.add_path(link) for link in found.trail]
        is_new.append(self._needed.add_want(Want((*found.path, *rest), len(found.path))))
        self.is_complete = self.is_complete and not any(is_new)

    def _need(self, path: Parts, trail: t.Sequence[Parts], below: bool) -> None:
        """Have a path known, and the links that lead to it, which a layer above may have replaced."""
        is_new = [self._needed.add_path(link) for link in trail]
        is_new.append(self._needed.add(path) if below else self._needed.add_path(path))
        self.is_complete = self.is_complete and not any(is_new)

    def _root(self, path: Parts, is_glob: bool) -> Node | None:
        plain = self._tree.find(path, follow=False)
        if is_glob and plain.node is not None and plain.node.kind == LINK:
            return plain.node
        found = self._tree.find(path)
        if found.trail or (found.node is not None and found.node.kind == UNKNOWN):
            self._need(found.path, found.trail, below=True)
        return found.node if not is_hidden(found.path) else None

    def _lay(self, path: Parts, node: Node, roots_alone: bool) -> None:
        """Choose what is at ``path``, and all below it."""
        stack = [(path, self._real(path, node), node)]
        while stack:
            at, real, here = stack.pop()
            out = at[-1:] if roots_alone and not self._strip else at[self._strip :]
            if here.kind == DIRECTORY:
                if out:
                    self._add(_item(out, at, here))
                stack += [((*at, name), (*real, name), child) for name, child in here.children.items() if not is_hidden((name,))]
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
        if is_hidden(real):
            return None
        for length in range(len(real), -1, -1):
            root = self._roots.get(real[:length])
            if root is not None:
                return (*root, *real[length:])[self._strip :]
        return None

    def _add(self, item: Item) -> None:
        known = self._items.setdefault(item.out, item)
        if known.path != item.path and not (known.kind == item.kind == DIRECTORY):
            raise _collision(known, item)

    def _check_ways(self) -> None:
        """Refuse items that would lie below one that is no directory."""
        for item in self._items.values():
            for length in range(1, len(item.out)):
                above = self._items.get(item.out[:length])
                if above is not None and above.kind != DIRECTORY:
                    raise _collision(above, item)

    def _skip(self, at: Parts, reason: str) -> None:
        self._skipped[_shown(at)] = reason


def _collision(known: Item, item: Item) -> RegistryError:
    return RegistryError(
        f"{quoted(known.path, 300)} and {quoted(item.path, 300)} of the image would both get the path {quoted('/'.join(known.out), 300)}: "
        "choose another strip.",
        "invalid_option",
    )


def _reason(node: Node) -> str:
    """Return why what is at a node is not extracted."""
    if node.kind != OTHER:
        return "a hard link to a file that is not in the image"
    return "a link with an invalid target" if node.header and node.header.is_link else SPECIAL


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
