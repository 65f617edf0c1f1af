# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T55: documents that other readers, whose keys have no case, read otherwise."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import tar_bytes
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

TWINS: dict[str, dict[str, t.Any]] = {
    "architecture": {"Architecture": "arm64"},
    "os": {"OS": "windows"},
    "created": {"Created": "2001-01-01T00:00:00Z"},
    "config": {"Config": {"User": "root"}},
    "rootfs": {"RootFS": {"type": "layers", "diff_ids": []}},
    "labels": {"config": {"Labels": {"a": "b"}, "labels": {"a": "c"}}},
    "user": {"config": {"User": "nobody", "user": "root"}},
    "diff_ids": {"rootfs": {"type": "layers", "diff_ids": [], "Diff_IDs": []}},
    "history": {"history": [{"created_by": "a", "Created_By": "b"}]},
}


def _index(registry: FakeRegistry) -> str:
    """Add an index whose second image is for linux/amd64 to a reader whose keys have no case; return the digest of its first."""
    first, second = registry.add_image("app", "a"), registry.add_image("app", "b", layers=1)
    entries: list[dict[str, t.Any]] = [
        {"mediaType": images.OCI_MANIFEST, "digest": added.digest, "size": len(added.raw), "platform": platform}
        for added, platform in (
            (first, {"os": "linux", "architecture": "amd64", "Architecture": "arm64"}),
            (second, {"os": "linux", "architecture": "arm64", "Architecture": "amd64"}),
        )
    ]
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": entries}
    return registry.add_manifest("app", document, images.OCI_INDEX, "1").digest


@pytest.mark.parametrize("details", ["manifest", "config"])
def test_t55_a_platform_that_is_two_is_none(registry: FakeRegistry, run_module: RunModule, details: str) -> None:
    _index(registry)
    failure = run_module("registry_image_info", registry.args(name=["app:1"], platform="linux/amd64", details=details))
    assert "in different ways" in failure.failure("invalid_response").msg


def test_t55_an_image_for_two_platforms_is_neither_copied_nor_pulled(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    source, destination = make_registry(), make_registry()
    _index(source)
    options = between(source, destination, src="app:1", dest="app", platforms=["linux/amd64"])
    run_module("registry_copy", options).failure("invalid_response")
    pulled = source.args(name="app:1", path=str(tmp_path / "app"), platforms=["linux/amd64"])
    run_module("registry_pull", pulled).failure("invalid_response")
    assert destination.writes() == []
    assert not (tmp_path / "app").exists()


@pytest.mark.parametrize("twin", sorted(TWINS))
def test_t55_a_config_that_can_be_read_in_two_ways_is_refused(registry: FakeRegistry, run_module: RunModule, twin: str) -> None:
    registry.add_image("app", "1", platform="linux/amd64", config=TWINS[twin])
    failure = run_module("registry_image_info", registry.args(name=["app:1"], details="config")).failure("invalid_response")
    assert "in different ways" in failure.msg


@pytest.mark.parametrize("labels", [{"a": "1", "A": "2"}])
def test_t55_labels_are_not_keys_of_a_document(registry: FakeRegistry, run_module: RunModule, labels: dict[str, str]) -> None:
    registry.add_image("app", "1", platform="linux/amd64", config={"config": {"Labels": labels}})
    assert run_module("registry_image_info", registry.args(name=["app:1"], details="config")).ok()["images"][0]["labels"] == labels


def test_t55_a_list_of_tags_that_can_be_read_in_two_ways_is_refused(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    registry.on("list_tags").body(json.dumps({"name": "app", "tags": ["1"], "Tags": ["1", "2"]}).encode())
    run_module("registry_tag_info", registry.args(name="app")).failure("invalid_response")


@pytest.mark.parametrize("twin", ["architecture", "rootfs", "diff_ids"])
def test_t55_a_saved_config_that_can_be_read_in_two_ways_is_refused(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, twin: str
) -> None:
    content = images.image()
    files = images.docker_files({"1": content})
    name = next(name for name in files if name.endswith(".json") and name != "manifest.json")
    document = json.loads(t.cast(bytes, files[name]))
    extra = {key: {**document.get(key, {}), **value} if isinstance(value, dict) else value for key, value in TWINS[twin].items()}
    raw = json.dumps({**document, **extra}).encode()
    renamed = f"{images.digest_of(raw)[7:]}.json"
    saved = {renamed if key == name else key: raw if key == name else value for key, value in files.items()}
    saved["manifest.json"] = t.cast(bytes, files["manifest.json"]).replace(name.encode(), renamed.encode())
    path = images.write_bytes(tmp_path / "a.tar", tar_bytes(saved.items()))
    assert "in different ways" in run_module("registry_push", registry.args(path=path, name="app:1")).failure("invalid_source").msg


def test_t55_a_layout_that_can_be_read_in_two_ways_is_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    files = images.layout_files({"1": images.image()})
    files["index.json"] = json.dumps({**json.loads(files["index.json"]), "Manifests": []}).encode()
    path = images.write_files(tmp_path / "layout", files)
    run_module("registry_push", registry.args(path=path, name="app:1")).failure("invalid_source")
