# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge what a module made of a world that was spoilt."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ..unit.plugins.harness import ROOT, plugin
from ..unit.registry.tls import Authority
from .changes import Change
from .table import TABLE, Options
from .world import SECRET, SETTINGS, World

MOST_MEGABYTES = 200
MOST_SECONDS = 31  # the option timeout, and 30 s without progress
_CONTROLLER_ONLY = ("registry_digest",)
_FAULT = "bug in the collection"
_START = """
import importlib, sys
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([sys.argv[1]])
importlib.import_module(sys.argv[2]).main()
"""


class Fault(AssertionError):
    """A module did what no module may do."""


@dataclass(frozen=True)
class Case:
    """A task of the table, and what of its world is changed: answers, documents or files."""

    module: str
    fails: bool
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.module}/{'failure' if self.fails else 'task'}{self.number}/{self.what}"


@dataclass(frozen=True)
class Plan:
    """The changes of one run, whether it is one of check mode, and which one of SETTINGS the registry has."""

    changes: t.Sequence[Change]
    check: bool
    setting: int


class Outcome(t.NamedTuple):
    """What a module returned, and what it took."""

    result: Options
    seconds: float
    megabytes: float

    @property
    def is_ok(self) -> bool:
        """Whether the module says that all is well."""
        return not self.result.get("failed", False)


class Judge:
    """Runs modules by a worker, and raises Fault."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        settings = ("ANSIBLE_", "REGISTRY_", "DOCKER_")
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy") and not name.startswith(settings)}
        command = [sys.executable, "-c", _START, str(ROOT), f"{__package__}.worker"]
        self._worker = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**env, "PYTHONPATH": str(ROOT), "SSL_CERT_FILE": Authority(folder).path},
        )
        self._tell([name for name in TABLE if name not in _CONTROLLER_ONLY])
        self._kinds = set(plugin("module_utils._core.errors").KINDS)

    def close(self) -> None:
        """End the worker."""
        self._worker.communicate()

    def _tell(self, words: t.Any) -> None:
        assert self._worker.stdin is not None
        self._worker.stdin.write(f"{json.dumps(words)}\n")
        self._worker.stdin.flush()

    def _run(self, case: Case, world: World, options: Options, check: bool) -> Outcome:
        order = {"name": case.module, "args": world.args(options), "check": check, "cwd": str(world.folder / "home")}
        self._tell({**order, "tmpdir": str(world.folder / "tmp"), "env": world.environment()})
        assert self._worker.stdout is not None
        return Outcome(**json.loads(self._worker.stdout.readline()))

    @contextlib.contextmanager
    def _world(self, documents: t.Sequence[Change], setting: int) -> t.Iterator[World]:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            world = World(Path(folder), documents, setting)
            try:
                yield world
            finally:
                world.close()

    @staticmethod
    def _is_content(case: Case, outcome: Outcome, world: World) -> bool:
        return outcome.is_ok and TABLE[case.module].result(world, outcome.result)

    def run(self, case: Case, plan: Plan) -> None:
        """Run a case."""
        with self._world(plan.changes if case.what == "documents" else (), plan.setting) as world:
            self._judge(case, plan, world)

    def check_entry(self, case: Case) -> tuple[int, int]:
        """Return how many requests and files a case has; raise Fault where it is not what its entry says without any change."""
        counts = []
        for setting in range(len(SETTINGS)):
            with self._world((), setting) as world:
                options = _task(case)(world)
                outcome = self._run(case, world, options, False)
                if self._is_content(case, outcome, world) == case.fails:
                    words = json.dumps(outcome.result)[:1500]
                    raise Fault(
                        f"The entry {case} {'succeeds' if case.fails else 'fails'} without any change on registry {setting}: {words}"
                    )
                counts.append((len(world.registry.requests), sum(path.is_file() for path in (world.folder / "in").rglob("*"))))
        return max(counts)

    def _judge(self, case: Case, plan: Plan, world: World) -> None:
        options = _task(case)(world)
        if case.what == "answers":
            world.spoil_answers(plan.changes, TABLE[case.module].answers if case.fails else ())
        elif case.what == "files":
            world.spoil_files(plan.changes)
        before = world.snapshot("in", "out", "elsewhere", "home", "tmp")
        outcome = self._run(case, world, options, plan.check)
        self._judge_outcome(case, outcome, world)
        # Check mode reads no blob, neither of a registry nor of a file.
        if case.fails and not plan.check and not world.mended and self._is_content(case, outcome, world):
            raise Fault(f"It is content where the truth is a failure: {json.dumps(outcome.result)[:1000]}")
        _judge_traces(outcome, plan, world, before)

    def _judge_outcome(self, case: Case, outcome: Outcome, world: World) -> None:
        result, text = outcome.result, json.dumps(outcome.result, ensure_ascii=False)
        if "crash" in result or _FAULT in text:
            raise Fault(f"It came to an unexpected end: {text[:3000]}")
        if outcome.megabytes > MOST_MEGABYTES:
            raise Fault(f"It took {outcome.megabytes:.0f} MB: {text[:500]}")
        if outcome.seconds > MOST_SECONDS:
            raise Fault(f"It took {outcome.seconds:.0f} s: {text[:500]}")
        for secret in world.registry.secrets():
            if secret in text:
                raise Fault(f"It shows the password: {text[:1000]}")
        error = result.get("error")
        if not outcome.is_ok and case.module not in _CONTROLLER_ONLY and (not error or error["kind"] not in self._kinds):
            raise Fault(f"It failed without a kind: {text[:1000]}")


def _task(case: Case) -> t.Callable[[World], Options]:
    entry = TABLE[case.module]
    return (entry.failures if case.fails else entry.tasks)[case.number]


def _may_be_there(path: str, state: str, is_ok: bool) -> bool:
    """Tell whether a path may be left: a whole image, of one that broke off the layout without its index, what an export has done, a login."""
    if is_ok:
        return path.startswith(("out/pulled", "in/login.json")) and not path.endswith(".tmp")
    layout = r"(/oci-layout|/blobs(/sha256(/(?P<digest>[0-9a-f]{64}))?)?)?"
    match = re.fullmatch(rf"in/login\.json\.lock|out/pulled/images\.yml|out/pulled/[^/]+/index\.json|out/pulled(/[^/]+)?{layout}", path)
    return match is not None and (not match["digest"] or state.endswith(f" {match['digest']}"))


def _judge_traces(outcome: Outcome, plan: Plan, world: World, before: t.Mapping[str, str]) -> None:
    """Look at what is left of a run: on the disk, and in the registry."""
    after = world.snapshot("in", "out", "elsewhere", "home", "tmp")
    differences = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    if not plan.check:
        differences = [path for path in differences if not _may_be_there(path, after.get(path, ""), outcome.is_ok)]
    if differences:
        raise Fault(f"It left or changed {', '.join(differences)[:1000]}: {json.dumps(outcome.result)[:1000]}")
    if plan.check and world.registry.writes():
        raise Fault(f"In check mode it wrote: {', '.join(world.registry.writes())}")
    sent = b"".join(request.body for request in world.registry.requests)
    if any("Authorization was sent" in problem for problem in world.registry.journal.problems()):
        raise Fault("It sent its credentials to another host.")
    if SECRET.encode() in sent:
        raise Fault("It sent a file that a link led to.")
