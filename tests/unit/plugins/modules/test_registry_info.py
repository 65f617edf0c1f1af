# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_info: is it up, do the credentials work, what does it say of itself."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.proxy import Proxy

KEYS = {"reachable", "authenticated", "auth_scheme", "realm", "api_version", "tls", "rate_limit"}


def test_an_open_registry_in_one_request(registry: FakeRegistry, run_module: RunModule) -> None:
    result = run_module("registry_info", registry.args()).ok()
    assert set(result.data) >= KEYS
    assert {key: result[key] for key in KEYS} == {
        "reachable": True,
        "authenticated": False,
        "auth_scheme": None,
        "realm": None,
        "api_version": "registry/2.0",
        "tls": None,
        "rate_limit": None,
    }
    assert (result.changed, registry.log()) == (False, ["GET /v2/"])


def test_basic_credentials_that_work(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="basic")
    result = run_module("registry_info", registry.args()).ok()
    assert (result["authenticated"], result["auth_scheme"], result["realm"]) == (True, "basic", "basic-realm")
    assert registry.log() == ["GET /v2/"] * 2


@pytest.mark.parametrize("identity_token", ["", "identity.of.user"])
def test_token_credentials_that_work(make_registry: MakeRegistry, run_module: RunModule, identity_token: str) -> None:
    registry = make_registry(auth=TokenAuth({"user": User(identity_token=identity_token)}))
    result = run_module("registry_info", registry.args()).ok()
    assert (result["authenticated"], result["auth_scheme"], result["realm"]) == (True, "bearer", f"{registry.url}/token")
    assert [line.partition(" ")[2] for line in registry.log()] == ["/v2/", "/token", "/v2/"]


def test_a_ready_token_that_works(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token")
    run_module("registry_info", registry.args()).ok()
    token = registry.auth.secrets()[-1]
    registry.clear()
    result = run_module("registry_info", registry.args(credentials=False, registry_token=token)).ok()
    assert (result["authenticated"], result["auth_scheme"]) == (True, "bearer")
    assert registry.log() == ["GET /v2/"] * 2


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_without_credentials_it_tells_what_it_wants(make_registry: MakeRegistry, run_module: RunModule, auth: str) -> None:
    registry = make_registry(auth=auth)
    result = run_module("registry_info", registry.args(credentials=False)).ok()
    assert (result["reachable"], result["authenticated"]) == (True, False)
    assert result["auth_scheme"] == {"basic": "basic", "token": "bearer"}[auth]
    assert registry.log() == ["GET /v2/"]


def test_credentials_that_nobody_asks_for_prove_nothing(registry: FakeRegistry, run_module: RunModule) -> None:
    result = run_module("registry_info", registry.args(username="user", password="password")).ok()
    assert (result["authenticated"], result["auth_scheme"]) == (False, None)
    result = run_module("registry_info", registry.args(registry_token="any token at all".replace(" ", "-"))).ok()
    assert (result["authenticated"], result["auth_scheme"]) == (False, None)


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_wrong_credentials_are_a_failure(make_registry: MakeRegistry, run_module: RunModule, auth: str) -> None:
    registry = make_registry(auth=auth)
    failure = run_module("registry_info", registry.args(password="not the one")).failure("unauthorized")
    assert failure.error["registry"] == registry.host
    assert "not the one" not in failure.msg


def test_an_expired_ready_token_is_a_failure(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token")
    run_module("registry_info", registry.args(credentials=False, registry_token="expired.token")).failure("unauthorized")


def test_a_host_that_refuses_connections(registry: FakeRegistry, run_module: RunModule) -> None:
    arguments = registry.args(retries=0)
    registry.close()
    failure = run_module("registry_info", arguments).failure("network")
    assert registry.host in failure.msg
    assert failure.error["registry"] == registry.host


def test_a_name_that_is_none(run_module: RunModule) -> None:
    run_module("registry_info", {"registry": "registry.invalid", "retries": 0}).failure("network")


@pytest.mark.parametrize(("status", "kind"), [(403, "denied"), (404, "invalid_response"), (500, "server"), (429, "rate_limited")])
def test_what_a_registry_does_not_answer_there(registry: FakeRegistry, run_module: RunModule, status: int, kind: str) -> None:
    registry.on("base", times=None).answer(status)
    run_module("registry_info", registry.args(retries=0)).failure(kind)


def test_a_sign_in_page_is_no_registry(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("base").html(200, "Sign in")
    assert "sign-in page" in run_module("registry_info", registry.args()).failure("invalid_response").msg


def test_any_web_server_is_no_registry(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("base").answer(200, {"Content-Type": "text/plain"}, b"It works!")
    run_module("registry_info", registry.args()).failure("invalid_response")


@pytest.mark.parametrize("auth", ["", "basic", "token"])
def test_a_registry_whose_root_is_called_html_is_one(make_registry: MakeRegistry, run_module: RunModule, auth: str) -> None:
    registry = make_registry(auth=auth)
    registry.on("base").answer(200, {"Content-Type": "text/html", "Docker-Distribution-API-Version": "registry/2.0"}, b"true")
    result = run_module("registry_info", registry.args()).ok()
    assert (result["authenticated"], result["api_version"]) == (bool(auth), "registry/2.0")


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_a_registry_whose_root_says_nothing_is_known_by_how_it_refuses_strangers(
    make_registry: MakeRegistry, run_module: RunModule, auth: str
) -> None:
    registry = make_registry(auth=auth)
    registry.on("base", before_auth=True, times=None).headers({"Docker-Distribution-API-Version": None, "Content-Type": None})
    registry.on("base", times=None).body(b"")
    result = run_module("registry_info", registry.args()).ok()
    assert (result["authenticated"], result["api_version"]) == (True, None)


@pytest.mark.parametrize("body", [b'{"message":"Too many login attempts"}', b'{"errors":[{"message":"Too many login attempts"}]}'])
def test_the_vendors_reason_is_shown(registry: FakeRegistry, run_module: RunModule, body: bytes) -> None:
    registry.on("base").answer(429, {"Content-Type": "application/json"}, body)
    assert "Too many login attempts" in run_module("registry_info", registry.args(retries=0)).failure("rate_limited").msg


def test_a_fault_that_passes_is_waited_for(registry: FakeRegistry, run_module: RunModule, waits: list[float]) -> None:
    registry.on("base").answer(503)
    run_module("registry_info", registry.args()).ok()
    assert len(waits) == 1


def test_a_prefix_plays_no_part(registry: FakeRegistry, run_module: RunModule) -> None:
    run_module("registry_info", {**registry.args(), "registry": registry.name("team")}).ok()
    assert registry.log() == ["GET /v2/"]


@pytest.mark.parametrize(
    ("challenge", "scheme"),
    [
        ('Negotiate, Basic realm="a"', "basic"),
        ('Basic realm="b", Bearer realm="/token",service="s"', "bearer"),
        ("Negotiate", "negotiate"),
        ("", None),
    ],
)
def test_the_scheme_that_counts_is_told(make_registry: MakeRegistry, run_module: RunModule, challenge: str, scheme: str | None) -> None:
    registry = make_registry(auth=TokenAuth(challenge=challenge or "never"))
    assert run_module("registry_info", registry.args(credentials=False)).ok()["auth_scheme"] == scheme


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limited"), (401, "unauthorized"), (403, "denied"), (500, "server")])
def test_the_reason_of_a_token_server_is_shown(make_registry: MakeRegistry, run_module: RunModule, status: int, kind: str) -> None:
    registry = make_registry(auth="token")
    registry.on("token", times=None).answer(status, {"Content-Type": "application/json"}, b'{"error":"Too many login attempts."}')
    failure = run_module("registry_info", registry.args(retries=0)).failure(kind)
    assert "Too many login attempts" in failure.msg
    assert ".." not in failure.msg


def test_a_web_page_of_a_token_server_is_called_one(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token")
    registry.on("token").html(200, "Sign in")
    assert "web page" in run_module("registry_info", registry.args()).failure("invalid_response").msg


# TLS


@pytest.mark.parametrize("verified", [True, False])
def test_the_certificate_is_told_verified_or_not(make_registry: MakeRegistry, run_module: RunModule, verified: bool) -> None:
    registry = make_registry(tls=True)
    arguments = registry.args() if verified else {**registry.args(), "ca_path": None, "validate_certs": False}
    tls = run_module("registry_info", arguments).ok()["tls"]
    assert re.fullmatch(r"O=trustme v[0-9.]+, OU=Testing cert #\S+", tls["subject"])
    assert re.fullmatch(r"O=trustme v[0-9.]+, OU=Testing CA #\S+", tls["issuer"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", tls["not_after"])


def test_a_certificate_that_is_not_trusted_is_a_failure(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(tls=True)
    run_module("registry_info", {**registry.args(), "ca_path": None}).failure("tls")


def test_the_certificate_is_the_registrys_behind_a_proxy_too(make_registry: MakeRegistry, run_module: RunModule, proxy: Proxy) -> None:
    registry = make_registry(tls=True)
    proxy.routes[registry.host] = registry.host.replace("localhost", "127.0.0.1")
    result = run_module("registry_info", registry.args()).ok()
    assert result["tls"]["subject"].startswith("O=trustme")
    assert proxy.log() == [f"CONNECT {registry.host}"]


# Limits


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"}, {"limit": 100, "remaining": 76}),
        ({"RateLimit-Limit": "100"}, {"limit": 100, "remaining": None}),
        ({"RateLimit-Limit": "many", "RateLimit-Remaining": "-1"}, None),
        ({}, None),
    ],
)
def test_how_much_may_be_asked(
    registry: FakeRegistry, run_module: RunModule, headers: dict[str, str], expected: dict[str, int | None] | None
) -> None:
    registry.on("base").headers(headers)
    assert run_module("registry_info", registry.args()).ok()["rate_limit"] == expected


def test_docker_hub_is_asked_for_its_limit_by_an_image_that_counts_nothing(
    make_registry: MakeRegistry, run_module: RunModule, proxy: Proxy, names: dict[str, str]
) -> None:
    registry = make_registry("hub")
    names["registry-1.docker.io"] = "127.0.0.1"
    proxy.routes["registry-1.docker.io:80"] = registry.host
    registry.on("head_manifest").headers({"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "99;w=21600"})
    result = run_module("registry_info", {"registry": "docker.io", "plain_http": True}).ok()
    assert result["rate_limit"] == {"limit": 100, "remaining": 99}
    assert registry.log() == ["GET /v2/", "HEAD /v2/ratelimitpreview/test/manifests/latest"]


# Text of strangers


def test_text_of_the_registry_is_cleaned(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=TokenAuth(challenge='Basic realm="' + "x" * 3000 + '"'))
    registry.on("base", before_auth=True).headers({"Docker-Distribution-Api-Version": "registry/2.0\x7f" + "y" * 500})
    result = run_module("registry_info", registry.args(credentials=False)).ok()
    assert len(result["realm"]) == 1000
    assert len(result["api_version"]) == 60
    assert result["api_version"].isprintable()


def test_credentials_do_not_follow_a_realm_elsewhere(make_registry: MakeRegistry, run_module: RunModule, evil: Evil) -> None:
    registry = make_registry(auth=TokenAuth(realm=f"{evil.url}/token".replace("127.0.0.1", "localhost")))
    failure = run_module("registry_info", registry.args()).failure("untrusted_target")
    assert "auth_hosts" in failure.msg
    evil.assert_untouched()


@pytest.mark.parametrize("name", ["a b", "http://registry.example.com", "user:secret@registry.example.com", "registry.example.com:99999"])
def test_what_is_no_registry_fails_before_any_request(run_module: RunModule, name: str) -> None:
    failure: t.Any = run_module("registry_info", {"registry": name}).failure("invalid_reference")
    assert "secret" not in failure.msg
