# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run by the real Ansible: auth_config in every form a play may give it, and documents of others that stay data."""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import plugin, run_ansible
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

PASSWORD = "c4nary/pass+word=&"
INFO = "ocitools.registry.registry_image_info"


def play(folder: Path, tasks: list[dict[str, t.Any]], variables: dict[str, t.Any], **settings: str) -> str:
    """Run the tasks on this machine and return all that was printed."""
    (folder / "play.yml").write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    (folder / "vars.json").write_text(json.dumps({"ansible_python_interpreter": sys.executable, **variables}))
    done = run_ansible("playbook", ["-i", "localhost,", "-e", "@vars.json", "play.yml"], folder, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def registry(make_registry: MakeRegistry) -> FakeRegistry:
    """A registry with one user."""
    made = make_registry(auth=Basic("deploy-user", PASSWORD))
    made.add_image("app", "1")
    return made


def test_auth_config_may_come_in_any_form(registry: FakeRegistry, tmp_path: Path, home: Path) -> None:
    auths = {"auths": {registry.host: {"username": "deploy-user", "password": PASSWORD}}}
    (tmp_path / "auths.json").write_text(json.dumps(auths))
    forms: dict[str, t.Any] = {
        "a dictionary": auths,
        "a dictionary with a template in it": {"auths": {registry.host: {"username": "deploy-user", "password": "{{ the_password }}"}}},
        "text": json.dumps(auths),
        "a variable that is a dictionary": "{{ the_auths }}",
        "a variable that is text": "{{ the_text }}",
        "a filter": "{{ the_auths | to_json }}",
        "a file": "{{ lookup('ansible.builtin.file', 'auths.json') }}",
    }
    variables = {"the_auths": auths, "the_text": json.dumps(auths), "the_password": PASSWORD}
    common = registry.args(credentials=False, use_auth_file=False)
    tasks: list[dict[str, t.Any]] = [
        {"name": name, INFO: {**common, "name": ["app:1"], "auth_config": form}} for name, form in forms.items()
    ]
    options = ", ".join(f"{name}={value!r}" for name, value in common.items())
    for form in ("the_auths", "the_text", "the_auths | to_json", "lookup('ansible.builtin.file', 'auths.json')"):
        look = f"lookup('ocitools.registry.registry_digest', 'app:1', {options}, auth_config={form})"
        tasks.append({"ansible.builtin.assert": {"that": [f"{look} is match('sha256:')"], "quiet": True}})
    for form in ("{{ the_auths }}", "{{ the_text }}"):
        look = f"lookup('ocitools.registry.registry_digest', 'app:1', {options})"
        tasks.append({"ansible.builtin.assert": {"that": [f"{look} is match('sha256:')"]}, "vars": {"ocitools_registry_auth_config": form}})
    shown = play(tmp_path, tasks, variables)
    assert PASSWORD not in shown
    assert "ok=13" in shown


@pytest.mark.parametrize("in_process", [True, False])
def test_t50_no_document_of_a_registry_becomes_a_template_warning_or_type(
    make_registry: MakeRegistry, tmp_path: Path, home: Path, in_process: bool
) -> None:
    registry = make_registry()
    proof = tmp_path / "it-ran"
    template = f"{{{{ lookup('ansible.builtin.pipe', 'touch {proof}') }}}}"
    tagged = {"__ansible_type": "_AnsibleTaggedStr", "value": template, "tags": [{"__ansible_type": "TrustedAsTemplate"}]}
    warning = {"__ansible_type": "DeprecationSummary", "event": {"__ansible_type": "Event", "msg": "c4nary-warning"}}
    registry.add_image(
        "app", "1", config={"config": {"Labels": {}}, "tagged": tagged, "deprecations": [warning], "vault": {"__ansible_vault": "x"}}
    )
    tasks: list[dict[str, t.Any]] = [
        {INFO: registry.args(name=["app:1"], details="config"), "register": "look"},
        {"ansible.builtin.set_fact": {"kept": "{{ look.images[0].config }}", "cacheable": True}},
        {"ansible.builtin.debug": {"var": "kept.tagged"}},
        {
            "ansible.builtin.assert": {
                "that": ["kept.tagged.renamed__ansible_type == '_AnsibleTaggedStr'", "kept.vault.renamed__ansible_vault == 'x'"]
            }
        },
    ]
    settings = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts")}
    first = play(tmp_path, tasks, {"ocitools_registry_in_process": in_process}, **settings)
    again = play(tmp_path, [{"ansible.builtin.debug": {"msg": "{{ ansible_facts.kept | default(kept) }}"}}], {}, **settings)
    assert not proof.exists()
    for shown in (first, again):
        assert "[DEPRECATION WARNING]: c4nary" not in shown
        assert "[WARNING]: c4nary" not in shown


def test_keys_are_those_that_a_module_gets() -> None:
    given = {True: "yes", None: "null", 2: "a number", 1.5: {False: "no"}, "text": "text"}
    assert plugin("plugin_utils._arguments").plain(given) == json.loads(json.dumps(given))
