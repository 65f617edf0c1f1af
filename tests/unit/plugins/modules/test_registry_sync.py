# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync between registries: what is copied, what it costs, what each image reports, and what is refused."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, put, side
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def _sync(source: FakeRegistry, destination: FakeRegistry, *listed: t.Any, **options: t.Any) -> dict[str, t.Any]:
    sides = {**side("src", source), **side("dest", destination)}
    return {"timeout": 10, **sides, "images": list(listed), **options}


def test_images_are_copied_and_a_second_run_changes_nothing(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    app, db = (source.add_image(name, "1.0", seed=name) for name in ("team/app", "team/db"))
    listed = ["team/app:1.0", {"src": "team/db:1.0", "dest": "databases/pg", "tags": ["1", "stable"]}]
    task = _sync(source, destination, *listed)
    expected = run_module("registry_sync", task, check=True, diff=True).ok()
    assert destination.writes() == []
    result = run_module("registry_sync", task, diff=True).ok()
    assert destination.tags("team/app") == {"1.0": app.digest}
    assert destination.tags("databases/pg") == {"1": db.digest, "stable": db.digest}
    assert result["diff"] == expected["diff"]
    assert result["diff"]["after"] == {
        f"{destination.host}/team/app:1.0": app.digest,
        f"{destination.host}/databases/pg:1": db.digest,
        f"{destination.host}/databases/pg:stable": db.digest,
    }
    assert [image["name"] for image in result["images"]] == [f"{source.host}/team/app:1.0", f"{source.host}/team/db:1.0"]
    assert [image["dest"] for image in result["images"]] == [f"{destination.host}/team/app:1.0", f"{destination.host}/databases/pg:1"]
    assert {key: result["summary"][key] for key in ("images", "copied", "unchanged", "failed")} == {
        "images": 2,
        "copied": 2,
        "unchanged": 0,
        "failed": 0,
    }
    assert result["summary"]["bytes_sent"] == expected["summary"]["bytes_sent"] > 0
    again = run_module("registry_sync", task).ok()
    assert again.changed is False
    assert again["summary"]["unchanged"] == 2
    assert again["failed_names"] == []


def test_images_that_are_there_cost_two_requests_each_and_a_token_for_each_repository(
    make_registry: MakeRegistry, run_module: RunModule
) -> None:
    source, destination = make_registry(auth="token"), make_registry(auth="token")
    for name in ("a", "b"):
        for number in range(5):
            source.add_image(name, f"1.{number}")
    task = _sync(source, destination, *(f"{name}:1.{number}" for name in "ab" for number in range(5)))
    run_module("registry_sync", task).ok()
    source.clear()
    destination.clear()
    assert run_module("registry_sync", task).ok().changed is False
    for registry in (source, destination):
        assert registry.counts()["token"] == 2
        assert registry.counts()["head_manifest"] == 10 + 1  # the very first is refused, and tells where tokens come from
        assert len(registry.log()) == 13


def test_a_source_named_by_its_digest_is_not_asked_where_the_digest_is_there(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    digest = source.add_image("app", "1.0").digest
    task = _sync(source, destination, f"app:1.0@{digest}")
    run_module("registry_sync", task).ok()
    source.clear()
    destination.clear()
    result = run_module("registry_sync", task).ok()
    assert result.changed is False
    assert result["images"][0]["digest"] == result["images"][0]["src_digest"] == digest
    assert source.log() == []
    assert len(destination.log()) == 1


def test_a_part_of_an_index_costs_one_request_more_and_says_that_its_digest_is_another(
    make_registry: MakeRegistry, run_module: RunModule
) -> None:
    source, destination = make_registry(), make_registry()
    index = put(source, "app", images.multi_arch(), "1.0")
    task = _sync(source, destination, {"src": "app:1.0", "platforms": ["linux/arm64"]})
    image = run_module("registry_sync", task).ok()["images"][0]
    assert image["src_digest"] == index.digest
    assert image["digest_changed"] is True
    assert destination.tags("app") == {"1.0": image["digest"]}
    source.clear()
    destination.clear()
    again = run_module("registry_sync", task).ok()
    assert again.changed is False
    assert again["images"][0]["digest"] == image["digest"]
    assert again["images"][0]["digest_changed"] is True
    assert len(source.log()) + len(destination.log()) <= 3


def test_a_failed_image_does_not_stop_the_others(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    for name in ("a", "c"):
        source.add_image(name, "1.0", seed=name)
    task = _sync(source, destination, "a:1.0", "b:1.0", "c:1.0")
    failed = run_module("registry_sync", task).failure("not_found")
    assert "1 of 3 images failed" in failed.msg
    assert failed["failed_names"] == [f"{source.host}/b:1.0"]
    assert failed["images"][1]["error"]["kind"] == "not_found"
    assert failed["summary"]["failed"] == 1
    assert failed.changed is True
    assert set(destination.tags("c")) == {"1.0"}
    source.add_image("b", "1.0")
    assert run_module("registry_sync", task).ok()["summary"]["copied"] == 1


def test_the_host_becomes_a_part_of_the_path(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    source.add_image("team/app", "1.0")
    task = _sync(source, destination, "team/app:1.0", keep_host=True, dest_registry=f"{destination.host}/mirror")
    run_module("registry_sync", task).ok()
    assert set(destination.tags(f"mirror/{source.host.replace(':', '-')}/team/app")) == {"1.0"}


def test_what_is_wrong_in_the_list_is_told_at_once_and_before_any_request(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    wrong: list[t.Any] = [
        "Team/App:1",
        {"src": "app", "pasword": "hunter2-secret"},
        {"dest": "app"},
        7,
        {"src": "app:1", "tags": [1.1]},
        {"src": "app:1", "include": ["x"]},
        {"src": "app", "newest": 0},
        {"src": "app", "newest": 1, "sort": "size"},
        {"src": "app", "include": ["("]},
        {"src": "app:1", "dest": "app@sha256:1"},
        {"src": "app", "include": ["."], "dest": f"app@sha256:{'0' * 64}"},
        {"src": "app:1", "referrers": "perhaps"},
        {"src": "app:1", "platforms": ["amd64"]},
        {"src": "app:1", "sort": "created"},
        {"src": "app", "include": ["1"], "sort": "created"},
    ]
    failed = run_module("registry_sync", _sync(source, destination, "app:1", *wrong)).failure("invalid_reference")
    for number in range(2, len(wrong) + 2):
        assert f"entry {number}" in failed.msg
    assert "entry 1 " not in failed.msg
    assert "'pasword'" in failed.msg
    assert "hunter2-secret" not in str(failed.data)
    assert source.log() == destination.log() == []


@pytest.mark.parametrize("shard", [None, {"index": 0, "count": 2}, {"index": 1, "count": 2}])
def test_two_images_for_one_tag_are_refused_before_the_first_write(
    make_registry: MakeRegistry, run_module: RunModule, shard: dict[str, int] | None
) -> None:
    source, destination = make_registry(), make_registry()
    for name in ("a", "b", "c"):
        source.add_image(name, "1.0", seed=name)
    listed = ["c:1.0", {"src": "a", "dest": "same", "include": ["."]}, {"src": "b", "dest": "same", "include": ["."]}]
    options = {} if shard is None else {"shard": shard}
    failed = run_module("registry_sync", _sync(source, destination, *listed, **options)).failure("invalid_option")
    assert "give each its own tag" in failed.msg
    assert destination.writes() == []


def test_every_repository_is_in_one_shard_whatever_else_is_listed(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    names = [f"app{number}" for number in range(8)]
    for name in names:
        source.add_image(name, "1.0")
    done: list[set[str]] = []
    for index in range(3):
        result = run_module(
            "registry_sync", _sync(source, destination, *(f"{name}:1.0" for name in names), shard={"index": index, "count": 3})
        )
        done.append({image["name"] for image in result.ok()["images"]})
    assert sorted(name for part in done for name in part) == sorted(f"{source.host}/{name}:1.0" for name in names)
    alone = run_module("registry_sync", _sync(source, destination, "app3:1.0", shard={"index": 0, "count": 3})).ok()
    assert len(alone["images"]) == (f"{source.host}/app3:1.0" in done[0])


@pytest.mark.parametrize("to", ["registry", "directory"])
def test_check_mode_counts_what_images_share_once(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, to: str) -> None:
    source, destination = make_registry(), make_registry()
    for tag in ("1", "2", "3"):
        put(source, "app", images.image(layers=["shared by all", tag]), tag)
    task = {"timeout": 10, "concurrency": 1, **side("src", source), "images": [{"src": "app", "include": ["."]}]}
    task.update(side("dest", destination) if to == "registry" else {"dest_dir": str(tmp_path / "carried")})
    predicted = run_module("registry_sync", task, check=True, diff=True).ok()
    done = run_module("registry_sync", task, diff=True).ok()
    assert done["summary"]["bytes_sent"] > 0
    assert done["summary"]["bytes_existing"] > 0
    assert predicted["summary"] == done["summary"]
    assert predicted["diff"] == done["diff"]


def test_an_image_that_is_given_twice_is_brought_and_counted_once(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    source.add_image("app", "1")
    result = run_module("registry_sync", _sync(source, destination, "app:1", "app:1")).ok()
    assert result["summary"]["images"] == 2
    assert result["summary"]["bytes_sent"] == result["images"][0]["uploaded_bytes"]
    assert len(destination.named("put_manifest")) == 1
