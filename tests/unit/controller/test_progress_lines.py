# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run by the real Ansible against a registry that does not answer yet: what they tell meanwhile, and where."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import ansible_command
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

PASSWORD = "c4nary/pass+word=&"
PUSH = "ocitools.registry.registry_push"


class Play(t.NamedTuple):
    """What a playbook has printed."""

    stdout: str
    stderr: str
    rc: int

    @property
    def lines(self) -> list[str]:
        """The lines about the push."""
        return [line for line in self.stderr.splitlines() if "registry_push " in line]


@pytest.fixture
def registry(make_registry: MakeRegistry) -> FakeRegistry:
    """A registry with one user."""
    return make_registry(auth=Basic("deploy-user", PASSWORD))


def push(
    registry: FakeRegistry,
    folder: Path,
    variables: dict[str, t.Any],
    options: t.Sequence[str] = (),
    hosts: str = "localhost,",
    waiting: str = " of ",
    no_log: bool = False,
    settings: t.Mapping[str, str] | None = None,
) -> Play:
    """Push an image in a playbook; its manifest is held up until a line with ``waiting`` was printed."""
    path = images.write_layout(folder / "layout", {"1.0": images.image(layers=("a" * 3000,))})
    arguments = {**registry.args(path=path, name="app:1.0"), "concurrency": 1}
    tasks = [{PUSH: arguments, "delegate_to": "localhost", "run_once": True, "no_log": no_log}]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    (folder / "vars.json").write_text(
        json.dumps({"ansible_python_interpreter": sys.executable, "ansible_connection": "local", **variables})
    )
    command, environ = ansible_command("playbook", [*options, "-i", hosts, "-e", "@vars.json", "play.yml"], **(settings or {}))
    hold = registry.on("put_manifest").hold() if waiting else None
    with (folder / "stdout").open("w") as stdout:
        process = subprocess.Popen(
            command, env=environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, encoding="utf-8"
        )
        deadline = threading.Timer(60, process.kill)
        deadline.start()
        stderr = ""
        for line in t.cast("t.IO[str]", process.stderr):
            stderr += line
            if hold and waiting in line:
                hold.release()
        process.wait()
        deadline.cancel()
    return Play((folder / "stdout").read_text(), stderr, process.returncode)


@pytest.mark.parametrize("settings", [{}, {"ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml"}, {"ANSIBLE_STDOUT_CALLBACK": "minimal"}])
def test_a_task_that_takes_long_tells_how_far_it_is_on_stderr(registry: FakeRegistry, tmp_path: Path, settings: dict[str, str]) -> None:
    play = push(registry, tmp_path, {"ocitools_registry_progress": 0.2}, settings=settings)
    assert play.rc == 0, play
    assert f"registry_push {registry.host}/app:1.0: " in play.lines[0]
    assert " (100 %)" in play.lines[-1]
    assert "registry_push " not in play.stdout.replace("ocitools.registry.registry_push", "")
    assert not {"\r", "\x1b"} & set(play.stderr)
    assert PASSWORD not in play.stderr + play.stdout


def test_with_v_each_finished_blob_is_told(registry: FakeRegistry, tmp_path: Path) -> None:
    play = push(registry, tmp_path, {}, ["-v"], waiting=": uploaded")
    assert [line for line in play.lines if line.endswith(": uploaded")][1:], play
    assert PASSWORD not in play.stderr + play.stdout


def test_a_short_task_prints_no_line(registry: FakeRegistry, tmp_path: Path) -> None:
    play = push(registry, tmp_path, {}, waiting="")
    assert (play.rc, play.lines) == (0, [])


def test_no_log_hides_lines(registry: FakeRegistry, tmp_path: Path) -> None:
    play = push(registry, tmp_path, {"ocitools_registry_progress": 0.001}, ["-v"], waiting="", no_log=True)
    assert (play.rc, play.lines) == (0, [])


def test_zero_turns_lines_off(registry: FakeRegistry, tmp_path: Path) -> None:
    play = push(registry, tmp_path, {"ocitools_registry_progress": 0}, ["-v"], waiting="")
    assert (play.rc, play.lines) == (0, [])


def test_lines_of_several_hosts_name_theirs(registry: FakeRegistry, tmp_path: Path) -> None:
    play = push(registry, tmp_path, {"ocitools_registry_progress": 0.2}, hosts="web1,web2,")
    assert play.rc == 0, play
    assert play.lines[0].startswith(f"web1: registry_push {registry.host}/app:1.0: ")


@pytest.mark.parametrize("seconds", ["often", -1, True])
def test_a_pause_that_is_no_number_is_refused(registry: FakeRegistry, tmp_path: Path, seconds: t.Any) -> None:
    play = push(registry, tmp_path, {"ocitools_registry_progress": seconds}, waiting="")
    assert play.rc == 2
    assert "The variable ocitools_registry_progress is" in play.stdout
    assert registry.log() == []
