# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules: which requests are answered otherwise than the registry would, and how."""

from __future__ import annotations

import gzip
import json
import re
import threading
import typing as t

from .body import Body
from .journal import Headers, Recorded
from .wire import Answer, Delivery

Apply = t.Callable[[], Answer]
Change = t.Callable[[Answer], None]
Hook = t.Callable[[Recorded], t.Optional[Answer]]
SECONDS = 20  # no test waits longer than this for another thread

HTML = b"<!DOCTYPE html>\n<html><head><title>%s</title></head><body><h1>%s</h1><hr>proxy</body></html>\n"


def error_body(code: str, message: str = "", detail: t.Any = None) -> bytes:
    """Return the JSON body of an error."""
    return json.dumps({"errors": [{"code": code, "message": message or code.lower().replace("_", " "), "detail": detail}]}).encode()


def refuse(status: int, code: str, message: str = "", detail: t.Any = None) -> Answer:
    """Return the answer of a registry that refuses."""
    return Answer(status, Headers([("Content-Type", "application/json")]), error_body(code, message, detail))


def page(status: int, title: str = "nginx error") -> Answer:
    """Return a proxy's error page."""
    text = title.encode()
    return Answer(status, Headers([("Content-Type", "text/html")]), HTML % (text, text))


class Hold:
    """A request that waits: ``arrived`` is set when it is there, ``release()`` lets it go on."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self._released = threading.Event()

    def wait(self, seconds: float = SECONDS) -> None:
        """Wait until the request is there, for ``seconds`` at most."""
        assert self.arrived.wait(seconds), "the request that is to be held did not come"

    def release(self) -> None:
        """Let it go on."""
        self._released.set()

    def __call__(self, request: Recorded) -> None:
        self.arrived.set()
        self._released.wait(SECONDS)


class Rule:
    """Matches requests and says what becomes of them; its methods return the rule, so that they can be put in a row."""

    def __init__(
        self,
        endpoint: str = "",
        path: str = "",
        method: str = "",
        nth: int = 1,
        times: int | None = 1,
        where: t.Callable[[Recorded], bool] | None = None,
        before_auth: bool = False,
        optional: bool = False,
    ) -> None:
        self.before_auth = before_auth
        self.used = 0
        self._text = f"on({endpoint or method or path!r}, path={path!r}, nth={nth}, times={times})"
        self._endpoint, self._path, self._method, self._where = endpoint, path, method, where
        self._nth, self._times, self._optional = nth, times, optional
        self._seen = 0
        self._before: list[Hook] = []
        self._after: list[Hook] = []
        self._changes: list[Change] = []
        self._instead: t.Callable[[], Answer] | None = None
        self._cut: int | None = None

    def matches(self, request: Recorded) -> bool:
        """Count the request where it is one of those meant; return whether its turn has come."""
        meant = (
            self._endpoint in ("", request.endpoint)
            and self._method in ("", request.method)
            and (not self._path or re.search(self._path, request.target) is not None)
            and (self._where is None or self._where(request))
        )
        self._seen += meant
        return meant and self._seen >= self._nth and (self._times is None or self.used < self._times)

    @property
    def unused(self) -> str:
        """What the test still waits for, "" for nothing."""
        wanted = 1 if self._times is None else self._times
        return "" if self._optional or self.used >= wanted else f"the rule {self._text} was used {self.used} of {wanted} times"

    def apply(self, request: Recorded, body: Body, proceed: Apply) -> Answer:
        """Return the answer to a request of this rule; ``proceed`` has the registry do what it would."""
        for hook in self._before:
            other = hook(request)
            if other is not None:
                return other
        if self._cut is not None:
            body.cut(self._cut)
        answer = self._instead() if self._instead else proceed()
        for hook in self._after:
            answer = hook(request) or answer
        for change in self._changes:
            change(answer)
        return answer

    # Instead of the registry's answer: nothing is applied

    def answer(self, status: int, headers: t.Mapping[str, str] | None = None, body: bytes = b"", code: str = "", message: str = "") -> Rule:
        """Answer so; with ``code`` the body is a registry's JSON error."""

        def make() -> Answer:
            made = refuse(status, code, message) if code else Answer(status, Headers(), body)
            for name, value in (headers or {}).items():
                made.headers.set(name, value)
            return made

        self._instead = make
        return self

    def html(self, status: int, title: str = "nginx error") -> Rule:
        """Answer with a proxy's error page."""
        self._instead = lambda: page(status, title)
        return self

    def redirect(self, url: str, status: int = 307) -> Rule:
        """Redirect to ``url``."""
        return self.answer(status, {"Location": url})

    def reset(self) -> Rule:
        """Read the whole request, apply nothing, end the connection by a RST."""
        self._instead = lambda: Answer(0, delivery=Delivery(reset=True))
        return self

    def reset_in_body(self, count: int) -> Rule:
        """End the connection by a RST when ``count`` bytes of the request's body were read; those are applied."""
        self._cut = count
        return self

    def silence(self) -> Rule:
        """Apply nothing and never answer: the connection stays open until the client leaves or the test ends."""
        self._instead = lambda: Answer(0, delivery=Delivery(silent=True))
        return self

    def raw(self, data: bytes) -> Rule:
        """Apply nothing, send ``data`` as it is, close."""
        self._instead = lambda: Answer(0, delivery=Delivery(raw=data))
        return self

    def early(self) -> Rule:
        """Answer before the request's body was read, and close: what nginx does with a 413."""
        return self.change(lambda answer: setattr(answer.delivery, "early", True))

    # After the registry has applied the request

    def drop(self) -> Rule:
        """Let the registry apply the request, then end the connection by a RST without an answer."""
        return self.change(lambda answer: setattr(answer.delivery, "reset", True))

    def headers(self, changes: t.Mapping[str, str | None]) -> Rule:
        """Set headers of the answer (a wrong Content-Length, say); None removes one."""

        def change(answer: Answer) -> None:
            for name, value in changes.items():
                answer.headers.set(name, value)

        return self.change(change)

    def add_header(self, name: str, value: str) -> Rule:
        """Add one more header, though one of that name may be there."""
        return self.change(lambda answer: answer.headers.add(name, value))

    def status(self, status: int) -> Rule:
        """Change the status alone."""
        return self.change(lambda answer: setattr(answer, "status", status))

    def body(self, data: bytes) -> Rule:
        """Send another body; its length is stated right."""
        return self.change(lambda answer: answer.replace(data))

    def append(self, data: bytes) -> Rule:
        """Send a longer body; its length is stated right."""
        return self.change(lambda answer: answer.replace(answer.content() + data))

    def flip(self, offset: int = 0) -> Rule:
        """Send the body with all bits of one byte flipped."""

        def change(answer: Answer) -> None:
            data = bytearray(answer.content())
            data[offset] ^= 0xFF
            answer.replace(bytes(data))

        return self.change(change)

    def gzip(self) -> Rule:
        """Send the body compressed, with a Content-Encoding that says so."""

        def change(answer: Answer) -> None:
            answer.replace(gzip.compress(answer.content(), mtime=0))
            answer.headers.set("Content-Encoding", "gzip")

        return self.change(change)

    def truncate(self, count: int, reset: bool = False) -> Rule:
        """Send ``count`` bytes of the body under the whole Content-Length, then close in order (or by a RST)."""

        def change(answer: Answer) -> None:
            answer.delivery.truncate, answer.delivery.reset = count, reset

        return self.change(change)

    def chunked(self) -> Rule:
        """Send the body in chunks, without a Content-Length; with ``truncate`` the last chunk is missing."""
        return self.change(lambda answer: setattr(answer.delivery, "chunked", True))

    def drip(self, size: int, seconds: float) -> Rule:
        """Send ``size`` bytes of the body at a time and pause after each."""
        return self.change(lambda answer: setattr(answer.delivery, "drip", (size, seconds)))

    def preface(self, data: bytes) -> Rule:
        """Send ``data`` (a 103, say) before the answer."""
        return self.change(lambda answer: setattr(answer.delivery, "preface", data))

    def close(self) -> Rule:
        """Close the connection after the answer without having announced it."""
        return self.change(lambda answer: setattr(answer.delivery, "close", True))

    def change(self, change: Change) -> Rule:
        """Change the answer by a function of one's own."""
        self._changes.append(change)
        return self

    # Hooks: let something happen in between

    def call(self, hook: Hook) -> Rule:
        """Call ``hook(request)`` before the registry applies the request; an answer that it returns is sent instead."""
        self._before.append(hook)
        return self

    def then(self, hook: Hook) -> Rule:
        """Call ``hook(request)`` when the request was applied and before its answer is sent."""
        self._after.append(hook)
        return self

    def hold(self) -> Hold:
        """Hold the request before it is applied, until the test releases it."""
        hold = Hold()
        self._before.append(hold)
        return hold

    def hold_answer(self) -> Hold:
        """Hold the answer when the request was applied."""
        hold = Hold()
        self._after.append(hold)
        return hold


class Script:
    """The rules of a registry."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, rule: Rule) -> Rule:
        """Add a rule; of several whose turn has come, the first that was added is used."""
        with self._lock:
            self._rules.append(rule)
        return rule

    def find(self, request: Recorded, before_auth: bool) -> Rule | None:
        """Return the rule for a request."""
        with self._lock:
            due = [rule for rule in self._rules if rule.before_auth == before_auth and rule.matches(request)]
            if not due:
                return None
            due[0].used += 1
            return due[0]

    def unused(self) -> list[str]:
        """Return what the rules still wait for."""
        return [rule.unused for rule in self._rules if rule.unused]
