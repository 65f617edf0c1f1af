# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_copy: check mode, diff, and tags that are taken."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between, digests, put, within
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_check_mode_predicts_and_sends_only_reads(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    source, destination = make_registry(auth="token"), make_registry(style, auth="token")
    content = put(source, "app", images.multi_arch(), "1.0")
    destination.add_blob("app", next(iter(content.blobs.values())))
    arguments = between(source, destination, src="app:1.0", dest="app", tags=["latest"])
    predicted = run_module("registry_copy", arguments, check=True, diff=True).ok()
    assert source.writes() == destination.writes() == []
    scopes = {scope for registry in (source, destination) for request in registry.named("token") for scope in request.scopes}
    assert scopes == {"repository:app:pull"}
    done = run_module("registry_copy", arguments, diff=True).ok()
    assert {**predicted.data, "elapsed": 0, "invocation": 0} == {**done.data, "elapsed": 0, "invocation": 0}
    assert done["diff"]["before"] == {f"{destination.host}/app:latest": None}
    assert done["diff"]["after"] == {f"{destination.host}/app:latest": content.digest}
    assert len(done["existing_blobs"]) == 1
    again = run_module("registry_copy", arguments, check=True, diff=True).ok()
    assert again.changed is False
    assert again["diff"]["before"] == again["diff"]["after"]


def test_check_mode_within_a_registry(token_registry: FakeRegistry, run_module: RunModule) -> None:
    added = token_registry.add_image("app", "1.0")
    result = run_module("registry_copy", within(token_registry, src="app:1.0", dest="copy"), check=True).ok()
    assert result.changed is True
    assert digests(result["uploaded_blobs"]) == set(added.blobs)
    assert token_registry.writes() == []
    assert {scope.rpartition(":")[2] for request in token_registry.named("token") for scope in request.scopes} == {"pull"}


@pytest.mark.parametrize("existing", ["overwrite", "keep", "fail"])
def test_a_tag_on_another_digest(make_registry: MakeRegistry, run_module: RunModule, existing: str) -> None:
    source, destination = make_registry(), make_registry()
    new = source.add_image("app", "1.0", seed="new")
    old = destination.add_image("app", "1.0", seed="old")
    arguments = between(source, destination, src="app:1.0", dest="app:1.0", tags=["1"], existing=existing)
    result = run_module("registry_copy", arguments)
    if existing == "fail":
        assert old.digest in result.failure("conflict").msg
        assert destination.writes() == []
        return
    kept = existing == "keep"
    assert destination.tags("app") == {"1": new.digest, "1.0": old.digest if kept else new.digest}
    assert result.ok()["kept_images"] == ([f"{destination.host}/app:1.0"] if kept else [])
    assert result["tagged_images"] == [f"{destination.host}/app:{tag}" for tag in (["1"] if kept else ["1.0", "1"])]
    assert run_module("registry_copy", arguments).ok().changed is False


@pytest.mark.parametrize("existing", ["overwrite", "keep", "fail"])
@pytest.mark.parametrize("module", ["registry_copy", "registry_sync", "registry_push"])
def test_a_tag_that_somebody_sets_during_the_transfer(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, module: str, existing: str
) -> None:
    source, destination = make_registry(), make_registry()
    content = put(source, "app", images.image(), "1.0")
    theirs = destination.add_image("app", seed="theirs").digest
    destination.on("put_upload").call(lambda _request: destination.set_tag("app", "1.0", theirs))
    arguments = {
        "registry_copy": between(source, destination, src="app:1.0", dest="app:1.0", existing=existing),
        "registry_sync": between(source, destination, images=["app:1.0"], existing=existing),
        "registry_push": destination.args(path=images.write_layout(tmp_path / "app", content), name="app:1.0", existing=existing),
    }[module]
    result = run_module(module, arguments)
    if existing == "overwrite":
        assert destination.tags("app") == {"1.0": content.digest}
        return
    assert f"was moved to {theirs} by somebody else" in result.failure("conflict").msg
    assert (result.changed, destination.tags("app")) == (False, {"1.0": theirs})
    assert run_module(module, arguments).failed is (existing == "fail")


def test_a_tag_that_somebody_sets_to_the_same_image_during_the_transfer(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    content = put(source, "app", images.image(), "1.0")

    def push(_request: Recorded) -> None:
        put(destination, "app", content, "1.0")

    destination.on("put_upload").call(push)
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", existing="fail")).ok()
    assert destination.tags("app") == {"1.0": content.digest}


def test_the_same_digest_is_never_a_conflict(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(immutable_tags="always")
    source.add_image("app", "1.0")
    arguments = between(source, destination, src="app:1.0", dest="app", existing="fail")
    assert run_module("registry_copy", arguments).ok().changed is True
    destination.clear()
    assert run_module("registry_copy", arguments).ok().changed is False
    assert destination.writes() == []


@pytest.mark.parametrize("there", [False, True])
def test_an_image_that_is_not_the_expected_one_is_not_copied(make_registry: MakeRegistry, run_module: RunModule, there: bool) -> None:
    source, destination = make_registry(), make_registry()
    added = source.add_image("app", "1.0")
    if there:
        destination.add_image("app", "1.0")
    other = images.image().digest
    failure = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", expected_digest=other))
    assert added.digest in failure.failure("precondition").msg
    assert destination.writes() == []
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", expected_digest=added.digest)).ok()


def test_a_tag_that_two_images_of_the_list_set_is_in_the_diff(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1.0").digest
    entries = [{"src": "app:1.0", "dest": "copy:1"}, {"src": "app:1.0", "dest": "copy:2", "tags": ["1"]}]
    options = within(registry, images=entries, concurrency=1)
    expected = run_module("registry_copy", options, check=True, diff=True).ok()
    result = run_module("registry_copy", options, diff=True).ok()
    names = {registry.name(f"copy:{tag}") for tag in ("1", "2")}
    assert result["diff"] == expected["diff"]
    assert result["diff"]["before"] == dict.fromkeys(names)
    assert result["diff"]["after"] == dict.fromkeys(names, digest)


def test_one_image_with_and_without_some_platforms_for_one_tag(registry: FakeRegistry, run_module: RunModule) -> None:
    entries: list[dict[str, t.Any]] = [
        {"src": "app:1.0", "dest": "copy:1"},
        {"src": "app:1.0", "dest": "copy:1", "platforms": ["linux/amd64"]},
    ]
    result = run_module("registry_copy", within(registry, images=entries)).failure("invalid_option")
    name = registry.name("app:1.0")
    assert f"both {name} and {name} with other platforms to" in result.msg
