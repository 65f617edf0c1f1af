# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to one registry as the layers above see them: authorized, redirected, retried, and errors put into words."""

from __future__ import annotations

import contextlib
import threading
import typing as t

from .._core.errors import NotFound, RegistryError
from .._core.scrub import clean_told
from .answers import ABSENT, DENIED, describe_absence, explain, is_page, is_registry_root, read_told, shows_registry
from .auth import Authenticator
from .challenge import Challenge, lacks_scope
from .credentials import Credentials
from .headers import MAX_WARNING, parse_warnings
from .origin import Target
from .proxies import refusal_in_clear
from .pull_limit import PullLimit
from .redirects import check_redirect, refused_elsewhere
from .retry import Retry
from .token_server import Scopes
from .transport import Answer, Transport

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CERTIFICATE = (400, 495, 496)  # with which nginx refuses a client without one
_MOST_HOPS = 5
_MOST_WARNINGS = 20

Body = t.Union[bytes, t.Callable[[], t.Any], None]
FindCredentials = t.Callable[[str], t.Optional[Credentials]]


class Exchange:
    """One registry: ``send`` carries a request through authorization, redirects and retries to its final answer."""

    def __init__(
        self,
        registry: str,
        transport: Transport,
        authenticator: Authenticator,
        find_credentials: FindCredentials,
        retries: int = 4,
        on_warning: t.Callable[[str], None] = lambda text: None,
        advice: str = "set username and password",
    ) -> None:
        self.registry = registry
        self.transport = transport
        self.budget = transport.budget
        self.origin = transport.trust.registry
        self.base = Target.parse(f"{self.origin}/v2/")
        self._authenticator = authenticator
        self._find_credentials = find_credentials
        self._retries = retries
        self._on_warning = on_warning
        self._advice = advice  # what to do for somebody who has no credentials
        self._warned: set[str] = set()
        self._first_contact = threading.Lock()
        self._met = False
        self._root = threading.Lock()
        self._root_asked = False
        self.shown = False  # whether this host has shown in any answer that it is a registry
        self.answers_head = False  # whether a HEAD has found a manifest here: then its 404 is believed
        self.pulls = PullLimit(registry)

    def send(
        self,
        method: str,
        target: Target,
        scopes: Scopes,
        repository: str = "",
        headers: t.Mapping[str, str] | None = None,
        body: Body = None,
        reference: str | None = None,
        retried: bool = True,
        whole: tuple[int, str] | None = None,
        final: t.Collection[int] = (),
    ) -> Answer:
        """Return the final answer to a request; ``body`` is bytes, or called for a fresh body at each attempt.

        With ``retried`` false only authorization is repeated: the caller knows better how to go on. With ``whole``, the largest
        size and what it is, the body of a 200 is read at once, so that one cut short is asked for again. A status in ``final`` is an answer
        for good.
        """

        def attempt() -> Answer:
            credentials = self.credentials(repository)
            with self._gate():
                answer = self._authorized(method, target, scopes, credentials, headers or {}, body)
            if whole and answer.status == 200:
                answer.load(*whole)
            return answer

        return self._run(attempt, self._retries if retried else 0, reference, final)

    def _run(self, attempt: t.Callable[[], Answer], retries: int, reference: str | None = None, final: t.Collection[int] = ()) -> Answer:
        with self.about(reference):
            return Retry(retries, final=final).run(attempt)

    @contextlib.contextmanager
    def about(self, reference: str | None) -> t.Iterator[None]:
        """Let errors within the block say which registry they are of, and that they are about ``reference``."""
        try:
            yield
        except RegistryError as error:
            error.registry = error.registry or self.registry
            error.reference = error.reference or reference
            raise

    @contextlib.contextmanager
    def _gate(self) -> t.Iterator[None]:
        """Let the very first attempt go alone: its answer tells all others how to authorize themselves. Without one they go all the same."""
        if not self._met:
            with self._first_contact:
                if not self._met:
                    try:
                        yield
                    finally:
                        self._met = True
                    return
        yield

    def _authorized(
        self,
        method: str,
        target: Target,
        scopes: Scopes,
        credentials: Credentials | None,
        headers: t.Mapping[str, str],
        body: Body,
    ) -> Answer:
        if target.origin != self.origin:
            return self._follow(method, target, headers, body, None)
        sent = self._authenticator.header(scopes, credentials)
        answer = self._follow(method, target, headers, body, sent)
        if sent and not answer.abroad:
            self._authenticator.judge(credentials, answer)
        if answer.status != 401 or answer.abroad:
            return answer
        challenge = answer.headers.get("WWW-Authenticate") or self._ask_for_challenge()
        header = self._authenticator.answer_challenge(challenge, scopes, credentials, sent) if challenge else None
        if header is None:
            return answer
        self.shown = read_told(answer.read_error()).formed or self.shown  # some show it by their errors alone
        answer = self._follow(method, target, headers, body, header)
        if not answer.abroad:
            self._authenticator.judge(credentials, answer)
        return answer

    def introduce(self, repository: str = "") -> None:
        """Learn how the registry wants credentials, where there are any, before it is asked for what it shows strangers less of."""
        if self.challenge is not None or self.credentials(repository) is None:
            return
        with self._gate():
            answer = self.greet()
        answer.finish()
        if answer.status == 401:
            self._authenticator.learn(answer.headers.get("WWW-Authenticate", ""))

    def greet(self) -> Answer:
        """Return what the registry's root answers to somebody unknown."""
        return self._run(lambda: self._follow("GET", self.base, {}, None, None), self._retries)

    def is_registry(self) -> bool:
        """Tell whether this host is a registry; one that has not shown it yet is asked for its root, once."""
        with self._root:
            if not self.shown and not self._root_asked:
                self._root_asked = True
                self.shown = is_registry_root(self.greet())
        return self.shown

    def credentials(self, repository: str) -> Credentials | None:
        """Return what is known for a repository, or for all below a path; "" stands for the registry as a whole."""
        return self._find_credentials(repository)

    @property
    def challenge(self) -> Challenge | None:
        """How the registry asked for authorization, None where it has not."""
        return self._authenticator.challenge

    def _ask_for_challenge(self) -> str:
        """Return the challenge of the registry's root, for those that send a 401 without one."""
        answer = self._follow("GET", self.base, {}, None, None)
        answer.finish()
        return answer.headers.get("WWW-Authenticate", "")

    def _follow(self, method: str, target: Target, headers: t.Mapping[str, str], body: Body, authorization: str | None) -> Answer:
        trust = self.transport.trust
        abroad = False
        for _hop in range(_MOST_HOPS + 1):
            own = target.origin == self.origin
            abroad = abroad or not own
            sent = {**headers, "Authorization": authorization} if own and authorization else headers
            content = body() if callable(body) else body
            answer = self.transport.attempt(method, target, sent, content)
            answer.abroad = abroad
            self.shown = self.shown or (own and shows_registry(answer))
            if own:
                self.pulls.note(answer.headers.get("RateLimit-Remaining", ""))
                self._pass_warnings(answer.headers.get("Warning", ""))
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            answer.finish()
            following = target.join(location, f"The redirect from {target.origin.authority}")
            trust.check_scheme(following.origin, f"The redirect from {target.origin.authority}")
            check_redirect(method, answer, following.origin, self.transport.plain_http)
            if following.origin != self.origin:
                authorization = None  # not even where the stranger sends us back
            target = following
        raise RegistryError(f"{self.origin.authority} redirects more than {_MOST_HOPS} times.", "invalid_response")

    def _pass_warnings(self, header: str) -> None:
        for text in parse_warnings(header):
            self.warn(f"The registry {self.registry} warns: {clean_told(text, MAX_WARNING)}")

    def warn(self, text: str) -> None:
        """Pass a warning on, each text once, and of all only so many."""
        if text not in self._warned and len(self._warned) < _MOST_WARNINGS:
            self._warned.add(text)
            self._on_warning(text)

    def warner(self, what: str) -> t.Callable[[str], None]:
        """Return what warns of a name, listed among ``what`` this registry has, that breaks the rules for names."""
        return lambda name: self.warn(f"{self.registry} lists the name {name} among {what}, which is not a valid name: it was left out.")

    def failure(self, answer: Answer, action: str, reference: str | None = None, repository: str = "") -> RegistryError:
        """Return the error that ``answer``, about ``repository``, means; ``action`` begins its sentence ("Reading reg/app:1").

        The body is read.
        """
        raw = answer.read_error()
        said = read_told(raw)
        status, code = answer.status, said.code
        facts = (status, code, self.registry, reference)
        content = "" if said.digest in action + said.text else f" {said.digest}"
        told = f" ({status}{f' {code}' if code else ''}{f': {said.text}{content}' if said.text else content})"
        page = is_page(answer.content_type, raw)
        absent = code in ABSENT and status < 500
        own = answer.target.origin == self.origin
        self.shown = self.shown or (own and said.formed)
        doubtful = own and not raw.lstrip().startswith(b"{")
        by_proxy = refusal_in_clear(answer.proxy, answer.target.origin, status, answer.headers, doubtful) if code is None else None
        if by_proxy is not None:
            return RegistryError(f"{action} failed: {by_proxy.message}", by_proxy.kind, *facts, passing=by_proxy.passing)
        if not own and not absent:
            return refused_elsewhere(action, answer, self.origin, self.transport.plain_http, told, facts)
        if code in DENIED or status in (401, 403):
            short = lacks_scope(answer.headers.get("WWW-Authenticate", ""))
            return self._refusal(action, told, self.credentials(repository), short, *facts)
        if absent or (status == 404 and not page and code is None):
            lacks = f"{describe_absence(said, answer.target.url, repository)}{told}"
            return (
                NotFound(f"{action} failed: {lacks}.", *facts) if absent or self.is_registry() else self._no_registry(action, told, *facts)
            )
        if page and status in _CERTIFICATE and b"SSL certificate" in raw:
            lacks = f"{self.origin.authority} requires a client certificate, or does not accept the one that it got: check client_cert"
            return RegistryError(f"{action} failed: {lacks} ({status}).", "tls", *facts)
        if page and status < 500 and status not in (413, 429):
            return self.page_failure(answer, action, reference)
        kind, reason = explain(status, code)
        return RegistryError(f"{action} failed: {reason}{told}{self._plain_hint(status, code)}.", kind, *facts)

    def _plain_hint(self, status: int, code: str | None) -> str:
        in_clear = status == 400 and code is None and self.origin.scheme == "http"
        return f": if it uses TLS, leave out {self.transport.plain_http}" if in_clear else ""

    def _no_registry(self, action: str, told: str, *facts: t.Any) -> RegistryError:
        message = f"{action} failed: {self.origin.authority} does not look like a registry{told}: check host, port and path prefix."
        return RegistryError(message, "invalid_response", *facts)

    def page_failure(self, answer: Answer, action: str, reference: str | None = None) -> RegistryError:
        """Return the error of a web page, of whatever status, in place of what was asked for."""
        advice = (
            self._plain_hint(answer.status, None)
            or ": check that this is the registry, and that no proxy or sign-in page is in front of it"
        )
        return RegistryError(
            f"{action} failed: {answer.target.origin.authority} answered with a web page ({answer.status}){advice}.",
            "invalid_response",
            answer.status,
            None,
            self.registry,
            reference,
        )

    def _refusal(self, action: str, told: str, credentials: Credentials | None, short: bool, status: int, *facts: t.Any) -> RegistryError:
        kind = "denied" if status != 401 or (credentials is not None and short) else "unauthorized"
        if credentials is None and status == 401:
            reason = f"the registry requires credentials; {self._advice}"
        elif kind == "unauthorized" and credentials is not None:
            reason = f"the registry does not accept the credentials, or they lack permission{credentials.oddity}"
        elif short and status == 401:
            reason = "the registry denies access; the credentials are valid but lack permission"
        else:
            why = f"; without credentials the task lacks permission: {self._advice}" if status in (401, 403) else ""
            reason = f"the registry denies access{'; the credentials may lack permission, or may not be valid' if credentials else why}"
        return RegistryError(f"{action} failed: {reason}{told}.", kind, status, *facts)
