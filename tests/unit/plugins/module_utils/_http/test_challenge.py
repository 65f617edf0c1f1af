# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Challenges of registries, and the scopes in them."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http.challenge import (
    Challenge,
    merge_scopes,
    parse_challenges,
    split_scopes,
)
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, mixed, parsed, quick, refusal
from ansible_collections.ocitools.registry.tests.unit.registry.canary import assert_clean
from hypothesis import example, given
from hypothesis import strategies as st

BEARER = Challenge("bearer", {"realm": "https://auth.example.com/token", "service": "reg.example.com"})
BASIC = Challenge("basic", {"realm": "r"})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ()),
        (" , ,\t", ()),
        ("Basic", (Challenge("basic"),)),
        ('Basic realm="r"', (BASIC,)),
        ("basic REALM=r", (BASIC,)),
        ('Bearer realm="https://auth.example.com/token",service="reg.example.com"', (BEARER,)),
        ('BEARER\trealm = "https://auth.example.com/token" , service = "reg.example.com"', (BEARER,)),
        ('Bearer realm="https://auth.example.com/token" service="reg.example.com"', (BEARER,)),
        ("Bearer realm=https://auth.example.com/token,service=reg.example.com", (BEARER,)),
        (',Bearer realm="https://auth.example.com/token",,service="reg.example.com",', (BEARER,)),
        ('Basic realm="r", Bearer realm="https://auth.example.com/token",service="reg.example.com"', (BASIC, BEARER)),
        ('Bearer realm="https://auth.example.com/token",service="reg.example.com" Basic realm="r"', (BEARER, BASIC)),
        ('Negotiate, Basic realm="r"', (Challenge("negotiate"), BASIC)),
        ('Negotiate dG9rZW4=, Basic realm="r"', (Challenge("negotiate"), BASIC)),
        ('NTLM TlRMTVNTUAAB==, Basic realm="r"', (Challenge("ntlm"), BASIC)),
        ('Digest realm="d", nonce="a,b=\\"c\\"", Basic realm="r"', (Challenge("digest", {"realm": "d", "nonce": 'a,b="c"'}), BASIC)),
        ('Bearer realm="a\\\\b"', (Challenge("bearer", {"realm": "a\\b"}),)),
        ('Bearer realm=""', (Challenge("bearer", {"realm": ""}),)),
        ('Bearer realm="first",Realm="second"', (Challenge("bearer", {"realm": "first"}),)),
        (
            'Bearer realm="r",scope="repository:a/b:pull,push repository:c:pull",error="insufficient_scope"',
            (Challenge("bearer", {"realm": "r", "scope": "repository:a/b:pull,push repository:c:pull", "error": "insufficient_scope"}),),
        ),
        ('Bearer realm="r",scope=repository:a/b:pull', (Challenge("bearer", {"realm": "r", "scope": "repository:a/b:pull"}),)),
    ],
)
def test_t15_challenges_are_read(header: str, expected: tuple[Challenge, ...]) -> None:
    assert parse_challenges(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        'Bearer realm="https://auth.example.com/token',
        'Bearer realm="a\\"',
        'Bearer realm="a"x="b"',
        'Bearer realm="a"b',
        "Bearer realm=https://auth.example.com/token?x=1",
        'realm="no scheme"',
        "=",
        '"Basic"',
        "Bearer\0",
        "B\u00e9arer realm=x",
        "Bearer re\u212alm=x",
    ],
)
def test_t15_what_is_no_challenge_is_refused(header: str) -> None:
    refusal(parse_challenges, header, kind="invalid_response")


def test_t15_a_header_has_a_limit() -> None:
    refusal(parse_challenges, 'Bearer realm="' + "x" * 8192 + '"', kind="limit")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer " + "a=b " * 2000,
        'B realm="' + '\\"' * 4000,
        "a," * 4000,
        "," * 8000,
        "B a=" + "/b" * 3900 + "?",
        "Bearer " + "a=b/" * 2000 + '"',
    ],
)
def test_t15_long_headers_end_too(header: str) -> None:
    parsed(parse_challenges, header)


def test_t37_the_error_shows_nothing_of_the_header() -> None:
    secret = "pa55-w0rd&Canary"
    assert_clean(refusal(parse_challenges, f'Bearer realm="{secret}', kind="invalid_response").message, secret)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("", ()),
        ("  ", ()),
        ("repository:a:pull", ("repository:a:pull",)),
        (" b  a b ", ("b", "a")),
    ],
)
def test_scopes_are_split(scope: str, expected: tuple[str, ...]) -> None:
    assert split_scopes(scope) == expected


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([], ()),
        ([("repository:a:pull",), ()], ("repository:a:pull",)),
        ([("repository:a:pull",), ("repository:a:push,pull",)], ("repository:a:pull,push",)),
        ([("repository:a:pull",), ("repository:b:pull,push",)], ("repository:b:pull,push", "repository:a:pull")),
        ([("repository:host:5000/a:pull",)], ("repository:host:5000/a:pull",)),
        ([("registry:catalog:*",), ("repository:a:pull",)], ("registry:catalog:*", "repository:a:pull")),
        ([("plain", "other"), ("plain",)], ("plain", "other")),
        ([("repository:push:pull",), ("repository:a:push",)], ("repository:a:push", "repository:push:pull")),
    ],
)
def test_scopes_are_merged_those_with_push_first(groups: list[tuple[str, ...]], expected: tuple[str, ...]) -> None:
    assert merge_scopes(*groups) == expected


# Properties

_TOKENS = st.text("AZaz09!#$%&'*+.^_`|~-", min_size=1, max_size=8)


@quick
@given(st.lists(st.tuples(_TOKENS, st.dictionaries(_TOKENS.map(str.lower), st.text(max_size=12), min_size=1, max_size=3)), max_size=3))
def test_t15_what_is_written_in_quotes_is_read_back(challenges: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in items.items()) for scheme, items in challenges)
    assert parse_challenges(header) == tuple(Challenge(scheme.lower(), items) for scheme, items in challenges)


@quick
@given(st.one_of(hostile_text, mixed("Bearer ", "Basic", "realm", "=", '"', ",", " ", "\\", "abc==", "https://a/b", "scope=", most=20)))
@example("Bearer a=b\n")
def test_t15_any_header_is_read_or_refused(header: str) -> None:
    for challenge in parsed(parse_challenges, header) or ():
        assert challenge.scheme == challenge.scheme.lower()
        assert challenge.scheme.isascii()
        assert all(name.isascii() for name in challenge.parameters)


_SCOPES = st.lists(
    st.sampled_from([f"{resource}{actions}" for resource in ("", "a:", "repository:b/c:") for actions in ("pull", "push,pull", "*", "x")])
)


@quick
@given(_SCOPES, _SCOPES)
def test_merging_scopes_loses_nothing_and_adds_nothing(first: list[str], second: list[str]) -> None:
    def asked(scopes: t.Iterable[str]) -> set[tuple[str, str]]:
        return {(scope.rpartition(":")[0], action) for scope in scopes for action in scope.rpartition(":")[2].split(",")}

    merged = merge_scopes(first, second)
    assert asked(merged) == asked(first) | asked(second)
    assert merge_scopes(merged) == merged
