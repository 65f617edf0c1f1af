# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of an auth file, changed in one entry: all the rest keeps its meaning, numbers keep their digits."""

from __future__ import annotations

import base64
import json
import re
import secrets
import typing as t

from .._core.errors import RegistryError
from .._core.json import check_spelling, load_object
from .._oci.host import DOCKER_HUB
from .credentials import Credentials
from .keychain import HUB_KEY, MAX_AUTH_FILE, SECTIONS, TOKEN_USER, normalize_key

DOCKERS = "config.json"  # what Docker calls its file; it has keys for hosts alone
_HUB_TOKENS = frozenset(normalize_key(f"{HUB_KEY}{name}") for name in ("access-token", "refresh-token"))  # of a login in the browser
_LOGIN = frozenset({"auth", "username", "password", "identitytoken", "registrytoken"})

Entry = dict[str, t.Any]


class AuthDocument:
    """A Docker ``config.json`` or containers ``auth.json``; ``what`` names it in errors, its content never shows."""

    def __init__(self, raw: bytes, what: str) -> None:
        self._what = what
        self._mark = secrets.token_hex(16)  # before a number, which is kept as it is written
        self._document: dict[str, t.Any] = {}
        if raw.strip():
            load_object(raw, MAX_AUTH_FILE, what, "credentials")
            self._document = json.loads(raw.decode(), parse_int=self._number, parse_float=self._number)
            check_spelling(self._document, SECTIONS, what, "credentials")
        self._auths = self._section("auths")

    def _number(self, text: str) -> str:
        return f"{self._mark}{text}"

    def _section(self, name: str) -> dict[str, t.Any]:
        section = self._document.get(name)
        if section is None:
            return {}
        if not isinstance(section, dict):
            raise RegistryError(f"{self._what} has no dictionary under {name}: repair the file first.", "credentials")
        return section

    def check_store(self, host: str) -> None:
        """Refuse a file that says that the credentials for ``host`` are elsewhere: an entry would be hidden, or leave behind what is in the store."""
        helpers = {normalize_key(key): name for key, name in self._section("credHelpers").items()}
        where = f"credHelpers for {host}" if helpers.get(host) else "credsStore"
        if helpers.get(host, self._document.get("credsStore")):
            raise RegistryError(
                f"{self._what} has a credential store (under {where}), and programs read the credentials for {host} from there: log "
                "in with the program of the store, such as docker login, or set auth_file to another file.",
                "credentials",
            )

    def key(self, host: str, namespace: str, is_dockers: bool) -> str:
        """Return the key of the entry for a registry, or for a namespace of it."""
        if host == DOCKER_HUB and not namespace and (is_dockers or (HUB_KEY in self._auths and host not in self._auths)):
            return HUB_KEY
        return f"{host}/{namespace}" if namespace else host

    def with_entry(self, key: str, credentials: Credentials) -> Changed:
        """Return the document with the ``credentials`` under ``key``, and under no other spelling of it."""
        pair = f"{TOKEN_USER}:" if credentials.identity_token else f"{credentials.username}:{credentials.password}"
        entry: Entry = {"auth": base64.b64encode(pair.encode()).decode("ascii")}
        if credentials.identity_token:
            entry["identitytoken"] = credentials.identity_token
        old = self._auths.get(key)
        if isinstance(old, dict):
            entry.update({name: value for name, value in old.items() if name.casefold() not in _LOGIN})
        spellings = self._spellings(key)
        # In its place, where there is one.
        kept = {name: entry if name == key else value for name, value in self._auths.items() if name == key or name not in spellings}
        return self._changed(spellings, {**kept, key: entry})

    def without_entry(self, key: str) -> Changed:
        """Return the document without the entry under ``key``, however it is spelt, and without the tokens that Docker keeps beside it."""
        spellings = self._spellings(key)
        if normalize_key(key) == DOCKER_HUB:
            spellings |= {name for name in self._auths if normalize_key(name) in _HUB_TOKENS}
        return self._changed(spellings, {name: value for name, value in self._auths.items() if name not in spellings})

    def _spellings(self, key: str) -> set[str]:
        return {name for name in self._auths if normalize_key(name) == normalize_key(key)}

    def _changed(self, spellings: set[str], auths: dict[str, t.Any]) -> Changed:
        changed = {**self._document, "auths": auths}
        text = json.dumps(changed, indent="\t")
        plain = re.sub(f'"{self._mark}([^"]*)"', r"\1", text)
        return Changed(bool(spellings), auths != self._auths, plain.encode("ascii"))


class Changed(t.NamedTuple):
    """Whether there was an entry, whether there is a difference, and the new content of the file."""

    had_entry: bool
    differs: bool
    content: bytes
