# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read WWW-Authenticate headers (RFC 7235): challenges, their parameters, and scopes."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._core.errors import RegistryError

_MAX_HEADER = 8192
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:\s+|(?=,)|$)", re.ASCII)
_PARAMETER = re.compile(
    rf'[\s,]*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}(?:[/:]{_TOKEN}|[/:])*))(?=[\s,]|$)', re.ASCII | re.DOTALL
)
_TOKEN68 = re.compile(r"[\s,]*[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))", re.ASCII)


@dataclass(frozen=True)
class Challenge:
    """One challenge: its ``scheme`` in lower case and its parameters, names in lower case."""

    scheme: str
    parameters: t.Mapping[str, str] = field(default_factory=dict)


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Return the challenges in a WWW-Authenticate value (several headers joined by commas), in order.

    Errors: ``invalid_response`` where a quote is not closed or the text is no challenge at all.
    """
    if len(header) > _MAX_HEADER:
        raise RegistryError(f"The registry's WWW-Authenticate header is longer than {_MAX_HEADER} characters.", "limit")
    challenges: list[Challenge] = []
    position = 0
    while header[position:].strip(" \t,"):
        scheme = _SCHEME.match(header, position)
        if scheme is None:
            raise RegistryError("The registry's WWW-Authenticate header cannot be read.", "invalid_response")
        parameters, position = _parse_parameters(header, scheme.end())
        challenges.append(Challenge(scheme.group(1).lower(), parameters))
    return tuple(challenges)


def _parse_parameters(header: str, position: int) -> tuple[dict[str, str], int]:
    parameters: dict[str, str] = {}
    while True:
        found = _PARAMETER.match(header, position)
        if found is None:
            break
        name, quoted, plain = found.groups()
        value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        parameters.setdefault(name.lower(), value)
        position = found.end()
    if not parameters:
        token = _TOKEN68.match(header, position)
        if token and not header[position:].lstrip().startswith(","):
            position = token.end()
    return parameters, position


def lacks_scope(header: str) -> bool:
    """Tell whether a challenge says that the token is good but not for what was asked (RFC 6750)."""
    try:
        return any(challenge.parameters.get("error") == "insufficient_scope" for challenge in parse_challenges(header))
    except RegistryError:
        return False


def split_scopes(scope: str) -> tuple[str, ...]:
    """Return the scopes in a challenge's ``scope`` parameter, each once, in order."""
    return tuple(dict.fromkeys(scope.split()))


def restrict_scopes(asked: t.Iterable[str], own: t.Iterable[str]) -> tuple[str, ...]:
    """Return what of the scopes that a registry ``asked`` for gives no more rights to repositories than a task's ``own``, and reading."""
    wanted = {resource: set(actions.split(",")) for resource, _colon, actions in (scope.rpartition(":") for scope in own)}
    kept = []
    for scope in asked:
        resource, colon, actions = scope.rpartition(":")
        allowed = {"pull", *wanted.get(resource, ())}
        if "delete" in allowed:
            allowed.add("*")  # older registries call it so
        chosen = [action for action in actions.split(",") if action in allowed or not scope.startswith("repository")]
        kept += [f"{resource}{colon}{','.join(chosen)}"] if chosen else []
    return tuple(kept)


def merge_scopes(*groups: t.Iterable[str]) -> tuple[str, ...]:
    """Return one list of scopes: the actions for each resource joined, those with push first."""
    actions: dict[str, dict[str, None]] = {}
    for group in groups:
        for scope in group:
            resource, colon, wanted = scope.rpartition(":")
            known = actions.setdefault(f"{resource}:" if colon else scope, {})
            known.update(dict.fromkeys(wanted.split(",")) if colon else {})
    merged = [f"{resource}{','.join(wanted)}" for resource, wanted in actions.items()]
    return tuple(sorted(merged, key=lambda scope: "push" not in scope.rpartition(":")[2].split(",")))
