# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_pull that is cut off: killed tasks, full disks, and how much memory it takes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import (
    MIB,
    Stall,
    blob_names,
    content_of,
    large_image,
    make_arguments,
    put,
    temporary_files,
    tree,
)
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import kill_at
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import tar_bytes
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

FORMATS = ["oci-layout", "oci-archive", "docker-archive"]
StartModule = t.Callable[..., Process]
OLD = images.image(layers=["base", "old"])
NEW = large_image(100, 40 * MIB, 200)
SMALL, BIG, LAST = [layer["digest"] for layer in NEW.document["layers"]]


@pytest.fixture
def arguments(registry: FakeRegistry, tmp_path: Path) -> t.Callable[..., dict[str, t.Any]]:
    """The options of a pull of app:1.0 to "app", one request at a time."""
    return make_arguments(registry, tmp_path / "app")


def holds(path: Path, kind: str, content: images.Content) -> bool:
    """Whether an image lies there, whole and alone."""
    if kind == "docker-archive":
        return images.digest_of(content.config)[7:].encode() in path.read_bytes()
    return content_of(path) == content.files


# Killed


@pytest.mark.parametrize("kind", FORMATS)
def test_a_killed_pull_leaves_the_old_image_and_the_next_one_cleans_up(
    registry: FakeRegistry, run_module: RunModule, start_module: StartModule, tmp_path: Path, arguments: t.Any, kind: str
) -> None:
    put(registry, "app", "1.0", OLD)
    run_module("registry_pull", arguments(kind)).ok()
    before = tree(tmp_path)
    put(registry, "app", "1.0", NEW)
    stall = Stall(30 * MIB)
    registry.on("get_blob", BIG).change(stall)
    kill_at(start_module("registry_pull", arguments(kind)), stall)
    left = tree(tmp_path)
    assert {name: left.get(name) for name in before} == before
    assert holds(tmp_path / "app", kind, OLD)
    # A layer that waits to be decompressed has no name.
    assert len(temporary_files(tmp_path)) == (0 if kind == "docker-archive" else 1)
    registry.clear()
    result = run_module("registry_pull", arguments(kind)).ok()
    assert result.changed is True
    assert holds(tmp_path / "app", kind, NEW)
    assert temporary_files(tmp_path) == []
    if kind == "oci-layout":
        assert [request.reference for request in registry.named("get_blob")] == [BIG, LAST]
        assert {blob["digest"] for blob in result["existing_blobs"]} == set(NEW.blobs) - {BIG, LAST}
        assert blob_names(tmp_path / "app") == set(NEW.files)
    assert run_module("registry_pull", arguments(kind)).ok().changed is False


@pytest.mark.parametrize("kind", FORMATS)
def test_what_a_killed_pull_left_is_removed_though_nothing_else_is_to_do(
    registry: FakeRegistry, run_module: RunModule, start_module: StartModule, tmp_path: Path, arguments: t.Any, kind: str
) -> None:
    put(registry, "app", "1.0", OLD)
    put(registry, "app", "2.0", NEW)
    run_module("registry_pull", arguments(kind)).ok()
    before = tree(tmp_path)
    stall = Stall(30 * MIB)
    registry.on("get_blob", BIG).change(stall)
    process = start_module("registry_pull", arguments(kind, name="app:2.0"))
    stall.wait()
    # The other task is at work: its file stays.
    assert run_module("registry_pull", arguments(kind, append=kind == "oci-layout")).ok().changed is False
    kill_at(process, stall)
    left = tree(tmp_path) != before
    assert run_module("registry_pull", arguments(kind), check=True).ok().changed is left
    assert run_module("registry_pull", arguments(kind)).ok().changed is left
    assert tree(tmp_path) == before


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_task_that_is_asked_to_end_cleans_up_itself(
    registry: FakeRegistry, run_module: RunModule, start_module: StartModule, tmp_path: Path, arguments: t.Any, kind: str, workers: int
) -> None:
    put(registry, "app", "1.0", OLD)
    run_module("registry_pull", arguments(kind)).ok()
    put(registry, "app", "1.0", NEW)
    stall = Stall(30 * MIB)
    registry.on("get_blob", BIG).change(stall)
    process = start_module("registry_pull", arguments(kind, concurrency=workers, timeout=3, retries=0))
    stall.wait()
    process.terminate()
    process.wait_for_end()
    stall.release()
    assert holds(tmp_path / "app", kind, OLD)
    assert temporary_files(tmp_path) == []


def test_two_tasks_may_append_at_the_same_time(registry: FakeRegistry, start_module: StartModule, tmp_path: Path, arguments: t.Any) -> None:
    put(registry, "app", "1.0", OLD)
    put(registry, "app", "2.0", NEW)
    held = [registry.on("get_blob", digest).hold() for digest in (max(OLD.blobs), LAST)]
    tasks = [start_module("registry_pull", arguments(name=f"app:{tag}", append=True)) for tag in ("1.0", "2.0")]
    for hold in held:
        hold.wait()  # both have made their plans
    for hold, task in zip(held, tasks):
        hold.release()
        assert task.wait().ok().changed is True
    assert content_of(tmp_path / "app", "1.0") == OLD.files
    assert content_of(tmp_path / "app", "2.0") == NEW.files


@pytest.mark.parametrize("append", [False, True])
def test_a_task_whose_blobs_another_one_removes_says_so_and_lists_nothing(
    registry: FakeRegistry, run_module: RunModule, start_module: StartModule, tmp_path: Path, arguments: t.Any, append: bool
) -> None:
    put(registry, "app", "1.0", OLD)
    put(registry, "app", "2.0", NEW)
    hold = registry.on("get_blob", LAST).hold()
    overtaken = start_module("registry_pull", arguments(name="app:2.0", append=append))
    hold.wait()
    run_module("registry_pull", arguments()).ok()
    hold.release()
    failure = overtaken.wait().failure("conflict")
    assert not failure.changed
    assert "Another task wrote another image" in failure.msg
    assert holds(tmp_path / "app", "oci-layout", OLD)
    assert run_module("registry_pull", arguments(name="app:2.0")).ok().changed
    assert holds(tmp_path / "app", "oci-layout", NEW)


# Full


@pytest.mark.parametrize("kind", FORMATS)
def test_a_disk_that_takes_no_more_is_told_and_the_old_image_stays(
    registry: FakeRegistry, run_module: RunModule, start_module: StartModule, tmp_path: Path, arguments: t.Any, kind: str
) -> None:
    put(registry, "app", "1.0", OLD)
    run_module("registry_pull", arguments(kind)).ok()
    before = tree(tmp_path)
    put(registry, "app", "1.0", NEW)
    held = registry.on("get_blob").hold()
    process = start_module("registry_pull", arguments(kind))
    held.wait()
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20 * MIB, 20 * MIB))
    held.release()
    failed = process.wait().failure("local_io")
    assert str(tmp_path / "app") in failed.msg
    assert "File too large" in failed.msg
    left = tree(tmp_path)
    assert {name: left.get(name) for name in before} == before
    assert holds(tmp_path / "app", kind, OLD)
    assert temporary_files(tmp_path) == []


@pytest.mark.parametrize("kind", FORMATS)
def test_the_memory_that_it_takes_does_not_grow_with_the_image(
    registry: FakeRegistry, start_module: StartModule, arguments: t.Any, kind: str
) -> None:
    size = 160 * MIB
    more = tar_bytes([("more", bytes(size))])
    layer = registry.add_blob("app", tar_bytes([("zeros", bytes(size))]), images.OCI_LAYER)
    packed = registry.add_image("app", layers=[more])
    diff_ids = [layer["digest"], images.digest_of(more)]
    config = registry.add_blob("app", json.dumps({"rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode(), images.OCI_CONFIG)
    document = {"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "config": config, "layers": [layer, *packed.layers]}
    registry.add_manifest("app", document, tag="1.0")
    held = registry.on("get_manifest").hold()
    process = start_module("registry_pull", arguments(kind, concurrency=4))
    held.wait()
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (150_000_000, 150_000_000))
    held.release()
    assert process.wait().ok()["downloaded_bytes"] > size


def test_a_layout_that_another_program_has_locked_is_not_waited_for_for_ever(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(registry, "app", "1.0", OLD)
    monkeypatch.setattr(plugin("module_utils._local.layout_writer"), "_PATIENCE", 0)
    (tmp_path / "app").mkdir()
    with contextlib.closing(plugin("module_utils._local.disk").Folder(os.open(tmp_path / "app", os.O_RDONLY), "")) as folder:
        fcntl.flock(folder.descriptor, fcntl.LOCK_EX)
        assert "locked by another program" in run_module("registry_pull", arguments("oci-layout")).failure("local_io").msg
    run_module("registry_pull", arguments("oci-layout")).ok()
    assert holds(tmp_path / "app", "oci-layout", OLD)


def test_an_image_that_is_there_is_a_change_whatever_fails_afterwards(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(registry, "app", "1.0", OLD)
    attributes = plugin("module_utils._local.attributes").Attributes
    apply = attributes.apply

    def fail(self: t.Any, file: t.Any, predict: bool = False, placed: bool = True) -> t.Any:
        if not predict:
            raise plugin("module_utils._local.disk").disk_error(file.path, OSError(1, "Operation not permitted"))
        return apply(self, file, predict, placed)

    monkeypatch.setattr(attributes, "apply", fail)
    assert run_module("registry_pull", arguments("oci-layout")).failure("local_io").changed
    assert holds(tmp_path / "app", "oci-layout", OLD)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_new_image_is_a_change_though_the_old_one_cannot_be_removed(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    disk = plugin("module_utils._local.disk")
    new = images.image(layers=["base", "new"])

    def fail(self: t.Any, name: str = "") -> None:
        raise disk.disk_error(self.path, OSError(5, "Input/output error"))

    put(registry, "app", "1.0", OLD)
    run_module("registry_pull", arguments(kind)).ok()
    put(registry, "app", "1.0", new)
    with monkeypatch.context() as patched:
        patched.setattr(disk.Folder, "remove" if kind == "oci-layout" else "sync", fail)
        assert run_module("registry_pull", arguments(kind)).failure("local_io").changed
    assert holds(tmp_path / "app", kind, new)
    run_module("registry_pull", arguments(kind)).ok()
    assert not run_module("registry_pull", arguments(kind)).ok().changed
