# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each tool is told to do one thing: our modules as Ansible's own payload and in playbooks, peers by themselves and in playbooks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

COLLECTION = "ocitools.registry"
_ROOT = Path(__file__).resolve().parents[2]

# What Ansible has loaded before its first task, and what is not ours, does not count.
_FRONT = """
import importlib, sys, time
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([sys.argv[1]])
import ansible.plugins.action, ansible.module_utils.basic, ansible.module_utils.common.arg_spec, requests
plugins = "ansible_collections.ocitools.registry.plugins"
if "anew" in sys.argv:
    importlib.import_module(f"{plugins}.plugin_utils._compiled")._Finder.find_spec = lambda *_names: None
begun = time.process_time()
importlib.import_module(f"{plugins}.action.{sys.argv[2]}")
print(time.process_time() - begun)
"""

Arguments = dict[str, t.Any]


class Failed(Exception):
    """A command did not do what it should."""


class Ansible:
    """Our modules, as the ansible-core beside this Python (or on PATH) runs them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._payloads: dict[str, Path] = {}
        beside = Path(sys.executable).parent
        found = shutil.which("ansible-playbook", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
        if not found:
            raise Failed("There is no ansible-playbook beside this Python or on PATH: install ansible-core and requests.")
        self._bin = Path(found).parent
        python = self._bin / "python"
        self._python = str(python) if python.exists() else sys.executable
        link = folder / "collections" / "ansible_collections" / "ocitools" / "registry"
        link.parent.mkdir(parents=True)
        link.symlink_to(_ROOT)
        self.environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "ANSIBLE_DEPRECATION_WARNINGS": "0",
            "PYTHONDONTWRITEBYTECODE": "",  # Python keeps compiled code, as it does for users
        }

    def process(self, module: str, arguments: Arguments, check: bool = True) -> list[str]:
        """Return the command that a host runs for the module: the payload that Ansible makes, started by itself.

        The module, whose name without a dot is one of ours, must come to its good end with these arguments, unless ``check`` is false.
        """
        key = json.dumps([module, arguments])
        if key not in self._payloads:
            self._payloads[key] = self._make_payload(module, arguments, check)
        return [self._python, str(self._payloads[key])]

    def front(self, module: str, anew: bool = False) -> list[str]:
        """Return the command that loads the action plugin of one of our modules, as a play does once, and prints the seconds of the processor.

        With ``anew`` Ansible's importer compiles each file.
        """
        return [self._python, "-c", _FRONT, self.environment["ANSIBLE_COLLECTIONS_PATH"], module, *(["anew"] if anew else [])]

    def _make_payload(self, module: str, arguments: Arguments, check: bool) -> Path:
        """Let Ansible run the module once, and keep what it sends to a host."""
        temporary = self._folder / f"payload{len(self._payloads)}"
        facts = ["-e", f"ansible_python_interpreter={self._python}", "-e", "ocitools_registry_in_process=false"]
        words = [
            str(self._bin / "ansible"),
            "localhost",
            "-m",
            module if "." in module else f"{COLLECTION}.{module}",
            "-a",
            json.dumps(arguments),
            *facts,
        ]
        kept = {"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_REMOTE_TMP": str(temporary)}
        run(words, {**self.environment, **kept}, check)
        return next(temporary.glob("*/AnsiballZ_*.py"))

    def playbook(self, tasks: t.Sequence[Arguments]) -> list[str]:
        """Return the command for a playbook of these tasks."""
        return self._play({"hosts": "localhost", "tasks": list(tasks)})

    def role(self, role: str, variables: Arguments, hosts: int) -> list[str]:
        """Return the command for a playbook that runs a role on so many hosts, which are all this machine."""
        names = "".join(f"host{number}," for number in range(hosts))
        use = {"role": f"{COLLECTION}.{role}", **variables}
        defaults = {f"{COLLECTION}.registry_sync": {"src_plain_http": True, "dest_plain_http": True}}
        return [*self._play({"hosts": "all", "connection": "local", "module_defaults": defaults, "roles": [use]}), "--inventory", names]

    def _play(self, play: Arguments) -> list[str]:
        path = self._folder / f"playbook{len(list(self._folder.glob('playbook*')))}.yml"
        settings = {"gather_facts": False, "vars": {"ansible_python_interpreter": self._python}}
        path.write_text(json.dumps([{**settings, **play}]), encoding="utf-8")
        return [str(self._bin / "ansible-playbook"), str(path)]

    def task(self, module: str, arguments: Arguments) -> list[str]:
        """Return the command for a playbook with one task."""
        return self.playbook([{f"{COLLECTION}.{module}": arguments}])

    def command(self, words: t.Sequence[str]) -> list[str]:
        """Return the command for a playbook whose one task is ``command:``."""
        return self.playbook([{"ansible.builtin.command": {"argv": list(words)}}])

    def loop(self, commands: t.Sequence[t.Sequence[str]]) -> list[str]:
        """Return the command for a playbook whose one task loops over ``command:``."""
        return self.playbook([{"ansible.builtin.command": {"argv": "{{ item }}"}, "loop": [list(words) for words in commands]}])

    def digests(self, names: t.Sequence[str]) -> list[str]:
        """Return the command for a playbook that looks all names up at once."""
        query = f"query('{COLLECTION}.registry_digest', *names, plain_http=true)"
        check = {"that": [f"{query} | length == names | length"], "quiet": True}
        return self.playbook([{"ansible.builtin.assert": check, "vars": {"names": list(names)}}])


def run(words: t.Sequence[str], environment: t.Mapping[str, str], check: bool = True) -> None:
    """Run a command to its end, a good one unless ``check`` is false."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    if check and done.returncode:
        raise Failed(f"{' '.join(words)[:300]} failed: {done.stdout[-600:]} {done.stderr[-600:]}")


class Peer:
    """A peer that is on PATH."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _regctl(self, *hosts: str) -> list[str]:
        return ["regctl", *(word for host in hosts for word in ("--host", f"reg={host},tls=disabled"))]

    def push(self, layout: Path, name: str, host: str, tag: str) -> list[str]:
        """Return the command that pushes an image of a layout."""
        target = f"{host}/{tag}"
        return {
            "skopeo": ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{layout}:{name}", f"docker://{target}"],
            "crane": ["crane", "push", str(layout), target],
            "regctl": [*self._regctl(host), "image", "copy", f"ocidir://{layout}:{name}", target],
        }[self.name]

    def copy(self, source_host: str, source: str, host: str, destination: str) -> list[str]:
        """Return the command that copies an image."""
        names = [f"{source_host}/{source}", f"{host}/{destination}"]
        insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        return {
            "skopeo": ["skopeo", "copy", "--quiet", *insecure, *(f"docker://{name}" for name in names)],
            "crane": ["crane", "copy", *names],
            "regctl": [*self._regctl(source_host, host), "image", "copy", *names],
        }[self.name]

    def tag(self, host: str, name: str, tag: str) -> list[str]:
        """Return the command that puts a further tag on an image."""
        if self.name == "crane":
            return ["crane", "tag", f"{host}/{name}", tag]
        return self.copy(host, name, host, f"{name.partition(':')[0]}:{tag}")

    def digest(self, host: str, name: str) -> list[str]:
        """Return the command that prints the digest of a tag (skopeo: among other things)."""
        target = f"{host}/{name}"
        return {
            "skopeo": ["skopeo", "inspect", "--no-tags", "--tls-verify=false", f"docker://{target}"],
            "crane": ["crane", "digest", target],
            "regctl": [*self._regctl(host), "image", "digest", target],
        }[self.name]


def peers() -> list[Peer]:
    """Return the peers that are on PATH."""
    return [Peer(name) for name in ("skopeo", "crane", "regctl") if shutil.which(name)]
