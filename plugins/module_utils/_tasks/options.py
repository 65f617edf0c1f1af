# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that all modules share, and the secrets that a task's options hold."""

from __future__ import annotations

import re
import typing as t

from .._core.errors import RegistryError
from .._http.auth_config import auth_config_secrets
from .._oci.host import UNSET
from .._oci.reference import DIGEST_PREFIXES

ArgumentSpec = dict[str, dict[str, t.Any]]
Map = t.Mapping[str, t.Any]
# user:password@ before a host: no option takes it, but a task that says it must not show it. What follows the @ of an image may be a digest.
_PASSWORD = re.compile(r"(?:^|//)[^/@\s:]*:([^@\s]+)@(?!sha(?:256|512):)")
NAMED = ("name", "src", "dest", "images", "mount_from")  # options that name images, and those that name hosts
HOSTS = ("registry", "src_registry", "dest_registry", "auth_hosts", "allowed_hosts")
# The keys that entries of lists have whose elements are names or dictionaries; see entries.py.
ENTRY_KEYS = {
    "name": frozenset(["name", "include", "exclude", "protect", "keep_last", "keep_within", "keep_semver", "sort", "method"]),
    "images": frozenset(
        [
            "name",
            "platform",
            "platforms",
            "annotations",
            "src",
            "dest",
            "tags",
            "referrers",
            "include",
            "exclude",
            "semver",
            "newest",
            "sort",
        ]
    ),
    "files": frozenset({"path", "media_type", "title"}),
}
_KEY_OR_PATH = ("signing_key",)  # a path is no secret, and a message that masks it helps nobody
# What can be shown of such an option: a path from the root, the home or here, the name of a file, the address of a key elsewhere; no base64 of a key.
_SHOWN_PATH = re.compile(r"(?:/|~|\.{1,2}/|[a-z]{2,20}://)\S{0,400}|[\w./@-]{1,200}\.(?:pem|key|crt|cer|pub|txt|json|ya?ml)", re.ASCII)
_LIKE_A_KEY = re.compile(r"[A-Za-z0-9+=_]{32,}|%[0-9A-Fa-f]{2}|\\n", re.ASCII)
PATHS = ("auth_file", *(f"{side}{name}" for side in ("", "src_", "dest_") for name in ("ca_path", "client_cert", "client_key")))


def connection_spec() -> ArgumentSpec:
    """Return the options that every module has; their documentation is the fragment ``_registry``."""
    return {
        "registry": {"type": "str", "aliases": ["registry_url", "url"]},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "identity_token": {"type": "str", "no_log": True},
        "registry_token": {"type": "str", "no_log": True},
        "auth_config": {"type": "raw", "no_log": True},
        "auth_file": {"type": "path", "aliases": ["authfile", "config_path"]},
        "use_auth_file": {"type": "bool", "default": True},
        "auth_hosts": {"type": "list", "elements": "str", "default": []},
        "allowed_hosts": {"type": "list", "elements": "str", "default": []},
        "validate_certs": {"type": "bool", "default": True, "aliases": ["tls_verify", "tlsverify"]},
        "ca_path": {"type": "path", "aliases": ["ca_cert", "cacert_path", "tls_ca_cert"]},
        "client_cert": {"type": "path", "aliases": ["cert_path", "tls_client_cert"]},
        "client_key": {"type": "path", "no_log": False, "aliases": ["key_path", "tls_client_key"]},
        "plain_http": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 60},
        "retries": {"type": "int", "default": 4},
        "concurrency": {"type": "int", "default": 6, "aliases": ["jobs"]},
    }


def two_registries_spec(sides: t.Sequence[str] = ("src", "dest")) -> ArgumentSpec:
    """Return the further options of modules with two registries; their documentation is the fragment ``_two_registries``.

    Of the sources alone they are documented by the fragment ``_source_registry``.
    """
    from .._registry.two_registries import SIDED

    plain = connection_spec()
    kept = {name: {key: value for key, value in plain[name].items() if key not in ("aliases", "default")} for name in SIDED}
    spec = {f"{side}_{name}": option for side in sides for name, option in kept.items()}
    for side in sides:
        spec[f"{side}_validate_certs"] = {**kept["validate_certs"], "aliases": [f"{side}_tls_verify"]}
    return spec


def keep_numbers(params: dict[str, t.Any], options: ArgumentSpec) -> None:
    """Make lists of the numbers that stand where lists of tags belong: ansible-core would make text of them, and 1.10 the tag 1.1."""
    for option, settings in options.items():
        for name in (option, *settings.get("aliases", ())):
            value = params.get(name)
            if settings.get("elements") == "raw" and isinstance(value, (int, float)):
                params[name] = [value]
            if "options" in settings and isinstance(value, list):
                for entry in value:
                    if isinstance(entry, dict):
                        keep_numbers(entry, settings["options"])


def find_secrets(params: Map, options: ArgumentSpec) -> t.Iterator[str]:
    """Yield what is secret in the options: what ``no_log`` marks, user information, and secrets in the wrong option."""
    for name, option in options.items():
        value = params.get(name) if option.get("no_log") else None
        if name in _KEY_OR_PATH and isinstance(value, str) and not may_be_key(value):
            continue
        yield from auth_config_secrets(value) if name == "auth_config" else texts([value])
    for text in texts(list(params.values())):
        yield from find_user_info(text, "")
        yield text if "PRIVATE KEY-----" in text else ""  # among public keys, say
    for names, what in ((NAMED, "image"), (HOSTS, "host")):
        for text in texts([params.get(name) for name in names]):
            yield from find_user_info(text, what)
    for text in texts([params.get(name) for name in PATHS]):
        yield text if _is_content(text) else ""
    yield from texts(list(_unknown(params, options)))
    yield from texts(list(_misplaced(params, options)))


def _is_content(text: str) -> bool:
    """Tell whether an option has the content of a file in place of its path."""
    return bool(re.search(r"[{\n]|-----BEGIN", text))


def may_be_key(text: str) -> bool:
    """Tell whether an option that takes a key or the path of its file may have the key, or what is left of one: all that is clearly no path."""
    return _is_content(text) or not _SHOWN_PATH.fullmatch(text) or bool(_LIKE_A_KEY.search(text))


def _unknown(params: Map, options: ArgumentSpec) -> t.Iterator[t.Any]:
    """Yield the values of suboptions that there are not: a misspelt one may hold a secret."""
    for option, settings in options.items():
        for name in (option, *settings.get("aliases", ())):
            value = params.get(name)
            known = _known_keys(option, settings)
            for entry in value if isinstance(value, list) else [value] if isinstance(value, dict) else ():
                if isinstance(entry, dict) and known:
                    yield from (value for key, value in entry.items() if key not in known)


def _misplaced(params: Map, options: ArgumentSpec) -> t.Iterator[Map]:
    """Yield the dictionaries in options that take strings: they may be anything, such as an auth file in place of its path."""
    for option, settings in options.items():
        kind = settings.get("elements") if settings["type"] == "list" else settings["type"]
        for name in (option, *settings.get("aliases", ())):
            value = params.get(name) if kind in ("str", "path") else None
            yield from (entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, dict))


def _known_keys(option: str, settings: Map) -> set[str]:
    """Return the keys that the dictionaries of an option have, none where they may have any."""
    if "options" in settings:
        return {*settings["options"], *(alias for sub in settings["options"].values() for alias in sub.get("aliases", ()))}
    return set(ENTRY_KEYS.get(option, ())) if "raw" in (settings.get("elements"), settings["type"]) else set()


def refuse_unset(options: Map, names: t.Iterable[str], of: str = "") -> None:
    """Refuse empty text for the options ``names``, which are ``of`` another one: it is a variable that is not set."""
    for name in names:
        if options.get(name) == "":
            raise RegistryError(f"The option {name}{of} is empty{UNSET}: give it a value, or leave it out.", "invalid_option")


def find_user_info(text: str, what: str = "image") -> t.Iterator[str]:
    """Yield what may be a password or token before the host in ``text``: the name of an ``image`` or a ``host``, or any text ("")."""
    yield from _PASSWORD.findall(text)
    if not what:
        return
    before, at, host = text.rpartition("@")
    if host.startswith(DIGEST_PREFIXES):
        before, at, host = before.rpartition("@")
    user, colon, password = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:/+", "", before).partition(":")
    yield password if colon else user if at and (what == "host" or "/" in host) else ""


def texts(value: t.Any) -> t.Iterator[str]:
    """Yield every text in ``value``."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)  # what ansible-core makes text of later
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item)
