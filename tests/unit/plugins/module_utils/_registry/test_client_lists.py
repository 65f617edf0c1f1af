# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RegistryClient's lists of tags and repositories: all pages, no more than asked for, nowhere but in the registry, and always an end."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, MakeRegistry, kind_of
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def test_tags_of_all_pages(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry = make_registry(page_size=2)
    for tag in "abcde":
        registry.add_image("app", tag)
    client = connect(registry, "app")
    assert client.list_tags() == list("abcde")
    assert registry.counts()["list_tags"] == 3
    assert "n=" not in registry.log(query=True)[0]
    assert client.list_tags(limit=2) == ["a", "b"]
    assert client.list_tags(limit=1) == ["a"]
    assert client.list_tags(last="b") == ["c", "d", "e"]
    assert client.list_tags(last="b", limit=1) == ["c"]
    assert client.list_tags(last="bb") == ["c", "d", "e"]
    assert list(client.iter_tags()) == list("abcde")


def test_a_limit_stops_the_walk(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry = make_registry(page_size=2)
    for tag in "abcde":
        registry.add_image("app", tag)
    connect(registry, "app").list_tags(limit=2)
    assert registry.counts()["list_tags"] == 1


@pytest.mark.parametrize(
    "switch", [{"ignores_n": True, "ignores_last": True}, {"refuses_n": True}, {"null_items": True}, {"link": "absolute"}]
)
def test_limits_are_exact_whatever_the_registry_does(make_registry: MakeRegistry, connect: MakeClient, switch: dict[str, t.Any]) -> None:
    registry = make_registry(**switch)
    for tag in "abcd":
        registry.add_image("app", tag)
    client = connect(registry, "app")
    assert client.list_tags(last="a", limit=2) == ["b", "c"]
    assert client.list_tags() == list("abcd")


@pytest.mark.parametrize("cursor", ["loop", "endless"])
def test_a_list_that_does_not_end_is_an_error(make_registry: MakeRegistry, connect: MakeClient, cursor: str) -> None:
    registry = make_registry(page_size=1, next_page=cursor)
    for tag in "ab":
        registry.add_image("app", tag)
    assert kind_of(connect(registry, "app").list_tags) in ("invalid_response", "limit")


def test_a_next_page_elsewhere_is_refused(registry: FakeRegistry, connect: MakeClient, evil: t.Any) -> None:
    registry.add_image("app", "a")
    registry.on("list_tags").headers({"Link": f'<{evil.url}/v2/app/tags/list?last=a>; rel="next"'})
    assert kind_of(connect(registry, "app").list_tags) == "untrusted_target"
    evil.assert_untouched()


def test_only_the_next_of_several_links_is_followed(registry: FakeRegistry, connect: MakeClient) -> None:
    for tag in "ab":
        registry.add_image("app", tag)
    links = '</v2/app/tags/list?last=zzz>; rel="prev", </v2/app/tags/list?last=a>; rel=next'
    registry.on("list_tags").headers({"Link": links})
    assert connect(registry, "app").list_tags() == ["a", "b"]
    assert registry.log(query=True)[1].endswith("last=a")


def test_an_empty_repository_has_no_tags_and_an_absent_one_is_not_found(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry = make_registry(null_tags=True)
    added = registry.add_image("app", "1")
    registry.remove_tag("app", "1")
    assert added.digest
    assert connect(registry, "app").list_tags() == []
    assert kind_of(connect(registry, "absent").list_tags) == "not_found"


def test_repositories_under_the_scope(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry = make_registry(page_size=2)
    for repository in ("other", "team", "team/a", "team/b", "teammate/c"):
        registry.add_image(repository, "1")
    client = connect(registry)
    assert client.list_repositories() == ["other", "team", "team/a", "team/b", "teammate/c"]
    assert client.list_repositories(limit=1) == ["other"]
    assert client.with_segment("team").list_repositories() == ["team", "team/a", "team/b"]


def test_no_catalog_is_unsupported(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry = make_registry(catalog=405)
    assert kind_of(connect(registry).list_repositories) == "unsupported"


ENDS_EARLY: dict[str, tuple[dict[str, str], dict[str, t.Any]]] = {
    "a link without rel": ({"Link": "</v2/app/tags/list/page/2>"}, {}),
    "a link whose rel has no name": ({"Link": '</v2/app/tags/list/page/2>; "next"'}, {}),
    "a link that is called otherwise": ({"Link": '</v2/app/tags/list?last=b>; rel="following"'}, {}),
    "an address in the body": ({}, {"next": "/v2/app/tags/list?last=b"}),
    "truncated": ({}, {"truncated": True}),
    "a token in the body": ({}, {"nextToken": "b"}),
    "Quay's word": ({}, {"has_additional": True}),
    "an error beside the tags": ({}, {"errors": [{"code": "UNAVAILABLE"}]}),
}


@pytest.mark.parametrize("case", ENDS_EARLY)
def test_a_list_that_ends_early_is_not_taken_for_the_whole(registry: FakeRegistry, connect: MakeClient, case: str) -> None:
    registry.add_image("app", "a")
    headers, members = ENDS_EARLY[case]
    registry.on("list_tags").answer(200, headers, json.dumps({"name": "app", "tags": ["a"], **members}).encode())
    assert kind_of(connect(registry, "app").list_tags) == "invalid_response"


@pytest.mark.parametrize(
    "members",
    [
        {"next": "", "truncated": False, "nextToken": None},
        {"has_more": "false", "next": "null"},
        {"errors": []},
        {"child": ["x"], "manifest": {"x": 1}},
    ],
)
def test_what_does_not_say_that_there_is_more_does_no_harm(registry: FakeRegistry, connect: MakeClient, members: dict[str, t.Any]) -> None:
    registry.add_image("app", "a")
    registry.on("list_tags").answer(200, {}, json.dumps({"name": "app", "tags": ["a"], **members}).encode())
    assert connect(registry, "app").list_tags() == ["a"]


def test_a_last_page_that_reports_an_error_is_no_end(registry: FakeRegistry, connect: MakeClient) -> None:
    registry.add_image("app", "a")
    registry.on("list_tags").answer(200, {"Link": "</v2/app/tags/list?last=a>; rel=next"}, b'{"name": "app", "tags": ["a"]}')
    registry.on("list_tags").answer(200, {}, b'{"name": "app", "errors": [{"code": "UNKNOWN"}]}')
    assert kind_of(connect(registry, "app").list_tags) == "invalid_response"
