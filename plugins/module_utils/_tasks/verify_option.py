# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``verify`` of modules and of the lookup: its suboptions, and the verification that they describe."""

from __future__ import annotations

import os
import typing as t

from .._core.errors import RegistryError
from .._core.scrub import quoted
from .options import ArgumentSpec

if t.TYPE_CHECKING:
    from .._registry.verification import Verification

_MOST_BYTES = 1024 * 1024  # of a file with keys or certificates

# What registry_verify has as options and all others as suboptions of ``verify``; its documentation is the fragment ``_verify``.
POLICY: ArgumentSpec = {
    "keys": {"type": "list", "elements": "str", "default": [], "no_log": False, "aliases": ["key"]},
    "certificate_authorities": {"type": "list", "elements": "str", "default": []},
    "identities": {"type": "raw"},
    "formats": {"type": "list", "elements": "str", "choices": ["cosign", "notation"], "default": ["cosign", "notation"]},
    "require": {"type": "str", "choices": ["any", "all"], "default": "any"},
    "annotations": {"type": "dict", "default": {}},
    "identity": {"type": "str"},
    "recursive": {"type": "bool", "default": False},
}
VERIFY: ArgumentSpec = {"verify": {"type": "dict", "options": POLICY}}


def read_pem(text: str, option: str) -> str:
    """Return the PEM that an option gives: itself, or the content of the file that it names."""
    if "-----BEGIN " in text:
        return text
    if not text.strip():
        raise RegistryError(f"The option {option} is empty (an unset variable?): give PEM text, or the path of a file.", "invalid_option")
    if "://" in text:
        raise RegistryError(
            f"The option {option} refers to a key elsewhere ({quoted(text, 100)}): give PEM text, or the path of a file.",
            "invalid_option",
        )
    path = text
    try:
        path = os.path.expanduser(text)
        with open(path, "rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RegistryError(f"The file {quoted(path, 300)} of the option {option} cannot be read: {reason}.", "local_io") from None
    except ValueError:  # a NUL, or what no name of a file can hold
        raise RegistryError(
            f"The option {option} contains {quoted(path, 300)}, which no path can be: give PEM text, or the path of a file.",
            "invalid_option",
        ) from None
    try:
        return raw[:_MOST_BYTES].decode("utf-8") if len(raw) <= _MOST_BYTES else ""
    except UnicodeDecodeError:
        return ""  # no PEM, as whoever reads it says


def parse_policy(options: t.Mapping[str, t.Any], prefix: str = "") -> Verification:
    """Return the verification that the options of ``POLICY`` describe; ``prefix`` stands before their names in errors."""
    from .._registry.verification import Verification
    from .._signatures.policy import Policy

    given = dict(options)
    for name in ("keys", "certificate_authorities"):
        given[name] = [read_pem(text, f"{prefix}{name}") for text in options.get(name) or ()]
    return Verification(Policy.parse(given, prefix))


def parse_verify(params: t.Mapping[str, t.Any]) -> Verification | None:
    """Return the verification that the option ``verify`` asks for, None where it is not given."""
    options = params.get("verify")
    return None if options is None else parse_policy(options, "verify.")
