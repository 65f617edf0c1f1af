# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The core modules against the fake registry with a token server: results, state afterwards, and the number of requests."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule, assert_clean
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.proxy import Proxy

if t.TYPE_CHECKING:
    from ansible_collections.ocitools.registry.tests.unit.registry.tls import Authority

MakeRegistry = t.Callable[..., FakeRegistry]


def test_a_digest_costs_three_requests(token_registry: FakeRegistry, run_module: RunModule) -> None:
    added = token_registry.add_image("app", "1.0")
    result = run_module("registry_image_info", token_registry.args(name=["app:1.0"], details="digest")).ok()
    assert result["images"][0]["digest"] == added.digest
    assert token_registry.log() == ["HEAD /v2/app/manifests/1.0", "GET /token", "HEAD /v2/app/manifests/1.0"]


def test_further_digests_cost_one_request_or_two(token_registry: FakeRegistry, run_module: RunModule) -> None:
    for repository, tag in (("app", "1"), ("app", "2"), ("db", "1")):
        token_registry.add_image(repository, tag)
    names = ["app:1", "app:2", "db:1"]
    result = run_module("registry_image_info", token_registry.args(name=names, details="digest")).ok()
    assert result["exists"] is True
    assert len(token_registry.log()) == 3 + 1 + 2


def test_an_absent_digest_costs_one_request_more(token_registry: FakeRegistry, run_module: RunModule) -> None:
    result = run_module("registry_image_info", token_registry.args(name=["app:1"], details="digest")).ok()
    assert result["missing"] == ["app:1"]
    assert len(token_registry.log()) == 4


@pytest.mark.parametrize(("details", "requests"), [("manifest", 3), ("config", 4)])
def test_info(token_registry: FakeRegistry, run_module: RunModule, details: str, requests: int) -> None:
    added = token_registry.add_image("app", "1.0")
    result = run_module("registry_image_info", token_registry.args(name=["app:1.0"], details=details)).ok()
    assert result["images"][0]["config_digest"] == added.config["digest"]
    assert len(token_registry.log()) == requests


def test_with_basic_credentials_a_digest_costs_two_requests(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="basic", tls=True)
    registry.add_image("app", "1.0")
    run_module("registry_image_info", registry.args(name=["app:1.0"], details="digest")).ok()
    assert registry.log() == ["HEAD /v2/app/manifests/1.0"] * 2


def test_a_registry_named_by_its_address_over_tls(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(tls=True)
    registry.add_image("app", "1.0")
    address = registry.host.replace("localhost", "127.0.0.1")
    run_module("registry_image_info", registry.args(name=["app:1.0"], registry=address)).ok()


@pytest.mark.parametrize(("before", "requests"), [("", 5), ("other", 6), ("1.0", 4)])
def test_tag(token_registry: FakeRegistry, run_module: RunModule, before: str, requests: int) -> None:
    added = token_registry.add_image("app", "1.0")
    other = token_registry.add_image("app", "other")
    if before:
        token_registry.set_tag("app", "stable", token_registry.tags("app")[before])
    result = run_module("registry_tag", token_registry.args(name="app:1.0", tags=["stable"])).ok()
    assert result.changed is (before != "1.0")
    assert token_registry.tags("app") == {"1.0": added.digest, "other": other.digest, "stable": added.digest}
    assert len(token_registry.log()) <= requests, token_registry.log()


@pytest.mark.parametrize(("style", "method", "requests"), [("full", "tag", 7), ("distribution2", "substitute", 11)])
def test_tag_delete(make_registry: MakeRegistry, run_module: RunModule, style: str, method: str, requests: int) -> None:
    registry = make_registry(style, auth="token")
    added = registry.add_image("app", "1.0")
    registry.set_tag("app", "other", added.digest)
    result = run_module("registry_tag_delete", registry.args(name="app:1.0")).ok()
    assert (result.changed, result["methods"]) == (True, {"1.0": method})
    assert registry.tags("app") == {"other": added.digest}
    assert registry.manifests("app") == [added.digest]
    assert len(registry.log()) <= requests, registry.log()


def test_check_mode_writes_nothing_and_asks_for_reading_only(token_registry: FakeRegistry, run_module: RunModule) -> None:
    token_registry.add_image("app", "1.0")
    result = run_module("registry_tag", token_registry.args(name="app:1.0", tags=["2"]), check=True, diff=True).ok()
    assert result.changed
    assert token_registry.writes() == []
    assert {scope for request in token_registry.named("token") for scope in request.scopes} == {"repository:app:pull"}


def test_a_module_in_a_process_of_its_own(token_registry: FakeRegistry, run_module_process: t.Callable[..., t.Any]) -> None:
    added = token_registry.add_image("app", "1.0")
    result = run_module_process("registry_image_info", token_registry.args(name=["app:1.0"], details="digest"))
    assert result.ok()["images"][0]["digest"] == added.digest


def test_a_missing_library_is_said(registry: FakeRegistry, run_module_process: t.Callable[..., t.Any]) -> None:
    result = run_module_process("registry_image_info", registry.args(name=["app:1.0"]), hide=["requests", "urllib3"])
    result.failure("missing_library")
    assert registry.log() == []


def test_a_module_is_ended_from_outside(registry: FakeRegistry, start_module: t.Callable[..., Process]) -> None:
    registry.add_image("app", "1.0")
    hold = registry.on("get_manifest").hold()
    process = start_module("registry_image_info", registry.args(name=["app:1.0"], username="user", password="secret-of-the-task"))
    hold.wait()
    assert_clean(process.cmdline(), "secret-of-the-task")
    process.kill()
    hold.release()
    assert process.wait_for_end() == (-9, "", "")


def test_warnings_are_those_of_one_run(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(warning="move to the new registry")
    registry.add_image("app", "1.0")
    for _run in range(2):
        result = run_module("registry_image_info", registry.args(name=["app:1.0"])).ok()
        assert result.warnings == [f"The registry {registry.host} warns: move to the new registry"]


def test_client_certificates(make_registry: MakeRegistry, run_module: RunModule, ca: Authority) -> None:
    registry = make_registry(auth="token", mtls=True)
    registry.add_image("app", "1.0")
    run_module("registry_image_info", registry.args(name=["app:1.0"], **ca.client_files())).ok()
    run_module("registry_image_info", registry.args(name=["app:1.0"], retries=0)).failure("tls")


def test_host_names(make_registry: MakeRegistry, run_module: RunModule, names: dict[str, str]) -> None:
    registry = make_registry(tls=True, hosts=["registry.test"])
    registry.add_image("app", "1.0")
    names["registry.test"] = "127.0.0.1"
    run_module("registry_image_info", registry.args(name=["app:1.0"], registry=f"registry.test:{registry.server.port}")).ok()
    run_module("registry_image_info", registry.args(name=["app:1.0"], registry="unknown.test")).failure("network")


def test_a_registry_behind_a_proxy(registry: FakeRegistry, run_module: RunModule, proxy: Proxy) -> None:
    added = registry.add_image("library/app", "1.0")
    proxy.routes["registry-1.docker.io:80"] = registry.host
    result = run_module("registry_image_info", {"name": ["app:1.0"], "details": "digest", "plain_http": True}).ok()
    assert result["images"][0]["digest"] == added.digest
    assert proxy.log() == ["HEAD http://registry-1.docker.io/v2/library/app/manifests/1.0"]
