# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_tag_info: every tag of every kind of registry, by page, and never a loop."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.tag_lists import fill, list_tags
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil

# Pages


def test_ten_thousand_tags_in_pages(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token", page_size=100)
    fill(registry, *(f"1.{number}" for number in range(10_000)))
    result = list_tags(run_module, registry, sort="version").ok()
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
    fill(registry, *tags)
    assert list_tags(run_module, registry, sort="version").ok()["tags"] == tags


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
    fill(registry, "b", "a", "d", "c", "e")
    assert list_tags(run_module, registry).ok()["tags"] == ["a", "b", "c", "d", "e"]


def test_the_registrys_own_order_is_kept(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(tag_order="written", page_size=2)
    fill(registry, "b", "a", "d", "c", "e")
    assert list_tags(run_module, registry, sort="registry").ok()["tags"] == ["b", "a", "d", "c", "e"]
    assert list_tags(run_module, registry, sort="registry", reverse=True, limit=2).ok()["tags"] == ["e", "c"]


def test_pages_that_repeat_names_give_each_once(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(page_size=2)
    fill(registry, "a", "b", "c", "d")
    registry.on("list_tags", nth=2).body(json.dumps({"name": "app", "tags": ["b", "c"]}).encode())
    assert list_tags(run_module, registry).ok()["tags"] == ["a", "b", "c"]


def test_an_empty_page_with_a_next_one_is_not_the_end(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(page_size=2)
    fill(registry, "a", "b", "c", "d")
    registry.on("list_tags").body(b'{"name":"app","tags":[]}')
    assert list_tags(run_module, registry).ok()["tags"] == ["c", "d"]


@pytest.mark.parametrize("next_page", ["loop", "endless"])
def test_a_list_without_end_is_refused(make_registry: MakeRegistry, run_module: RunModule, next_page: str) -> None:
    registry = make_registry(next_page=next_page, page_size=1)
    fill(registry, "a", "b", "c")
    assert "does not end" in list_tags(run_module, registry).failure("invalid_response").msg
    assert len(registry.log()) == (2 if next_page == "loop" else 1002)


def test_many_small_pages_are_a_list_like_any_other(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(page_size=1)
    fill(registry, *(f"1.{number}" for number in range(1100)))
    assert len(list_tags(run_module, registry).ok()["tags"]) == 1100


def test_two_pages_that_name_each_other_are_refused(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    fill(registry, "a")
    for number in range(3):
        registry.on("list_tags").headers({"Link": f'</v2/app/tags/list?page={number % 2}>; rel="next"'})
    assert "does not end" in list_tags(run_module, registry).failure("invalid_response").msg
    assert len(registry.log()) == 3


@pytest.mark.parametrize("link", ["<{evil}/v2/app/tags/list?last=a>", "<//{host}/v2/app/tags/list?last=a>"])
def test_a_next_page_elsewhere_is_refused(make_registry: MakeRegistry, run_module: RunModule, evil: Evil, link: str) -> None:
    registry = make_registry(auth="token")
    fill(registry, "a")
    registry.on("list_tags").headers({"Link": f'{link.format(evil=evil.url, host=evil.host)}; rel="next"'})
    assert evil.host in list_tags(run_module, registry).failure("untrusted_target").msg
    evil.assert_untouched()


@pytest.mark.parametrize(
    "link",
    ['<>; rel="next"', '</v2/app/tags/list?last=a>; rel="prev"', "", "nonsense", '</v2/app/tags/list?last=zz>; REL="NEXT"'],
)
def test_links_that_end_thelist_tags(make_registry: MakeRegistry, run_module: RunModule, link: str) -> None:
    registry = make_registry()
    fill(registry, "a", "b")
    registry.on("list_tags").headers({"Link": link})
    assert list_tags(run_module, registry).ok()["tags"] == ["a", "b"]


def test_the_next_one_of_several_links_is_followed(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    fill(registry, "a", "b", "c")
    both = "</v2/app/tags/list?last=zz>; rel=prev, </v2/app/tags/list?last=b>; rel=next"
    registry.on("list_tags").body(b'{"tags":["a"]}').headers({"Link": both})
    assert list_tags(run_module, registry).ok()["tags"] == ["a", "c"]


# Strange answers


def test_a_page_that_is_too_large_is_asked_for_in_parts(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    fill(registry, "a", "b")
    registry.on("list_tags").body(b'{"tags":[' + b" " * (8 * 1024 * 1024) + b"]}")
    assert list_tags(run_module, registry).ok()["tags"] == ["a", "b"]
    assert registry.log(query=True) == ["GET /v2/app/tags/list", "GET /v2/app/tags/list?n=1000"]


def test_a_page_that_stays_too_large_is_said(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    fill(registry, "a")
    registry.on("list_tags", times=2).body(b'{"tags":[' + b" " * (8 * 1024 * 1024) + b"]}")
    assert "8388608 bytes" in list_tags(run_module, registry).failure("limit").msg


@pytest.mark.parametrize("body", [b'{"name":"app","tags":null}', b'{"name":"app"}', b'{"tags":[]}', b'{"tags":[null, 3, null]}'])
def test_a_list_without_tags(make_registry: MakeRegistry, run_module: RunModule, body: bytes) -> None:
    registry = make_registry()
    fill(registry, "a")
    registry.on("list_tags").body(body)
    result = list_tags(run_module, registry).ok()
    assert (result["exists"], result["tags"], result["total"]) == (True, [], 0)


def test_digests_among_the_tags_are_left_out(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    digest = fill(registry, "a")
    registry.on("list_tags").body(json.dumps({"tags": ["a", digest]}).encode())
    assert list_tags(run_module, registry, ignore_digest_tags=False).ok()["tags"] == ["a"]


@pytest.mark.parametrize("tag", ["1.0+1", "../../etc", "a b", "x" * 129, "a\r\nb", "", "-a", "a/b", "a?b", "\u0131", "sha256:%2e"])
def test_a_tag_that_no_tag_can_be_does_not_hide_the_others(make_registry: MakeRegistry, run_module: RunModule, tag: str) -> None:
    registry = make_registry()
    fill(registry, "a")
    registry.on("list_tags").body(json.dumps({"tags": ["a", tag]}).encode())
    result = list_tags(run_module, registry, details="digest").ok()
    assert (result["tags"], len(result["images"])) == (["a"], 1)
    assert registry.log() == ["GET /v2/app/tags/list", "HEAD /v2/app/manifests/a"]
    (warning,) = result.warnings
    assert "is not a valid name" in warning
    assert tag[:100].replace("\r\n", "\\r\\n").replace("\u0131", "\\u0131") in warning
    assert warning.isprintable()


@pytest.mark.parametrize("link", ["{list}; rel=next", "{url}{list}; rel=next", "<{list}>; rel='next'", '"{list}"; rel="next"'])
def test_t18_a_link_in_another_form_is_not_the_end(make_registry: MakeRegistry, run_module: RunModule, link: str) -> None:
    registry = make_registry()
    fill(registry, "a", "b", "c")
    registry.on("list_tags").body(b'{"tags":["a"]}').headers({"Link": link.format(url=registry.url, list="/v2/app/tags/list?n=50&last=a")})
    result = list_tags(run_module, registry).ok()
    assert (result["tags"], result["truncated"]) == (["a", "b", "c"], False)


@pytest.mark.parametrize("link", ["</v2/app/tags/list?last=a> rel=next", "</v2/app/tags/list?last=a>", '</x>; rel="next', "x" * 20000])
def test_t18_a_link_that_cannot_be_read_is_not_the_end(make_registry: MakeRegistry, run_module: RunModule, link: str) -> None:
    registry = make_registry()
    fill(registry, "a", "b")
    registry.on("list_tags").body(b'{"tags":["a"]}').headers({"Link": link})
    assert "Link" in list_tags(run_module, registry).failure("invalid_response").msg


def test_t18_a_link_to_another_scheme_says_so(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(tls=True)
    fill(registry, "a")
    registry.on("list_tags").headers({"Link": f"<http://{registry.host}/v2/app/tags/list?last=a>; rel=next"})
    assert "over http, not https" in list_tags(run_module, registry).failure("untrusted_target").msg


def test_many_names_that_no_tag_can_have_are_refused(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    fill(registry, "a")
    registry.on("list_tags").body(json.dumps({"tags": ["a", *(f"+{number}" for number in range(1001))]}).encode())
    list_tags(run_module, registry).failure("invalid_response")


def test_a_full_part_with_digests_and_without_a_link_is_not_the_end(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(link="off", page_size=1000)
    tags = [f"{number:04}" for number in range(1500)]
    digest = fill(registry, *tags)
    registry.on("list_tags").body(b'{"tags":[' + b" " * (8 * 1024 * 1024) + b"]}")
    registry.on("list_tags", nth=2).body(json.dumps({"tags": [*tags[:999], digest]}).encode())
    assert list_tags(run_module, registry).ok()["tags"] == tags


def test_a_full_part_without_a_link_is_not_the_end(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(link="off", page_size=1000)
    tags = [f"{number:04}" for number in range(2500)]
    fill(registry, *tags)
    registry.on("list_tags").body(b'{"tags":[' + b" " * (8 * 1024 * 1024) + b"]}")
    assert list_tags(run_module, registry).ok()["tags"] == tags
    assert [line.partition("?")[2] for line in registry.log(query=True)] == ["", "n=1000", "n=1000&last=0999", "n=1000&last=1999"]


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
    fill(registry, "a")
    registry.on("list_tags").body(body)
    list_tags(run_module, registry).failure(kind)


@pytest.mark.parametrize(("status", "code"), [(404, "NAME_UNKNOWN"), (405, "UNSUPPORTED")])
@pytest.mark.parametrize(
    ("module", "arguments"), [("registry_tag_info", {"name": "app", "missing": "ok"}), ("registry_repository_info", {"unsupported": "ok"})]
)
def test_a_list_that_lacks_a_page_is_not_absent(
    make_registry: MakeRegistry, run_module: RunModule, module: str, arguments: dict[str, t.Any], status: int, code: str
) -> None:
    registry = make_registry(page_size=1)
    for number in "123":
        registry.add_image("app", number)
        registry.add_image(f"app{number}", "1")
    for endpoint in ("list_tags", "catalog"):
        registry.on(endpoint, nth=2, optional=True).answer(status, code=code)
    failure = run_module(module, registry.args(**arguments)).failure("invalid_response")
    assert "is not complete" in failure.msg


def test_a_port_that_a_proxy_lost_is_named(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    fill(registry, "a")
    address, _colon, port = registry.host.rpartition(":")
    registry.on("list_tags").headers({"Link": f"<http://{address}/v2/app/tags/list?last=a>; rel=next"})
    assert f"pass on the Host header with the port {port}" in list_tags(run_module, registry).failure("untrusted_target").msg
