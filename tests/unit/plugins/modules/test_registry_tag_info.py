# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_tag_info: every tag of every kind of registry, chosen, sorted and with details."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, put
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.tag_lists import fill, list_tags
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

DIGEST_TAG = "sha256-" + "0" * 64


# Choosing and sorting

VERSIONS = ["1.9", "1.10-rc1", "v1.10", "1.10.1", "2.0-beta", "2.0", "2.0-alpine", "latest", "main"]


def test_versions_are_sorted_as_versions(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry, *VERSIONS)
    assert list_tags(run_module, registry, sort="version").ok()["tags"] == VERSIONS
    newest_first = [*VERSIONS[:7][::-1], "main", "latest"]
    assert list_tags(run_module, registry, sort="version", reverse=True).ok()["tags"] == newest_first
    assert list_tags(run_module, registry).ok()["tags"] == sorted(VERSIONS)
    assert list_tags(run_module, registry, reverse=True).ok()["tags"] == sorted(VERSIONS, reverse=True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"include": ["1"]}, ["1.10-rc1", "1.10.1", "1.9", "v1.10"]),
        ({"include": ["^1", "^2"]}, ["1.10-rc1", "1.10.1", "1.9", "2.0", "2.0-alpine", "2.0-beta"]),
        ({"include": [r"^v?\d+\.\d+$"], "exclude": ["^2"]}, ["1.9", "v1.10"]),
        ({"exclude": ["[a-z]"]}, ["1.10.1", "1.9", "2.0"]),
        ({"include": ["(?i)LATEST"]}, ["latest"]),
        ({"include": ["nothing"]}, []),
    ],
)
def test_include_and_exclude(registry: FakeRegistry, run_module: RunModule, options: dict[str, t.Any], expected: list[str]) -> None:
    fill(registry, *VERSIONS)
    assert list_tags(run_module, registry, **options).ok()["tags"] == expected


def test_a_limit_is_exact_and_tells_what_it_left_out(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry, *VERSIONS)
    result = list_tags(run_module, registry, sort="version", reverse=True, limit=2, exclude=["-"]).ok()
    assert (result["tags"], result["total"], result["truncated"]) == (["2.0", "1.10.1"], 6, True)
    result = list_tags(run_module, registry, limit=len(VERSIONS)).ok()
    assert (result["total"], result["truncated"]) == (len(VERSIONS), False)


def test_tags_of_digests_are_left_out_unless_wanted(registry: FakeRegistry, run_module: RunModule) -> None:
    kept = ["1.0", "sha256-short", f"x{DIGEST_TAG}"]
    others = [DIGEST_TAG, f"{DIGEST_TAG}.sig", f"{DIGEST_TAG}.att", "sha512-" + "a" * 64]
    fill(registry, *kept, *others)
    result = list_tags(run_module, registry).ok()
    assert (result["tags"], result["total"]) == (kept, 3)
    assert list_tags(run_module, registry, ignore_digest_tags=False).ok()["tags"] == sorted([*kept, *others])


# Details


def test_digests_of_hundreds_of_tags_in_parallel(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token")
    digest = fill(registry, *(f"1.{number}" for number in range(300)))
    result = list_tags(run_module, registry, details="digest", sort="version", concurrency=8).ok()
    assert [image["tag"] for image in result["images"]] == result["tags"]
    assert {image["digest"] for image in result["images"]} == {digest}
    assert len(registry.log()) == 3 + 300
    assert registry.connections <= 9
    assert registry.peak <= 8


@pytest.mark.parametrize(("details", "requests"), [("digest", 1), ("manifest", 1), ("config", 2)])
def test_details_only_of_what_is_returned(registry: FakeRegistry, run_module: RunModule, details: str, requests: int) -> None:
    for tag in ("1.0", "2.0", "3.0"):
        registry.add_image("app", tag)
    result = list_tags(run_module, registry, details=details, limit=2).ok()
    assert len(registry.log()) == 1 + 2 * requests
    info = run_module("registry_image_info", registry.args(name=["app:1.0", "app:2.0"], details=details)).ok()
    assert [{**image, "name": ""} for image in result["images"]] == [{**image, "name": ""} for image in info["images"]]
    assert [image["name"] for image in result["images"]] == [registry.name("app:1.0"), registry.name("app:2.0")]


def test_details_of_an_index(registry: FakeRegistry, run_module: RunModule) -> None:
    content = put(registry, "app", images.multi_arch(), "1.0")
    entry = list_tags(run_module, registry, details="config").ok()["images"][0]
    assert (entry["digest"], entry["is_index"]) == (content.digest, True)
    assert [config["platform"] for config in entry["configs"]] == ["linux/amd64", "linux/arm64"]


def test_a_tag_that_was_deleted_meanwhile_is_reported_so(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry, "1.0", "2.0")
    registry.on("list_tags").then(lambda request: registry.remove_tag("app", "1.0"))
    result = list_tags(run_module, registry, details="digest").ok()
    assert [(image["tag"], image["exists"]) for image in result["images"]] == [("1.0", False), ("2.0", True)]


# Absence and failures


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_an_absent_repository(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style, auth="token")
    failure = list_tags(run_module, registry).failure("not_found")
    assert (failure.error["code"], failure.error["reference"]) == ("NAME_UNKNOWN", registry.name("app"))
    result = list_tags(run_module, registry, missing="ok", details="digest").ok()
    assert (result["exists"], result["tags"], result["images"], result["total"]) == (False, [], [], 0)


@pytest.mark.parametrize(("status", "kind"), [(401, "unauthorized"), (403, "denied"), (500, "server"), (429, "rate_limited")])
def test_a_refusal_is_not_absence(registry: FakeRegistry, run_module: RunModule, status: int, kind: str) -> None:
    registry.on("list_tags", times=None).answer(status)
    list_tags(run_module, registry, missing="ok", retries=1).failure(kind)


def test_a_web_page_is_not_absence(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("list_tags").html(404)
    list_tags(run_module, registry, missing="ok").failure("invalid_response")


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"name": "app:1.0"}, "invalid_reference", "give the repository without them"),
        ({"name": "app@sha256:" + "0" * 64}, "invalid_reference", "give the repository without them"),
        ({"name": "App"}, "invalid_reference", "upper-case"),
        ({"include": ["ok", "(1"]}, "invalid_option", "The option include contains '(1', which is not a valid regular expression"),
        ({"exclude": ["*"]}, "invalid_option", "The option exclude contains '*'"),
        ({"limit": 0}, "invalid_option", "limit is 0"),
        ({"limit": -1}, "invalid_option", "limit is -1"),
        ({"details": "all"}, "invalid_option", "details"),
    ],
)
def test_bad_options_fail_before_any_request(
    registry: FakeRegistry, run_module: RunModule, change: dict[str, t.Any], kind: str, text: str
) -> None:
    failure = run_module("registry_tag_info", registry.args(**{"name": "app", **change})).failure(kind)
    assert text in failure.msg
    assert registry.log() == []


def test_nothing_is_changed_in_check_mode_either(token_registry: FakeRegistry, run_module: RunModule) -> None:
    fill(token_registry, "1.0")
    result = run_module("registry_tag_info", token_registry.args(name="app"), check=True, diff=True).ok()
    assert (result.changed, result["tags"]) == (False, ["1.0"])
    assert token_registry.writes() == []


# Only the tags on some digests


def test_digests_choose_the_tags_that_are_on_them(registry: FakeRegistry, run_module: RunModule) -> None:
    wanted = fill(registry, "1.0", "stable", "latest")
    registry.add_image("app", "other")
    result = list_tags(run_module, registry, digests=[wanted], exclude=["^latest$"]).ok()
    assert (result["tags"], result["total"], result["truncated"]) == (["1.0", "stable"], 2, False)
    assert registry.counts()["head_manifest"] == 3, "one for each tag that include and exclude choose"
    assert "get_manifest" not in registry.counts()
    limited = list_tags(run_module, registry, digests=[wanted], limit=1).ok()
    assert (limited["tags"], limited["total"], limited["truncated"]) == (["1.0"], 3, True)


def test_digests_of_another_algorithm_are_found(registry: FakeRegistry, run_module: RunModule) -> None:
    content = images.image()
    put(registry, "app", content, "1.0")
    registry.add_image("app", "other")
    wanted = images.digest_of(content.raw, "sha512")
    assert list_tags(run_module, registry, digests=[wanted]).ok()["tags"] == ["1.0"]


def test_an_empty_list_of_digests_matches_no_tag(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry, "1.0")
    result = list_tags(run_module, registry, digests=[]).ok()
    assert (result["exists"], result["tags"], result["total"]) == (True, [], 0)


def test_what_is_no_digest_is_refused_before_any_request(registry: FakeRegistry, run_module: RunModule) -> None:
    result = list_tags(run_module, registry, digests=["sha256:12"]).failure("invalid_option")
    assert "option digests" in result["msg"]
    assert registry.log() == []


def test_a_tag_without_a_manifest_is_on_no_digest(registry: FakeRegistry, run_module: RunModule) -> None:
    wanted = fill(registry, "1.0", "gone")
    registry.on("get_manifest", "/gone").answer(404, code="MANIFEST_UNKNOWN")
    registry.on("head_manifest", "/gone").answer(404, code="MANIFEST_UNKNOWN")
    assert list_tags(run_module, registry, digests=[wanted]).ok()["tags"] == ["1.0"]
