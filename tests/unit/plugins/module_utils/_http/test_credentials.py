# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of tasks, of the environment and in auth files: whose they are, and that they never show."""

from __future__ import annotations

import base64
import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http.credentials import Credentials, explicit, from_environment
from ansible_collections.ocitools.registry.plugins.module_utils._http.keychain import MAX_AUTH_FILE, AuthFile
from ansible_collections.ocitools.registry.tests.unit.plugins.auth_files import Helpers, pair
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, mixed, parsed, quick, refusal
from ansible_collections.ocitools.registry.tests.unit.registry.canary import assert_clean
from hypothesis import given
from hypothesis import strategies as st

SECRET = "pa55-w0rd&Canary"
TOKEN = "eyJhbGciOiJub25lIn0.Y2FuYXJ5.c2lnbmF0dXJl"
HUB = "https://index.docker.io/v1/"


def find(document: t.Any, host: str = "reg.example.com", repository: str = "") -> Credentials | None:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return AuthFile(raw, "The auth file").find(host, repository, Helpers())


# Of a task


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"username": None, "password": ""}, None),
        ({"username": "me", "password": SECRET}, Credentials("me", SECRET)),
        ({"username": "me", "password": f"{SECRET}\n"}, Credentials("me", f"{SECRET}\n")),
        ({"identity_token": TOKEN}, Credentials(identity_token=TOKEN)),
        ({"registry_token": TOKEN, "password": None}, Credentials(registry_token=TOKEN)),
    ],
)
def test_a_task_gives_credentials_in_one_way(options: dict[str, t.Any], expected: Credentials | None) -> None:
    assert explicit(options) == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"username": "me"}, "gives username without password"),
        ({"password": SECRET}, "gives password without username"),
        ({"username": "me", "identity_token": TOKEN}, "(username, identity_token)"),
        ({"username": "me", "password": SECRET, "registry_token": TOKEN}, "(username with password, registry_token)"),
        ({"password": SECRET, "identity_token": TOKEN}, "(password, identity_token)"),
        ({"identity_token": TOKEN, "registry_token": TOKEN}, "(identity_token, registry_token)"),
        ({"registry_token": f"{TOKEN}\n"}, "registry_token that contains a space"),
        ({"registry_token": f"{TOKEN}\r\nX-Injected: 1"}, "registry_token that contains a space"),
        ({"identity_token": f" {TOKEN}"}, "identity_token that contains a space"),
        ({"identity_token": f"{TOKEN}\u00e9"}, "identity_token that contains a space"),
        ({"username": "me", "password": f"{SECRET}\udce9"}, "not valid UTF-8"),
        ({"username": "\ud800", "password": SECRET}, "not valid UTF-8"),
    ],
)
def test_t37_credentials_that_cannot_be_used_are_refused_and_not_shown(options: dict[str, str], said: str) -> None:
    error = refusal(explicit, options, kind="invalid_option")
    assert said in error.message
    assert_clean(error.message, SECRET, TOKEN)


def test_t37_credentials_do_not_show_themselves() -> None:
    for credentials in (Credentials("me", SECRET), Credentials(identity_token=TOKEN), Credentials(registry_token=TOKEN)):
        assert_clean(repr(credentials), SECRET, TOKEN)
    assert Credentials("me", SECRET).secrets() == (SECRET, base64.b64encode(f"me:{SECRET}".encode()).decode())
    assert Credentials(identity_token=TOKEN).secrets() == (TOKEN,)
    assert Credentials().secrets() == ()


# Of the environment


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"OCITOOLS_REGISTRY": "reg.example.com"}, None),
        ({"OCITOOLS_REGISTRY": "reg.example.com", "OCITOOLS_REGISTRY_TOKEN": TOKEN}, Credentials(registry_token=TOKEN)),
        ({"OCITOOLS_REGISTRY": "Reg.Example.com", "OCITOOLS_REGISTRY_IDENTITY_TOKEN": TOKEN}, Credentials(identity_token=TOKEN)),
        (
            {"OCITOOLS_REGISTRY": "reg.example.com", "OCITOOLS_REGISTRY_USERNAME": "me", "OCITOOLS_REGISTRY_PASSWORD": SECRET},
            Credentials("me", SECRET),
        ),
        ({"OCITOOLS_REGISTRY": "reg.example.com:5000", "OCITOOLS_REGISTRY_TOKEN": TOKEN}, None),
        ({"OCITOOLS_REGISTRY": "example.com", "OCITOOLS_REGISTRY_TOKEN": TOKEN}, None),
        ({"OCITOOLS_REGISTRY": "evil.reg.example.com", "OCITOOLS_REGISTRY_TOKEN": TOKEN}, None),
        ({"OCITOOLS_REGISTRY": "other.example.com", "OCITOOLS_REGISTRY_PASSWORD": SECRET}, None),
    ],
)
def test_the_environment_gives_credentials_for_one_host(environ: dict[str, str], expected: Credentials | None) -> None:
    assert from_environment(environ, "reg.example.com") == expected


@pytest.mark.parametrize(
    "address", ["https://reg.example.com", "HTTPS://Reg.Example.com/", "reg.example.com/v2/", "https://reg.example.com/v1"]
)
def test_the_environment_takes_a_registry_as_it_is_pasted_from_a_login(address: str) -> None:
    environ = {"OCITOOLS_REGISTRY": address, "OCITOOLS_REGISTRY_TOKEN": TOKEN}
    assert from_environment(environ, "reg.example.com") == Credentials(registry_token=TOKEN)


def test_the_environment_knows_docker_hub_by_each_of_its_names() -> None:
    for name in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        assert from_environment({"OCITOOLS_REGISTRY": name, "OCITOOLS_REGISTRY_TOKEN": TOKEN}, "docker.io") is not None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"OCITOOLS_REGISTRY_PASSWORD": SECRET}, "without OCITOOLS_REGISTRY"),
        ({"OCITOOLS_REGISTRY": "reg.example.com/team", "OCITOOLS_REGISTRY_PASSWORD": SECRET}, "not a registry host"),
        ({"OCITOOLS_REGISTRY": "reg.example.com/v2", "OCITOOLS_REGISTRY_PASSWORD": SECRET}, "not a registry host"),
        ({"OCITOOLS_REGISTRY": "http://reg.example.com", "OCITOOLS_REGISTRY_PASSWORD": SECRET}, "not a registry host"),
        ({"OCITOOLS_REGISTRY": f"me:{SECRET}@reg.example.com", "OCITOOLS_REGISTRY_PASSWORD": SECRET}, "not a registry host"),
        (
            {"OCITOOLS_REGISTRY": f"https://me:{SECRET}@reg.example.com", "OCITOOLS_REGISTRY_PASSWORD": SECRET},
            "use the options username and password",
        ),
        ({"OCITOOLS_REGISTRY": "reg.example.com", "OCITOOLS_REGISTRY_PASSWORD": SECRET}, "OCITOOLS_REGISTRY_USERNAME"),
        ({"OCITOOLS_REGISTRY": "reg.example.com", "OCITOOLS_REGISTRY_TOKEN": f"{TOKEN}\n"}, "OCITOOLS_REGISTRY_TOKEN that contains"),
        ({"OCITOOLS_REGISTRY": "reg.example.com", "OCITOOLS_REGISTRY_TOKEN": TOKEN, "OCITOOLS_REGISTRY_PASSWORD": SECRET}, "several"),
    ],
)
def test_t37_an_environment_that_is_wrong_is_told_but_not_shown(environ: dict[str, str], said: str) -> None:
    error = refusal(from_environment, environ, "reg.example.com", kind="credentials")
    assert said in error.message
    assert_clean(error.message, SECRET, TOKEN)


# In files


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (pair("me", SECRET), Credentials("me", SECRET)),
        (pair("me", f"{SECRET}:with:colons"), Credentials("me", f"{SECRET}:with:colons")),
        (pair("me", f"{SECRET}\0\0"), Credentials("me", SECRET)),
        (pair("me", f"{SECRET}\n"), Credentials("me", f"{SECRET}\n")),
        ({"auth": pair("me", SECRET)["auth"] + "\r\n"}, Credentials("me", SECRET)),
        (pair("<token>", TOKEN), Credentials(identity_token=TOKEN)),
        ({"username": "me", "password": SECRET, "email": "me@example.com"}, Credentials("me", SECRET)),
        ({"username": "me", "password": 12345678}, Credentials("me", "12345678")),
        ({**pair("00000000-0000-0000-0000-000000000000", ""), "identitytoken": TOKEN}, Credentials(identity_token=TOKEN)),
        ({"registrytoken": TOKEN}, Credentials(registry_token=TOKEN)),
        ({"registrytoken": TOKEN, "identitytoken": "other", **pair("me", SECRET)}, Credentials(registry_token=TOKEN)),
        ({}, None),
        ({"auth": ""}, None),
        ({"auth": None, "email": None}, None),
        ({"username": "me"}, None),
        (pair("me", ""), None),
        (pair("", ""), None),
    ],
)
def test_an_entry_of_an_auth_file(entry: dict[str, t.Any], expected: Credentials | None) -> None:
    assert find({"auths": {"reg.example.com": entry}}) == expected


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"auths": {"reg.example.com": {"auth": SECRET}}}, "not user:password in base64"),
        ({"auths": {"reg.example.com": {"auth": base64.b64encode(SECRET.encode()).decode()}}}, "not user:password in base64"),
        ({"auths": {"reg.example.com": {"auth": base64.b64encode(b"me:\xff" + SECRET.encode()).decode()}}}, "not user:password in base64"),
        ({"auths": {"reg.example.com": {"auth": pair("me", SECRET)["auth"] + "="}}}, "not user:password in base64"),
        ({"auths": {"reg.example.com": {"auth": "\u00e9" + SECRET}}}, "not user:password in base64"),
        ({"auths": {"reg.example.com": {"auth": [SECRET]}}}, "not a dictionary of strings"),
        ({"auths": {"reg.example.com": SECRET}}, "not a dictionary of strings"),
        ({"auths": {"reg.example.com": [SECRET]}}, "not a dictionary of strings"),
        ({"auths": {"reg.example.com": {"registrytoken": f"{TOKEN}\n"}}}, "registrytoken that contains a space"),
        ({"auths": {"reg.example.com": {"identitytoken": f"{TOKEN} "}}}, "identitytoken that contains a space"),
        ({"auths": {"reg.example.com": pair("<token>", f"{TOKEN}\n")}}, "identity token that contains a space"),
        ({"auths": {"reg.example.com": {"username": "me", "password": f"{SECRET}\ud800"}}}, "not valid UTF-8"),
        ({"auths": [SECRET]}, "no dictionary under auths"),
        ({"credHelpers": SECRET}, "no dictionary under credHelpers"),
        ({"credHelpers": {"reg.example.com": [SECRET]}}, "not a string"),
        ({"credsStore": {"a": SECRET}}, "not a string"),
        ([SECRET], "not a JSON object"),
        (f'{{"auths": {{"{SECRET}": '.encode(), "JSON"),
        (f'{{"auths": {{"a": {{"auth": "{SECRET}", "auth": "{SECRET}"}}}}}}'.encode(), "key twice"),
    ],
)
def test_t37_an_auth_file_that_is_wrong_is_told_but_not_shown(document: t.Any, said: str) -> None:
    error = refusal(find, document, kind="credentials")
    assert said in error.message
    assert error.message.startswith("The auth file ")
    assert_clean(error.message, SECRET, TOKEN)


def test_t13_an_auth_file_has_a_limit() -> None:
    refusal(find, b" " * MAX_AUTH_FILE + b"{}", kind="limit")


def test_an_empty_auth_file_knows_nobody() -> None:
    assert find(b"") is None
    assert find(b"\n") is None
    assert find({"auths": None, "credHelpers": None, "credsStore": None}) is None


@pytest.mark.parametrize(
    "key",
    [
        "reg.example.com",
        "REG.example.com",
        "https://reg.example.com",
        "http://reg.example.com/",
        "https://reg.example.com/v1/",
        "https://reg.example.com/v2",
    ],
)
def test_t13_a_host_may_be_written_as_older_tools_did(key: str) -> None:
    assert find({"auths": {key: pair("me", SECRET)}}, repository="a/b") == Credentials("me", SECRET)


@pytest.mark.parametrize(
    "key",
    [
        HUB,
        "index.docker.io/v1/",
        "docker.io",
        "index.docker.io",
        "https://docker.io",
        "registry-1.docker.io",
        "https://registry-1.docker.io/v2/",
    ],
)
def test_t13_docker_hub_may_be_written_in_many_ways(key: str) -> None:
    assert find({"auths": {key: pair("me", SECRET)}}, "docker.io", "library/app") == Credentials("me", SECRET)


@pytest.mark.parametrize(
    "key",
    [
        "reg.example.com:443",
        "reg.example.com:5000",
        "example.com",
        "evil.reg.example.com",
        "reg.example.com.evil.example",
        "reg-example.com",
        "*.example.com",
        "reg.example.com/other",
        "reg.example.com/a/b/c",
        "reg.example.com/v1",
        "reg.example.com/a/",
        HUB,
        "",
        "https://",
        "://",
        "/",
    ],
)
def test_t13_credentials_of_another_host_are_never_used(key: str) -> None:
    assert find({"auths": {key: pair("other", SECRET)}}, repository="ab") is None


# Properties

_FIELDS = st.sampled_from(["auth", "username", "password", "identitytoken", "registrytoken"])
_VALUES: st.SearchStrategy[t.Any] = (
    st.sampled_from([None, 1, True, [], {}, SECRET, "<token>", "me", pair("me", SECRET)["auth"], pair("<token>", TOKEN)["auth"]])
    | hostile_text
)
_KEYS = st.sampled_from(["reg.example.com", "https://reg.example.com/v1/", "reg.example.com/a"]) | mixed(
    "https://", "reg", ".", "/", "v1", ":"
)


@quick
@given(st.dictionaries(_KEYS, st.dictionaries(_FIELDS, _VALUES, max_size=3) | _VALUES, max_size=3), _VALUES, _VALUES)
def test_t13_any_auth_file_is_read_or_refused(auths: dict[str, t.Any], helper: t.Any, store: t.Any) -> None:
    document = {"auths": auths, "credHelpers": {"reg.example.com": helper} if helper else None, "credsStore": store}
    found = parsed(find, document, repository="a/b")
    if found is not None:
        secrets = found.secrets()
        assert len(secrets) in (1, 2)
        assert all(secret.isprintable() or secret == found.password for secret in secrets)


@quick
@given(st.binary(max_size=60), hostile_text, hostile_text)
def test_any_text_is_taken_or_refused(raw: bytes, first: str, second: str) -> None:
    parsed(find, raw)
    parsed(explicit, {"username": first, "password": second})
    parsed(explicit, {"identity_token": first})
    parsed(from_environment, {"OCITOOLS_REGISTRY": first, "OCITOOLS_REGISTRY_TOKEN": second}, "reg.example.com")
