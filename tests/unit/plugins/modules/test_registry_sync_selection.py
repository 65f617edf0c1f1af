# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync with repositories of which tags are chosen, and what becomes of further tags at the destination."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, limit_pulls, side
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

TAGS = ("1.9", "1.10", "1.11-rc1", "2.0", "latest", "main")


def _sync(source: FakeRegistry, destination: FakeRegistry, *listed: t.Any, **options: t.Any) -> dict[str, t.Any]:
    sides = {**side("src", source), **side("dest", destination)}
    return {"timeout": 10, **sides, "images": list(listed), **options}


def _fill(registry: FakeRegistry, *tags: str) -> dict[str, str]:
    return {tag: registry.add_image("app", tag, seed=tag).digest for tag in tags or TAGS}


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ({"include": [r"^\d"]}, {"1.9", "1.10", "1.11-rc1", "2.0"}),
        ({"include": [r"^\d"], "exclude": ["rc", "^2"]}, {"1.9", "1.10"}),
        ({"exclude": [r"\d"]}, {"latest", "main"}),
        ({"semver": "1.x"}, {"1.9", "1.10"}),
        ({"semver": ">=1.10.0-rc1 <2"}, {"1.10", "1.11-rc1"}),
        ({"semver": "^2 || ~1.9"}, {"1.9", "2.0"}),
        ({"semver": "*", "newest": 2}, {"1.10", "2.0"}),
        ({"newest": 1}, {"2.0"}),
        ({"newest": 100}, set(TAGS)),
    ],
)
def test_tags_are_chosen_by_name_then_version_then_rank(
    make_registry: MakeRegistry, run_module: RunModule, choice: dict[str, t.Any], chosen: set[str]
) -> None:
    source, destination = make_registry(), make_registry()
    digests = _fill(source)
    source.add_image("app", f"{digests['2.0'].replace(':', '-')}.sig")
    result = run_module("registry_sync", _sync(source, destination, {"src": "app", **choice})).ok()
    assert destination.tags("app") == {tag: digests[tag] for tag in chosen}
    assert len(source.named("list_tags")) == 1
    assert {image["name"] for image in result["images"]} == {f"{source.host}/app:{tag}" for tag in chosen}


def test_the_newest_by_date_and_what_has_no_date_counts_as_newest(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    for tag, created in {
        "a": "2024-01-01T00:00:00Z",
        "b": "2025-01-01T00:00:00Z",
        "c": "2023-01-01T00:00:00Z",
        "d": "1970-01-01T00:00:00Z",
    }.items():
        source.add_image("app", tag, config={"created": created}, seed=tag)
    run_module("registry_sync", _sync(source, destination, {"src": "app", "newest": 2, "sort": "created"})).ok()
    assert set(destination.tags("app")) == {"b", "d"}


@pytest.mark.parametrize("style", [{}, {"empty_tags": "404"}])
def test_a_repository_without_tags_fails_or_is_fine(make_registry: MakeRegistry, run_module: RunModule, style: dict[str, str]) -> None:
    source, destination = make_registry(), make_registry()
    source.add_image("full", "1")
    if not style:
        source.add_image("empty", "1")
        source.remove_tag("empty", "1")
    listed = [{"src": "empty", "include": ["."]}, {"src": "full", "include": ["."]}]
    failed = run_module("registry_sync", _sync(source, destination, *listed)).failure("not_found")
    assert failed["failed_names"] == [f"{source.host}/empty"]
    assert failed["images"][0]["error"]["kind"] == "not_found"
    assert set(destination.tags("full")) == {"1"}
    fine = run_module("registry_sync", _sync(source, destination, *listed, empty="ok")).ok()
    assert fine.changed is False
    assert fine["summary"]["images"] == 1


def test_an_entry_that_chooses_nothing_says_why(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    _fill(source)
    failed = run_module("registry_sync", _sync(source, destination, {"src": "app", "include": ["^9"], "semver": "*"})).failure("not_found")
    assert "None of the 6 tags" in failed.msg
    assert "include and semver" in failed.msg


def test_extra_tags_are_deleted_and_no_others(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    digests = _fill(source, "1.0", "1.1", "2.0")
    for tag in ("0.8", "0.9", "by-hand"):
        destination.add_image("app", tag, seed=tag)
    destination.add_image("other", "stays")
    destination.add_image("named", "stays")
    source.add_image("named", "1")
    listed = [{"src": "app", "semver": "1.x"}, {"src": "app:2.0", "tags": ["by-hand"], "dest": "app"}, "named:1"]
    task = _sync(source, destination, *listed, extra="delete")
    expected = run_module("registry_sync", task, check=True, diff=True).ok()
    assert destination.writes() == []
    result = run_module("registry_sync", task, diff=True).ok()
    assert destination.tags("app") == {"1.0": digests["1.0"], "1.1": digests["1.1"], "by-hand": digests["2.0"]}
    assert set(destination.tags("other")) == {"stays"}
    assert set(destination.tags("named")) == {"1", "stays"}
    gone = [f"{destination.host}/app:{tag}" for tag in ("0.8", "0.9")]
    assert result["deleted_tags"] == expected["deleted_tags"] == gone
    assert result["diff"] == expected["diff"]
    assert [result["diff"]["after"][name] for name in gone] == [None, None]
    again = run_module("registry_sync", task).ok()
    assert again.changed is False
    assert again["deleted_tags"] == []


def test_more_extra_tags_than_allowed_delete_none_but_the_images_are_copied(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    _fill(source, "1.0")
    for number in range(4):
        destination.add_image("app", f"old{number}", seed=str(number))
    task = _sync(source, destination, {"src": "app", "include": ["."]}, extra="delete", max_deletions=3)
    failed = run_module("registry_sync", task).failure("precondition")
    assert "4 tags" in failed.msg
    assert failed.changed is True
    assert set(destination.tags("app")) == {"1.0", *(f"old{number}" for number in range(4))}


@pytest.mark.parametrize("fault", ["an image that fails", "an entry that chooses nothing", "a list that cannot be read"])
def test_nothing_is_deleted_in_a_repository_that_is_not_wholly_known(
    make_registry: MakeRegistry, run_module: RunModule, fault: str
) -> None:
    source, destination = make_registry(), make_registry()
    _fill(source, "1.0", "1.1")
    destination.add_image("app", "old")
    listed = [{"src": "app", "semver": "1.x"}]
    if fault == "an image that fails":
        source.on("get_manifest", "manifests/1.1$", times=None).answer(404, code="MANIFEST_UNKNOWN")
    elif fault == "an entry that chooses nothing":
        listed.append({"src": "app", "semver": "3.x"})
    else:
        source.on("list_tags", times=None).answer(403, code="DENIED")
    for empty in ("fail", "ok") if fault == "an entry that chooses nothing" else ("fail",):
        run_module("registry_sync", _sync(source, destination, *listed, extra="delete", empty=empty))
        assert "old" in destination.tags("app")


def test_pulls_are_left_to_others_and_what_is_there_costs_none(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    for number in range(6):
        source.add_image(f"app{number}", "1")
    run_module("registry_sync", _sync(source, destination, "app0:1")).ok()
    pulls = limit_pulls(source, 7)
    task = _sync(source, destination, *(f"app{number}:1" for number in range(6)), min_remaining=4)
    failed = run_module("registry_sync", task).failure("rate_limited")
    assert pulls["left"] == 4
    assert failed["summary"]["copied"] == 3
    assert failed["summary"]["unchanged"] == 1
    assert failed["summary"]["failed"] == 2


def test_a_missing_image_is_told_alike_whichever_asks_for_the_limit_first(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    registry = make_registry(auth=TokenAuth())
    registry.add_image("app", "1")
    pulls = limit_pulls(registry, 10)
    options = {**side("src", registry), "dest_dir": str(tmp_path / "out"), "min_remaining": 8, "concurrency": 1}
    failed = run_module("registry_sync", {"images": ["gone:1", "app:1"], **options}).failure("not_found")
    assert "(404 MANIFEST_UNKNOWN: 1 is unknown)" in failed["images"][0]["error"]["msg"]
    assert failed["summary"]["copied"] == 1
    assert pulls["left"] == 8


def test_a_registry_that_had_enough_is_not_asked_again_for_each_image(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    for number in range(20):
        source.add_image(f"app{number}", "1")
    source.on("get_manifest", times=None).answer(429, {"Retry-After": "9999"})
    task = _sync(source, destination, *(f"app{number}:1" for number in range(20)), concurrency=2)
    failed = run_module("registry_sync", task).failure("rate_limited")
    assert len(failed["failed_names"]) == 20
    assert len(source.named("get_manifest")) <= 2


@pytest.mark.parametrize("listed", [[{"src": "app", "semver": "1.x"}], ["app:2.0", {"src": "other", "semver": "1.x", "dest": "app"}]])
def test_nothing_is_deleted_from_a_source(registry: FakeRegistry, run_module: RunModule, listed: list[t.Any]) -> None:
    for tag in ("1.0", "2.0"):
        registry.add_image("app", tag)
        registry.add_image("other", tag)
    task = _sync(registry, registry, *listed, extra="delete")
    failure = run_module("registry_sync", task).failure("invalid_option")
    assert f"{registry.name('app')} is both a source and a destination" in failure.msg
    assert set(registry.tags("app")) == {"1.0", "2.0"}
    assert registry.log() == []


@pytest.mark.parametrize("style", ["full", "distribution2", "quay"])
def test_nothing_is_deleted_from_a_source_by_another_name(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style)
    digests = _fill(registry)
    task = _sync(registry, registry, {"src": "app", "semver": "1.x"}, extra="delete")
    task.update(src_registry=registry.host.replace("127.0.0.1", "localhost"))
    failed = run_module("registry_sync", task).failure("conflict")
    assert "repository under two names. It was restored, and nothing more was deleted." in failed.msg
    assert (failed.changed, failed["deleted_tags"]) == (False, [])
    assert registry.tags("app") == digests
    assert registry.gaps() == []


def test_a_tag_that_the_source_has_as_well_is_deleted(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    digests = _fill(source)
    run_module("registry_sync", _sync(source, destination, {"src": "app", "include": ["."]})).ok()
    task = _sync(source, destination, {"src": "app", "semver": "1.x"}, extra="delete")
    assert len(run_module("registry_sync", task).ok()["deleted_tags"]) == 4
    assert set(destination.tags("app")) == {"1.9", "1.10"}
    assert source.tags("app") == digests


def test_a_destination_that_cannot_be_read_fails(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    _fill(source, "1.0")
    _fill(destination, "old")
    lost = destination.add_index("app", "lost").digest
    destination.on("get_manifest", path=lost, times=None).answer(404, code="MANIFEST_UNKNOWN")
    failed = run_module("registry_sync", _sync(source, destination, {"src": "app", "semver": "1.x"}, extra="delete")).failure("not_found")
    assert lost in failed.msg
    assert set(destination.tags("app")) == {"1.0", "old", "lost"}
