# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root file system that runs: a static busybox, the links to it, and the few files that programs expect."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

_APPLETS = (
    "ash",
    "cat",
    "chmod",
    "cp",
    "date",
    "echo",
    "env",
    "grep",
    "httpd",
    "id",
    "ls",
    "mkdir",
    "mv",
    "ps",
    "rm",
    "sed",
    "sh",
    "sleep",
    "uname",
    "wget",
)
_EPOCH = 1700000000
_FILES = {
    "etc/group": "root:x:0:\nnobody:x:65534:\n",
    "etc/os-release": "NAME=ocitools-test\nID=ocitools-test\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
}


def write_base(path: Path, busybox: Path) -> None:
    """Write the tar of a file system around a busybox of any architecture."""
    with tarfile.open(path, "w") as archive:
        for folder in ("bin", "etc", "root", "tmp"):
            _add(archive, folder, None, 0o1777 if folder == "tmp" else 0o755)
        _add(archive, "bin/busybox", busybox.read_bytes(), 0o755)
        for applet in _APPLETS:
            _add_link(archive, f"bin/{applet}", "busybox", tarfile.SYMTYPE)
        for name, text in _FILES.items():
            _add(archive, name, text.encode(), 0o644)


def write_app(path: Path, version: str) -> None:
    """Write the tar of an app: a web page that busybox serves."""
    with tarfile.open(path, "w") as archive:
        _add(archive, "srv", None, 0o755)
        _add(archive, "srv/index.html", f"<h1>app {version}</h1>\n".encode(), 0o644)
        _add(archive, "srv/start", b"#!/bin/sh\nexec httpd -f -p 8080 -h /srv\n", 0o755)


def write_layers(folder: Path) -> list[Path]:
    """Write the tars of an image whose layers take away and replace what is below them, and name it through links."""
    base, top = folder / "lower.tar", folder / "upper.tar"
    with tarfile.open(base, "w") as archive:
        for name in ("usr", "usr/bin", "gone", "opaque", "opaque/inner", "kept"):
            _add(archive, name, None, 0o755)
        for name in ("usr/bin/app", "gone/x", "opaque/old", "opaque/inner/x", "kept/old", "replaced"):
            _add(archive, name, b"lower", 0o640)
        links = {"bin": "usr/bin", "kept/app": "../usr/bin/app", "absolute": "/usr/bin/app", "bin2": "/usr/bin"}
        for name, target in links.items():
            _add_link(archive, name, target, tarfile.SYMTYPE)
        _add_link(archive, "kept/hard", "replaced", tarfile.LNKTYPE)
    with tarfile.open(top, "w") as archive:
        for name in (".wh.gone", "opaque/.wh..wh..opq", "opaque/new", "kept/.wh.old", "replaced", "bin/added", "bin2/deep"):
            _add(archive, name, b"" if ".wh." in name else b"upper", 0o600)
        _add_link(archive, "kept/late", "usr/bin/app", tarfile.LNKTYPE)
    return [base, top]


def write_data(path: Path, name: str, size: int) -> None:
    """Write a tar with one file of ``size`` bytes that do not become smaller when they are compressed, the same at every run."""
    with tarfile.open(path, "w") as archive:
        _add(archive, name, random.Random(0).randbytes(size), 0o644)


def write_text(path: Path, name: str, text: str) -> None:
    """Write a tar with one text file."""
    with tarfile.open(path, "w") as archive:
        _add(archive, name, text.encode(), 0o644)


def _add_link(archive: tarfile.TarFile, name: str, target: str, kind: bytes) -> None:
    entry = _entry(name, 0o777)
    entry.type, entry.linkname = kind, target
    archive.addfile(entry)


def _entry(name: str, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = mode, _EPOCH
    return entry


def _add(archive: tarfile.TarFile, name: str, content: bytes | None, mode: int) -> None:
    entry = _entry(name, mode)
    if content is None:
        entry.type = tarfile.DIRTYPE
    else:
        entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content or b""))
