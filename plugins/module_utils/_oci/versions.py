# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions as tags write them: their order, and ranges of them.

**The order** takes any tag that begins with numbers. A version is numbers with dots between them, with or without a ``v`` before and with
or without a suffix behind: after one of ``- _ . +``, or a pre-release word right at the numbers (``1.0rc1``). Numbers count as numbers
(1.9 < 1.10), a missing one is 0. Of one version come first its pre-releases (dev, snapshot, nightly, canary, alpha, beta, milestone, preview,
rc, in this order, each with its number), then the release itself, then every other suffix (``-alpine``, ``-2``, ``-p1``):
1.2-rc1 < 1.2 < 1.2-alpine. Everything else (``latest``, ``main``, a commit's hash that holds letters) is no version and stands behind all.

**Ranges** follow Semantic Versioning 2.0.0, as npm and Masterminds (Helm, Flux) read them. There a version is
``[v]major[.minor[.patch]][-pre-release]``, and numbers that are not written are 0. Whatever stands behind a hyphen is a pre-release, so
``1.2.0-alpine`` comes before ``1.2.0``, and only a range that names a pre-release has it.
"""

from __future__ import annotations

import itertools
import re
import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._core.scrub import quoted

Item = t.TypeVar("Item")

_STAGES = (
    ("dev",),
    ("snapshot",),
    ("nightly",),
    ("canary",),
    ("a", "alpha"),
    ("b", "beta"),
    ("m", "milestone"),
    ("pre", "preview"),
    ("cr", "rc"),
)
_RANKS = {word: rank for rank, words in enumerate(_STAGES) for word in words}
_WORDS = "|".join(sorted(_RANKS, key=len, reverse=True))
_VERSION = re.compile(
    rf"[vV]?(?P<numbers>[0-9]+(?:\.[0-9]+)*)(?P<suffix>(?:[-_.+]|(?i:{_WORDS})[0-9]*(?![A-Za-z0-9])).*)?", re.ASCII | re.DOTALL
)
_PART = re.compile(r"([0-9]+)|[^0-9\-_.+]+", re.ASCII)
_PRE_RELEASE, _RELEASE, _VARIANT = range(3)
_NUMBER, _WORD = b"\x01", b"\x02"  # before a part; the end of all parts comes before any further one
_END = b"\0"


def _number(text: str) -> bytes:
    """Return a number so that bytes are ordered as numbers are: more digits come behind fewer."""
    digits = text.lstrip("0")
    length = len(digits)
    return (bytes([length]) if length < 255 else b"\xff" + length.to_bytes(4, "big")) + digits.encode("ascii")


def _part_key(match: re.Match[str]) -> bytes:
    """Return the key of one part of a suffix: numbers come before words, words of pre-releases before others."""
    if match.group(1):
        return _NUMBER + _number(match.group(1))
    word = match.group().lower()
    rank = _RANKS.get(word, len(_STAGES))
    return _WORD + bytes([rank]) + (b"" if word in _RANKS else _text(word) + _END)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def version_key(tag: str) -> bytes | None:
    """Return what versions are compared by, None for a tag that is no version; different tags have different keys.

    It is bytes, since a million tags have keys, and tuples of their parts would take gigabytes.
    """
    match = _VERSION.fullmatch(tag)
    if match is None:
        return None
    numbers = match.group("numbers").split(".")
    written = len(numbers)
    while numbers and not numbers[-1].strip("0"):
        numbers.pop()
    parts = list(_PART.finditer(match.group("suffix") or ""))
    stage = _RELEASE if not parts else _PRE_RELEASE if parts[0].group().lower() in _RANKS else _VARIANT
    key = [*(_NUMBER + _number(number) for number in numbers), _END, bytes([stage]), *map(_part_key, parts), _END]
    return b"".join([*key, written.to_bytes(4, "big"), _text(tag)])


def weigh_keys(tags: t.Sequence[str]) -> int:
    """Return how many bytes of memory the keys of ``tags`` take while they are sorted."""
    return 120 * len(tags) + 4 * sum(map(len, tags))


def sort_by_version(items: t.Iterable[Item], tag_of: t.Callable[[Item], str], reverse: bool = False) -> list[Item]:
    """Return ``items`` in the order of their tags' versions, the highest first with ``reverse``; what is no version is always last."""
    versions: list[tuple[bytes, Item]] = []
    others: list[tuple[bytes, Item]] = []
    for item in items:
        tag = tag_of(item)
        key = version_key(tag)
        (others if key is None else versions).append((key or _text(tag), item))
    ordered = [sorted(group, key=lambda pair: pair[0], reverse=reverse) for group in (versions, others)]
    return [item for group in ordered for _key, item in group]


_NUMERIC = r"(?:0|[1-9][0-9]{0,127})"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_TAIL = rf"(?:-(?P<pre>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_SEMANTIC = re.compile(rf"[vV]?(?P<numbers>{_NUMERIC}(?:\.{_NUMERIC}){{0,2}}){_TAIL}", re.ASCII)
_WILD = rf"(?:{_NUMERIC}|[xX*])"
_TERM = re.compile(rf"(?P<sign>[<>=!~^]*)[vV]?(?P<numbers>{_WILD}(?:\.{_WILD}){{0,2}}){_TAIL}", re.ASCII)
_FROM_TO = re.compile(r"(?<![^\s,])([^\s,<>=!~^]+)\s+-\s+([^\s,<>=!~^]+)(?![^\s,])", re.ASCII)
_AFTER_SIGN = re.compile(r"(?<=[<>=!~^])\s+", re.ASCII)
_BETWEEN = re.compile(r"\s*,\s*|\s+", re.ASCII)
_SIGNS = {"": "=", "~>": "~", "=>": ">=", "=<": "<="}
_LONGEST = 256  # longer than any tag

Point = tuple[t.Any, ...]  # a place in the order of versions: of two that begin alike the shorter one comes first
_FIRST: Point = ()
_LAST: Point = (float("inf"),)


def _padded(numbers: list[int]) -> Point:
    """Return the place before all versions, pre-releases too, that begin with ``numbers``."""
    return (*numbers, 0, 0, 0)[:3] if numbers else _FIRST


def _end_of(numbers: list[int]) -> Point:
    """Return the place behind all versions that begin with ``numbers``."""
    return _padded([*numbers[:-1], numbers[-1] + 1]) if numbers else _LAST


def _point(numbers: list[int], pre_release: str | None) -> Point:
    """Return the place of a version (semver.org, rule 11): pre-releases before the release, numbers in them before words."""
    parts = pre_release.split(".") if pre_release else ()
    keys = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
    return (*(*numbers, 0, 0, 0)[:3], not pre_release, keys)


@dataclass(frozen=True)
class _Term:
    """What one comparison has: the versions from one place up to another one, or (``is_inside`` false) all others."""

    start: Point
    end: Point
    is_inside: bool = True
    names_pre_release: bool = False

    @classmethod
    def parse(cls, text: str) -> _Term | None:
        """Return the comparison that ``text`` makes, None where it makes none."""
        match = _TERM.fullmatch(text)
        if match is None:
            return None
        written = match["numbers"].split(".")
        numbers = [int(part) for part in itertools.takewhile(str.isdigit, written)]
        sign, pre_release = _SIGNS.get(match["sign"], match["sign"]), match["pre"]
        if pre_release and sign == "=" and len(numbers) == len(written) < 3:
            return None  # "1.2-1.4", which nobody means as 1.2.0's pre-release
        if pre_release and sign in (">", ">=", "<", "<="):
            numbers = [*numbers, 0, 0, 0][:3]
        spans = _spans(numbers, pre_release)
        return cls(*spans[sign], sign != "!=", bool(pre_release) and sign != "!=") if sign in spans else None

    def has(self, point: Point) -> bool:
        """Tell whether the comparison has the version at ``point``."""
        return (self.start <= point < self.end) == self.is_inside


def _spans(numbers: list[int], pre_release: str | None) -> dict[str, tuple[Point, Point]]:
    """Return the two ends that each sign gives before a version, or before all versions that begin with less than three ``numbers``."""
    version = _point(numbers, pre_release)
    is_whole = len(numbers) == 3
    before = version if is_whole else _padded(numbers)
    behind = (*version, True) if is_whole else _end_of(numbers)
    kept = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1) + 1
    return {
        "=": (version, behind),
        "!=": (before, behind),
        ">": (behind, _LAST),
        ">=": (version, _LAST),
        "<": (_FIRST, before),
        "<=": (_FIRST, behind),
        "~": (version, _end_of(numbers[:2])),
        "^": (version, _end_of(numbers[:kept])),
    }


@dataclass(frozen=True)
class VersionRange:
    """A range of semantic versions: alternatives, each of comparisons that must hold together."""

    text: str
    alternatives: tuple[tuple[_Term, ...], ...]

    @classmethod
    def parse(cls, text: t.Any, option: str = "semver") -> VersionRange:
        """Return the range in ``text``, which is the value of ``option``; raises ``invalid_option``."""
        if not isinstance(text, str):
            raise RegistryError(
                f"The option {option} is {quoted(text, 60)}, which is not a string. Quote the range: YAML reads 1.10 as 1.1.",
                "invalid_option",
            )
        if not text.strip():
            raise RegistryError(f"The option {option} is empty: give a range of versions, or leave the option out.", "invalid_option")
        return cls(text, tuple(_parse_alternative(part, text, option) for part in text.split("||")))

    def has(self, tag: str) -> bool:
        """Tell whether ``tag`` is a version in this range; a pre-release is only in alternatives that name one."""
        match = _SEMANTIC.fullmatch(tag) if len(tag) <= _LONGEST else None
        if match is None:
            return False
        point = _point([int(number) for number in match["numbers"].split(".")], match["pre"])
        return any(
            (not match["pre"] or any(term.names_pre_release for term in terms)) and all(term.has(point) for term in terms)
            for terms in self.alternatives
        )


def _parse_alternative(part: str, text: str, option: str) -> tuple[_Term, ...]:
    """Return the comparisons of one alternative; ``1.2 - 1.4`` makes two."""
    terms = []
    for word in _BETWEEN.split(_FROM_TO.sub(r">=\1 <=\2", _AFTER_SIGN.sub("", part.strip()))):
        term = _Term.parse(word)
        if term is None:
            what = f"{quoted(word, 60)} in it does not name a semantic version" if word else "it lacks a comparison"
            raise RegistryError(
                f'The option {option} is {quoted(text, 200)}, which is not a range of versions: {what}. Write a range such as ">=1.2 <2", '
                '"~1.4", "^2", "1.x" or "1.2 - 1.4", and alternatives with "||" between them; numbers have no leading zeros.',
                "invalid_option",
            )
        terms.append(term)
    return tuple(terms)
