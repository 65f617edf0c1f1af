# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer challenges: Basic at once when the registry takes it, tokens for exactly the scopes that are needed."""

from __future__ import annotations

import threading
import time
import typing as t

from .._core.errors import RegistryError
from .challenge import Challenge, lacks_scope, merge_scopes, parse_challenges, restrict_scopes, split_scopes
from .credentials import Credentials
from .origin import Origin
from .proxies import environ_proxy, proxy_name
from .token_server import Scopes, Token, TokenRefused, TokenServer, basic_header
from .transport import Answer, Transport

_CATALOG = "registry:catalog:"


class _Standing:
    """What a registry and its token server made of one set of credentials in this task."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # while they may be wrong they are sent by one thread at a time
        self.accepted = False
        self.refusal: RegistryError | None = None
        self.over = False  # they are not sent again

    def check(self) -> None:
        """Raise the refusal again where there was one too many: accounts are locked for guessing."""
        if self.over and self.refusal is not None:
            raise TokenRefused(self.refusal.message, self.refusal.kind, self.refusal.status, self.refusal.code)

    def spend(self) -> None:
        """Let them be sent to the registry itself: as often as it likes once it took them, else once more after a refusal."""
        with self.lock:
            self.check()
            self.over = self.refusal is not None and not self.accepted

    def accept(self) -> None:
        """Note that they were taken."""
        self.accepted, self.over = True, False

    def refuse(self, refusal: RegistryError, final: bool) -> None:
        """Note a refusal; the second one is final."""
        if not self.accepted:
            self.over = self.over or final or self.refusal is not None
            self.refusal = self.refusal or refusal


def _stays_here(origin: Origin) -> bool:
    """Tell whether what is sent to ``origin`` does not leave this machine: a proxy on another one is asked for ``localhost`` as well."""
    proxy = environ_proxy(origin) if origin.is_loopback else None
    return origin.is_loopback and (proxy is None or Origin("http", proxy_name(proxy).rpartition(":")[0], 0).is_loopback)


class Authenticator:
    """Knows how one registry wants its requests authorized, and holds the tokens of this process."""

    def __init__(
        self,
        transport: Transport,
        retries: int,
        on_secret: t.Callable[[str], None],
        on_warning: t.Callable[[str], None],
        advice: str = "set username and password",
    ) -> None:
        self._transport = transport
        self._retries = retries
        self._on_secret = on_secret
        self._on_warning = on_warning
        self._advice = advice
        self._challenge: Challenge | None = None
        self._server = TokenServer(transport, on_secret, self._check_wire, advice)
        self._standings: dict[Credentials, _Standing] = {}
        self._tokens: dict[tuple[Credentials | None, Scopes], Token] = {}
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
            self._standing(credentials).spend()
            return self._bearer(credentials.registry_token)
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            return self._basic(credentials)
        try:
            return self._token(challenge, scopes, (), credentials, None)
        except TokenRefused:
            if credentials is None:
                return None
            self._standing(credentials).check()
            # For the catalog a token that is good for no scope still says who asks; else the registry's challenge says what may be asked for.
            return self._token(challenge, (), (), credentials, None) if scopes[:1] and scopes[0].startswith(_CATALOG) else None

    def answer_challenge(self, header: str, scopes: Scopes, credentials: Credentials | None, sent: str | None) -> str | None:
        """Return the Authorization header that a 401 with ``header`` asks for, None where there is nothing new to send."""
        if credentials and credentials.registry_token:
            return None
        challenge = self.learn(header)
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            fresh = self._basic(credentials)
            return None if fresh == sent else fresh
        asked = restrict_scopes(split_scopes(challenge.parameters.get("scope", "")), scopes)
        return self._token(challenge, scopes, asked, credentials, sent)

    def learn(self, header: str) -> Challenge | None:
        """Remember how the registry wants requests authorized; return the challenge, None where there is none that can be answered."""
        challenge = self._choose(header)
        if challenge is not None:
            with self._lock:
                self._challenge = Challenge(challenge.scheme, {**challenge.parameters, "scope": ""})
        return challenge

    def _standing(self, credentials: Credentials) -> _Standing:
        with self._lock:
            return self._standings.setdefault(credentials, _Standing())

    def judge(self, credentials: Credentials | None, answer: Answer) -> None:
        """Note what a registry made of credentials that were sent to itself, not to a token server."""
        basic = self._challenge is not None and self._challenge.scheme == "basic"
        if credentials is None or not (basic or credentials.registry_token):
            return
        standing = self._standing(credentials)
        if answer.status == 401 and not lacks_scope(answer.headers.get("WWW-Authenticate", "")):
            message = (
                f"The registry {self._transport.trust.registry.authority} refused the credentials earlier in this task, so they were not sent again: "
                f"check user name and password{credentials.oddity}."
            )
            standing.refuse(RegistryError(message, "unauthorized", 401), False)
        elif answer.status < 400 or answer.status == 404:
            standing.accept()

    def _choose(self, header: str) -> Challenge | None:
        challenges = {challenge.scheme: challenge for challenge in reversed(parse_challenges(header))}
        if "basic" in challenges and "bearer" in challenges and not challenges["bearer"].parameters.get("realm"):
            del challenges["bearer"]  # it names no token server
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
                f"The registry {self._transport.trust.registry.authority} requires a user name and password, but there is only an "
                f"identity_token, which only token servers accept: {self._advice}.",
                "unauthorized",
            )
        self._standing(credentials).spend()
        self._check_wire()
        return basic_header(credentials.username, credentials.password, self._on_secret)

    def _check_wire(self, *receivers: Origin) -> None:
        """Warn, once, where credentials or the tokens that they are exchanged for go to another host over plain http."""
        registry = self._transport.trust.registry
        open_to_all = any(origin.scheme == "http" and not _stays_here(origin) for origin in (registry, *receivers))
        if open_to_all and not self._warned:
            self._warned = True
            self._on_warning(
                f"The credentials for {registry.authority} are sent over plain HTTP, so anybody on the network path can read them."
            )

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

    def _fetch_what_is_granted(self, challenge: Challenge, key: tuple[Credentials | None, Scopes], asked: Scopes) -> Token:
        """Ask for all scopes at once; some servers refuse a whole set for one word of it, then for those ``asked`` alone."""
        credentials, scopes = key
        whole = merge_scopes(scopes, asked)
        if not (asked and key in self._refused):
            try:
                return self._fetch(challenge, whole, credentials)
            except TokenRefused as refusal:
                if key in self._refused or not asked or set(merge_scopes(asked)) == set(whole):
                    token = self._try_without_scopes(challenge, key, refusal) if asked else None
                    if token is not None and not scopes:
                        return token  # nothing but a login was needed: some registries name a placeholder at their root
                    self._refused.add(key)
                    raise
                self._refused.add(key)
        return self._fetch(challenge, asked, credentials)

    def _try_without_scopes(self, challenge: Challenge, key: tuple[Credentials | None, Scopes], refusal: TokenRefused) -> Token | None:
        """Find out whether it is the credentials that are refused, and not what was asked for: others may ask for something else.

        Return the token that they are good for without any scope, None where there is none, or where nobody wants to know.
        """
        credentials, scopes = key
        if credentials is None:
            return None
        standing = self._standing(credentials)
        if refusal.status == 401:
            standing.refuse(refusal, True)
        elif not standing.over and not (standing.accepted and scopes):
            try:
                return self._fetch(challenge, (), credentials)
            except RegistryError:
                standing.refuse(refusal, True)
        return None

    def _fetch(self, challenge: Challenge, scopes: Scopes, credentials: Credentials | None) -> Token:
        if credentials is None:
            return self._server.fetch(challenge, scopes, None, self._retries)
        standing = self._standing(credentials)
        if not standing.accepted:
            with standing.lock:
                if not standing.accepted:
                    return self._try(standing, challenge, scopes, credentials)
        return self._server.fetch(challenge, scopes, credentials, self._retries)

    def _try(self, standing: _Standing, challenge: Challenge, scopes: Scopes, credentials: Credentials) -> Token:
        """Send credentials that nobody has accepted yet; after a refusal once more at the most, and not again after a 429."""
        standing.check()
        try:
            token = self._server.fetch(challenge, scopes, credentials, 0 if standing.refusal else self._retries)
        except TokenRefused as refusal:
            standing.refuse(refusal, False)
            raise
        except RegistryError as error:
            if standing.refusal is not None and error.status == 429:
                standing.refuse(error, True)
                standing.check()
            raise
        standing.accept()
        return token
