# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do what a guide says: write the files that it shows, and run its plays by a real ansible-playbook."""

from __future__ import annotations

import re
import sys
import textwrap
import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.plugins.harness import run_ansible
from ansible_collections.ocitools.registry.tests.unit.registry.auth import EVERYTHING, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
Tell = t.Callable[..., "Reader"]
LOGIN: dict[str, t.Any] = {"vault_registry_password": "s3cret-of-the-guide"}
RST = Path(__file__).resolve().parents[3] / "docs" / "docsite" / "rst"
_BLOCK = re.compile(r"(?:^ *``(\S+)``:\n\n)?^( *)\.\. code-block:: (\S+)\n((?:\2 +:.*\n)*)\n((?:\2    .*\n|\n)+)", re.MULTILINE)
_CAPTION = re.compile(r":caption: (\S+)")
_RECAP = re.compile(r"^(\S+) +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


class Block(t.NamedTuple):
    """A block of a guide: its language, the file that it is (the name before it, "" without one) and its text."""

    language: str
    file: str
    text: str

    @property
    def is_play(self) -> bool:
        """Whether Ansible runs it as a playbook."""
        has_hosts = re.search(r"^- .*\n(?:  .*\n)*?  hosts:|^- hosts:", self.text, re.MULTILINE) is not None
        return has_hosts and not self.is_rulebook

    @property
    def is_rulebook(self) -> bool:
        """Whether ansible-rulebook runs it."""
        return re.search(r"^  sources:", self.text, re.MULTILINE) is not None


def blocks(guide: str) -> list[Block]:
    """Return the blocks of a guide, in order."""
    found = _BLOCK.findall((RST / f"{guide}.rst").read_text(encoding="utf-8"))
    return [
        Block(language, file or "".join(_CAPTION.findall(options)), textwrap.dedent(text).strip() + "\n")
        for file, _indent, language, options, text in found
    ]


class Run(t.NamedTuple):
    """What became of a playbook: its output, and ``changed`` and ``failed`` tasks of all hosts together."""

    output: str
    changed: int
    failed: int


class Reader:
    """Somebody who does what a guide says in a folder of their own; ``hosts`` are the registries in place of those in the text."""

    def __init__(self, guide: str, folder: Path, hosts: t.Mapping[str, str]) -> None:
        shown = blocks(guide)
        self._plays = {block.file for block in shown if block.is_play}
        self._run: set[str] = set()
        self._hosts = dict(hosts)
        self._messages = {block.text for block in shown if block.language == "text"}
        self.folder = folder
        for block in shown:
            if block.file:
                path = folder / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self.there(block.text), encoding="utf-8")

    def there(self, text: str) -> str:
        """Return ``text`` with the hosts that it means."""
        for name in sorted(self._hosts, key=len, reverse=True):
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", self._hosts[name], text)
        return text

    def play(self, file: str, *arguments: str, fails: bool = False, **variables: str) -> Run:
        """Run one of the guide's playbooks, with extra ``variables``; it must end well unless it ``fails``."""
        self._run.add(file)
        given = {"ansible_python_interpreter": sys.executable, **variables}
        words = [word for name, value in given.items() for word in ("-e", f"{name}={value}")]
        done = run_ansible("playbook", [*words, *arguments, file], self.folder)
        output = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, output
        recap = _RECAP.findall(done.stdout)
        assert recap, output
        self._messages = {text for text in self._messages if not self._shows(output, text)}
        return Run(output, sum(int(found[2]) for found in recap), sum(int(found[4]) for found in recap))

    def _shows(self, output: str, message: str) -> bool:
        """Whether ``output`` has a message of the guide, which says ``...`` for what differs from run to run."""
        parts = [re.escape(part.strip()) for part in self.there(message).split("...")]
        return re.search(" ?.*? ?".join(parts), output) is not None

    def untold(self) -> set[str]:
        """Return the playbooks of the guide that were not run, and the messages in it that none of the runs gave."""
        return self._plays - self._run | self._messages


def guarded(make_registry: MakeRegistry) -> FakeRegistry:
    """Return a registry for the users of the guides."""
    users = {name: User(LOGIN["vault_registry_password"], EVERYTHING) for name in ("ci", "puller", "robot")}
    return make_registry(tls=True, auth=TokenAuth(users))


def telling(tmp_path: Path) -> t.Iterator[Tell]:
    """Be the fixture ``tell``, which lets somebody read a guide: ``tell("guide_promote", {"registry.example.com": registry})``."""
    readers = []

    def begin(guide: str, registries: t.Mapping[str, FakeRegistry]) -> Reader:
        folder = tmp_path / "reader"
        folder.mkdir()
        readers.append(Reader(guide, folder, {name: registry.host for name, registry in registries.items()}))
        return readers[-1]

    yield begin
    untold = set().union(*(reader.untold() for reader in readers))
    assert not untold, untold
