# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A listener that must never be shown a secret."""

from __future__ import annotations

import ssl
import typing as t

from .body import Body
from .canary import find_secrets
from .journal import Headers, Journal, Recorded
from .server import Server
from .wire import Answer, Channel


class Evil:
    """Accepts everything, keeps every byte, answers as ``answer`` says (200 and an empty JSON object at first).

    ``watch`` tells it secrets; ``verify`` raises when one of them, in any spelling, came in.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.journal = Journal()
        self.answer: t.Callable[[Recorded], Answer] = lambda request: Answer(200, Headers([("Content-Type", "application/json")]), b"{}")
        self._watched: list[t.Callable[[], t.Sequence[str]]] = []
        self.server = Server("evil", self._handle, self.journal, context)
        self.server.copy = bytearray()

    @property
    def host(self) -> str:
        """``127.0.0.1:port``."""
        return self.server.host

    @property
    def url(self) -> str:
        """The address with its scheme."""
        return self.server.url

    @property
    def requests(self) -> list[Recorded]:
        """The requests that came in."""
        return self.journal.requests

    def log(self) -> list[str]:
        """Return the requests as ``METHOD /path``."""
        return self.journal.log()

    @property
    def received(self) -> bytes:
        """All bytes that came in."""
        return bytes(self.server.copy or b"")

    def challenge(self, header: str) -> None:
        """Answer everything with a 401 and this challenge."""
        self.answer = lambda request: Answer(401, Headers([("WWW-Authenticate", header)]))

    def watch(self, *secrets: str | t.Callable[[], t.Sequence[str]]) -> None:
        """Watch for secrets, or for what a function returns at the end."""
        for secret in secrets:
            self._watched.append(secret if callable(secret) else _always(secret))

    def assert_no_secret(self, *secrets: str) -> None:
        """Raise where one of the secrets, or of those that are watched, came in."""
        known = [*secrets, *(secret for watched in self._watched for secret in watched())]
        found = find_secrets(self.received, known)
        assert not found, f"the evil host was sent {found}: {self.log()}"

    def assert_untouched(self) -> None:
        """Raise where anybody connected."""
        assert not self.server.accepted, f"somebody connected to the evil host: {self.log()}"

    def _handle(self, request: Recorded, body: Body, channel: Channel) -> Answer:
        request.endpoint = "evil"
        body.drain()
        self.journal.add(request)
        return self.answer(request)

    def close(self) -> None:
        """Stop listening."""
        self.server.close()

    def verify(self) -> None:
        """Raise where a watched secret came in, or the listener itself failed."""
        self.assert_no_secret()
        assert not self.journal.problems(), self.journal.problems()


def _always(secret: str) -> t.Callable[[], t.Sequence[str]]:
    return lambda: [secret]
