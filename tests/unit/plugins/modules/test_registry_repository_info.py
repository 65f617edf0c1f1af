# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_repository_info: the catalog where there is one, under a prefix, and a clear word where there is none."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.proxy import Proxy

NAMES = ("app", "team", "team-a/app", "team/app", "team/db", "team/sub/app", "zoo")


def _fill(registry: FakeRegistry, names: t.Iterable[str] = NAMES) -> FakeRegistry:
    for name in names:
        registry.add_manifest(name, {"schemaVersion": 2})
    return registry


def _list(run_module: RunModule, asked: FakeRegistry, **options: t.Any) -> Result:
    return run_module("registry_repository_info", asked.args(**options))


def test_all_repositories(token_registry: FakeRegistry, run_module: RunModule) -> None:
    result = _list(run_module, _fill(token_registry)).ok()
    assert result["repositories"] == [f"{token_registry.host}/{name}" for name in NAMES]
    assert result["relative_names"] == list(NAMES)
    assert (result["supported"], result["truncated"], result.changed) == (True, False, False)
    assert token_registry.log() == ["GET /v2/", "GET /token", "GET /v2/_catalog"]
    assert token_registry.named("token")[0].scopes == ("registry:catalog:*",)


@pytest.mark.parametrize(
    ("base", "prefix", "relative"),
    [
        ("", "team", ["", "app", "db", "sub/app"]),
        ("/team", None, ["", "app", "db", "sub/app"]),
        ("/team", "sub", ["app"]),
        ("", "team/sub", ["app"]),
        ("", "tea", []),
    ],
)
def test_a_prefix_is_made_of_whole_parts(
    registry: FakeRegistry, run_module: RunModule, base: str, prefix: str | None, relative: list[str]
) -> None:
    result = _list(run_module, _fill(registry), registry=registry.host + base, prefix=prefix).ok()
    assert result["relative_names"] == relative
    scope = "/".join(part for part in (registry.host + base, prefix) if part)
    assert result["repositories"] == [f"{scope}/{name}".rstrip("/") for name in relative]


def test_the_names_serve_other_modules(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("team/app", "1.0")
    result = _list(run_module, registry, prefix="team").ok()
    connection = registry.args()
    del connection["registry"]
    assert run_module("registry_tag_info", {**connection, "name": result["repositories"][0]}).ok()["tags"] == ["1.0"]
    relative = {**connection, "registry": f"{registry.host}/team", "name": result["relative_names"][0]}
    assert run_module("registry_tag_info", relative).ok()["tags"] == ["1.0"]


@pytest.mark.parametrize("switches", [{}, {"next_page": "opaque"}, {"link": "absolute"}, {"refuses_n": True}])
def test_pages(make_registry: MakeRegistry, run_module: RunModule, switches: dict[str, t.Any]) -> None:
    registry = _fill(make_registry(page_size=2, **switches))
    assert _list(run_module, registry).ok()["relative_names"] == list(NAMES)
    assert len(registry.log()) == 4


def test_include_exclude_and_limit(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry)
    result = _list(run_module, registry, prefix="team", include=["^app$", "^sub/"], exclude=["db"]).ok()
    assert (result["relative_names"], result["truncated"]) == (["app", "sub/app"], False)
    result = _list(run_module, registry, include=["app"], limit=2).ok()
    assert (result["relative_names"], result["truncated"]) == (["app", "team-a/app"], True)
    result = _list(run_module, registry, include=["app"], limit=4).ok()
    assert (len(result["relative_names"]), result["truncated"]) == (4, False)


def test_a_limit_saves_pages(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = _fill(make_registry(page_size=2))
    assert _list(run_module, registry, limit=3).ok()["relative_names"] == list(NAMES)[:3]
    assert len(registry.log()) == 2


@pytest.mark.parametrize("status", ["404", "405"])
def test_a_registry_without_a_catalog(make_registry: MakeRegistry, run_module: RunModule, status: str) -> None:
    registry = make_registry(auth="token", catalog=status)
    failure = _list(run_module, registry).failure("unsupported")
    assert "has no catalog" in failure.msg
    assert failure.error["registry"] == registry.host
    result = _list(run_module, registry, unsupported="ok").ok()
    assert (result["supported"], result["repositories"], result["relative_names"], result["truncated"]) == (False, [], [], False)


def test_docker_hub_has_none_though_it_says_denied(
    make_registry: MakeRegistry, run_module: RunModule, proxy: Proxy, names: dict[str, str]
) -> None:
    registry = make_registry("hub")
    names["registry-1.docker.io"] = "127.0.0.1"
    proxy.routes["registry-1.docker.io:80"] = registry.host
    arguments = {"registry": "docker.io", "plain_http": True, "unsupported": "ok"}
    assert run_module("registry_repository_info", arguments).ok()["supported"] is False


@pytest.mark.parametrize(("status", "kind"), [("401", "unauthorized"), ("403", "denied")])
def test_a_catalog_that_is_denied_is_a_failure(make_registry: MakeRegistry, run_module: RunModule, status: str, kind: str) -> None:
    registry = make_registry(catalog=status)
    _list(run_module, registry, unsupported="ok").failure(kind)


def test_a_user_who_may_not_see_the_catalog(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=TokenAuth({"reader": User(grants={"*": "pull"})}))
    failure = _list(run_module, registry, unsupported="ok").failure("denied")
    assert failure.msg.startswith(f"Listing the repositories of {registry.host} failed: ")
    assert failure.msg.endswith("only to administrators.")


def test_a_web_page_is_no_registry_without_a_catalog(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("catalog").html(404)
    _list(run_module, registry, unsupported="ok").failure("invalid_response")


@pytest.mark.parametrize("name", ["../x", "App", "a//b", "a b", "x" * 300])
def test_a_name_that_no_repository_can_have_does_not_hide_the_others(registry: FakeRegistry, run_module: RunModule, name: str) -> None:
    registry.on("catalog").body(json.dumps({"repositories": ["app", name]}).encode())
    result = _list(run_module, registry).ok()
    assert result["relative_names"] == ["app"]
    assert [name[:100] in warning for warning in result.warnings] == [True]


def test_a_next_page_elsewhere_is_refused(token_registry: FakeRegistry, run_module: RunModule, evil: Evil) -> None:
    _fill(token_registry)
    token_registry.on("catalog").headers({"Link": f'<{evil.url}/v2/_catalog?last=app>; rel="next"'})
    _list(run_module, token_registry).failure("untrusted_target")
    evil.assert_untouched()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"prefix": "../x"}, "invalid_reference"),
        ({"prefix": "Team"}, "invalid_reference"),
        ({"registry": "a b"}, "invalid_reference"),
        ({"registry": "http://registry.example.com"}, "invalid_reference"),
        ({"registry": "user:secret@registry.example.com"}, "invalid_reference"),
        ({"include": ["("]}, "invalid_option"),
        ({"limit": 0}, "invalid_option"),
    ],
)
def test_bad_options_fail_before_any_request(registry: FakeRegistry, run_module: RunModule, change: dict[str, t.Any], kind: str) -> None:
    failure = _list(run_module, registry, **change).failure(kind)
    assert "secret" not in failure.msg
    assert registry.log() == []


def test_the_registry_must_be_named(registry: FakeRegistry, run_module: RunModule) -> None:
    arguments = registry.args()
    del arguments["registry"]
    assert "registry" in run_module("registry_repository_info", arguments).failure("invalid_option").msg
