# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of what an export has put into a directory: images.yml, written as JSON, which is YAML too.

It is read as JSON, or line by line in the block form that release 1.0 wrote; nothing more of YAML is understood, so nothing of it can be abused.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import typing as t
from dataclasses import dataclass

from .._core.budget import Budget, count_values
from .._core.errors import RegistryError
from .._core.json import load_object
from .._core.scrub import quoted
from .._oci.reference import Digest, check_tags
from .disk import Folder, NewFile, default_mode
from .files import Directory, MissingFile, read_file

LIST = "images.yml"
MOST_BYTES = 16 * 1024 * 1024
_MOST_VALUES = 500_000
_LABEL = "images"
_LINE = re.compile(r"(?P<dash> *- )?(?P<indent> *)(?P<key>[a-z_]+):(?: (?P<value>.*))?", re.ASCII)
_ITEM = re.compile(r" *- (?P<value>.+)", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:@+-]*", re.ASCII)


@dataclass(frozen=True)
class CarriedReferrer:
    """What came along with an image: its ``identifier`` is a digest, or the tag of a signature; ``subject`` is what lists it."""

    identifier: str
    digest: Digest
    subject: Digest | None


@dataclass(frozen=True)
class ExportedImage:
    """One image of an export: ``path`` is the folder of its layout; ``dest`` and ``tags`` are what the list of the export said."""

    name: str
    path: str
    digest: Digest
    size: int = 0
    platforms: tuple[str, ...] = ()
    dest: str | None = None
    tags: tuple[str, ...] = ()
    referrers: tuple[CarriedReferrer, ...] = ()

    def entry(self) -> dict[str, t.Any]:
        """Return the image as the list has it."""
        along = [
            {"name": item.identifier, "digest": str(item.digest), **({"subject": str(item.subject)} if item.subject else {})}
            for item in self.referrers
        ]
        return {
            "name": self.name,
            "path": self.path,
            "digest": str(self.digest),
            "size": self.size,
            "platforms": list(self.platforms),
            **({"dest": self.dest} if self.dest is not None else {}),
            **({"tags": list(self.tags)} if self.tags else {}),
            **({"referrers": along} if along else {}),
        }

    @classmethod
    def parse(cls, entry: t.Any) -> ExportedImage:
        """Return the image that an entry of the list says; raises ``ValueError`` or ``RegistryError`` for what is none."""
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("name", "path", "digest")):
            raise ValueError("an image needs name, path and digest")
        if entry["path"] in ("", ".", "..") or "/" in entry["path"]:
            raise ValueError(f"the path {quoted(entry['path'], 100)} is not the name of a folder beside it")
        size, along = entry.get("size", 0), entry.get("referrers") or []
        if not isinstance(size, int) or not isinstance(along, list) or not isinstance(entry.get("dest", ""), str):
            raise ValueError("the size, dest or referrers of an image have the wrong type")
        return cls(
            entry["name"],
            entry["path"],
            Digest.parse(entry["digest"]),
            size,
            tuple(_texts(entry, "platforms")),
            entry.get("dest"),
            check_tags(_texts(entry, "tags")),
            tuple(_referrer(item) for item in along),
        )


class ExportedList(t.NamedTuple):
    """A list as it was written: the images that are there, and the names of those that could not be exported, None where it does not tell."""

    images: list[ExportedImage]
    failed: tuple[str, ...] | None


def _texts(entry: dict[str, t.Any], key: str) -> list[str]:
    value = entry.get(key) or []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{key} is not a list of strings")
    return value


def _referrer(item: t.Any) -> CarriedReferrer:
    if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in ("name", "digest")):
        raise ValueError("a referrer needs name and digest")
    subject = item.get("subject")
    if subject is not None and not isinstance(subject, str):
        raise ValueError("the subject of a referrer is not a string")
    identifier = str(Digest.parse(item["name"])) if ":" in item["name"] else check_tags([item["name"]])[0]
    return CarriedReferrer(identifier, Digest.parse(item["digest"]), Digest.parse(subject) if subject else None)


def list_bytes(images: t.Iterable[ExportedImage], failed: t.Sequence[str] = ()) -> bytes:
    """Return the list of ``images``, one a line, and the names of those that ``failed``; ``limit`` where no import would read it."""
    lines = ",\n".join(f"  {json.dumps(image.entry())}" for image in images)
    missing = f', "failed": {json.dumps(list(failed))}' if failed else ""
    raw = f'{{"images": [\n{lines}\n]{missing}}}\n'.encode("ascii")
    if len(raw) > MOST_BYTES or count_values(raw) > _MOST_VALUES:
        raise RegistryError(f"{LIST} would be larger than what an import reads: export to several directories.", "limit")
    return raw


def read_raw(folder: str) -> bytes | None:
    """Return the list in ``folder`` as it is, None where there is none."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RegistryError(f"{folder} cannot be read: {error.strerror}.", "local_io") from None
    with contextlib.closing(Directory(descriptor, folder)) as directory:
        try:
            return read_file(directory, LIST, MOST_BYTES)
        except MissingFile:
            return None


def parse_list(raw: bytes, folder: str, budget: Budget) -> ExportedList:
    """Return the images of a list; ``invalid_source`` where no export can have written it."""
    what = f"{LIST} in {folder}"
    try:
        if raw.lstrip()[:1] == b"{":
            with budget.parsing(raw, what):
                document = load_object(raw, MOST_BYTES, what, "invalid_source", _MOST_VALUES)
            entries, failed = document.get("images"), tuple(_texts(document, "failed"))
        else:
            entries, failed = _parse_block(raw.decode("ascii")), None
        if not isinstance(entries, list):
            raise ValueError("it has no list of images")
        return ExportedList([ExportedImage.parse(entry) for entry in entries], failed)
    except (ValueError, RegistryError) as error:
        if isinstance(error, RegistryError) and error.kind in ("limit", "invalid_source"):
            raise
        reason = error.message if isinstance(error, RegistryError) else str(error)
        raise RegistryError(f"{what} was not written by an export: {reason}. Export again.", "invalid_source") from None


def _parse_block(text: str) -> list[dict[str, t.Any]]:
    """Return the entries of the form that release 1.0 wrote: a list of maps of texts, numbers and lists of texts."""
    lines = [line for line in text.splitlines() if line.strip() and line.strip() != "---" and not line.startswith("#")]
    if not lines or lines[0].rstrip() not in ("images:", "images: []"):
        raise ValueError("it does not begin with images:")
    entries: list[dict[str, t.Any]] = []
    values: list[str] | None = None
    for line in lines[1:]:
        match = _LINE.fullmatch(line)
        if match is None:
            item = _ITEM.fullmatch(line)
            if item is None or values is None:
                raise ValueError(f"the line {quoted(line, 100)} is not understood")
            values.append(_scalar(item["value"]))
            continue
        if match["dash"]:
            entries.append({})
        if not entries or match["key"] in entries[-1]:
            raise ValueError(f"the line {quoted(line, 100)} is in the wrong place")
        values = None
        if match["value"] in (None, "", "[]"):
            values = entries[-1].setdefault(match["key"], []) if not match["value"] else None
            entries[-1].setdefault(match["key"], [])
        else:
            text = _scalar(match["value"])
            entries[-1][match["key"]] = int(text) if match["key"] == "size" and text.isdecimal() else text
    return entries


def _scalar(text: str) -> str:
    value = text.strip()
    inner = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
    if not _PLAIN.fullmatch(inner):
        raise ValueError(f"the value {quoted(value, 100)} is not understood")
    return inner


def write_list(folder: str, raw: bytes) -> None:
    """Write the list into ``folder``, beside and renamed."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise RegistryError(f"{folder} cannot be written: {error.strerror}.", "local_io") from None
    place = Folder(descriptor, folder)
    with contextlib.closing(place):
        place.leftovers(_LABEL, remove=True)
        with NewFile(place, _LABEL, os.path.join(folder, LIST)) as file:
            file.write(raw)
            file.open_to(default_mode())
            file.place(LIST)
        place.sync()
