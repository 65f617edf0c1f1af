# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that runs the event source in ansible-rulebook: a tag moves, and a rule deploys the image by its digest."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import typing as t
import urllib.request
from pathlib import Path

from environment import REQUIREMENTS, Job, LeftOut, collection_tree, environment, make_venv, run
from pythons import Failed, find_controller, find_pythons

_USER, _PASSWORD, _TAG = "deployer", "rulebook-passw0rd", "team/app:production"
_SECONDS = 45
_RULEBOOK = """\
- name: Deploy when a tag moves
  hosts: localhost
  sources:
    - name: Watch the production tag
      ocitools.registry.registry_tags:
        registry: "{{ host }}"
        images: [team/app:production]
        interval: 1
        username: "{{ user }}"
        password: "{{ password }}"
        plain_http: true
  rules:
    - name: Deploy the new image by its digest
      condition: event.change == "moved"
      actions:
        - run_playbook:
            name: deploy.yml
            extra_vars:
              app_image: "{{ event.image }}"
        - shutdown:
            message: The image is deployed.
            delay: 0
            kind: now
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


class _Mover(threading.Thread):
    """Moves the tag to a new digest every second until it is stopped: whenever the source looks, it has moved."""

    def __init__(self, host: str) -> None:
        super().__init__(daemon=True)
        self.digests: set[str] = set()
        self._host = host
        self._over = threading.Event()

    def run(self) -> None:
        """Move the tag again and again."""
        while not self._over.wait(1):
            self._move()

    def _move(self) -> None:
        document = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [],
            "annotations": {"org.opencontainers.image.version": str(len(self.digests))},
        }
        raw = json.dumps(document).encode()
        self.digests.add(f"sha256:{hashlib.sha256(raw).hexdigest()}")
        repository, _colon, tag = _TAG.partition(":")
        token = base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()
        headers = {"Content-Type": document["mediaType"], "Authorization": f"Basic {token}"}
        request = urllib.request.Request(
            f"http://{self._host}/v2/{repository}/manifests/{tag}", raw, t.cast("dict[str, str]", headers), method="PUT"
        )
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()

    def stop(self) -> None:
        """End."""
        self._over.set()
        self.join(15)


@contextlib.contextmanager
def _registry(tree: Path) -> t.Iterator[str]:
    """Serve a registry with the image; yield its host."""
    program = tree / "tests" / "unit" / "registry" / "__main__.py"
    server: list[str | Path] = [sys.executable, program, "--image", _TAG, "--user", _USER, "--password", _PASSWORD]
    with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(t.cast("t.IO[str]", process.stdout).readline())["host"]
        t.cast("t.IO[str]", process.stdin).close()  # the server ends with its input


def _events(out: t.TextIO) -> None:
    java = find_java()
    venv, tree = _make_rulebook(out), collection_tree("events")
    env = environment(venv, ANSIBLE_COLLECTIONS_PATH=str(tree.parents[2]), JAVA_HOME=str(java))
    with tempfile.TemporaryDirectory() as scratch, _registry(tree) as host:
        folder = Path(scratch)
        deployed = folder / "deployed"
        variables = {"host": host, "user": _USER, "password": _PASSWORD, "deployed": str(deployed)}
        for name, text in {
            "rules.yml": _RULEBOOK,
            "deploy.yml": _PLAY,
            "vars.yml": json.dumps(variables),
            "inventory.yml": json.dumps({"all": {"hosts": {"localhost": {"ansible_connection": "local"}}, "vars": variables}}),
        }.items():
            (folder / name).write_text(text, encoding="utf-8")
        mover = _Mover(host)
        mover.start()
        try:
            rulebook: list[str | Path] = [
                venv / "bin" / "ansible-rulebook",
                "--rulebook",
                "rules.yml",
                "--inventory",
                "inventory.yml",
                "--vars",
                "vars.yml",
            ]
            output = run(["timeout", str(_SECONDS), *rulebook, "--print-events"], cwd=folder, env=env, out=out)
        finally:
            mover.stop()
        if not deployed.is_file() or deployed.read_text(encoding="utf-8") not in mover.digests:
            raise Failed("The rulebook did not deploy the image that the tag moved to.")
        if _PASSWORD in output:
            raise Failed("The output of ansible-rulebook shows the password.")
