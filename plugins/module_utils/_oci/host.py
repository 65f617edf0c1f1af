# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of registries as people write them, and the characters that names have."""

from __future__ import annotations

import ipaddress
import re

from .._core.errors import RegistryError
from .._core.scrub import MASK, quoted

DOCKER_HUB = "docker.io"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_UNSAFE = re.compile(r"[^\x21-\x7e]|[\\%?#]")
_API_PATHS = ("v1", "v2")  # of a registry's address, as it is pasted from a login
UNSET = ", so a variable seems to be empty"


def invalid(message: str) -> RegistryError:
    """Return the error of a name that breaks a rule."""
    return RegistryError(message, "invalid_reference")


def check_host(text: str) -> str:
    """Return ``text`` (``host[:port]``) in lower case if it is a host name or address, else raise ``invalid_reference``."""
    shown = f"The registry {quoted(without_user_info(text), 300)}"
    if "://" in text:
        raise invalid(f"{shown} is a URL: give only the host, with the port if there is one.")
    if "@" in text:
        raise invalid(f"{shown} contains user information before '@': use the options username and password instead.")
    bracket = text.rfind("]") + 1 if text.startswith("[") else 0
    host, colon, port = text[bracket:].partition(":")
    host = (text[:bracket] + host).lower()
    if not host or (colon and not port):
        raise invalid(f"{shown} has no {'port' if host else 'host'}{UNSET}: write host or host:port.")
    if not (text.isascii() and _is_host(host)):
        raise invalid(f"{shown} is not a host name or an IP address, with or without a port.")
    if colon and not (_PORT.fullmatch(port) and 1 <= int(port) <= 65535):
        raise invalid(f"{shown} has no valid port: a port is a number from 1 to 65535.")
    return f"{host}:{int(port)}" if colon else host


def _is_host(host: str) -> bool:
    if host.startswith("["):
        try:
            return host.endswith("]") and "%" not in host and bool(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            return False
    labels = host.split(".")
    if len(host) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        return False
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1], re.ASCII):
        # Systems read 127.1, 0177.0.0.1 and 2130706433 as addresses too: only the plain spelling is one here.
        try:
            return str(ipaddress.IPv4Address(host)) == host
        except ValueError:
            return False
    return True


def parse_host(text: str) -> str:
    """Return the ``host[:port]`` of a host that a user names, also one that is pasted from a login: ``https://host/v2/``."""
    address = strip_scheme(text, "The registry")
    host, _slash, path = address.partition("/")
    return check_host(host if is_api_path(host, path, is_pasted(text)) else address)


def is_pasted(text: str) -> bool:
    """Tell whether ``text`` is written as an address: with https:// before it or a '/' behind it."""
    return text.endswith("/") or text.lower().startswith("https://")


def is_api_path(host: str, path: str, pasted: bool) -> bool:
    """Tell whether ``path`` is that of a registry's API, which addresses have, and not a namespace."""
    return path in _API_PATHS and (pasted or normalize_registry(host.lower()) == DOCKER_HUB)


def normalize_registry(host: str) -> str:
    """Return the one name of a registry: Docker Hub has three."""
    return DOCKER_HUB if host in _HUB_NAMES else host


def strip_scheme(text: str, what: str, side: str = "") -> str:
    """Return ``text`` without https:// or docker:// and without a '/' at its end; http:// is refused, for one ``side`` by the name of its option."""
    lower = text.lower()
    if lower.startswith("http://"):
        raise invalid(f"{what} {quoted(without_user_info(text), 300)} begins with http://: remove http:// and set {side}plain_http: true.")
    for scheme in ("https://", "docker://"):
        if lower.startswith(scheme):
            text = text[len(scheme) :]
            break
    return text[:-1] if text.endswith("/") else text


def without_user_info(text: str) -> str:
    """Return ``text`` without the user name and password that it may hold, to be shown."""
    scheme, separator, rest = text.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else text.rpartition("@")[2]


def check_unmasked(text: str, what: str) -> None:
    """Refuse what ansible-core, or this collection, has masked a secret in."""
    if MASK in text:
        raise invalid(
            f"{what} {quoted(without_user_info(text), 300)} contains {MASK}, which replaced a secret in the result of an earlier task."
        )


def check_characters(text: str, what: str) -> None:
    """Refuse what no name holds."""
    check_unmasked(text, what)
    unsafe = _UNSAFE.search(text)
    if unsafe:
        char = unsafe.group()
        found = repr(char) if char.isprintable() and char != " " else "a blank" if char.isspace() else "a control character"
        raise invalid(
            f"{what} {quoted(without_user_info(text), 300)} contains {found}: use only ASCII letters, digits and the characters . _ - / : @."
        )


def has_host(first: str) -> bool:
    """Tell whether the first part of a name is a registry."""
    return "." in first or ":" in first or first == "localhost" or first.startswith("[")
