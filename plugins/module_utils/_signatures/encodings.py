# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Base64, PEM, and the text that a DSSE signature is made of."""

from __future__ import annotations

import base64
import re
import typing as t

from .._core.json import check_spelling, load_object
from .crypto import unproven

_URL_BASE64 = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,60})-----", re.ASCII)
MAX_SIGNATURE = 1024 * 1024  # bytes of a payload or an envelope
MAX_VALUES = 10_000


def load_text(raw: bytes, what: str, names: t.Collection[str]) -> dict[str, t.Any]:
    """Return the JSON object of a signature, read strictly: a key that comes twice, or one of ``names`` in another case, is refused.

    Programs would not agree on its value.
    """
    document = load_object(raw, MAX_SIGNATURE, what, "unverified", MAX_VALUES)
    check_spelling(document, names, what, "unverified")
    return document


def map_in(document: t.Mapping[str, t.Any], key: str, what: str, names: t.Collection[str]) -> dict[str, t.Any]:
    """Return the object under ``key`` of ``document``, which ``what`` names; its own keys ``names`` are refused in another case."""
    value = document.get(key)
    if not isinstance(value, dict):
        raise unproven(f"{what} has no {key}.")
    check_spelling(value, names, what, "unverified")
    return value


def text_in(document: t.Mapping[str, t.Any], key: str, what: str) -> str:
    """Return the text under ``key`` of ``document``, which ``what`` names."""
    value = document.get(key)
    if not isinstance(value, str):
        raise unproven(f"{what} has no text {key}.")
    return value


def decode_base64(text: str, what: str) -> bytes:
    """Return what ``text`` in standard base64 stands for."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise unproven(f"{what} is not base64.") from None


def decode_url_base64(text: str, what: str) -> bytes:
    """Return what ``text`` in the base64 of JWS, without padding, stands for."""
    if not _URL_BASE64.fullmatch(text):
        raise unproven(f"{what} is not base64 for URLs.")
    return decode_base64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), what)


def encode_dsse(kind: str, payload: bytes) -> bytes:
    """Return what a DSSE signature signs (its pre-authentication encoding): the type and the payload, each with its length."""
    name = kind.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def pem_blocks(text: str) -> list[tuple[str, str]]:
    """Return the blocks of a PEM text, each with its label such as ``PUBLIC KEY``; the time grows with the length of the text and no faster."""
    blocks: list[tuple[str, str]] = []
    position = 0
    while True:
        begin = _BEGIN.search(text, position)
        if begin is None:
            return blocks
        last = f"-----END {begin[1]}-----"
        end = text.find(last, begin.end())
        if end < 0:
            return blocks
        position = end + len(last)
        blocks.append((begin[1], text[begin.start() : position]))
