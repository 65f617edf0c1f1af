# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletions while others are at work, in registries that stand little, and what the state says afterwards."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.deletions import delete, fill, moving, prune, visible
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.faults import refuse
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

INDEX = "application/vnd.oci.image.index.v1+json"


def break_off(registry: FakeRegistry) -> t.Callable[[Recorded], Answer]:
    """Return a hook that deletes the manifest, leaves the tags on it, and answers 500."""

    def hook(request: Recorded) -> Answer:
        with registry.store.lock:
            registry.store.get("app").delete_manifest(request.reference, with_tags=False)
        return refuse(500, "UNKNOWN", "unknown error")

    return hook


def described(registry: FakeRegistry, digest: str) -> dict[str, t.Any]:
    """Return the descriptor of a manifest."""
    stored = registry.manifest("app", digest)
    assert stored is not None
    return stored.descriptor()


# Registries that stand one deletion at a time


@pytest.mark.parametrize("method", ["auto", "substitute", "digest"])
def test_prune_deletes_no_two_digests_at_a_time(make_registry: MakeRegistry, run_module: RunModule, method: str) -> None:
    registry = make_registry("distribution2")
    fill(registry, 15)
    result = prune(run_module, registry, keep_last=3, method=method, retries=0).ok()
    assert len(result["deleted"]) == 12
    assert visible(registry) == ["13.0", "14.0", "15.0"]
    assert [request.status for request in registry.named("delete_manifest") if request.status == 500] == []
    assert registry.gaps() == []


def test_deleting_several_tags_deletes_no_two_digests_at_a_time(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    tags = fill(registry)
    assert delete(run_module, registry, tags=list(tags), retries=0).ok()["deleted_tags"] == list(tags)
    assert visible(registry) == []


def test_reads_of_a_prune_stay_parallel(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    fill(registry, 12)
    held = registry.on("head_manifest", nth=3).hold()
    registry.on("head_manifest", nth=4).call(lambda request: held.release())
    prune(run_module, registry, concurrency=3).ok()
    assert 2 <= registry.peak <= 3


@pytest.mark.parametrize("method", ["auto", "digest"])
@pytest.mark.parametrize("retries", [0, 4])
def test_what_a_deletion_of_somebody_else_breaks_off_leaves_no_ghost(
    make_registry: MakeRegistry, run_module: RunModule, method: str, retries: int
) -> None:
    registry = make_registry("distribution2")
    fill(registry)
    registry.on("delete_manifest", "sha256:", nth=4).call(break_off(registry))
    result = prune(run_module, registry, method=method, retries=retries).ok()
    assert len(result["deleted"]) == 6
    assert visible(registry) == ["7.0", "8.0"]
    registry.clear()
    assert prune(run_module, registry, method=method).ok().changed is False
    assert registry.writes() == []


@pytest.mark.parametrize("method", ["auto", "digest"])
@pytest.mark.parametrize("tags", [["1.0"], ["1.0", "2.0", "3.0"]])
def test_a_deletion_that_is_broken_off_is_not_said_to_be_done(
    make_registry: MakeRegistry, run_module: RunModule, method: str, tags: list[str]
) -> None:
    registry = make_registry("distribution2")
    fill(registry)
    registry.on("delete_manifest", "sha256:", nth=1 if method == "digest" else 2).call(break_off(registry))
    result = delete(run_module, registry, tags=tags, method=method).ok()
    assert result["deleted_tags"] == tags
    assert not set(visible(registry)) & set(tags)


@pytest.mark.parametrize("method", ["auto", "digest"])
def test_a_task_that_fails_leaves_no_ghost_of_what_it_deleted(make_registry: MakeRegistry, run_module: RunModule, method: str) -> None:
    registry = make_registry("distribution2")
    tags = ["1.0", "2.0", "3.0"]
    fill(registry)
    first = 1 if method == "digest" else 2
    registry.on("delete_manifest", "sha256:", nth=first).call(break_off(registry))
    registry.on("delete_manifest", "sha256:", nth=first + 2).answer(403, code="DENIED")  # the first one is asked for again
    result = delete(run_module, registry, tags=tags, method=method, concurrency=1).failure("denied")
    assert result["deleted_tags"] == ["1.0"]
    assert "1.0" not in visible(registry)
    assert set(tags[1:]) < set(visible(registry))
    assert registry.gaps() == []


@pytest.mark.parametrize("deletion", ["substitute", "tag"])
def test_what_somebody_deletes_meanwhile_is_not_said_to_go_with_a_substitute(
    make_registry: MakeRegistry, run_module: RunModule, deletion: str
) -> None:
    registry = make_registry("distribution2" if deletion == "substitute" else "full")
    fill(registry)
    registry.on("delete_manifest", nth=1).then(lambda request: registry.remove_tag("app", "8.0"))
    result = delete(run_module, registry, tags=["1.0", "2.0"])
    if deletion == "tag":  # there it may be the registry that takes more than it is asked to
        assert "8.0" in result.failure("unsupported").msg
        return
    assert result.ok()["deleted_tags"] == ["1.0", "2.0"]
    assert visible(registry) == ["3.0", "4.0", "5.0", "6.0", "7.0"]


@pytest.mark.parametrize("method", ["tag", "substitute"])
def test_a_tag_that_somebody_deletes_is_not_restored_by_a_prune(registry: FakeRegistry, run_module: RunModule, method: str) -> None:
    tags = fill(registry)
    for kept in ("a", "b"):
        registry.set_tag("app", kept, tags["1.0"])
    registry.on("delete_manifest", nth=1 if method == "tag" else 2).then(lambda request: registry.remove_tag("app", "a"))
    result = prune(run_module, registry, method=method).ok()
    assert result["deleted"] == ["1.0", "2.0", "3.0", "4.0", "5.0", "6.0"]
    assert visible(registry) == ["7.0", "8.0", "b"]


def test_what_is_listed_at_the_end_is_deleted_again(registry: FakeRegistry, run_module: RunModule) -> None:
    tags = fill(registry)
    listed = registry.on("list_tags", nth=2).call(moving(registry, "1.0", tags["1.0"]))
    prune(run_module, registry, method="auto").ok()
    assert listed.used == 1
    assert visible(registry) == ["7.0", "8.0"]


def test_what_somebody_sets_anew_in_the_end_stays(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry)
    other = registry.add_image("app", seed="new").digest
    registry.on("list_tags", nth=2).call(moving(registry, "1.0", other))
    prune(run_module, registry, method="auto").ok()
    assert registry.tags("app")["1.0"] == other


@pytest.mark.parametrize(
    ("endpoint", "nth"),
    [("get_manifest", 1), ("head_manifest", 2), ("head_manifest", 3)],
    ids=["before its turn", "before its substitute", "after that was deleted"],
)
def test_a_tag_that_another_task_deletes_at_the_same_time_is_deleted(
    make_registry: MakeRegistry, run_module: RunModule, endpoint: str, nth: int
) -> None:
    registry = make_registry("distribution2")
    tags = fill(registry)
    original = registry.manifest("app", tags["2.0"])
    assert original is not None

    def substitute(request: Recorded) -> None:
        """Do as the other task does, which has deleted the tag two looks later."""
        double = registry.add_manifest("app", original.raw + b"\n" + b" \t" * 48, original.media_type, "2.0").digest
        registry.on("head_manifest", "/2.0$", nth=2, optional=True).call(lambda request: registry.remove_manifest("app", double))

    registry.on(endpoint, "/2.0$", nth=nth).call(substitute)
    delete(run_module, registry, tags=["1.0", "2.0"]).ok()
    assert visible(registry) == ["3.0", "4.0", "5.0", "6.0", "7.0", "8.0"]
    assert registry.manifest("app", original.digest) is not None


@pytest.mark.parametrize("task", [delete, prune])
@pytest.mark.parametrize("left", [1, 0])
def test_what_somebody_else_deleted_is_no_change_of_this_task(
    registry: FakeRegistry, run_module: RunModule, task: t.Callable[..., Result], left: int
) -> None:
    fill(registry, 4)
    options: dict[str, t.Any] = {"tags": ["1.0", "2.0"]} if task is delete else {"method": "tag"}

    def others(request: Recorded) -> None:
        for tag in ["1.0", "2.0"][left:]:
            registry.remove_tag("app", tag)

    registry.on("get_manifest", "/1.0$").call(others)
    result = task(run_module, registry, **options).ok()
    assert result.changed is bool(left)
    assert visible(registry) == ["3.0", "4.0"]


# Tags that move to a digest that goes


@pytest.mark.parametrize("style", ["full", "distribution2", "distribution3", "zot"])
@pytest.mark.parametrize("nth", [1, 3, 6])
def test_t58_a_kept_tag_that_moves_to_a_doomed_digest_is_not_lost(
    make_registry: MakeRegistry, run_module: RunModule, style: str, nth: int
) -> None:
    registry = make_registry(style)
    fill(registry)
    moved: list[str] = []

    def hook(request: Recorded) -> None:
        registry.set_tag("app", "8.0", request.reference)
        moved.append(request.reference)

    registry.on("delete_manifest", "sha256:", nth=nth).call(hook)
    result = prune(run_module, registry).failure("conflict")
    assert "8.0" in result.msg
    assert "restored" in result.msg
    assert registry.tags("app")["8.0"] == moved[0]
    assert registry.gaps() == []
    assert list(result["failed_tags"]) == moved


@pytest.mark.parametrize(("many", "missing"), [(False, "json"), (True, "json"), (False, "denied")])
def test_t58_a_kept_tag_that_somebody_deletes_with_its_digest_is_not_set_on_what_a_prune_deletes(
    make_registry: MakeRegistry, run_module: RunModule, many: bool, missing: str
) -> None:
    registry = make_registry("distribution2", missing=missing)
    tags = fill(registry)
    for number in range(250 if many else 0):
        registry.set_tag("app", f"kept-{number}", tags["7.0"])
    registry.on("delete_manifest", "sha256:", nth=2).call(lambda request: registry.remove_manifest("app", tags["8.0"]))
    result = prune(run_module, registry, exclude=["kept"]).ok()
    assert len(result["deleted"]) == 6
    assert not {"8.0", *result["deleted"]} & set(visible(registry))
    assert [
        text for text in result.warnings if "somebody else deleted kept tags together with their digests: 8.0." in text
    ] == result.warnings


@pytest.mark.parametrize("dangling", [False, True], ids=["gone", "dangling"])
def test_t58_of_many_tags_none_is_lost_either(make_registry: MakeRegistry, run_module: RunModule, dangling: bool) -> None:
    registry = make_registry(delete_leaves_tags=dangling)
    tags = fill(registry, 6)
    for number in range(250):
        registry.set_tag("app", f"kept-{number}", tags["6.0"])
    moved: list[str] = []

    def hook(request: Recorded) -> None:
        registry.set_tag("app", "kept-7", request.reference)
        moved.append(request.reference)

    registry.on("delete_manifest", "sha256:", nth=2).call(hook)
    result = prune(run_module, registry, keep_last=1).failure("conflict")
    assert "kept-7" in result.msg
    assert moved[0] in result.msg
    assert registry.manifest("app", moved[0]) is not None
    assert registry.tags("app").get("kept-7") == (moved[0] if dangling else None)
    assert ("set it again" in result.msg) is not dangling


@pytest.mark.parametrize("nested", [False, True], ids=["tag", "index"])
def test_t58_what_has_moved_before_its_turn_comes_protects_what_it_is_on(
    make_registry: MakeRegistry, run_module: RunModule, nested: bool
) -> None:
    registry = make_registry("distribution2")
    tags = fill(registry)
    target = tags["6.0"]
    if nested:
        entry = described(registry, target)
        target = registry.add_manifest("app", {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}, INDEX, None).digest
    registry.on("list_tags", nth=2).call(moving(registry, "8.0", target))
    result = prune(run_module, registry).failure("conflict")
    assert list(result["failed_tags"]) == [tags["6.0"]]
    assert registry.tags("app")["8.0"] == target
    assert registry.gaps() == []
    assert "1.0" not in registry.tags("app")


def test_t58_a_child_of_an_index_that_a_tag_moves_to_is_put_back(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(validates=False)
    tags = fill(registry)

    def hook(request: Recorded) -> None:
        entry = described(registry, request.reference)
        registry.add_manifest("app", {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}, INDEX, "8.0")

    registry.on("delete_manifest", "sha256:", nth=2).call(hook)
    result = prune(run_module, registry).failure("conflict")
    assert "8.0" in result.msg
    assert registry.gaps() == []
    assert registry.tags("app")["8.0"] != tags["8.0"]


def test_t58_what_is_lost_and_cannot_be_put_back_is_said(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry)
    registry.on("delete_manifest", "sha256:").call(lambda request: registry.set_tag("app", "8.0", request.reference))
    registry.on("put_manifest").answer(403, code="DENIED", message="no pushes today")
    result = prune(run_module, registry).failure("conflict")
    assert "could not be restored" in result.msg
    assert "no pushes today" in result.msg
