# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files out of Debian's packages, without root and without installing anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

_PATIENCE = 300  # seconds for a download, on a slow line
_GENTLE = ["-qq", "-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20"]
_SOURCES = "$(ORIGIN) $(COMPONENT) $(REPO_URI) $(RELEASE)"
_KEYS = "/usr/share/keyrings/{}-archive-keyring.gpg"


class Unavailable(Exception):
    """Something that has to come from outside cannot be had on this machine."""


def unpack(package: str, cache: Path, architecture: str = "", suite: str = "") -> Path:
    """Return the folder with the files of ``package``, kept in ``cache``.

    ``architecture`` is Debian's word, this machine's without it; ``suite`` is a newer one of Debian's than this machine has.
    """
    return _unpack(package, cache, f"{package}-{suite or architecture or 'native'}", architecture, lambda options: [package], suite)


def unpack_with_libraries(package: str, cache: Path, unused: str = "(?!)") -> Path:
    """Return the folder with the files of ``package`` and of each package that it needs and this machine does not have.

    ``unused`` is a pattern of the names of packages that are needed for what is not done here.
    """

    def missing(options: t.Sequence[str]) -> list[str]:
        plan = _run(["apt-get", *_GENTLE, *options, "-s", "--no-install-recommends", "--reinstall", "install", package], cache)
        names = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
        if package not in names:
            raise Unavailable(f"apt-get has no package {package} to download.")
        return [name for name in names if not re.match(unused, name)]

    return _unpack(package, cache, f"{package}-with-libraries", "", missing)


def library_path(folder: Path) -> str:
    """Return what LD_LIBRARY_PATH has to be for programs that were unpacked in ``folder``, "" where there are no libraries."""
    return os.pathsep.join(sorted({str(library.parent) for pattern in ("*.so", "*.so.*") for library in folder.rglob(pattern)}))


def _unpack(
    package: str, cache: Path, name: str, architecture: str, choose: t.Callable[[t.Sequence[str]], list[str]], suite: str = ""
) -> Path:
    folder = cache / name
    if not folder.is_dir():
        for tool in ("apt-get", "dpkg-deb"):
            if not shutil.which(tool):
                raise Unavailable(f"There is no {tool} here: the package {package} cannot be downloaded.")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            content = Path(scratch, "content")
            for archive in _download(package, Path(scratch), architecture, choose, suite):
                _run(["dpkg-deb", "-x", str(archive), str(content)], Path(scratch))
            _keep(content, folder)
    return folder


def _keep(content: Path, folder: Path) -> None:
    try:
        content.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster
            raise


def _download(package: str, scratch: Path, architecture: str, choose: t.Callable[[t.Sequence[str]], list[str]], suite: str) -> list[Path]:
    ways: list[t.Callable[[], list[str]]] = [lambda: _own_lists(scratch, architecture, suite)]
    if not architecture and not suite:
        ways.insert(0, list)  # the lists that the machine has are enough in most cases
    failure = ""
    for way in ways:
        try:
            options = way()
            names = choose(options)
            _run(["apt-get", *_GENTLE, *options, "download", *names], scratch)
        except Unavailable as error:
            failure = str(error)
            continue
        return sorted(scratch.glob("*.deb"))
    raise Unavailable(f"The package {package} cannot be downloaded: {failure}")


def _own_lists(scratch: Path, architecture: str, suite: str = "") -> list[str]:
    """Fetch package lists into a folder of our own: the machine's may be old, absent, or of another architecture or suite."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True, exist_ok=True)
    sources = scratch / "sources.list"
    sources.write_text("".join(f"deb {line}\n" for line in _sources(scratch, suite)), encoding="utf-8")
    options = {
        "Dir::Etc::sourcelist": str(sources),
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": str(scratch / "lists"),
        "Dir::Cache": str(scratch / "cache"),
        "Acquire::Languages": "none",
        **({"APT::Architecture": architecture, "APT::Architectures": architecture} if architecture else {}),
    }
    arguments = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    _run(["apt-get", *_GENTLE, *arguments, "update"], scratch)
    return arguments


def _sources(scratch: Path, suite: str = "") -> t.Iterator[str]:
    """Yield the machine's own sources that have the distribution's main packages, or the one of another ``suite`` of Debian's."""
    for line in dict.fromkeys(_run(["apt-get", "indextargets", "--format", _SOURCES, "Identifier: Packages"], scratch).splitlines()):
        origin, component, address, release = line.split()
        if origin in ("Debian", "Ubuntu") and component in ("main", "universe"):
            keys = Path(_KEYS.format(origin.lower()))
            signed = f"[signed-by={keys}] " if keys.is_file() else ""
            if not suite:
                yield f"{signed}{address} {release} {component}"
            elif origin == "Debian" and "-" not in release:
                yield f"{signed}{address} {suite} {component}"


def _run(command: t.Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} did not end within {_PATIENCE} s.") from None
    if done.returncode:
        raise Unavailable(f"{' '.join([command[0], *command[-2:]])} failed: {done.stderr.strip()[-400:]}")
    return done.stdout
