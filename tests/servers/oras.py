# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second opinion on artifacts: ORAS, this machine's own or that of a newer suite of Debian's, where it can be had.

``python -m tests.servers.oras FOLDER ARGUMENT ...`` runs it in ``FOLDER`` and prints, as JSON, its ``output`` and why it is ``missing``, "" where it is not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .debian import Unavailable, unpack

_ORAS, _SUITE = "oras", "trixie"
_PATIENCE = 120


def run(folder: Path, arguments: list[str], cache: Path) -> dict[str, str]:
    """Run ORAS, and end with what it says where it fails."""
    try:
        program = shutil.which(_ORAS) or str(unpack(_ORAS, cache, suite=_SUITE) / "usr" / "bin" / _ORAS)
    except Unavailable as error:
        return {"missing": str(error), "output": ""}
    folder.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if done.returncode:
        sys.exit(f"oras {' '.join(arguments)} failed: {done.stderr.strip()[-400:]}")
    return {"missing": "", "output": done.stdout}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.oras", description="Artifacts made and read by ORAS.")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "ocitools-servers", help="keeps downloaded packages")
    parser.add_argument("folder", type=Path, help="where it runs")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    sys.stdout.write(json.dumps(run(options.folder.absolute(), options.arguments, options.cache.absolute())))


if __name__ == "__main__":
    main()
