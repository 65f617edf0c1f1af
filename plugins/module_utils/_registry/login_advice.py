# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a task can give what a registry wants: the options that this task takes for that registry, and no others."""

from __future__ import annotations

import typing as t

from .._core.errors import RegistryError
from .._http.auth_config import auth_config_name
from .._http.credentials import environment_host


class OptionForms(t.NamedTuple):
    """Which options are for one registry: what ``username`` and ``password`` begin with, None where none are, and the name of ``plain_http``."""

    login: str | None = ""
    plain_http: str = "plain_http"


def advise_login(registry: str, forms: OptionForms, auth_config: t.Any, use_auth_file: bool, environ: t.Mapping[str, str]) -> str:
    """Return what to do where ``registry`` wants credentials and the task has none for it."""
    if auth_config is not None:
        advice = f"add its user name and password to {auth_config_name(auth_config)}, under {registry}"
    elif forms.login is None:
        files = "auth_config or an auth_file" if use_auth_file else "auth_config"
        advice = f"give its user name and password in {files}, under {registry}"
    else:
        file = "an auth_file" if use_auth_file else "an auth_config"
        advice = f"set {forms.login}username and {forms.login}password, or {file} with an entry for {registry}"
    return f"{advice}{_other_host(registry, environ)}"


def _other_host(registry: str, environ: t.Mapping[str, str]) -> str:
    """Return that the environment has credentials for another registry, where it has."""
    try:
        other = environment_host(environ)
    except RegistryError:
        return ""
    return f"; the environment has credentials for {other} (OCITOOLS_REGISTRY), not for {registry}" if other not in ("", registry) else ""
