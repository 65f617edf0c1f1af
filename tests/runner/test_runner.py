# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runner tells people about machines that lack something, and that it leaves no test out."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import tempfile
import typing as t
import unittest
from pathlib import Path
from unittest import mock

import ansible_test
import event_registries
import pulp
import pythons
import release
import run
import worker
from ansible_test import CORES, NEWEST, OLDEST, Share, Wanted
from environment import CHECKOUT, Job, LeftOut
from environment import run as run_command


def _refuse(out: t.TextIO) -> None:
    raise LeftOut("There is no registry here.")


def _fail(out: t.TextIO) -> None:
    run_command([sys.executable, "-c", "print('ok: [host]\\nfatal: [host]: FAILED! => no\\nok: [host]'); raise SystemExit(2)"], out=out)


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


class Fronts(unittest.TestCase):
    """Each integration target runs with each front, as a module and in Ansible's worker; so does each unit test of a module."""

    def setUp(self) -> None:
        known = mock.patch.object(ansible_test, "find_pythons", return_value={"3.9": "", "3.12": "", "3.13": ""})
        known.start()
        self.addCleanup(known.stop)

    def seen(self, *shares: Share) -> dict[str, set[str]]:
        """Return the targets that run with each front."""
        names = {path.name for path in (CHECKOUT / "tests" / "integration" / "targets").iterdir()} - {"setup_registry"}
        fronts: dict[str, set[str]] = {"module": set(), "worker": set()}
        for share in shares:
            (*excluded, pattern) = share.targets
            fits = {name for name in names if re.fullmatch(pattern, name)}
            fronts[share.settings["setup_registry_front"]] |= names - fits if excluded else fits
        assert names
        return {front: names - found for front, found in fronts.items()}

    def test_no_target_is_left_to_one_front(self) -> None:
        both: dict[str, set[str]] = {"module": set(), "worker": set()}
        ends = Wanted(False, True, ())
        assert self.seen(*ansible_test.shares(NEWEST, ends), *ansible_test.shares(OLDEST, ends)) == both
        assert self.seen(*ansible_test.shares(NEWEST, Wanted(False, False, ()))) == both
        assert self.seen(*ansible_test.shares(NEWEST, Wanted(True, False, ()))) == both
        for core in CORES:
            assert not self.seen(*ansible_test.shares(core, Wanted(True, False, ())))["worker"]

    def test_each_front_meets_each_kind_of_registry_where_everything_is_tested(self) -> None:
        every = [share for core in CORES for share in ansible_test.shares(core, Wanted(True, False, ()))]
        met = {(share.settings["setup_registry_front"], kind) for share in every for kind in share.kinds}
        assert met == {(front, kind) for front in ("module", "worker") for kind in ("open", "tls", "token")}
        assert {share.python for share in every} == {"3.9", "3.12", "3.13", "worker"}

    def test_one_target_runs_with_both_fronts(self) -> None:
        shares = ansible_test.shares(NEWEST, Wanted(False, False, (), ("registry_push",)))
        assert [share.python for share in shares] == ["3.13", "3.9", "worker"]
        assert {share.targets for share in shares} == {("registry_push",)}

    def test_modules_stay_modules_where_their_python_is_the_controllers(self) -> None:
        known = mock.patch.object(ansible_test, "find_pythons", return_value={"3.12": ""})
        with known:
            module, in_worker = ansible_test.shares(NEWEST, Wanted(False, False, ()))
        assert module.settings["ocitools_registry_in_process"] is False
        assert in_worker.settings["ocitools_registry_in_process"] is True
        assert in_worker.settings["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"

    def test_a_named_python_is_the_only_one(self) -> None:
        assert [share.python for share in ansible_test.shares(NEWEST, Wanted(False, False, ("3.9",)))] == ["3.9"]

    def test_unit_tests_run_in_the_worker_with_both_ends(self) -> None:
        (marked,) = worker.runs(OLDEST, Wanted(False, True, ()))
        assert marked[:2] == ["-m", "worker"]
        assert "tests/unit/plugins/modules/test_registry_push.py" in marked
        assert worker.runs(OLDEST, Wanted(True, False, ()))[1] == ["tests/unit/controller"]
        assert worker.runs(NEWEST, Wanted(False, True, ())) == [["-m", "worker", *worker.runs(OLDEST, Wanted(True, False, ()))[0][2:]]]


class Summary(unittest.TestCase):
    """What the last line and the exit code say."""

    def run_jobs(self, *jobs: Job) -> tuple[int, str]:
        """Run the command with jobs of ours; return its exit code and its last line."""
        code, lines = self.run_all(*jobs)
        return code, lines[-1]

    def run_all(self, *jobs: Job, options: t.Sequence[str] = ()) -> tuple[int, list[str]]:
        """Run the command with jobs of ours; return its exit code and what it prints."""
        out = io.StringIO()
        with (
            tempfile.TemporaryDirectory() as cache,
            mock.patch.dict(os.environ, {"OCITOOLS_CACHE": cache}),
            mock.patch.object(run, "jobs", return_value=list(jobs)),
            mock.patch("sys.argv", ["run.py", "--name", "make test", "--core", NEWEST, "--jobs", "1", *options, "lint"]),
            contextlib.redirect_stdout(out),
        ):
            code = run.main()
        return code, out.getvalue().splitlines()

    def test_what_did_not_run_is_not_said_to_have_passed(self) -> None:
        code, line = self.run_jobs(Job("lint", lambda out: None), Job("integration", _refuse))
        assert code == 0
        assert line.startswith("make test: lint passed in ")
        assert line.endswith("NOT RUN: integration. There is no registry here.")

    def test_a_target_that_passed_at_its_second_try_is_named(self) -> None:
        output = 'ok: [host]\nWARNING: Retrying test target "role_mirror" with maximum verbosity.\nok: [host]\n'
        test = ansible_test.AnsibleTest(NEWEST, CHECKOUT, CHECKOUT, CHECKOUT, io.StringIO())
        with mock.patch.object(ansible_test, "run", return_value=output):
            code, line = self.run_jobs(Job("integration", lambda out: test.run("integration")))
        assert code == 0
        assert line.endswith(" s. integration: FAILED ONCE, and passed when run again: role_mirror.")

    def test_what_failed_is_shown_last(self) -> None:
        code, lines = self.run_all(Job("units", _fail), Job("lint", lambda out: None), options=["--keep-going"])
        assert code == 1
        start, after = lines.index("--- units FAILED, all of its output:"), lines.index("--- lint, 0 s, all of its output:")
        assert after < start
        assert lines[-2].startswith("make test: FAILED after 0 s. Passed: lint. units: ")
        assert lines[-2].endswith("ended with exit code 2.")
        assert lines[-1] == "  fatal: [host]: FAILED! => no"

    def test_no_job_begins_after_one_that_failed(self) -> None:
        code, lines = self.run_all(Job("units", _fail), Job("lint", lambda out: None))
        assert code == 1
        assert lines[-2].startswith("make test: FAILED after 0 s. Passed: nothing. units: ")

    def test_a_run_of_nothing_is_no_success(self) -> None:
        assert self.run_jobs(Job("integration", _refuse)) == (
            1,
            "make test: FAILED, nothing could be run. NOT RUN: integration. There is no registry here.",
        )


class Pulp(unittest.TestCase):
    """What is said where Pulp cannot be had."""

    def leave_out(self, **instead: mock.Mock) -> str:
        """Run the job with other ways of installing; return why it is left out."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, {"OCITOOLS_CACHE": stack.enter_context(tempfile.TemporaryDirectory())}))
            for name, way in instead.items():
                stack.enter_context(mock.patch.object(pulp, name, way))
            with self.assertRaises(LeftOut) as caught:
                pulp.pulp().run(io.StringIO())
        return str(caught.exception)

    def test_a_package_that_is_not_there_is_no_failure(self) -> None:
        words = self.leave_out(make_venv=mock.Mock(side_effect=pythons.Failed("`pip install` ended with exit code 1.")))
        assert words == "Pulp cannot be installed. `pip install` ended with exit code 1."

    def test_a_database_that_is_not_there_is_no_failure(self) -> None:
        words = self.leave_out(make_venv=mock.Mock(), run=mock.Mock(return_value="There is no apt-get here.\n"))
        assert words == "Pulp cannot be started. There is no apt-get here."


class Releases(unittest.TestCase):
    """What docs/RELEASING.md says of releases."""

    def test_the_guide_names_every_section_that_decides_the_version(self) -> None:
        text = " ".join((CHECKOUT / "docs" / "RELEASING.md").read_text(encoding="utf-8").split())
        for sections, kind in zip(release._STEPS, ("major", "minor")):
            told = re.search(rf"((?:`\w+`(?:, | and )?)+) (?:require )?a {kind} version", text)
            assert told is not None
            assert set(re.findall(r"`(\w+)`", told[1])) == set(sections.split())


class Watched(unittest.TestCase):
    """The registries that the event source watches."""

    def test_a_registry_comes_back_where_it_was(self) -> None:
        registry = event_registries.fake(CHECKOUT)
        self.addCleanup(registry.stop)
        hosts = []
        for _time in range(2):
            registry.start()
            hosts.append(registry.host)
            event_registries.move(registry.host, "production", 0)
            registry.stop()
            with self.assertRaises(OSError):
                event_registries.move(registry.host, "production", 0)
        assert hosts[0] == hosts[1]

    def test_a_program_that_is_not_there_is_no_failure(self) -> None:
        for said, told in ('\'{"missing": "There is no apt-get here."}\'', "There is no apt-get here."), ("''", "it does not start."):
            registry = event_registries.Registry("A registry", ["-c", f"print({said}, end='')"])
            self.addCleanup(registry.stop)
            with self.assertRaises(LeftOut) as caught:
                registry.start()
            assert str(caught.exception) == f"A registry cannot be watched: {told}"


if __name__ == "__main__":
    unittest.main()
