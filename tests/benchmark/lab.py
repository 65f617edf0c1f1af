# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all cases share: the registries, the tools, and how a case says what it does."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from . import images
from .registries import Registry
from .tools import Ansible, Peer, run

Commands = dict[str, list[str]]

TAG = "app:1.0"
PLAIN = {"src_plain_http": True, "dest_plain_http": True}


@dataclass
class Lab:
    """What all cases use."""

    folder: Path
    storage: Path
    ansible: Ansible
    peers: list[Peer]
    first: Registry
    second: Registry
    names: int  # how many names the lists have

    @property
    def registries(self) -> tuple[Registry, Registry]:
        """Both registries."""
        return self.first, self.second

    def layout(self, image: images.Image) -> Path:
        """Return the layout of an image, made at its first use."""
        return self.made(f"image-{image.layers}-{image.size}", *image)

    def made(self, name: str, *words: object) -> Path:
        """Return the layout ``name``, made at its first use."""
        folder = self.folder / name
        return folder if folder.is_dir() else images.make_apart(folder, *words)


@dataclass(frozen=True)
class Case:
    """One thing to do: ``prepare`` brings the registries into their first state, ``commands`` says who does it how.

    ``parts`` of a contender's run were measured only where the whole would take too long: its time and requests are multiplied.
    With several ``tasks`` in a playbook the time is that of one of them, without the start of Ansible. A process of ours that takes more than
    ``most_memory`` bytes fails.
    """

    title: str
    prepare: t.Callable[[Lab], None]
    commands: t.Callable[[Lab], Commands]
    parts: t.Mapping[str, int] = field(default_factory=dict)
    tasks: int = 1
    most_memory: int = 150_000_000


def empty(lab: Lab) -> None:
    for registry in lab.registries:
        registry.forget()


def put(lab: Lab, registry: Registry, layout: Path, *tags: str) -> None:
    """Push an image directly: what prepares a case is neither delayed nor counted."""
    delay, registry.delay = registry.delay, 0.0
    plain: dict[str, t.Any] = {"plain_http": True, "path": str(layout), "name": f"{registry.host}/{TAG.partition(':')[0]}"}
    run(lab.ansible.process("registry_push", {**plain, "tags": list(tags)}), {})
    registry.delay = delay
    registry.keep()
