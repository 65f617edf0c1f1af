# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync: check mode counts and deletes what the run does, where entries and images share something, and all that failed is told."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between, export_to, put
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

ALL = {"src": "app", "include": ["."]}
Prepare = t.Callable[[FakeRegistry, FakeRegistry], None]


def _both_ways(run_module: RunModule, task: dict[str, t.Any]) -> Result:
    """Run a task in check mode, then really, and hold the two against each other."""
    expected = run_module("registry_sync", task, check=True, diff=True).ok()
    done = run_module("registry_sync", task, diff=True).ok()
    for key in ("diff", "summary", "deleted_tags", "changed"):
        assert expected[key] == done[key]
    assert [image["changed"] for image in expected["images"]] == [image["changed"] for image in done["images"]]
    return done


def _signature_came_first(source: FakeRegistry, destination: FakeRegistry) -> None:
    digest = source.add_image("app", "2", seed="2").digest
    destination.add_image("app", f"{digest.replace(':', '-')}.sig", seed="signature")


def _same_digest(source: FakeRegistry, destination: FakeRegistry) -> None:
    source.add_image("app", "2", seed="2")
    destination.add_image("app", "extra", seed="2")


def _child_has_a_tag(source: FakeRegistry, destination: FakeRegistry) -> None:
    index = put(source, "app", images.multi_arch(), "2")
    put(destination, "app", index, "extra")
    child = index.document["manifests"][0]["digest"]
    destination.set_tag("app", "2-amd64", child)


def _signed_image_is_replaced(source: FakeRegistry, destination: FakeRegistry) -> None:
    source.add_image("app", "2", seed="new")
    old = destination.add_image("app", "2", seed="old").digest
    destination.set_tag("app", "extra", old)
    destination.add_image("app", f"{old.replace(':', '-')}.sig", seed="signature")


@pytest.mark.parametrize(
    ("prepare", "deleted"),
    [
        (_signature_came_first, []),
        (_same_digest, ["extra"]),
        (_child_has_a_tag, ["extra"]),
        (_signed_image_is_replaced, ["extra", "sha256-"]),
    ],
)
def test_check_mode_deletes_what_is_extra_beside_the_images_that_come(
    make_registry: MakeRegistry, run_module: RunModule, prepare: Prepare, deleted: list[str]
) -> None:
    source, destination = make_registry(), make_registry()
    source.add_image("app", "1", seed="1")
    destination.add_image("app", "1", seed="1")
    prepare(source, destination)
    task = between(source, destination, images=[ALL], extra="delete")
    done = _both_ways(run_module, task)
    tags = [name.rpartition(":")[2] for name in done["deleted_tags"]]
    assert [tag[: len(start)] for tag, start in zip(tags, deleted)] == deleted
    assert len(tags) == len(deleted)
    assert run_module("registry_sync", task).ok().changed is False


@pytest.mark.parametrize("concurrency", [1, 6])
def test_what_entries_share_is_counted_once(make_registry: MakeRegistry, run_module: RunModule, concurrency: int) -> None:
    source, destination = make_registry(), make_registry()
    source.add_image("app", "1")
    listed = [ALL, {"src": "app:1", "referrers": True}, {"src": "app:1", "tags": ["1", "stable"]}]
    done = _both_ways(run_module, between(source, destination, images=listed, concurrency=concurrency))
    assert done["summary"]["copied"] == 3  # the same image of two entries, and another tag


@pytest.mark.parametrize("to", ["registry", "directory"])
def test_one_image_that_one_of_two_entries_wants_with_its_referrers(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, to: str
) -> None:
    source, destination = make_registry(), make_registry()
    source.add_referrer("app", source.add_image("app", "1").digest)
    listed = [ALL, {"src": "app:1", "referrers": True}]
    task = between(source, destination, images=listed) if to == "registry" else export_to(tmp_path / "out", source, *listed)
    done = _both_ways(run_module, {**task, "concurrency": 1})
    assert done["summary"]["copied"] == 2
    assert done["images"][0]["referrers"] == done["images"][1]["referrers"] != []
    assert len(source.named("get_manifest")) == 4  # in check mode the image and its referrer, and the same again


@pytest.mark.parametrize("to", ["registry", "directory"])
def test_a_referrer_of_two_tags_is_counted_once(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, to: str) -> None:
    source, destination = make_registry(), make_registry()
    digest = source.add_image("app", "1").digest
    source.set_tag("app", "latest", digest)
    task = between(source, destination, images=[ALL]) if to == "registry" else export_to(tmp_path / "out", source, ALL)
    task.update(referrers=True, concurrency=1)
    run_module("registry_sync", task).ok()
    source.add_referrer("app", digest)
    assert _both_ways(run_module, task)["summary"]["copied"] == 1


def test_a_deletion_that_fails_is_told_beside_images_that_failed(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    source.add_image("app", "1")
    for number in range(2):
        destination.add_image("app", f"old{number}", seed=str(number))
    task = between(source, destination, images=[ALL, "missing:1"], extra="delete", max_deletions=1)
    failed = run_module("registry_sync", task).failure("not_found")
    assert "1 of 2 images failed: " in failed.msg
    assert "2 tags at the destination are not in the list" in failed.msg
    assert failed["deleted_tags"] == []


def test_what_was_exported_is_told_where_its_list_cannot_be_written(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry.add_image("app", "1")

    def get_in_the_way(request: t.Any) -> None:
        (tmp_path / "images.yml").mkdir()

    registry.on("get_manifest").call(get_in_the_way)
    failed = run_module("registry_sync", export_to(tmp_path, registry, "app:1")).failure("invalid_source")
    assert failed.msg == f"{tmp_path / 'images.yml'} is a directory, not a file."
    assert failed.changed is True
    assert failed["summary"]["copied"] == 1
    assert failed["failed_names"] == []


@pytest.mark.parametrize("platforms", [{}, {"platforms": ["linux/amd64"]}])
def test_a_list_that_a_copied_referrer_is_in_stays_though_its_subject_is_not_there(
    make_registry: MakeRegistry, run_module: RunModule, platforms: dict[str, t.Any]
) -> None:
    source, destination = make_registry(), make_registry("distribution3")
    base = images.image()
    patch = put(source, "app", images.image(layers=("patch",), subject=base), "1.0-patch")
    put(source, "app", images.image(layers=("other",)), "1.0")
    put(destination, "app", images.image(layers=("old",)), "0.9")
    done = _both_ways(run_module, between(source, destination, images=[ALL], extra="delete", **platforms))
    assert done["deleted_tags"] == [f"{destination.host}/app:0.9"]
    assert destination.stored("app", base.digest.replace(":", "-")).children == [patch.digest]
    assert not _both_ways(run_module, between(source, destination, images=[ALL], extra="delete", **platforms)).changed
