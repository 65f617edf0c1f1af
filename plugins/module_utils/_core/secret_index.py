# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find secrets in text, in time that grows with the text and with the secrets, but not with the one times the other."""

from __future__ import annotations

import re
import typing as t
from bisect import bisect_left, insort

SHORTEST = 4  # shorter secrets would mask ordinary text such as "sha256" or "changed"
CUT = "..."  # what stands where text was cut
_LONGEST_HEAD = 64
_LEAST_PART = 12
_BLOCK = 65536
_REST = re.compile(r"[A-Za-z0-9._~+/=%\\&#;-]*", re.ASCII)  # of a token of which the beginning is known


def _head_length(form: str) -> int:
    """Return how many characters of a secret are enough to mask what is there of it: three quarters, or 64."""
    if len(form) <= _LEAST_PART:
        return len(form)
    return min(max(_LEAST_PART, len(form) * 3 // 4), _LONGEST_HEAD)


def _common(text: str, start: int, form: str) -> int:
    """Return how many characters of ``form`` stand in ``text`` from ``start`` on."""
    low, high = (len(form),) * 2 if text.startswith(form, start) else (0, len(form) - 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text.startswith(form[:middle], start) else (low, middle - 1)
    return low


class _Bucket:
    """All forms that begin with the same four characters."""

    def __init__(self) -> None:
        self.forms: list[str] = []  # sorted
        self.heads: dict[str, list[str]] = {}  # by the characters that are enough, sorted
        self.lengths: list[int] = []  # of the heads, the longest first

    def add(self, form: str) -> None:
        head = form[: _head_length(form)]
        insort(self.forms, form)
        insort(self.heads.setdefault(head, []), form)
        if len(head) not in self.lengths:
            self.lengths = sorted([*self.lengths, len(head)], reverse=True)


class SecretIndex:
    """Texts to be found, ``forms``, by their beginnings."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._open: set[str] = set()
        self._longest = 0
        self._all: set[str] = set()

    def add(self, form: str, is_open: bool) -> None:
        """Find ``form`` from now on; one that ``is_open`` goes on in the text as far as a token may."""
        if len(form) < SHORTEST or form in self._all:
            return
        self._all.add(form)
        self._buckets.setdefault(form[:SHORTEST], _Bucket()).add(form)
        self._longest = max(self._longest, len(form))
        if is_open:
            self._open.add(form)

    def find(self, text: str) -> list[tuple[int, int]]:
        """Return where forms stand in ``text``, in order; those that overlap as one."""
        if len(text) > _BLOCK:
            return list(self._find(text, self._candidates(text)))
        starts = self._buckets
        found = [at for at in range(len(text) - SHORTEST + 1) if text[at : at + SHORTEST] in starts] if starts else []
        return list(self._find(text, found)) if found else []

    def _find(self, text: str, candidates: t.Iterable[int]) -> t.Iterator[tuple[int, int]]:
        first, last, resume = 0, 0, 0
        marks = _Marks(text)
        for start in candidates:
            if start < resume:
                continue
            length = self._length(text, start, marks)
            if not length:
                continue
            if start >= last and last:
                yield first, last
            first, last = (first if start < last else start), max(last, start + length)
            # Within a long one no further long one is looked for: each character of the text is compared a few times at the most.
            again = text.startswith(text[start : start + length], start + length)
            resume = start + (length if again else max(1, length - _LONGEST_HEAD + 1))
        if last:
            yield first, last

    def _candidates(self, text: str) -> t.Iterator[int]:
        starts = self._buckets
        last = len(text) - SHORTEST + 1
        for block in range(0, last if starts else 0, _BLOCK):  # a list of all would take more memory than the text
            yield from [at for at in range(block, min(block + _BLOCK, last)) if text[at : at + SHORTEST] in starts]

    def _length(self, text: str, start: int, marks: _Marks) -> int:
        """Return how much of a secret stands in ``text`` from ``start`` on, 0 if none does."""
        bucket = self._buckets[text[start : start + SHORTEST]]
        for length in bucket.lengths:
            forms = bucket.heads.get(text[start : start + length])
            if forms is not None:
                return self._extend(text, start, forms)
        end = marks.following(start + SHORTEST)
        if end < 0 or end - start > self._longest:
            return 0
        part = text[start:end]
        place = bisect_left(bucket.forms, part)
        return len(part) if place < len(bucket.forms) and bucket.forms[place].startswith(part) else 0

    def _extend(self, text: str, start: int, forms: list[str]) -> int:
        place = bisect_left(forms, text[start : start + self._longest]) if len(forms) > 1 else 0
        near = forms[max(place - 1, 0) : place + 1]
        length, form = max((_common(text, start, form), form) for form in near)
        if length == len(form) and form in self._open:
            rest = _REST.match(text, start + length)
            length = rest.end() - start if rest else length
        return length


class _Marks:
    """Where text was cut, asked for in order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = text.find(CUT)

    def following(self, start: int) -> int:
        """Return the place of the next mark from ``start`` on, -1 without one."""
        if 0 <= self._at < start:
            self._at = self._text.find(CUT, start)
        return self._at
