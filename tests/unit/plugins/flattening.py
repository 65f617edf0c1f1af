# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second opinion on what the layers of an image make together: they are unpacked one after the other, member by member, as an engine does."""

from __future__ import annotations

import io
import os
import random
import shutil
import stat
import tarfile
import typing as t
from pathlib import Path

from .filesystems import Member, file, folder, gone, hard, link, opaque

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_NAMES = {"f": "fg", "d": "ab", "l": "lmn", "a": "lmn", "h": "h", "g": "abfghlm", "o": "ab"}


def unpack(layers: t.Iterable[bytes], root: Path) -> Path:
    """Unpack layers into the folder ``root``, which is made; links are followed as if it were the root of the system."""
    root.mkdir()
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            members = tar.getmembers()
            for member in members:
                _take_away(root, member.name)
            for member in members:
                if not os.path.basename(member.name).startswith(_WHITEOUT):
                    _add(root, tar, member)
    return root


def resolve(root: Path, path: str, last: bool = True) -> Path | None:
    """Return where ``path`` leads inside ``root``, None for a circle; the last part is followed only where ``last`` says so."""
    here: list[str] = []
    todo = path.split("/")
    for _step in range(1000):
        if not todo:
            return root.joinpath(*here)
        part = todo.pop(0)
        at = root.joinpath(*here, part)
        if part == "..":
            del here[-1:]
        elif at.is_symlink() and (todo or last):
            target = os.readlink(at)
            here = [] if target.startswith("/") else here
            todo = target.split("/") + todo
        elif part not in ("", "."):
            here.append(part)
    return None


def _take_away(root: Path, name: str) -> None:
    above, _slash, last = name.rpartition("/")
    parent = resolve(root, above)
    if parent is None or not parent.is_dir():
        return
    if last == _OPAQUE:
        for child in parent.iterdir():
            _remove(child)
    elif last.startswith(_WHITEOUT):
        _remove(parent / last[len(_WHITEOUT) :])


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _add(root: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    parent = resolve(root, os.path.dirname(member.name))
    source = resolve(root, member.linkname, last=False) if member.islnk() else None
    if parent is None:
        return
    parent.mkdir(parents=True, exist_ok=True)
    path = parent / os.path.basename(member.name)
    is_kept = source == path or (member.isdir() and path.is_dir() and not path.is_symlink())
    if not is_kept:
        _remove(path)
        _make(path, tar, member, source)
    if member.isfile() or member.isdir():
        path.chmod(member.mode)


def _make(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, source: Path | None) -> None:
    if source is not None:
        os.link(source, path, follow_symlinks=False)
    elif member.issym():
        path.symlink_to(member.linkname)
    elif member.isdir():
        path.mkdir()
    else:
        path.write_bytes(t.cast("t.IO[bytes]", tar.extractfile(member)).read())


def facts(root: Path, below: str = "") -> dict[str, tuple[t.Any, ...]]:
    """What lies in a folder, or of it only what is ``below`` a path: modes, contents, and for a link where it leads inside the folder."""
    found: dict[str, tuple[t.Any, ...]] = {}
    for place in sorted((root / below).rglob("*")):
        name, status = str(place.relative_to(root)), place.lstat()
        if stat.S_ISLNK(status.st_mode):
            target = resolve(root, name)
            found[name] = ("link", target and str(target.relative_to(root)))
        elif name != ".ocitools-extract.json":
            content = "" if stat.S_ISDIR(status.st_mode) else place.read_bytes()
            found[name] = (f"{stat.S_IMODE(status.st_mode):04o}", content)
    return found


def make_layers(seed: int) -> list[list[Member]]:
    """Make up an image, the same for each seed: directories a and b, links l and m to them, files f to h, links n to anything."""
    chance = random.Random(seed)
    return [_make_layer(chance, is_first=not number) for number in range(chance.randint(1, 4))]


def _path(chance: random.Random, names: str, through: str = "ab") -> str:
    return "/".join([*(chance.choice(through) for _part in range(chance.randint(0, 2))), chance.choice(names)])


def _make_layer(chance: random.Random, is_first: bool) -> list[Member]:
    members: dict[str, Member] = {}
    files: list[str] = []
    for _member in range(chance.randint(2, 10)):
        kind = chance.choice("ffffffddddllaahh" if is_first else "ffffffddddllaahhgggo")
        path = _path(chance, _NAMES[kind], "aaabbblm" if kind in "fg" else "ab")
        if path not in members and (files or kind != "h"):
            members[path] = _make_member(chance, kind, path, files)
            files += [path] if kind == "f" and not set("lm") & set(path) else []
    return list(members.values())


def _make_member(chance: random.Random, kind: str, path: str, files: t.Sequence[str]) -> Member:
    target = _path(chance, "abfgl" if path.endswith("n") else "ab")
    makers: dict[str, t.Callable[[], Member]] = {
        "f": lambda: file(path, f"{chance.random()}", chance.choice([0o644, 0o755, 0o600])),
        "d": lambda: folder(path, chance.choice([0o755, 0o700])),
        "l": lambda: link(path, "../" * chance.randint(0, 3) + target),
        "a": lambda: link(path, f"/{target}"),
        "h": lambda: hard(path, chance.choice(files)),
        "g": lambda: gone(path),
        "o": lambda: opaque(path),
    }
    return makers[kind]()
