# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of a task: each document, list and table has a limit of its own, and this is the one for all of them together."""

from __future__ import annotations

import contextlib
import sys
import threading
import typing as t
import weakref

from .errors import RegistryError

MOST_KEPT = 100_000_000  # bytes; a process that keeps so much has twice that at most, Python and its libraries among it
_MARK = 120  # bytes that a comma or bracket of JSON stands for at most when it is read
_COPIES = 4  # of the lists and dictionaries of a result: as they are, masked by us, masked by Ansible, made ready for JSON
_TEXTS = 3  # the result as JSON, by character and by byte, and in parts

Key = t.TypeVar("Key")
Value = t.TypeVar("Value")


class Budget:
    """What one task may keep in memory, in bytes of Python's objects; safe for several threads."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept = 0
        self._lent = 0
        self._changed = threading.Condition()

    def take(self, size: int, what: str) -> None:
        """Charge ``size`` bytes that are kept from now on; raises ``limit``, which names ``what``, where they are too many."""
        with self._changed:
            self._make_room(size, what)
            self._kept += size

    def give_back(self, size: int) -> None:
        """Note that ``size`` bytes are not kept any more."""
        with self._changed:
            self._kept -= size
            self._changed.notify_all()

    def hold(self, owner: t.Any, size: int, what: str) -> None:
        """Charge ``size`` bytes for as long as the object ``owner`` lives."""
        self.take(size, what)
        weakref.finalize(owner, self.give_back, size).atexit = False

    def hold_result(self, result: t.Any, what: str) -> None:
        """Charge what a part of the task's result takes until it is written out; its own keys are in the program anyway."""
        own = list(result.values()) if isinstance(result, dict) else result or ()
        self.take(_COPIES * sys.getsizeof(result) + sum(weigh(value, _COPIES, _TEXTS) for value in own), what)

    @contextlib.contextmanager
    def lend(self, size: int, what: str) -> t.Iterator[Loan]:
        """Charge ``size`` bytes that are needed for a moment; where others have borrowed them, wait until they are back.

        Nothing may be charged meanwhile by the same thread: what is to be kept is handed to the loan.
        """
        with self._changed:
            self._make_room(size, what)
            self._lent += size
        loan = Loan()
        try:
            yield loan
        finally:
            with self._changed:
                self._lent -= size
                self._kept += loan.kept
                self._changed.notify_all()
            if loan.kept:
                weakref.finalize(loan.owner, self.give_back, loan.kept).atexit = False
        if self._kept > self._most:
            raise self._refusal(what)

    def parsing(self, raw: bytes, what: str) -> t.ContextManager[Loan]:
        """Borrow what it takes to read the JSON in ``raw``."""
        narrow = raw.isascii() and b"\\u" not in raw  # one character beyond makes all of a text wider
        return self.lend(len(raw) * (1 if narrow else 4) + _MARK * count_values(raw), what)

    def _make_room(self, size: int, what: str) -> None:
        while self._kept + self._lent + size > self._most:
            if not self._lent:
                raise self._refusal(what)
            self._changed.wait()

    def _refusal(self, what: str) -> RegistryError:
        return RegistryError(
            f"{what} exceeds the memory limit: with what the task already keeps, it would take more than {self._most // 1_000_000} MB. "
            "Split the task into smaller ones.",
            "limit",
        )


def count_values(raw: bytes) -> int:
    """Return how many values the JSON in ``raw`` has at most."""
    return sum(raw.count(mark) for mark in (b",", b"[", b"{"))


class Loan:
    """What was borrowed for a moment; a part of it may stay charged afterwards."""

    kept = 0
    owner: t.Any = None

    def keep(self, owner: t.Any, size: int) -> None:
        """Have ``size`` bytes charged for as long as the object ``owner`` lives."""
        self.owner, self.kept = owner, size


def weigh(value: t.Any, copies: int = 1, texts: int = 0) -> int:
    """Return how many bytes the objects of a JSON-like ``value`` take; one that occurs twice counts twice.

    Lists and dictionaries count as often as there are ``copies``, and for each character of a text come as many bytes as ``texts``.
    """
    size = 0
    level = [value]
    while level:
        inner: list[t.Any] = []
        for item in level:
            if isinstance(item, (dict, list)):
                size += copies * sys.getsizeof(item)
                inner += item
                inner += item.values() if isinstance(item, dict) else ()
            else:
                size += sys.getsizeof(item) + (texts * len(item) if isinstance(item, str) else 0)
        level = inner
    return size


class Kept(list[Value]):
    """A list that a budget can hold until nobody has it any more."""


class KeptDocument(dict[str, t.Any]):
    """A JSON object that a budget can hold until nobody has it any more."""


class Once(t.Generic[Key, Value]):
    """Values that are made once for each key, however many threads ask for one at the same time; a failure is not remembered."""

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}
        self._locks: dict[Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Key, make: t.Callable[[], Value]) -> Value:
        """Return the value of ``key``; the first who asks for it calls ``make``, which must not ask for the same key."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._values:
                self._values[key] = make()
            return self._values[key]
