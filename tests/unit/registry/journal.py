# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server saw: headers, requests, and the journal that holds them and everything that went wrong."""

from __future__ import annotations

import re
import threading
import typing as t
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

Pairs = t.Iterable[tuple[str, str]]
_SESSION = re.compile(r"(/blobs/uploads/)[^/?]+")


class Headers:
    """Headers in order, names without regard to case, the same name as often as it comes."""

    def __init__(self, pairs: Pairs | t.Mapping[str, str] = ()) -> None:
        self.pairs = list(pairs.items() if isinstance(pairs, t.Mapping) else pairs)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key.lower() == name.lower()]

    def get(self, name: str, default: str = "") -> str:
        return (self.all(name) or [default])[0]

    def add(self, name: str, value: str) -> None:
        self.pairs.append((name, value))

    def remove(self, name: str) -> None:
        self.pairs = [pair for pair in self.pairs if pair[0].lower() != name.lower()]

    def set(self, name: str, value: str | None) -> None:
        self.remove(name)
        if value is not None:
            self.add(name, value)

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    def __repr__(self) -> str:
        return f"Headers({self.pairs!r})"


@dataclass
class Recorded:
    """One request as it came in; ``length``, ``sha256`` and ``body`` grow while the body is read."""

    server: str
    connection: int
    method: str
    target: str
    headers: Headers
    endpoint: str = "unknown"
    repository: str = ""
    reference: str = ""
    length: int = 0
    sha256: str = ""
    body: bytes = b""
    status: int = 0
    user: str = ""
    scopes: tuple[str, ...] = ()
    query: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        raw_path, _mark, raw_query = self.target.partition("?")
        self.path = unquote(raw_path)
        self.query = parse_qs(raw_query, keep_blank_values=True)

    @property
    def scheme(self) -> str:
        """The scheme of the Authorization header in lower case, "" without one."""
        return self.headers.get("Authorization").partition(" ")[0].lower()

    def argument(self, name: str) -> str:
        """Return the first value of a query parameter, "" without one."""
        return self.query.get(name, [""])[0]

    def line(self, query: bool = False) -> str:
        """Return ``METHOD /path``; upload sessions read ``/blobs/uploads/*``, since their names differ from run to run."""
        shown = self.target if query else _SESSION.sub(r"\1*", self.path)
        return f"{self.method} {shown}"


class Journal:
    """All requests of a registry and the servers beside it, in the order in which they came, and what must not have happened."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.failures: list[str] = []
        self._expected: list[str] | None = None
        self._lock = threading.Lock()

    def add(self, request: Recorded) -> bool:
        """Note a request; False where a list of expected ones is set and this is not the next of them."""
        with self._lock:
            self.requests.append(request)
            if request.endpoint == "unknown":
                self.failures.append(f"a request that no endpoint of the registry is for: {request.line(query=True)}")
            if self._expected is None:
                return True
            if self._expected and self._expected[0] == request.line():
                self._expected.pop(0)
                return True
            awaited = self._expected[0] if self._expected else "no further one"
            self.failures.append(f"the request {request.line()} came where the test expects {awaited}")
            return False

    def fail(self, text: str) -> None:
        """Note what fails the test when it ends."""
        with self._lock:
            self.failures.append(text)

    def expect(self, lines: t.Sequence[str]) -> None:
        """From now on exactly the requests of ``lines``, in this order; each other one is refused and fails the test."""
        with self._lock:
            self._expected = list(lines)

    def problems(self) -> list[str]:
        """Return what went wrong so far; expected requests that did not come among it."""
        with self._lock:
            return self.failures + [f"the expected request {line} did not come" for line in self._expected or ()]

    def log(self, query: bool = False) -> list[str]:
        with self._lock:
            return [request.line(query) for request in self.requests]

    def named(self, *endpoints: str) -> list[Recorded]:
        """Return the requests to these endpoints."""
        with self._lock:
            return [request for request in self.requests if request.endpoint in endpoints]

    def counts(self) -> Counter[str]:
        """Return how often each endpoint was asked."""
        with self._lock:
            return Counter(request.endpoint for request in self.requests)

    def writes(self) -> list[str]:
        """Return the lines of all requests that may change something; asking for a token changes nothing."""
        with self._lock:
            return [r.line() for r in self.requests if r.method not in ("GET", "HEAD") and r.endpoint != "token"]

    def clear(self) -> None:
        """Forget the requests so far, not what went wrong."""
        with self._lock:
            self.requests.clear()
