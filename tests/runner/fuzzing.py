# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that lets modules loose on answers and files that were spoilt by chance: tests/fuzz."""

from __future__ import annotations

import functools
import typing as t
from pathlib import Path

from ansible_test import NEWEST
from environment import REQUIREMENTS, UNIT_REQUIREMENTS, Job, collection_tree, environment, make_venv, run
from pythons import find_controller, find_pythons


class Fuzzing(t.NamedTuple):
    """For how long, with which seed (by chance without one), and which cases (all without)."""

    seconds: float
    seed: int | None
    case: str


def fuzz(wanted: Fuzzing) -> Job:
    """Return the job."""
    return Job("fuzz", functools.partial(_fuzz, wanted))


def _fuzz(wanted: Fuzzing, out: t.TextIO) -> None:
    requirements = [REQUIREMENTS / f"core-{NEWEST}.txt", UNIT_REQUIREMENTS]
    venv = make_venv("fuzz", find_pythons()[find_controller()], requirements, out)
    root = collection_tree("fuzz").parents[2]
    words = ["--seconds", str(wanted.seconds), *(["--seed", str(wanted.seed)] if wanted.seed is not None else []), "--case", wanted.case]
    command: list[str | Path] = [venv / "bin" / "python", "-m", "ansible_collections.ocitools.registry.tests.fuzz", *words]
    run(command, cwd=root, env=environment(venv, PYTHONPATH=str(root)), out=out)
