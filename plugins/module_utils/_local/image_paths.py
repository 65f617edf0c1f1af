# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which paths of an image are wanted: paths and globs of the task, and what they turn out to need, such as the targets of links."""

from __future__ import annotations

import fnmatch
import re
import typing as t
from dataclasses import dataclass, field

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._core.scrub import quoted

Parts = tuple[str, ...]
MAX_PATHS = 1000
_MOST_ALIASES = 100_000
_PATH_WEIGHT = 200  # bytes of memory for a path, besides its parts
_ANY_DEPTH = "**"
_GLOB = re.compile(r"[*?]|\[(?:!.|[^!])[^\]]*\]", re.DOTALL)  # a "[" without its "]" stands for itself


def split_path(path: str) -> Parts:
    """Return the parts of a path inside an image, whose root nothing leads out of."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return tuple(parts)


@dataclass(frozen=True)
class Want:
    """A path or glob; a directory stands for all that is below it. The first ``literal`` parts stand for themselves."""

    parts: Parts
    literal: int = 0
    _plain: int = field(init=False, repr=False, compare=False)  # so many parts stand for themselves

    @classmethod
    def parse(cls, value: t.Any, number: int) -> Want:
        """Return entry ``number`` of the option paths; raises ``invalid_option``."""
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise RegistryError(
                f"Entry {number} of paths is {quoted(value, 100)}: give a path or a glob in the image as a string.", "invalid_option"
            )
        if ".." in value.split("/"):
            raise RegistryError(
                f"Entry {number} of paths, {quoted(value, 200)}, contains '..': give the absolute path in the image.", "invalid_option"
            )
        return cls(split_path(value))

    def __post_init__(self) -> None:
        globs = (number for number, part in enumerate(self.parts) if number >= self.literal and _GLOB.search(part))
        object.__setattr__(self, "_plain", next(globs, len(self.parts)))

    @property
    def is_glob(self) -> bool:
        """Whether it can stand for several paths."""
        return self._plain < len(self.parts)

    @property
    def plain(self) -> Parts:
        """The parts before the first that can stand for several names."""
        return self.parts[: self._plain]

    @property
    def pattern(self) -> Parts:
        """The parts from there on."""
        return self.parts[self._plain :]

    def holds(self, path: Parts) -> bool:
        """Tell whether ``path`` is wanted, or lies below a wanted one."""
        if path[: self._plain] != self.plain:
            return False
        return not self.is_glob or _match(self.pattern, path[self._plain :], below=True)

    def leads_through(self, path: Parts) -> bool:
        """Tell whether ``path`` lies above a wanted one."""
        shorter = min(len(path), self._plain)
        if path[:shorter] != self.parts[:shorter]:
            return False
        return len(path) < len(self.parts) if not self.is_glob else _match(self.pattern, path[self._plain :], below=False)

    def leads_to(self, path: Parts) -> bool:
        """Tell whether ``path`` lies above a wanted one, is one, or lies below one."""
        return self.holds(path) or self.leads_through(path)

    def goes_on_with(self, path: Parts, rest: Parts) -> bool:
        """Tell whether all that ``rest`` stands for behind ``path`` is wanted."""
        if path[: self._plain] != self.plain:
            return False
        *_others, at = _places(self.pattern, path[self._plain :])
        return any(self.pattern[place:] == rest for place in at)

    def __str__(self) -> str:
        return "/" + "/".join(self.parts)


def matches_part(pattern: str, name: str) -> bool:
    """Tell whether one part of a path is what one part of a glob says."""
    return fnmatch.fnmatchcase(name, pattern) if _GLOB.search(pattern) else name == pattern


def _match(pattern: Parts, path: Parts, below: bool) -> bool:
    """Hold a path against a pattern, which may end above the last of its parts where what is ``below`` counts, too."""
    if below:
        return any(len(pattern) in at for at in _places(pattern, path))
    *_others, at = _places(pattern, path)
    return any(place < len(pattern) for place in at)


def _places(pattern: Parts, path: Parts) -> t.Iterator[set[int]]:
    """Yield all positions in the pattern that one can be at, before the first part of ``path`` and behind each."""
    at = _skipping({0}, pattern)
    yield at
    for name in path:
        at = _skipping(
            {
                place if pattern[place] == _ANY_DEPTH else place + 1
                for place in at
                if place < len(pattern) and matches_part(pattern[place], name)
            },
            pattern,
        )
        yield at
        if not at:
            return


def _skipping(places: set[int], pattern: Parts) -> set[int]:
    """Add the places behind each "**", which stands for no part at all, too."""
    for place in sorted(places):
        while place < len(pattern) and pattern[place] == _ANY_DEPTH:
            place += 1
            places.add(place)
    return places


class NeededPaths:
    """What has to be known of an image: what is wanted with all below it, and single paths, such as links on the way."""

    def __init__(self, wants: t.Sequence[Want], budget: Budget | None = None) -> None:
        self._budget = budget or Budget()
        self._globs: dict[Parts, dict[Want, None]] = {}  # by their plain parts
        self._ways: set[Parts] = {()}  # to where globs begin
        self._count = 0
        self._trees: set[Parts] = set()
        self._paths: set[Parts] = set()
        for want in wants:
            self.add_want(want)

    def keeps(self, path: Parts) -> bool:
        """Tell whether an entry of a layer with this name has to be known."""
        if path in self._paths or path in self._ways or self.wants_content(path):
            return True
        return any(glob.leads_through(path) for glob in self._globs_above(path))

    def wants_content(self, path: Parts) -> bool:
        """Tell whether the content of such a file is likely to be needed."""
        if any(path[:length] in self._trees for length in range(len(path) + 1)):
            return True
        return any(glob.holds(path) for glob in self._globs_above(path))

    def _globs_above(self, path: Parts) -> t.Iterator[Want]:
        for length in range(len(path) + 1):
            yield from self._globs.get(path[:length], ())

    def add_want(self, want: Want) -> bool:
        """Want one more path or glob; return whether that is new."""
        if not want.is_glob:
            return self.add(want.parts)
        if any(glob.goes_on_with(want.plain, want.pattern) for glob in self._globs_above(want.plain)):
            return False
        self._globs.setdefault(want.plain, {})[want] = None
        self._ways.update(want.plain[:length] for length in range(len(want.plain) + 1))
        self._count += 1
        self._limit(self._count)
        return True

    def add(self, parts: Parts) -> bool:
        """Want what is at a path and below it, whatever characters its name has; return whether that is new."""
        if self.wants_content(parts):
            return False
        self.add_path(parts)
        self._trees.add(parts)
        return True

    def add_path(self, parts: Parts) -> bool:
        """Add a path and those above it, but not what is below; return whether any is new."""
        if self.keeps(parts):
            return False  # what is above it was added with what it belongs to
        weight = 0
        for length in range(len(parts), 0, -1):
            if parts[:length] in self._paths:
                break  # and so are those above it
            self._paths.add(parts[:length])
            weight += _PATH_WEIGHT + 8 * length
        self._budget.take(weight, "The list of the files in the image")
        return True

    def add_aliases(self, links: t.Mapping[Parts, t.Sequence[Parts]], is_real: t.Callable[[Parts], bool]) -> bool:
        """Have known, under the names that links give it, what is needed where they lead to; return whether any is new.

        ``links`` are by where they lead to; ``is_real`` tells whether a path leads through none: names that have one on the way are aliases already.
        """
        found: list[tuple[t.Callable[[t.Any], bool], t.Any]] = []
        for path in (*self._trees, *self._paths):
            add = self.add if path in self._trees else self.add_path
            ends = [size for size in range(len(path) + 1) if path[:size] in links]
            if ends and is_real(path[:-1]):
                found += [(add, (*link, *path[size:])) for size in ends for link in links[path[:size]]]
                self._limit(len(found))
        globs = [glob for same in self._globs.values() for glob in same if is_real(glob.plain)]
        for real, names in links.items():
            if any(real[:size] in self._trees for size in range(len(real) + 1)):
                found += [(self.add, link) for link in names]
            found += [self._glob_alias(glob, real, link) for glob in globs if glob.leads_to(real) for link in names]
            self._limit(len(found))
        is_new = [add(path) for add, path in found]
        return any(is_new)

    def _glob_alias(self, glob: Want, real: Parts, link: Parts) -> tuple[t.Callable[[t.Any], bool], t.Any]:
        """Return what to add so that a glob finds what a layer names through a link: a glob behind it, else all that is below it."""
        alias = Want((*link, *glob.parts[len(real) :]), len(link))
        is_plain = alias.is_glob and alias.plain[: len(link)] == link and _ANY_DEPTH not in glob.parts[: len(real)]
        return (self.add_want, alias) if is_plain and not glob.holds(real) else (self.add, link)

    @staticmethod
    def _limit(count: int) -> None:
        if count > _MOST_ALIASES:
            raise RegistryError(f"The layers of the image name files in more than {_MOST_ALIASES} ways through links.", "limit")
