# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a push takes of its host: memory whatever the size, disk for layers that have to be compressed alone; and what it tells."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule, start_module
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MIB = 2**20
SIZE = 512 * MIB  # the benchmark pushes 2 GiB
MOST_MEMORY = 150_000_000


def sparse_layout(folder: Path, size: int) -> str:
    """Write a layout whose one layer has ``size`` zeros and takes no room on the disk."""
    found = hashlib.sha256()
    for _block in range(size // MIB):
        found.update(bytes(MIB))
    content = images.image(layers=["a"], compression="")
    document = content.document
    document["layers"] = [{**document["layers"][0], "digest": f"sha256:{found.hexdigest()}", "size": size}]
    raw = images.to_json(document)
    manifests = {images.digest_of(raw): (content.media_type, raw)}
    path = images.write_layout(
        folder, images.Content(raw, content.media_type, manifests, {images.digest_of(content.config): content.config})
    )
    with Path(path, "blobs", "sha256", found.hexdigest()).open("wb") as file:
        file.truncate(size)
    return path


def open_files(pid: int) -> list[str]:
    """Return what the descriptors of a process lead to."""
    folder = Path(f"/proc/{pid}/fd")
    return [os.readlink(folder / name) for name in os.listdir(folder)]


def peak_memory(pid: int) -> int:
    """Return the most memory that a process has had at once, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


def test_memory_does_not_grow_with_a_blob(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry(keep="hash", validates=False)
    layout = sparse_layout(tmp_path / "layout", SIZE)
    hold = registry.on("put_manifest").hold()
    process = start_module("registry_push", registry.args(name="app:1", path=layout), tmp_path)
    try:
        hold.wait(300)
        assert peak_memory(process.pid) < MOST_MEMORY
        hold.release()
        result = process.wait(300).ok()
    finally:
        process.end()
    assert result["uploaded_bytes"] > SIZE


@pytest.mark.parametrize(("saved", "files"), [(True, 2), (False, 0)], ids=["docker save", "OCI layout"])
def test_only_layers_that_are_compressed_take_disk_and_a_failure_leaves_none(
    registry: FakeRegistry, tmp_path: Path, saved: bool, files: int
) -> None:
    content = images.image(layers=["a", "b"])
    path = images.write_docker_archive(tmp_path / "saved.tar", content) if saved else images.write_layout(tmp_path / "layout", content)
    tmpdir = tmp_path / "module"
    tmpdir.mkdir()
    hold = registry.on("put_upload").hold()
    registry.on("put_manifest").answer(403, code="DENIED")
    process = start_module("registry_push", registry.args(name="app:1", path=path), tmpdir)
    try:
        hold.wait()
        assert len([name for name in open_files(process.pid) if name.startswith(str(tmpdir))]) == files
        assert list(tmpdir.iterdir()) == []
        hold.release()
        process.wait().failure("denied")
    finally:
        process.end()
    assert list(tmpdir.iterdir()) == []


@pytest.mark.parametrize("front", ["module"])
def test_the_journal_has_a_line_for_each_blob_and_one_for_all(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _module, msg, log_args=None: lines.append(msg))
    content = images.image(layers=["a", "b"])
    path = images.write_layout(tmp_path / "layout", content)
    result = run_module("registry_push", registry.args(name="app:1", path=path)).ok()
    for digest, raw in content.blobs.items():
        assert f"{digest} ({len(raw)} bytes): uploaded" in lines
    total = sum(map(len, content.blobs.values()))
    assert lines[-1] == f"3 blobs of {total} bytes sent, 0 blobs of 0 bytes mounted, 0 blobs of 0 bytes there already"
    assert (result["uploaded_bytes"], result["mounted_bytes"], result["existing_bytes"]) == (total, 0, 0)
    again = run_module("registry_push", registry.args(name="app:1", path=path)).ok()
    assert (again["uploaded_bytes"], again["mounted_bytes"], again["existing_bytes"]) == (0, 0, total)
    mounted = run_module("registry_push", registry.args(name="other:1", path=path, mount_from=["app"])).ok()
    assert (mounted["uploaded_bytes"], mounted["mounted_bytes"], mounted["existing_bytes"]) == (0, total, 0)
    assert mounted["elapsed"] >= 0


def test_the_largest_blob_goes_first(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = images.image(
        layers=[images.layer_tar("small", 50), images.layer_tar("large", 500_000), images.layer_tar("middle", 70_000)], compression=""
    )
    path = images.write_layout(tmp_path / "layout", content)
    result = run_module("registry_push", registry.args(name="app:1", path=path, concurrency=1)).ok()
    sizes = [request.length for request in registry.named("put_upload")]
    assert sizes == sorted(sizes, reverse=True)
    document = content.document
    assert [blob["digest"] for blob in result["uploaded_blobs"]] == [blob["digest"] for blob in [document["config"], *document["layers"]]]
