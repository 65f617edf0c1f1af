# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FakeRegistry: what tests talk to. See README.md in this folder."""

from __future__ import annotations

import ssl
import threading
import typing as t

from . import blobs, lists, manifests, uploads
from .auth import Open, TokenAuth
from .backend import Backend, Endpoint, not_found_page, route
from .body import Body
from .content import Filler
from .faults import Rule, Script, refuse
from .journal import Journal, Recorded
from .server import Server
from .store import Store
from .styles import Style, make_style
from .wire import Answer, Channel

ENDPOINTS: dict[str, Endpoint] = {**lists.ENDPOINTS, **manifests.ENDPOINTS, **blobs.ENDPOINTS, **uploads.ENDPOINTS}


class FakeRegistry(Filler):
    """A registry on a free port of the loopback interface, with a journal, rules for faults, and a style.

    ``style`` is a ``Style`` or a preset's name, ``switches`` change single switches of it; ``auth`` is ``Basic``, ``TokenAuth`` or
    nothing; ``context`` is a TLS context and ``ca_path`` the file that clients trust.
    """

    def __init__(
        self,
        style: Style | str = "full",
        auth: Open | None = None,
        context: ssl.SSLContext | None = None,
        ca_path: str | None = None,
        port: int = 0,
        **switches: t.Any,
    ) -> None:
        self.journal = Journal()
        self.script = Script()
        self.store = Store()
        self.auth = auth or Open()
        self.guards_closure = False
        self.peak = 0
        self._active = 0
        self._context = context
        self._ca_path = ca_path
        self._lock = threading.Lock()
        self._storage: Server | None = None
        self._token_server: Server | None = None
        self._backend = Backend(self.store, make_style(style, switches))
        self.server = Server("registry", self._handle, self.journal, context, port)
        self._backend.url = self.server.url
        self._backend.storage_url = lambda: self.storage.url
        self._backend.may_pull = self.auth.may_pull
        if isinstance(self.auth, TokenAuth):
            if self.auth.separate:
                self._token_server = Server("token", self._handle, self.journal, context)
            self.auth.url = f"{(self._token_server or self.server).url}/token"

    # Addresses and options

    @property
    def host(self) -> str:
        """``127.0.0.1:port``, with TLS ``localhost:port``: the registry's name in image names."""
        return self.server.host

    @property
    def url(self) -> str:
        """The address with its scheme."""
        return self.server.url

    @property
    def style(self) -> Style:
        """The switches; they may be changed at any time."""
        return self._backend.style

    @property
    def storage(self) -> Server:
        """The second listener, another origin, for blobs and uploads; it fails the test when it is sent an Authorization."""
        with self._lock:
            if self._storage is None:
                self._storage = Server("storage", self._handle, self.journal, self._context)
            return self._storage

    def name(self, image: str) -> str:
        """Return the full name of an image: ``127.0.0.1:port/app:1.0``."""
        return f"{self.host}/{image}"

    def args(self, credentials: bool = True, **options: t.Any) -> dict[str, t.Any]:
        """Return the connection options of a module for this registry, and ``options``; names are relative to ``registry``."""
        connection: dict[str, t.Any] = {"registry": self.host, "timeout": 10}
        connection.update({"plain_http": True} if self._context is None else {"ca_path": self._ca_path} if self._ca_path else {})
        return {**connection, **(self.auth.credentials() if credentials else {}), **options}

    def secrets(self) -> list[str]:
        """Return what must never be shown or sent elsewhere."""
        return self.auth.secrets()

    # What came in

    @property
    def requests(self) -> list[Recorded]:
        """All requests, those to the token server and to ``storage`` among them."""
        return self.journal.requests

    def log(self, query: bool = False) -> list[str]:
        """Return the requests as ``METHOD /path``."""
        return self.journal.log(query)

    def counts(self) -> dict[str, int]:
        """Return how often each endpoint was asked."""
        return dict(self.journal.counts())

    def named(self, *endpoints: str) -> list[Recorded]:
        """Return the requests to these endpoints."""
        return self.journal.named(*endpoints)

    def writes(self) -> list[str]:
        """Return the requests that may have changed something."""
        return self.journal.writes()

    def clear(self) -> None:
        """Forget the requests so far."""
        self.journal.clear()
        self.peak = 0

    def expect(self, lines: t.Sequence[str]) -> None:
        """From now on exactly these requests, in this order, or the test fails."""
        self.journal.expect(lines)

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        return self.server.accepted

    # Rules

    def on(self, endpoint: str = "", path: str = "", **options: t.Any) -> Rule:
        """Add a rule for the requests to an endpoint, or whose path (with query) matches a regular expression.

        ``nth=2``: not the first of them; ``times=3``: so many, None for all; ``where=function of the request``;
        ``method``; ``before_auth=True``: requests that are not logged in count too; ``optional=True``: may stay unused.
        """
        return self.script.add(Rule(endpoint, path, **options))

    def guard_closure(self) -> None:
        """Fail the test when, after any request, a tag needs something that is not there."""
        self.guards_closure = True

    def gaps(self) -> list[str]:
        """Return what tags need and is not there: manifests, children, blobs."""
        return self.store.gaps()

    # Serving

    def _handle(self, request: Recorded, body: Body, channel: Channel) -> Answer | None:
        route(request)
        if isinstance(self.auth, TokenAuth) and request.path == "/token" and request.server != "storage":
            request.endpoint = "token"
        expected = self.journal.add(request)
        with self._lock:
            self._active += 1
            self.peak = max(self.peak, self._active)
        try:
            answer = self._answer(request, body) if expected else refuse(400, "UNEXPECTED", "the test does not expect this request")
        finally:
            with self._lock:
                self._active -= 1
        if self.guards_closure:
            for gap in self.gaps():
                self.journal.fail(f"after {request.line()}: {gap}")
        if self.style.warning:
            answer.headers.add("Warning", f'299 - "{self.style.warning}"')
        return answer

    def _answer(self, request: Recorded, body: Body) -> Answer:
        early = self.script.find(request, before_auth=True)
        if early is not None:
            return early.apply(request, body, lambda: self._authorize(request, body))
        return self._authorize(request, body)

    def _authorize(self, request: Recorded, body: Body) -> Answer:
        if request.server == "storage":
            if "Authorization" in request.headers:
                self.journal.fail(f"an Authorization was sent to another host: {request.line()}")
        elif request.endpoint != "token":
            refusal = self.auth.check(request)
            if refusal is not None:
                return refusal
        rule = self.script.find(request, before_auth=False)
        if rule is not None:
            return rule.apply(request, body, lambda: self._apply(request, body))
        return self._apply(request, body)

    def _apply(self, request: Recorded, body: Body) -> Answer:
        if request.endpoint == "token" and isinstance(self.auth, TokenAuth):
            return self.auth.answer(request, body)
        if request.endpoint not in ENDPOINTS:
            return not_found_page()
        if self.style.read_only and request.method not in ("GET", "HEAD"):
            answer = Answer(405, body=b"Method not allowed\n")
            answer.headers.add("Allow", "GET, HEAD")
            answer.headers.add("Content-Type", "text/plain; charset=utf-8")
            return answer
        answer = ENDPOINTS[request.endpoint](self._backend, request, body)
        if self.style.html_errors and answer.status >= 400:
            answer.replace(b"<html><body><h1>Error</h1></body></html>\n")
            answer.headers.set("Content-Type", "text/html")
        return answer

    # The end

    def close(self) -> None:
        """Stop serving."""
        for server in (self.server, self._storage, self._token_server):
            if server is not None:
                server.close()
        self.store.close()

    def verify(self) -> None:
        """Raise where a request came that should not have, a rule was not used, or the fake itself failed."""
        problems = self.journal.problems() + self.script.unused()
        assert not problems, "the fake registry: " + "\n".join([*problems, "requests:", *self.log()])

    def __enter__(self) -> FakeRegistry:
        return self

    def __exit__(self, kind: object, *_details: object) -> None:
        self.close()
        if kind is None:
            self.verify()
