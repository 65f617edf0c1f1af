# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses one task may connect to: judged at every connection, and never of another kind than the connection before."""

from __future__ import annotations

import ipaddress
import threading

from .._core.errors import RegistryError
from .origin import Origin, Resolver, Trust, classify, resolve

_THIS_MACHINE = frozenset({"localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback"})


class AddressGuard:
    """The addresses of the hosts of one registry, and what kind of address each host had when it was first connected to."""

    def __init__(self, trust: Trust, lookup: Resolver = resolve) -> None:
        self._trust = trust
        self._lookup = lookup
        self._own: dict[str, None] = {}  # all addresses that the registry's name has had
        self._kinds: dict[str, str] = {}
        self._lock = threading.Lock()

    def named(self, host: str, port: int) -> list[str]:
        """Return the usable addresses of a host that the task names; one that is public is not reached at this machine or at metadata."""
        addresses = self._look_up(host, port)
        if any(classify(address) == "public" for address in addresses):
            addresses = [address for address in addresses if classify(address) != "forbidden"]
        return self._same_kind(host, addresses)

    def strange(self, host: str, port: int) -> list[str]:
        """Return the usable addresses of a host that only the registry names; raises ``untrusted_target`` where it has others."""
        bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return self._same_kind(host, self._trust.usable_addresses(Origin("https", bracketed, port), self._look_up_all))

    def connected(self, host: str, address: str) -> None:
        """Remember the kind of the address that ``host`` was connected at; raises ``untrusted_target`` for another one than before."""
        with self._lock:
            kind = self._kinds.setdefault(host, _kind(address))
        if kind != _kind(address):
            raise _moved(host)

    def check_spelling(self, target: Origin) -> None:
        """Refuse an inner address that a proxy would be asked for; names are for the proxy to look up, and to judge."""
        try:
            _spelled(target.host, target.port)
        except OSError:
            return
        self._trust.usable_addresses(target, _spelled)

    def _look_up(self, host: str, port: int) -> list[str]:
        addresses = list(self._lookup(host, port))
        if self._is_registry(host, port):
            with self._lock:
                self._own.update(dict.fromkeys(addresses))
        return addresses

    def _look_up_all(self, host: str, port: int) -> list[str]:
        """Look up a host; the registry has all the addresses that it ever had."""
        addresses = self._look_up(host, port)
        if not self._is_registry(host, port):
            return addresses
        with self._lock:
            return list(self._own)

    def _is_registry(self, host: str, port: int) -> bool:
        registry = self._trust.registry
        return (host.strip("[]"), port) == (registry.host.strip("[]"), registry.port)

    def _same_kind(self, host: str, addresses: list[str]) -> list[str]:
        with self._lock:
            kind = self._kinds.get(host)
        usable = [address for address in addresses if kind in (None, _kind(address))]
        if addresses and not usable:
            raise _moved(host)
        return usable


def _kind(address: str) -> str:
    """Return what may take an address's place: any public one, any private one, this machine, else only itself."""
    found = classify(address)
    if found != "forbidden":
        return found
    return "loopback" if ipaddress.ip_address(address.partition("%")[0]).is_loopback else address


def _moved(host: str) -> RegistryError:
    return RegistryError(
        f"{host} has changed to another kind of address (public, private, or of this machine) during the task, which is not "
        "allowed. Check its DNS records.",
        "untrusted_target",
    )


def _spelled(host: str, port: int) -> list[str]:
    """Return the address that a host is by its spelling; raises OSError for a name."""
    if host in _THIS_MACHINE or host.endswith(".localhost"):
        return ["127.0.0.1"]
    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        raise OSError(f"{host}:{port} is a name") from None
