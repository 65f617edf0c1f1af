# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer challenges: Basic at once when the registry takes it, tokens for exactly the scopes that are needed."""

from __future__ import annotations

import base64
import re
import threading
import time
import typing as t
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from ._challenge import Challenge, merge_scopes, parse_challenges, restrict_scopes, split_scopes
from ._credentials import Credentials
from ._errors import RegistryError
from ._json import load_object
from ._origin import Origin, Target
from ._proxies import refusal_in_clear
from ._retry import Retry
from ._scrub import is_secret
from ._transport import Answer, Transport

MAX_TOKEN_BODY = 64 * 1024
_CLIENT_ID = "ocitools.registry"
_LEAST_LIFETIME = 60
_LONGEST_LIFETIME = 86400
_EARLY = 5
_MAX_PARAMETER = 2048

Scopes = tuple[str, ...]


@dataclass(frozen=True)
class _Token:
    header: str
    expires: float


class TokenRefused(RegistryError):
    """The token server gave no token for these scopes; fewer may be granted."""


class Authenticator:
    """Knows how one registry wants its requests authorized, and holds the tokens of this process."""

    def __init__(
        self,
        transport: Transport,
        retries: int,
        on_secret: t.Callable[[str], None],
        on_warning: t.Callable[[str], None],
    ) -> None:
        self._transport = transport
        self._retries = retries
        self._on_secret = on_secret
        self._on_warning = on_warning
        self._challenge: Challenge | None = None
        self._tokens: dict[tuple[Credentials | None, Scopes], _Token] = {}
        self._locks: dict[tuple[Credentials | None, Scopes], threading.Lock] = {}
        self._refused: set[tuple[Credentials | None, Scopes]] = set()
        self._lock = threading.Lock()
        self._warned = False

    @property
    def challenge(self) -> Challenge | None:
        """How the registry asked for authorization, None where it has not."""
        return self._challenge

    def header(self, scopes: Scopes, credentials: Credentials | None) -> str | None:
        """Return the Authorization header for a request, as far as the registry's ways are known; None for none."""
        if credentials and credentials.registry_token:
            return self._bearer(credentials.registry_token)
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            return self._basic(credentials)
        try:
            return self._token(challenge, scopes, (), credentials, None)
        except TokenRefused:
            return None  # the registry's own challenge will say what may be asked for

    def answer_challenge(self, header: str, scopes: Scopes, credentials: Credentials | None, sent: str | None) -> str | None:
        """Return the Authorization header that a 401 with ``header`` asks for, None where there is nothing new to send."""
        if credentials and credentials.registry_token:
            return None
        challenge = self._choose(header)
        if challenge is None:
            return None
        with self._lock:
            self._challenge = Challenge(challenge.scheme, {**challenge.parameters, "scope": ""})
        if challenge.scheme == "basic":
            fresh = self._basic(credentials)
            return None if fresh == sent else fresh
        asked = restrict_scopes(split_scopes(challenge.parameters.get("scope", "")), scopes)
        return self._token(challenge, scopes, asked, credentials, sent)

    def _choose(self, header: str) -> Challenge | None:
        challenges = {challenge.scheme: challenge for challenge in reversed(parse_challenges(header))}
        known = self._challenge
        if "bearer" in challenges:
            return challenges["bearer"]
        if known is not None and known.scheme == "bearer":
            return None  # no step back from tokens to passwords within a task
        return challenges.get("basic")

    def _bearer(self, token: str) -> str:
        self._check_wire()
        return f"Bearer {token}"

    def _basic(self, credentials: Credentials | None) -> str | None:
        if credentials is None:
            return None
        if not credentials.username:
            raise RegistryError(
                f"The registry {self._transport.trust.registry.authority} asks for a user name and a password, "
                "but only an identity token is known for it, which token servers alone accept: set username and password instead.",
                "unauthorized",
            )
        self._check_wire()
        return _basic_header(credentials.username, credentials.password, self._on_secret)

    def _check_wire(self, *receivers: Origin) -> None:
        """Warn, once, where credentials or the tokens that they are exchanged for go to another host over plain http."""
        registry = self._transport.trust.registry
        open_to_all = any(origin.scheme == "http" and not origin.is_loopback for origin in (registry, *receivers))
        if open_to_all and not self._warned:
            self._warned = True
            self._on_warning(f"The credentials for {registry.authority} are sent over plain http, readable by everybody on the way.")

    def _token(self, challenge: Challenge, scopes: Scopes, asked: Scopes, credentials: Credentials | None, refused: str | None) -> str:
        """Return a token for ``scopes`` and what the registry ``asked`` for; not the one that it has just ``refused``."""
        key = (credentials, scopes)
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            known = self._tokens.get(key)
            if known and known.expires > time.monotonic() and known.header != refused:
                return known.header
            token = self._fetch_what_is_granted(challenge, key, asked)
            self._tokens[key] = token
            return token.header

    def _fetch_what_is_granted(self, challenge: Challenge, key: tuple[Credentials | None, Scopes], asked: Scopes) -> _Token:
        """Ask for all scopes at once; some servers refuse a whole set for one word of it, then for those ``asked`` alone."""
        credentials, scopes = key
        if not (asked and key in self._refused):
            try:
                return self._fetch(challenge, merge_scopes(scopes, asked), credentials)
            except TokenRefused:
                if key in self._refused or not asked:
                    self._refused.add(key)
                    raise
                self._refused.add(key)
        return self._fetch(challenge, asked, credentials)

    def _fetch(self, challenge: Challenge, scopes: Scopes, credentials: Credentials | None) -> _Token:
        realm = self._check_realm(challenge, credentials)
        service = challenge.parameters.get("service", "")
        if len(service) > _MAX_PARAMETER or any(len(scope) > _MAX_PARAMETER for scope in scopes):
            raise RegistryError("The WWW-Authenticate header of the registry is too long: it is refused.", "limit")
        if credentials:
            self._check_wire(realm.origin)
        answer = self._ask(realm, service, scopes, credentials)
        where = realm.origin.authority
        if answer.status in (400, 401, 403):
            answer.finish()
            raise TokenRefused(self._refusal(where, credentials), "denied" if answer.status == 403 else "unauthorized", answer.status)
        if 300 <= answer.status < 400:
            answer.close()
            raise RegistryError(f"The token server {where} redirects elsewhere: credentials are not sent after it.", "untrusted_target")
        if answer.status != 200:
            answer.close()
            kind = "rate_limited" if answer.status == 429 else "server"
            raise RegistryError(f"The token server {where} gave no token: it answered with status {answer.status}.", kind, answer.status)
        return self._parse(answer.read_all(MAX_TOKEN_BODY, f"The answer of the token server {where}"), where)

    def _refusal(self, where: str, credentials: Credentials | None) -> str:
        if credentials is None:
            return (
                f"The token server {where} gives no token without credentials: set username and password, or an auth_file that knows "
                f"{self._transport.trust.registry.authority}."
            )
        return (
            f"The token server {where} does not accept the credentials for {self._transport.trust.registry.authority}, or does not grant what this "
            "task needs: check user name, password and permissions."
        )

    def _ask(self, realm: Target, service: str, scopes: Scopes, credentials: Credentials | None) -> Answer:
        headers = {"Accept": "application/json"}
        if credentials and credentials.identity_token:
            form = {"grant_type": "refresh_token", "service": service, "client_id": _CLIENT_ID, "refresh_token": credentials.identity_token}
            body = urlencode({**form, "scope": " ".join(scopes)}).encode("ascii")
            posted = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
            answer = self._send("POST", realm, posted, body)
            if answer.status not in (404, 405):
                return answer
            answer.finish()
            headers["Authorization"] = _basic_header("<token>", credentials.identity_token, self._on_secret)
        elif credentials:
            headers["Authorization"] = _basic_header(credentials.username, credentials.password, self._on_secret)
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        target = realm.with_query(urlencode(query, safe="/:,", quote_via=quote)) if query else realm
        return self._send("GET", target, headers)

    def _send(self, method: str, target: Target, headers: t.Mapping[str, str], body: bytes | None = None) -> Answer:
        def attempt() -> Answer:
            answer = self._transport.attempt(method, target, headers, body, token_server=True)
            page = answer.content_type == "text/html"
            by_proxy = refusal_in_clear(answer.proxy, target.origin, answer.status, answer.headers, page)
            if by_proxy is not None:
                answer.close()
                raise by_proxy
            if answer.status == 200:
                answer.load(MAX_TOKEN_BODY, f"The answer of the token server {target.origin.authority}")
            return answer

        try:
            return Retry(self._retries).run(attempt)
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
                f"The registry {trust.registry.authority} names a token server with a scope in its address: that is refused.",
                "untrusted_target",
            )
        if credentials and not trust.may_authenticate(realm.origin):
            raise RegistryError(
                f"The registry {trust.registry.authority} asked to send your credentials to {realm.origin.authority}. "
                f"If that is right, add {realm.origin.authority} to auth_hosts.",
                "untrusted_target",
            )
        return realm

    def _parse(self, raw: bytes, where: str) -> _Token:
        document = load_object(raw, MAX_TOKEN_BODY, f"The answer of the token server {where}")
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token, re.ASCII):
            raise RegistryError(f"The answer of the token server {where} holds no token.", "invalid_response")
        if is_secret(token):
            self._on_secret(token)
        lifetime = document.get("expires_in")
        if isinstance(lifetime, bool) or not isinstance(lifetime, int):
            lifetime = _LEAST_LIFETIME
        seconds = min(max(lifetime, _LEAST_LIFETIME), _LONGEST_LIFETIME)
        return _Token(f"Bearer {token}", time.monotonic() + seconds - _EARLY)


def _basic_header(username: str, password: str, on_secret: t.Callable[[str], None]) -> str:
    pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
    on_secret(pair)
    return f"Basic {pair}"
