# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run stages of the tests, with one line at the end that says what ran and how long it took.

    python3 tests/runner/run.py lint integration+units+sanity

Stages joined by "+" make a group, whose jobs run side by side, as many as there are processors; the output of each is shown in one piece
when it ends. After a job that fails, those that run go on to their end, and no other begins, but with --keep-going; what failed is shown last. What this
machine has not got the means for is left out, which the last line says.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import typing as t
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from pathlib import Path

import ansible_test
from environment import Job, LeftOut, cache_dir, locked
from events import events
from fuzzing import Fuzzing, fuzz
from galaxy import galaxy
from lint import lint
from pulp import pulp
from pythons import Failed
from sanity import sanity
from worker import worker

STAGES = ("lint", "galaxy", "sanity", "units", "worker", "integration", "events", "pulp", "fuzz")


def jobs(stage: str, cores: t.Sequence[str], wanted: ansible_test.Wanted, fuzzing: Fuzzing) -> list[Job]:
    """Return what a stage runs, for some versions of ansible-core, with some Pythons."""
    if stage in ("lint", "galaxy"):
        return [Job(stage, {"lint": lint, "galaxy": galaxy}[stage])]
    if stage in ("events", "pulp"):
        return [] if stage == "pulp" and wanted.ends else [{"events": events, "pulp": pulp}[stage]()]
    if stage == "fuzz":
        return [fuzz(fuzzing)]
    of_core = {"sanity": sanity, "units": ansible_test.units, "worker": worker, "integration": ansible_test.integration}[stage]
    return [job for core in cores for job in of_core(core, wanted)]


def run_job(job: Job, log: bool) -> str | None:
    """Run one job, and return what it says for the summary.

    Beside others its output goes to a file, and when it passes, from there to the terminal in one piece.
    """
    with locked(f"job-{job.name}"):
        if not log:
            return job.run(sys.stdout)
        path = _log(job.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        try:
            with path.open("w", encoding="utf-8") as out:
                remark = job.run(out)
        except Failed:
            say(f"--- {job.name} FAILED after {time.monotonic() - begun:.0f} s; its output comes last.")
            raise
        say(f"--- {job.name}, {time.monotonic() - begun:.0f} s, all of its output:\n{path.read_text(encoding='utf-8')}")
        return remark


def _log(name: str) -> Path:
    return cache_dir() / "logs" / f"{name}.log"


def run_unless(stopping: threading.Event | None, job: Job, log: bool) -> str | None:
    """Run one job, unless another one failed before it could begin; without ``stopping`` in any case."""
    if stopping is None:
        return run_job(job, log)
    if stopping.is_set():
        raise CancelledError
    try:
        return run_job(job, log)
    except Failed:
        stopping.set()
        raise


class Outcome(t.NamedTuple):
    """What became of jobs."""

    passed: list[str]
    left_out: dict[str, str]
    """Why some did not run, by name."""
    remarks: list[str]
    """What else there is to say."""

    def words(self) -> str:
        """Return the remarks, and a sentence for each reason why jobs were left out."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.left_out.items():
            reasons.setdefault(reason, []).append(name)
        left_out = [f"NOT RUN: {', '.join(names)}. {reason}" for reason, names in reasons.items()]
        return "".join(f" {sentence}" for sentence in [*self.remarks, *left_out])


def run_group(group: t.Sequence[Job], outcome: Outcome, at_a_time: int | None, keep_going: bool) -> None:
    """Run jobs side by side, some ``at_a_time``, and note what became of them; raise Failed when one did not pass.

    After a job that fails no other begins, unless it shall ``keep_going``.
    """
    say(f"=== {', '.join(job.name for job in group)}")
    failed: dict[str, Failed] = {}
    stopping = None if keep_going else threading.Event()
    with ThreadPoolExecutor(at_a_time or os.cpu_count()) as pool:
        futures = {pool.submit(run_unless, stopping, job, len(group) > 1): job.name for job in group}
        for future in as_completed(futures):
            try:
                remark = future.result()
                outcome.passed.append(futures[future])
                outcome.remarks.extend([f"{futures[future]}: {remark}"] if remark else [])
            except CancelledError:
                continue
            except LeftOut as reason:
                outcome.left_out[futures[future]] = str(reason)
            except Failed as failure:
                failed[futures[future]] = failure
    if failed:
        for name in failed if len(group) > 1 else ():
            say(f"--- {name} FAILED, all of its output:\n{_log(name).read_text(encoding='utf-8')}")
        raise Failed(" ".join(f"{name}: {failure}" for name, failure in failed.items()))


def read_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="Run the tests.")
    parser.add_argument("--all", action="store_true", help="every ansible-core, and every Python with the newest one")
    parser.add_argument(
        "--ends", action="store_true", help="the newest ansible-core with the highest Python, the oldest with the lowest, and no Pulp"
    )
    parser.add_argument("--core", action="append", choices=ansible_test.CORES, help="this ansible-core only; may be repeated")
    parser.add_argument("--python", action="append", default=[], help="this Python (3.9) only, if it is found; may be repeated")
    parser.add_argument(
        "--targets",
        type=str.split,
        default=[],
        help='of the integration tests these, such as "registry_push role_mirror", of the unit tests these files',
    )
    parser.add_argument("--jobs", type=int, help="how many jobs to run side by side; by default as many as there are processors")
    parser.add_argument("--keep-going", action="store_true", help="after a job that failed, go on with the others beside it")
    parser.add_argument("--seconds", type=float, default=60, help="how long to fuzz")
    parser.add_argument("--seed", type=int, help="repeat what was fuzzed with this seed")
    parser.add_argument("--case", default="", help="fuzz these cases only, such as registry_push, or registry_push/task0/files")
    parser.add_argument("--name", default="tests", help="what the last line calls this run")
    parser.add_argument("stages", nargs="+", metavar="STAGE[+STAGE]", help=", ".join(STAGES))
    arguments = parser.parse_args()
    for name in (name for group in arguments.stages for name in group.split("+")):
        if name not in STAGES:
            parser.error(f"{name} is no stage; the stages are {', '.join(STAGES)}.")
    return arguments


def main() -> int:
    """Run what the command line names; the exit code is 1 when something failed."""
    arguments = read_arguments()
    wanted = ansible_test.Wanted(arguments.all, arguments.ends, tuple(arguments.python), tuple(arguments.targets))
    cores = arguments.core or ansible_test.choose_cores(wanted)
    fuzzing = Fuzzing(arguments.seconds, arguments.seed, arguments.case)
    begun = time.monotonic()
    outcome = Outcome([], {}, [])
    try:
        groups = [[job for stage in names.split("+") for job in jobs(stage, cores, wanted, fuzzing)] for names in arguments.stages]
        for group in groups:
            run_group(group, outcome, arguments.jobs, arguments.keep_going)
    except Failed as failure:
        passed = f"Passed: {', '.join(outcome.passed) or 'nothing'}."
        say(f"{arguments.name}: FAILED after {time.monotonic() - begun:.0f} s. {passed}{outcome.words()} {failure}")
        return 1
    if not outcome.passed:
        say(f"{arguments.name}: FAILED, nothing could be run.{outcome.words()}")
        return 1
    say(f"{arguments.name}: {', '.join(outcome.passed)} passed in {time.monotonic() - begun:.0f} s.{outcome.words()}")
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
