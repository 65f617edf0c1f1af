# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take secrets, in every encoding they travel in, and control characters out of text that leaves a task."""

from __future__ import annotations

import re
import threading
import typing as t
import unicodedata
import weakref

from .secret_index import CUT, SHORTEST, SecretIndex
from .spellings import LONG, Joined, Unescaped, encodings, escapes, has_gaps, may_be_escaped
from .vocabulary import is_advice, is_ours

MASK = "********"
SOME = 20  # names of a list that a message tells
_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "a dictionary"}
_HEAD = 1020  # so much of a long token is looked for; what follows it up to the end of the token is masked with it
_TOKEN = re.compile(r"[!-~]+", re.ASCII)
_DIGEST = re.compile(r"sha(?:256|512):(?:[0-9a-f]{128}|[0-9a-f]{64})(?![0-9a-f])", re.ASCII)
_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # categories of Unicode: controls, formats, halves of characters, ends of lines
_JOINERS = "\u200c\u200d"  # within words and emoji
_QUERY = re.compile(r"(https?://[^\s?\"'<>]{1,500}\?)[^\s\"'<>]+", re.ASCII | re.IGNORECASE)
_ANSIBLE = "__ansible_"
_RENAMED = "renamed"
_live: weakref.WeakSet[Scrubber] = weakref.WeakSet()


def scrubbed(text: str) -> str:
    """Return ``text`` without the secrets of the tasks of this process: what is cut must be scrubbed before."""
    return _mask(text, [place for scrubber in list(_live) for place in scrubber.find(text)])


def _mask(text: str, places: t.Iterable[tuple[int, int]]) -> str:
    shown: list[str] = []
    end = 0
    for start, stop in sorted(places):
        if _within_digest(text, start, stop) or is_advice(text, start, stop):
            continue
        if start >= end:
            shown += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*shown, text[end:]])


def cut(text: str, limit: int) -> str:
    """Return ``text``, scrubbed and then cut where it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    text = scrubbed(text)
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT


def clean(text: str, limit: int = 500) -> str:
    """Return ``text`` from a registry as one printable line of at most ``limit`` characters."""
    start = text if len(text) <= limit else scrubbed(text)
    start, whole = start[: limit * 4], len(start) <= limit * 4
    line = " ".join("".join(char if char.isprintable() else " " for char in start).split())
    return line if len(line) <= limit and whole else line[: limit - len(CUT)] + CUT


def clean_told(text: str, limit: int = 500) -> str:
    """Return what a registry tells as ``clean`` does, without the queries of addresses: who knows one that is signed may read what it is of."""
    return clean(_QUERY.sub(r"\1...", text), limit)


def without_controls(text: str) -> str:
    """Return ``text`` with a blank for each character that steers a terminal or turns text round; lines and tabs stay."""
    return text if text.isprintable() else "".join(" " if steers(char) and char not in "\n\t" else char for char in text)


def steers(char: str) -> bool:
    """Tell whether a character steers a terminal, turns text round or is half a one; blanks and joiners of all languages do not."""
    return not char.isprintable() and char not in _JOINERS and unicodedata.category(char) in _STEERING


def quoted(value: object, limit: int) -> str:
    """Return ``value`` as Python writes it, and null and booleans as YAML does, in ASCII, with at most ``limit`` characters."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return cut(ascii(scrubbed(value) if isinstance(value, str) and len(value) > limit // 4 else value), limit)


def kind_of(value: object) -> str:
    """Return what a value is, in the words of YAML; ansible-core has subclasses of its own."""
    return next((name for kind, name in _KINDS.items() if isinstance(value, kind)), "null")


def some(names: t.Sequence[str], count: int = 0) -> str:
    """Return the first names of a list, and how many more there are; ``count`` is the length of one that was cut before."""
    left = max(len(names), count) - SOME
    return ", ".join(names[:SOME]) + (f" and {left} more" if left > 0 else "")


def plain_data(value: t.Any) -> t.Any:
    """Return a copy of a result that can be nothing but data, whoever wrote what is in it.

    ansible-core makes types of its own of objects with keys that begin with ``__ansible_``: they get ``renamed`` put before them.
    """
    if isinstance(value, str):
        return without_controls(value)
    if isinstance(value, dict):
        renamed: dict[t.Any, t.Any] = {}
        for key, item in value.items():
            name = without_controls(key) if isinstance(key, str) else key
            while isinstance(name, str) and (name.startswith(_ANSIBLE) or (name != key and name in value)):
                name = f"{_RENAMED}{name}"
            renamed[name] = plain_data(item)
        return renamed
    if isinstance(value, (list, tuple)):
        return [plain_data(item) for item in value]
    return value


class Scrubber:
    """Knows the secrets of one task and masks them in text, and in the keys and values of results."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._fresh: list[str] = []  # known, but not in the indexes yet
        self._as_written = SecretIndex()
        self._unescaped = SecretIndex()
        self._joined = SecretIndex()
        self._lock = threading.RLock()
        _live.add(self)

    def add(self, secret: str | None) -> None:
        """Mask ``secret`` and its encodings from now on; secrets under four characters cannot be told from text."""
        if not secret or len(secret.strip()) < SHORTEST:
            return
        is_open = len(secret) > _HEAD and bool(_TOKEN.fullmatch(secret))
        head = secret[: _HEAD + 1] if is_open else secret
        with self._lock:
            if head not in self._known:
                self._known.add(head)
                self._fresh.append(head)

    def _learn(self) -> None:
        """Put new secrets into the indexes, all at once when text has to be scrubbed: a task may learn hundreds of tokens."""
        for head in self._fresh:
            is_open = len(head) == _HEAD + 1 and bool(_TOKEN.fullmatch(head))
            secret = head[:_HEAD] if is_open else head
            encoded = set(encodings(secret))
            for form in {*encoded, *escapes(secret)}:
                self._as_written.add(form, is_open)
            unescaped = {Unescaped(encoding).text for encoding in encoded}
            for form in unescaped:
                self._unescaped.add(form, is_open)
            for form in {Joined(text).text for text in {*encoded, *unescaped}}:
                if len(form) >= LONG and not form.isalpha():  # others may be made of words of a sentence
                    self._joined.add(form, False)  # what follows it may be another word
        self._fresh.clear()

    def retire(self) -> None:
        """Leave what other tasks of this process cut alone."""
        _live.discard(self)

    def find(self, value: str) -> list[tuple[int, int]]:
        """Return where secrets stand in ``value``, and the beginning of one where ``value`` was cut."""
        with self._lock:
            if self._fresh:
                self._learn()
            found = self._as_written.find(value) + self._find_joined(value)
            if self._known and may_be_escaped(value):
                plain = Unescaped(value)
                places = self._unescaped.find(plain.text) + self._find_joined(plain.text)
                found += [plain.origin(start, end) for start, end in places]
        return found

    def _find_joined(self, value: str) -> list[tuple[int, int]]:
        if not self._known or not has_gaps(value):
            return []
        joined = Joined(value)
        return [joined.origin(start, end) for start, end in self._joined.find(joined.text)]

    def text(self, value: str) -> str:
        """Return ``value`` with every known secret masked, also the beginning of one where ``value`` was cut."""
        found = self.find(value)
        return _mask(value, found) if found else value

    def value(self, value: t.Any) -> t.Any:
        """Return a copy of a JSON-like ``value`` with every known secret masked, in keys too; words of our own stay."""
        if isinstance(value, str):
            return value if is_ours(value) else self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "replace"))
        if isinstance(value, dict):
            return {self.value(key) if isinstance(key, str) else key: self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value

    def result(self, value: t.Any) -> t.Any:
        """Return a result as it may leave a task: secrets masked, and nothing in it but data."""
        return plain_data(self.value(value))

    def shown(self, text: str) -> str:
        """Return a message as it may leave a task."""
        return without_controls(self.text(text))


def _within_digest(text: str, start: int, end: int) -> bool:
    """Tell whether a part of a digest stands there: by chance, or since somebody chose his token so."""
    if end - start >= 64 or not text[start:end].isalnum():
        return False
    nearby = _DIGEST.finditer(text, max(0, start - 135), end + 135)
    return any(match.start() <= start and end <= match.end() for match in nearby)


def is_secret(token: str) -> bool:
    """Tell whether a ``token`` that a server made protects anything: a short one or a word of our results does not, nor does a digest."""
    return (
        len(token) >= 8 and not is_ours(token) and not re.fullmatch(r"(?:sha(?:256|512):)?(?:[0-9a-f]{128}|[0-9a-f]{64})", token, re.ASCII)
    )
