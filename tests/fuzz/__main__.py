# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every module of the table against answers, documents and files that were spoilt by chance: ``make fuzz SECONDS=3600``.

What is forbidden: an unexpected exception, a file that is left, more memory than 200 MB, more time than ``timeout`` and 30 s, a password shown, a request that
writes in check mode, and "ok" where nothing that is true would be ok. What is found is made as small as it gets, and printed with what repeats it.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from ..unit.plugins.matrix import MODULES
from .changes import ANSWER_KINDS, FILE_KINDS, changes
from .judge import Case, Fault, Judge, Plan
from .table import TABLE
from .world import ROLES, SETTINGS

_KINDS = {"answers": ANSWER_KINDS, "documents": ("value", "key"), "files": FILE_KINDS}
_ROUND = 6
"""How many examples a case gets before the next case has its turn."""


def cases(judge: Judge, beginning: str) -> t.Iterator[tuple[Case, int]]:
    """Yield every case whose name begins so, and how much of it can be changed; raise Fault where an entry is not what it says without any change."""
    for module, entry in TABLE.items():
        for fails, tasks in ((False, entry.tasks), (True, entry.failures)):
            for number in range(len(tasks)):
                wanted = [case for case in (Case(module, fails, number, what) for what in _KINDS) if str(case).startswith(beginning)]
                if wanted:
                    requests, files = judge.check_entry(wanted[0])
                    counts = {"answers": requests, "files": files, "documents": 0 if fails or files else ROLES}
                    yield from ((case, counts[case.what]) for case in wanted if counts[case.what])


class Clock:
    """Counts what was run, until the time is over."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.examples = 0

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.end


def play(judge: Judge, case: Case, count: int, number: int, clock: Clock) -> str:
    """Run some examples of a case; return what was found, made small."""
    plans = st.builds(Plan, changes(_KINDS[case.what], count), st.booleans(), st.integers(0, len(SETTINGS) - 1))

    @seed(number)
    @settings(
        max_examples=_ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(plans)
    def examples(plan: Plan) -> None:
        clock.examples += 1
        judge.run(case, plan)

    try:
        examples()
    except Fault as fault:
        notes = "\n".join(getattr(fault, "__notes__", ()))
        return f"{case}: {fault}\n{notes}\nTo repeat it: make fuzz CASE={case} SEED={number}\n"
    return ""


def fuzz(options: argparse.Namespace, judge: Judge) -> tuple[int, list[str]]:
    """Go round the cases until the time is over; return how many examples ran, and what was found."""
    absent = sorted(set(MODULES) - set(TABLE))
    if absent:
        return 0, [f"tests/fuzz/table.py has no entry for {', '.join(absent)}."]
    try:
        left = list(cases(judge, options.case))
    except Fault as fault:
        return 0, [str(fault)]
    random.Random(options.seed).shuffle(left)
    clock = Clock(options.seconds)
    found: list[str] = []
    for number in itertools.count(options.seed):
        for case, count in tuple(left):
            if clock.is_over:
                return clock.examples, found
            words = play(judge, case, count, number, clock)
            if words:
                found.append(words)
                left.remove((case, count))
        if not left:
            break
    return clock.examples, found


def main() -> int:
    """Run the command; the exit code is 1 when something was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description="Spoil answers and files by chance, and see that modules take it.")
    parser.add_argument("--seconds", type=float, default=60, help="how long")
    parser.add_argument("--seed", type=int, default=None, help="that of the first round; the same one makes the same changes")
    parser.add_argument("--case", default="", help="the cases whose names begin so, such as registry_push or registry_push/task0/files")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    sys.stdout.write(f"fuzz: seed {options.seed}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="ocitools-fuzz-") as folder:
        judge = Judge(Path(folder))
        try:
            count, found = fuzz(options, judge)
        finally:
            judge.close()
    sys.stdout.writelines(found)
    sys.stdout.write(f"fuzz: {count} examples, {len(found)} faults, seed {options.seed}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
