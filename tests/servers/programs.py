# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that the integration tests need: this machine's own, or those of Debian's packages, unpacked without root.

``python -m tests.servers.programs FOLDER --cache CACHE`` puts those that have to be unpacked into ``FOLDER``, which belongs on ``PATH``, and prints what
cannot be had, and why, as JSON.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from .debian import Unavailable, library_path, unpack, unpack_with_libraries

REGISTRY = "docker-registry"
_ARCHITECTURES = ("amd64", "arm64")
# Options of our own for those that look for settings in /etc, where an unpacked package has none.
_OPTIONS: dict[str, t.Callable[[Path], list[str]]] = {
    "skopeo": lambda folder: ["--policy", str(folder / "policy.json")],
    "umoci": lambda folder: [],
}
_POLICY = {"default": [{"type": "insecureAcceptAnything"}]}
_PATIENCE = 60


def find_registry(cache: Path) -> Path:
    """Return the program of the registry: this machine's own, or that of Debian's package."""
    own = shutil.which(REGISTRY)
    return Path(own) if own else unpack(REGISTRY, cache) / "usr" / "bin" / REGISTRY


def provide(folder: Path, cache: Path) -> dict[str, str]:
    """Make every program ready; return why for each one that cannot be had."""
    missing = {}
    for name in _OPTIONS:
        try:
            _provide(name, folder, cache)
        except Unavailable as error:
            missing[name] = str(error)
    try:
        find_registry(cache)
        for architecture in _ARCHITECTURES:
            unpack("busybox-static", cache, architecture)
    except Unavailable as error:
        missing[REGISTRY] = str(error)
    return missing


def _provide(name: str, folder: Path, cache: Path) -> None:
    """Leave the machine's own program where it is, or write one that starts the unpacked one with its libraries."""
    wrapper = folder / name
    if shutil.which(name):
        wrapper.unlink(missing_ok=True)
        return
    files = unpack_with_libraries(name, cache)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.json").write_text(json.dumps(_POLICY), encoding="utf-8")
    libraries = library_path(files)
    command = shlex.join([str(files / "usr" / "bin" / name), *_OPTIONS[name](folder)])
    path = f"LD_LIBRARY_PATH={shlex.quote(libraries)} " if libraries else ""
    wrapper.write_text(f'#!/bin/sh\n{path}exec {command} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    _try(wrapper)


def _try(program: Path) -> None:
    """Raise Unavailable when the program does not start, and take it away."""
    try:
        done = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
        reason = (done.stderr.strip()[-400:] or f"it ends with exit code {done.returncode}.") if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    if reason:
        program.unlink()
        raise Unavailable(f"The {program.name} of Debian's package does not run here: {reason}")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.programs", description="The programs that the integration tests need.")
    parser.add_argument("folder", type=Path, help="gets what has to be unpacked; it belongs on PATH")
    parser.add_argument("--cache", type=Path, required=True, help="keeps downloaded packages")
    options = parser.parse_args()
    sys.stdout.write(json.dumps(provide(options.folder.absolute(), options.cache.absolute())))


if __name__ == "__main__":
    main()
