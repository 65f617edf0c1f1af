# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every spelling in which a secret may show up somewhere."""

from __future__ import annotations

import base64
import json
import typing as t
from urllib.parse import quote, quote_plus

_SHORTEST = 4


def _base64_cores(secret: bytes) -> t.Iterator[str]:
    """Yield what stays the same of the base64 of any text around ``secret``, for each of the three alignments."""
    for offset in range(3):
        padded = b"\0" * offset + secret
        whole = len(padded) // 3 * 3
        core = base64.b64encode(padded[:whole]).decode()[4 if offset else 0 :]
        if len(core) >= _SHORTEST:
            yield core
            yield core.replace("+", "-").replace("/", "_")


def canaries(*secrets: str) -> list[str]:
    """Return all spellings of the secrets: raw, URL-quoted, JSON, repr, hexadecimal, base64 within any other text."""
    found: dict[str, None] = {}
    for secret in secrets:
        if len(secret) < _SHORTEST:
            raise ValueError("a canary needs four characters or more: shorter ones are found by chance")
        raw = secret.encode()
        spellings = [
            secret,
            quote(secret, safe=""),
            quote(secret),
            quote_plus(secret),
            json.dumps(secret)[1:-1],
            repr(secret)[1:-1],
            raw.hex(),
        ]
        found.update(dict.fromkeys([*spellings, *_base64_cores(raw)]))
    return list(found)


def find_secrets(text: str | bytes, secrets: t.Iterable[str]) -> list[str]:
    """Return the spellings of the secrets that ``text`` holds, upper and lower case of escapes alike."""
    shown = text.decode("latin-1") if isinstance(text, bytes) else text
    lowered = shown.lower()
    return [spelling for spelling in canaries(*secrets) if spelling in shown or (spelling.lower() in lowered and "%" in spelling)]


def assert_clean(text: str | bytes, *secrets: str) -> None:
    """Raise where ``text`` holds any of the secrets in any spelling."""
    found = find_secrets(text, secrets)
    assert not found, f"a secret shows up as {found}"
