# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take secrets, in every encoding they travel in, and control characters out of text that leaves a task."""

from __future__ import annotations

import base64
import json
import re
import threading
import typing as t
from urllib.parse import quote, quote_plus

MASK = "********"
SHORTEST = 4  # shorter secrets would mask ordinary text such as "sha256" or "changed"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def clean(text: str, limit: int = 500) -> str:
    """Return ``text`` from a registry as one printable line of at most ``limit`` characters."""
    line = " ".join(_CONTROL.sub(" ", text[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def _base64_cores(raw: bytes) -> t.Iterator[str]:
    """Yield what of ``raw`` shows in a longer base64 text, whatever bytes stand before and behind it."""
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        core = whole[4 if shift else 0 :] if len(raw) % 3 == 0 and not shift else whole[4 if shift else 0 : -4]
        text = core.decode("ascii")
        if len(text) >= 2 * SHORTEST:
            yield text
            yield text.translate({43: 45, 47: 95})


def _forms(secret: str) -> t.Iterator[str]:
    yield secret
    yield secret.strip()
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    raw = secret.encode("utf-8", "surrogatepass")
    yield base64.b64encode(raw).decode("ascii")
    yield base64.urlsafe_b64encode(raw).decode("ascii")
    yield from _base64_cores(raw)


class Scrubber:
    """Knows the secrets of one task and masks them in text, and in the keys and values of results."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def add(self, secret: str | None) -> None:
        """Mask ``secret`` and its encodings from now on; secrets under four characters cannot be told from text."""
        if not secret or len(secret.strip()) < SHORTEST:
            return
        with self._lock:
            self._forms.update(form for form in _forms(secret) if len(form) >= SHORTEST)
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def text(self, value: str) -> str:
        """Return ``value`` with every known secret masked."""
        return self._pattern.sub(MASK, value) if self._pattern else value

    def value(self, value: t.Any) -> t.Any:
        """Return a copy of a JSON-like ``value`` with every known secret masked, in keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value
