# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a token server for tokens: only one that may have the credentials, and for no more than is needed."""

from __future__ import annotations

import base64
import re
import time
import typing as t
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from .._core.errors import RegistryError
from .._core.json import load_object
from .._core.scrub import is_secret
from .answers import is_page, read_told
from .challenge import Challenge
from .credentials import Credentials
from .origin import Target
from .proxies import refusal_in_clear
from .retry import Retry
from .transport import Answer, Transport

MAX_TOKEN_BODY = 64 * 1024
_FORMS = 20  # times its length is what all spellings of a token take, by which it is masked
_CLIENT_ID = "ocitools.registry"
_LEAST_LIFETIME = 60
_LONGEST_LIFETIME = 86400
_EARLY = 5
_MAX_PARAMETER = 2048
_MOST_HOPS = 5

Scopes = tuple[str, ...]


class Token(t.NamedTuple):
    """The Authorization ``header`` of a token, and when it ``expires`` by the monotonic clock."""

    header: str
    expires: float


class TokenRefused(RegistryError):
    """The token server gave no token for these scopes; fewer may be granted."""


class TokenServer:
    """The token servers that one registry names."""

    def __init__(self, transport: Transport, on_secret: t.Callable[[str], None], check_wire: t.Callable[..., None], advice: str) -> None:
        self._transport = transport
        self._on_secret = on_secret
        self._check_wire = check_wire
        self._advice = advice
        self._known: set[str] = set()

    def fetch(self, challenge: Challenge, scopes: Scopes, credentials: Credentials | None, retries: int) -> Token:
        """Return a token for ``scopes`` (none of them: what the credentials are good for anyway); raises ``TokenRefused``."""
        realm = self._check_realm(challenge, credentials)
        service = challenge.parameters.get("service", "")
        if len(service) > _MAX_PARAMETER or any(len(scope) > _MAX_PARAMETER for scope in scopes):
            raise RegistryError("The WWW-Authenticate header of the registry is too long.", "limit")
        if credentials:
            self._check_wire(realm.origin)
        answer = self._ask(realm, service, scopes, credentials, retries)
        where = realm.origin.authority
        if answer.status in (400, 401, 403):
            message = f"{self._refusal(where, credentials)}{_reason(answer, ' It says: ')}"
            raise TokenRefused(message, "denied" if answer.status == 403 else "unauthorized", answer.status)
        if answer.status != 200:
            kind = "rate_limited" if answer.status == 429 else "server"
            message = f"The token server {where} gave no token: it responded with status {answer.status}{_reason(answer, ': ') or '.'}"
            raise RegistryError(message, kind, answer.status)
        raw = answer.read_all(MAX_TOKEN_BODY, f"The answer of the token server {where}")
        if is_page(answer.content_type, raw) and raw.lstrip()[:1] != b"{":  # what frameworks call any text that nobody gave a type
            raise RegistryError(f"The answer of the token server {where} is a web page, not a token.", "invalid_response", answer.status)
        return self._parse(raw, where)

    def _refusal(self, where: str, credentials: Credentials | None) -> str:
        if credentials is None:
            return f"The token server {where} requires credentials: {self._advice}."
        return (
            f"The token server {where} does not accept the credentials for {self._transport.trust.registry.authority}, or does not grant the "
            f"required access: check user name, password and permissions{credentials.oddity}."
        )

    def _ask(self, realm: Target, service: str, scopes: Scopes, credentials: Credentials | None, retries: int) -> Answer:
        headers = {"Accept": "application/json"}
        if credentials and credentials.identity_token:
            form = {"grant_type": "refresh_token", "service": service, "client_id": _CLIENT_ID, "refresh_token": credentials.identity_token}
            body = urlencode({**form, "scope": " ".join(scopes)}).encode("ascii")
            posted = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
            answer = self._send("POST", realm, posted, retries, body)
            if answer.status not in (404, 405):
                return answer
            answer.finish()
            headers["Authorization"] = basic_header("<token>", credentials.identity_token, self._on_secret)
        elif credentials:
            headers["Authorization"] = basic_header(credentials.username, credentials.password, self._on_secret)
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        target = realm.with_query(urlencode(query, safe="/:,", quote_via=quote)) if query else realm
        return self._send("GET", target, headers, retries)

    def _follow(self, method: str, target: Target, headers: t.Mapping[str, str], body: bytes | None) -> Answer:
        """Return the answer to a request, after redirects of the token server to itself."""
        where = target.origin.authority
        for _hop in range(_MOST_HOPS + 1):
            answer = self._transport.attempt(method, target, headers, body, token_server=True)
            if not 300 <= answer.status < 400:
                return answer
            answer.finish()
            following = target.join(answer.headers.get("Location", ""), f"The redirect from {where}")
            if following.origin != target.origin or (method != "GET" and answer.status not in (307, 308)):
                raise RegistryError(
                    f"The token server {where} redirects to another host: credentials are never sent there.", "untrusted_target"
                )
            target = following
        raise RegistryError(f"The token server {where} redirects more than {_MOST_HOPS} times.", "invalid_response")

    def _send(self, method: str, target: Target, headers: t.Mapping[str, str], retries: int, body: bytes | None = None) -> Answer:
        def attempt() -> Answer:
            answer = self._follow(method, target, headers, body)
            page = answer.content_type == "text/html"
            by_proxy = refusal_in_clear(answer.proxy, target.origin, answer.status, answer.headers, page)
            if by_proxy is not None:
                answer.close()
                raise by_proxy
            if answer.status == 200:
                answer.load(MAX_TOKEN_BODY, f"The answer of the token server {target.origin.authority}")
            return answer

        try:
            return Retry(retries).run(attempt)
        except RegistryError as error:
            error.passing = False  # as often as the task allows it was tried here
            raise

    def _check_realm(self, challenge: Challenge, credentials: Credentials | None) -> Target:
        trust = self._transport.trust
        registry = Target.parse(f"{trust.registry}/v2/")
        realm = registry.join(challenge.parameters.get("realm", ""), f"The token server that {trust.registry.authority} names")
        trust.check_scheme(realm.origin, f"The token server that {trust.registry.authority} names")
        if any(name.lower() == "scope" for name, _value in parse_qsl(urlsplit(realm.url).query, keep_blank_values=True)):
            raise RegistryError(
                f"The registry {trust.registry.authority} names a token server with a scope in its URL, which is not allowed.",
                "untrusted_target",
            )
        if credentials and not trust.may_authenticate(realm.origin):
            raise RegistryError(
                f"The registry {trust.registry.authority} asked to send your credentials to {realm.origin.authority}. "
                f"If that is right, add {realm.origin.authority} to auth_hosts.",
                "untrusted_target",
            )
        return realm

    def _parse(self, raw: bytes, where: str) -> Token:
        document = load_object(raw, MAX_TOKEN_BODY, f"The answer of the token server {where}")
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token, re.ASCII):
            raise RegistryError(f"The answer of the token server {where} contains no token.", "invalid_response")
        if token not in self._known:
            self._transport.budget.take(_FORMS * len(token), f"The token that {where} gave")
            self._known.add(token)
        if is_secret(token):
            self._on_secret(token)
        lifetime = document.get("expires_in")
        if isinstance(lifetime, bool) or not isinstance(lifetime, int):
            lifetime = _LEAST_LIFETIME
        seconds = min(max(lifetime, _LEAST_LIFETIME), _LONGEST_LIFETIME)
        return Token(f"Bearer {token}", time.monotonic() + seconds - _EARLY)


def basic_header(username: str, password: str, on_secret: t.Callable[[str], None]) -> str:
    """Return the Authorization header of a user name and a password, which is a secret too."""
    pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
    on_secret(pair)
    return f"Basic {pair}"


def _reason(answer: Answer, before: str) -> str:
    """Return what the token server says of its refusal, as the end of a sentence, "" where it says nothing."""
    text = read_told(answer.read_error()).text.rstrip(".")
    return f"{before}{text}." if text else ""
