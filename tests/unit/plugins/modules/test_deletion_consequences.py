# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deletion takes along, what must be known of it before, and when it is done: collected manifests, referrers, slow registries."""

from __future__ import annotations

import json

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.deletions import delete, fill, prune
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded

INDEX = "application/vnd.oci.image.index.v1+json"


# Registries that collect manifests without tags


@pytest.mark.parametrize("by_tag", ["ok", "unsupported"])
@pytest.mark.parametrize("tags", [["1.0"], ["1.0", "2.0", "3.0"]])
def test_the_last_tag_of_a_manifest_may_take_it_along(
    make_registry: MakeRegistry, run_module: RunModule, by_tag: str, tags: list[str]
) -> None:
    registry = make_registry("quay", delete_by_tag=by_tag, collects_untagged=True)
    before = fill(registry)
    if by_tag == "unsupported":
        # There the last tag leaves the manifest when it gets its substitute.
        registry.on("put_manifest", times=len(tags)).then(lambda request: collect(registry, before[request.reference]))
    result = delete(run_module, registry, tags=tags).ok()
    assert result["deleted_tags"] == tags
    assert result["also_deleted_manifests"] == sorted(before[tag] for tag in tags)
    assert registry.tags("app") == {tag: digest for tag, digest in before.items() if tag not in tags}
    assert registry.gaps() == []


def collect(registry: FakeRegistry, digest: str) -> None:
    with registry.store.lock:
        registry.store.get("app").collect(digest)


def test_a_tag_that_is_not_the_last_takes_nothing_along(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("quay", collects_untagged=True)
    tags = fill(registry)
    registry.set_tag("app", "stable", tags["1.0"])
    result = delete(run_module, registry, tags=["1.0"]).ok()
    assert result["also_deleted_manifests"] == []
    assert registry.tags("app")["stable"] == tags["1.0"]


@pytest.mark.parametrize("many", [False, True])
def test_a_kept_image_that_goes_with_an_index_that_names_it_ends_a_prune(registry: FakeRegistry, run_module: RunModule, many: bool) -> None:
    index = registry.add_index("app", "1.0")
    children = [child.digest for child in index.children.values()]
    registry.add_image("app", "2.0")
    registry.set_tag("app", "9.0", children[0])
    registry.set_tag("app", "9.1", children[1])
    for number in range(250 if many else 0):
        registry.set_tag("app", f"kept-{number}", children[1])

    def take_along(request: Recorded) -> None:
        registry.remove_manifest("app", children[0])

    registry.on("delete_manifest", index.digest).then(take_along)
    result = prune(run_module, registry, exclude=["kept"]).failure("conflict")
    assert "which a deleted index names: 9.0. Nothing more was deleted." in result.msg
    assert result["deleted"] == ["1.0"]
    assert "2.0" in registry.tags("app")
    assert result.warnings == []


def test_a_manifest_that_other_tags_were_on_does_not_count_as_collected(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(delete_by_tag="deletes_manifest")
    tags = fill(registry)
    registry.set_tag("app", "stable", tags["1.0"])
    result = delete(run_module, registry, tags=["1.0"]).failure("unsupported")
    assert "stable" in result.msg
    assert result["also_deleted_manifests"] == []
    assert registry.manifest("app", tags["1.0"]) is not None
    assert delete(run_module, registry, tags=["2.0"]).ok()["also_deleted_manifests"] == [tags["2.0"]]


def test_of_many_tags_that_are_lost_a_message_tells_how_many_more_there_are(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("quay")
    fill(registry)
    kept = registry.add_image("app", "kept-00", seed="kept").digest
    for number in range(1, 25):
        registry.set_tag("app", f"kept-{number:02}", kept)
    registry.on("delete_manifest").then(lambda request: registry.remove_manifest("app", kept))
    failed = delete(run_module, registry, tags=["1.0", "2.0"]).failure("unsupported")
    assert f"other tags disappeared with it: {', '.join(f'kept-{number:02}' for number in range(20))} and 5 more." in failed.msg


# Lists of referrers that cannot be read


@pytest.mark.parametrize("how", ["page", "abroad", "denied", "garbage"])
def test_prune_deletes_nothing_where_referrers_cannot_be_read(make_registry: MakeRegistry, run_module: RunModule, how: str) -> None:
    registry = make_registry()
    tags = fill(registry)
    rule = registry.on("referrers", times=None)
    {
        "page": lambda: rule.html(200, "Sign in"),
        "abroad": lambda: rule.redirect("http://169.254.169.254/latest/meta-data"),
        "denied": lambda: rule.answer(403, code="DENIED"),
        "garbage": lambda: rule.answer(200, {"Content-Type": "application/json"}, b"{"),
    }[how]()
    result = prune(run_module, registry)
    assert result.failed
    assert "Nothing was deleted" in result.msg
    assert registry.tags("app") == tags
    assert registry.writes() == []


def test_a_list_of_referrers_is_not_torn_by_two_that_leave_it(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    image = registry.add_image("app", "9.0", 1)
    entries = []
    for number in range(6):
        made = registry.add_image("app", f"0.{number}", 1, subject=image.stored.descriptor())
        entries.append(made.stored.descriptor())
    listing = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    tag = f"sha256-{image.digest[7:]}"
    registry.add_manifest("app", listing, INDEX, tag)
    delete(run_module, registry, tags=[f"0.{number}" for number in range(6)], method="digest").ok()
    stored = registry.manifest("app", tag)
    assert stored is not None
    assert json.loads(stored.raw)["manifests"] == []


# Registries that delete later than they answer


def test_a_deletion_that_comes_later_is_waited_for_by_time_and_not_by_retries(
    make_registry: MakeRegistry, run_module: RunModule, waits: list[float]
) -> None:
    registry = make_registry(delete_by_tag="stale", stale_deletes=4)
    fill(registry)
    assert delete(run_module, registry, tags=["1.0"], retries=0, timeout=30).ok()["deleted_tags"] == ["1.0"]
    assert len(waits) == 4


def test_a_deletion_that_does_not_come_in_time_is_not_said_to_have_failed_for_good(
    make_registry: MakeRegistry, run_module: RunModule, waits: list[float]
) -> None:
    registry = make_registry(delete_by_tag="stale", stale_deletes=50)
    fill(registry)
    result = delete(run_module, registry, tags=["1.0"], retries=0, timeout=30).failure("conflict")
    assert "still exists" in result.msg
    assert "delete later" in result.msg
    assert 25 < sum(waits) <= 30


def test_what_one_deletion_was_waited_for_in_vain_is_not_waited_for_by_all(
    make_registry: MakeRegistry, run_module: RunModule, waits: list[float]
) -> None:
    registry = make_registry(delete_by_tag="stale", stale_deletes=50)
    fill(registry)
    result = prune(run_module, registry, method="tag", timeout=30).failure("conflict")
    assert "delete later" in result.msg
    assert list(result["failed_tags"]) == ["1.0"]
    assert sum(waits) <= 30


def test_a_digest_that_goes_later_is_waited_for(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    digest = fill(registry)["1.0"]
    registry.set_tag("app", "stable", digest)
    registry.on("delete_manifest").answer(202)

    registry.on("head_manifest", digest, nth=4).call(lambda request: registry.remove_manifest("app", digest))
    result = delete(run_module, registry, tags=["1.0"], method="digest", retries=0).ok()
    assert result["also_deleted_tags"] == ["stable"]


# Registries whose tags outlive their manifest


def test_by_digest_tags_that_outlive_their_manifest_go_too(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("crane", tags_outlive=True)
    digest = fill(registry)["1.0"]
    registry.set_tag("app", "stable", digest)
    result = delete(run_module, registry, tags=["1.0"], method="digest").ok()
    assert (result["deleted_tags"], result["also_deleted_tags"]) == (["1.0"], ["stable"])
    assert not {"1.0", "stable"} & set(registry.tags("app"))
    assert len(prune(run_module, registry).ok()["deleted"]) == 5
    assert sorted(registry.tags("app")) == ["7.0", "8.0"]
