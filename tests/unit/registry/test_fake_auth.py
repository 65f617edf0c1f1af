# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake registry's Basic and token authentication."""

from __future__ import annotations

import typing as t
from urllib.parse import urlencode

import pytest
from ansible_collections.ocitools.registry.tests.unit.registry.asking import ACCEPT, Reply, ask, basic, bearer
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.canary import assert_clean, find_secrets
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
PULL = "repository:app:pull"


def token(registry: FakeRegistry, *scopes: str, login: dict[str, str] | None = None, user: str = "user", password: str = "") -> Reply:
    """Ask the token server."""
    auth = t.cast(TokenAuth, registry.auth)
    query = urlencode([("service", "registry.test"), *(("scope", scope) for scope in scopes)])
    headers = basic(user, password or auth.users[user].password) if login is None else login
    return ask(registry, "GET", f"/token?{query}", headers=headers, host=auth.url.partition("//")[2].partition("/")[0])


def test_basic(make_registry: MakeRegistry) -> None:
    registry = make_registry(auth=Basic("me", "secret"))
    refused = ask(registry, "GET", "/v2/", headers=basic("me", "wrong"))
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="basic-realm"')
    assert ask(registry, "GET", "/v2/", headers=basic("me", "secret")).status == 200
    assert [request.scheme for request in registry.requests] == ["basic", "basic"]


@pytest.mark.parametrize("separate", [False, True])
def test_tokens_allow_exactly_their_scopes(make_registry: MakeRegistry, separate: bool) -> None:
    registry = make_registry(auth=TokenAuth(separate=separate))
    added = registry.add_image("app", "1")
    challenge = ask(registry, "HEAD", "/v2/app/manifests/1", headers=ACCEPT).headers["WWW-Authenticate"]
    assert f'scope="{PULL}"' in challenge
    assert 'error="' not in challenge
    granted = bearer(token(registry, PULL))
    assert ask(registry, "HEAD", "/v2/app/manifests/1", headers={**ACCEPT, **granted}).status == 200
    denied = ask(registry, "PUT", "/v2/app/manifests/2", added.raw, granted)
    assert denied.status == 401
    assert 'scope="repository:app:push,pull",error="insufficient_scope"' in denied.headers["WWW-Authenticate"]
    assert ask(registry, "DELETE", "/v2/app/manifests/1", headers=bearer(token(registry, "repository:app:push,pull"))).status == 401
    assert ask(registry, "DELETE", "/v2/app/manifests/1", headers=bearer(token(registry, "repository:app:delete"))).status == 202
    assert registry.named("token")[0].scopes == (PULL,)
    assert registry.named("token")[0].user == "user"


def test_grants(make_registry: MakeRegistry) -> None:
    users = {"reader": User("reader-password", {"app": "pull", "registry:catalog": "*"})}
    registry = make_registry(auth=TokenAuth(users, anonymous={"pub/*": "pull"}))
    for repository in ("app", "db", "pub/app"):
        registry.add_image(repository, "1")
    reader = bearer(token(registry, "repository:app:pull,push", "repository:db:pull", "registry:catalog:*", user="reader"))
    anybody = bearer(token(registry, "repository:pub/app:pull", PULL, login={}))
    answers = [
        ask(registry, method, path, headers={**ACCEPT, **who}).status
        for who, method, path in (
            (reader, "HEAD", "/v2/app/manifests/1"),
            (reader, "POST", "/v2/app/blobs/uploads/"),
            (reader, "HEAD", "/v2/db/manifests/1"),
            (reader, "GET", "/v2/_catalog"),
            (anybody, "HEAD", "/v2/pub/app/manifests/1"),
            (anybody, "HEAD", "/v2/app/manifests/1"),
        )
    ]
    assert answers == [200, 401, 401, 200, 200, 401]
    assert token(registry, PULL, login=basic("reader", "wrong")).status == 401


def test_tokens_end_by_use_and_by_word(make_registry: MakeRegistry) -> None:
    registry = make_registry(auth=TokenAuth(uses=2))
    granted = bearer(token(registry))
    assert [ask(registry, "GET", "/v2/", headers=granted).status for _use in range(3)] == [200, 200, 401]
    granted = bearer(token(registry))
    t.cast(TokenAuth, registry.auth).expire_all()
    assert 'error="invalid_token"' in ask(registry, "GET", "/v2/", headers=granted).headers["WWW-Authenticate"]


def test_identity_tokens(make_registry: MakeRegistry) -> None:
    auth = TokenAuth({"user": User(identity_token="identity-token-value")})
    registry = make_registry(auth=auth)
    form = {"grant_type": "refresh_token", "service": "x", "scope": f"{PULL} repository:db:pull", "refresh_token": "identity-token-value"}
    posted = ask(registry, "POST", "/token", urlencode(form).encode())
    assert (posted.status, registry.requests[0].scopes) == (200, (PULL, "repository:db:pull"))
    form["refresh_token"] = "wrong"
    assert ask(registry, "POST", "/token", urlencode(form).encode()).status == 401
    auth.post_status = 405
    assert ask(registry, "POST", "/token", urlencode(form).encode()).status == 405
    assert token(registry, login=basic("<token>", "identity-token-value")).status == 200
    assert registry.writes() == []


def test_servers_that_refuse_a_whole_set(make_registry: MakeRegistry) -> None:
    registry = make_registry(auth=TokenAuth(refused_words=["delete"], refuses_joined_scopes=True))
    assert token(registry, "repository:app:pull,delete").status == 400
    assert token(registry, f"{PULL} repository:db:pull").status == 400
    assert token(registry, PULL, "repository:db:pull").status == 200


@pytest.mark.parametrize(("challenge", "shown"), [("base_only", [False, True]), ("never", [False, False]), ("bare", [True, True])])
def test_challenges(make_registry: MakeRegistry, challenge: str, shown: list[bool]) -> None:
    registry = make_registry(auth=TokenAuth(challenge=challenge))
    replies = [ask(registry, "GET", path) for path in ("/v2/app/tags/list", "/v2/")]
    assert ["WWW-Authenticate" in reply.headers for reply in replies] == shown
    assert not any("scope=" in reply.headers.get("WWW-Authenticate", "") for reply in replies)


@pytest.mark.parametrize(
    "text",
    [
        "p4ss/w+rd=x",
        "p4ss%2Fw%2Brd%3Dx",
        "p4ss%2fw%2brd%3dx",
        "dXNlcjpwNHNzL3crcmQ9eA==",
        "cDRzcy93K3JkPXg=",
        "703473732f772b72643d78",
    ],
)
def test_secrets_are_found_in_every_spelling(text: str) -> None:
    assert find_secrets(f"before {text} after", ["p4ss/w+rd=x"])
    with pytest.raises(AssertionError):
        assert_clean(f"before {text} after", "p4ss/w+rd=x")
    assert_clean("before p4ss after", "p4ss/w+rd=x")
