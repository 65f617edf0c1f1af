# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that fails half way: what it says that it changed is what it changed, no more and no less."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded

MakeRegistry = t.Callable[..., FakeRegistry]


def _fail(run_module: RunModule, module: str, options: dict[str, t.Any], kind: str = "denied") -> Result:
    return run_module(module, {"concurrency": 1, "retries": 0, **options}, diff=True).failure(kind)


def test_of_three_tags_one_is_denied(registry: FakeRegistry, run_module: RunModule) -> None:
    new, old = registry.add_image("app", "1"), registry.add_image("app", "old")
    registry.set_tag("app", "same", new.digest)
    registry.on("put_manifest", "/two$").answer(403, code="DENIED")
    result = _fail(run_module, "registry_tag", registry.args(name="app:1", tags=["one", "two", "old", "same"]))
    assert result.changed
    assert result["tagged_images"] == [f"{registry.host}/app:one"]
    assert result["unchanged_images"] == [f"{registry.host}/app:same"]
    assert result["diff"]["after"] == {"one": new.digest, "same": new.digest}
    assert registry.tags("app") == {"1": new.digest, "old": old.digest, "one": new.digest, "same": new.digest}


def test_the_first_tag_is_denied(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    registry.on("put_manifest").answer(403, code="DENIED")
    result = _fail(run_module, "registry_tag", registry.args(name="app:1", tags=["one", "two"]))
    assert not result.changed
    assert result["tagged_images"] == []
    assert result["diff"]["after"] == {}


def test_a_push_of_which_the_second_tag_is_denied(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = images.image()
    path = images.write_layout(tmp_path / "layout", {"1": content})
    registry.on("put_manifest", "/two$").answer(403, code="DENIED")
    result = _fail(run_module, "registry_push", registry.args(name="app:one", tags=["two"], path=path))
    assert result.changed
    assert result["diff"]["before"] == {"one": None}
    assert result["diff"]["after"] == {"one": content.digest}


def test_a_push_that_cannot_be_done_changes_nothing_in_check_mode_either(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    content = images.image()
    path = images.write_layout(tmp_path / "layout", {"1": content})
    (tmp_path / "layout" / "blobs" / next(iter(content.blobs)).replace(":", "/")).write_bytes(b"other")
    options = registry.args(name="app:one", path=path)
    failures = [run_module("registry_push", options, check=check, diff=True).failure("digest_mismatch") for check in (True, False)]
    assert [(failure.changed, failure["diff"]["after"]) for failure in failures] == [(False, {}), (False, {})]


@pytest.mark.parametrize("listed", [False, True])
def test_a_copy_of_which_the_second_tag_is_denied(registry: FakeRegistry, run_module: RunModule, listed: bool) -> None:
    registry.add_image("app", "1")
    registry.on("put_manifest", "/two$").answer(403, code="DENIED")
    image = {"src": f"{registry.host}/app:1", "dest": f"{registry.host}/copy:one", "tags": ["two"]}
    result = _fail(run_module, "registry_copy", registry.args(**({"images": [image]} if listed else image)))
    assert result.changed
    assert not listed or result["images"][0]["changed"]


@pytest.mark.parametrize("method", ["tag", "digest"])
def test_a_deletion_of_which_the_second_is_in_the_way(registry: FakeRegistry, run_module: RunModule, method: str) -> None:
    made = {tag: registry.add_image("app", tag).digest for tag in ("1", "2", "3")}
    registry.on("delete_manifest", made["2"] if method == "digest" else "/2$").answer(409, code="CONFLICT")
    result = _fail(run_module, "registry_tag_delete", registry.args(name="app", tags=["1", "2", "3"], method=method), "conflict")
    assert result.changed
    assert result["deleted_tags"] == ["1", "3"]
    assert result["diff"]["before"] == {"1": made["1"], "3": made["3"]}
    assert result["diff"]["after"] == {"1": None, "3": None}
    (reason,) = result["failed_tags"].values()
    assert "disabled" not in result.msg
    assert "were deleted" not in reason
    assert registry.tags("app") == {"2": made["2"]}


def test_a_registry_that_takes_the_manifest_with_its_tag(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(delete_by_tag="deletes_manifest")
    digest = registry.add_image("app", "1").digest
    registry.set_tag("app", "stable", digest)
    result = _fail(run_module, "registry_tag_delete", registry.args(name="app:1", method="tag"), "unsupported")
    assert result.changed
    assert (result["deleted_tags"], result["methods"]) == (["1"], {"1": "tag"})
    assert registry.manifest("app", digest) is not None
    assert registry.tags("app") == {}


def test_a_pruning_of_which_one_tag_is_in_the_way(registry: FakeRegistry, run_module: RunModule) -> None:
    made = {tag: registry.add_image("app", tag).digest for tag in ("1.1", "1.2", "1.3", "1.4")}
    registry.on("delete_manifest", "/1.2$").answer(409, code="CONFLICT")
    options = registry.args(name="app", sort="version", keep_last=1, method="tag")
    result = _fail(run_module, "registry_prune", options, "conflict")
    assert result.changed
    assert result["deleted"] == ["1.1", "1.3"]
    assert {tag for tag, state in result["diff"]["after"].items() if state is None} == {"1.1", "1.3"}
    assert registry.tags("app") == {tag: made[tag] for tag in ("1.2", "1.4")}


def test_a_copy_of_which_a_signature_is_denied(registry: FakeRegistry, run_module: RunModule) -> None:
    image = registry.add_image("app", "1")
    registry.add_image("copy", "1", layers=2)
    registry.set_tag("app", f"sha256-{image.digest[7:]}.sig", registry.add_image("app", "other", 1).digest)
    registry.on("put_manifest", r"\.sig$").answer(403, code="DENIED")
    options = registry.args(src=f"{registry.host}/app:1", dest=f"{registry.host}/copy:1", tags=["2"], referrers=True)
    result = _fail(run_module, "registry_copy", options)
    assert result.changed
    assert result["diff"]["after"] == {f"{registry.host}/copy:2": image.digest}


@pytest.mark.parametrize(("method", "look"), [("tag", "head_manifest"), ("substitute", "head_manifest"), ("digest", "get_manifest")])
def test_a_deletion_that_cannot_be_looked_at_afterwards(registry: FakeRegistry, run_module: RunModule, method: str, look: str) -> None:
    digest = registry.add_image("app", "1").digest

    def break_down(_request: Recorded) -> None:
        registry.on(look, times=None).answer(500)

    registry.on("delete_manifest", nth=2 if method == "substitute" else 1).then(break_down)
    result = _fail(run_module, "registry_tag_delete", registry.args(name="app:1", method=method), "server")
    assert result.changed
    assert (result["deleted_tags"], result["methods"]) == (["1"], {"1": method})
    assert result["diff"]["before"] == {"1": digest}
    assert registry.tags("app") == {}


def test_what_others_deleted_meanwhile_is_not_said_to_be_changed(registry: FakeRegistry, run_module: RunModule) -> None:
    made = {tag: registry.add_image("app", tag).digest for tag in ("1", "2")}
    registry.on("list_tags").then(lambda request: registry.remove_tag("app", "1"))
    registry.on("delete_manifest", "/2$").answer(409, code="CONFLICT")
    result = _fail(run_module, "registry_tag_delete", registry.args(name="app", tags=["1", "2"], method="tag"), "conflict")
    assert not result.changed
    assert result["diff"]["before"] == {}
    assert (result["deleted_tags"], result["absent_tags"]) == ([], ["1"])
    assert registry.tags("app") == {"2": made["2"]}


def test_a_tag_that_the_registry_stored_otherwise(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(put_digest="wrong")
    registry.add_image("app", "1")
    result = _fail(run_module, "registry_tag", registry.args(name="app:1", tags=["2"]), "digest_mismatch")
    assert result.changed
    assert sorted(registry.tags("app")) == ["1", "2"]


def test_a_list_that_cannot_be_read_says_nothing_of_the_repository(registry: FakeRegistry, run_module: RunModule) -> None:
    absent = _fail(run_module, "registry_tag_info", registry.args(name="absent"), "not_found")
    registry.on("list_tags").answer(500)
    fault = _fail(run_module, "registry_tag_info", registry.args(name="app"), "server")
    assert not {"exists", "tags"} & (absent.data.keys() | fault.data.keys())


def test_a_digest_of_which_a_tag_cannot_be_looked_at_afterwards_is_gone(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1").digest
    registry.set_tag("app", "2", digest)

    def break_down(_request: Recorded) -> None:
        registry.on("head_manifest", "/1$", times=None).answer(500)

    registry.on("delete_manifest").then(break_down)
    result = _fail(run_module, "registry_tag_delete", registry.args(name=f"app@{digest}", method="digest"), "server")
    assert result.changed
    assert result["also_deleted_tags"] == ["1", "2"]
    assert registry.tags("app") == {}
