# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an image as its layers make them, one upon the other: whiteouts, opaque directories, links that stay inside."""

from __future__ import annotations

import typing as t

from .._core.budget import Budget
from .._core.errors import RegistryError
from .image_paths import NeededPaths, Parts, Want, matches_part, split_path
from .layer_reader import OPAQUE, WHITEOUT, Entry, LayerContent
from .tar import Header

MAX_LINKS = 40  # on the way to one file, as Linux has it
_LONGEST_LINK = 4096
_MOST_STEPS = 20_000_000
_MOST_BEHIND_LINKS = 1_000_000  # parts of all paths that globs stand for through links
_NODE_WEIGHT, _DEPTH_WEIGHT = 800, 40  # bytes of memory for a directory that no layer has an entry for, and for each part of its path
_CHARGED = 100_000  # bytes that are charged at once
DIRECTORY, FILE, LINK, OTHER, UNKNOWN = "directory", "file", "link", "other", "unknown"

Source = tuple[int, int]  # layer and number of the member in it


class Node:
    """A file, directory or link of the image; ``source`` says where the content of a file is, ``kind`` UNKNOWN that it was not kept."""

    __slots__ = ("children", "header", "kind", "source")

    def __init__(self, kind: str, header: Header | None = None, source: Source = (-1, -1)) -> None:
        self.kind = kind
        self.header = header
        self.source = source
        self.children: dict[str, Node] = {}


class Found(t.NamedTuple):
    """Where a path leads: the real path and what is there, None for nothing; ``trail`` are the links on the way."""

    path: Parts
    node: Node | None
    trail: tuple[Parts, ...]


class ImageTree:
    """All that is known of an image's files, the lowest layer added first; what its layers do not state is charged to ``budget``."""

    def __init__(self, budget: Budget | None = None) -> None:
        self._budget = budget or Budget()
        self._owed = 0
        self.root = Node(DIRECTORY)
        self.needed: set[Parts] = set()  # what hard links point to and was not kept
        self.needed_links: set[Parts] = set()  # on the way there
        self.aliases: set[tuple[Parts, Parts]] = set()  # links below which a layer names something, and where they led when it did
        self._links: dict[Parts, None] = {}
        self._steps = 0

    def find(self, path: Parts, follow: bool = True) -> Found:
        """Follow a path through links, none of which leads out of the image; the last part only where ``follow`` says so."""
        todo = list(reversed(path))
        here: list[tuple[str, Node]] = []
        trail: list[Parts] = []
        while todo:
            self._step()
            part = todo.pop()
            if part == "..":
                del here[-1:]
                continue
            parent = here[-1][1] if here else self.root
            node = parent.children.get(part) if parent.kind == DIRECTORY else None
            if node is None:
                return Found((*_names(here), part, *reversed(todo)), None, tuple(trail))
            if node.kind != LINK or not (todo or follow):
                here.append((part, node))
                continue
            trail.append((*_names(here), part))
            if len(trail) > MAX_LINKS:
                return Found(trail[-1], None, tuple(trail))
            target = node.header.link if node.header else ""
            if target.startswith("/"):
                here.clear()
            todo += [step for step in reversed(target.split("/")) if step not in ("", ".")]
        return Found(_names(here), here[-1][1] if here else self.root, tuple(trail))

    def _is_link(self, path: Parts) -> bool:
        node = self.find(path, follow=False).node
        return node is not None and node.kind == LINK

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise RegistryError("The image has too many nested symbolic links: following them would take too long.", "limit")

    def add(self, number: int, layer: LayerContent) -> None:
        """Put a layer upon those below; what it takes away is that of the others, wherever in the layer that is said."""
        self._note_aliases(layer)
        below = {entry.number: self._hard_target(entry.header) for entry in layer.entries if entry.header.kind == b"1"}
        for entry in layer.entries:
            name = entry.parts[-1]
            if name.startswith(WHITEOUT):
                folder = self.find(entry.parts[:-1]).node
                if folder is not None and name == OPAQUE:
                    folder.children.clear()
                elif folder is not None:
                    folder.children.pop(name[len(WHITEOUT) :], None)
        for entry in layer.entries:
            if not entry.parts[-1].startswith(WHITEOUT):
                self._put(entry.parts, entry.header, (number, entry.number), below.get(entry.number))
        for entry in reversed(layer.entries):  # some tools write a hard link before the file that it points to
            if entry.header.kind == b"1" and self._lacks_target(entry):
                self._put(entry.parts, entry.header, (number, entry.number), None)
        self._note_aliases(layer)

    def _lacks_target(self, entry: Entry) -> bool:
        node = self.find(entry.parts, follow=False).node
        return node is not None and node.kind == UNKNOWN and node.header is entry.header

    def _note_aliases(self, layer: LayerContent) -> None:
        for link in self._links:
            if layer.has_anything_in(link):
                self.aliases.add((link, self.find(link).path))

    def _hard_target(self, header: Header) -> Node | None:
        return self.find(split_path(header.link), follow=False).node

    def _put(self, parts: Parts, header: Header, source: Source, below: Node | None) -> None:
        """Put what an entry says in its place; ``below`` is what its hard link points to in the layers below."""
        folder = self._folder(parts[:-1])
        if folder is None:
            return
        name = parts[-1]
        old = folder.children.get(name)
        if header.is_directory:
            if old is not None and old.kind == DIRECTORY:
                old.header = header
            else:
                folder.children[name] = Node(DIRECTORY, header)
        elif header.kind == b"1":
            self._put_hard_link(folder, name, header, below)
        elif header.kind == b"2" and 0 < len(header.link) <= _LONGEST_LINK:
            folder.children[name] = Node(LINK, header)
            self._links[parts] = None
        else:
            folder.children[name] = Node(FILE if header.is_file else OTHER, header, source)

    def _put_hard_link(self, folder: Node, name: str, header: Header, below: Node | None) -> None:
        """Let a hard link be what it points to at this moment: that may be replaced later, and the link stays.

        It keeps a file of a layer below, also where its own layer takes the name of that file away.
        """
        target = split_path(header.link)
        found = self.find(target, follow=False)
        node = found.node or below
        if node is None or node.kind == UNKNOWN:
            self.needed.update((target, found.path))
            self.needed_links.update(found.trail)
            folder.children[name] = Node(UNKNOWN, header)
        elif node.kind != DIRECTORY and node is not folder.children.get(name):
            folder.children[name] = Node(node.kind, node.header, node.source)

    def _folder(self, parts: Parts) -> Node | None:
        """Return the directory at ``parts``, through links, made where it is missing; None where links go round in circles."""
        found = self.find(parts)
        if len(found.trail) > MAX_LINKS:
            return None
        node = self.root
        for depth, part in enumerate(found.path if found.node is None or found.node.kind != DIRECTORY else ()):
            child = node.children.get(part)
            if child is None or child.kind != DIRECTORY:
                self._charge(_NODE_WEIGHT + _DEPTH_WEIGHT * depth)
                child = node.children[part] = Node(DIRECTORY)
            node = child
        return found.node if found.node is not None and found.node.kind == DIRECTORY else node

    def _charge(self, weight: int) -> None:
        self._owed += weight
        if self._owed > _CHARGED:
            self._budget.hold(self, self._owed, "The list of the files in the image")
            self._owed = 0

    def expand(self, want: Want, on_link: t.Callable[[Found, Parts], None]) -> list[Parts]:
        """Return the paths that a path or glob stands for, in order.

        ``on_link`` is told where a link leads that names are looked for behind, and by what rest of the glob.
        """
        if not want.is_glob:
            return [want.parts]
        found: set[Parts] = set()
        seen: set[tuple[Parts, int]] = set()
        todo: list[tuple[Parts, Parts]] = [((), want.parts)]
        length = 0
        while todo:
            at, pattern = todo.pop()
            if not pattern:
                found.add(at)
                continue
            if (at, len(pattern)) in seen:
                continue
            seen.add((at, len(pattern)))
            here = self.find(at)
            is_link = bool(here.trail) and self._is_link(at)
            if is_link and len(here.trail) <= MAX_LINKS:
                on_link(here, pattern)
            steps = list(_steps(here.node, at, pattern, is_link))
            length += sum(len(path) for path, _rest in steps) if here.trail else 0
            if length > _MOST_BEHIND_LINKS:
                raise RegistryError(
                    "The globs in paths stand for too many names behind symbolic links: give paths that are more exact.", "limit"
                )
            todo += steps
        return sorted(found)


def _steps(node: Node | None, at: Parts, pattern: Parts, is_link: bool) -> t.Iterator[tuple[Parts, Parts]]:
    """Yield where a glob leads from ``at``, where ``node`` is, and what is left of it there: a "**" goes through no links."""
    first, rest = pattern[0], pattern[1:]
    goes_deep = first == "**"
    if goes_deep:
        yield at, rest
        if not rest and not is_link:
            return  # all that is below is wanted with it
    for name, child in node.children.items() if node is not None and node.kind == DIRECTORY else ():
        if is_hidden((name,)):
            continue
        if goes_deep and (child.kind == DIRECTORY or not rest):
            yield (*at, name), pattern if child.kind == DIRECTORY else rest
        elif not goes_deep and matches_part(first, name):
            yield (*at, name), rest


def is_hidden(path: Parts) -> bool:
    """Tell whether a path is one that only layers have: that of a whiteout, or of what AUFS keeps for itself."""
    return any(name.startswith(WHITEOUT) for name in path)


def _names(here: t.Sequence[tuple[str, Node]]) -> Parts:
    return tuple(name for name, _node in here)


def add_aliases(tree: ImageTree, needed: NeededPaths) -> bool:
    """Have entries kept that a layer names through a link to a directory, as bin/sh where bin is usr/bin; return whether that is new."""
    names = {link for link, _real in tree.aliases}
    by_real: dict[Parts, list[Parts]] = {}
    for link, real in sorted(tree.aliases):
        by_real.setdefault(real, []).append(link)

    def is_real(path: Parts) -> bool:
        return tree.find(path).path == path and not any(path[:length] in names for length in range(1, len(path) + 1))

    return needed.add_aliases(by_real, is_real)
