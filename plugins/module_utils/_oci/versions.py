# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of versions as tags write them.

A version is numbers with dots between them, with or without a ``v`` before and with or without a suffix behind: after one of
``- _ . +``, or a pre-release word right at the numbers (``1.0rc1``). Numbers count as numbers (1.9 < 1.10), a missing one is 0.
Of one version come first its pre-releases (dev, snapshot, nightly, canary, alpha, beta, milestone, preview, rc, in this order,
each with its number), then the release itself, then every other suffix (``-alpine``, ``-2``, ``-p1``): 1.2-rc1 < 1.2 < 1.2-alpine.
Everything else (``latest``, ``main``, a commit's hash that holds letters) is no version and stands behind all versions.
"""

from __future__ import annotations

import re
import typing as t

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
