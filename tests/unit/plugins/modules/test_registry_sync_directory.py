# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync to a directory: lists that name an image twice, what is in the way, failures that must not spoil what is there, and how much is open."""

from __future__ import annotations

import json
import os
import resource
import tracemalloc
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between, export_to, import_from
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def test_a_list_that_cannot_be_read_leaves_the_lastexport_to(run_module: RunModule, registry: FakeRegistry, tmp_path: Path) -> None:
    registry.add_image("app", "1")
    task = export_to(tmp_path / "out", registry, {"src": "app", "include": ["."]}, retries=0)
    run_module("registry_sync", task).ok()
    before = (tmp_path / "out" / "images.yml").read_text(encoding="ascii")
    registry.on("list_tags", times=None).answer(500, {}, b"")
    failed = run_module("registry_sync", task).failure("server")
    assert failed["changed"] is False
    assert (tmp_path / "out" / "images.yml").read_text(encoding="ascii") == before
    assert failed["images"][0]["dest"].startswith(str(tmp_path / "out"))


def test_one_image_for_two_places_is_exported_once_and_expected_so(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    source, destination = make_registry(), make_registry()
    source.add_image("app", "1")
    task = export_to(tmp_path / "out", source, {"src": "app:1", "dest": "x:1"}, {"src": "app:1", "dest": "y:1"})
    expected = run_module("registry_sync", task, check=True, diff=True).ok()
    done = run_module("registry_sync", task, diff=True).ok()
    assert (done["summary"], done["diff"]) == (expected["summary"], expected["diff"])
    assert [image["changed"] for image in done["images"]] == [image["changed"] for image in expected["images"]]
    run_module("registry_sync", import_from(tmp_path / "out", destination)).ok()
    assert set(destination.tags("x")) == set(destination.tags("y")) == {"1"}


def test_a_tag_and_an_old_digest_under_the_same_tag_are_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    old = registry.add_image("app", "1", seed="old").digest
    registry.add_image("app", "1", seed="new")
    task = export_to(tmp_path / "out", registry, "app:1", {"src": f"app:1@{old}", "dest": "old:1"})
    assert "app:1" in run_module("registry_sync", task).failure("invalid_option").msg
    assert registry.log() == []


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("below", ["", "folder"])
def test_a_file_in_the_way_is_told_in_check_mode_too(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, below: str, check: bool
) -> None:
    registry.add_image("app", "1")
    (tmp_path / "file").write_text("content", encoding="ascii")
    failed = run_module("registry_sync", export_to(tmp_path / "file" / below, registry, "app:1"), check=check).failure("local_io")
    assert f"{tmp_path / 'file'} is not a folder" in failed.msg
    assert registry.log() == []


def test_what_a_killed_task_left_of_the_list_goes(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry.add_image("app", "1")
    out = tmp_path / "out"
    out.mkdir()
    (out / f".ocitools-images-{'0' * 16}.tmp").write_text("half", encoding="ascii")
    run_module("registry_sync", export_to(out, registry, "app:1")).ok()
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


def test_a_layout_without_its_marker_is_named(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry.add_image("app", "1")
    task = export_to(tmp_path / "out", registry, "app:1")
    path = Path(run_module("registry_sync", task).ok()["images"][0]["dest"])
    (path / "oci-layout").unlink()
    assert "is an OCI layout without its file oci-layout" in run_module("registry_sync", task).failure("local_io").msg


def test_many_repositories_are_not_open_at_a_time(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    names = [f"team/app{number}" for number in range(150)]
    for name in names:
        source.add_image(name, "1", seed="the same")
    run_module("registry_sync", export_to(tmp_path / "out", source, *(f"{name}:1" for name in names))).ok()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 100, before[1]))
    try:
        done = run_module("registry_sync", import_from(tmp_path / "out", destination, concurrency=2)).ok()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert done["summary"]["copied"] == len(names)


def test_an_image_that_the_layout_lacks_is_told_for_each(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    for number in range(20):
        source.add_image("app", f"1.{number}", seed=str(number))
    path = Path(
        run_module("registry_sync", export_to(tmp_path / "out", source, {"src": "app", "include": ["."]})).ok()["images"][0]["dest"]
    )
    index = json.loads((path / "index.json").read_text(encoding="utf-8"))
    (path / "index.json").write_text(json.dumps({**index, "manifests": index["manifests"][:5]}), encoding="utf-8")
    failed = run_module("registry_sync", import_from(tmp_path / "out", destination)).failure("invalid_source")
    assert failed["summary"]["failed"] == 15
    assert "has no image with the digest sha256:" in failed.msg
    assert set(destination.tags("app")) == {entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"][:5]}


def test_failures_do_not_keep_what_they_were_about(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    for number in range(150):
        source.add_image(f"app{number}", "1", seed="the same", annotations={"text": "x" * 200_000})
    destination.on("put_manifest", times=None).answer(403, code="DENIED")
    listed = [f"app{number}:1" for number in range(150)]
    task = {**between(source, destination), "images": listed, "concurrency": 2}
    tracemalloc.start()
    try:
        failed = run_module("registry_sync", task).failure("denied")
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert failed["summary"]["failed"] == 150
    assert peak < 50_000_000  # 30 MB of it are the bodies of requests, which the fake registry keeps


def test_an_image_of_which_the_referrers_cannot_be_read_was_exported(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    digest = registry.add_image("app", "1").digest
    task = export_to(tmp_path / "out", registry, "app:1", referrers=True, retries=0)
    registry.on("referrers", times=3).answer(500)
    assert not run_module("registry_sync", task, check=True).failure("server").changed
    result = run_module("registry_sync", task, diff=True).failure("server")
    assert result.changed
    assert result["images"][0]["changed"]
    assert list(result["diff"]["after"].values()) == [digest]
    assert not run_module("registry_sync", task, diff=True).failure("server").changed


def test_a_blob_that_two_exported_images_lack_is_restored_once_and_expected_so(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    shared = registry.add_image("app", "1", layers=[b"shared"], seed="1").layers[0]["digest"]
    registry.add_image("app", "2", layers=[b"shared"], seed="2")
    task = export_to(tmp_path / "out", registry, "app:1", "app:2", concurrency=1)
    run_module("registry_sync", task).ok()
    (blob,) = (tmp_path / "out").rglob(shared.partition(":")[2])
    blob.unlink()
    expected = run_module("registry_sync", task, check=True, diff=True).ok()
    done = run_module("registry_sync", task, diff=True).ok()
    assert (done["summary"], done["diff"]) == (expected["summary"], expected["diff"])
    assert done["summary"]["copied"] == 1
    assert not run_module("registry_sync", task).ok().changed
