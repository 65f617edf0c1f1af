# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may be sent credentials, and which addresses a registry may send us to."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http.origin import Target, Trust, classify, resolve
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, quick, refusal
from hypothesis import given
from hypothesis import strategies as st


def trust(registry: str, *auth_hosts: str, allowed: t.Iterable[str] = ()) -> Trust:
    return Trust(Target.parse(registry).origin, frozenset(auth_hosts), frozenset(allowed))


@pytest.mark.parametrize(
    ("registry", "realm", "kin"),
    [
        ("https://registry.example.com", "https://registry.example.com", True),
        ("https://registry.example.com", "https://registry.example.com:8443", True),
        ("https://registry.example.com", "https://example.com", True),
        ("https://registry.example.com", "https://gitlab.example.com", True),
        ("https://registry.example.com", "https://auth.sub.example.com", True),
        ("https://registry.sub.example.com", "https://auth.sub.example.com", True),
        ("https://example.com", "https://auth.example.com", False),
        ("https://registry-1.docker.io", "https://auth.docker.io", True),
        ("https://registry.gitlab.com", "https://gitlab.com", True),
        ("https://registry.digitalocean.com", "https://api.digitalocean.com", True),
        ("https://10.0.0.1:5000", "https://10.0.0.1:5001", True),
        ("https://[::1]:5000", "https://[::1]:5001", True),
        ("https://localhost:5000", "https://localhost", True),
        ("http://registry.example.com", "https://auth.example.com", True),
        ("http://registry.example.com", "http://auth.example.com", True),
        # Look-alikes, and hosts that have only the end of their names in common
        ("https://registry.example.com", "https://registry.example.com.evil.example", False),
        ("https://registry.example.com", "https://evilexample.com", False),
        ("https://registry.example.com", "https://registry-example.com", False),
        ("https://registry.example.com", "https://example.com.evil.example", False),
        ("https://registry.example.com", "https://example.org", False),
        ("https://registry.example.com", "https://com", False),
        ("https://registry.sub.example.com", "https://example.com", False),
        ("https://registry.sub.example.com", "https://auth.example.com", False),
        ("https://example.com", "https://com", False),
        ("https://example.com", "https://evil.com", False),
        ("https://example.co.uk", "https://evil.co.uk", False),
        ("https://example.co.uk", "https://co.uk", False),
        ("https://example.com.au", "https://evil.com.au", False),
        ("https://registry.example.co.uk", "https://auth.example.co.uk", True),
        ("https://registry", "https://auth", False),
        ("https://localhost", "https://evil.localhost", False),
        ("https://quay.io", "https://evil.io", False),
        ("https://10.0.0.1", "https://10.0.0.2", False),
        ("https://10.0.0.1", "https://evil.0.0.1.example", False),
        ("https://[::1]", "https://[::2]", False),
        ("https://gitlab.com", "https://registry.gitlab.com", False),
        ("https://auth.docker.io.evil.example", "https://auth.docker.io", False),
        # Never over a weaker connection
        ("https://registry.example.com", "http://registry.example.com", False),
        ("https://registry.example.com", "http://auth.example.com", False),
        ("https://registry-1.docker.io", "http://auth.docker.io", False),
    ],
)
def test_t02_kinship(registry: str, realm: str, kin: bool) -> None:
    assert trust(registry).may_authenticate(Target.parse(realm).origin) is kin


@pytest.mark.parametrize(
    ("realm", "named"),
    [
        ("https://auth.example.org", True),
        ("https://auth.example.org:443", True),
        ("https://auth.example.org:8443", False),
        ("https://tokens.example.org:8443", True),
        ("https://tokens.example.org", False),
        ("https://sub.auth.example.org", False),
        ("https://auth.example.org.evil.example", False),
        ("http://auth.example.org", False),
        ("https://cdn.example.org", False),
    ],
)
def test_t02_auth_hosts_are_exact(realm: str, named: bool) -> None:
    given_by_task = trust("https://quay.io", "auth.example.org", "tokens.example.org:8443", allowed=["cdn.example.org"])
    assert given_by_task.may_authenticate(Target.parse(realm).origin) is named


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("https://quay.io", True),
        ("https://quay.io:8443", False),
        ("http://quay.io", False),
        ("https://cdn.example.org", True),
        ("https://auth.example.org", True),
        ("https://other.example.org", False),
    ],
)
def test_t06_what_the_task_names_is_not_looked_at_further(target: str, named: bool) -> None:
    given_by_task = trust("https://quay.io", "auth.example.org", allowed=["cdn.example.org"])
    assert given_by_task.is_named(Target.parse(target).origin) is named


def test_t03_nothing_leads_from_https_to_http() -> None:
    weaker = Target.parse("http://reg.example.com/").origin
    assert "weaker" in refusal(trust("https://reg.example.com").check_scheme, weaker, "The redirect", kind="untrusted_target").message
    for registry, target in (("http://reg.example.com", "http://cdn.example.com"), ("http://reg.example.com", "https://cdn.example.com")):
        trust(registry).check_scheme(Target.parse(target).origin, "The redirect")
    trust("https://reg.example.com").check_scheme(Target.parse("https://cdn.example.com").origin, "The redirect")


# Addresses


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", "public"),
        ("2606:2800:220:1::1", "public"),
        ("::ffff:93.184.216.34", "public"),
        ("10.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("100.127.255.254", "private"),
        ("198.18.0.1", "private"),
        ("0.1.2.3", "private"),
        ("192.0.2.1", "private"),
        ("fd00::1", "private"),
        ("fec0::1", "private"),
        ("2001:db8::1", "private"),
        ("3fff::1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("127.0.0.1", "forbidden"),
        ("127.255.255.254", "forbidden"),
        ("::1", "forbidden"),
        ("::ffff:127.0.0.1", "forbidden"),
        ("0.0.0.0", "forbidden"),
        ("::", "forbidden"),
        ("169.254.169.254", "forbidden"),
        ("169.254.170.2", "forbidden"),
        ("::ffff:169.254.169.254", "forbidden"),
        ("100.100.100.200", "forbidden"),
        ("168.63.129.16", "forbidden"),
        ("192.0.0.192", "forbidden"),
        ("fd00:ec2::254", "forbidden"),
        ("fd00:ec2::23", "forbidden"),
        ("fd00:c1::a9fe:a9fe", "forbidden"),
        ("fd00:42::42", "forbidden"),
        ("2001:0:5db8:d822::1", "forbidden"),
        ("fd20:ce::254", "forbidden"),
        ("fe80::1", "forbidden"),
        ("fe80::1%eth0", "forbidden"),
        ("64:ff9b::7f00:1", "forbidden"),
        ("64:ff9b::808:808", "public"),
        ("64:ff9b::a00:1", "forbidden"),
        ("64:ff9b::a9fe:a9fe", "forbidden"),
        ("64:ff9b:1::a00:1", "forbidden"),
        ("2002:7f00:1::", "forbidden"),
        ("::7f00:1", "forbidden"),
        ("224.0.0.1", "forbidden"),
        ("ff02::1", "forbidden"),
        ("240.0.0.1", "forbidden"),
        ("255.255.255.255", "forbidden"),
        ("127.1", "forbidden"),
        ("evil.example", "forbidden"),
        ("", "forbidden"),
    ],
)
def test_t06_addresses_are_told_apart(address: str, expected: str) -> None:
    assert classify(address) == expected


PUBLIC, OTHER, PRIVATE, LOOPBACK, METADATA = "93.184.216.34", "2606:2800:220:1::1", "10.0.0.7", "127.0.0.1", "169.254.169.254"
OTHER_PRIVATE = "fd00::7"


@pytest.mark.parametrize(
    ("registry", "target", "usable"),
    [
        ([PUBLIC], [OTHER, PUBLIC], True),
        ([PUBLIC], [PRIVATE], False),
        ([PUBLIC], [PUBLIC, PRIVATE], False),
        ([PUBLIC], [LOOPBACK], False),
        ([PUBLIC], [METADATA], False),
        ([PUBLIC], [], False),
        ([PRIVATE], [PRIVATE], True),
        ([PRIVATE, OTHER_PRIVATE], [PUBLIC, PRIVATE], True),
        ([PRIVATE, PUBLIC], [PRIVATE], False),
        ([PUBLIC, PRIVATE], [PUBLIC, PRIVATE], False),
        ([PRIVATE, LOOPBACK], [PRIVATE], False),
        ([PRIVATE, METADATA], [PRIVATE], False),
        ([PRIVATE], [PUBLIC], True),
        ([PRIVATE], [LOOPBACK], False),
        ([PRIVATE], [METADATA], False),
        ([PRIVATE], [PRIVATE, METADATA], False),
        ([LOOPBACK], [PRIVATE], False),
        ([LOOPBACK], [LOOPBACK], False),
        ([LOOPBACK], [PUBLIC], True),
    ],
)
def test_t06_only_safe_addresses_are_used(registry: list[str], target: list[str], usable: bool) -> None:
    def lookup(host: str, port: int) -> list[str]:
        return {("reg.example.com", 443): registry, ("cdn.example.com", 8443): target}[host, port]

    origin = Target.parse("https://cdn.example.com:8443/").origin
    if usable:
        assert trust("https://reg.example.com").usable_addresses(origin, lookup) == target
    else:
        error = refusal(trust("https://reg.example.com").usable_addresses, origin, lookup, kind="untrusted_target")
        assert "add cdn.example.com:8443 to allowed_hosts" in error.message


def test_t06_addresses_that_are_looked_up_are_those_that_are_used() -> None:
    answers = iter([[PUBLIC], [PUBLIC], [LOOPBACK]])
    given_back = trust("https://reg.example.com").usable_addresses(
        Target.parse("https://cdn.example.com").origin, lambda host, port: next(answers)
    )
    assert given_back == [PUBLIC]


def test_names_are_looked_up_by_the_system(names: dict[str, str]) -> None:
    names["reg.example.com"] = "127.0.0.2"
    assert resolve("reg.example.com", 443) == ["127.0.0.2"]
    assert resolve("[::1]", 443) == ["::1"]


@quick
@given(st.ip_addresses().map(str) | hostile_text)
def test_t06_any_text_is_classified(text: str) -> None:
    assert classify(text) in ("public", "private", "forbidden")
