# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sanity tests of ansible-test."""

from __future__ import annotations

import functools
import typing as t

from ansible_test import AnsibleTest, Wanted, is_other_end, label, usable
from environment import Job

_OF_PLUGINS = ("ansible-doc", "validate-modules")  # documentation and options
_OF_EACH_PYTHON = ("compile", "import")


def sanity(core: str, wanted: Wanted) -> t.Iterator[Job]:
    """Yield the run of all sanity tests, or of those of plugins; with both ends what is done for each Python is done for the lowest and the highest."""
    if wanted.targets or not wanted.ends:
        runs = [_chosen("--test", wanted.targets)]
    elif not is_other_end(core, wanted):
        there = usable(core)
        ends = dict.fromkeys((there[0], there[-1]))
        runs = [_chosen("--skip-test", _OF_EACH_PYTHON), *([*_chosen("--test", _OF_EACH_PYTHON), "--python", python] for python in ends)]
    else:
        runs = [_chosen("--test", _OF_PLUGINS)]
    name = "sanity" if wanted.targets or not is_other_end(core, wanted) else "sanity of plugins"
    yield Job(f"{name}{label(core)}", functools.partial(_sanity, core, runs))


def _chosen(option: str, tests: t.Sequence[str]) -> list[str]:
    return [word for test in tests for word in (option, test)]


def _sanity(core: str, runs: t.Sequence[t.Sequence[str]], out: t.TextIO) -> None:
    test = AnsibleTest.prepare(core, "sanity", out)
    for chosen in runs:
        test.run("sanity", "--local", *chosen)
