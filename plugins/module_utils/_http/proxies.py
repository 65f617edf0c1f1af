# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward proxies: which one the environment names for a host, and what is said when it does not let us through."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
import typing as t
from urllib.parse import quote, urlsplit
from urllib.request import getproxies_environment

from .._core.errors import RegistryError
from .._core.scrub import clean
from .origin import IPAddress, Origin

PROXY_WANTS_CREDENTIALS = 407
_PORTS = {"http": 80, "https": 443}
_TUNNEL = re.compile(r"tunnel connection failed: ([0-9]{3})", re.IGNORECASE)
_REFUSALS = frozenset({403, 502, 503, 504})  # with which proxies refuse, or say that they do not reach a host
_STAMPS = ("X-Squid-Error", "Proxy-Status", "Proxy-Agent")  # headers that proxies put into answers of their own
_API_VERSION = "Docker-Distribution-Api-Version"


def environ_proxy(origin: Origin) -> str | None:
    """Return the URL of the proxy that the environment names for ``origin``, None where it names none.

    Errors: ``invalid_option`` for one of no use.
    """
    if _is_excepted(origin, os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""):
        return None
    proxies = getproxies_environment()
    named = (proxies.get(origin.scheme) or proxies.get("all") or "").strip()
    proxy = _parse(named) if named else None
    if named and proxy is None:
        raise RegistryError(
            "The proxy in the environment is invalid: it must be http://[user:password@]host:port, with special characters of the "
            "password percent-encoded.",
            "invalid_option",
        )
    return proxy


def _parse(proxy: str) -> str | None:
    """Return a proxy's URL as everybody reads it alike, None for one that is of no use; http is meant where no scheme is there."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        port = parts.port if parts.port is not None else _PORTS.get(parts.scheme)
    except ValueError:
        return None
    user_info, at, authority = parts.netloc.rpartition("@")
    whole = authority == proxy_name(proxy)  # no part of a password has ended it
    if not whole or not parts.hostname or not port or parts.scheme not in _PORTS:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{quote(user_info, safe='%:')}{at}{host}:{port}"


def _is_excepted(origin: Origin, no_proxy: str) -> bool:
    """Tell whether ``no_proxy`` names the host, in the forms that Go knows: a name stands for all below it, .name for those alone."""
    host, address = origin.host, _address(origin.host)
    for entry in (part.strip() for part in no_proxy.lower().split(",")):
        if entry == "*":
            return True
        if "/" in entry:
            if address is not None and _is_within(address, entry):
                return True
            continue
        name, port = _split(entry)
        if not name or port not in ("", str(origin.port)):
            continue
        if address is not None:
            if _address(name) == address:
                return True
        elif host.endswith(name) if name.startswith(".") else f".{host}".endswith(f".{name}"):
            return True
    return False


def _split(entry: str) -> tuple[str, str]:
    """Return host and port ("" for any) of an entry."""
    name, colon, port = entry.rpartition(":")
    if not colon or _address(entry) is not None:
        name, port = entry, ""
    name = name[1:] if name.startswith("*.") else name
    return name.rstrip("."), port


def _address(text: str) -> IPAddress | None:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_within(address: IPAddress, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def proxy_name(proxy: str | None) -> str:
    """Return ``host:port`` of a proxy's URL, without its user and password; "" for none."""
    return clean((proxy or "").rpartition("@")[2].rpartition("//")[2].partition("/")[0], 300)


def describe_proxy(causes: t.Sequence[BaseException], proxy: str) -> RegistryError:
    """Return the error that says why the proxy itself was not reached; ``causes`` are an exception and all that it carries."""
    kind, passing = "network", True
    unresolved = [cause for cause in causes if isinstance(cause, socket.gaierror)]
    if unresolved:
        passing = unresolved[0].errno == socket.EAI_AGAIN
        fault = "cannot be resolved: check its spelling there"
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        fault = "does not use TLS: check the scheme of its URL there"
    elif any(isinstance(cause, socket.timeout) for cause in causes):
        kind = "timeout"
        fault = "does not respond in time: check its address there"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        fault = "refuses connections: check its address there, and that it is running"
    else:
        fault = "cannot be reached: check its address there"
    return RegistryError(f"The proxy {proxy} from the environment {fault}.", kind, passing=passing)


def proxy_refusal(proxy: str, where: str, status: int, doubt: str = "") -> RegistryError:
    """Return the error that says that ``proxy`` keeps us from ``where`` with ``status``; ``doubt`` says who else may have done it."""
    if status == PROXY_WANTS_CREDENTIALS:
        fault, passing = "requires a user name and password, or refuses those that it got: set them in its URL in the environment", False
    elif status == 403:
        fault, passing = f"does not allow connections to it ({status}): allow it there, or add it to NO_PROXY", False
    elif status in (502, 503, 504):
        fault, passing = f"does not reach it ({status}): check the name, or add it to NO_PROXY if no proxy is needed", True
    else:
        fault, passing = f"did not let the request through ({status}): check the proxy in the environment", True
    named = f"The proxy {proxy}" if proxy else "A proxy"
    return RegistryError(f"{named}{doubt} on the way to {where} {fault}.", "network", status, passing=passing)


def tunnel_status(causes: t.Sequence[BaseException]) -> int | None:
    """Return the status with which a proxy refused a connection to a host, None where it did not."""
    for cause in causes:
        found = _TUNNEL.search(str(cause))
        if found:
            return int(found.group(1))
    return None


def refusal_in_clear(proxy: str, origin: Origin, status: int, headers: t.Mapping[str, str], doubtful: bool) -> RegistryError | None:
    """Return the error for an answer over plain http that looks like one of ``proxy`` itself, None for any other.

    One without a mark of a proxy must be ``doubtful``: not in the form of a registry's answers.
    """
    stamped = any(name in headers for name in _STAMPS)
    if not proxy or origin.scheme != "http" or status not in _REFUSALS or not (stamped or doubtful) or _API_VERSION in headers:
        return None
    return proxy_refusal(proxy, origin.authority, status, "" if stamped else ", or something behind it,")
