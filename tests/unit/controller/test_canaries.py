# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run by the real Ansible, as talkative as it gets: no secret in output, logs, async and temporary files, or command lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import ROOT, assert_clean
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.canary import find_secrets
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
Task = dict[str, t.Any]
PREFIX = "ocitools.registry."
PASSWORD = "c4nary/pass+w\u00f6rd=&"
IDENTITY = "c4nary-identity/token+x=="


class _CommandLines:
    """Reads the command line of every process again and again, and keeps what is new."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._seen: set[bytes] = set()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self._seen.add(path.read_bytes())
                except OSError:
                    continue

    def __enter__(self) -> _CommandLines:
        self._thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def text(self) -> bytes:
        return b"\n".join(self._seen)


class Controller:
    """A controller with a home of its own; ``run`` returns all that a playbook printed, after a search for secrets everywhere."""

    def __init__(self, home: Path, folder: Path) -> None:
        self._home = home
        self._folder = folder
        self.secrets: list[t.Callable[[], list[str]]] = []

    def _environ(self) -> dict[str, str]:
        temporary = {f"ANSIBLE_{side}_TEMP": str(self._folder / side.lower()) for side in ("LOCAL", "REMOTE")}
        return {
            **os.environ,
            **temporary,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT),
            "ANSIBLE_CONFIG": str(self._folder / "ansible.cfg"),
            "ANSIBLE_DISPLAY_TRACEBACK": "always",
            "ANSIBLE_LOG_PATH": str(self._folder / "log"),
            "ANSIBLE_COLLECTIONS_ON_ANSIBLE_VERSION_MISMATCH": "ignore",
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        }

    def run(self, tasks: t.Sequence[Task], variables: dict[str, t.Any], *arguments: str) -> str:
        """Run the tasks on this machine; secrets come in by a file of variables."""
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        (self._folder / "ansible.cfg").write_text("[defaults]\n")
        (self._folder / "play.yml").write_text(json.dumps([play]))
        secret = self._home.parent / f"{self._home.name}-secret.json"  # not among what is searched
        secret.write_text(json.dumps({"ansible_python_interpreter": sys.executable, **variables}))
        code = "from ansible.cli.playbook import main; main()"
        command = [sys.executable, "-c", code, "-i", "localhost,", "-e", f"@{secret}", *arguments, str(self._folder / "play.yml")]
        with _CommandLines() as lines:
            done = subprocess.run(command, env=self._environ(), capture_output=True, cwd=self._folder, timeout=240, check=False)
        shown = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == 0, shown
        known = [text for secrets in self.secrets for text in secrets()]
        assert_clean(shown, *known)
        assert_clean(lines.text, *known)
        for folder in (self._home, self._folder):
            for path in folder.rglob("*"):
                found = find_secrets(path.read_bytes(), known) if path.is_file() else []
                assert not found, f"{path} holds {found}"
        return shown


@pytest.fixture
def controller(home: Path, tmp_path: Path, made: list[FakeRegistry]) -> Controller:
    """A controller that knows the secrets of all registries of the test."""
    folder = tmp_path / "controller"
    folder.mkdir()
    control = Controller(home, folder)
    control.secrets.append(lambda: [secret for registry in made for secret in registry.secrets()])
    return control


def _login(registry: FakeRegistry) -> tuple[Task, dict[str, t.Any]]:
    """Return the connection options, secrets as variables, and those variables."""
    options, variables = registry.args(retries=0), {}
    for name in ("password", "identity_token"):
        if name in options:
            variables[f"secret_{name}"] = options[name]
            options[name] = f"{{{{ secret_{name} }}}}"
    return options, variables


def _echoing(make_registry: MakeRegistry, **options: t.Any) -> FakeRegistry:
    """A registry that tells everybody what it was told, in errors and warnings."""
    registry = make_registry(**options)
    matrix.fill(registry)
    spoil = matrix.FAULTS["an error that echoes"]
    spoil(registry.on(times=None, where=lambda request: request.endpoint != "token"))
    registry.style.warning = f"I know {PASSWORD}"
    return registry


def _lookup(options: Task, result: str = "digest") -> str:
    given = ", ".join(f"{name}={json.dumps(value) if '{{' not in str(value) else value.strip('{} ')}" for name, value in options.items())
    return f"{{{{ lookup('ocitools.registry.registry_digest', 'app:1', {given.replace('true', 'True')}, result='{result}') }}}}"


@pytest.mark.parametrize("login", ["password", "identity token"])
def test_t37_all_modules_with_everything_shown(make_registry: MakeRegistry, controller: Controller, tmp_path: Path, login: str) -> None:
    auth = Basic("canary-user", PASSWORD) if login == "password" else TokenAuth({"canary-user": User(identity_token=IDENTITY)})
    registry = _echoing(make_registry, auth=auth)
    options, variables = _login(registry)
    modules = matrix.MODULES if login == "password" else ["registry_tag"]
    tasks: list[Task] = [
        {f"{PREFIX}{module}": {**options, **matrix.task(module, registry, tmp_path)}, "ignore_errors": True} for module in modules
    ]
    tasks += [
        {"ansible.builtin.debug": {"msg": _lookup(options)}, "ignore_errors": True},
        {"ansible.builtin.debug": {"msg": _lookup({**options, "auth_config": "{{ secret_auths }}"})}, "ignore_errors": True},
        {"ansible.builtin.debug": {"msg": _lookup({**options, "timeout": "never"})}, "ignore_errors": True},
    ]
    variables["secret_auths"] = {"auths": {"a": {"auth": PASSWORD}}}
    shown = controller.run(tasks, variables, "-vvvv", "--diff")
    assert shown.count("I was told") >= len(modules)
    assert "********" in shown
    assert f"ignored={len(tasks)}" in shown


def test_t37_check_mode_differences_and_text_of_the_registry(make_registry: MakeRegistry, controller: Controller, tmp_path: Path) -> None:
    registry = make_registry(auth=Basic("canary-user", PASSWORD), warning=f"I know {PASSWORD}")
    matrix.fill(registry)
    registry.add_image("app", "hostile", config={"config": {"Labels": {"evil": "{{ lookup('pipe', 'id') }}", PASSWORD: "key"}}})
    options, variables = _login(registry)
    writers = [module for module in matrix.MODULES if module not in matrix.READERS]
    tasks: list[Task] = [{f"{PREFIX}{module}": {**options, **matrix.task(module, registry, tmp_path)}} for module in writers]
    tasks += [
        {f"{PREFIX}registry_image_info": {**options, "name": ["app:hostile"], "details": "config"}, "register": "found"},
        {"ansible.builtin.debug": {"msg": "{{ found.images[0].labels }}"}},
        {"ansible.builtin.debug": {"msg": _lookup(options, "reference")}},
        {f"{PREFIX}registry_tag": {"name": "app:1", "tags": ["new"]}, "module_defaults": {f"group/{PREFIX}registry": options}},
    ]
    shown = controller.run(tasks, variables, "-vvvv", "--diff", "--check")
    assert registry.writes() == []
    assert shown.count("before: ") + shown.count("--- before") >= 3
    assert "lookup('pipe', 'id')" in shown
    assert "uid=" not in shown
    assert f"{registry.host}/app@sha256:" in shown


def test_t37_async_tasks_and_credentials_of_the_environment(
    make_registry: MakeRegistry, controller: Controller, home: Path, tmp_path: Path
) -> None:
    registry = _echoing(make_registry, auth=Basic("canary-user", PASSWORD))
    options, variables = _login(registry)
    environment = {"OCITOOLS_REGISTRY": registry.host, "OCITOOLS_REGISTRY_USERNAME": "canary-user"}
    tasks: list[Task] = [
        {
            f"{PREFIX}registry_tag": {**options, **matrix.task("registry_tag", registry, tmp_path)},
            "async": 60,
            "poll": 1,
            "ignore_errors": True,
        },
        {
            f"{PREFIX}registry_info": {"registry": registry.host, "plain_http": True, "retries": 0},
            "environment": {**environment, "OCITOOLS_REGISTRY_PASSWORD": "{{ secret_password }}"},
            "ignore_errors": True,
        },
        {
            f"{PREFIX}registry_tag": {**options, **matrix.task("registry_tag", registry, tmp_path)},
            "async": 60,
            "poll": 0,
            "register": "job",
        },
        {
            "ansible.builtin.wait_for": {"path": "{{ job.results_file }}", "search_regex": "I was told", "timeout": 30, "sleep": 1},
        },
    ]
    shown = controller.run(tasks, variables, "-vvvv")
    assert "ignored=2" in shown
    results = [path.read_text() for path in (home / ".ansible_async").iterdir() if path.is_file()]
    assert any("I was told" in text for text in results)
