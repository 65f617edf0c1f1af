# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync with a list that is long."""

from __future__ import annotations

import random
import tracemalloc
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.budget import Budget
from ansible_collections.ocitools.registry.plugins.module_utils._local import files
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between, read_so_far, side
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


@pytest.mark.parametrize("front", ["module"])  # Ansible's worker runs the same body, and this takes long
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


@pytest.fixture
def shared_layer(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> int:
    """Twenty images on one large layer, whose files are old enough for their times to be trusted; return its size."""
    monkeypatch.setattr(files, "_COARSEST_CLOCK", -1_000_000_000_000)
    layer = random.Random(1).randbytes(500_000)
    images = [registry.add_image("app", f"1.{number}", seed=str(number), layers=[layer]) for number in range(20)]
    return int(images[0].layers[0]["size"])


def test_a_layer_of_many_images_is_read_once(
    registry: FakeRegistry, shared_layer: int, run_module: RunModule, tmp_path: Path, make_registry: MakeRegistry
) -> None:
    folder = str(tmp_path / "out")
    task: dict[str, t.Any] = {**side("src", registry), "images": [{"src": "app", "include": "1"}], "dest_dir": folder, "concurrency": 1}
    run_module("registry_sync", task).ok()
    begun = read_so_far()
    again = run_module("registry_sync", task).ok()
    assert again["summary"]["unchanged"] == 20
    assert read_so_far() - begun < 2 * shared_layer
    inside = make_registry()
    begun = read_so_far()
    assert run_module("registry_sync", {**side("dest", inside), "src_dir": folder, "concurrency": 1}).ok()["summary"]["copied"] == 20
    assert read_so_far() - begun < 5 * shared_layer


@pytest.mark.parametrize(("most", "begins"), [(400_000, False), (600_000, True)])
def test_results_that_take_too_much_memory_are_refused_at_once_or_told_as_failed(
    make_registry: MakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, most: int, begins: bool
) -> None:
    monkeypatch.setattr(Budget.__init__, "__defaults__", (most,))
    source, destination = make_registry(), make_registry()
    digest = source.add_image("app", "first").digest
    for number in range(100):
        source.set_tag("app", f"1.{number}", digest)
    failed = run_module("registry_sync", between(source, destination, images=[{"src": "app", "semver": "1.x"}])).failure("limit")
    assert "Split the task into smaller ones." in failed.msg
    assert failed.changed is bool(destination.tags("app")) is begins
    if begins:
        assert sum(image["changed"] for image in failed["images"]) == len(destination.tags("app"))
        assert 0 < failed["summary"]["failed"] < failed["summary"]["images"] == 100


def test_entries_whose_dates_cannot_be_read_leave_the_memory_to_the_others(
    make_registry: MakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Budget.__init__, "__defaults__", (400_000,))
    source, destination = make_registry(), make_registry()
    digest = source.add_image("app", "first").digest
    for number in range(200):
        source.set_tag("app", f"1.{number}", digest)
    source.on("head_manifest", times=None).answer(403, code="DENIED")
    listed = [{"src": "app", "semver": "1.x", "newest": 1, "sort": "created", "dest": f"copy{number}"} for number in range(10)]
    failed = run_module("registry_sync", between(source, destination, images=listed, concurrency=1)).failure("denied")
    assert [image["error"]["kind"] for image in failed["images"]] == ["denied"] * 10
