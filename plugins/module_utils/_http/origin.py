# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an origin is, which addresses a stranger may send us to, and who may be sent credentials."""

from __future__ import annotations

import ipaddress
import re
import socket
import typing as t
from urllib.parse import urljoin

from .._core.errors import RegistryError
from .._oci.host import DOCKER_HUB, check_host

_DEFAULT_PORTS = {"http": 80, "https": 443}
# One spelling, no room for two readings: no user info, no backslash, no blank, no control character, no fragment.
_URL = re.compile(
    r"([Hh][Tt]{2}[Pp][Ss]?)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?((?:[/?][!$-;=?-\[\]^_a-z{|}~]*)?)", re.ASCII
)
_HUB_API = "registry-1.docker.io"
# Token servers of registries that live under another name.
_TOKEN_SERVERS = {
    DOCKER_HUB: "auth.docker.io",
    _HUB_API: "auth.docker.io",
    "registry.gitlab.com": "gitlab.com",
    "registry.digitalocean.com": "api.digitalocean.com",
}
# Where strangers may register names beside each other: example.co.uk is no kin of other.co.uk.
_SHARED_PARENT = re.compile(r"(?:ac|co|com|edu|gov|net|org)\.[a-z]{2}", re.ASCII)
# Where clouds tell their machines credentials, besides 169.254.0.0/16.
_METADATA = tuple(
    ipaddress.ip_network(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::/32", "fd20:ce::/32", "fd00:c1::/32", "fd00:42::42")
)
# IPv4 in disguise.
_TRANSLATED = tuple(ipaddress.ip_network(text) for text in ("2001::/32", "2002::/16", "64:ff9b::/96", "64:ff9b:1::/48"))
# The one of those that hosts without IPv4 reach everything by: their DNS servers answer so for all that has no other address.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Not all versions of Python know that these are not public.
_PRIVATE = tuple(ipaddress.ip_network(text) for text in ("100.64.0.0/10", "fec0::/10", "3fff::/20", "5f00::/16"))

IPAddress = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Resolver = t.Callable[[str, int], t.Sequence[str]]


class Origin(t.NamedTuple):
    """Scheme, lower-case host (an IPv6 address in brackets) and port: what credentials are bound to."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of_registry(cls, registry: str, plain_http: bool) -> Origin:
        """Return where the registry named ``host[:port]`` is reached; Docker Hub's API has a host of its own."""
        scheme = "http" if plain_http else "https"
        return Target.parse(f"{scheme}://{_HUB_API if registry == DOCKER_HUB else registry}").origin

    @property
    def authority(self) -> str:
        """``host``, with ``:port`` where it is not the scheme's own."""
        return self.host if self.port == _DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by its spelling alone; no name is looked up."""
        if self.host == "localhost":
            return True
        address = _address(self.host.strip("[]"))
        return address is not None and address.is_loopback

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Target(t.NamedTuple):
    """An absolute URL that everybody reads alike, and its origin."""

    url: str
    origin: Origin

    @classmethod
    def parse(cls, text: str, what: str = "The URL") -> Target:
        """Return the target that ``text`` (absolute) is, else raise ``untrusted_target``; ``what`` names it."""
        match = _URL.fullmatch(text)
        if match is None:
            raise RegistryError(f"{what} is not a plain http or https URL.", "untrusted_target")
        scheme, host, port, rest = match.groups()
        scheme, host = scheme.lower(), host.lower()
        host = host[:-1] if host.endswith(".") else host
        try:
            check_host(f"{host}:{port}" if port else host)
        except RegistryError:
            raise RegistryError(f"{what} has no valid host and port.", "untrusted_target") from None
        origin = Origin(scheme, host, int(port) if port else _DEFAULT_PORTS[scheme])
        rest = rest if rest.startswith("/") else f"/{rest}"
        return cls(f"{origin}{rest}", origin)

    def join(self, location: str, what: str) -> Target:
        """Return where ``location`` (absolute or relative) points from here; ``what`` names it in errors."""
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", location, re.ASCII):
            return Target.parse(location, what)
        if location.startswith("//"):
            return Target.parse(f"{self.origin.scheme}:{location}", what)
        if not location or not re.fullmatch(r"[!$-;=?-\[\]^_a-z{|}~]+", location, re.ASCII):
            raise RegistryError(f"{what} is empty or contains characters that are not allowed in a URL.", "untrusted_target")
        if location.startswith("/"):
            return Target.parse(f"{self.origin}{location}", what)
        return Target.parse(urljoin(self.url, location), what)

    def with_query(self, query: str) -> Target:
        """Return the same URL with ``query`` appended to the query that it has."""
        return Target(f"{self.url}{'&' if '?' in self.url else '?'}{query}", self.origin)


def _address(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def classify(text: str) -> str:
    """Return ``public``, ``private`` or ``forbidden`` (this machine, link-local, cloud metadata, nonsense) for an address."""
    address = _address(text.partition("%")[0])
    if address is None:
        return "forbidden"
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    if address in _NAT64:
        return "public" if classify(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))) == "public" else "forbidden"
    if any(address in network for network in _METADATA) or address.is_loopback or address.is_link_local or address.is_unspecified:
        return "forbidden"
    if address.is_multicast or address.is_reserved or any(address in network for network in _TRANSLATED):
        return "forbidden"
    if not address.is_global or any(address in network for network in _PRIVATE):
        return "private"
    return "public"


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of ``host``, in the order of the system's resolver."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Trust(t.NamedTuple):
    """Which hosts besides the registry's origin may be sent credentials, and which may be reached at all."""

    registry: Origin
    auth_hosts: frozenset[str] = frozenset()
    allowed_hosts: frozenset[str] = frozenset()

    def may_authenticate(self, realm: Origin) -> bool:
        """Tell whether a token server at ``realm`` may be sent the credentials of the registry."""
        if realm.scheme != "https" and self.registry.scheme == "https":
            return False
        return realm.host == self.registry.host or self._names(self.auth_hosts, realm) or self._is_kin(realm)

    def _is_kin(self, realm: Origin) -> bool:
        host, parent = self.registry.host, self.registry.host.partition(".")[2]
        if _TOKEN_SERVERS.get(host) == realm.host:
            return True
        if _address(host.strip("[]")) or "." not in parent or _SHARED_PARENT.fullmatch(parent):
            return False
        return realm.host == parent or realm.host.endswith(f".{parent}")

    def is_named(self, target: Origin) -> bool:
        """Tell whether the task itself allows ``target``, whatever its address."""
        return target == self.registry or self._names(self.allowed_hosts, target) or self._names(self.auth_hosts, target)

    def standing(self, target: Origin, token_server: bool = False) -> str:
        """Tell how ``target`` is met: as our ``own``, as ``named`` by the task (but not ours), or as a ``stranger``."""
        if target == self.registry or (token_server and (target.host == self.registry.host or self._names(self.auth_hosts, target))):
            return "own"
        return "named" if self.is_named(target) else "stranger"

    def check_scheme(self, target: Origin, what: str) -> None:
        """Refuse a target over http where the registry itself is reached over https."""
        if target.scheme == "http" and self.registry.scheme == "https":
            own = target.host == self.registry.host
            advice = " If a proxy is in front of the registry, it must send X-Forwarded-Proto: https." if own else ""
            raise RegistryError(
                f"{what} leads from https to {target}, a weaker connection, which is not allowed.{advice}", "untrusted_target"
            )

    def usable_addresses(self, target: Origin, lookup: Resolver = resolve) -> list[str]:
        """Return the addresses at which ``target``, named by the registry and not by the task, may be reached.

        Errors: ``untrusted_target`` where the host has no such address.
        """
        addresses = list(lookup(target.host, target.port))
        accepted = {"public", "private"} if self._is_private(lookup) else {"public"}
        usable = [address for address in addresses if classify(address) in accepted]
        if len(usable) != len(addresses) or not usable:
            advice = f"If you trust this host, add {target.authority} to allowed_hosts."
            if target.host == self.registry.host:
                port = f"pass on the Host header with the port {self.registry.port}"
                advice = f"If a proxy is in front of the registry, it must {port}. {advice}"
            raise RegistryError(
                f"The registry {self.registry.authority} points to {target.authority}, which does not have a public address. {advice}",
                "untrusted_target",
            )
        return usable

    def _is_private(self, lookup: Resolver) -> bool:
        try:
            addresses = lookup(self.registry.host, self.registry.port)
        except OSError:
            return False  # only a proxy knows the registry's name
        return bool(addresses) and all(classify(address) == "private" for address in addresses)

    @staticmethod
    def _names(hosts: frozenset[str], origin: Origin) -> bool:
        return origin.authority in hosts or f"{origin.host}:{origin.port}" in hosts
