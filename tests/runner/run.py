# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run stages of the tests one after the other, with one line at the end that says what ran and how long it took.

    python3 tests/runner/run.py lint sanity+units integration

Stages joined by "+" run side by side; the output of each is then shown in one piece when it ends. A failure ends the run.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor, as_completed

import ansible_test
from environment import Failed, cache_dir, locked
from lint import lint

Stage = t.Callable[[t.TextIO], str]


def stages(cores: t.Sequence[str], every: bool) -> dict[str, list[Stage]]:
    """Return what each stage runs, for some versions of ansible-core, with the lowest and the highest Python or every one."""
    by_core = (ansible_test.sanity, ansible_test.units, ansible_test.integration)
    return {"lint": [lint], **{stage.__name__: [functools.partial(stage, core, every) for core in cores] for stage in by_core}}


def run_stage(name: str, parts: t.Sequence[Stage], out: t.TextIO) -> str:
    """Run all parts of one stage and return what ran."""
    passed, failed = [], []
    with locked(f"stage-{name}"):
        for part in parts:
            try:
                passed.append(part(out))
            except Failed as failure:
                failed.append(str(failure))
    if failed:
        raise Failed(" ".join(failed))
    return ", ".join(passed)


def run_logged(name: str, parts: t.Sequence[Stage]) -> str:
    """Run one stage beside others: its output goes to a file, and from there to the terminal in one piece."""
    log = cache_dir() / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("w", encoding="utf-8") as out:
            return run_stage(name, parts, out)
    finally:
        say(f"--- {name}, all of its output:\n{log.read_text(encoding='utf-8')}")


def run_group(names: t.Sequence[str], known: t.Mapping[str, t.Sequence[Stage]]) -> tuple[list[str], list[str]]:
    """Run stages side by side; return what passed and what failed, once all have ended."""
    say(f"=== {' and '.join(names)}")
    passed, failed = [], []
    with ThreadPoolExecutor(len(names)) as pool:
        if len(names) == 1:
            futures = {pool.submit(run_stage, names[0], known[names[0]], sys.stdout): names[0]}
        else:
            futures = {pool.submit(run_logged, name, known[name]): name for name in names}
        for future in as_completed(futures):
            try:
                passed.append(future.result())
            except Failed as failure:
                failed.append(f"{futures[future]}: {failure}")
    return passed, failed


def main() -> int:
    """Run what the command line names; the exit code is 1 when something failed."""
    parser = argparse.ArgumentParser(description="Run the tests.")
    parser.add_argument("--all", action="store_true", help="every Python that is found, and every ansible-core")
    parser.add_argument("--core", action="append", choices=ansible_test.CORES, help="this ansible-core only; may be repeated")
    parser.add_argument("--name", default="tests", help="what the last line calls this run")
    parser.add_argument("stages", nargs="+", metavar="STAGE[+STAGE]", help="lint, sanity, units, integration")
    arguments = parser.parse_args()
    cores = arguments.core or (ansible_test.CORES if arguments.all else [ansible_test.NEWEST])
    known = stages(cores, arguments.all)
    groups = [group.split("+") for group in arguments.stages]
    for name in (name for group in groups for name in group):
        if name not in known:
            parser.error(f"{name} is no stage; the stages are {', '.join(known)}.")
    begun = time.monotonic()
    passed: list[str] = []
    for group in groups:
        done, failed = run_group(group, known)
        passed += done
        if failed:
            say(
                f"{arguments.name}: FAILED after {time.monotonic() - begun:.0f} s. {' '.join(failed)} Passed: {', '.join(passed) or 'nothing'}."
            )
            return 1
    say(f"{arguments.name}: {', '.join(passed)} passed in {time.monotonic() - begun:.0f} s")
    return 0


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
