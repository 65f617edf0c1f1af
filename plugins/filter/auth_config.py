# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter auth_config, documented in the .yml file of its name."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ..module_utils._core.scrub import quoted
from ..plugin_utils._template_values import is_undefined

_KEYS = {"username", "password"}
_UNNAMED = "The input"
_NO_TEXT = (bool, int, float, list, tuple, t.Mapping)


def _text(value: t.Any) -> str:
    """Return a value as text, decrypted where it is vaulted; "" for what is no text."""
    return "" if value is None or isinstance(value, _NO_TEXT) else str(value)


def auth_config(credentials: t.Any, option: str = _UNNAMED) -> dict[str, t.Any]:
    """Return what the option ``auth_config`` takes, of user names and passwords by registry host; ``option`` is named in errors."""
    if is_undefined(credentials):
        str(credentials)  # which says what is undefined
    if not isinstance(credentials, t.Mapping):
        raise AnsibleFilterError(f"{option} must be a dictionary with username and password for each registry host.")
    logins = {
        str(host): {key: _text(login[key]) for key in sorted(_KEYS)}
        for host, login in credentials.items()
        if isinstance(login, t.Mapping) and set(login) == _KEYS
    }
    strange = [quoted(str(host), 200) for host in credentials if not all(logins.get(str(host), {"": ""}).values())]
    if strange:
        raise AnsibleFilterError(
            f"{option} must have username and password for each registry host, both strings, and no other keys. Correct {', '.join(strange)}."
        )
    return {"auths": logins, **({"givenAs": option} if option != _UNNAMED else {})}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by name."""
        return {"auth_config": auth_config}
