# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credentials that the option ``auth_config``, auth files and credential helpers have, in this order."""

from __future__ import annotations

import base64
import os
import stat
import threading
import typing as t
from pathlib import Path

from .._core.errors import RegistryError
from .._core.json import load_object
from .._core.scrub import clean
from .._oci.host import DOCKER_HUB, is_api_path, normalize_registry
from .auth_config import auth_config_bytes, auth_config_name
from .credentials import Credentials, checked

if t.TYPE_CHECKING:
    from .credential_helper import RunHelper

MAX_AUTH_FILE = 1024 * 1024
_RUN = "/run/containers"  # of podman and skopeo, by user id, where there is no XDG_RUNTIME_DIR
TOKEN_USER = "<token>"
HUB_KEY = "https://index.docker.io/v1/"
SECTIONS = frozenset({"auths", "credHelpers", "credsStore"})
_ENTRY_TOKENS = {"registrytoken": "registry_token", "identitytoken": "identity_token"}


def normalize_key(key: str) -> str:
    """Return ``host[:port][/path]`` of an entry's key as any tool may have written it."""
    _scheme, separator, text = key.rpartition("://")
    host, slash, path = text.rstrip("/").partition("/")
    host = normalize_registry(host.lower())
    if is_api_path(host, path, bool(separator) or key.endswith("/")):
        return host
    return f"{host}{slash}{path}"


def _by_key(section: dict[str, t.Any]) -> dict[str, list[t.Any]]:
    """Return the entries of each host or namespace, the one whose key is written exactly so first."""
    table: dict[str, list[t.Any]] = {}
    for key, entry in section.items():
        name = normalize_key(key)
        entries = table.setdefault(name, [])
        entries.insert(0 if key == name else len(entries), entry)
    return table


class AuthFile:
    """A Docker ``config.json`` or containers ``auth.json``; ``what`` names it in errors, its content never shows.

    Tools leave entries without credentials in their files. What a task gives is ``complete``: what has none was meant otherwise.
    """

    def __init__(self, raw: bytes, what: str, complete: bool = False) -> None:
        self._what = what
        self._complete = complete
        document = load_object(raw, MAX_AUTH_FILE, what, "credentials") if raw.strip() else {}
        if complete and document and not SECTIONS & document.keys():
            raise RegistryError(f"{what} has none of {', '.join(sorted(SECTIONS))}: entries for hosts belong under auths.", "credentials")
        self._auths = _by_key(self._section(document, "auths"))
        self._helpers = _by_key(self._section(document, "credHelpers"))
        self._store = document.get("credsStore") or ""
        self._asked: dict[tuple[t.Any, str], Credentials | None] = {}

    def _section(self, document: dict[str, t.Any], name: str) -> dict[str, t.Any]:
        section = document.get(name) or {}
        if not isinstance(section, dict):
            raise RegistryError(f"{self._what} has no dictionary under {name}.", "credentials")
        return section

    def find(self, host: str, repository: str, run: RunHelper | None) -> Credentials | None:
        """Return the credentials for a repository: the host's helper, the most specific entry, the general helper."""
        for helper in self._helpers.get(host, ()):
            credentials = self._ask(helper, host, run)
            if credentials is not None:
                return credentials
        parts = repository.split("/") if repository else []
        for length in range(len(parts), -1, -1):
            for entry in self._auths.get("/".join([host, *parts[:length]]), ()):
                credentials = self._entry(entry, host)
                if credentials is not None:
                    return credentials
        return self._ask(self._store, host, run)

    def _ask(self, name: t.Any, host: str, run: RunHelper | None) -> Credentials | None:
        """Return what a helper has for ``host``; it is run once, and "" is none."""
        if not isinstance(name, str):
            raise RegistryError(f"{self._what} names a credential helper for {host} that is not a string.", "credentials")
        if name and (name, host) not in self._asked:
            from .credential_helper import ask_helper, run_helper

            pair = ask_helper(name, HUB_KEY if host == DOCKER_HUB else host, run or run_helper)
            what = f"The credential helper {name} for {host}"
            self._asked[name, host] = None if pair is None else _from_pair(*pair, what)
        return self._asked.get((name, host))

    def _entry(self, entry: t.Any, host: str) -> Credentials | None:
        entry = {} if entry is None else entry  # nothing in it
        if not isinstance(entry, dict) or not all(isinstance(value, (str, int)) or value is None for value in entry.values()):
            raise RegistryError(f"{self._what} has an entry for {host} that is not a dictionary of strings.", "credentials")
        for key, name in _ENTRY_TOKENS.items():
            if entry.get(key):
                return checked(Credentials(**{name: str(entry[key])}), {name: key}, self._what, "credentials")
        if entry.get("auth"):
            return _from_pair(*self._decode(str(entry["auth"])), self._what)
        credentials = _from_pair(str(entry.get("username") or ""), str(entry.get("password") or ""), self._what)
        if credentials is None and self._complete and any(entry.values()):
            raise RegistryError(
                f"{self._what} has an entry for {host} without credentials: it needs username and password, auth, identitytoken or registrytoken.",
                "credentials",
            )
        return credentials

    def _decode(self, auth: str) -> tuple[str, str]:
        try:
            text = base64.b64decode(auth.replace("\r", "").replace("\n", ""), validate=True).decode("utf-8")
        except ValueError:
            text = ""
        username, colon, password = text.partition(":")
        if not colon:
            raise RegistryError(f"{self._what} has an entry whose auth is not user:password in base64.", "credentials")
        return username, password.strip("\0")


def _from_pair(username: str, secret: str, source: str) -> Credentials | None:
    """Return the credentials of a user name and a secret, None where one is missing."""
    if not username or not secret:
        return None
    credentials = Credentials(identity_token=secret) if username == TOKEN_USER else Credentials(username, secret)
    return checked(credentials, {"identity_token": "an identity token"}, source, "credentials")


def _read(path: Path, named: bool, what: str) -> tuple[bytes, int] | None:
    """Return the bytes and the mode of the auth file that errors call ``what``; None where one that nobody named does not exist."""
    hint = "check auth_file and REGISTRY_AUTH_FILE" if named else "repair it, or set use_auth_file: false"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe must not hold the task up
    except (FileNotFoundError, NotADirectoryError):
        if named:
            raise RegistryError(f"{what} does not exist: {hint}.", "credentials") from None
        return None
    except (OSError, ValueError):
        raise RegistryError(f"{what} cannot be read: {hint}.", "credentials") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise RegistryError(f"{what} is not a regular file: {hint}.", "credentials")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(MAX_AUTH_FILE + 1), mode
    except OSError:
        raise RegistryError(f"{what} cannot be read: {hint}.", "credentials") from None
    finally:
        os.close(descriptor)


def named_path(environ: t.Mapping[str, str]) -> str:
    """Return the auth file that the environment names, "" where it names none; raises ``credentials`` for the content of one, which no error shows."""
    path = environ.get("REGISTRY_AUTH_FILE", "")
    if path.lstrip().startswith("{"):
        message = "The environment variable REGISTRY_AUTH_FILE has the content of an auth file, not its path: write it to a file, or set auth_config."
        raise RegistryError(message, "credentials")
    return path


def default_paths(environ: t.Mapping[str, str]) -> list[Path]:
    """Return the auth files that are looked through where none is named; the first one is where podman writes to."""
    home = Path(environ.get("HOME") or os.path.expanduser("~"))
    paths = []
    if environ.get("DOCKER_CONFIG"):
        paths.append(Path(environ["DOCKER_CONFIG"]) / "config.json")
    runtime = environ.get("XDG_RUNTIME_DIR")
    paths.append(Path(runtime, "containers", "auth.json") if runtime else Path(_RUN, str(os.getuid()), "auth.json"))
    return [*paths, home / ".config" / "containers" / "auth.json", home / ".docker" / "config.json"]


class Keychain:
    """Looks for the credentials of a repository in ``auth_config`` and the auth files, each read once."""

    def __init__(
        self,
        auth_config: str | t.Mapping[str, t.Any] | None,
        auth_file: str | None,
        use_auth_file: bool,
        environ: t.Mapping[str, str],
        run: RunHelper | None = None,
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
        if self._auth_config is not None:
            if "auth_config" not in self._files:
                name = auth_config_name(self._auth_config)
                what = "The option auth_config" if name == "auth_config" else name
                self._files["auth_config"] = AuthFile(auth_config_bytes(self._auth_config), what, True)
            yield t.cast(AuthFile, self._files["auth_config"])
        if not self._use_auth_file:
            return
        for path, named in self._paths():
            if str(path) not in self._files:
                self._files[str(path)] = self._open(path, named)
            known = self._files[str(path)]
            if known is not None:
                yield known

    def _paths(self) -> list[tuple[Path, bool]]:
        named = self._auth_file or named_path(self._environ)
        return [(Path(named), True)] if named else [(path, False) for path in default_paths(self._environ)]

    def _open(self, path: Path, named: bool) -> AuthFile | None:
        what = f"The auth file {clean(str(path), 300)}"
        found = _read(path, named, what)
        if found is None:
            return None
        raw, mode = found
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            self._on_warning(f"{what} can be read or changed by other users: make it readable by its owner only.")
        return AuthFile(raw, what)
