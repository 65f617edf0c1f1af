# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the fake registry by http.client alone, so that its own tests share nothing with the collection."""

from __future__ import annotations

import base64
import http.client
import json
import typing as t

from .fake import FakeRegistry
from .store import MEDIA_TYPES, digest_of

ACCEPT = {"Accept": ",".join(MEDIA_TYPES)}


class Reply(t.NamedTuple):
    """Status, headers and body of an answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self) -> str:
        """The code of a registry's error."""
        return str(json.loads(self.body)["errors"][0]["code"])

    @property
    def json(self) -> t.Any:
        """The parsed body."""
        return json.loads(self.body)


def ask(
    registry: FakeRegistry, method: str, path: str, body: bytes | None = None, headers: t.Mapping[str, str] | None = None, host: str = ""
) -> Reply:
    """Send one request over a connection of its own."""
    connection = http.client.HTTPConnection(host or registry.host, timeout=10)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def upload(registry: FakeRegistry, repository: str, data: bytes) -> Reply:
    """Upload a blob by POST and PUT."""
    opened = ask(registry, "POST", f"/v2/{repository}/blobs/uploads/")
    assert opened.status == 202
    return ask(registry, "PUT", local(opened, f"digest={digest_of(data)}"), data)


def local(reply: Reply, query: str = "") -> str:
    """Return the path and query of a Location, and ``query`` added to it."""
    location = reply.headers["Location"]
    path = location[location.index("/v2/") :]
    return f"{path}{'&' if '?' in path else '?'}{query}" if query else path


def basic(user: str, password: str) -> dict[str, str]:
    """Return a Basic header."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(reply: Reply) -> dict[str, str]:
    """Return the header of the token in a token server's answer."""
    return {"Authorization": f"Bearer {reply.json['token']}"}
