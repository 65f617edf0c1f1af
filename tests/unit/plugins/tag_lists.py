# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of lists of tags share."""

from __future__ import annotations

import typing as t

from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def fill(registry: FakeRegistry, *tags: str) -> str:
    """Put all tags on one image and return its digest."""
    digest = registry.add_image("app", "first").digest
    registry.remove_tag("app", "first")
    for tag in tags:
        registry.set_tag("app", tag, digest)
    return digest


def list_tags(run_module: RunModule, registry: FakeRegistry, **options: t.Any) -> Result:
    """Run registry_tag_info on ``app``."""
    return run_module("registry_tag_info", registry.args(name="app", **options))
