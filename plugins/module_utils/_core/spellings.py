# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The spellings in which a secret may show up: its encodings, and what is left of text when its escapes are undone."""

from __future__ import annotations

import base64
import html
import json
import re
import typing as t
from array import array
from bisect import bisect_right
from functools import lru_cache

LONG = 8  # shorter ones in another case would mask names of images
_ROUNDS = 4  # JSON in JSON, in HTML, in a query
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[ux]\{0{0,1000}[0-9a-fA-F]{1,6}\}"
    r"|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{3}|[bfnrt!-/:-@\[-`{-~])"
    r"|&(?:#[xX]0{0,1000}[0-9a-fA-F]{1,8}|#0{0,1000}[0-9]{1,10}|[A-Za-z][A-Za-z0-9]{1,31});?"
    r"|%u[dD][89abAB][0-9a-fA-F]{2}%u[dD][c-fC-F][0-9a-fA-F]{2}|%u[0-9a-fA-F]{4}|%[0-7][0-9a-fA-F]|(?:%[89a-fA-F][0-9a-fA-F])+",
    re.ASCII,
)
_PLAIN = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)  # what nobody escapes
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _character(code: int, text: str) -> str:
    return chr(code) if code < 0x110000 else text


def _undo_coded(text: str) -> str:
    kind = text[1]
    if len(text) == 2:
        return _LETTERS.get(kind, kind)
    if kind in "01234567":
        return chr(int(text[1:], 8))
    if kind == "u" and len(text) == 12 and text[7] == "u":
        return chr(0x10000 + ((int(text[2:6], 16) & 0x3FF) << 10) + (int(text[8:], 16) & 0x3FF))
    return _character(int(text[2:].strip("{}"), 16), text)


@lru_cache(maxsize=1024)
def _undo(text: str) -> str:
    """Return what one escape stands for, itself where it stands for nothing."""
    if text[0] == "\\" or text[1] == "u":
        return _undo_coded(text)
    if text[0] == "%":
        raw = bytes.fromhex(text.replace("%", ""))
        try:
            return raw.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    if text[1] != "#":
        return html.unescape(text)
    digits = text[2:].rstrip(";")
    return _character(int(digits[1:], 16) if digits[0] in "xX" else int(digits), text)


def may_be_escaped(text: str) -> bool:
    """Tell whether ``Unescaped`` may find anything to undo."""
    return "%" in text or "&" in text or "\\" in text or "+" in text


class Unescaped:
    """Text with all escapes of JSON, HTML, URLs and Python undone, whatever wrote them, and where its characters come from."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._rounds: list[tuple[array[int], array[int], array[int], array[int]]] = []
        while len(self._rounds) < _ROUNDS and any(mark in self.text for mark in "\\&%") and self._undo_once():
            pass
        self.text = self.text.replace("+", " ")  # forms write a blank so

    def _undo_once(self) -> bool:
        parts: list[str] = []
        new_starts, new_ends, old_starts, old_ends = array("Q"), array("Q"), array("Q"), array("Q")
        end = length = 0
        for match in _ESCAPE.finditer(self.text):
            meant = _undo(match.group())
            start, stop = match.span()
            if meant == self.text[start:stop]:
                continue
            parts += [self.text[end:start], meant]
            length += start - end
            end = stop
            new_starts.append(length)
            length += len(meant)
            new_ends.append(length)
            old_starts.append(start)
            old_ends.append(stop)
        if parts:
            self.text = "".join([*parts, self.text[end:]])
            self._rounds.append((new_starts, new_ends, old_starts, old_ends))
        return bool(parts)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return what of the original text the characters from ``start`` to ``end`` were."""
        for new_starts, new_ends, old_starts, old_ends in reversed(self._rounds):
            unit = bisect_right(new_starts, start) - 1
            if unit >= 0:
                start = old_starts[unit] if start < new_ends[unit] else old_ends[unit] + start - new_ends[unit]
            unit = bisect_right(new_starts, end - 1) - 1
            if unit >= 0:
                end = old_ends[unit] if end <= new_ends[unit] else old_ends[unit] + end - new_ends[unit]
        return start, end


def has_gaps(text: str) -> bool:
    """Tell whether ``Joined`` may leave anything out."""
    return " " in text or not text.isprintable()


class Joined:
    """Text without its blanks, line ends and what is shown as a blank, which may divide a secret, and where its characters come from."""

    def __init__(self, text: str) -> None:
        gaps = "".join(re.escape(char) for char in set(text) if char == " " or not char.isprintable())
        self._starts, self._shifts = array("Q"), array("Q")
        parts: list[str] = []
        end = left_out = 0
        for match in re.finditer(f"[{gaps}]+", text) if gaps else ():
            start, stop = match.span()
            parts.append(text[end:start])
            end = stop
            self._starts.append(start - left_out)
            left_out += stop - start
            self._shifts.append(left_out)
        self.text = "".join([*parts, text[end:]])

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return what of the original text the characters from ``start`` to ``end`` were."""
        return self._origin(start), self._origin(end - 1) + 1

    def _origin(self, position: int) -> int:
        gap = bisect_right(self._starts, position) - 1
        return position + (self._shifts[gap] if gap >= 0 else 0)


def _base64_cores(raw: bytes) -> t.Iterator[str]:
    """Yield what of ``raw`` shows in a longer base64 text, whatever bytes stand before and behind it."""
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).decode("ascii")
        core = text[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]  # the characters that hold bits of ``raw`` alone
        yield core
        yield core.translate({43: 45, 47: 95})


def encodings(secret: str) -> t.Iterator[str]:
    """Yield ``secret`` as it may stand in text whose escapes are undone: as it is, in another case, in hexadecimal, in base64."""
    raw = secret.encode("utf-8", "surrogatepass")
    for text in (secret, raw.decode("latin-1")):  # as it is, and as it comes back in a header
        yield text
        yield text.strip()
        yield " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if len(secret) >= LONG:
        yield from (secret.lower(), secret.upper())
    yield raw.hex()
    yield raw.hex().upper()
    yield base64.b64encode(raw).decode("ascii")
    yield base64.urlsafe_b64encode(raw).decode("ascii")
    yield from _base64_cores(raw)


def escapes(secret: str) -> t.Iterator[str]:
    """Yield ``secret`` with the escapes of usual writers, whose beginnings and ends are found without undoing those of the text around it."""
    if _PLAIN.fullmatch(secret):
        return
    raw = secret.encode("utf-8", "surrogatepass")
    quoted = {chr(byte): f"%{byte:02X}" for byte in b" !\"#$%&'()*+,/:;<=>?@[\\]^`{|}~"}
    percent = "".join(quoted.get(char) or (char if char.isascii() and char.isprintable() else _percent(char)) for char in secret)
    for text in (percent, percent.replace("%2F", "/"), percent.replace("%20", "+"), percent.replace("%", "%25")):
        yield text
        yield re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), text)
    whole = json.dumps(secret)[1:-1]
    yield from (whole, json.dumps(secret, ensure_ascii=False)[1:-1], whole.replace("/", "\\/"), repr(secret)[1:-1], ascii(secret)[1:-1])
    yield from (html.escape(secret), html.escape(secret, quote=False), raw.decode("utf-8", "replace"))


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
