# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_pull to layouts: what lies there afterwards, what is reported, and how many requests it takes."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import (
    FULL_NAME,
    REF_NAME,
    blob_names,
    content_of,
    digests_of,
    index_of,
    put,
    temporary_files,
    tree,
)
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]


# What arrives


@pytest.mark.parametrize(
    "content",
    [
        images.image(),
        images.image(docker=True),
        images.image(compression="", layers=["same", "other", "same"]),
        images.image(algorithm="sha512"),
        images.multi_arch(),
        images.multi_arch(docker=True),
        images.multi_arch(attested=True),
        images.nested(),
        images.artifact(),
        images.artifact(data=b""),
    ],
    ids=["image", "docker", "repeated", "sha512", "index", "list", "attested", "nested", "artifact", "empty"],
)
def test_every_kind_of_image_arrives_byte_for_byte(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, content: images.Content
) -> None:
    put(registry, "team/app", "1.0", content)
    result = run_module("registry_pull", registry.args(name="team/app:1.0", path=str(tmp_path / "app"))).ok()
    assert result.changed is True
    assert result["digest"] == content.digest
    assert result["path"] == str(tmp_path / "app")
    assert result["format"] == "oci-layout"
    assert content_of(tmp_path / "app", "1.0") == content.files
    assert digests_of(result["downloaded_blobs"]) == set(content.blobs)
    assert result["downloaded_bytes"] == sum(map(len, content.blobs.values()))
    assert result["image_size"] == sum(map(len, content.files.values()))
    assert result["existing_blobs"] == result["skipped_layers"] == []
    assert temporary_files(tmp_path) == []


def test_what_was_pulled_is_pushed_and_pulled_with_the_samedigests_of(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    first, second = make_registry(auth="token"), make_registry(auth="basic")
    content = put(first, "app", "1.0", images.multi_arch(attested=True))
    run_module("registry_pull", first.args(name="app:1.0", path=str(tmp_path / "one"))).ok()
    pushed = run_module("registry_push", second.args(path=str(tmp_path / "one"), name="app:2.0", source_name="1.0")).ok()
    pulled = run_module("registry_pull", second.args(name="app:2.0", path=str(tmp_path / "two"))).ok()
    assert pushed["digest"] == pulled["digest"] == content.digest
    assert blob_names(tmp_path / "one") == blob_names(tmp_path / "two") == set(content.files)


def test_the_image_goes_by_its_tag_and_by_its_full_name(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = put(registry, "team/app", "1.0", images.image())
    run_module("registry_pull", registry.args(name="team/app:1.0", path=str(tmp_path / "app"))).ok()
    full = f"{registry.host}/team/app:1.0"
    assert index_of(tmp_path / "app") == [
        {
            "mediaType": content.media_type,
            "digest": content.digest,
            "size": content.size,
            "annotations": {FULL_NAME: full, REF_NAME: "1.0"},
        }
    ]
    assert content_of(tmp_path / "app", "1.0") == content_of(tmp_path / "app", full) == content.files


def test_an_image_that_is_pulled_by_digest_has_no_tag(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.artifact())
    run_module("registry_pull", registry.args(name=f"app@{content.digest}", path=str(tmp_path / "app"))).ok()
    (entry,) = index_of(tmp_path / "app")
    assert entry["annotations"] == {FULL_NAME: f"{registry.host}/app@{content.digest}"}
    assert entry["artifactType"] == "application/vnd.example.sbom"


def test_layers_that_may_not_be_distributed_are_left_out_and_listed(
    registry: FakeRegistry, evil: t.Any, run_module: RunModule, tmp_path: Path
) -> None:
    content = put(registry, "app", "1.0", images.image(foreign=True))
    result = run_module("registry_pull", registry.args(name="app:1.0", path=str(tmp_path / "app"))).ok()
    (layer,) = result["skipped_layers"]
    assert layer == {"digest": images.digest_of(b"elsewhere"), "size": 9, "media_type": images.FOREIGN_LAYER}
    assert blob_names(tmp_path / "app") == set(content.files)
    assert run_module("registry_pull", registry.args(name="app:1.0", path=str(tmp_path / "app"))).ok().changed is False


# Requests


def test_a_pull_costs_one_request_a_blob_and_three(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    put(token_registry, "app", "1.0", images.image(layers=["a", "b", "c"]))
    run_module("registry_pull", token_registry.args(name="app:1.0", path=str(tmp_path / "app"))).ok()
    assert token_registry.counts() == {"get_manifest": 2, "token": 1, "get_blob": 4}
    assert [request.scopes for request in token_registry.named("token")] == [("repository:app:pull",)]


def test_an_index_costs_one_request_more_a_child(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = put(token_registry, "app", "1.0", images.multi_arch())
    run_module("registry_pull", token_registry.args(name="app:1.0", path=str(tmp_path / "app"))).ok()
    assert token_registry.counts() == {"get_manifest": 2 + 2, "token": 1, "get_blob": len(content.blobs)}


@pytest.mark.parametrize("content", [images.image(), images.multi_arch()], ids=["image", "index"])
def test_pulling_again_costs_three_requests_and_is_no_pull(
    token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path, content: images.Content
) -> None:
    put(token_registry, "app", "1.0", content)
    arguments = token_registry.args(name="app:1.0", path=str(tmp_path / "app"))
    run_module("registry_pull", arguments).ok()
    before = tree(tmp_path)
    token_registry.clear()
    result = run_module("registry_pull", arguments).ok()
    assert result.changed is False
    assert token_registry.log() == ["HEAD /v2/app/manifests/1.0", "GET /token", "HEAD /v2/app/manifests/1.0"]
    assert digests_of(result["existing_blobs"]) == set(content.blobs)
    assert result["downloaded_blobs"] == []
    assert result["downloaded_bytes"] == 0
    assert tree(tmp_path) == before


def test_an_image_that_is_pinned_and_there_costs_no_request(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.multi_arch())
    arguments = registry.args(name=f"app:1.0@{content.digest}", path=str(tmp_path / "app"))
    run_module("registry_pull", arguments).ok()
    registry.clear()
    assert run_module("registry_pull", arguments).ok().changed is False
    assert registry.log() == []


def test_an_update_downloads_only_what_is_new(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    old = put(token_registry, "app", "1.0", images.image(layers=["base", "old"]))
    arguments = token_registry.args(name="app:1.0", path=str(tmp_path / "app"))
    run_module("registry_pull", arguments).ok()
    new = put(token_registry, "app", "1.0", images.image(layers=["base", "new"]))
    token_registry.clear()
    result = run_module("registry_pull", arguments, diff=True).ok()
    added = set(new.blobs) - set(old.blobs)
    assert digests_of(result["downloaded_blobs"]) == added
    assert digests_of(result["existing_blobs"]) == set(new.blobs) & set(old.blobs)
    assert token_registry.counts() == {"head_manifest": 2, "token": 1, "get_manifest": 1, "get_blob": len(added)}
    assert result["diff"]["before"] == {str(tmp_path / "app"): old.digest}
    assert result["diff"]["after"] == {str(tmp_path / "app"): new.digest}
    assert blob_names(tmp_path / "app") == set(new.files)


def test_no_more_requests_at_a_time_than_allowed(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.image(layers=[f"layer{number}" for number in range(12)]))
    held = registry.on("get_blob", nth=3).hold()
    held.release()
    run_module("registry_pull", registry.args(name="app:1.0", path=str(tmp_path / "app"), concurrency=3)).ok()
    assert registry.peak <= 3
    assert content_of(tmp_path / "app") == content.files


# Check mode, modes of files


def test_check_mode_predicts_and_writes_nothing(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = put(token_registry, "app", "1.0", images.multi_arch())
    arguments = token_registry.args(name="app:1.0", path=str(tmp_path / "app"), mode="0640")
    checked = run_module("registry_pull", arguments, check=True, diff=True).ok()
    assert tree(tmp_path) == {}
    assert "get_blob" not in token_registry.counts()
    done = run_module("registry_pull", arguments, diff=True).ok()
    for key in ("changed", "digest", "image_size", "existing_blobs", "downloaded_bytes", "skipped_layers", "diff"):
        assert checked[key] == done[key], key
    assert digests_of(checked["downloaded_blobs"]) == digests_of(done["downloaded_blobs"]) == set(content.blobs)
    assert run_module("registry_pull", arguments, check=True).ok().changed is False


@pytest.mark.parametrize("mode", ["0640", "u=rw,g=r,o="])
def test_modes_are_set_on_every_file_and_folders_can_be_entered(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, mode: str
) -> None:
    put(registry, "app", "1.0", images.multi_arch())
    arguments = registry.args(name="app:1.0", path=str(tmp_path / "app"), mode=mode)
    run_module("registry_pull", arguments).ok()
    for item in [tmp_path / "app", *(tmp_path / "app").rglob("*")]:
        assert stat.S_IMODE(item.stat().st_mode) == (0o750 if item.is_dir() else 0o640)
    assert run_module("registry_pull", arguments).ok().changed is False
    other = {**arguments, "mode": "u=rwX,g=,o="}
    before = tree(tmp_path)
    assert run_module("registry_pull", other, check=True).ok().changed is True
    result = run_module("registry_pull", other, diff=True).ok()
    assert result.changed is True
    assert (result["diff"]["before"]["mode"], result["diff"]["after"]["mode"]) == ("0750", "0700")
    assert tree(tmp_path) == before
    assert stat.S_IMODE((tmp_path / "app" / "index.json").stat().st_mode) == 0o600


def test_new_files_follow_the_umask(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    put(registry, "app", "1.0", images.image())
    mask = os.umask(0o027)
    try:
        run_module("registry_pull", registry.args(name="app:1.0", path=str(tmp_path / "app"))).ok()
    finally:
        os.umask(mask)
    for item in [tmp_path / "app", *(tmp_path / "app").rglob("*")]:
        assert stat.S_IMODE(item.stat().st_mode) == (0o750 if item.is_dir() else 0o640)
