# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send single requests: TLS, proxies, timeouts, what may be reached, and answers that are counted to their end."""

from __future__ import annotations

import os
import threading
import typing as t
from urllib.parse import unquote

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._core.interruption import current
from . import sockets
from .address_guard import AddressGuard
from .coding import GzipBody, find_coding
from .failures import describe_failure, describe_proxy_failure
from .headers import parse_count
from .open_sockets import OpenSockets
from .origin import Target, Trust, resolve
from .proxies import PROXY_WANTS_CREDENTIALS, environ_proxy, proxy_name, proxy_refusal
from .tls import TlsOptions

MAX_ERROR_BODY = 64 * 1024
USER_AGENT = "ocitools.registry (Ansible collection)"


class Answer:
    """A status, headers, and a body that is read once, counted against its Content-Length."""

    def __init__(self, response: t.Any, method: str, target: Target, proxy: str = "") -> None:
        self._response = response
        self.proxy = proxy  # host:port of the proxy that it came by
        self.method = method
        self.target = target
        self.status: int = response.status_code
        self.headers: t.Mapping[str, str] = response.headers
        self.abroad = False  # whether another host than the registry was asked on the way to it
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"  # then nothing else tells the length
        self.length = None if chunked else parse_count(self.headers.get("Content-Length"))
        self.coding = find_coding(self.headers.get("Content-Encoding", ""))  # "" where the body is as it is; only gzip is undone
        self._count = 0
        self._content: bytes | None = None
        self._unpacked: GzipBody | None = None

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def way(self) -> str:
        """Words for the proxy that may have answered in place of the host, "" where that cannot be."""
        return f" by way of the proxy {self.proxy}" if self.proxy and self.target.origin.scheme == "http" else ""

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes of the body, b"" at its end; a body cut short is a ``network`` error."""
        if not self.coding:
            return self._read_raw(amount)
        if self.coding != "gzip":
            raise RegistryError(
                f"{self.target.origin.authority} sent a response with a Content-Encoding that was not requested.",
                "invalid_response",
            )
        if self._unpacked is None:
            self._unpacked = GzipBody(self._read_raw, self.target.origin.authority)
        return self._unpacked.read(amount)

    def _read_raw(self, amount: int) -> bytes:
        try:
            block: bytes = self._response.raw.read(amount, decode_content=False)
        except sockets.transport_errors(reading=True) as error:
            raise describe_failure(error, self.target.origin, self.proxy) from None
        self._count += len(block)
        if not block and self.length is not None and self._count < self.length and self.method != "HEAD":
            raise RegistryError(
                f"{self.target.origin.authority} closed the connection after {self._count} of {self.length} bytes.", "network", passing=True
            )
        return block

    def read_all(self, limit: int, what: str) -> bytes:
        """Return the whole body, at most ``limit`` bytes; ``what`` names it in the error where it is longer."""
        if self._content is not None:
            return self._content
        parts: list[bytes] = []
        size = 0
        with self:
            while True:
                block = self.read(min(limit + 1, 1024 * 1024))
                if not block:
                    return b"".join(parts)
                parts.append(block)
                size += len(block)
                if size > limit:
                    raise RegistryError(f"{what} is larger than the limit of {limit} bytes.", "limit")

    def load(self, limit: int, what: str) -> None:
        """Read the whole body now and keep it for ``read_all``."""
        self._content = self.read_all(limit, what)

    def read_error(self) -> bytes:
        """Return the first bytes of an error's body; what cannot be read of it does not matter."""
        try:
            return self.read(MAX_ERROR_BODY)
        except RegistryError:
            return b""
        finally:
            self.close()

    def finish(self) -> None:
        """Read what little is left so that the connection can be used again, then let go of it."""
        if self.method == "HEAD" or (self.length is not None and self.length <= MAX_ERROR_BODY):
            self.read_error()
        self.close()

    def close(self) -> None:
        """Let go of the connection; one with an unread body is closed."""
        self._response.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_details: object) -> None:
        self.close()


class Transport:
    """The outbound side of one client: its TLS policy is fixed, and every request passes here."""

    def __init__(
        self,
        trust: Trust,
        tls: TlsOptions,
        timeout: float = 60,
        connections: int = 4,
        on_secret: t.Callable[[str], None] = lambda secret: None,
        budget: Budget | None = None,
        plain_http: str = "plain_http",
    ) -> None:
        self.trust = trust
        self.plain_http = plain_http  # what the task calls that option for this registry
        self.budget = budget or Budget()
        self.timeout = timeout
        self._on_secret = on_secret
        self._guard = AddressGuard(trust)
        self._tls = tls
        # A stream between two repositories of one registry holds two connections for each worker.
        self._connections = 2 * connections
        self._adapters: dict[tuple[str, bool], t.Any] = {}
        self._lock = threading.Lock()
        self.interruption = current()
        self._sockets = OpenSockets(self.interruption.check)
        self.interruption.listen(self._sockets.shut_down)
        # What is wrong with the options or the host is told at once; the other adapters are seldom needed.
        self._adapter("own", trust.registry.scheme == "https")
        # Two counts: an upload that is being sent may have to read on from the same registry, and to renew its token for that.
        self._reads = threading.BoundedSemaphore(connections)
        self._writes = threading.BoundedSemaphore(connections)

    def attempt(self, method: str, target: Target, headers: t.Mapping[str, str], body: t.Any = None, token_server: bool = False) -> Answer:
        """Send one request, once, and return the answer whatever its status.

        Only the registry and the token servers that are as good as it see the client certificate. A host that the registry
        and not the task has named is reached at safe addresses alone; behind a proxy its spelling is judged.
        Errors: ``network``, ``timeout``, ``tls``, ``untrusted_target``, ``invalid_option``.
        """
        sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
        proxy = environ_proxy(target.origin)
        self._learn_proxy_secret(proxy or "")
        encrypted = "https" in (target.origin.scheme, (proxy or "").partition(":")[0].lower())
        standing = self.trust.standing(target.origin, token_server)
        if proxy and standing == "stranger":
            self._guard.check_spelling(target.origin)
        adapter = self._adapter(standing, encrypted)
        try:
            with self._reads if token_server or method in ("GET", "HEAD") else self._writes:
                timeout = self.interruption.limit(self.timeout)
                response = sockets.send(adapter, method, target.url, sent, body, timeout, proxy)
        except RegistryError:
            raise
        except sockets.transport_errors() as error:
            plain_http = self.plain_http if target.origin == self.trust.registry else ""
            raise describe_failure(error, target.origin, proxy_name(proxy), plain_http) from None
        if response.status_code == PROXY_WANTS_CREDENTIALS:
            response.close()
            raise proxy_refusal(proxy_name(proxy), target.origin.authority, PROXY_WANTS_CREDENTIALS)
        return Answer(response, method, target, proxy_name(proxy))

    def _adapter(self, standing: str, encrypted: bool) -> t.Any:
        with self._lock:
            if (standing, encrypted) not in self._adapters:
                host = None if standing == "stranger" else self.trust.registry.authority
                context = self._tls.context(host, os.environ, client=standing == "own", needed=encrypted)
                addresses = self._guard.strange if standing == "stranger" else self._guard.named
                route = sockets.Route(addresses, self._guard.connected)
                proxies = sockets.Route(resolve, failed=describe_proxy_failure)
                self._adapters[standing, encrypted] = sockets.make_adapter(context, route, proxies, self._connections, self._sockets)
            return self._adapters[standing, encrypted]

    def _learn_proxy_secret(self, proxy: str) -> None:
        user_info, at, _host = proxy.rpartition("@")
        password = user_info.rpartition("//")[2].partition(":")[2] if at else ""
        for secret in {password, unquote(password)} - {""}:
            self._on_secret(secret)

    @property
    def certificate(self) -> bytes | None:
        """The registry's TLS certificate in DER, verified or not; None before the first request and without TLS."""
        registry = self.trust.registry
        certificates: sockets.Certificates = self._adapter("own", registry.scheme == "https").certificates
        return certificates.get((registry.host.strip("[]"), registry.port))

    def close(self) -> None:
        """Close all connections."""
        for adapter in self._adapters.values():
            adapter.close()
