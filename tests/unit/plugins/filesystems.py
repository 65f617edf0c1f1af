# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers of file systems for tests, and what lies in a folder, in words."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import typing as t
from pathlib import Path


class Member(t.NamedTuple):
    """A member of a layer; ``kind`` is a type of tarfile."""

    name: str
    content: bytes = b""
    kind: bytes = tarfile.REGTYPE
    mode: int = 0o644
    link: str = ""
    uid: int = 0
    gid: int = 0


def file(name: str, content: bytes | str = b"", mode: int = 0o644, **more: t.Any) -> Member:
    """A file."""
    return Member(name, content.encode() if isinstance(content, str) else content, mode=mode, **more)


def folder(name: str, mode: int = 0o755) -> Member:
    """A directory."""
    return Member(name, kind=tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str) -> Member:
    """A symbolic link."""
    return Member(name, kind=tarfile.SYMTYPE, link=target, mode=0o777)


def hard(name: str, target: str) -> Member:
    """A hard link."""
    return Member(name, kind=tarfile.LNKTYPE, link=target)


def gone(name: str) -> Member:
    """A whiteout of ``name``."""
    above, _slash, last = name.rpartition("/")
    return Member(os.path.join(above, f".wh.{last}"))


def opaque(name: str) -> Member:
    """The mark of a directory of which nothing below is seen."""
    return Member(os.path.join(name, ".wh..wh..opq"))


def layer(*members: Member, format: int = tarfile.PAX_FORMAT) -> bytes:
    """A layer, not compressed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as tar:
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.type, info.mode, info.linkname, info.size = member.kind, member.mode, member.link, len(member.content)
            info.uid, info.gid = member.uid, member.gid
            tar.addfile(info, io.BytesIO(member.content))
    return buffer.getvalue()


def tree(path: Path) -> dict[str, str]:
    """What lies below a folder: "0644 content", "0755 /" for a directory, "-> target" for a link; our own record is left out."""
    found = {}
    for place in sorted(path.rglob("*")):
        status = place.lstat()
        name = str(place.relative_to(path))
        if stat.S_ISLNK(status.st_mode):
            found[name] = f"-> {os.readlink(place)}"
        elif name != ".ocitools-extract.json":
            mode = f"{stat.S_IMODE(status.st_mode):04o}"
            found[name] = f"{mode} /" if stat.S_ISDIR(status.st_mode) else f"{mode} {place.read_bytes().decode('latin-1')}"
    return found
