# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module costs before its first request: ``python3 -m tests.benchmark.startup``.

Each payload, as Ansible sends it to a host, is started several times, with options that need no registry; the smallest processor time in user
mode counts. All take turns, so that what else the machine does slows all of them alike.
The last column is how many times that of ``ansible.builtin.ping`` it is: at most 1.8 for modules that read, 2.0 for those that write.

With ``--plays`` it is what a play on the controller costs once: loading the action plugin, with the compiled code of a play before, and without.
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


def measure(words: list[str]) -> float:
    """Return the processor time in user mode of a command in seconds."""
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime


def measure_front(words: list[str], environment: dict[str, str]) -> float:
    """Return the seconds of the processor that a command prints."""
    done = subprocess.run(words, env={**os.environ, **environment}, capture_output=True, check=True, text=True)
    return float(done.stdout)


def show_starts(ansible: Ansible, modules: list[str], rounds: int) -> None:
    """Print a line for the payload of each module."""
    commands = {PING: ansible.process(PING, {"data": "pong"})}
    for module in modules:
        commands[module] = ansible.process(f"{COLLECTION}.{module}", {"registry": ""}, check=False)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _round in range(rounds):
        for name, words in commands.items():
            times[name].append(measure(words))
    ping = min(times[PING])
    for name, found in times.items():
        sys.stdout.write(f"{name:26} {min(found) * 1000:6.0f} ms  {min(found) / ping:.2f}\n")


def show_plays(ansible: Ansible, modules: list[str], rounds: int) -> None:
    """Print a line for the action plugin of each module."""
    for module in modules:
        measure_front(ansible.front(module), ansible.environment)  # keeps the compiled code
        kept, anew = (
            min(measure_front(ansible.front(module, each), ansible.environment) for _round in range(rounds)) for each in (False, True)
        )
        sys.stdout.write(f"{module:26} {kept * 1000:6.0f} ms, {anew * 1000:4.0f} ms without compiled code\n")


def main() -> None:
    """Print a line for each module."""
    every = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "plugins" / "modules").glob("*.py"))
    parser = argparse.ArgumentParser(description="The start of each module beside ansible.builtin.ping.")
    parser.add_argument("--rounds", type=int, default=7, help="how often each payload is started")
    parser.add_argument("--plays", action="store_true", help="what the action plugins cost a play instead")
    parser.add_argument(
        "modules", nargs="*", default=every, help="which modules, without the name of the collection; all of them by default"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ansible = Ansible(Path(folder))
        if options.plays:
            show_plays(ansible, options.modules, options.rounds)
        else:
            show_starts(ansible, options.modules, options.rounds)


if __name__ == "__main__":
    main()
