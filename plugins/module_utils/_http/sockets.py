# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that imports requests and opens sockets: paced reads, chosen addresses, one TLS policy."""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import socket
import ssl
import time
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .._core.cleanup import on_failure
from .._core.errors import RegistryError, missing_library, too_many_files
from .open_sockets import OpenSockets
from .pace import BUFFER, PacedResponse, send_paced

try:
    import requests
    import urllib3
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import HTTPError, NewConnectionError

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

# Where the system can: it holds little that is not sent yet, or what a slow peer takes of it would not show for a long time.
_UNSENT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)

_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})
_LONGEST_SHARE = 10.0  # seconds for an address of several, before the next one is tried

Certificates = dict[tuple[str, int], bytes]


@dataclass(frozen=True)
class Route:
    """How hosts are connected to.

    ``addresses(host, port)`` are tried in their order; ``connected(host, address)`` hears which one answered, and may refuse it by
    raising an error; ``failed(error, host, port)``, where it is given, returns the error to raise for a host that is not reached.
    Addresses that did not answer are in ``silent``.
    """

    addresses: t.Callable[[str, int], t.Sequence[str]]
    connected: t.Callable[[str, str], None] = lambda host, address: None
    failed: t.Callable[[Exception, str, int], Exception] | None = None
    silent: set[str] = field(default_factory=set)

    def guard(self, connection: t.Any, step: t.Callable[[], t.Any]) -> t.Any:
        """Return what ``step``, which connects, returns; its failure is put into the words of ``failed``."""
        if self.failed is None:
            return step()
        try:
            return step()
        except (OSError, HTTPError, ValueError) as error:
            raise self.failed(error, connection.host, connection.port) from None


def _open(address: str, port: int, timeout: float, sockets: OpenSockets) -> socket.socket:
    """Open a connection to an address."""
    family, kind, protocol, _name, place = socket.getaddrinfo(address, port, 0, socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    with on_failure(sock.close):
        sock.settimeout(timeout)
        sockets.add(sock)
        sock.connect(place)
    return sock


@contextlib.contextmanager
def _shortage_told() -> t.Iterator[None]:
    """Say so where a connection, or the look-up before it, would be one open file too many: the other side has no part in it."""
    try:
        yield
    except OSError as error:
        raise too_many_files(error) or error from None


@_shortage_told()
def _connect(route: Route, host: str, port: int, timeout: float, sockets: OpenSockets) -> socket.socket:
    """Open a connection to the first address of ``host`` that answers; ``timeout`` seconds are for all of them.

    One that does not answer leaves time for the others, and is asked after them from then on.
    """
    deadline = time.monotonic() + timeout
    failures: list[OSError] = []
    addresses = sorted(route.addresses(host, port), key=route.silent.__contains__)
    for waiting, address in zip(range(len(addresses), 0, -1), addresses):
        share = (deadline - time.monotonic()) / waiting
        try:
            sock = _open(address, port, max(share if waiting == 1 else min(share, _LONGEST_SHARE), 0.001), sockets)
        except OSError as error:
            route.silent.add(address)
            failures.append(error)
            continue
        route.silent.discard(address)
        try:
            route.connected(host, address)
        except RegistryError:
            sock.close()
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _UNSENT is not None:
            sock.setsockopt(socket.IPPROTO_TCP, _UNSENT, 2 * BUFFER)
        sock.settimeout(timeout)
        return sock
    # That there is no way to one of them, such as one of IPv6, says less than what another one has answered.
    raise min(reversed(failures), key=lambda error: bool(why_unreachable(error)), default=OSError("the name has no address"))


def _connect_as_urllib3(route: Route, connection: t.Any, sockets: OpenSockets) -> socket.socket:
    """Open the connection of one of urllib3, with its own error where that fails: it tries to read an answer after others."""
    # The proxy, where there is one, is what the connection's own host and port name.
    host = getattr(connection, "_dns_host", connection.host)
    try:
        sock: socket.socket = route.guard(connection, lambda: _connect(route, host, connection.port, connection.timeout, sockets))
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error
    return sock


@contextlib.contextmanager
def _answers_read() -> t.Iterator[None]:
    """Have the answer read that may have come before a connection was closed while something was sent: urllib3 does so after this error."""
    try:
        yield
    except (ConnectionResetError, ssl.SSLEOFError) as error:  # what else than EPIPE a system, or TLS, calls it
        raise BrokenPipeError(errno.EPIPE, str(error)) from error


def _pool_classes(route: Route, certificates: Certificates, sockets: OpenSockets) -> dict[str, t.Any]:
    def connect(connection: t.Any) -> socket.socket:
        return _connect_as_urllib3(route, connection, sockets)

    def send(connection: t.Any, data: t.Any) -> None:
        with _answers_read():
            if connection.sock is not None and isinstance(data, bytes) and len(data) > BUFFER:
                send_paced(connection.sock, data)
            else:
                super(type(connection), connection).send(data)

    def connect_securely(connection: t.Any) -> None:
        own = super(type(connection), connection).connect
        if connection._tunnel_host:
            own()
            host, port = connection._tunnel_host, connection._tunnel_port
        else:
            route.guard(connection, own)  # to the host itself, or to a proxy that speaks TLS
            host, port = connection.host, connection.port
        certificates[host.strip("[]"), port] = connection.sock.getpeercert(binary_form=True)

    def connect_to_secure_proxy(connection: t.Any, hostname: str, sock: t.Any) -> t.Any:
        return route.guard(connection, lambda: super(type(connection), connection)._connect_tls_proxy(hostname, sock))

    def connect_at_once(_pool: t.Any, connection: t.Any) -> None:
        # As urllib3 does it, but without its warning of certificates that are not verified: the task gives one of its own.
        if getattr(connection, "sock", None) is None:
            connection.connect()

    members = {"response_class": PacedResponse, "_new_conn": connect, "send": send}
    secure_members = {**members, "connect": connect_securely, "_connect_tls_proxy": connect_to_secure_proxy}
    plain = type("PlainConnection", (HTTPConnection,), members)
    secure = type("SecureConnection", (HTTPSConnection,), secure_members)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure, "_validate_conn": connect_at_once}),
    }


if HAS_REQUESTS:

    class Adapter(HTTPAdapter):
        """Connects only as ``route`` says, or to a proxy as ``proxy_route`` says, with one TLS context for good."""

        def __init__(self, context: ssl.SSLContext, route: Route, proxy_route: Route, connections: int, sockets: OpenSockets) -> None:
            sockets.watch(context)
            if context.check_hostname and str(getattr(urllib3, "__version__", "")).startswith("1."):
                context.check_hostname = False  # urllib3 1 compares the names itself, and tells the context none for addresses
            self._tls: dict[str, t.Any] = {"ssl_context": context, "cert_reqs": context.verify_mode}
            self.certificates: Certificates = {}  # of each host and port, in DER
            self._classes = _pool_classes(route, self.certificates, sockets)
            self._proxy_classes = _pool_classes(proxy_route, self.certificates, sockets)
            super().__init__(pool_connections=64, pool_maxsize=connections, max_retries=0)

        def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: t.Any) -> None:
            """Make the pools with the TLS context and the connection classes of this adapter."""
            super().init_poolmanager(connections, maxsize, block, **options, **self._tls)
            self.poolmanager.pool_classes_by_scheme = self._classes

        def proxy_manager_for(self, proxy: str, **options: t.Any) -> t.Any:
            """Return the pools behind ``proxy``, which looks up names itself."""
            manager = super().proxy_manager_for(proxy, **options, **self._tls)
            manager.pool_classes_by_scheme = self._proxy_classes
            return manager

        def cert_verify(self, conn: t.Any, url: t.Any, verify: t.Any, cert: t.Any) -> None:
            """Leave trust to the TLS context: nothing is added from the environment or from certifi."""

        def build_connection_pool_key_attributes(
            self, request: requests.PreparedRequest, verify: t.Any, cert: t.Any = None
        ) -> tuple[t.Any, t.Any]:
            """Return where to connect; the TLS settings are those of the pools."""
            parts = urlsplit(request.url or "")
            return {"scheme": parts.scheme, "host": parts.hostname, "port": parts.port}, {}


def make_adapter(context: ssl.SSLContext, route: Route, proxy_route: Route, connections: int, sockets: OpenSockets) -> Adapter:
    """Return an adapter, or say that requests is missing."""
    if not HAS_REQUESTS:
        raise missing_library("requests (2.25.1 or newer)")
    return Adapter(context, route, proxy_route, connections, sockets)


def send(
    adapter: Adapter, method: str, url: str, headers: dict[str, str], body: t.Any, timeout: float, proxy: str | None
) -> requests.Response:
    """Send one request to exactly ``url`` and return its answer, body unread; a header that says the same several times says it once."""
    prepared = requests.Request(method, url, headers=headers, data=body).prepare()
    prepared.url = url
    response = adapter.send(prepared, stream=True, timeout=(timeout, timeout), proxies={"all": proxy} if proxy else {})
    for name in list(response.headers):
        values = set(response.raw.headers.getlist(name))
        if len(values) == 1:
            response.headers[name] = values.pop()
    return response


def why_unreachable(error: BaseException) -> str:
    """Return why there is no way to an address, as the system or a firewall says it in ``error``, "" where that is another one."""
    code = error.errno if isinstance(error, OSError) else None
    return os.strerror(code) if code is not None and code in _UNREACHABLE else ""


def is_no_http(error: BaseException) -> bool:
    """Tell whether ``error`` is that of an answer which is not HTTP, and not that of a connection that ended without one."""
    return isinstance(error, http.client.BadStatusLine) and not isinstance(error, http.client.RemoteDisconnected)


def is_oversized(error: BaseException) -> bool:
    """Tell whether ``error`` is that of an answer with more headers, or longer ones, than Python reads."""
    return isinstance(error, http.client.HTTPException) and str(error).startswith("got more than ")


def transport_errors(reading: bool = False) -> tuple[type[Exception], ...]:
    """Return what can be raised while a request is sent, or an answer is read: then also the ValueError for a chunk of no possible size."""
    return (requests.RequestException, HTTPError, http.client.HTTPException, OSError, *([ValueError] if reading else []))
