# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of registry_sync: what each entry asks for, with everything that is wrong in it told at once."""

from __future__ import annotations

import hashlib
import os
import re
import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._core.patterns import Selection
from .._core.scrub import quoted
from .._oci.host import UNSET
from .._oci.platform import Platform
from .._oci.reference import Reference, check_repository, check_tags, split_base
from .._oci.versions import VersionRange
from .._registry.two_registries import parse_sided
from .options import find_user_info

Map = t.Mapping[str, t.Any]
CHOOSING = ("include", "exclude", "semver", "newest")
KEYS = ("src", "dest", "tags", "platforms", "referrers", *CHOOSING, "sort")
SORTS = ("version", "created")
_TRUE, _FALSE = ("true", "yes", "on", "1", "y", "t"), ("false", "no", "off", "0", "n", "f")
_MOST_TOLD = 20
NOWHERE = "localhost"  # the host of what goes to a directory, which no message shows
_NO_PATH = re.compile(r"[^a-z0-9.]+", re.ASCII)


@dataclass(frozen=True)
class Choice:
    """Which tags of a repository are chosen: by name, then by version, and of those the newest."""

    selection: Selection
    versions: VersionRange | None = None
    newest: int | None = None
    sort: str = "version"


@dataclass(frozen=True)
class Entry:
    """One entry of the list: an image, or with a ``choice`` a repository."""

    number: int
    given: str
    source: Reference | None
    dest: str | None = None
    tags: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()
    referrers: bool = False
    choice: Choice | None = None

    @property
    def image(self) -> Reference:
        """The image, or repository; only what an archive names in a way of its own has none."""
        if self.source is None:
            raise RegistryError(f"{quoted(self.given, 300)} is not an image name: give its entry a dest.", "invalid_reference")
        return self.source


def layout_folder(image: Reference) -> str:
    """Return the name of the folder that an export gives to the repository of ``image``."""
    return re.sub("[/:]", "+", image.name)


def layout_path(folder: str, image: Reference) -> str:
    """Return where in ``folder`` an export puts ``image``."""
    return os.path.join(folder, layout_folder(image))


def parse_list(params: Map, parse_name: t.Callable[[str], Reference | None] | None = None) -> list[Entry]:
    """Return the entries of the option ``images``; raises ``invalid_option`` or ``invalid_reference`` with all that is wrong with them.

    ``parse_name`` reads what ``src`` says; without it that is an image of the source's side.
    """
    named = parse_name or (lambda name: parse_sided(params, "src", name))
    faults: list[tuple[str, RegistryError]] = []
    entries: list[Entry] = []
    for number, given in enumerate(params["images"] or (), 1):
        try:
            entries.append(_parse(params, number, given, named))
        except RegistryError as error:
            faults.append((f"entry {number}{_shown(given)}", error))
    if faults:
        told = " ".join(f"In {where}: {error.message}" for where, error in faults[:_MOST_TOLD])
        more = f" And {len(faults) - _MOST_TOLD} more entries are wrong." if len(faults) > _MOST_TOLD else ""
        raise RegistryError(f"The list images has errors, so nothing was done. {told}{more}", faults[0][1].kind)
    return entries


def _shown(given: t.Any) -> str:
    """Return what tells an entry from the others: its name, without what may be a password in it."""
    name = given.get("src") if isinstance(given, dict) else given
    return f" ({quoted(name, 100)})" if isinstance(name, str) and name and not any(find_user_info(name)) else ""


def _parse(params: Map, number: int, given: t.Any, named: t.Callable[[str], Reference | None]) -> Entry:
    if not isinstance(given, (str, dict)):
        raise _wrong("it is neither a name nor a dictionary with src")
    entry = {"src": given} if isinstance(given, str) else given
    unknown = [quoted(key, 60) for key in entry if key not in KEYS]
    if unknown:
        raise _wrong(f"it cannot have {', '.join(unknown)}; it may have {', '.join(KEYS)}")
    name = entry.get("src")
    if not isinstance(name, str) or not name:
        raise _wrong(f"it has no src, the name of the image{UNSET}")
    source = named(name)
    choice = _choice(entry)
    if choice is not None and source is not None and (source.tag or source.digest):
        keys = " and ".join(key for key in CHOOSING if entry.get(key) is not None)
        raise _wrong(f"to select tags with {keys}, src must be a repository, without a tag or digest")
    dest = entry.get("dest")
    if dest is not None and (not isinstance(dest, str) or not dest):
        raise _wrong(f"dest is not a name{UNSET}")
    parsed = Entry(
        number,
        name,
        source,
        dest,
        check_tags(_list(entry, "tags")),
        tuple(Platform.parse(_text(text, "platforms")) for text in _list(entry, "platforms", params["platforms"])),
        _truth(entry, params["referrers"]),
        choice,
    )
    if (source is not None or dest is not None) and destination_of(params, parsed, source).digest is not None:
        raise _wrong(f"dest is {quoted(dest, 300)}, but the content determines the digest: give a tag instead")
    return parsed


def _choice(entry: Map) -> Choice | None:
    if entry.get("sort") is not None and entry.get("newest") is None:
        raise _wrong("sort requires newest")
    if all(entry.get(key) is None for key in CHOOSING):
        return None
    newest, sort = entry.get("newest"), entry.get("sort") or "version"
    if isinstance(newest, str) and newest.isascii() and newest.isdecimal():
        newest = int(newest)
    if newest is not None and (isinstance(newest, bool) or not isinstance(newest, int) or newest < 1):
        raise _wrong(f"newest is {quoted(newest, 60)}: it must be a number, 1 or more")
    if sort not in SORTS:
        raise _wrong(f"sort is {quoted(sort, 60)}: it must be one of {', '.join(SORTS)}")
    versions = entry.get("semver")
    return Choice(
        Selection.parse(entry.get("include"), entry.get("exclude")),
        None if versions is None else VersionRange.parse(versions),
        newest,
        sort,
    )


def _list(entry: Map, key: str, default: t.Any = ()) -> t.Sequence[t.Any]:
    value = entry.get(key)
    if value is None:
        return default or ()
    if not isinstance(value, (list, tuple)):
        raise _wrong(f"{key} must be a list")
    return value


def _text(value: t.Any, key: str) -> str:
    if not isinstance(value, str):
        raise _wrong(f"{key} must contain strings")
    return value


def _truth(entry: Map, default: bool) -> bool:
    value = entry.get("referrers")
    if value is None or isinstance(value, bool):
        return default if value is None else value
    word = str(value).lower()
    if word not in _TRUE + _FALSE:
        raise _wrong("referrers must be true or false")
    return word in _TRUE


def _wrong(what: str) -> RegistryError:
    return RegistryError(f"{what[0].upper()}{what[1:]}.", "invalid_option")


def destination_of(params: Map, entry: Entry, source: Reference | None) -> Reference:
    """Return where an image goes: what the entry says, else the path that it has in the source.

    A directory has no host of its own: what goes there is named as if it went to ``NOWHERE``.
    """
    base = params["dest_registry"] or NOWHERE
    if entry.dest is not None:
        return Reference.parse(entry.dest, base, "dest_registry")
    image = source or entry.image
    host, prefix = split_base(base, "dest_registry")
    kept = _NO_PATH.sub("-", image.registry).strip("-") if params["keep_host"] else ""
    return Reference(host, check_repository("/".join(filter(None, (prefix, kept, image.repository))), host))


def shard_of(image: Reference, count: int) -> int:
    """Return which of ``count`` shards the repository of ``image`` belongs to, whatever else is in the list."""
    return int.from_bytes(hashlib.sha256(image.name.encode("utf-8")).digest()[:8], "big") % count
