# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run by the real Ansible: variables whose names begin as those for options of the lookup do."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.plugins.harness import run_ansible
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

LOOK = "lookup('ocitools.registry.registry_digest', 'app:1')"


def test_a_variable_of_the_user_is_no_option_of_the_lookup(registry: FakeRegistry, tmp_path: Path, home: Path) -> None:
    added = registry.add_image("app", "1")
    variables: dict[str, t.Any] = {
        "ocitools_registry_registry": "{{ the_host }}",
        "ocitools_registry_plain_http": "{{ 'yes' }}",
        "ocitools_registry_digest": f"{{{{ {LOOK} }}}}",
        "ocitools_registry_later": "{{ not_known_yet }}",
    }
    asserts = {"that": [f"ocitools_registry_digest == '{added.digest}'"], "quiet": True}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables}
    (tmp_path / "play.yml").write_text(json.dumps([{**play, "tasks": [{"ansible.builtin.assert": asserts}]}]))
    done = run_ansible("playbook", ["-i", "localhost,", "-e", f"the_host={registry.host}", "play.yml"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert registry.log() == ["HEAD /v2/app/manifests/1"]


def test_lists_and_dictionaries_of_a_play_are_taken_without_warnings(registry: FakeRegistry, tmp_path: Path, home: Path) -> None:
    registry.add_image("app", "1")
    key = Path(__file__).resolve().parents[1] / "nowhere.pub"
    look = f"lookup('ocitools.registry.registry_digest', '{registry.name('app:1')}', plain_http=true, allowed_hosts=['a.example']"
    tasks: list[dict[str, t.Any]] = [
        {"ansible.builtin.assert": {"that": [f"{look}) is match('sha256:')"], "quiet": True}},
        {"ansible.builtin.debug": {"msg": f"{{{{ {look}, verify={{'keys': ['{key}']}}, errors='ignore') }}}}"}},
    ]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    done = run_ansible("playbook", ["-i", "localhost,", "play.yml"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DEPRECATION" not in done.stdout + done.stderr
