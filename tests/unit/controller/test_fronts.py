# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run by the real Ansible: each task runs where it should, in Ansible's worker or as a module, and gives the same result."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import run_ansible
from ansible_collections.ocitools.registry.tests.unit.plugins.pushes import image, layout
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, decode_basic
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

PREFIX = "ocitools.registry.registry_"
Task = dict[str, t.Any]
SECRET = "c4nary/pass+word=&"


def play(folder: Path, tasks: list[Task], variables: Task, *words: str, inventory: str = "localhost,", **settings: t.Any) -> str:
    """Run the tasks on this machine and return all that was printed."""
    (folder / "remote").mkdir(0o700, parents=True, exist_ok=True)
    whole = {"hosts": "all", "connection": "local", "gather_facts": False, "tasks": tasks, **settings}
    (folder / "play.yml").write_text(json.dumps([whole]))
    (folder / "vars.json").write_text(json.dumps(variables))
    places = {"ANSIBLE_ASYNC_DIR": str(folder / "jobs"), "ANSIBLE_REMOTE_TMP": str(folder / "remote")}
    habits = {"ANSIBLE_FORKS": "4", "ANSIBLE_PIPELINING": "true", "ANSIBLE_INJECT_INVOCATION": "true"}
    done = run_ansible("playbook", ["-i", inventory, "-e", "@vars.json", *words, "play.yml"], folder, **places, **habits)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def where(shown: str) -> dict[str, str]:
    """Return for each named task, from the output at -vvv, where it ran."""
    parts = re.split(r"^TASK \[([^\]]+)\].*$", shown, flags=re.MULTILINE)[1:]
    return {name: "module" if "Using module file" in text else "here" for name, text in zip(parts[::2], parts[1::2])}


# The same results


def _cases(registry: FakeRegistry, folder: Path) -> t.Iterator[tuple[str, str, Task, Task]]:
    """Yield for each module tasks that work, that fail, and that are refused: a name, the module, its options and keywords."""
    folder.mkdir()
    for module in matrix.MODULES:
        options = {**registry.args(retries=0), **matrix.task(module, registry, folder)}
        if module not in matrix.READERS:
            yield f"{module} predicts", module, options, {"check_mode": True}
        yield module, module, options, {}
        yield f"{module} denied", module, {**options, "password": "c4nary-wrong", "timeout": "5", "concurrency": 1}, {}
    plain = registry.args(retries=0)
    yield "absent", "registry_image_info", {**plain, "name": ["app:nothing"], "expected": 3}, {}
    yield "an alias and its option", "registry_image_info", {**plain, "name": ["app:1"], "image": ["app:old"]}, {}
    yield "a number for a tag", "registry_tag", {**plain, "name": "app:1", "tags": 1.10}, {}
    yield "an insecure option", "registry_info", {**plain, "plain_http": False, "validate_certs": "no"}, {}
    yield "user information", "registry_image_info", {**plain, "name": [f"user:{SECRET}@{registry.host}/app:1"]}, {}
    yield "a file with a mode", "registry_pull", {**plain, "name": "app:1", "path": "relative/image", "mode": "0750"}, {}
    yield "a number of another type", "registry_pull", {**plain, "name": "app:1", "path": "x", "timeout": "long"}, {}
    yield "misspelt", "registry_prune", {**plain, "nmae": "app", "pasword": "c4nary-misspelt"}, {}
    yield "unchanged", "registry_tag", {**plain, "name": "app:1", "tags": ["1", "2"]}, {}


def test_both_fronts_give_the_same_results(make_registry: MakeRegistry, tmp_path: Path) -> None:
    found: list[dict[str, t.Any]] = []
    for front in ("module", "here"):
        registry = make_registry(auth=Basic("canary-user", SECRET), warning="mind the gap")
        matrix.fill(registry)
        folder = tmp_path / front
        (folder / "relative").mkdir(parents=True)
        cases = list(_cases(registry, folder / "files"))
        tasks: list[Task] = [
            {"name": name, f"ocitools.registry.{module}": options, "register": f"r{number}", "ignore_errors": True, **more}
            for number, (name, module, options, more) in enumerate(cases)
        ]
        kept = ", ".join(f"{json.dumps(task['name'])}: {task['register']}" for task in tasks)
        copy = {"dest": str(tmp_path / f"{front}.json"), "content": f"{{{{ {{{kept}}} | to_json }}}}"}
        switch = {"ocitools_registry_in_process": front == "here", "ansible_python_interpreter": sys.executable}
        shown = play(folder, [*tasks, {"name": "keep", "ansible.builtin.copy": copy}], switch, "-vvv", "--diff")
        assert {place for name, place in where(shown).items() if name != "keep"} == {front}
        assert "c4nary" not in shown
        # A registered variable has no invocation before ansible-core 2.19.
        assert '"password": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"' in shown
        assert (folder / "relative" / "image").stat().st_mode & 0o777 == 0o750
        text = (tmp_path / f"{front}.json").read_text().replace(registry.host, "REGISTRY").replace(str(folder), "FOLDER")
        found.append({name: _comparable(result) for name, result in json.loads(text).items()})
    assert sorted(found[0]) == sorted(found[1])
    for name, result in found[0].items():
        assert result == found[1][name], name
    tagged = found[0]["registry_tag"]
    assert (tagged["changed"], tagged["diff"]["after"]) == (True, {"2": tagged["digest"]})
    assert tagged["warnings"] == ["The registry REGISTRY warns: mind the gap"]


def _comparable(result: dict[str, t.Any]) -> t.Any:
    """Return a result without what depends on the clock, and on where the files of the collection are."""

    def plain(value: t.Any) -> t.Any:
        if isinstance(value, dict):
            return {key: "TRACEBACK" if key == "exception" else plain(item) for key, item in value.items() if key != "elapsed"}
        return [plain(item) for item in value] if isinstance(value, list) else value

    return plain(result)


# Where a task runs


def _here(login: Task, look: Task) -> list[Task]:
    """Return tasks that run in Ansible's worker."""
    tag: Task = {f"{PREFIX}tag": {**login, "name": "app:1", "tags": ["predicted"]}}
    late: Task = {f"{PREFIX}image_info": {**login, "name": ["app:late"], "details": "config"}}
    return [
        {"name": "plain", **look},
        {"name": "loop", f"{PREFIX}tag": {**login, "name": "app:1", "tags": ["{{ item }}"]}, "loop": ["a", "b", "c"]},
        {"name": "check_mode", **tag, "check_mode": True},
        {"name": "throttle", **look, "throttle": 1},
        {"name": "run_once", **look, "run_once": True},
        {"name": "delegate_to", **look, "delegate_to": "second"},
        {"name": "no_log", **look, "no_log": True},
        {"name": "this Python", **look, "vars": {"ansible_python_interpreter": sys.executable}},
        {"name": "discovery", **look, "vars": {"ansible_python_interpreter": "auto_silent"}},
        {"name": "until", **late, "register": "look", "until": "look is success", "retries": 2, "delay": 0},
    ]


def _as_module(login: Task, look: Task, folder: Path) -> list[Task]:
    """Return tasks that run as modules."""
    (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / "sudo").write_text('#!/bin/sh\nwhile [ "$1" != /bin/sh ]; do shift; done\nexec "$@"\n')
    for name in ("python", "sudo"):
        (folder / name).chmod(0o755)
    secrets = ("username", "password")
    environ = {f"OCITOOLS_REGISTRY_{name.upper()}": login[name] for name in secrets}
    anonymous = {name: value for name, value in login.items() if name not in secrets}
    return [
        {"name": "async", **look, "async": 60, "poll": 1},
        {"name": "become", **look, "become": True, "vars": {"ansible_become_exe": str(folder / "sudo")}},
        {
            "name": "environment",
            f"{PREFIX}image_info": {**anonymous, "name": ["app:1"]},
            "environment": {"OCITOOLS_REGISTRY": login["registry"], **environ},
        },
        {"name": "another Python", **look, "vars": {"ansible_python_interpreter": str(folder / "python")}},
        {"name": "switched off", **look, "vars": {"ocitools_registry_in_process": "{{ 'no' }}"}},
        {
            "name": "a context",
            f"{PREFIX}pull": {**login, "name": "app:1", "path": str(folder / "image"), "setype": "x"},
            "ignore_errors": True,
        },
    ]


def test_keywords_of_tasks_hold_whichever_front_runs(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry(auth=Basic("canary-user", SECRET))
    digest = registry.add_image("app", "1").digest
    registry.on("get_manifest", path="/late$").answer(403, code="DENIED")
    registry.add_image("app", "late")
    login = registry.args(retries=0)
    look: Task = {f"{PREFIX}image_info": {**login, "name": ["app:1"]}}
    here, module = _here(login, look), _as_module(login, look, tmp_path)
    variables = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory = tmp_path / "hosts"
    inventory.write_text("first\nsecond ansible_connection=local ansible_python_interpreter=auto_silent\n")
    shown = play(tmp_path / "play", [*here, *module], {}, "-vvv", "--limit", "first", inventory=str(inventory), vars=variables)
    expected = {**{task["name"]: "here" for task in here}, **{task["name"]: "module" for task in module}}
    assert {name: place for name, place in where(shown).items() if name in expected} == expected
    assert set(registry.tags("app")) == {"1", "late", "a", "b", "c"}
    hidden = shown.partition("TASK [no_log]")[2].partition("TASK [")[0]
    assert digest not in hidden
    assert "censored" in hidden


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_hosts_that_run_beside_each_other_keep_their_credentials_apart(make_registry: MakeRegistry, tmp_path: Path, strategy: str) -> None:
    registries = [make_registry(auth=Basic(f"{name}-user", f"c4nary-{name}-password")) for name in ("first", "second")]
    for registry in registries:
        registry.add_image("app", "1")
    login = {name: f"{{{{ login.{name} }}}}" for name in ("registry", "username", "password")}
    options: Task = {**login, "plain_http": True, "retries": 0, "use_auth_file": False}
    lookup = "lookup('ocitools.registry.registry_digest', 'app:1', registry=login.registry, plain_http=True, use_auth_file=False"
    tasks: list[Task] = [
        {
            "name": "tags",
            f"{PREFIX}tag": {**options, "name": "app:1", "tags": ["{{ item }}"]},
            "loop": [f"t{number}" for number in range(8)],
        },
        {"name": "list", f"{PREFIX}tag_info": {**options, "name": "app"}, "register": "listed"},
        {
            "name": "anonymous",
            f"{PREFIX}tag_info": {"registry": options["registry"], "plain_http": True, "name": "app"},
            "ignore_errors": True,
        },
        {"name": "look", "ansible.builtin.debug": {"msg": f"{{{{ {lookup}, username=login.username, password=login.password) }}}}"}},
        {"name": "again", f"{PREFIX}image_info": {**options, "name": ["app:t7"]}},
    ]
    hosts = {
        registry.host.replace(":", "-"): {"login": {"registry": registry.host, **registry.auth.credentials()}} for registry in registries
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    shown = play(tmp_path / "play", tasks, {}, "-vvv", inventory=str(inventory), strategy=strategy)
    assert shown.count("requires credentials") >= 2
    for registry in registries:
        told = {decode_basic(request.headers.get("Authorization")) for request in registry.requests if "Authorization" in request.headers}
        assert told == {tuple(registry.auth.credentials().values())}
        assert len(registry.tags("app")) == 9
    assert "c4nary" not in shown


class Beside:
    """Notes which requests of hosts are answered beside each other: each waits for another one, but not for long where there is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Forget what was before."""
        self.most = self._now = 0
        self._met = threading.Event()

    def __call__(self, _request: t.Any) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            if self._now > 1:
                self._met.set()
        self._met.wait(0.5)
        with self._lock:
            self._now -= 1


def test_throttle_and_run_once_hold_for_several_hosts(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.add_image("app", "1")
    hosts = "first,second,third,"
    seen: dict[str, tuple[int, int]] = {}
    beside = Beside()
    registry.on("get_manifest", times=None).call(beside)
    ways: dict[str, Task] = {"forks": {}, "throttle": {"throttle": 1}, "run_once": {"run_once": True}}
    for name, keywords in ways.items():
        before = len(registry.named("get_manifest"))
        beside.begin()
        task: Task = {"name": name, f"{PREFIX}image_info": registry.args(name=["app:1"]), "register": "look", **keywords}
        told = {"name": "told", "ansible.builtin.assert": {"that": ["look.images[0].digest is match('sha256:')"]}}
        shown = play(tmp_path / name, [task, told], {"ansible_python_interpreter": sys.executable}, "-vvv", inventory=hosts)
        assert where(shown)[name] == "here"
        seen[name] = (len(registry.named("get_manifest")) - before, beside.most)
    assert seen["forks"] in ((3, 2), (3, 3))
    assert seen["throttle"] == (3, 1)
    assert seen["run_once"] == (1, 1)


def test_a_task_whose_time_is_over_leaves_no_session_and_the_play_goes_on(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.on("put_upload", times=None, path="/slow/").silence()
    registry.add_image("app", "1")
    push = {**registry.args(), "name": "slow:1", "path": layout(tmp_path, image("a", "b", "c", "d"))}
    tasks: list[Task] = [
        {"name": "slow", f"{PREFIX}push": push, "timeout": 2, "ignore_errors": True, "register": "slow"},
        {"name": "next", f"{PREFIX}tag": {**registry.args(), "name": "app:1", "tags": ["2"]}},
        {"name": "told", "ansible.builtin.assert": {"that": ["slow is failed", "'(2)' in slow.msg or slow.timedout.period == 2"]}},
    ]
    start = time.monotonic()
    shown = play(tmp_path / "play", tasks, {"ansible_python_interpreter": sys.executable})
    assert time.monotonic() - start < 40  # the timeout of a request is 60 seconds
    assert "ignored=1" in shown
    assert registry.sessions("slow") == []
    assert set(registry.tags("app")) == {"1", "2"}
