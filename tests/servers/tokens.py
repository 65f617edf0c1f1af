# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token server: it signs the tokens that a registry checks, and writes down who asked for what."""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import threading
import time
import typing as t
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt

ISSUER = "ocitools-test-issuer"
SERVICE = "ocitools-test-registry"
LIFETIME = 60
_LONGEST_BODY = 65536


@dataclass(frozen=True)
class User:
    """Somebody with a password, a refresh token, and the actions allowed on every repository."""

    name: str
    password: str
    identity_token: str
    actions: tuple[str, ...]


class TokenServer:
    """Serves ``/token`` over TLS from threads of this process; every token it gives becomes a line of JSON in ``log``."""

    def __init__(self, users: t.Sequence[User], context: ssl.SSLContext, key: str, chain: t.Sequence[str], log: Path) -> None:
        self._users = users
        self._key = key
        self._chain = list(chain)
        self._log = log
        self._lock = threading.Lock()
        log.touch()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def realm(self) -> str:
        """The address that registries name in their challenges."""
        return f"https://127.0.0.1:{self._server.server_address[1]}/token"

    def start(self) -> None:
        """Serve from now on."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def find_user(self, name: str, password: str) -> User | None:
        """Return the user with this name and password."""
        return next((user for user in self._users if (user.name, user.password) == (name, password)), None)

    def find_holder(self, identity_token: str) -> User | None:
        """Return the user with this refresh token."""
        return next((user for user in self._users if user.identity_token == identity_token), None)

    def issue(self, user: User | None, scopes: t.Sequence[str]) -> dict[str, t.Any]:
        """Return the answer with a token for what the user may do of ``scopes``."""
        access = _grant(user, scopes)
        now = int(time.time())
        name = user.name if user else ""
        claims = {
            "iss": ISSUER,
            "sub": name,
            "aud": SERVICE,
            "iat": now,
            "nbf": now - 5,
            "exp": now + LIFETIME,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        token = jwt.encode(claims, self._key, algorithm="ES256", headers={"x5c": self._chain})
        with self._lock, self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps({"user": name, "scopes": list(scopes), "access": access}) + "\n")
        return {"token": token, "access_token": token, "expires_in": LIFETIME}


def _grant(user: User | None, scopes: t.Sequence[str]) -> list[dict[str, t.Any]]:
    granted = []
    for scope in scopes:
        kind, _colon, rest = scope.partition(":")
        name, _colon, actions = rest.rpartition(":")
        allowed = user.actions if user else ()
        granted.append({"type": kind, "name": name, "actions": [action for action in actions.split(",") if action in allowed]})
    return granted


def _handler(tokens: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer the way of user name and password; without them the token is anybody's."""
            pair = self.headers.get("Authorization", "").partition("Basic ")[2]
            name, _colon, password = base64.b64decode(pair).decode("utf-8", "replace").partition(":")
            user = tokens.find_user(name, password) if pair else None
            self._answer(bool(pair), user, parse_qs(urlsplit(self.path).query))

        def do_POST(self) -> None:
            """Answer the way of OAuth2."""
            length = min(int(self.headers.get("Content-Length") or 0), _LONGEST_BODY)
            form = parse_qs(self.rfile.read(length).decode("utf-8", "replace"))
            first = {key: values[0] for key, values in form.items()}
            user = tokens.find_holder(first.get("refresh_token", "-"))
            if first.get("grant_type") == "password":
                user = tokens.find_user(first.get("username", ""), first.get("password", ""))
            self._answer(True, user, form)

        def _answer(self, named: bool, user: User | None, query: t.Mapping[str, t.Sequence[str]]) -> None:
            if named and user is None:
                self._send(401, {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]})
            else:
                scopes = [scope for text in query.get("scope", ()) for scope in text.split()]
                self._send(200, tokens.issue(user, scopes))

        def _send(self, status: int, document: dict[str, t.Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Keep quiet; what matters is in the log of tokens."""

    return Handler
