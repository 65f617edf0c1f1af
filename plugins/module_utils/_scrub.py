# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take secrets, in every encoding they travel in, and control characters out of text that leaves a task."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
import typing as t
from urllib.parse import quote, quote_plus

MASK = "********"
SHORTEST = 4  # shorter secrets would mask ordinary text such as "sha256" or "changed"
_LONG = 8  # shorter ones in another case would mask names of images
CUT = "..."  # what stands where text was cut


def clean(text: str, limit: int = 500) -> str:
    """Return ``text`` from a registry as one printable line of at most ``limit`` characters."""
    start = text[: limit * 4]
    line = " ".join("".join(char if char.isprintable() else " " for char in start).split())
    return line if len(line) <= limit and start == text else line[: limit - len(CUT)] + CUT


def _base64_cores(raw: bytes) -> t.Iterator[str]:
    """Yield what of ``raw`` shows in a longer base64 text, whatever bytes stand before and behind it."""
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).decode("ascii")
        core = text[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]  # the characters that hold bits of ``raw`` alone
        yield core
        yield core.translate({43: 45, 47: 95})


def _json_texts(secret: str) -> t.Iterator[str]:
    """Yield ``secret`` as writers of JSON put it: Python's, PHP's, Go's."""
    whole = json.dumps(secret)[1:-1]
    short = json.dumps(secret, ensure_ascii=False)[1:-1]
    yield whole
    yield short
    yield whole.replace("/", "\\/")
    yield short.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _html_in_decimal(secret: str) -> str:
    """Return ``secret`` as Go writes it into HTML."""
    return html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


def _forms(secret: str) -> t.Iterator[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    for text in (secret, raw.decode("latin-1")):  # as it is, and as it comes back in a header
        yield text
        yield text.strip()
        yield clean(text, len(text))
    yield from (html.escape(secret), html.escape(secret, quote=False), _html_in_decimal(secret))
    if len(secret) >= _LONG:
        yield from (secret.lower(), secret.upper())
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw), quote(quote(raw, safe=""), safe="")):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), quoted)
    for escaped in (*_json_texts(secret), repr(secret)[1:-1], ascii(secret)[1:-1]):
        yield escaped
        yield re.sub(r"(?<=\\[ux])[0-9a-f]{2,4}", lambda match: match.group().upper(), escaped)
    yield raw.hex()
    yield raw.hex().upper()
    yield base64.b64encode(raw).decode("ascii")
    yield base64.urlsafe_b64encode(raw).decode("ascii")
    yield from _base64_cores(raw)


class Scrubber:
    """Knows the secrets of one task and masks them in text, and in the keys and values of results."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._fresh: list[str] = []  # known, but not among the forms yet
        self._forms: dict[str, tuple[str, ...]] = {}  # by their first characters, the longest first
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def add(self, secret: str | None) -> None:
        """Mask ``secret`` and its encodings from now on; secrets under four characters cannot be told from text."""
        if not secret or secret in self._known or len(secret.strip()) < SHORTEST:
            return
        with self._lock:
            self._known.add(secret)
            self._fresh.append(secret)

    def _learn(self) -> None:
        """Make the forms of new secrets, all at once when text has to be scrubbed: a task may learn hundreds of tokens."""
        with self._lock:
            if not self._fresh:
                return
            forms = {start: set(same) for start, same in self._forms.items()}
            for secret in self._fresh:
                for form in _forms(secret):
                    if len(form) >= SHORTEST:
                        forms.setdefault(form[:SHORTEST], set()).add(form)
            self._forms = {start: tuple(sorted(same, key=len, reverse=True)) for start, same in forms.items()}
            self._pattern = re.compile("|".join(map(re.escape, forms)))  # of the forms only their beginnings
            self._fresh.clear()

    def text(self, value: str) -> str:
        """Return ``value`` with every known secret masked, also the beginning of one where ``value`` was cut."""
        shown: list[str] = []
        end = 0
        for start, stop in self._find(value):
            if start >= end:
                shown += [value[end:start], MASK]
            end = max(end, stop)
        return "".join([*shown, value[end:]])

    def _find(self, text: str) -> t.Iterator[tuple[int, int]]:
        """Yield where secrets stand in ``text``, in order; they may overlap."""
        self._learn()
        match = self._pattern.search(text) if self._pattern else None
        while match is not None:
            length = self._length(text, match.start())
            if length:
                yield match.start(), match.start() + length
            match = match.re.search(text, match.start() + 1)

    def _length(self, text: str, start: int) -> int:
        """Return how much of a secret stands in ``text`` from ``start`` on, 0 if none does."""
        forms = self._forms[text[start : start + SHORTEST]]
        for form in forms:
            if text.startswith(form, start):
                return len(form)
        cut = text.find(CUT, start + SHORTEST, start + len(forms[0]) + len(CUT))
        return cut - start if cut >= 0 and any(form.startswith(text[start:cut]) for form in forms) else 0

    def value(self, value: t.Any) -> t.Any:
        """Return a copy of a JSON-like ``value`` with every known secret masked, in keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "replace"))
        if isinstance(value, dict):
            return {self.text(key) if isinstance(key, str) else key: self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value
