# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_copy: what arrives, what is reported, and how many requests it takes."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between, digests, put, within
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

LARGE = 5 * 1024 * 1024  # over the size from which a host is asked whether it ignores mount


# Between registries


@pytest.mark.parametrize(
    "content",
    [
        images.image(layers=("a", "b")),
        images.image(docker=True),
        images.image(layers=("a", "a", "b")),
        images.image(layers=()),
        images.image(algorithm="sha512"),
        images.multi_arch(),
        images.multi_arch(docker=True),
        images.multi_arch(attested=True),
        images.nested(),
        images.artifact(),
        images.index(),
    ],
)
def test_everything_arrives_byte_by_byte(make_registry: MakeRegistry, run_module: RunModule, content: images.Content) -> None:
    source, destination = make_registry(), make_registry()
    put(source, "app", content, "1.0")
    destination.guard_closure()
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="mirror/app", tags=["1.0", "latest"])).ok()
    assert result.changed is True
    assert (result["digest"], result["src_digest"], result["digest_changed"]) == (content.digest, content.digest, False)
    assert destination.tags("mirror/app") == {"1.0": content.digest, "latest": content.digest}
    for digest, (media_type, raw) in content.manifests.items():
        stored = destination.stored("mirror/app", digest)
        assert (stored.raw, stored.media_type) == (raw, media_type)
    for digest, raw in content.blobs.items():
        assert destination.blob("mirror/app", digest) == raw
    assert result["uploaded_bytes"] == sum(map(len, content.blobs.values()))
    assert source.writes() == []


def test_a_fresh_copy_costs_three_requests_a_blob_and_eight(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(auth="token"), make_registry(auth="token")
    added = source.add_image("app", "1.0", layers=3)
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert digests(result["uploaded_blobs"]) == set(added.blobs)
    assert source.counts() == {"get_manifest": 2, "token": 1, "get_blob": 4}
    assert destination.counts() == {"head_manifest": 3, "token": 1, "mount": 4, "put_upload": 4, "put_manifest": 1}
    assert len(source.log()) + len(destination.log()) == 3 * 4 + 8


def test_a_large_blob_costs_one_request_more_until_the_host_has_mounted(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(auth="token"), make_registry(auth="token")
    put(source, "app", images.image(layers=[images.layer_tar("large", LARGE), "small"], compression=""), "1.0")
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert len(source.log()) + len(destination.log()) == 3 * 3 + 8 + 1


def test_copying_again_costs_six_requests(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(auth="token"), make_registry(auth="token")
    added = source.add_image("app", "1.0")
    arguments = between(source, destination, src="app:1.0", dest="app")
    run_module("registry_copy", arguments).ok()
    source.clear()
    destination.clear()
    result = run_module("registry_copy", arguments).ok()
    assert result.changed is False
    assert (result["digest"], result["src_digest"], result["size"]) == (added.digest, added.digest, None)
    assert result["unchanged_images"] == [f"{destination.host}/app:1.0"]
    assert source.log() == ["HEAD /v2/app/manifests/1.0", "GET /token", "HEAD /v2/app/manifests/1.0"]
    assert destination.log() == source.log()


def test_a_moved_source_moves_the_tag(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    old = source.add_image("app", "1.0")
    arguments = between(source, destination, src="app:1.0", dest="app")
    run_module("registry_copy", arguments).ok()
    new = source.add_image("app", "1.0", seed="new")
    result = run_module("registry_copy", arguments).ok()
    assert result.changed is True
    assert result["previous"] == {"1.0": old.digest}
    assert destination.tags("app") == {"1.0": new.digest}


# Within a registry


def test_within_a_registry_blobs_are_mounted_by_one_request_each_and_six(token_registry: FakeRegistry, run_module: RunModule) -> None:
    added = token_registry.add_image("staging/app", "rc", layers=3)
    result = run_module("registry_copy", within(token_registry, src="staging/app:rc", dest="release/app:1.0")).ok()
    assert result.changed is True
    assert digests(result["mounted_blobs"]) == set(added.blobs)
    assert (result["uploaded_blobs"], result["uploaded_bytes"]) == ([], 0)
    assert token_registry.tags("release/app") == {"1.0": added.digest}
    assert token_registry.counts() == {"head_manifest": 3, "token": 1, "get_manifest": 1, "mount": 4, "put_manifest": 1}
    assert len(token_registry.log()) == 4 + 6


def test_within_a_registry_copying_again_costs_four_requests(token_registry: FakeRegistry, run_module: RunModule) -> None:
    token_registry.add_image("staging/app", "rc")
    arguments = within(token_registry, src="staging/app:rc", dest="release/app:1.0")
    run_module("registry_copy", arguments).ok()
    token_registry.clear()
    assert run_module("registry_copy", arguments).ok().changed is False
    assert token_registry.log() == [
        "HEAD /v2/release/app/manifests/1.0",
        "GET /token",
        "HEAD /v2/release/app/manifests/1.0",
        "HEAD /v2/staging/app/manifests/rc",
    ]


@pytest.mark.parametrize("mount", ["ignored", "400", "401", "403", "404", "405"])
def test_a_registry_that_does_not_mount_is_streamed_through(make_registry: MakeRegistry, run_module: RunModule, mount: str) -> None:
    registry = make_registry(mount=mount)
    added = registry.add_image("staging/app", "rc")
    result = run_module("registry_copy", within(registry, src="staging/app:rc", dest="release/app:1.0")).ok()
    assert digests(result["uploaded_blobs"]) == set(added.blobs)
    assert registry.tags("release/app") == {"1.0": added.digest}
    assert registry.gaps() == []


@pytest.mark.parametrize(
    "style", ["distribution2", "distribution3", "hub", "ghcr", "ecr", "harbor", "quay", "nexus", "acr", "zot", "crane"]
)
def test_an_index_gets_into_every_registry_and_out_of_it(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry, other = make_registry(style, auth="token"), make_registry()
    content = put(registry, "app", images.multi_arch(attested=True), "1.0")
    registry.guard_closure()
    run_module("registry_copy", within(registry, src="app:1.0", dest="copy/app")).ok()
    run_module("registry_copy", between(registry, other, src="copy/app:1.0", dest="app")).ok()
    run_module("registry_copy", between(other, registry, src="app:1.0", dest="back/app")).ok()
    assert registry.tags("copy/app") == registry.tags("back/app") == other.tags("app") == {"1.0": content.digest}


# Names and tags


@pytest.mark.parametrize(
    ("src", "dest", "tags", "expected"),
    [
        ("app", "copy", [], {"latest"}),
        ("app:1.0", "copy", [], {"1.0"}),
        ("app:1.0", "copy:2.0", [], {"2.0"}),
        ("app:1.0", "copy", ["3", "4"], {"3", "4"}),
        ("app:1.0", "copy:2.0", ["2.0", "3"], {"2.0", "3"}),
        ("app@DIGEST", "copy", [], set()),
        ("app@DIGEST", "copy", ["3"], {"3"}),
        ("app:other@DIGEST", "copy", [], {"other"}),
    ],
)
def test_tags_of_the_copy(registry: FakeRegistry, run_module: RunModule, src: str, dest: str, tags: list[str], expected: set[str]) -> None:
    content = put(registry, "app", images.image(), "1.0")
    registry.set_tag("app", "latest", content.digest)
    arguments = within(registry, src=src.replace("DIGEST", content.digest), dest=dest, tags=tags)
    assert run_module("registry_copy", arguments).ok().changed is True
    assert registry.tags("copy") == dict.fromkeys(sorted(expected), content.digest)
    assert registry.manifest("copy", content.digest) is not None
    assert run_module("registry_copy", arguments).ok().changed is False


def test_full_names_need_no_base(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    added = source.add_image("app", "1.0")
    arguments = {"src": source.name("app:1.0"), "dest": destination.name("mirror/app"), "src_plain_http": True, "dest_plain_http": True}
    result = run_module("registry_copy", arguments).ok()
    assert result["image"] == f"{destination.host}/mirror/app@{added.digest}"


def test_a_base_may_have_a_prefix(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    added = source.add_image("team/app", "1.0")
    arguments = between(source, destination, src="app:1.0", dest="app")
    arguments.update(src_registry=source.name("team"), dest_registry=destination.name("imported/team"))
    run_module("registry_copy", arguments).ok()
    assert destination.tags("imported/team/app") == {"1.0": added.digest}


# Platforms


def test_platforms_make_a_smaller_index_and_say_so(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    content = put(source, "app", images.multi_arch("linux/amd64", "linux/arm64", "linux/s390x", attested=True), "1.0")
    arguments = between(source, destination, src="app:1.0", dest="app", platforms=["linux/arm64", "linux/s390x"])
    result = run_module("registry_copy", arguments).ok()
    assert (result["src_digest"], result["digest_changed"]) == (content.digest, True)
    index = destination.stored("app", "1.0")
    assert result["digest"] == index.digest != content.digest
    kept = [entry for entry in content.document["manifests"] if "amd64" not in str(entry)]
    amd64 = content.document["manifests"][0]["digest"]
    assert index.document["manifests"] == [entry for entry in kept if amd64 not in str(entry)]
    assert source.named("get_manifest")[-1].reference != amd64
    again = run_module("registry_copy", arguments).ok()
    assert (again.changed, again["digest"]) == (False, result["digest"])


def test_all_platforms_keep_the_digest(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    content = put(source, "app", images.multi_arch(attested=True), "1.0")
    arguments = between(source, destination, src="app:1.0", dest="app", platforms=["linux/arm64", "linux/amd64"])
    result = run_module("registry_copy", arguments).ok()
    assert (result["digest"], result["digest_changed"]) == (content.digest, False)


def test_a_platform_that_is_not_there_lists_those_that_are(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    put(source, "app", images.multi_arch(), "1.0")
    failure = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", platforms=["linux/riscv64"]))
    assert "linux/amd64, linux/arm64" in failure.failure("not_found").msg
    assert destination.writes() == []


@pytest.mark.parametrize(
    ("platforms", "fits"), [(["linux/arm64"], True), (["linux/amd64"], False), (["linux/arm64", "linux/amd64"], False)]
)
def test_a_single_image_must_be_for_the_platform(
    make_registry: MakeRegistry, run_module: RunModule, platforms: list[str], fits: bool
) -> None:
    source, destination = make_registry(), make_registry()
    content = put(source, "app", images.image("linux/arm64"), "1.0")
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", platforms=platforms))
    if fits:
        assert (result.ok()["digest"], result["digest_changed"]) == (content.digest, False)
    else:
        assert "linux/arm64" in result.failure("not_found").msg
        assert destination.writes() == []


def test_children_that_a_subset_leaves_out_need_not_be_there(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    content = put(source, "app", images.multi_arch(), "1.0")
    source.remove_manifest("app", content.document["manifests"][1]["digest"])
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", platforms=["linux/amd64"])).ok()
    failure = run_module("registry_copy", between(source, destination, src="app:1.0", dest="whole")).failure("invalid_response")
    assert content.document["manifests"][1]["digest"] in failure.msg
    assert destination.tags("whole") == {}


# Foreign layers


def test_foreign_layers_are_left_out_and_listed(make_registry: MakeRegistry, run_module: RunModule, evil: t.Any) -> None:
    source, destination = make_registry(), make_registry()
    content = images.image(layers=("a",), foreign=True)
    put(source, "app", content, "1.0")
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert [layer["media_type"] for layer in result["skipped_layers"]] == [images.FOREIGN_LAYER]
    assert digests(result["uploaded_blobs"]) == set(content.blobs)
    assert destination.tags("app") == {"1.0": content.digest}


def test_text_of_the_registry_is_cleaned(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    content = images.image(layers=("a",), foreign=True)
    document = content.document
    document["layers"][-1]["mediaType"] = "application/x.foreign.\x1b[31m{{ x }}"
    for digest, raw in content.blobs.items():
        source.store.get("app").blobs[digest] = source.store.new_blob(raw)
    source.add_manifest("app", document, images.OCI_MANIFEST, "1.0")
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert [layer["media_type"] for layer in result["skipped_layers"]] == ["application/x.foreign. [31m{{ x }}"]
