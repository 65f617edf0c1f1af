# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit tests of tasks in Ansible's worker, by pytest alone: ansible-test runs those of modules on Pythons without the controller."""

from __future__ import annotations

import functools
import re
import typing as t
from pathlib import Path

from ansible_test import CORE_UNITS, NEWEST, Wanted, label
from environment import REQUIREMENTS, UNIT_REQUIREMENTS, Job, collection_tree, environment, make_venv, run, source_files
from pythons import find_controller, find_pythons

_MARKED = ("tests/unit/plugins/modules", "tests/unit/plugins/module_utils")
_PLAYS = "tests/unit/controller"


def worker(core: str, wanted: Wanted) -> t.Iterator[Job]:
    """Yield the run of what no other stage runs: each test of a module once more, in Ansible's worker.

    With an older ansible-core it is the core of the tests; where every version shall be tested, all of them, and playbooks, too.
    """
    yield Job(f"worker{label(core)}", functools.partial(_worker, core, wanted))


def _worker(core: str, wanted: Wanted, out: t.TextIO) -> None:
    requirements = [REQUIREMENTS / f"core-{core}.txt", REQUIREMENTS / "worker.txt", UNIT_REQUIREMENTS]
    venv = make_venv(f"worker-{core}", find_pythons()[find_controller()], requirements, out)
    tree = collection_tree(f"worker-{core}")
    for paths in runs(core, wanted):
        command: list[str | Path] = [venv / "bin" / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths]
        run(command, cwd=tree, env=environment(venv, PYTHONPATH=str(tree.parents[2])), out=out)


def runs(core: str, wanted: Wanted) -> list[list[str]]:
    """Return the arguments of each run of pytest."""
    marked = ["-m", "worker"]
    if wanted.targets:
        return [[*marked, *wanted.targets]]
    if core == NEWEST:
        return [[*marked, *_MARKED]]
    if wanted.every:
        return [[*marked, *_MARKED], [_PLAYS]]
    return [[*marked, *(str(path) for path in source_files() if re.fullmatch(CORE_UNITS, str(path)))]]
