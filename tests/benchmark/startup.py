# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module costs before its first request: ``python3 -m tests.benchmark.startup``.

Each payload, as Ansible sends it to a host, is started several times, with options that need no registry; the smallest processor time counts.
The last column is how many times that of ``ansible.builtin.ping`` it is: at most 1.8 for modules that read, 2.0 for those that write.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .tools import COLLECTION, Ansible

PING = "ansible.builtin.ping"


def measure(words: list[str], rounds: int) -> float:
    """Return the smallest processor time of a command in seconds."""
    found = []
    for _round in range(rounds):
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        found.append(usage.ru_utime + usage.ru_stime)
    return min(found)


def main() -> None:
    """Print a line for each module."""
    parser = argparse.ArgumentParser(description="The start of each module beside ansible.builtin.ping.")
    parser.add_argument("--rounds", type=int, default=7, help="how often each payload is started")
    rounds = parser.parse_args().rounds
    modules = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "plugins" / "modules").glob("*.py"))
    with tempfile.TemporaryDirectory() as folder:
        ansible = Ansible(Path(folder))
        ping = measure(ansible.process(PING, {"data": "pong"}), rounds)
        sys.stdout.write(f"{PING:40} {ping * 1000:6.0f} ms\n")
        for module in modules:
            name = f"{COLLECTION}.{module}"
            seconds = measure(ansible.process(name, {"registry": ""}, check=False), rounds)
            sys.stdout.write(f"{name:40} {seconds * 1000:6.0f} ms  {seconds / ping:.2f}\n")


if __name__ == "__main__":
    main()
