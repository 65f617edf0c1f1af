# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that runs the event source in ansible-rulebook: a tag moves, and a rule deploys the image by its digest."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import typing as t
from pathlib import Path

from environment import REQUIREMENTS, Job, LeftOut, collection_tree, environment, make_venv, run
from event_registries import PASSWORD, USER, Registry, Story, debian, fake, move
from pythons import Failed, find_controller, find_pythons

_SECONDS = 100  # the most that one rulebook takes, on a busy machine
_RULEBOOK = """\
- name: Deploy when a tag moves
  hosts: localhost
  sources:
    - name: Watch the production tag
      ocitools.registry.registry_tags:
        registry: "{{ host }}"
        images: [team/app:production, team/app:done]
        interval: 1
        retries: 0
        username: "{{ user }}"
        password: "{{ password }}"
        plain_http: true
  rules:
    - name: Deploy the new image by its digest
      condition: event.change == "moved"
      action:
        run_playbook:
          name: deploy.yml
          extra_vars:
            app_image: "{{ event.image }}"
    - name: Report trouble with the registry
      condition: event.error is defined
      action:
        run_playbook:
          name: trouble.yml
          extra_vars:
            kind: "{{ event.error.kind }}"
    - name: End
      condition: event.tag == "done"
      action:
        shutdown:
          message: The image is deployed.
          delay: 0
          kind: now
"""
_TROUBLE = """\
- name: Report trouble
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Note the kind of the error
      ansible.builtin.copy:
        content: "{{ kind }}"
        dest: "{{ trouble }}"
        mode: "0644"
"""
_PLAY = """\
- name: Deploy
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Look at the image that the event names
      ocitools.registry.registry_image_info:
        name: "{{ app_image }}"
        username: "{{ user }}"
        password: "{{ password }}"
        plain_http: true
      register: found
    - name: Deploy it
      ansible.builtin.copy:
        content: "{{ found.images[0].digest }}"
        dest: "{{ deployed }}"
        mode: "0644"
"""


def events() -> Job:
    """Return the job."""
    return Job("events", _events)


def find_java() -> Path:
    """Return the home of a Java of this machine, which ansible-rulebook needs."""
    named = os.environ.get("JAVA_HOME")
    program = shutil.which("java")
    homes = [Path(named)] if named else []
    homes += [Path(program).resolve().parents[1]] if program else []
    homes += sorted(Path("/usr/lib/jvm").glob("java-*"), reverse=True)
    for home in homes:
        if (home / "bin" / "java").is_file() and any(home.glob("lib/**/libjvm.so")):
            return home
    raise LeftOut("ansible-rulebook needs Java 17 or newer: install it, or set JAVA_HOME.")


def _make_rulebook(out: t.TextIO) -> Path:
    try:
        return make_venv("events", find_pythons()[find_controller()], [REQUIREMENTS / "events.txt"], out)
    except Failed as failure:
        raise LeftOut(f"ansible-rulebook could not be installed. {failure}") from failure


def _watch(registry: Registry, folder: Path, program: Path, env: t.Mapping[str, str], out: t.TextIO) -> None:
    """Run the rulebook while the story is told, and see that it was told to its end."""
    folder.mkdir()
    facts = {"host": registry.host, "user": USER, "password": PASSWORD}
    variables = {**facts, "deployed": str(folder / "deployed"), "trouble": str(folder / "trouble")}
    for name, text in {
        "rules.yml": _RULEBOOK,
        "deploy.yml": _PLAY,
        "trouble.yml": _TROUBLE,
        "vars.yml": json.dumps(variables),
        "inventory.yml": json.dumps({"all": {"hosts": {"localhost": {"ansible_connection": "local"}}, "vars": variables}}),
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    move(registry.host, "production", 0)
    story = Story(registry, folder)
    story.start()
    words: list[str | Path] = ["--rulebook", "rules.yml", "--inventory", "inventory.yml", "--vars", "vars.yml", "--print-events"]
    try:
        output = run(["timeout", str(_SECONDS), program, *words], cwd=folder, env=env, out=out)
    except Failed as failure:
        told = "; ".join(story.chapters) or "nothing"
        raise Failed(f"The rulebook did not see to its end what happened at {registry.name}. It saw: {told}. {failure}") from failure
    finally:
        story.stop()
    out.write(f"At {registry.name}: {'; '.join(story.chapters)}.\n")
    if PASSWORD in output:
        raise Failed("The output of ansible-rulebook shows the password.")


def _events(out: t.TextIO) -> None:
    java = find_java()
    venv, tree = _make_rulebook(out), collection_tree("events")
    env = environment(venv, ANSIBLE_COLLECTIONS_PATH=str(tree.parents[2]), JAVA_HOME=str(java))
    with tempfile.TemporaryDirectory() as scratch:
        for number, registry in enumerate((fake(tree), debian(Path(scratch, "registry")))):
            try:
                registry.start()
                _watch(registry, Path(scratch, str(number)), venv / "bin" / "ansible-rulebook", env, out)
            finally:
                registry.stop()
