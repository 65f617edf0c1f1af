# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: nobody is asked, Basic, or tokens from a token server with users, scopes and lifetimes."""

from __future__ import annotations

import base64
import fnmatch
import json
import secrets
import threading
import typing as t
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from .body import Body
from .faults import refuse
from .journal import Headers, Recorded
from .wire import Answer

Grants = t.Mapping[str, str]  # pattern of repositories -> actions, "pull,push"; "*" for all
EVERYTHING: Grants = {"*": "*"}
_ACTIONS = {
    "GET": ("pull",),
    "HEAD": ("pull",),
    "POST": ("push", "pull"),
    "PUT": ("push", "pull"),
    "PATCH": ("push", "pull"),
    "DELETE": ("delete",),
}


def needed_scopes(request: Recorded) -> list[str]:
    """Return the scopes that a request needs."""
    if request.endpoint == "catalog":
        return ["registry:catalog:*"]
    if not request.repository:
        return []
    scopes = [f"repository:{request.repository}:{','.join(_ACTIONS[request.method])}"]
    source = request.argument("from")
    if request.endpoint == "mount" and source and source != request.repository:
        scopes.append(f"repository:{source}:pull")
    return scopes


def _split(scope: str) -> tuple[str, set[str]]:
    name, _colon, actions = scope.rpartition(":")
    return name, set(actions.split(","))


def decode_basic(header: str) -> tuple[str, str]:
    """Return user and password of a Basic header, two empty strings where it is none."""
    scheme, _blank, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


class Open:
    """Nobody is asked who they are."""

    def credentials(self) -> dict[str, str]:
        """Return the module options that log in."""
        return {}

    def secrets(self) -> list[str]:
        """Return what must never be shown."""
        return []

    def expire_all(self) -> None:
        """Make every token that was issued invalid; only a token server has any."""

    def check(self, request: Recorded) -> Answer | None:
        """Return a refusal, None where the request may pass."""
        return None

    def may_pull(self, request: Recorded, repository: str) -> bool:
        """Tell whether the sender may read a repository."""
        return True


class Basic(Open):
    """One user with one password."""

    def __init__(self, user: str = "user", password: str = "p4ss/w+rd=basic", challenge: str | None = None) -> None:
        self.user = user
        self.password = password
        self.challenge = 'Basic realm="basic-realm"' if challenge is None else challenge

    def credentials(self) -> dict[str, str]:
        """Return the module options that log in."""
        return {"username": self.user, "password": self.password}

    def secrets(self) -> list[str]:
        """Return what must never be shown."""
        return [self.password]

    def check(self, request: Recorded) -> Answer | None:
        """Return a refusal, None where the request may pass."""
        if decode_basic(request.headers.get("Authorization")) == (self.user, self.password):
            request.user = self.user
            return None
        answer = refuse(401, "UNAUTHORIZED", "authentication required")
        if self.challenge:
            answer.headers.add("WWW-Authenticate", self.challenge)
        return answer


@dataclass
class User:
    """Someone whom the token server knows."""

    password: str = "p4ss/w+rd=token"
    grants: Grants = field(default_factory=lambda: EVERYTHING)
    identity_token: str = ""


@dataclass
class IssuedToken:
    """A token: what it allows, and how many requests it is still good for (None: any number)."""

    user: str
    access: dict[str, set[str]]
    uses: int | None


@dataclass
class TokenAuth(Open):
    """A token server and a registry that trusts it.

    ``users`` are users by name; the first one is whom ``credentials()`` logs in. ``anonymous`` is what may be done without
    credentials. Tokens end by ``uses`` (so many requests each) or ``expire_all()``, never by time.
    """

    users: dict[str, User] = field(default_factory=lambda: {"user": User()})
    anonymous: Grants = field(default_factory=dict)
    uses: int | None = None
    expires_in: t.Any = 300
    token_field: str = "token"
    extra: dict[str, t.Any] = field(default_factory=dict)  # further members of the token answer
    service: str = "registry.test"
    separate: bool = False  # the token server has a port of its own
    realm: str = ""  # another realm than the token server's address
    challenge: str = "scoped"  # scoped, bare (no scope), base_only (a 401 has none but that of /v2/), never; or the header itself
    post_status: int = 0  # POST is answered so: 404 or 405 where there is no OAuth2
    refused_words: t.Sequence[str] = ()  # actions for which the whole set is refused
    refused_status: int = 400
    refuses_partly_granted: bool = False  # a set that is not granted in full is refused
    refuses_joined_scopes: bool = False  # one scope parameter with blanks is refused
    first_scope_only: bool = False
    answers: list[Answer] = field(default_factory=list)  # given in turn instead of tokens (server errors)

    def __post_init__(self) -> None:
        self.tokens: dict[str, IssuedToken] = {}
        self.issued: list[str] = []
        self.url = ""
        self._lock = threading.Lock()

    def credentials(self) -> dict[str, str]:
        """Return the module options that log in."""
        for name, user in self.users.items():
            return {"identity_token": user.identity_token} if user.identity_token else {"username": name, "password": user.password}
        return {}

    def secrets(self) -> list[str]:
        """Return what must never be shown: passwords, identity tokens, and every token that was issued."""
        known = [secret for user in self.users.values() for secret in (user.password, user.identity_token) if secret]
        return known + self.issued

    def expire_all(self) -> None:
        """Make every token that was issued invalid."""
        with self._lock:
            self.tokens.clear()

    # The registry's side

    def _access(self, request: Recorded, spend: bool) -> IssuedToken | None:
        scheme, _blank, token = request.headers.get("Authorization").partition(" ")
        with self._lock:
            found = self.tokens.get(token) if scheme.lower() == "bearer" else None
            if found is not None and spend and found.uses is not None:
                if not found.uses:
                    return None
                found.uses -= 1
            return found

    def check(self, request: Recorded) -> Answer | None:
        """Return a refusal, None where the request may pass."""
        found = self._access(request, True)
        if found is not None:
            request.user = found.user
            missing = [scope for scope in needed_scopes(request) if not _covers(found.access, scope)]
            if not missing:
                return None
            return self._challenge(request, "insufficient_scope")
        return self._challenge(request, "invalid_token" if request.scheme == "bearer" else "")

    def _challenge(self, request: Recorded, error: str) -> Answer:
        answer = refuse(401, "DENIED" if error == "insufficient_scope" else "UNAUTHORIZED", "authentication required")
        if self.challenge == "never" or (self.challenge == "base_only" and request.endpoint != "base"):
            return answer
        if self.challenge not in ("scoped", "bare", "base_only"):
            answer.headers.add("WWW-Authenticate", self.challenge)
            return answer
        parts = [f'realm="{self.realm or self.url}"', f'service="{self.service}"']
        scopes = needed_scopes(request)
        if scopes and self.challenge == "scoped":
            parts.append(f'scope="{" ".join(scopes)}"')
        if error:
            parts.append(f'error="{error}"')
        answer.headers.add("WWW-Authenticate", f"Bearer {','.join(parts)}")
        return answer

    def may_pull(self, request: Recorded, repository: str) -> bool:
        """Tell whether the sender may read a repository."""
        found = self._access(request, False)
        return found is not None and _covers(found.access, f"repository:{repository}:pull")

    # The token server's side

    def answer(self, request: Recorded, body: Body) -> Answer:
        """Answer a request for a token."""
        form = parse_qs(body.read().decode("latin-1"))
        query = form if request.method == "POST" else request.query
        given = query.get("scope", [])
        request.scopes = tuple(scope for text in given for scope in text.split())
        if request.method == "POST" and self.post_status:
            return Answer(self.post_status)
        if self.answers:
            return self.answers.pop(0)
        if self.refuses_joined_scopes and request.method == "GET" and any(" " in text for text in given):
            return refuse(400, "UNSUPPORTED", "one scope a parameter, please")
        grants = self._login(request, form)
        if grants is None:
            return refuse(401, "UNAUTHORIZED", "wrong credentials")
        return self._grant(request, grants)

    def _login(self, request: Recorded, form: dict[str, list[str]]) -> Grants | None:
        """Return what the sender may do, None for wrong credentials."""
        user, password = decode_basic(request.headers.get("Authorization"))
        if request.method == "POST":
            if form.get("grant_type") == ["refresh_token"]:
                user, password = "<token>", form.get("refresh_token", [""])[0]
            else:
                user, password = form.get("username", [""])[0], form.get("password", [""])[0]
        if not user:
            return self.anonymous or None
        for name, known in self.users.items():
            if (user == "<token>" and password == known.identity_token != "") or (user == name and password == known.password):
                request.user = name
                return known.grants
        return None

    def _grant(self, request: Recorded, grants: Grants) -> Answer:
        wanted = request.scopes[:1] if self.first_scope_only else request.scopes
        access: dict[str, set[str]] = {}
        for scope in wanted:
            name, actions = _split(scope)
            if actions & set(self.refused_words):
                return refuse(self.refused_status, "UNSUPPORTED", f"unknown action in {scope}")
            granted = _granted(grants, name, actions)
            if granted != actions and self.refuses_partly_granted:
                return refuse(self.refused_status, "DENIED", f"{scope} is not granted")
            access[name] = access.get(name, set()) | granted
        token = f"tok-{secrets.token_urlsafe(24)}.{secrets.token_urlsafe(12)}"
        with self._lock:
            self.tokens[token] = IssuedToken(request.user, access, self.uses)
            self.issued.append(token)
        document = {self.token_field: token, "expires_in": self.expires_in, **self.extra}
        return Answer(200, Headers([("Content-Type", "application/json")]), json.dumps(document).encode())


def _granted(grants: Grants, name: str, actions: set[str]) -> set[str]:
    """Return those of ``actions`` on ``name`` (``repository:app``, ``registry:catalog``) that are allowed."""
    allowed: set[str] = set()
    kind, _colon, resource = name.partition(":")
    for pattern, words in grants.items():
        if fnmatch.fnmatchcase(name, pattern) or (kind == "repository" and fnmatch.fnmatchcase(resource, pattern)):
            allowed |= set(words.split(","))
    return actions if "*" in allowed else actions & allowed


def _covers(access: dict[str, set[str]], scope: str) -> bool:
    name, actions = _split(scope)
    there = access.get(name, set())
    return "*" in there or actions <= there
