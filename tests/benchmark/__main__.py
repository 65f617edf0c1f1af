# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the contenders of each case in turn, several rounds, and write down time, processor time, memory and requests."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from .cases import CASES
from .lab import Case, Commands, Lab
from .plots import draw
from .registries import Registry
from .report import is_ours, table
from .tools import Ansible, Failed, peers

Numbers = dict[str, t.Any]

NETWORKS = {"loopback": 0.0, "50 ms": 0.05}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/benchmark/run.py", description="Our modules beside skopeo, crane and regctl.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender runs")
    parser.add_argument("--cases", default=",".join(CASES), help="which of these, separated by commas (default: all): %(default)s")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="which of these (default: all): %(default)s")
    parser.add_argument("--names", type=int, default=1000, help="how many images the list has")
    parser.add_argument("--no-playbooks", action="store_true", help="leave out the contenders that are playbooks")
    parser.add_argument("--storage", type=Path, help="where the registries store, for example a RAM disk (default: the temporary folder)")
    parser.add_argument("--out", type=Path, default=Path("benchmark"), help="where results.json goes (default: %(default)s)")
    options = parser.parse_args()
    for chosen, known in ((options.cases, CASES), (options.networks, NETWORKS)):
        unknown = set(chosen.split(",")) - set(known)
        if unknown:
            parser.error(f"there is no {', '.join(sorted(unknown))}")
    return options


def _measure(words: list[str], environment: dict[str, str]) -> Numbers:
    """Run one command and return its wall time, processor time and largest memory; the last one is of the largest process."""
    with tempfile.TemporaryFile() as output:
        begin = time.monotonic()
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **environment})
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise Failed(f"{' '.join(words)[:300]} failed: {output.read()[-800:].decode('utf-8', 'replace')}")
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss * 1024}


def _run_case(lab: Lab, case: Case, options: argparse.Namespace, environment: dict[str, str]) -> dict[str, Numbers]:
    commands: Commands = case.commands(lab)
    chosen = {name: words for name, words in commands.items() if not (options.no_playbooks and name.endswith("playbook"))}
    runs: dict[str, list[Numbers]] = {name: [] for name in chosen}
    counts: dict[str, dict[str, int]] = {}
    for round_number in range(options.rounds):
        order = list(chosen)
        for name in order[round_number % len(order) :] + order[: round_number % len(order)]:
            for registry in lab.registries:
                registry.set_back()
                registry.take_counts()
            runs[name].append(_scaled(lab, _measure(chosen[name], environment), name, case, environment))
            counts[name] = _total([registry.take_counts() for registry in lab.registries])
    found = {name: {**_summary(numbers, counts[name], case.parts.get(name, 1)), "ours": is_ours(name)} for name, numbers in runs.items()}
    for name, numbers in found.items():
        if numbers["ours"] and numbers["rss"] > case.most_memory:
            raise Failed(f"{name} took {numbers['rss']} bytes of memory, more than {case.most_memory}.")
    return found


def _scaled(lab: Lab, run: Numbers, name: str, case: Case, environment: dict[str, str]) -> Numbers:
    """Return what the whole of a part, or one of several tasks, would have taken; a playbook starts once, however long it is."""
    parts = case.parts.get(name, 1)
    if parts == case.tasks == 1:
        return run
    start = _measure(lab.ansible.playbook([]), environment) if name.endswith("playbook") else {"seconds": 0.0, "cpu": 0.0}
    start = {key: start[key] for key in ("seconds", "cpu")}
    rest = {key: max(run[key] - start[key], 0.0) for key in start}
    if case.tasks > 1:
        return {**run, **{key: rest[key] / case.tasks for key in rest}}
    return {**run, **{key: start[key] + rest[key] * parts for key in rest}}


def _total(counts: t.Sequence[dict[str, int]]) -> dict[str, int]:
    return {kind: sum(count.get(kind, 0) for count in counts) for kind in sorted({kind for count in counts for kind in count})}


def _summary(runs: list[Numbers], counts: dict[str, int], parts: int) -> Numbers:
    seconds = [run["seconds"] for run in runs]
    return {
        "median": statistics.median(seconds),
        "seconds": seconds,
        "cpu": statistics.median(run["cpu"] for run in runs),
        "rss": max(run["rss"] for run in runs),
        "requests": sum(counts.values()) * parts,
        "counts": counts,
        "parts": parts,
    }


def main() -> None:
    """Run what the command line asks for, print tables and write ``results.json``."""
    options = _options()
    results: dict[str, t.Any] = {"rounds": options.rounds, "names": options.names, "cases": {}}
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        storage = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.storage)))
        ansible = Ansible(folder)
        first, second = (Registry(storage / name, cleanup) for name in ("first", "second"))
        lab = Lab(folder, storage, ansible, peers(), first, second, options.names)
        # What skopeo remembers of blobs is its own, and of this run alone (root's is elsewhere: it is left as it is).
        environment = {**ansible.environment, "XDG_DATA_HOME": str(folder / "data"), "HOME": str(folder / "home")}
        for name in options.cases.split(","):
            for network in options.networks.split(","):
                first.delay = second.delay = NETWORKS[network]
                case = CASES[name]
                case.prepare(lab)
                found = _run_case(lab, case, options, environment)
                results["cases"].setdefault(name, {"title": case.title, "tasks": case.tasks, "networks": {}})["networks"][network] = found
                sys.stdout.write(table(f"{case.title}, {network}", found))
                sys.stdout.flush()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    draw(results, options.out)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(str(failure))
