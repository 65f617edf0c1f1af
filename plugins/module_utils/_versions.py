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
Key = tuple[t.Any, ...]

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


def _part_key(match: re.Match[str]) -> Key:
    """Return the key of one part of a suffix: numbers come before words, words of pre-releases before others."""
    if match.group(1):
        return (0, int(match.group(1)), "")
    word = match.group().lower()
    return (1, _RANKS.get(word, len(_STAGES)), "" if word in _RANKS else word)


def version_key(tag: str) -> Key | None:
    """Return what versions are compared by, None for a tag that is no version; different tags have different keys."""
    match = _VERSION.fullmatch(tag)
    if match is None:
        return None
    numbers = [int(number) for number in match.group("numbers").split(".")]
    written = len(numbers)
    while numbers and not numbers[-1]:
        numbers.pop()
    parts = [(found.group().lower(), _part_key(found)) for found in _PART.finditer(match.group("suffix") or "")]
    stage = _RELEASE if not parts else _PRE_RELEASE if parts[0][0] in _RANKS else _VARIANT
    return (tuple(numbers), stage, tuple(key for _text, key in parts), written, tag)


def sort_by_version(items: t.Iterable[Item], tag_of: t.Callable[[Item], str], reverse: bool = False) -> list[Item]:
    """Return ``items`` in the order of their tags' versions, the highest first with ``reverse``; what is no version is always last."""
    versions: list[tuple[Key, Item]] = []
    others: list[tuple[Key, Item]] = []
    for item in items:
        tag = tag_of(item)
        key = version_key(tag)
        (others if key is None else versions).append((key or (tag,), item))
    ordered = [sorted(group, key=lambda pair: pair[0], reverse=reverse) for group in (versions, others)]
    return [item for group in ordered for _key, item in group]
