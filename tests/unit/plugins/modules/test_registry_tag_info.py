# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_tag_info: every tag of every kind of registry, in order, and never a loop."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, put
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

DIGEST_TAG = "sha256-" + "0" * 64


def _fill(registry: FakeRegistry, *tags: str) -> str:
    """Put all tags on one image and return its digest."""
    digest = registry.add_image("app", "first").digest
    registry.remove_tag("app", "first")
    for tag in tags:
        registry.set_tag("app", tag, digest)
    return digest


def _list(run_module: RunModule, registry: FakeRegistry, **options: t.Any) -> Result:
    return run_module("registry_tag_info", registry.args(name="app", **options))


# Pages


def test_ten_thousand_tags_in_pages(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token", page_size=100)
    _fill(registry, *(f"1.{number}" for number in range(10_000)))
    result = _list(run_module, registry, sort="version").ok()
    assert result["tags"] == [f"1.{number}" for number in range(10_000)]
    assert (result["exists"], result["total"], result["truncated"], result["images"]) == (True, 10_000, False, [])
    assert len(registry.log()) == 2 + 100
    assert all("n=" not in line for line in registry.log(query=True))


@pytest.mark.parametrize(
    "style", ["full", "distribution2", "distribution3", "hub", "ecr", "harbor", "quay", "nexus", "acr", "zot", "crane"]
)
def test_the_ways_of_registries(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style, auth="token")
    tags = [f"1.{number}" for number in range(250)]
    _fill(registry, *tags)
    assert _list(run_module, registry, sort="version").ok()["tags"] == tags


@pytest.mark.parametrize(
    "switches",
    [
        {"link": "absolute", "page_size": 2},
        {"next_page": "opaque", "page_size": 2},
        {"refuses_n": True},
        {"ignores_n": True, "page_size": 2},
        {"null_items": True, "page_size": 2},
        {"tag_order": "reversed", "page_size": 2},
        {"tag_order": "written", "page_size": 1},
    ],
)
def test_pages_of_every_kind(make_registry: MakeRegistry, run_module: RunModule, switches: dict[str, t.Any]) -> None:
    registry = make_registry(**switches)
    _fill(registry, "b", "a", "d", "c", "e")
    assert _list(run_module, registry).ok()["tags"] == ["a", "b", "c", "d", "e"]


def test_the_registrys_own_order_is_kept(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(tag_order="written", page_size=2)
    _fill(registry, "b", "a", "d", "c", "e")
    assert _list(run_module, registry, sort="registry").ok()["tags"] == ["b", "a", "d", "c", "e"]
    assert _list(run_module, registry, sort="registry", reverse=True, limit=2).ok()["tags"] == ["e", "c"]


def test_pages_that_repeat_names_give_each_once(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(page_size=2)
    _fill(registry, "a", "b", "c", "d")
    registry.on("list_tags", nth=2).body(json.dumps({"name": "app", "tags": ["b", "c"]}).encode())
    assert _list(run_module, registry).ok()["tags"] == ["a", "b", "c"]


def test_an_empty_page_with_a_next_one_is_not_the_end(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(page_size=2)
    _fill(registry, "a", "b", "c", "d")
    registry.on("list_tags").body(b'{"name":"app","tags":[]}')
    assert _list(run_module, registry).ok()["tags"] == ["c", "d"]


@pytest.mark.parametrize("next_page", ["loop", "endless"])
def test_a_list_without_end_is_refused(make_registry: MakeRegistry, run_module: RunModule, next_page: str) -> None:
    registry = make_registry(next_page=next_page, page_size=1)
    _fill(registry, "a", "b", "c")
    assert "does not end" in _list(run_module, registry).failure("invalid_response").msg
    assert len(registry.log()) == (2 if next_page == "loop" else 1000)


def test_two_pages_that_name_each_other_are_refused(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    _fill(registry, "a")
    for number in range(3):
        registry.on("list_tags").headers({"Link": f'</v2/app/tags/list?page={number % 2}>; rel="next"'})
    assert "does not end" in _list(run_module, registry).failure("invalid_response").msg
    assert len(registry.log()) == 3


@pytest.mark.parametrize("link", ["<{evil}/v2/app/tags/list?last=a>", "<//{host}/v2/app/tags/list?last=a>"])
def test_a_next_page_elsewhere_is_refused(make_registry: MakeRegistry, run_module: RunModule, evil: Evil, link: str) -> None:
    registry = make_registry(auth="token")
    _fill(registry, "a")
    registry.on("list_tags").headers({"Link": f'{link.format(evil=evil.url, host=evil.host)}; rel="next"'})
    assert evil.host in _list(run_module, registry).failure("untrusted_target").msg
    evil.assert_untouched()


@pytest.mark.parametrize(
    "link",
    ['<>; rel="next"', '</v2/app/tags/list?last=a>; rel="prev"', "", "nonsense", '</v2/app/tags/list?last=zz>; REL="NEXT"'],
)
def test_links_that_end_the_list(make_registry: MakeRegistry, run_module: RunModule, link: str) -> None:
    registry = make_registry()
    _fill(registry, "a", "b")
    registry.on("list_tags").headers({"Link": link})
    assert _list(run_module, registry).ok()["tags"] == ["a", "b"]


def test_the_next_one_of_several_links_is_followed(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    _fill(registry, "a", "b", "c")
    both = "</v2/app/tags/list?last=zz>; rel=prev, </v2/app/tags/list?last=b>; rel=next"
    registry.on("list_tags").body(b'{"tags":["a"]}').headers({"Link": both})
    assert _list(run_module, registry).ok()["tags"] == ["a", "c"]


# Strange answers


def test_a_page_that_is_too_large_is_asked_for_in_parts(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    _fill(registry, "a", "b")
    registry.on("list_tags").body(b'{"tags":[' + b" " * (8 * 1024 * 1024) + b"]}")
    assert _list(run_module, registry).ok()["tags"] == ["a", "b"]
    assert registry.log(query=True) == ["GET /v2/app/tags/list", "GET /v2/app/tags/list?n=1000"]


def test_a_page_that_stays_too_large_is_said(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    _fill(registry, "a")
    registry.on("list_tags", times=2).body(b'{"tags":[' + b" " * (8 * 1024 * 1024) + b"]}")
    assert "8388608 bytes" in _list(run_module, registry).failure("limit").msg


@pytest.mark.parametrize("body", [b'{"name":"app","tags":null}', b'{"name":"app"}', b'{"tags":[]}', b'{"tags":[null, 3, null]}'])
def test_a_list_without_tags(make_registry: MakeRegistry, run_module: RunModule, body: bytes) -> None:
    registry = make_registry()
    _fill(registry, "a")
    registry.on("list_tags").body(body)
    result = _list(run_module, registry).ok()
    assert (result["exists"], result["tags"], result["total"]) == (True, [], 0)


def test_digests_among_the_tags_are_left_out(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    digest = _fill(registry, "a")
    registry.on("list_tags").body(json.dumps({"tags": ["a", digest]}).encode())
    assert _list(run_module, registry, ignore_digest_tags=False).ok()["tags"] == ["a"]


@pytest.mark.parametrize("tag", ["../../etc", "a b", "x" * 129, "a\r\nb", "", "-a", "a/b", "a?b", "\u0131", "sha256:%2e"])
def test_tags_that_no_tag_can_be_are_refused(make_registry: MakeRegistry, run_module: RunModule, tag: str) -> None:
    registry = make_registry()
    _fill(registry, "a")
    registry.on("list_tags").body(json.dumps({"tags": ["a", tag]}).encode())
    failure = _list(run_module, registry, details="digest").failure("invalid_response")
    assert failure.msg.isprintable()
    assert len(registry.log()) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[]", "invalid_response"),
        (b"<html>sign in</html>", "invalid_response"),
        (b'{"tags":{}}', "invalid_response"),
        (b'{"tags":1}', "invalid_response"),
    ],
)
def test_what_is_no_list_is_refused(make_registry: MakeRegistry, run_module: RunModule, body: bytes, kind: str) -> None:
    registry = make_registry()
    _fill(registry, "a")
    registry.on("list_tags").body(body)
    _list(run_module, registry).failure(kind)


# Choosing and sorting

VERSIONS = ["1.9", "1.10-rc1", "v1.10", "1.10.1", "2.0-beta", "2.0", "2.0-alpine", "latest", "main"]


def test_versions_are_sorted_as_versions(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry, *VERSIONS)
    assert _list(run_module, registry, sort="version").ok()["tags"] == VERSIONS
    newest_first = [*VERSIONS[:7][::-1], "main", "latest"]
    assert _list(run_module, registry, sort="version", reverse=True).ok()["tags"] == newest_first
    assert _list(run_module, registry).ok()["tags"] == sorted(VERSIONS)
    assert _list(run_module, registry, reverse=True).ok()["tags"] == sorted(VERSIONS, reverse=True)


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
    _fill(registry, *VERSIONS)
    assert _list(run_module, registry, **options).ok()["tags"] == expected


def test_a_limit_is_exact_and_tells_what_it_left_out(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry, *VERSIONS)
    result = _list(run_module, registry, sort="version", reverse=True, limit=2, exclude=["-"]).ok()
    assert (result["tags"], result["total"], result["truncated"]) == (["2.0", "1.10.1"], 6, True)
    result = _list(run_module, registry, limit=len(VERSIONS)).ok()
    assert (result["total"], result["truncated"]) == (len(VERSIONS), False)


def test_tags_of_digests_are_left_out_unless_wanted(registry: FakeRegistry, run_module: RunModule) -> None:
    kept = ["1.0", "sha256-short", f"x{DIGEST_TAG}"]
    others = [DIGEST_TAG, f"{DIGEST_TAG}.sig", f"{DIGEST_TAG}.att", "sha512-" + "a" * 64]
    _fill(registry, *kept, *others)
    result = _list(run_module, registry).ok()
    assert (result["tags"], result["total"]) == (kept, 3)
    assert _list(run_module, registry, ignore_digest_tags=False).ok()["tags"] == sorted([*kept, *others])


# Details


def test_digests_of_hundreds_of_tags_in_parallel(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token")
    digest = _fill(registry, *(f"1.{number}" for number in range(300)))
    result = _list(run_module, registry, details="digest", sort="version", concurrency=8).ok()
    assert [image["tag"] for image in result["images"]] == result["tags"]
    assert {image["digest"] for image in result["images"]} == {digest}
    assert len(registry.log()) == 3 + 300
    assert registry.connections <= 9
    assert registry.peak <= 8


@pytest.mark.parametrize(("details", "requests"), [("digest", 1), ("manifest", 1), ("config", 2)])
def test_details_only_of_what_is_returned(registry: FakeRegistry, run_module: RunModule, details: str, requests: int) -> None:
    for tag in ("1.0", "2.0", "3.0"):
        registry.add_image("app", tag)
    result = _list(run_module, registry, details=details, limit=2).ok()
    assert len(registry.log()) == 1 + 2 * requests
    info = run_module("registry_image_info", registry.args(name=["app:1.0", "app:2.0"], details=details)).ok()
    assert [{**image, "name": ""} for image in result["images"]] == [{**image, "name": ""} for image in info["images"]]
    assert [image["name"] for image in result["images"]] == [registry.name("app:1.0"), registry.name("app:2.0")]


def test_details_of_an_index(registry: FakeRegistry, run_module: RunModule) -> None:
    content = put(registry, "app", images.multi_arch(), "1.0")
    entry = _list(run_module, registry, details="config").ok()["images"][0]
    assert (entry["digest"], entry["is_index"]) == (content.digest, True)
    assert [config["platform"] for config in entry["configs"]] == ["linux/amd64", "linux/arm64"]


def test_a_tag_that_was_deleted_meanwhile_is_reported_so(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry, "1.0", "2.0")
    registry.on("list_tags").then(lambda request: registry.remove_tag("app", "1.0"))
    result = _list(run_module, registry, details="digest").ok()
    assert [(image["tag"], image["exists"]) for image in result["images"]] == [("1.0", False), ("2.0", True)]


# Absence and failures


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_an_absent_repository(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style, auth="token")
    failure = _list(run_module, registry).failure("not_found")
    assert (failure.error["code"], failure.error["reference"]) == ("NAME_UNKNOWN", registry.name("app"))
    result = _list(run_module, registry, missing="ok", details="digest").ok()
    assert (result["exists"], result["tags"], result["images"], result["total"]) == (False, [], [], 0)


@pytest.mark.parametrize(("status", "kind"), [(401, "unauthorized"), (403, "denied"), (500, "server"), (429, "rate_limited")])
def test_a_refusal_is_not_absence(registry: FakeRegistry, run_module: RunModule, status: int, kind: str) -> None:
    registry.on("list_tags", times=None).answer(status)
    _list(run_module, registry, missing="ok", retries=1).failure(kind)


def test_a_web_page_is_not_absence(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("list_tags").html(404)
    _list(run_module, registry, missing="ok").failure("invalid_response")


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"name": "app:1.0"}, "invalid_reference", "without tag and digest"),
        ({"name": "app@sha256:" + "0" * 64}, "invalid_reference", "without tag and digest"),
        ({"name": "App"}, "invalid_reference", "upper-case"),
        ({"include": ["ok", "(1"]}, "invalid_option", "The option include holds '(1', which is no regular expression"),
        ({"exclude": ["*"]}, "invalid_option", "The option exclude holds '*'"),
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
    _fill(token_registry, "1.0")
    result = run_module("registry_tag_info", token_registry.args(name="app"), check=True, diff=True).ok()
    assert (result.changed, result["tags"]) == (False, ["1.0"])
    assert token_registry.writes() == []
