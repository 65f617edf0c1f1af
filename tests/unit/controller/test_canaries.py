# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run by the real Ansible, as talkative as it gets: no secret in output, logs, async and temporary files, or command lines."""

from __future__ import annotations

import json
import os
import sys
import threading
import typing as t
from collections import Counter
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import assert_clean, run_ansible
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.canary import find_secrets
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
Task = dict[str, t.Any]
PREFIX = "ocitools.registry."
PASSWORD = "c4nary/pass+w\u00f6rd=&"
IDENTITY = "c4nary-identity/token+x=="


class _CommandLines:
    """Reads the command line of every new process, thrice, since a program may start another one in its place."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._looked = Counter(os.listdir("/proc") * 3)
        self._seen: set[bytes] = set()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            for name in os.listdir("/proc"):
                if name.isdigit() and self._looked[name] < 3:
                    self._looked[name] += 1
                    try:
                        self._seen.add(Path("/proc", name, "cmdline").read_bytes())
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
        """All command lines that were seen."""
        return b"\n".join(self._seen)


class Controller:
    """A controller with a home of its own; ``run`` returns all that a playbook printed, after a search for secrets everywhere."""

    def __init__(self, home: Path, folder: Path) -> None:
        self._home = home
        self._folder = folder
        self.secrets: list[t.Callable[[], list[str]]] = []

    def _settings(self) -> dict[str, str]:
        return {
            **{f"ANSIBLE_{side}_TEMP": str(self._folder / side.lower()) for side in ("LOCAL", "REMOTE")},
            "ANSIBLE_CONFIG": str(self._folder / "ansible.cfg"),
            "ANSIBLE_DISPLAY_TRACEBACK": "always",
            "ANSIBLE_LOG_PATH": str(self._folder / "log"),
        }

    def play(self, tasks: t.Sequence[Task], variables: dict[str, t.Any], *arguments: str) -> str:
        """Run the tasks on this machine; secrets come in by a file of variables."""
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        (self._folder / "play.yml").write_text(json.dumps([play]))
        return self.run("playbook", variables, *arguments, str(self._folder / "play.yml"))

    def run(self, program: str, variables: dict[str, t.Any], *arguments: str) -> str:
        """Run ``ansible-playbook`` or ``ansible`` (``adhoc``)."""
        (self._folder / "ansible.cfg").write_text("[defaults]\n")
        secret = self._home.parent / f"{self._home.name}-secret.json"  # not among what is searched
        secret.write_text(json.dumps({"ansible_python_interpreter": sys.executable, **variables}))
        words = ["-i", "localhost,", "-c", "local", "-e", f"@{secret}", *arguments]
        with _CommandLines() as lines:
            done = run_ansible(program, words, self._folder, **self._settings())
        shown = done.stdout + done.stderr
        assert done.returncode == 0, shown
        known = [text for secrets in self.secrets for text in secrets()]
        assert b"ansible" in lines.text
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


def _echoing(make_registry: MakeRegistry, auth: t.Any, secret: str) -> FakeRegistry:
    """A registry that tells everybody what it was told, in errors and warnings."""
    registry = make_registry(auth=auth)
    matrix.fill(registry)
    spoil = matrix.FAULTS["an error that echoes"]
    spoil(registry.on(times=None, where=lambda request: request.endpoint != "token"))
    registry.style.warning = f"I know {secret.encode().decode('latin-1')}"
    return registry


def _lookup(options: Task, result: str = "digest") -> str:
    given = ", ".join(f"{name}={json.dumps(value) if '{{' not in str(value) else value.strip('{} ')}" for name, value in options.items())
    return f"{{{{ lookup('ocitools.registry.registry_digest', 'app:1', {given.replace('true', 'True')}, result='{result}') }}}}"


def _ignored(module: str, options: Task, **more: t.Any) -> Task:
    return {f"{PREFIX}{module}": options, "ignore_errors": True, **more}


def _failing(make_registry: MakeRegistry, folder: Path, variables: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """Modules and the lookup at registries that echo what they are told, and secrets of the wrong type."""
    registry = _echoing(make_registry, Basic("canary-user", PASSWORD), PASSWORD)
    tokens = _echoing(make_registry, TokenAuth({"canary-user": User(identity_token=IDENTITY)}), IDENTITY)
    options, more = _login(registry)
    tasks = [_ignored(module, {**options, **matrix.task(module, registry, folder)}) for module in ("registry_copy", "registry_push")]
    variables.update(more, secret_auths={"auths": {"a": {"auth": PASSWORD}}})
    info = {"name": ["app:1"], "details": "config"}
    tasks.append(_ignored("registry_image_info", {**options, **info}, **{"async": 60, "poll": 1}))
    monkeypatch.setenv("OCITOOLS_REGISTRY", registry.host)
    monkeypatch.setenv("OCITOOLS_REGISTRY_USERNAME", "canary-user")
    monkeypatch.setenv("OCITOOLS_REGISTRY_PASSWORD", PASSWORD)
    known = {name: value for name, value in options.items() if name not in ("username", "password")}
    tasks.append(_ignored("registry_image_info", {**known, **info}))
    options, more = _login(tokens)
    variables.update(more)
    tasks.append(_ignored("registry_image_info", {**options, **info}))
    platform = {"platform": "linux/amd64"}  # for this the manifest is read, so that there is an answer to tell
    lookups = [_lookup({**options, **changes}) for changes in (platform, {"auth_config": "{{ secret_auths }}"}, {"timeout": "never"})]
    return tasks + [{"ansible.builtin.debug": {"msg": lookup}, "ignore_errors": True} for lookup in lookups]


def test_t37_everything_that_fails_with_everything_shown(
    make_registry: MakeRegistry, controller: Controller, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables: dict[str, t.Any] = {}
    tasks = _failing(make_registry, tmp_path, variables, monkeypatch)
    shown = controller.play(tasks, variables, "-vvvv", "--diff")
    assert f"ignored={len(tasks)} " in shown
    assert shown.count("I was told") >= 3
    assert shown.count("warns: I know ********") >= 2
    jobs = [path.read_text() for path in (home / ".ansible_async").iterdir() if path.is_file()]
    assert len(jobs) == 1
    assert "I was told" in jobs[0]


def test_t37_what_works_in_check_mode_with_differences(make_registry: MakeRegistry, controller: Controller, tmp_path: Path) -> None:
    registry = make_registry(auth=Basic("canary-user", PASSWORD), warning=f"I know {PASSWORD}")
    matrix.fill(registry)
    registry.add_image("app", "hostile", config={"config": {"Labels": {"evil": "{{ lookup('pipe', 'id') }}", PASSWORD: "key"}}})
    options, variables = _login(registry)
    tasks: list[Task] = [
        {f"{PREFIX}registry_image_info": {**options, "name": ["app:hostile"], "details": "config"}, "register": "found"},
        {"ansible.builtin.debug": {"msg": "{{ found.images[0].labels }}"}},
        {"ansible.builtin.debug": {"msg": _lookup(options, "reference")}},
        {f"{PREFIX}registry_tag": {"name": "app:1", "tags": ["new"]}, "module_defaults": {f"group/{PREFIX}registry": options}},
        {f"{PREFIX}registry_push": {**options, **matrix.task("registry_push", registry, tmp_path)}},
    ]
    shown = controller.play(tasks, variables, "-vvvv", "--diff", "--check")
    assert registry.writes() == []
    assert shown.count("+++ after") == 2
    assert "lookup('pipe', 'id')" in shown
    assert "uid=" not in shown
    assert f"{registry.host}/app@sha256:" in shown


def test_t37_ansible_without_a_playbook(make_registry: MakeRegistry, controller: Controller) -> None:
    registry = make_registry(auth=Basic("canary-user", PASSWORD), warning=f"I know {PASSWORD}")
    matrix.fill(registry)
    options, variables = _login(registry)
    arguments = json.dumps({**options, "name": "app:1", "tags": ["2"]})
    shown = controller.run("adhoc", variables, "localhost", "-m", f"{PREFIX}registry_tag", "-a", arguments, "-vvvv", "--diff")
    assert set(registry.tags("app")) == {"1", "old", "2"}
    assert "********" in shown
