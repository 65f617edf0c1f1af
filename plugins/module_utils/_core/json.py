# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read JSON that somebody else wrote: bounded, unambiguous, never a surprise."""

from __future__ import annotations

import json
import math
import typing as t

from .budget import count_values
from .errors import RegistryError
from .scrub import quoted

MAX_DEPTH = 64
MAX_DIGITS = 30
MAX_VALUES = 250_000  # each takes much more memory than its text


def _unique(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("it has a key twice")
    return document


def _refuse_constant(text: str) -> t.Any:
    raise ValueError(f"it holds {text}")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("it contains a number that is too long")
    return int(text)


def _finite(text: str) -> float:
    number = float(text) if len(text) <= 100 else math.inf
    if math.isinf(number):
        raise ValueError("it contains a number that is too large")
    return number


def _check_depth(document: t.Any) -> None:
    level = [document]
    for _depth in range(MAX_DEPTH + 1):
        containers = [value for value in level if isinstance(value, (dict, list))]
        if not containers:
            return
        level = [inner for value in containers for inner in (value.values() if isinstance(value, dict) else value)]
    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def load_object(raw: bytes, limit: int, what: str, kind: str = "invalid_response", values: int = MAX_VALUES) -> dict[str, t.Any]:
    """Return the JSON object in ``raw`` (at most ``limit`` bytes of UTF-8, and so many ``values``); ``what`` names it in the error of ``kind``."""
    document = load_value(raw, limit, what, kind, values)
    if not isinstance(document, dict):
        raise RegistryError(f"{what} cannot be read as JSON: it is not a JSON object.", kind)
    return document


def load_value(raw: bytes, limit: int, what: str, kind: str = "invalid_response", values: int = MAX_VALUES) -> t.Any:
    """Return what JSON ``raw`` holds, whatever its type; the rest as ``load_object``."""
    if len(raw) > limit:
        raise RegistryError(f"{what} is larger than the limit of {limit} bytes.", "limit")
    if count_values(raw) > values:
        raise RegistryError(f"{what} contains more than the limit of {values} values.", "limit")
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_finite,
        )
        _check_depth(document)
    except RecursionError:
        reason = f"it is nested deeper than {MAX_DEPTH} levels"
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at character {error.pos}"
    except ValueError as error:
        reason = str(error)
    else:
        return document
    raise RegistryError(f"{what} cannot be read as JSON: {reason}.", kind)


def check_spelling(document: dict[str, t.Any], names: t.Iterable[str], what: str, kind: str = "invalid_response") -> None:
    """Refuse keys that some readers take for one of ``names``: Go's folds case, and two letters outside of ASCII with it."""
    known = {name.casefold(): name for name in names}
    for key in document:
        if known.get(key.casefold(), key) != key:
            raise RegistryError(
                f"{what} spells {known[key.casefold()]} as {quoted(key, 30)}: programs would read it in different ways.", kind
            )


def check_twins(document: t.Any, what: str, kind: str = "invalid_response") -> None:
    """Refuse two keys of an object that differ only in case, of which each reader takes its own."""
    seen: dict[str, str] = {}
    for key in document if isinstance(document, dict) else ():
        twin = seen.setdefault(key.casefold(), key)
        if twin != key:
            raise RegistryError(
                f"{what} holds both {quoted(twin, 30)} and {quoted(key, 30)}: programs would read it in different ways.", kind
            )
