# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run by the real Ansible that end before their time: a worker that is killed, Ctrl-C, a task that asks to exit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import ansible_command
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import put, temporary_files
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import IMAGE, push
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

PREFIX = "ocitools.registry.registry_"
LONG = 60  # seconds: a play that takes them hangs
# An action of somebody else that runs a task of ours, whose body does what no body should.
ACTION = """
from ansible_collections.ocitools.registry.plugins.plugin_utils._registry_action import RegistryAction
from ansible_collections.ocitools.registry.plugins.module_utils._core.fanout import fan_out


class ActionModule(RegistryAction):
    options = {"error": {"type": "str"}, "workers": {"type": "int"}}

    @staticmethod
    def run_task(task):
        def fail(number):
            raise {"SystemExit": SystemExit, "MemoryError": MemoryError, "OSError": OSError}[task.params["error"]](number)

        fan_out(fail, [3, 3], task.params["workers"])
"""

Kill = t.Callable[[int], None]


def start(folder: Path, tasks: t.Sequence[dict[str, t.Any]]) -> subprocess.Popen[str]:
    """Start a play of the tasks on this machine, in a group of processes of its own."""
    (folder / "remote").mkdir(0o700)
    (folder / "play.yml").write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    variables = json.dumps({"ansible_python_interpreter": sys.executable})
    places = {"ANSIBLE_LOCAL_TEMP": str(folder / "local"), "ANSIBLE_REMOTE_TMP": str(folder / "remote")}
    command, environ = ansible_command("playbook", ["-i", "localhost,", "-e", variables, "play.yml"], **places)
    return subprocess.Popen(
        command,
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )


def wait(process: subprocess.Popen[str]) -> str:
    """Wait for the end of a play and return what it printed."""
    try:
        return process.communicate(timeout=LONG)[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def kill_worker(number: int) -> Kill:
    """Return what sends a signal to the workers of a play."""

    def kill(play: int) -> None:
        for worker in Path(f"/proc/{play}/task/{play}/children").read_text().split():
            os.kill(int(worker), number)

    return kill


def press_ctrl_c(play: int) -> None:
    """Send what a terminal sends: the signal to every process of the group."""
    os.killpg(play, signal.SIGINT)


class Ends:
    """Ends a play, once it is known, when so many requests have come."""

    def __init__(self, kill: Kill, requests: int) -> None:
        self._kill, self._left = kill, requests
        self._lock, self._known = threading.Lock(), threading.Event()

    def aim(self, play: int) -> None:
        """Name the play."""
        self._play = play
        self._known.set()

    def __call__(self, _request: t.Any) -> None:
        with self._lock:
            self._left -= 1
            due = self._left == 0
        if due and self._known.wait(LONG):
            self._kill(self._play)


@pytest.mark.parametrize("kill", [kill_worker(signal.SIGTERM), kill_worker(signal.SIGHUP), press_ctrl_c], ids=["TERM", "HUP", "ctrl-c"])
@pytest.mark.parametrize("endpoint", ["put_upload", "get_blob"])
def test_a_play_that_is_ended_does_not_hang_and_leaves_nothing(registry: FakeRegistry, tmp_path: Path, kill: Kill, endpoint: str) -> None:
    put(registry, "there", "1", IMAGE)
    (tmp_path / "image").mkdir()
    pull = registry.args(name="there:1", path=str(tmp_path / "image"), concurrency=3)
    task = {f"{PREFIX}push": push(registry, tmp_path, concurrency=3)} if endpoint == "put_upload" else {f"{PREFIX}pull": pull}
    ends = Ends(kill, 3)
    registry.on(endpoint, times=None).call(ends).silence()
    process = start(tmp_path, [task, {f"{PREFIX}tag": registry.args(name="there:1", tags=["never"])}])
    ends.aim(process.pid)
    shown = wait(process)
    assert process.returncode != 0, shown
    assert registry.sessions("app") == []
    assert temporary_files(tmp_path / "image") == []
    assert list((tmp_path / "remote").iterdir()) == []
    assert set(registry.tags("there")) == {"1"}


def test_a_body_that_asks_to_exit_fails_its_task_and_the_play_goes_on(registry: FakeRegistry, tmp_path: Path) -> None:
    (tmp_path / "action_plugins").mkdir()
    (tmp_path / "action_plugins" / "bad.py").write_text(ACTION)
    registry.add_image("app", "1")
    errors = ["SystemExit", "MemoryError", "OSError"]
    tasks: list[dict[str, t.Any]] = [
        {"bad": {"error": error, "workers": workers}, "register": f"{error}{workers}", "ignore_errors": True}
        for error in errors
        for workers in (1, 2)
    ]
    told = [f"{error}{workers}.msg is match('Unexpected {error}: 3')" for error in errors for workers in (1, 2)]
    tasks += [{"ansible.builtin.assert": {"that": told}}, {f"{PREFIX}tag": registry.args(name="app:1", tags=["2"])}]
    process = start(tmp_path, tasks)
    shown = wait(process)
    assert process.returncode == 0, shown
    assert set(registry.tags("app")) == {"1", "2"}
