# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``auth_config``: the content of an auth file, as text or as a dictionary, and what in it is secret."""

from __future__ import annotations

import base64
import json
import re
import typing as t

from .._core.errors import RegistryError
from .._core.scrub import kind_of

# What stands under these keys is shown like any other option: who logs in where, and with what helper.
_PUBLIC = frozenset({"username", "user", "email", "serveraddress", "credsstore", "credhelpers", "httpheaders", "currentcontext", "givenas"})
_GIVEN_AS = "givenAs"  # what a role calls it
_VALUE = re.compile(r""":\s*["']([^"']+)""")


def auth_config_bytes(value: t.Any) -> bytes:
    """Return the text of an auth file that the option gives, whichever way; ansible-core before 2.19 makes a dictionary of JSON text by itself."""
    if isinstance(value, t.Mapping):
        return json.dumps(value, default=str).encode()
    if not isinstance(value, str):
        raise RegistryError(
            f"The option auth_config is {kind_of(value)}: give the content of an auth file, as a dictionary or as JSON text.",
            "credentials",
        )
    if value.startswith("{'"):
        raise RegistryError(
            "The option auth_config is a dictionary that a template converted to text: give the dictionary itself, or convert it "
            "with the filter to_json.",
            "credentials",
        )
    return value.encode("utf-8", "surrogatepass")


def auth_config_name(value: t.Any) -> str:
    """Return what the task calls the option: a role has a variable of its own for it."""
    name = value.get(_GIVEN_AS) if isinstance(value, t.Mapping) else None
    return name if isinstance(name, str) and name.isidentifier() and len(name) < 100 else "auth_config"


def auth_config_secrets(value: t.Any) -> t.Iterator[str]:
    """Yield what nobody may see of the option: all but names of users, hosts and helpers; of text that is no JSON all."""
    if value is None:
        return
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            yield value
            yield from _VALUE.findall(value)
            return
    yield from _secrets(value, 0)


def _secrets(value: t.Any, depth: int) -> t.Iterator[str]:
    if depth > 64:
        return
    if isinstance(value, t.Mapping):
        for key, item in value.items():
            if str(key).lower() not in _PUBLIC:
                yield from _decoded(item) if key == "auth" else ()
                yield from _secrets(item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _secrets(item, depth + 1)
    elif value is not None and not isinstance(value, (bool, int, float)):
        yield str(value)


def _decoded(auth: t.Any) -> t.Iterator[str]:
    try:
        text = base64.b64decode(str(auth)).decode("utf-8")
    except ValueError:
        return
    yield text.partition(":")[2].strip("\0")
