# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to answers, documents and files; each change is drawn as a few numbers, so that a failure can be made small and repeated."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import typing as t
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from ..unit.registry.store import digest_of
from ..unit.registry.wire import Answer
from .hostile import HEADERS, STATUSES, VALUES, WORDS

ANSWER_KINDS = (
    *("flip", "cut", "truncate", "duplicate", "append", "drop header", "change header", "double header", "add header", "status"),
    *("value", "consistent value", "key", "gzip", "reset", "length", "empty"),
)
FILE_KINDS = (
    "truncate",
    "flip",
    "duplicate",
    "append",
    "empty",
    "remove",
    "value",
    "key",
    "link to a stranger",
    "link to itself",
    "link to a device",
    "folder",
    "pipe",
)


@dataclass(frozen=True)
class Change:
    """One change: of the answer or file ``nth`` (of what there is, counted round), with two numbers that say the rest."""

    nth: int
    kind: str
    a: int
    b: int


def changes(kinds: t.Sequence[str], count: int) -> st.SearchStrategy[list[Change]]:
    """Draw up to three changes, of so many answers or files."""
    number = st.integers(0, 9999)
    return st.lists(st.builds(Change, st.integers(0, max(count - 1, 0)), st.sampled_from(kinds), number, number), min_size=1, max_size=3)


def change_bytes(data: bytes, change: Change) -> bytes:
    """Flip, cut, double or add bytes."""
    place = change.a % (len(data) or 1)
    length = change.b % 64 + 1
    if change.kind == "flip":
        return data[:place] + bytes(byte ^ (change.b % 255 + 1) for byte in data[place : place + 1]) + data[place + 1 :]
    if change.kind == "duplicate":
        return data[:place] + data[place : place + length] * 2 + data[place + length :]
    if change.kind == "append":
        return data + (b"\0", b"\n", b"{}", b" ", b"\x1f\x8b")[change.a % 5] * length
    if change.kind == "empty":
        return b""
    return data[:place]


def _places(document: t.Any) -> t.Iterator[tuple[t.Any, t.Any]]:
    """Yield each container and key (or index) of a document."""
    for key in list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ():
        yield document, key
        yield from _places(document[key])


def change_json(data: bytes, change: Change) -> bytes:
    """Replace, remove, rename or double a value of a document; what is none stays."""
    try:
        document = json.loads(data)
    except ValueError:
        return data
    places = list(_places(document))
    value = VALUES[change.b % len(VALUES)]
    if not places:
        return _dump(value)
    holder, key = places[change.a % len(places)]
    if change.kind != "key":
        holder[key] = value
    elif isinstance(holder, list):
        holder.append(holder[key])
    else:
        kept = holder[key]
        if change.b % 3:
            del holder[key]
        if change.b % 3 != 1:
            holder[str(key).swapcase()] = kept
    return _dump(document)


def _dump(document: t.Any) -> bytes:
    return json.dumps(document).encode()


def change_answer(answer: Answer, change: Change) -> None:
    """Do the change to an answer of the registry."""
    delivery, data = answer.delivery, answer.content()
    if change.kind == "status":
        answer.status = STATUSES[change.a % len(STATUSES)]
    elif change.kind == "truncate":
        delivery.truncate = change.a % (len(data) + 1)
    elif change.kind == "reset":
        delivery.reset = True
    elif change.kind == "gzip":
        answer.replace(gzip.compress(data, mtime=0))
        answer.headers.set("Content-Encoding", "gzip")
    elif change.kind == "length":
        answer.headers.set("Content-Length", str(len(data) + change.a % 5 - 2))
    elif "header" in change.kind:
        _change_header(answer, change)
    elif change.kind in ("value", "consistent value", "key"):
        answer.replace(change_json(data, change))
        if change.kind == "consistent value" and "Docker-Content-Digest" in answer.headers:
            answer.headers.set("Docker-Content-Digest", digest_of(answer.content()))
    else:
        answer.replace(change_bytes(data, change))


def _change_header(answer: Answer, change: Change) -> None:
    there = [name for name, _value in answer.headers.pairs] or ["Content-Type"]
    name, word = there[change.a % len(there)], WORDS[change.b % len(WORDS)]
    if change.kind == "drop header":
        answer.headers.set(name, None)
    elif change.kind == "change header":
        answer.headers.set(name, word)
    elif change.kind == "double header":
        answer.headers.add(name, word)
    else:
        answer.headers.add(HEADERS[change.a % len(HEADERS)], word)


def change_file(path: Path, change: Change, stranger: Path) -> None:
    """Do the change to a file; ``stranger`` is one that nobody should be led to."""
    if not path.is_file() or path.is_symlink():
        return
    data = path.read_bytes()
    special = {"link to a stranger": str(stranger), "link to itself": path.name, "link to a device": "/dev/zero"}
    if change.kind in ("value", "key"):
        path.write_bytes(change_json(data, change))
    elif change.kind not in ("remove", "folder", "pipe", *special):
        path.write_bytes(change_bytes(data, change))
    else:
        path.unlink()
        with contextlib.suppress(FileExistsError):
            if change.kind == "folder":
                path.mkdir()
            elif change.kind == "pipe":
                os.mkfifo(path)
            elif change.kind in special:
                path.symlink_to(special[change.kind])
