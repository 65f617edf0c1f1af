# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things run: the cache, the Pythons of the machine, virtual environments, copies of the checkout, commands."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

from pythons import Failed, find_controller, find_pythons

CHECKOUT = Path(__file__).resolve().parents[2]
REQUIREMENTS = CHECKOUT / "tests" / "requirements"
UNIT_REQUIREMENTS = CHECKOUT / "tests" / "unit" / "requirements.txt"
_NOT_SOURCE = {".git", "__pycache__", "output"}
_OF_FAILURE = re.compile(r"\[?(ERROR|FATAL)\b|(fatal|failed): |FAILED |Origin: ")


class LeftOut(Exception):
    """Why something does not run on this machine, in one sentence."""


def report(name: str, work: t.Callable[[], str]) -> int:
    """Do the work of a command, write the words that it returns, or what went wrong, and return the exit code."""
    try:
        words, code = work(), 0
    except Failed as failure:
        words, code = f"{name}: FAILED. {failure}", 1
    sys.stdout.write(f"{words}\n")
    return code


def cache_dir() -> Path:
    """Return the folder that keeps everything the runs install; it may be deleted at any time."""
    return Path(os.environ.get("OCITOOLS_CACHE") or CHECKOUT / ".cache").resolve()


@dataclass(frozen=True)
class Job:
    """One thing to run, under the name that the summary calls it by; it writes to the stream that it is given, and raises Failed.

    It may return a sentence for the summary.
    """

    name: str
    run: t.Callable[[t.TextIO], str | None]


@contextlib.contextmanager
def locked(name: str) -> t.Iterator[None]:
    """Let one process at a time work on what the name stands for."""
    path = cache_dir() / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def private_home(name: str = "home") -> Path:
    """Return a home folder for the tools, so that nobody's own settings or credentials reach a test; pip keeps its settings and cache."""
    home = cache_dir() / name
    for name in (".config/pip", ".pip", ".cache/pip"):
        own, link = Path.home() / name, home / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if os.path.isdir(own) and not link.exists():
            with contextlib.suppress(FileExistsError):  # another job made it meanwhile
                link.symlink_to(own)
    return home


def environment(venv: Path | None = None, **more: str) -> dict[str, str]:
    """Return the environment of a command: the venv's programs first, then real Pythons, and no shims, a private home, no settings of Ansible."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "PYTHON", "VIRTUAL_ENV", "REGISTRY_", "DOCKER_"))
    }
    pythons = [str(Path(path).parent) for path in reversed(find_pythons().values())]
    rest = [entry for entry in os.get_exec_path() if not entry.endswith("/shims") and not os.path.exists(f"{entry}/../pyvenv.cfg")]
    path = [str(venv / "bin")] if venv else []
    own["PATH"] = os.pathsep.join(dict.fromkeys([*path, *pythons, *rest, "/usr/sbin", "/sbin"]))
    return {**own, "HOME": str(private_home()), "LC_ALL": "C.UTF-8", **more}


def run(
    command: t.Sequence[str | Path],
    *,
    cwd: Path = CHECKOUT,
    env: t.Mapping[str, str] | None = None,
    out: t.TextIO | None = None,
    hide: re.Pattern[str] | None = None,
) -> str:
    """Run a command, show its output as it comes (in `out`, without the lines that `hide` finds) and return it.

    A failure raises Failed with the last lines that tell of one, as ansible-playbook and pytest write them.
    """
    words = [Path(command[0]).name, *(str(word) for word in command[1:])]
    stream = out or sys.stdout
    stream.write(f"+ {shlex.join(words)}\n")
    stream.flush()
    lines = []
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in t.cast("t.TextIO", process.stdout):
            lines.append(line)
            if hide is None or not hide.match(line):
                stream.write(line)
                stream.flush()
    if process.returncode:
        told = [f"\n  {line.strip()[:500]}" for line in lines if _OF_FAILURE.match(line)]
        raise Failed(f"`{shlex.join(words[:3])} ...` ended with exit code {process.returncode}.{''.join(told[-4:])}")
    return "".join(lines)


def make_venv(name: str, python: str, requirements: t.Sequence[str | Path], out: t.TextIO | None = None) -> Path:
    """Make a virtual environment, or keep the one that fits: requirements are files (Path) and single pins (str)."""
    pins = [str(entry) if isinstance(entry, str) else entry.read_text(encoding="utf-8") for entry in requirements]
    stamp = hashlib.sha256(json.dumps([python, pins]).encode()).hexdigest()
    venv = cache_dir() / "venv" / name
    with locked(f"venv-{name}"):
        mark = venv / "requirements.sha256"
        if mark.is_file() and mark.read_text() == stamp and (venv / "bin" / "python").exists():
            return venv
        shutil.rmtree(venv, ignore_errors=True)
        run([python, "-m", "venv", venv], out=out)
        arguments: list[str | Path] = []
        for entry in requirements:
            arguments += [entry] if isinstance(entry, str) else ["-r", entry]
        run([venv / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile", *arguments], out=out)
        mark.write_text(stamp)
    return venv


def make_tools(out: t.TextIO | None = None) -> Path:
    """Return the virtual environment of the linters and of all that makes a release."""
    return make_venv("lint", find_pythons()[find_controller()], [REQUIREMENTS / "lint.txt"], out)


def source_files() -> list[Path]:
    """List the files of the checkout, relative to it: tracked ones and new ones that are not ignored; without git all that look like source."""
    try:
        listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=CHECKOUT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return list(_walk())
    names = {os.fsdecode(name) for name in listed.split(b"\0") if name}
    return [Path(name) for name in sorted(names) if (CHECKOUT / name).is_file()]


def _walk() -> t.Iterator[Path]:
    for folder, folders, names in os.walk(CHECKOUT):
        folders[:] = [name for name in folders if name not in _NOT_SOURCE and (not name.startswith(".") or name == ".ci")]
        yield from (Path(folder, name).relative_to(CHECKOUT) for name in names)


def collection_tree(name: str) -> Path:
    """Return a fresh copy of the checkout as ansible-test wants it, .../ansible_collections/ocitools/registry; tests/output of the last copy stays.

    The copy is a git repository of its own, or ansible-test would find the one around it, which ignores the cache.
    """
    tree = cache_dir() / "tree" / name / "ansible_collections" / "ocitools" / "registry"
    tree.mkdir(parents=True, exist_ok=True)
    for folder, folders, names in os.walk(tree):
        folders[:] = [each for each in folders if each not in _NOT_SOURCE]
        for each in names:
            Path(folder, each).unlink()
    for file in source_files():
        target = tree / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / file, target, follow_symlinks=False)
    if shutil.which("git"):
        subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    return tree


def build_collection(venv: Path, tree: Path, folder: Path, out: t.TextIO | None = None) -> Path:
    """Build the collection from a copy of the checkout; return the artifact."""
    run([venv / "bin" / "ansible-galaxy", "collection", "build", "--output-path", folder, tree], env=environment(venv), out=out)
    (artifact,) = folder.glob("*.tar.gz")
    return artifact


def install_collection(venv: Path, artifact: Path, destination: Path, out: t.TextIO | None = None) -> None:
    """Install the artifact under destination, as a user would; use it with ANSIBLE_COLLECTIONS_PATH."""
    env = environment(venv, ANSIBLE_COLLECTIONS_PATH=str(destination))
    run([venv / "bin" / "ansible-galaxy", "collection", "install", "--force", "--offline", "-p", destination, artifact], env=env, out=out)
