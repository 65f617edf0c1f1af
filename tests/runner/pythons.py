# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pythons of this machine: where they are, and which of them can be used for what."""

from __future__ import annotations

import functools
import glob
import json
import os
import pwd
import re
import subprocess
import sys
import typing as t
from pathlib import Path

OLDEST_CONTROLLER = 12
"""The minor version of Python 3 that the newest ansible-core needs at least."""

_OLDEST = 9
_PROBE = """
import json, os, sys
try:
    import ensurepip, venv
    whole = True
except ImportError:
    whole = False
print(json.dumps([sys.version_info[:3], os.path.realpath(sys.executable), whole]))
"""


class Failed(Exception):
    """What went wrong, in one sentence for the person who typed make."""


class _Found(t.NamedTuple):
    version: list[int]
    path: str
    whole: bool
    """Whether it can make virtual environments: Debian, for one, has the module apart."""

    @property
    def minor(self) -> str:
        """The version as it is spoken of, such as "3.12"."""
        return f"{self.version[0]}.{self.version[1]}"


def _folders() -> t.Iterator[Path]:
    """Yield where Pythons may be: pyenv's and uv's, those of PATH, the system's."""
    homes = dict.fromkeys([Path.home(), Path(pwd.getpwuid(os.getuid()).pw_dir)])
    path = [Path(entry) for entry in os.get_exec_path() if entry]
    shims = [entry.parent for entry in path if entry.name == "shims"]
    own = [Path(os.environ["PYENV_ROOT"])] if os.environ.get("PYENV_ROOT") else []
    for root in [*own, *(home / ".pyenv" for home in homes), *shims]:
        yield from _matching(root, "versions/3.*/bin")
    for home in homes:
        yield from _matching(home, ".local/share/uv/python/*/bin")
    yield from (entry for entry in path if entry.name != "shims")
    yield from (Path("/usr/local/bin"), Path("/usr/bin"), Path(sys.executable).parent)


def _matching(root: Path, pattern: str) -> t.Iterator[Path]:
    """Yield the folders that match, none where they are not ours to read."""
    yield from (Path(name) for name in sorted(glob.glob(f"{glob.escape(str(root))}/{pattern}")))


def _candidates(folder: Path) -> t.Iterator[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return  # not there, or not ours to read
    yield from (str(folder / name) for name in names if re.fullmatch(r"python3(\.\d+)?", name))


def _probe(program: str) -> _Found | None:
    try:
        done = subprocess.run([program, "-I", "-c", _PROBE], capture_output=True, text=True, check=False)
        return _Found(*json.loads(done.stdout)) if done.returncode == 0 else None
    except (OSError, ValueError):
        return None


@functools.cache
def _all() -> tuple[_Found, ...]:
    """Return the best one of each version: one that is whole, then the newest patch."""
    best: dict[str, _Found] = {}
    programs = {os.path.realpath(program): program for folder in dict.fromkeys(_folders()) for program in _candidates(folder)}
    for found in filter(None, map(_probe, programs.values())):
        other = best.get(found.minor)
        if found.version[1] >= _OLDEST and (other is None or (found.whole, found.version) > (other.whole, other.version)):
            best[found.minor] = found
    return tuple(sorted(best.values(), key=lambda found: found.version))


def find_pythons() -> dict[str, str]:
    """Return the real interpreter of each Python 3.9 or later that can make virtual environments, from the lowest on: {"3.9": path, ...}."""
    return {found.minor: found.path for found in _all() if found.whole}


def find_controller() -> str:
    """Return the version, such as "3.12", of the Python for ansible-core and the linters."""
    return find_python(OLDEST_CONTROLLER, 0)


def find_python(oldest: int, position: int) -> str:
    """Return the version of a Python from 3.`oldest` on, the lowest (position 0) or the highest (-1); Failed says which there are and what would do."""
    usable = [found.minor for found in _all() if found.whole and found.version[1] >= oldest]
    if usable:
        return usable[position]
    found = ", ".join(f"{each.minor} ({each.path}{'' if each.whole else ', without its module venv'})" for each in _all())
    raise Failed(
        f"Python 3.{oldest} or newer, with its module venv, is needed; found: {found or 'none from 3.9 on'}. Install one by pyenv, uv or the system's "
        "packages, which may have the module apart, as python3-venv. PATH, the folders of pyenv and uv, /usr/local/bin and /usr/bin are searched."
    )
