# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL for the length of a test run: this machine's own, or that of Debian's package. It refuses to run as root, so root runs it as nobody."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .debian import Unavailable, library_path, unpack_with_libraries
from .processes import Child, NotStarted, run_as

USER = "pulp"
_PACKAGE = "postgresql"
_UNUSED = "libllvm|libz3|locales|libc-l10n"  # for compiled queries, which _SETTINGS turn off, and for languages: most of what it weighs
_PATIENCE = 60
_PAUSE = 0.05
# Reached by a socket in a folder of its own; what a crash would lose does not matter here.
_SETTINGS = {"listen_addresses": "", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "jit": "off"}


@dataclass(frozen=True)
class Programs:
    """Where the programs of a PostgreSQL are, and the folder that Debian's packages were unpacked in, None for the machine's own."""

    folder: Path
    unpacked: Path | None = None


def find_programs(cache: Path) -> Programs:
    """Return the newest PostgreSQL of this machine, or that of Debian's package."""
    own, elsewhere = _newest(Path("/")), shutil.which("initdb")
    if own or elsewhere:
        return Programs(own or Path(str(elsewhere)).resolve().parent)
    unpacked = unpack_with_libraries(_PACKAGE, cache, _UNUSED)
    folder = _newest(unpacked)
    if folder is None:
        raise Unavailable(f"Debian's package {_PACKAGE} brought no initdb.")
    return Programs(folder, unpacked)


def _newest(root: Path) -> Path | None:
    found = [program.parent for program in root.glob("usr/lib/postgresql/*/bin/initdb")]
    return max(found, key=lambda folder: [int(number) for number in re.findall(r"\d+", folder.parent.name)], default=None)


class Postgres:
    """A cluster in ``folder``, whose path is short enough for a socket."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self._folder = folder
        self._user = "" if os.geteuid() else "nobody"
        self._process: Child | None = None
        self._programs = self._reachable(programs) if self._user else programs
        self._data = self._folder / "data"
        self.socket = self._folder / "socket"

    def _reachable(self, programs: Programs) -> Programs:
        """Return programs that nobody can start too: those that were unpacked may be in a folder that only root can read."""
        self._folder.chmod(0o711)
        if programs.unpacked is None:
            return programs
        copy = self._folder / "programs"
        shutil.copytree(programs.unpacked, copy, symlinks=True, copy_function=_link)
        return Programs(copy / programs.folder.relative_to(programs.unpacked), copy)

    def create(self) -> None:
        """Make an empty cluster."""
        options = ["--auth=trust", f"--username={USER}", "--no-locale", "--encoding=UTF8", "--no-sync"]
        self._own_folders()
        self._run("initdb", f"--pgdata={self._data}", *options)

    def restore(self, template: Path) -> None:
        """Make the cluster that ``keep`` put there."""
        shutil.copytree(template, self._data)
        self._own_folders()

    def keep(self, template: Path) -> None:
        """End, and put a copy of the cluster there."""
        self.stop()
        shutil.copytree(self._data, template)

    def _own_folders(self) -> None:
        for folder in (self._data, self.socket):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
        if self._user:
            for path in (self._data, self.socket, *self._data.rglob("*")):
                shutil.chown(path, self._user)

    def start(self) -> None:
        """Start and wait until it takes connections."""
        settings = {**_SETTINGS, "unix_socket_directories": str(self.socket)}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command: list[str | Path] = [self._programs.folder / "postgres", "-D", self._data, *words]
        self._process = Child(command, self._folder / "log", env=self._environ(), user=self._user, cwd=self._folder, ending=signal.SIGINT)
        deadline = time.monotonic() + _PATIENCE
        while self._call("pg_isready", "--quiet", f"--host={self.socket}").returncode:
            if not self._process.is_alive() or time.monotonic() > deadline:
                raise NotStarted(f"PostgreSQL does not start: {self._process.last_lines()}")
            time.sleep(_PAUSE)

    def is_alive(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.is_alive()

    def stop(self) -> None:
        """End."""
        if self._process is not None:
            self._process.stop()

    def _environ(self) -> dict[str, str]:
        unpacked = self._programs.unpacked
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", **({"LD_LIBRARY_PATH": library_path(unpacked)} if unpacked else {})}

    def _call(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._programs.folder / name, *arguments],
            cwd=self._folder,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            **run_as(self._user),
        )

    def _run(self, name: str, *arguments: str) -> None:
        try:
            done = self._call(name, *arguments)
        except OSError as error:
            raise NotStarted(f"PostgreSQL's {name} does not run here: {error}") from error
        if done.returncode:
            raise NotStarted(f"PostgreSQL's {name} failed: {(done.stderr or done.stdout).strip()[-400:]}")


def _link(source: str, target: str) -> None:
    """Link a file, or copy it to another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
