# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials: the ways to log in, and those that the task or the environment gives."""

from __future__ import annotations

import base64
import re
import typing as t
from dataclasses import dataclass, field

from .._core.errors import RegistryError
from .._oci.host import normalize_registry, parse_host

_TOKEN = re.compile(r"[!-~]+", re.ASCII)
_ENVIRONMENT = {
    "username": "OCITOOLS_REGISTRY_USERNAME",
    "password": "OCITOOLS_REGISTRY_PASSWORD",
    "identity_token": "OCITOOLS_REGISTRY_IDENTITY_TOKEN",
    "registry_token": "OCITOOLS_REGISTRY_TOKEN",
}


_BREAKS = ("\n", "\r")
_ENDING = "ends with a line break, which the filter trim removes"
LOGIN_OPTIONS = tuple(_ENVIRONMENT)


@dataclass(frozen=True)
class Credentials:
    """One way to log in: user name and password, an OAuth2 refresh token, or a ready bearer token."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    def secrets(self) -> tuple[str, ...]:
        """Return every text that must not be shown."""
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii") if self.password else ""
        return tuple(secret for secret in (self.password, self.identity_token, self.registry_token, pair) if secret)

    @property
    def oddity(self) -> str:
        """What of them may be why they are refused, as the end of a sentence; "" for nothing."""
        ends = {"user name": self.username.endswith(_BREAKS), "password": self.password.endswith(_BREAKS)}
        return "".join(f"; the {name} {_ENDING}" for name, ends_so in ends.items() if ends_so)


def _choose(values: t.Mapping[str, str], names: t.Mapping[str, str], source: str, kind: str) -> Credentials | None:
    given = {key: value for key, value in values.items() if value}
    secrets = [name for name in ("password", "identity_token", "registry_token") if given.get(name)]
    if not given:
        return None
    if len(secrets) > 1 or ("username" in given and secrets not in ([], ["password"])):
        pair = " with ".join(names[key] for key in ("username", "password") if key in given)
        shown = ", ".join([*([pair] if pair else []), *(names[key] for key in ("identity_token", "registry_token") if key in given)])
        raise RegistryError(f"{source} gives several credentials ({shown}): give only one of them.", kind)
    if ("username" in given) != ("password" in given) and not (secrets and secrets != ["password"]):
        present, absent = ("username", "password") if "username" in given else ("password", "username")
        raise RegistryError(f"{source} gives {names[present]} without {names[absent]}: both are needed.", kind)
    return checked(Credentials(**given), names, source, kind)


TLS_FILES = ("ca_path", "client_cert", "client_key")


def refuse_empty(options: t.Mapping[str, t.Any], names: t.Iterable[str]) -> None:
    """Refuse empty text for options that decide who logs in, and who is trusted: it is a look-up that found nothing, and nothing else may stand in."""
    for name in names:
        value = options.get(name)
        if isinstance(value, str) and not value.strip():
            raise RegistryError(
                f"The option {name} is empty: an unset variable? Leave the option out if you do not need it.", "invalid_option"
            )


def checked(credentials: Credentials, names: t.Mapping[str, str], source: str, kind: str) -> Credentials:
    """Return ``credentials`` if they can be sent at all: HTTP libraries print a header that they refuse."""
    for name in ("identity_token", "registry_token"):
        token = getattr(credentials, name)
        if token and not _TOKEN.fullmatch(token):
            end = f": it {_ENDING}" if token.endswith(_BREAKS) else ""
            raise RegistryError(
                f"{source} gives a value for {names[name]} that contains a space, a line break or another character that is not "
                f"allowed in a token{end}.",
                kind,
            )
    try:
        f"{credentials.username}{credentials.password}".encode()
    except UnicodeEncodeError:
        raise RegistryError(f"{source} gives a user name or a password that is not valid UTF-8.", kind) from None
    return credentials


def explicit(options: t.Mapping[str, t.Any], prefix: str = "") -> Credentials | None:
    """Return the credentials among a task's ``options``, whose names begin with ``prefix``; None without any.

    Errors: ``invalid_option`` for several at once, or half of a pair.
    """
    values = {name: str(options.get(f"{prefix}{name}") or "") for name in _ENVIRONMENT}
    return _choose(values, {name: f"{prefix}{name}" for name in values}, "The task", "invalid_option")


def from_environment(environ: t.Mapping[str, str], host: str) -> Credentials | None:
    """Return the credentials that the environment gives for ``host``, None where it gives none for it."""
    values = {name: environ[variable] for name, variable in _ENVIRONMENT.items() if variable in environ}
    if not values:
        return None
    own = environment_host(environ)
    if own and own != host:
        return None
    for variable in ("OCITOOLS_REGISTRY", *_ENVIRONMENT.values()):
        if not environ.get(variable, "-").strip():
            raise RegistryError(f"The environment variable {variable} is empty: unset it if you do not need it.", "credentials")
    if not own:
        raise RegistryError(
            "The environment gives registry credentials without OCITOOLS_REGISTRY: set it to the host that the credentials are for.",
            "credentials",
        )
    return _choose(values, _ENVIRONMENT, "The environment", "credentials")


def environment_host(environ: t.Mapping[str, str]) -> str:
    """Return the host that the environment has credentials for, "" where it has none."""
    own = environ.get("OCITOOLS_REGISTRY", "").strip()
    if not own or not any(variable in environ for variable in _ENVIRONMENT.values()):
        return ""
    try:
        return normalize_registry(parse_host(own))
    except RegistryError as error:
        raise RegistryError(f"The environment variable OCITOOLS_REGISTRY is not a registry host: {error.message}", "credentials") from None
