# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A refused credential is not sent over and over, and what a refusal means is said."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Headers
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

NAMES = [f"app{number}:1" for number in range(12)]
WRONG = "wrong-pa55word"


def fill(registry: FakeRegistry) -> FakeRegistry:
    for name in NAMES:
        registry.add_image(name.partition(":")[0], "1")
    return registry


def sent(registry: FakeRegistry) -> int:
    """How many requests came with credentials, or with a token that was made of them."""
    return sum(
        1
        for request in registry.requests
        if request.headers.get("Authorization") or (request.method == "POST" and request.endpoint == "token")
    )


def tokens(registry: FakeRegistry) -> int:
    return sum(1 for request in registry.requests if request.endpoint == "token")


# One wrong password


@pytest.mark.parametrize("on_error", ["fail", "report"])
@pytest.mark.parametrize("login", ["token", "basic", "identity"])
def test_a_wrong_password_is_sent_twice_at_the_most(make_registry: MakeRegistry, run_module: RunModule, login: str, on_error: str) -> None:
    auth = Basic() if login == "basic" else TokenAuth({"user": User(identity_token="ident-right" if login == "identity" else "")})
    registry = fill(make_registry(auth=auth))
    wrong = {"identity_token": "ident-wrong"} if login == "identity" else {"username": "user", "password": WRONG}
    result = run_module("registry_image_info", registry.args(credentials=False, name=NAMES, on_error=on_error, **wrong))
    assert 1 <= sent(registry) <= 2
    if on_error == "fail":
        result.failure("unauthorized")
    else:
        assert {entry["error"]["kind"] for entry in result["images"]} == {"unauthorized"}


def test_a_wrong_ready_token_is_sent_twice_at_the_most(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = fill(make_registry(auth="token"))
    options = registry.args(credentials=False, name=NAMES, on_error="report", registry_token="expired.token.x")
    result = run_module("registry_image_info", options)
    assert {entry["error"]["kind"] for entry in result["images"]} == {"unauthorized"}
    assert sent(registry) <= 2


def test_a_copy_of_twelve_images_with_a_wrong_password_asks_for_two_tokens_at_the_most(
    make_registry: MakeRegistry, run_module: RunModule
) -> None:
    registry = fill(make_registry(auth="token"))
    images = [{"src": registry.name(name), "dest": registry.name(f"copy/{name}")} for name in NAMES]
    options = registry.args(credentials=False, images=images, username="user", password=WRONG)
    options.pop("registry", None)
    run_module("registry_copy", options).failure("unauthorized")
    assert tokens(registry) <= 2


@pytest.mark.parametrize("status", [400, 403])
def test_a_refusal_that_may_mean_either_is_tried_once_more(make_registry: MakeRegistry, run_module: RunModule, status: int) -> None:
    registry = fill(make_registry(auth="token"))
    registry.on("token", times=None).answer(status)
    result = run_module("registry_image_info", registry.args(name=NAMES, on_error="report"))
    assert {entry["error"]["kind"] for entry in result["images"]} == {"denied" if status == 403 else "unauthorized"}
    assert "does not accept the credentials" in result["images"][0]["error"]["msg"]
    assert "does not grant" in result["images"][0]["error"]["msg"]
    assert tokens(registry) == 2


def test_a_refused_scope_does_not_keep_others_from_being_granted(make_registry: MakeRegistry, run_module: RunModule) -> None:
    auth = TokenAuth({"user": User(grants={"app9": "pull", "app11": "pull"})}, refuses_partly_granted=True, refused_status=403)
    registry = fill(make_registry(auth=auth))
    result = run_module("registry_image_info", registry.args(name=NAMES, on_error="report", concurrency=1))
    found = [entry["name"] for entry in result["images"] if entry["exists"]]
    assert found == ["app9:1", "app11:1"]


def test_a_429_after_a_refusal_ends_it(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = fill(make_registry(auth="token"))
    registry.on("token", times=1).answer(403)
    registry.on("token", times=None).answer(429, {"Retry-After": "1"})
    result = run_module("registry_image_info", registry.args(name=NAMES, on_error="report"))
    assert {entry["error"]["kind"] for entry in result["images"]} == {"denied"}
    assert tokens(registry) == 2


def test_a_right_password_is_sent_as_often_as_it_takes(make_registry: MakeRegistry, run_module: RunModule) -> None:
    for auth in ("basic", "token"):
        registry = fill(make_registry(auth=auth))
        assert run_module("registry_image_info", registry.args(name=NAMES)).ok()["exists"] is True


# What a refusal means


def test_valid_credentials_that_lack_a_scope_are_denied(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=TokenAuth({"user": User(grants={"other": "pull"})}))
    registry.add_image("app", "1")
    result = run_module("registry_image_info", registry.args(name=["app:1"])).failure("denied")
    assert result.error["status"] == 401
    assert "the credentials are valid but lack permission" in result.msg


def test_a_stranger_that_lacks_a_scope_is_unauthorized(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=TokenAuth(anonymous={"other": "pull"}))
    registry.add_image("app", "1")
    run_module("registry_image_info", registry.args(credentials=False, name=["app:1"])).failure("unauthorized")


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_credentials_of_the_environment_for_another_host_are_mentioned(
    make_registry: MakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    registry = make_registry(auth=auth)
    registry.add_image("app", "1")
    for variable, value in (("", "127.0.0.1:9"), ("_USERNAME", "user"), ("_PASSWORD", "p4ssword-of-it")):
        monkeypatch.setenv(f"OCITOOLS_REGISTRY{variable}", value)
    result = run_module("registry_image_info", registry.args(credentials=False, name=["app:1"])).failure("unauthorized")
    assert "the environment has credentials for 127.0.0.1:9" in result.msg


# Redirects of a token server


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_token_server_may_redirect_to_itself(make_registry: MakeRegistry, run_module: RunModule, status: int) -> None:
    registry = make_registry(auth="token")
    registry.add_image("app", "1")
    registry.on("token", times=1).call(
        lambda request: Answer(status, Headers([("Location", f"/token?{request.target.partition('?')[2]}&again=1")]))
    )
    run_module("registry_image_info", registry.args(name=["app:1"])).ok()
    assert tokens(registry) == 2


def test_a_token_server_that_redirects_to_itself_for_ever_ends(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token")
    registry.on("token", times=None).call(lambda request: Answer(307, Headers([("Location", "/token?again=1")])))
    run_module("registry_image_info", registry.args(name=["app:1"])).failure("invalid_response")
    assert tokens(registry) <= 6


# The catalog


def _catalog_for_strangers(registry: FakeRegistry) -> None:
    """Answer strangers with an empty catalog, as Quay does."""
    empty = Answer(200, Headers([("Content-Type", "application/json")]), b'{"repositories": []}')
    registry.on(
        "catalog", times=None, before_auth=True, optional=True, where=lambda request: not request.headers.get("Authorization")
    ).call(lambda request: empty)


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_given_credentials_are_used_for_the_catalog_at_once(make_registry: MakeRegistry, run_module: RunModule, auth: str) -> None:
    registry = fill(make_registry(auth=auth))
    _catalog_for_strangers(registry)
    result = run_module("registry_repository_info", registry.args()).ok()
    assert len(result["repositories"]) == len(NAMES)
    assert all(request.headers.get("Authorization") for request in registry.requests if request.endpoint == "catalog")


def test_a_token_without_scope_is_used_where_that_of_the_catalog_is_refused(make_registry: MakeRegistry, run_module: RunModule) -> None:
    auth = TokenAuth(refused_words=["*"], refused_status=400)
    registry = fill(make_registry(auth=auth))
    everything = Answer(200, Headers([("Content-Type", "application/json")]), json.dumps({"repositories": ["app0", "app1"]}).encode())
    _catalog_for_strangers(registry)
    registry.on("catalog", times=None, before_auth=True, where=lambda request: request.scheme == "bearer").call(lambda request: everything)
    result = run_module("registry_repository_info", registry.args()).ok()
    assert len(result["repositories"]) == 2
    assert tokens(registry) == 2


def test_strangers_still_see_the_catalog(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = fill(make_registry())
    assert len(run_module("registry_repository_info", registry.args()).ok()["repositories"]) == len(NAMES)
    assert registry.log() == ["GET /v2/_catalog"]


def test_a_root_that_is_a_page_with_the_version_header_is_a_registry(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token")
    page = Headers([("Content-Type", "text/html; charset=utf-8"), ("Docker-Distribution-Api-Version", "registry/2.0")])
    registry.on("base", times=None, where=lambda request: request.scheme == "bearer").call(lambda request: Answer(200, page, b"true"))
    result = run_module("registry_info", registry.args()).ok()
    assert result["authenticated"] is True


# What only a login is needed for


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("module", ["registry_info", "registry_login"])
def test_a_placeholder_in_the_challenge_of_the_root_does_not_refuse_a_login(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, module: str, status: int
) -> None:
    registry = _with_placeholder(make_registry, status)
    options: dict[str, t.Any] = {"auth_file": str(tmp_path / "auth.json")} if module == "registry_login" else {}
    assert run_module(module, registry.args(**options)).ok()["authenticated"] is True
    run_module(module, registry.args(credentials=False, username="user", password=WRONG, **options)).failure("unauthorized")


def test_nor_does_it_after_others_have_logged_in(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = fill(_with_placeholder(make_registry, 403))
    login = registry.auth.credentials()
    config = {"auths": {registry.host: login}}
    checked = run_module("registry_preflight", registry.args(credentials=False, images=NAMES[:2], auth_config=config, concurrency=1)).ok()
    assert checked["passed"] is True


def _with_placeholder(make_registry: MakeRegistry, status: int) -> FakeRegistry:
    """Make a registry as GitHub's: whoever asks it for nothing special is told to ask for an image that there is not."""
    auth = TokenAuth({"user": User(grants={"*:app*": "*"})}, refuses_partly_granted=True, refused_status=status)
    registry = make_registry(auth=auth)
    challenge = f'Bearer realm="{auth.url}",service="registry.test",scope="repository:user/image:pull"'
    refused = Headers([("Content-Type", "application/json"), ("WWW-Authenticate", challenge)])
    registry.on("base", times=None, before_auth=True, where=lambda request: request.scheme != "bearer").call(
        lambda request: Answer(401, refused, b"{}")
    )
    return registry
