# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runner tells people about machines that lack something."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import typing as t
import unittest
from pathlib import Path
from unittest import mock

import pythons
import run
from ansible_test import NEWEST
from environment import Job, LeftOut


def _refuse(out: t.TextIO) -> None:
    raise LeftOut("There is no registry here.")


class Pythons(unittest.TestCase):
    """Which Pythons are found, on machines that have none but ours."""

    def setUp(self) -> None:
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (self.folder / "locked").mkdir(mode=0)
        folders = [self.folder, self.folder / "absent", self.folder / "locked"]
        stack.enter_context(mock.patch.object(pythons, "_folders", return_value=folders))
        pythons._all.cache_clear()
        self.addCleanup(pythons._all.cache_clear)

    def make(self, name: str, version: t.Sequence[int], whole: bool = True) -> str:
        """Put a program there that answers as a Python does."""
        program = self.folder / name
        program.write_text(f"#!/bin/sh\necho '{json.dumps([version, str(program), whole])}'\n", encoding="ascii")
        program.chmod(0o755)
        return str(program)

    def test_versions_are_not_compared_as_text(self) -> None:
        self.make("python3.9", [3, 9, 2])
        path = self.make("python3.13", [3, 13, 0])
        assert pythons.find_controller() == "3.13"
        assert pythons.find_python(9, 0) == "3.9"
        assert pythons.find_python(9, -1) == "3.13"
        assert pythons.find_pythons()["3.13"] == path

    def test_a_python_without_venv_is_not_passed_over_in_silence(self) -> None:
        self.make("python3.9", [3, 9, 2])
        path = self.make("python3", [3, 12, 1], whole=False)
        with self.assertRaises(pythons.Failed) as caught:
            pythons.find_controller()
        words = str(caught.exception)
        assert f"3.12 ({path}, without its module venv)" in words
        assert "3.9 (" in words
        assert "Python 3.12 or newer" in words

    def test_a_machine_without_python_is_told_which_would_do(self) -> None:
        self.make("python3.8", [3, 8, 10])
        with self.assertRaises(pythons.Failed) as caught:
            pythons.find_controller()
        assert "Python 3.12 or newer" in str(caught.exception)
        assert "none from 3.9 on" in str(caught.exception)


class Folders(unittest.TestCase):
    """Where Pythons are looked for."""

    def test_a_folder_that_others_closed_is_no_crash(self) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch.dict(os.environ, {"PYENV_ROOT": f"{folder}/none", "HOME": "", "PATH": folder}),
        ):
            assert Path("/usr/bin") in pythons._folders()

    def test_shims_do_not_hide_the_pythons_behind_them(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            real = Path(folder, "versions", "3.12.1", "bin")
            real.mkdir(parents=True)
            with mock.patch.dict(os.environ, {"HOME": f"{folder}/home", "PATH": f"{folder}/shims"}):
                folders = list(pythons._folders())
        assert real in folders
        assert Path(folder, "shims") not in folders


class Summary(unittest.TestCase):
    """What the last line and the exit code say."""

    def run_jobs(self, *jobs: Job) -> tuple[int, str]:
        """Run the command with jobs of ours; return its exit code and its last line."""
        out = io.StringIO()
        with (
            tempfile.TemporaryDirectory() as cache,
            mock.patch.dict(os.environ, {"OCITOOLS_CACHE": cache}),
            mock.patch.object(run, "jobs", return_value=list(jobs)),
            mock.patch("sys.argv", ["run.py", "--name", "make test", "--core", NEWEST, "lint"]),
            contextlib.redirect_stdout(out),
        ):
            code = run.main()
        return code, out.getvalue().splitlines()[-1]

    def test_what_did_not_run_is_not_said_to_have_passed(self) -> None:
        code, line = self.run_jobs(Job("lint", lambda out: None), Job("integration", _refuse))
        assert code == 0
        assert line.startswith("make test: lint passed in ")
        assert line.endswith("NOT RUN: integration. There is no registry here.")

    def test_a_run_of_nothing_is_no_success(self) -> None:
        assert self.run_jobs(Job("integration", _refuse)) == (
            1,
            "make test: FAILED, nothing could be run. NOT RUN: integration. There is no registry here.",
        )


if __name__ == "__main__":
    unittest.main()
