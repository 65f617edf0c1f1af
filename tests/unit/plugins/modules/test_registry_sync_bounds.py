# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync with a list that is long."""

from __future__ import annotations

import tracemalloc

from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, side
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule


def test_five_thousand_images_fit_into_the_memory_of_a_task(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    digest = registry.add_image("app", "first").digest
    registry.add_image("mirror/app", "first")
    tags = [f"1.{number}" for number in range(5000)]
    for tag in tags:
        registry.set_tag("app", tag, digest)
        registry.set_tag("mirror/app", tag, digest)
    task = {"timeout": 60, **side("dest", registry), "dest_registry": f"{registry.host}/mirror", "src_registry": registry.host}
    task = {**task, "src_plain_http": True, "images": [{"src": "app", "semver": "1.x"}], "concurrency": 16}
    tracemalloc.start()
    try:
        result = run_module("registry_sync", task).ok()
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result["summary"] == {
        "images": 5000,
        "unchanged": 5000,
        "copied": 0,
        "failed": 0,
        "bytes_sent": 0,
        "bytes_mounted": 0,
        "bytes_existing": 0,
    }
    assert peak < 100_000_000
