# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of deletions have in common."""

from __future__ import annotations

import typing as t

from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded


def fill(registry: FakeRegistry, count: int = 8) -> dict[str, str]:
    """Add the tags 1.0, 2.0, ..., each on an image of its own; return them with their digests."""
    for number in range(1, count + 1):
        registry.add_image("app", f"{number}.0", 1)
    return registry.tags("app")


def prune(run_module: RunModule, fake: FakeRegistry, check: bool = False, **options: t.Any) -> Result:
    """Prune the repository app by its versions, of which two stay."""
    args = fake.args(**{"name": "app", "keep_last": 2, "sort": "version", "method": "digest", **options})
    return run_module("registry_prune", args, check=check)


def delete(run_module: RunModule, fake: FakeRegistry, check: bool = False, **options: t.Any) -> Result:
    """Delete tags of the repository app."""
    return run_module("registry_tag_delete", fake.args(**{"name": "app", **options}), check=check, diff=True)


def visible(registry: FakeRegistry) -> list[str]:
    """Return the tags that are listed."""
    return sorted(registry.tags("app"))


def moving(registry: FakeRegistry, tag: str, digest: str) -> t.Callable[[Recorded], None]:
    """Return a hook that moves a tag."""
    return lambda request: registry.set_tag("app", tag, digest)
