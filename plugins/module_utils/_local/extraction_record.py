# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that remembers what was extracted to a folder, so that the same digest need not be read again."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import typing as t

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._core.json import load_object
from .disk import Folder, NewFile, default_mode
from .file_selection import Item, Selected
from .open_path import trusted_users

RECORD_NAME = ".ocitools-extract.json"
RECORD_LABEL = "record"
_MOST = 32 * 1024 * 1024
_PATIENCE = 10  # seconds for other tasks to write theirs
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_SEPARATOR = "\0"


class Remembered(t.NamedTuple):
    """What a digest laid down."""

    digest: str
    selected: Selected


def _read(folder: Folder, budget: Budget) -> dict[str, t.Any]:
    """Return the record of a folder; one that is missing, damaged, or that others may have written, is empty."""
    with contextlib.suppress(OSError, RegistryError), folder.open_file(RECORD_NAME) as file:
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode) and found.st_uid in trusted_users() and not found.st_mode & _OTHERS and found.st_size <= _MOST:
            raw = file.read(_MOST)
            with budget.parsing(raw, "The record of what was extracted"):
                return load_object(raw, _MOST, "The record", values=_MOST)
    return {}


def recall(folder: Folder, key: str, budget: Budget) -> Remembered | None:
    """Return what is remembered of the extraction ``key``, None for nothing."""
    entry = _read(folder, budget).get(key)
    if not isinstance(entry, dict):
        return None
    try:
        items = [_item(line) for line in entry["files"]]
        skipped = [(str(path), str(reason)) for path, reason in entry["skipped"]]
        return Remembered(str(entry["digest"]), Selected(items, skipped, bool(entry["single"])))
    except (KeyError, TypeError, ValueError):
        return None


def remember(folder: Folder, key: str, remembered: Remembered, budget: Budget) -> None:
    """Write what was extracted, beside what is remembered of other extractions."""
    selected = remembered.selected
    entry = {
        "digest": remembered.digest,
        "single": selected.is_single,
        "skipped": selected.skipped,
        "files": [_line(item) for item in selected.items],
    }
    with folder.locked(_PATIENCE):
        document = {name: value for name, value in _read(folder, budget).items() if name != key}
        document[key] = entry
        raw = _encoded(document)
        while len(raw) > _MOST and len(document) > 1:
            del document[next(iter(document))]  # what was written longest ago
            raw = _encoded(document)
        folder.leftovers(RECORD_LABEL, remove=True)
        if len(raw) <= _MOST:
            with NewFile(folder, RECORD_LABEL, os.path.join(folder.path, RECORD_NAME)) as file:
                file.write(raw)
                file.open_to(default_mode() & ~_OTHERS)
                file.place(RECORD_NAME)


def _encoded(document: dict[str, t.Any]) -> bytes:
    return json.dumps(document, indent=0).encode("ascii")


def _line(item: Item) -> str:
    numbers = (item.mode, item.uid, item.gid, item.size)
    return _SEPARATOR.join(["/".join(item.out), item.path, item.kind, *map(str, numbers), item.link, item.sha256])


def _item(line: str) -> Item:
    out, path, kind, mode, uid, gid, size, link, sha256 = line.split(_SEPARATOR)
    parts = tuple(out.split("/"))
    if not set(parts).isdisjoint(("", ".", "..")):
        raise ValueError
    return Item(parts, path, kind, int(mode), int(uid), int(gid), int(size), link, sha256=sha256)
