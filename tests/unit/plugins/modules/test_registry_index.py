# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One index of several images: what it holds, what is sent for it, and what is refused."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


def _index(registry: FakeRegistry, name: str = "app", tag: str = "1") -> dict[str, t.Any]:
    stored = registry.store.get(name).manifests[registry.tags(name)[tag]]
    document: dict[str, t.Any] = json.loads(stored.raw)
    assert document["mediaType"] == stored.media_type
    return document


def _platforms(document: dict[str, t.Any]) -> list[str]:
    return [
        "/".join(filter(None, (entry["platform"].get(key) for key in ("os", "architecture", "variant")))) for entry in document["manifests"]
    ]


def _builds(registry: FakeRegistry, repository: str = "app", **options: t.Any) -> list[str]:
    for architecture in ("amd64", "arm64"):
        registry.add_image(repository, architecture, platform=f"linux/{architecture}", **options)
    return [f"{repository}:amd64", f"{repository}:arm64"]


def test_two_builds_become_one_image_and_a_second_run_writes_nothing(registry: FakeRegistry, run_module: RunModule) -> None:
    options = registry.args(name="app:1", images=_builds(registry), tags=["latest"])
    result = run_module("registry_index", options).ok()
    document = _index(registry)
    assert _platforms(document) == ["linux/amd64", "linux/arm64"]
    assert document["mediaType"] == OCI_INDEX
    assert [entry["platform"] for entry in result["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert result["tagged_images"] == [registry.name("app:1"), registry.name("app:latest")]
    assert registry.tags("app")["latest"] == registry.tags("app")["1"] == result["digest"]
    registry.clear()
    again = run_module("registry_index", options).ok()
    assert not again.changed
    assert again["digest"] == result["digest"]
    assert registry.writes() == []


def test_what_an_index_of_images_of_its_own_repository_costs(registry: FakeRegistry, run_module: RunModule) -> None:
    builds = _builds(registry)
    options = registry.args(name="app:1", images=builds)
    run_module("registry_index", options).ok()
    assert registry.counts() == {"get_manifest": 2, "get_blob": 2, "head_manifest": 4, "put_manifest": 1}
    registry.clear()
    run_module("registry_index", options).ok()
    assert registry.counts() == {"get_manifest": 2, "get_blob": 2, "head_manifest": 1}
    registry.clear()
    stated = [{"name": name, "platform": f"linux/{name[4:]}"} for name in builds]
    assert not run_module("registry_index", {**options, "images": stated}).ok().changed
    assert registry.counts() == {"get_manifest": 2, "head_manifest": 1}


def test_images_of_other_repositories_are_mounted(registry: FakeRegistry, run_module: RunModule) -> None:
    builds = _builds(registry, "builds/app")
    result = run_module("registry_index", registry.args(name="app:1", images=builds)).ok()
    assert len(result["mounted_blobs"]) == 6
    assert result["uploaded_blobs"] == []
    assert {request.argument("from") for request in registry.named("mount")} == {"builds/app"}
    registry.clear()
    assert not run_module("registry_index", registry.args(name="app:1", images=builds)).ok().changed


def test_images_of_two_repositories_are_mounted_from_where_each_is(token_registry: FakeRegistry, run_module: RunModule) -> None:
    registry = token_registry
    registry.add_image("one", "1", platform="linux/amd64")
    registry.add_image("two", "1", platform="linux/arm64")
    result = run_module("registry_index", registry.args(name="app:1", images=["one:1", "two:1"])).ok()
    assert len(result["mounted_blobs"]) == 6
    assert result["uploaded_blobs"] == []


def test_images_of_another_registry_are_copied_with_its_own_credentials(make_registry: MakeRegistry, run_module: RunModule) -> None:
    own, other = make_registry(auth="basic"), make_registry(auth="token")
    own.add_image("app", "amd64")
    other.add_image("builds", "arm64", platform="linux/arm64")
    credentials = other.args()
    options = own.args(name=own.name("app:1"), images=[own.name("app:amd64"), other.name("builds:arm64")], registry=None)
    result = run_module(
        "registry_index",
        {**options, "src_username": credentials["username"], "src_password": credentials["password"], "src_plain_http": True},
    ).ok()
    assert len(result["uploaded_blobs"]) == 3
    assert _platforms(_index(own)) == ["linux/amd64", "linux/arm64"]
    assert other.writes() == []


def test_credentials_that_may_be_for_either_registry_are_refused_before_any_request(
    make_registry: MakeRegistry, run_module: RunModule
) -> None:
    own, other = make_registry(auth="basic"), make_registry()
    options = own.args(name=own.name("app:1"), images=[other.name("app:1")], registry=None)
    result = run_module("registry_index", options).failure("invalid_option")
    assert "set registry" in result.msg
    assert "dest_" not in result.msg
    assert own.log() == other.log() == []


def test_an_index_contributes_its_images_and_their_attestations(registry: FakeRegistry, run_module: RunModule) -> None:
    built = registry.add_index("app", "arm", platforms=["linux/arm64"], attestations=True)
    registry.add_image("app", "amd64")
    run_module("registry_index", registry.args(name="app:1", images=["app:amd64", "app:arm"])).ok()
    entries = _index(registry)["manifests"]
    assert entries[1:] == json.loads(built.raw)["manifests"]
    assert len(entries) == 3


def test_a_platform_chooses_from_an_index(registry: FakeRegistry, run_module: RunModule) -> None:
    built = registry.add_index("app", "all", platforms=["linux/amd64", "linux/arm64"])
    images = [{"name": "app:all", "platform": "linux/arm64"}]
    run_module("registry_index", registry.args(name="app:1", images=images)).ok()
    assert [entry["digest"] for entry in _index(registry)["manifests"]] == [built.children["linux/arm64"].digest]
    images[0]["platform"] = "linux/s390x"
    result = run_module("registry_index", registry.args(name="app:1", images=images)).failure("not_found")
    assert "linux/amd64, linux/arm64" in result.msg


def test_images_of_docker_make_a_list_of_docker(registry: FakeRegistry, run_module: RunModule) -> None:
    options = registry.args(name="app:1", images=_builds(registry, docker=True))
    assert run_module("registry_index", options).ok()["media_type"] == DOCKER_LIST
    assert not run_module("registry_index", {**options, "media_type": "docker"}).ok().changed
    assert run_module("registry_index", {**options, "media_type": "oci"}).ok()["media_type"] == OCI_INDEX
    annotated = {**options, "annotations": {"a": "b"}}
    assert run_module("registry_index", annotated).ok()["media_type"] == OCI_INDEX
    run_module("registry_index", {**annotated, "media_type": "docker"}).failure("invalid_option")


def test_images_of_both_kinds_make_an_oci_index(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "amd64", docker=True)
    registry.add_image("app", "arm64", platform="linux/arm64")
    result = run_module("registry_index", registry.args(name="app:1", images=["app:amd64", "app:arm64"])).ok()
    assert result["media_type"] == OCI_INDEX


def test_annotations_of_the_index_and_of_its_entries(registry: FakeRegistry, run_module: RunModule) -> None:
    first, second = _builds(registry)
    images = [first, {"name": second, "annotations": {"board": "one"}}]
    run_module("registry_index", registry.args(name="app:1", images=images, annotations={"b": "2", "a": "1"})).ok()
    document = _index(registry)
    assert list(document["annotations"].items()) == [("a", "1"), ("b", "2")]
    assert [entry.get("annotations") for entry in document["manifests"]] == [None, {"board": "one"}]


def test_the_variant_and_the_version_of_windows_come_from_the_config(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "arm", platform="linux/arm/v6")
    for version in ("10.0.17763.1", "10.0.20348.1"):
        registry.add_image("app", version, platform="windows/amd64", config={"os.version": version})
    run_module("registry_index", registry.args(name="app:1", images=["app:arm", "app:10.0.17763.1", "app:10.0.20348.1"])).ok()
    assert [entry["platform"] for entry in _index(registry)["manifests"]] == [
        {"architecture": "arm", "os": "linux", "variant": "v6"},
        {"architecture": "amd64", "os": "windows", "os.version": "10.0.17763.1"},
        {"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.1"},
    ]


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ({"platform": "linux/arm64"}, {"platform": "linux/arm64/v8"}, "linux/arm64/v8"),
        ({"platform": "linux/arm/v7"}, {"platform": "linux/arm"}, "linux/arm/v7"),
        (
            {"platform": "windows/amd64", "config": {"os.version": "10.0.17763.1"}},
            {"platform": "windows/amd64", "config": {"os.version": "10.0.17763.1", "author": "b"}},
            "windows/amd64 (10.0.17763.1)",
        ),
    ],
)
def test_two_images_for_one_platform_are_refused(
    registry: FakeRegistry, run_module: RunModule, first: dict[str, t.Any], second: dict[str, t.Any], shown: str
) -> None:
    registry.add_image("app", "a", **first)
    registry.add_image("app", "b", **second)
    result = run_module("registry_index", registry.args(name="app:1", images=["app:a", "app:b"])).failure("invalid_option")
    assert f"for the platform {shown}: {registry.name('app:a')} (" in result.msg
    assert registry.name("app:b") in result.msg
    assert registry.writes() == []


def test_one_image_twice_is_one_entry(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_index("app", "8", platforms=["linux/amd64", "linux/arm64"], attestations=True)
    registry.add_image("app", "armv6", platform="linux/arm/v6")
    options = registry.args(name="app:8", images=["app:8", "app:armv6"])
    assert run_module("registry_index", options).ok().changed
    before = _index(registry, tag="8")
    assert not run_module("registry_index", options).ok().changed
    assert _index(registry, tag="8") == before
    options["images"] = ["app:armv6", {"name": "app:armv6", "annotations": {"board": "one"}}, "app:8"]
    run_module("registry_index", options).ok()
    entries = _index(registry, tag="8")["manifests"]
    assert [entry.get("annotations") for entry in entries if entry["platform"]["architecture"] == "arm"] == [{"board": "one"}]
    assert len(entries) == 5


def test_a_stated_platform_keeps_the_version_of_windows(registry: FakeRegistry, run_module: RunModule) -> None:
    for version in ("10.0.17763.1", "10.0.20348.1"):
        config = {"os.version": version, "os.features": ["win32k"]}
        registry.add_image("app", version, platform="windows/amd64", config=config)
    images = [{"name": f"app:{version}", "platform": "windows/amd64"} for version in ("10.0.17763.1", "10.0.20348.1")]
    images.append({"name": "app:10.0.20348.1", "platform": "windows/arm64"})
    run_module("registry_index", registry.args(name="app:1", images=images)).ok()
    windows = {"architecture": "amd64", "os": "windows"}
    assert [entry["platform"] for entry in _index(registry)["manifests"]] == [
        {**windows, "os.version": "10.0.17763.1", "os.features": ["win32k"]},
        {**windows, "os.version": "10.0.20348.1", "os.features": ["win32k"]},
        {"architecture": "arm64", "os": "windows"},
    ]


def test_an_index_within_an_index(registry: FakeRegistry, run_module: RunModule) -> None:
    built = registry.add_index("builds", "nested", nested=True)
    options = registry.args(name="app:1", images=["builds:nested"])
    for changed in (True, False):
        result = run_module("registry_index", options).ok()
        assert result.changed is changed
        assert [entry["platform"] for entry in result["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert registry.gaps() == []
    options = registry.args(name="app:2", images=[{"name": "builds:nested", "platform": "linux/arm64"}])
    run_module("registry_index", options).ok()
    assert [entry["digest"] for entry in _index(registry, tag="2")["manifests"]] == [built.children["linux/arm64"].digest]
    options["images"][0]["platform"] = "linux/s390x"
    assert "it has: only other indexes" in run_module("registry_index", options).failure("not_found").msg


def test_an_image_without_a_platform_needs_one_stated(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "odd", config={"os": "", "architecture": ""})
    options = registry.args(name="app:1", images=["app:odd"])
    assert "set the platform" in run_module("registry_index", options).failure("invalid_option").msg
    run_module("registry_index", {**options, "images": [{"name": "app:odd", "platform": "linux/riscv64"}]}).ok()
    assert _platforms(_index(registry)) == ["linux/riscv64"]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([], "empty"),
        ([{"name": "app:1", "Platform": "hush-hush-secret"}], "entry 1 of images has 'Platform'"),
        (["app:1", {"platform": "linux/amd64"}], "entry 2 of images has no name"),
        (["app:1", {"name": 1.10}], "name of entry 2 of images is 1.1, which is not a string"),
        (["app:1", ["app:2"]], "entry 2 of images is ['app:2']"),
        (["app:1", {"name": "app:2", "annotations": {"version": 1.10}}], "in annotations of entry 2 of images is 1.1"),
        (["app:1", {"name": "app:2", "annotations": "a=b"}], "annotations of entry 2 of images is 'a=b'"),
        (["app:1", {"name": "app:2", "platform": "arm64"}], "'arm64' is not valid"),
    ],
)
def test_a_wrong_entry_is_told_by_its_number_before_any_request(
    registry: FakeRegistry, run_module: RunModule, images: list[t.Any], words: str
) -> None:
    result = run_module("registry_index", registry.args(name="app:1", images=images)).failure("invalid_option")
    assert words in result.msg
    assert "hush-hush-secret" not in result.text
    assert registry.log() == []


def test_a_digest_in_the_name_is_refused(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "amd64").digest
    run_module("registry_index", registry.args(name=f"app@{digest}", images=["app:amd64"])).failure("invalid_reference")
    assert registry.log() == []


def test_an_absent_image_stops_all(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "amd64")
    result = run_module("registry_index", registry.args(name="app:1", images=["app:amd64", "app:none"])).failure("not_found")
    assert result.error["reference"] == registry.name("app:none")
    assert registry.writes() == []


def test_check_mode_predicts_and_writes_nothing(registry: FakeRegistry, run_module: RunModule) -> None:
    options = registry.args(name="app:1", images=_builds(registry, "builds"), tags=["2"])
    predicted = run_module("registry_index", options, check=True, diff=True).ok()
    assert registry.writes() == []
    assert len(predicted["uploaded_blobs"]) == 6
    done = run_module("registry_index", options, diff=True).ok()
    assert predicted.changed
    for key in ("digest", "tagged_images", "previous", "diff", "platforms", "size"):
        assert predicted[key] == done[key]
    assert done["diff"]["after"] == {"1": done["digest"], "2": done["digest"]}
    assert not run_module("registry_index", options, check=True).ok().changed
