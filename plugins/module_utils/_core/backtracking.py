# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""How many ways a regular expression may try on one name before it gives up.

A repetition tries one way only where no character can both go on with it and follow it: ``\d+\.`` does, ``\d+\d`` and ``.*x`` try one for
each character. Such choices after each other multiply, and one inside a repetition (``(\d+\.?)+``) doubles with each character.
"""

from __future__ import annotations

import importlib
import math
import sys
import typing as t

_PARSER: t.Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
_CHARACTERS = frozenset(map(chr, range(128))) | {"\u00e9"}  # one stands for all that names hardly have
_CLASSES: dict[str, t.Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_WORD": lambda char: char.isalnum() or char == "_",
}
_SINGLE = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_LONGEST = 8.0  # the logarithm (of 2) of the characters that a name has: choices are counted so

Characters = frozenset[str]
Items = t.Sequence[tuple[t.Any, t.Any]]


def count_ways(text: str) -> float:
    """Return the logarithm (of 2) of how many ways the expression ``text`` may try on a name, infinity for exponentially many."""
    try:
        items: Items = list(_PARSER.parse(text))
        start = 0.0 if _is_anchored(items) else _LONGEST
        return start + _choices(items, frozenset())
    except (KeyError, RecursionError, TypeError, ValueError):
        return math.inf  # a later Python may know what is not known here


def _is_anchored(items: Items) -> bool:
    if not items:
        return False
    kind, value = str(items[0][0]), items[0][1]
    if kind == "SUBPATTERN":
        return _is_anchored(list(value[3]))
    return kind == "AT" and str(value) in ("AT_BEGINNING", "AT_BEGINNING_STRING")


def _both_cases(characters: t.Iterable[str]) -> Characters:
    return frozenset(case for char in characters for case in (char, char.lower(), char.upper())) & _CHARACTERS


def _member(code: int) -> str:
    return chr(code) if code < 128 else "\u00e9"


def _set(kind: str, value: t.Any) -> Characters:
    """Return the characters that one item of an expression takes, those of the other case too."""
    if kind == "ANY":
        return _CHARACTERS
    if kind in ("LITERAL", "NOT_LITERAL"):
        return _both_cases({_member(value)}) if kind == "LITERAL" else _CHARACTERS - {_member(value)} | {"\u00e9"}
    found: set[str] = set()
    negated = False
    for operator, argument in value:
        name = str(operator)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            found.add(_member(argument))
        elif name == "RANGE":
            found.update(_member(code) for code in range(argument[0], min(argument[1], 128) + 1))
        else:
            inverted = str(argument).replace("_NOT_", "_")
            test = _CLASSES[inverted]
            found.update(char for char in _CHARACTERS if test(char) is (inverted == str(argument)))
    return _both_cases(_CHARACTERS - found | {"\u00e9"} if negated else found)


def _first(items: Items) -> tuple[Characters, bool]:
    """Return with which characters a match of ``items`` may begin, and whether it may be empty."""
    found: Characters = frozenset()
    for operator, value in items:
        characters, empty = _first_of(str(operator), value)
        found |= characters
        if not empty:
            return found, False
    return found, True


def _first_of(kind: str, value: t.Any) -> tuple[Characters, bool]:
    if kind in _SINGLE:
        return _set(kind, value), False
    if kind in _REPEATS:
        characters, empty = _first(list(value[2]))
        return characters, empty or value[0] == 0
    if kind in ("SUBPATTERN", "ATOMIC_GROUP"):
        return _first(list(value[3] if kind == "SUBPATTERN" else value))
    if kind == "BRANCH":
        alternatives = [_first(list(alternative)) for alternative in value[1]]
        return frozenset().union(*(characters for characters, _empty in alternatives)), any(empty for _characters, empty in alternatives)
    if kind in ("AT", "ASSERT", "ASSERT_NOT"):
        return frozenset(), True
    raise KeyError(kind)


def _choices(items: Items, following: Characters) -> float:
    """Return the logarithm of the ways through ``items``, after which one of the characters ``following`` may come."""
    ways = 0.0
    for operator, value in reversed(items):
        kind = str(operator)
        ways += _choices_of(kind, value, following)
        characters, empty = _first_of(kind, value)
        following = characters | following if empty else characters
    return ways


def _choices_of(kind: str, value: t.Any, following: Characters) -> float:
    if kind in _SINGLE or kind == "AT":
        return 0.0
    if kind in _REPEATS:
        return _choices_of_repeat(value[0], value[1], list(value[2]), following)
    if kind in ("SUBPATTERN", "ATOMIC_GROUP"):
        return _choices(list(value[3] if kind == "SUBPATTERN" else value), following)
    if kind in ("ASSERT", "ASSERT_NOT"):
        return _choices(list(value[1]), frozenset())
    if kind == "BRANCH":
        return _choices_of_branch([list(alternative) for alternative in value[1]], following)
    raise KeyError(kind)


def _choices_of_branch(alternatives: t.Sequence[Items], following: Characters) -> float:
    ways = max(_choices(items, following) for items in alternatives)
    seen: Characters = frozenset()
    overlapping = 0
    for items in alternatives:
        characters, empty = _first(items)
        overlapping += bool(characters & seen) or empty
        seen |= characters
    return ways + math.log2(1 + overlapping)


def _choices_of_repeat(least: int, most: int, body: Items, following: Characters) -> float:
    characters, empty = _first(body)
    times = min(most, 256)  # no limit is a very large number here
    if times <= 1:
        return _choices(body, following) + (1.0 if least == 0 and characters & following else 0.0)
    inner = _choices(body, following | characters)
    if inner or empty:
        return math.inf if most > 16 else most * max(inner, 1.0)
    return min(math.log2(times - min(least, times) + 1), _LONGEST) if characters & following else 0.0
