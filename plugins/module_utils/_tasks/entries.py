# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that are lists of names and dictionaries: one validator, which tells the number of the entry that is wrong."""

from __future__ import annotations

import typing as t

from .._core.errors import RegistryError
from .._core.scrub import quoted
from .._oci.host import UNSET
from .._oci.reference import check_tags

Entry = dict[str, t.Any]
Parsed = t.TypeVar("Parsed")
_MOST_TOLD = 20
_QUOTE = "Quote it: YAML reads 1.10 as 1.1."


def _refuse(message: str) -> RegistryError:
    return RegistryError(message, "invalid_option")


def parse_entries(listed: t.Sequence[t.Any], option: str, main: str, kinds: t.Mapping[str, str]) -> list[Entry]:
    """Return the entries of the list ``option`` as dictionaries with all keys of ``kinds``, None for those that are not given.

    An entry that is text alone is the key ``main``, which every entry needs. ``kinds`` are ``text``, ``texts`` (a list), ``map`` (of
    texts), ``tags`` and ``any``. All that is wrong is told at once.
    """
    refuse_none(listed, option)
    return gather(lambda number, entry: parse_entry(entry, f"entry {number} of {option}", main, kinds), listed)


def refuse_none(listed: t.Sequence[t.Any], option: str) -> None:
    """Refuse a list without entries."""
    if not listed:
        raise _refuse(f"The option {option} is empty{UNSET}: give at least one entry.")


def gather(parse: t.Callable[[int, t.Any], Parsed], listed: t.Iterable[t.Any]) -> list[Parsed]:
    """Return what ``parse`` makes of each entry and its number; raises one error for all entries that are wrong."""
    parsed: list[Parsed] = []
    faults: list[RegistryError] = []
    for number, entry in enumerate(listed, 1):
        try:
            parsed.append(parse(number, entry))
        except RegistryError as error:
            faults.append(error)
    if not faults:
        return parsed
    told = list(dict.fromkeys(fault.message for fault in faults))
    more = f" {len(told) - _MOST_TOLD} more entries are wrong." if len(told) > _MOST_TOLD else ""
    raise RegistryError(" ".join(told[:_MOST_TOLD]) + more, faults[0].kind)


def parse_entry(entry: t.Any, where: str, main: str, kinds: t.Mapping[str, str]) -> Entry:
    """Return one entry of a list as ``parse_entries`` does; ``where`` names it in errors."""
    given = {main: entry} if isinstance(entry, str) else entry
    if not isinstance(given, dict):
        raise _refuse(f"The {where} is {quoted(entry, 100)}: it must be a string, or a dictionary with {', '.join(kinds)}.")
    unknown = [key for key in given if key not in kinds]
    if unknown:
        raise _refuse(f"The {where} has {quoted(unknown[0], 100)}, which is not a valid key: use {', '.join(kinds)}.")
    parsed = {key: _parse_value(given.get(key), f"{key} of {where}", kind) for key, kind in kinds.items()}
    if not parsed[main]:
        raise _refuse(f"The {where} has no {main}{UNSET}.")
    return parsed


def _parse_value(value: t.Any, where: str, kind: str) -> t.Any:
    if value is None:
        return None
    if kind == "any":
        return value
    if kind == "texts":
        if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
            raise _refuse(f"The {where} is {quoted(value, 100)}: it must be a list of strings that are not empty.")
        return value
    if kind == "map":
        return parse_annotations(value, where)
    if kind == "tags":
        return check_tags(value if isinstance(value, list) else [value])
    if not isinstance(value, str):
        raise _refuse(f"The {where} is {quoted(value, 100)}, which is not a string. {_QUOTE}")
    if not value:
        raise _refuse(f"The {where} is empty{UNSET}: leave it out if you do not need it.")
    return value


def parse_annotations(value: t.Any, where: str) -> dict[str, str]:
    """Return a map of annotations: texts by keys that are not empty; ``where`` names it in errors."""
    if not isinstance(value, dict):
        raise _refuse(f"The {where} is {quoted(value, 100)}: it must be a dictionary.")
    for key, text in value.items():
        if not isinstance(key, str) or not key.strip():
            raise _refuse(f"The {where} has the key {quoted(key, 100)}: keys are strings that are not empty. {_QUOTE}")
        if not isinstance(text, str):
            raise _refuse(f"The annotation {quoted(key, 100)} in {where} is {quoted(text, 100)}, which is not a string. {_QUOTE}")
    return dict(value)
