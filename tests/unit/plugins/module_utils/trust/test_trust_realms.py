# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Token servers: which may be sent credentials, what is asked of them and how often, and what becomes of a challenge."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, MakeRegistry, kind_of
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.strangers import (
    PRIVATE,
    PUBLIC,
    Names,
    assert_no_authorization,
    place,
    tokens,
)
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Headers
from ansible_collections.ocitools.registry.tests.unit.registry.proxy import Proxy
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

pytestmark = pytest.mark.usefixtures("one_authority")


def _look(run_module: RunModule, fake: FakeRegistry, **options: t.Any) -> Result:
    return run_module("registry_image_info", fake.args(name=["app:1"], details="digest", **options))


def _port(url: str) -> int:
    return int(url.split("/")[2].rpartition(":")[2])


# T2: who may be a token server


def test_t02_credentials_do_not_go_to_the_realm_of_a_stranger(
    guarded: FakeRegistry, evil: Evil, abroad: str, run_module: RunModule
) -> None:
    tokens(guarded).realm = f"http://{abroad}/token"
    result = _look(run_module, guarded).failure("untrusted_target")
    assert result.msg == (
        f"The registry {guarded.host} asked to send your credentials to {abroad}. If that is right, add {abroad} to auth_hosts."
    )
    assert result.error["registry"] == guarded.host
    evil.assert_untouched()


def test_t02_a_token_server_that_the_task_names_is_sent_them(guarded: FakeRegistry, names: Names, run_module: RunModule) -> None:
    host = place(names, "login.example", _port(tokens(guarded).url))
    tokens(guarded).realm = f"http://{host}/token"
    _look(run_module, guarded).failure("untrusted_target")
    _look(run_module, guarded, auth_hosts=[host]).ok()
    assert [request.headers.get("Host") for request in guarded.named("token")] == [host]


@pytest.mark.parametrize(
    ("registry_at", "realm_at"),
    [
        ((PRIVATE, "registry.corp.example"), ("10.1.2.4", "gitlab.corp.example")),
        ((PUBLIC, "registry.corp.example"), ("93.184.216.35", "gitlab.corp.example")),
        ((PRIVATE, PRIVATE), (PRIVATE, PRIVATE)),
        (("127.0.0.1", "localhost"), ("127.0.0.1", "localhost")),
    ],
    ids=["GitLab within a company", "GitLab", "a registry of a cluster by its address", "this machine"],
)
def test_t02_the_token_server_of_ones_own_domain_is_trusted(
    guarded: FakeRegistry, names: Names, run_module: RunModule, registry_at: tuple[str, str], realm_at: tuple[str, str]
) -> None:
    host = place(names, registry_at[1], guarded.server.port, registry_at[0])
    tokens(guarded).realm = f"http://{place(names, realm_at[1], _port(tokens(guarded).url), realm_at[0])}/token"
    _look(run_module, guarded, registry=host).ok()


def test_t02_docker_hub_has_its_token_server_elsewhere(make_registry: MakeRegistry, proxy: Proxy, run_module: RunModule) -> None:
    registry = make_registry(auth=TokenAuth(realm="http://auth.docker.io/token"))
    registry.add_image("library/app", "1")
    proxy.routes["registry-1.docker.io:80"] = registry.host
    proxy.routes["auth.docker.io:80"] = tokens(registry).url.split("/")[2]
    options = {**tokens(registry).credentials(), "plain_http": True}
    result = run_module("registry_image_info", {**options, "name": ["app:1"], "details": "digest"}).ok()
    assert result["images"][0]["registry"] == "docker.io"
    assert [line.split("?")[0] for line in proxy.log()][1] == "GET http://auth.docker.io/token"


def test_t02_the_same_host_over_http_is_a_weaker_one(make_registry: MakeRegistry, evil: Evil, run_module: RunModule) -> None:
    registry = make_registry(auth="token", tls=True)
    registry.add_image("app", "1")
    tokens(registry).realm = f"http://localhost:{evil.server.port}/token"
    assert "weaker" in _look(run_module, registry, auth_hosts=[f"localhost:{evil.server.port}"]).failure("untrusted_target").msg
    evil.assert_untouched()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_t02_a_token_server_that_redirects_is_not_followed(
    guarded: FakeRegistry, evil: Evil, abroad: str, run_module: RunModule, status: int
) -> None:
    guarded.on("token").redirect(f"http://{abroad}/token", status)
    assert "redirects to another host" in _look(run_module, guarded, auth_hosts=[abroad]).failure("untrusted_target").msg
    evil.assert_untouched()


def test_t02_every_challenge_is_looked_at_anew(guarded: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient) -> None:
    client = connect(guarded, "app")
    client.get_manifest("1")
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{abroad}/token",service="x"'}
    guarded.on("get_manifest", before_auth=True).answer(401, challenge)
    assert kind_of(lambda: client.get_manifest("1")) == "untrusted_target"
    evil.assert_untouched()


def test_t02_without_credentials_any_public_token_server_may_be_asked(
    make_registry: MakeRegistry, evil: Evil, abroad: str, run_module: RunModule
) -> None:
    registry = make_registry(auth=TokenAuth(anonymous={"*": "pull"}))
    registry.add_image("app", "1")
    token_port = _port(tokens(registry).url)
    tokens(registry).realm = f"http://evil.example:{token_port}/token"
    run_module("registry_image_info", registry.args(credentials=False, name=["app:1"], details="digest")).ok()
    tokens(registry).realm = f"http://{abroad}/token"
    evil.answer = lambda request: Answer(200, body=b'{"token": "of-the-stranger"}')
    run_module("registry_image_info", registry.args(credentials=False, name=["app:1"])).failure("unauthorized")
    assert_no_authorization(evil)


def test_t02_a_ready_token_is_never_taken_anywhere(guarded: FakeRegistry, evil: Evil, abroad: str, run_module: RunModule) -> None:
    tokens(guarded).realm = f"http://{abroad}/token"
    options = guarded.args(credentials=False, name=["app:1"], registry_token="ready-token-of-the-task")
    assert "does not accept" in run_module("registry_image_info", options).failure("unauthorized").msg
    assert {request.headers.get("Authorization") for request in guarded.requests} == {"Bearer ready-token-of-the-task"}
    evil.assert_untouched()


@pytest.mark.parametrize("query", ["?account=me", "?service=other&a=%2F"])
def test_t02_a_realm_may_have_a_query(guarded: FakeRegistry, run_module: RunModule, query: str) -> None:
    tokens(guarded).realm = f"{tokens(guarded).url}{query}"
    _look(run_module, guarded).ok()
    (request,) = guarded.named("token")
    assert request.target.startswith(f"/token{query}&service=registry.test&scope=repository:app:pull")


# T15: challenges


def _challenge(*values: str) -> t.Callable[[object], Answer]:
    return lambda request: Answer(401, Headers([("WWW-Authenticate", value) for value in values]))


@pytest.mark.parametrize("order", [("Negotiate", "BASIC", "BEARER"), ("BEARER", "BASIC"), ("BASIC", "Digest a=b", "BEARER")])
@pytest.mark.parametrize("joined", [False, True])
def test_t15_of_several_challenges_the_token_is_taken(
    guarded: FakeRegistry, connect: MakeClient, order: tuple[str, ...], joined: bool
) -> None:
    texts = {"BASIC": 'Basic realm="x"', "BEARER": f'Bearer realm="{tokens(guarded).url}",scope="repository:app:pull"'}
    values = [texts.get(word, word) for word in order]
    guarded.on("get_manifest", before_auth=True).call(_challenge(*([", ".join(values)] if joined else values)))
    connect(guarded, "app").get_manifest("1")
    assert [request.scheme for request in guarded.named("get_manifest")] == ["", "bearer"]


def test_t15_after_a_token_no_password_is_shown(guarded: FakeRegistry, connect: MakeClient) -> None:
    client = connect(guarded, "app")
    client.get_manifest("1")
    guarded.on("get_manifest", before_auth=True).call(_challenge('Basic realm="x"'))
    assert kind_of(lambda: client.get_manifest("1")) == "unauthorized"
    assert {request.scheme for request in guarded.named("get_manifest")} == {"", "bearer"}


@pytest.mark.parametrize("header", ["", "Negotiate", 'Digest realm="x"'])
def test_t15_a_challenge_that_nobody_can_answer_is_final(guarded: FakeRegistry, connect: MakeClient, header: str) -> None:
    guarded.on("get_manifest", before_auth=True, times=None).call(_challenge(*([header] if header else [])))
    guarded.on("base", before_auth=True, optional=True).call(_challenge("Negotiate"))
    assert kind_of(lambda: connect(guarded, "app").get_manifest("1")) == "unauthorized"
    assert len(guarded.named("get_manifest")) == 1


def test_t15_endless_refusals_of_fresh_tokens_end(make_registry: MakeRegistry, connect: MakeClient, waits: list[float]) -> None:
    registry = make_registry(auth=TokenAuth(uses=0))
    registry.add_image("app", "1")
    assert kind_of(lambda: connect(registry, "app").get_manifest("1")) == "unauthorized"
    assert registry.log() == ["GET /v2/app/manifests/1", "GET /token", "GET /v2/app/manifests/1"]
    assert waits == []


def test_t15_endless_refusals_of_a_password_end(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry = make_registry(auth=Basic())
    client = connect(registry, "app", password="wrong-password")
    for _time in range(2):
        assert kind_of(lambda: client.get_manifest("1")) == "unauthorized"
    assert len(registry.log()) == 2 + 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"token": ""}',
        b'{"token": 5}',
        b'{"token": "two words"}',
        b'{"token": "line\\nbreak"}',
        b'{"token": "caf\xc3\xa9"}',
        b'{"token": "t", "token": "u"}',
        b'{"token": "' + b"x" * 70000 + b'"}',
    ],
    ids=lambda body: ascii(body[:30]),
)
def test_t15_an_answer_that_is_no_token_is_refused_and_not_shown(guarded: FakeRegistry, run_module: RunModule, body: bytes) -> None:
    guarded.on("token").body(body)
    result = _look(run_module, guarded)
    assert result.error["kind"] in ("invalid_response", "limit")
    assert "The answer of the token server" in result.msg
    assert "xxxx" not in result.text
    assert "words" not in result.text


def test_a_token_may_come_as_any_type_of_text(guarded: FakeRegistry, run_module: RunModule) -> None:
    guarded.on("token").headers({"Content-Type": "text/html; charset=utf-8"})
    _look(run_module, guarded).ok()


@pytest.mark.parametrize("expires_in", [0, -5, None, "3600", 10**20, True, 1.5])
def test_t15_any_lifetime_of_a_token_is_lived_with(make_registry: MakeRegistry, connect: MakeClient, expires_in: t.Any) -> None:
    registry = make_registry(auth=TokenAuth(expires_in=expires_in))
    registry.add_image("app", "1")
    client = connect(registry, "app")
    for _time in range(3):
        client.get_manifest("1")
    assert len(registry.named("token")) == 1


def test_t15_words_of_a_challenge_add_no_parameters(guarded: FakeRegistry, connect: MakeClient) -> None:
    challenge = f'Bearer realm="{tokens(guarded).url}",service="a&account=root",scope="repository:app:pull&scope=x:y:*"'
    guarded.on("get_manifest", before_auth=True).call(_challenge(challenge))
    connect(guarded, "app").get_manifest("1")
    (request,) = guarded.named("token")
    assert set(request.query) == {"service", "scope"}
    assert request.query["service"] == ["a&account=root"]


# Identity tokens


@pytest.mark.parametrize(("post_status", "methods"), [(0, ["POST"]), (404, ["POST", "GET"]), (405, ["POST", "GET"])])
def test_t13_an_identity_token_is_exchanged(
    make_registry: MakeRegistry, run_module: RunModule, post_status: int, methods: list[str]
) -> None:
    registry = make_registry(auth=TokenAuth({"robot": User(identity_token="refresh-token/of+robot")}, post_status=post_status))
    registry.add_image("app", "1")
    _look(run_module, registry).ok()
    assert [request.method for request in registry.named("token")] == methods
    first = registry.named("token")[0]
    assert b"grant_type=refresh_token" in first.body
    assert "refresh" not in first.target
    assert {request.user for request in registry.named("head_manifest")} == {"", "robot"}


def test_t13_an_identity_token_that_is_refused_is_not_shown(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=TokenAuth({"robot": User(identity_token="refresh-token/of+robot")}))
    result = _look(run_module, registry, identity_token="expired-refresh-token")
    assert "does not accept the credentials" in result.failure("unauthorized").msg
    assert "expired-refresh" not in result.text


def test_t13_an_identity_token_is_no_password(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=Basic())
    options = registry.args(credentials=False, name=["app:1"], identity_token="refresh-token/of+robot")
    assert "identity_token" in run_module("registry_image_info", options).failure("unauthorized").msg
    assert {request.scheme for request in registry.requests} == {""}


# Trouble with the token server


def test_t25_a_token_server_in_trouble_is_asked_as_often_as_the_task_says(
    guarded: FakeRegistry, run_module: RunModule, waits: list[float]
) -> None:
    guarded.on("token", times=None).reset()
    _look(run_module, guarded, retries=2).failure("network")
    assert (len(guarded.named("token")), len(waits)) == (3, 2)
    assert guarded.counts()["head_manifest"] == 1


@pytest.mark.parametrize(("status", "kind"), [(500, "server"), (429, "rate_limited"), (503, "server"), (418, "server")])
def test_t25_what_a_token_server_says_is_told(guarded: FakeRegistry, run_module: RunModule, status: int, kind: str) -> None:
    guarded.on("token", times=None).html(status)
    result = _look(run_module, guarded, retries=1).failure(kind)
    assert str(status) in result.msg
    assert len(guarded.named("token")) == (1 if status == 418 else 2)
