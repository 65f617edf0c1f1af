# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose credentials: those of the task, of the environment, of auth files and credential helpers, in this order."""

from __future__ import annotations

import base64
import os
import threading
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ._credential_helper import RunHelper, ask_helper, run_helper
from ._errors import RegistryError
from ._json import load_object
from ._reference import DOCKER_HUB, check_host, normalize_registry

MAX_AUTH_FILE = 1024 * 1024
_TOKEN_USER = "<token>"
_HUB_KEY = "https://index.docker.io/v1/"
_ENVIRONMENT = {
    "username": "OCITOOLS_REGISTRY_USERNAME",
    "password": "OCITOOLS_REGISTRY_PASSWORD",
    "identity_token": "OCITOOLS_REGISTRY_IDENTITY_TOKEN",
    "registry_token": "OCITOOLS_REGISTRY_TOKEN",
}


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


def _choose(values: t.Mapping[str, str], names: t.Mapping[str, str], source: str, kind: str) -> Credentials | None:
    given = {key: value for key, value in values.items() if value}
    ways = [name for name in ("password", "identity_token", "registry_token") if given.get(name)]
    if not given:
        return None
    if len(ways) > 1 or ("username" in given and ways not in ([], ["password"])):
        shown = ", ".join(names[key] for key in given)
        raise RegistryError(f"{source} gives several credentials at once ({shown}): give one of them only.", kind)
    if ("username" in given) != ("password" in given) and not (ways and ways != ["password"]):
        present, absent = ("username", "password") if "username" in given else ("password", "username")
        raise RegistryError(f"{source} gives {names[present]} without {names[absent]}: both are needed.", kind)
    return Credentials(**given)


def explicit(options: t.Mapping[str, t.Any], prefix: str = "") -> Credentials | None:
    """Return the credentials among a task's ``options``, whose names begin with ``prefix``; None without any.

    Errors: ``invalid_option`` for several at once, or half of a pair.
    """
    values = {name: str(options.get(f"{prefix}{name}") or "") for name in _ENVIRONMENT}
    return _choose(values, {name: f"{prefix}{name}" for name in values}, "The task", "invalid_option")


def from_environment(environ: t.Mapping[str, str], host: str) -> Credentials | None:
    """Return the credentials that the environment gives for ``host``, None where it gives none for it."""
    values = {name: environ.get(variable, "") for name, variable in _ENVIRONMENT.items()}
    if not any(values.values()):
        return None
    own = environ.get("OCITOOLS_REGISTRY", "")
    if not own:
        raise RegistryError(
            "The environment gives registry credentials without OCITOOLS_REGISTRY: set it to the host that they are for.", "credentials"
        )
    try:
        own = normalize_registry(check_host(own))
    except RegistryError as error:
        raise RegistryError(f"OCITOOLS_REGISTRY is no registry host: {error.message}", "credentials") from None
    return _choose(values, _ENVIRONMENT, "The environment", "credentials") if own == host else None


def _normalize_key(key: str) -> str:
    """Return ``host[:port][/path]`` of an entry's key as any tool may have written it."""
    text = key.partition("://")[2] if "://" in key else key
    text = text.rstrip("/")
    for suffix in ("/v1", "/v2"):
        if text.endswith(suffix):
            text = text[: -len(suffix)]
    host, slash, path = text.partition("/")
    return f"{normalize_registry(host.lower())}{slash}{path}"


class AuthFile:
    """A Docker ``config.json`` or containers ``auth.json``; ``what`` names it in errors, its content never shows."""

    def __init__(self, raw: bytes, what: str) -> None:
        self._what = what
        document = load_object(raw, MAX_AUTH_FILE, what, "credentials")
        self._auths = {_normalize_key(key): (key, entry) for key, entry in self._section(document, "auths").items()}
        self._helpers = {_normalize_key(key): (key, name) for key, name in self._section(document, "credHelpers").items()}
        self._store = document.get("credsStore") or ""

    def _section(self, document: dict[str, t.Any], name: str) -> dict[str, t.Any]:
        section = document.get(name) or {}
        if not isinstance(section, dict):
            raise RegistryError(f"{self._what} has no map under {name}.", "credentials")
        return section

    def find(self, host: str, repository: str, run: RunHelper) -> Credentials | None:
        """Return the credentials for a repository: the host's helper, the most specific entry, the general helper."""
        if host in self._helpers:
            return self._ask(self._helpers[host][1], host, run)
        parts = repository.split("/") if repository else []
        for length in range(len(parts), -1, -1):
            found = self._auths.get("/".join([host, *parts[:length]]))
            if found is not None:
                credentials = self._entry(found[1])
                if credentials is not None:
                    return credentials
        return self._ask(self._store, host, run) if self._store else None

    def _ask(self, name: t.Any, host: str, run: RunHelper) -> Credentials | None:
        if not isinstance(name, str):
            raise RegistryError(f"{self._what} names a credential helper for {host} that is no text.", "credentials")
        pair = ask_helper(name, _HUB_KEY if host == DOCKER_HUB else host, run)
        return None if pair is None else _from_pair(*pair)

    def _entry(self, entry: t.Any) -> Credentials | None:
        if not isinstance(entry, dict) or not all(isinstance(value, (str, int)) or value is None for value in entry.values()):
            raise RegistryError(f"{self._what} has an entry that is no map of texts.", "credentials")
        if entry.get("registrytoken"):
            return Credentials(registry_token=str(entry["registrytoken"]))
        if entry.get("identitytoken"):
            return Credentials(identity_token=str(entry["identitytoken"]))
        if entry.get("auth"):
            try:
                text = base64.b64decode(str(entry["auth"]), validate=True).decode("utf-8")
            except ValueError:
                raise RegistryError(f"{self._what} has an entry whose auth is no base64 of user:password.", "credentials") from None
            username, colon, password = text.partition(":")
            if not colon:
                raise RegistryError(f"{self._what} has an entry whose auth is no base64 of user:password.", "credentials")
            return _from_pair(username, password.rstrip("\0"))
        if entry.get("username") and entry.get("password"):
            return _from_pair(str(entry["username"]), str(entry["password"]))
        return None


def _from_pair(username: str, secret: str) -> Credentials:
    return Credentials(identity_token=secret) if username == _TOKEN_USER else Credentials(username, secret)


def _read(path: Path, named: bool) -> bytes | None:
    """Return the bytes of an auth file; None where a file that nobody named does not exist."""
    try:
        if not path.is_file():
            if path.exists() or named:
                fault = "is no regular file" if path.exists() else "does not exist"
                raise RegistryError(f"The auth file {path} {fault}: check auth_file or REGISTRY_AUTH_FILE.", "credentials")
            return None
        with path.open("rb") as stream:
            return stream.read(MAX_AUTH_FILE + 1)
    except OSError:
        raise RegistryError(f"The auth file {path} cannot be read: check its permissions.", "credentials") from None


class Keychain:
    """Looks for the credentials of a repository in ``auth_config`` and the auth files, each read once."""

    def __init__(
        self,
        auth_config: str | None,
        auth_file: str | None,
        use_auth_file: bool,
        environ: t.Mapping[str, str],
        run: RunHelper = run_helper,
        on_secret: t.Callable[[str], None] = lambda secret: None,
        on_warning: t.Callable[[str], None] = lambda text: None,
    ) -> None:
        self._auth_config = auth_config
        self._auth_file = auth_file
        self._use_auth_file = use_auth_file
        self._environ = environ
        self._run = run
        self._on_secret = on_secret
        self._on_warning = on_warning
        self._files: dict[str, AuthFile | None] = {}
        self._found: dict[tuple[str, str], Credentials | None] = {}
        self._lock = threading.Lock()

    def find(self, host: str, repository: str) -> Credentials | None:
        """Return the credentials for ``repository`` on ``host``, None for anonymous access; raises ``credentials``."""
        key = (host, repository)
        with self._lock:
            if key not in self._found:
                self._found[key] = self._search(host, repository)
                found = self._found[key]
                for secret in found.secrets() if found else ():
                    self._on_secret(secret)
            return self._found[key]

    def _search(self, host: str, repository: str) -> Credentials | None:
        for source in self._sources():
            credentials = source.find(host, repository, self._run)
            if credentials is not None:
                return credentials
        return None

    def _sources(self) -> t.Iterator[AuthFile]:
        if self._auth_config:
            if "auth_config" not in self._files:
                self._files["auth_config"] = AuthFile(self._auth_config.encode(), "The option auth_config")
            yield t.cast(AuthFile, self._files["auth_config"])
        if not self._use_auth_file:
            return
        for path, named in self._paths():
            if str(path) not in self._files:
                raw = _read(path, named)
                if raw is not None:
                    self._warn_if_open(path)
                self._files[str(path)] = None if raw is None else AuthFile(raw, f"The auth file {path}")
            known = self._files[str(path)]
            if known is not None:
                yield known

    def _paths(self) -> list[tuple[Path, bool]]:
        environ = self._environ
        named = self._auth_file or environ.get("REGISTRY_AUTH_FILE")
        if named:
            return [(Path(named), True)]
        home = Path(environ.get("HOME") or os.path.expanduser("~"))
        paths = []
        if environ.get("DOCKER_CONFIG"):
            paths.append(Path(environ["DOCKER_CONFIG"]) / "config.json")
        if environ.get("XDG_RUNTIME_DIR"):
            paths.append(Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json")
        paths += [home / ".config" / "containers" / "auth.json", home / ".docker" / "config.json"]
        return [(path, False) for path in paths]

    def _warn_if_open(self, path: Path) -> None:
        if path.stat().st_mode & 0o077:
            self._on_warning(f"The auth file {path} can be read by other users: make it readable by its owner only.")
