# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and stop the servers of a test run: ``python -m tests.servers start FOLDER``, ``... stop FOLDER``."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from .debian import Unavailable
from .keeper import KINDS, PULP, keep
from .processes import NotStarted

_PATIENCE = 600  # seconds for the start, which may download a package first
_PARTING = 60  # seconds for the end
_PAUSE = 0.05


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description="Real registries for tests, on free loopback ports.")
    parser.add_argument(
        "command", choices=["start", "keep", "stop"], help="start prints the facts as JSON; keep does the same work in the foreground"
    )
    parser.add_argument("folder", type=Path, help="where configuration, storage and facts go; stop removes it")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "ocitools-servers", help="keeps downloaded packages")
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS, PULP], default=list(KINDS))
    parser.add_argument("--pulp", type=Path, help="a virtual environment with pulp-container, for the kind pulp")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="the process whose end ends the servers; the caller by default")
    parser.add_argument("--lifetime", type=float, default=3600, help="seconds after which the servers end in any case")
    options = parser.parse_args()
    options.folder, options.cache = options.folder.absolute(), options.cache.absolute()
    options.pulp = options.pulp and options.pulp.absolute()
    return options


def _start(options: argparse.Namespace) -> str:
    """Return the facts once all servers answer."""
    options.folder.mkdir(parents=True, mode=0o700)
    log = options.folder / "keeper.log"
    words = [str(options.folder), "--cache", str(options.cache), "--parent", str(options.parent), "--lifetime", str(options.lifetime)]
    words += ["--pulp", str(options.pulp)] if options.pulp else []
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", __package__, "keep", *words, "--kinds", *options.kinds],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    facts: Path = options.folder / "facts.json"
    deadline = time.monotonic() + _PATIENCE
    while keeper.poll() is None and time.monotonic() < deadline:
        if facts.exists():
            return facts.read_text(encoding="utf-8")
        time.sleep(_PAUSE)
    keeper.terminate()
    raise NotStarted(log.read_text(encoding="utf-8", errors="replace").strip() or "The servers do not start.")


def _stop(folder: Path) -> None:
    """End the keeper, wait until it is gone, and remove its folder; servers that are gone already are fine."""
    path = folder / "lock"
    deadline = time.monotonic() + _PARTING
    if path.exists():
        with path.open("r+") as lock:
            while not _is_free(lock.fileno()):
                with contextlib.suppress(ProcessLookupError, ValueError):  # gone this moment, or not quite there yet
                    os.kill(int(path.read_text(encoding="utf-8")), signal.SIGTERM)
                if time.monotonic() > deadline:
                    raise NotStarted(f"The servers in {folder} do not end.")
                time.sleep(_PAUSE)
    shutil.rmtree(folder, ignore_errors=True)


def _is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main() -> None:
    """Run the command."""
    options = _options()
    try:
        if options.command == "start":
            sys.stdout.write(_start(options))
        elif options.command == "keep":
            keep(options.folder, options.cache, options.kinds, options.parent, options.lifetime, options.pulp)
        else:
            _stop(options.folder)
    except (NotStarted, Unavailable) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
