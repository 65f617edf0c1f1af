# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the guide on requests count in: registries with a token server, and the operations by their names in the table."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.plugins import images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import put, side
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

N = 3  # images, or tags, of a list
KEY = signing.make_key()


@dataclass
class World:
    """Registries with an image of ``blobs`` blobs in app:1, and what counts the requests to them."""

    make: t.Callable[..., FakeRegistry]
    run: RunModule
    look_up: t.Callable[..., list[str]]
    folder: Path
    blobs: int

    def __post_init__(self) -> None:
        self.registry = self.make(auth="token")
        self.other = self.make(auth="token")
        self.digest = self.registry.add_image("app", "1", self.blobs - 1).digest

    def content(self, seed: str = "app") -> images.Content:
        """An image of as many blobs that is in no registry."""
        return images.image(layers=[f"{seed} {number}" for number in range(self.blobs - 1)])

    def does(self, module: str, **options: t.Any) -> Result:
        """Run a module against the registry."""
        return self.run(module, self.registry.args(**options)).ok()

    def copies(self, module: str, target: FakeRegistry, **options: t.Any) -> Result:
        """Run a module from the registry to another one."""
        return self.run(module, {**side("src", self.registry), **side("dest", target), **options}).ok()

    def count(self) -> int:
        """Return how many requests both have got, and forget them."""
        requests = len(self.registry.log()) + len(self.other.log())
        for registry in (self.registry, self.other):
            registry.clear()
        return requests


Act = t.Callable[[], object]
Case = t.Callable[[World], Act]
CASES: dict[str, Case] = {}


def operation(name: str) -> t.Callable[[Case], Case]:
    """Mark what prepares an operation of the table, and returns what carries it out."""

    def keep(case: Case) -> Case:
        CASES[name] = case
        return case

    return keep


def again(name: str) -> None:
    """Say that an operation is counted when it is done a second time."""
    CASES[f"{name}, again"] = lambda world: after(CASES[name](world))


def after(act: Act) -> Act:
    """Do something once, and return it."""
    act()
    return act


def fill_many(world: World) -> None:
    """Put N images into the repository many."""
    for number in range(1, N + 1):
        put(world.registry, "many", world.content(f"image {number}"), f"1.{number}")
