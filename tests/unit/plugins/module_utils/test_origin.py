# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an origin is, who may be sent credentials, and which addresses a registry may send us to."""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

import pytest
import requests
import urllib3
from ansible_collections.ocitools.registry.plugins.module_utils._origin import Origin, Target, Trust, classify, resolve
from ansible_collections.ocitools.registry.plugins.module_utils._reference import split_base
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, mixed, parsed, quick, refusal
from ansible_collections.ocitools.registry.tests.unit.registry.canary import assert_clean
from hypothesis import example, given
from hypothesis import strategies as st

SECRET = "pa55-w0rd&Canary"
BASE = Target.parse("https://reg.example.com/v2/app/blobs/uploads/1?state=x")

HOSTILE = [
    "",
    " ",
    "https:",
    "https://",
    "https:///x",
    "https://:443/",
    "https://?x",
    "https:/evil.example/",
    "https:evil.example",
    "https:\\\\evil.example\\",
    "http:///evil.example/",
    "HTTPS://evil.example/",
    "hTTp://evil.example/",
    "ftp://evil.example/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:,x",
    "gopher://evil.example/",
    "wss://evil.example/",
    "ht\ttps://evil.example/",
    " https://evil.example/",
    "\thttps://evil.example/",
    "\x00https://evil.example/",
    "https://evil.example/ ",
    "https://evil.example/\n",
    "https://evil.example/\r\nX-Injected: 1",
    "https://evil.example\n",
    "https://evil.example\t.reg.example.com/",
    "https://evil.example /",
    "https://evil.example\\@reg.example.com/x",
    "https://evil.example:80\\@reg.example.com:443/x",
    "https://evil.example\\.reg.example.com/",
    "https://reg.example.com\\@evil.example/",
    "https:\\/\\/evil.example/",
    "https://reg.example.com@evil.example/",
    "https://reg.example.com:443@evil.example/",
    "https://user:secret@reg.example.com/",
    "https://user@reg.example.com/",
    "https://:@reg.example.com/",
    "https://@reg.example.com/",
    "https://reg.example.com#@evil.example/",
    "https://reg.example.com/#fragment",
    "https://reg.example.com#",
    "https://reg.example.com:/",
    "https://reg.example.com:0/",
    "https://reg.example.com:65536/",
    "https://reg.example.com:443443/",
    "https://reg.example.com:-1/",
    "https://reg.example.com:+443/",
    "https://reg.example.com: 443/",
    "https://reg.example.com:4_43/",
    "https://reg.example.com:\u0664\u0664\u0663/",
    "https://reg.example.com:80:443/",
    "https://reg.example.com;evil.example/",
    "https://reg.example.com,evil.example/",
    "https://reg.example.com%2fevil.example/",
    "https://reg.example.com%00.evil.example/",
    "https://reg.example.com\u3002evil.example/",
    "https://reg.example.com\uff0fevil.example/",
    "https://\u212aey.example/",
    "https://e\u0301vil.example/",
    "https://evil\u200b.example/",
    "https://ev il.example/",
    "https://..example/",
    "https://.evil.example/",
    "https://evil..example/",
    "https://evil.example../",
    "https://-evil.example/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.0.0.01/",
    "https://127.0.0.1.1/",
    "https://256.0.0.1/",
    "https://[::1/",
    "https://::1/",
    "https://[::1]evil.example/",
    "https://[::1%25lo]/",
    "https://[v1.evil]/",
    "https://[127.0.0.1]/",
    "https://[]/",
    "https://reg.example.com/<x>",
    'https://reg.example.com/"x"',
    "https://reg.example.com/`x`",
    "https://reg.example.com/\u00e9",
    "https://reg.example.com/\x7f",
    "https://" + "a" * 64 + ".example/",
    "https://" + "a." * 127 + "example/",
]


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
def test_t01_a_url_that_may_be_read_in_two_ways_is_refused(url: str) -> None:
    error = refusal(Target.parse, url, "The realm", kind="untrusted_target")
    assert error.message.startswith("The realm ")


@pytest.mark.parametrize("url", [url for url in HOSTILE if url[:4].lower() == "http" or not url.isprintable() or "\\" in url], ids=ascii)
def test_t01_so_it_is_as_a_location_a_realm_a_link_and_a_redirect(url: str) -> None:
    refusal(BASE.join, url, "The Location", kind="untrusted_target")


@pytest.mark.parametrize("url", [url for url in HOSTILE if "://" in url], ids=ascii)
def test_t01_as_the_option_registry_it_is_refused_or_names_one_host(url: str) -> None:
    split = parsed(split_base, url)
    if split is not None:
        assert "evil" not in split[0] or url.lower().startswith("https://evil") or url == "https:///x"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://cdn.example.com/x?sig=%2F%2f&a=b", "https://cdn.example.com/x?sig=%2F%2f&a=b"),
        ("https://CDN.example.com.:0443", "https://cdn.example.com/"),
        ("https://cdn.example.com?x", "https://cdn.example.com/?x"),
        ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("//cdn.example.com/x", "https://cdn.example.com/x"),
        ("/v2/app/blobs/uploads/2", "https://reg.example.com/v2/app/blobs/uploads/2"),
        ("/", "https://reg.example.com/"),
        ("2?state=y", "https://reg.example.com/v2/app/blobs/uploads/2?state=y"),
        ("?state=y", "https://reg.example.com/v2/app/blobs/uploads/1?state=y"),
        ("../2", "https://reg.example.com/v2/app/blobs/2"),
        ("../../../../../x", "https://reg.example.com/x"),
        ("..//evil.example/x", "https://reg.example.com/v2/app/blobs//evil.example/x"),
        ("../../../..//evil.example/x", "https://reg.example.com//evil.example/x"),
        ("/@evil.example/", "https://reg.example.com/@evil.example/"),
        ("@evil.example/", "https://reg.example.com/v2/app/blobs/uploads/@evil.example/"),
        (".evil.example/", "https://reg.example.com/v2/app/blobs/uploads/.evil.example/"),
        ("/https://evil.example/", "https://reg.example.com/https://evil.example/"),
        ("/a;b=c/d%20e", "https://reg.example.com/a;b=c/d%20e"),
    ],
)
def test_t04_a_location_is_absolute_or_relative(location: str, expected: str) -> None:
    assert BASE.join(location, "The Location").url == expected


@pytest.mark.parametrize(
    "location",
    [
        "",
        "\n",
        " /x",
        "/x y",
        "/x#y",
        "/\\evil.example/",
        "\\\\evil.example",
        "//",
        "///evil.example",
        "//user@evil.example/",
        "//evil.example\\@x/",
        "/\u00e9",
        "a:b",
        "evil.example:443/x",
    ],
)
def test_t04_a_location_that_is_none_is_refused(location: str) -> None:
    refusal(BASE.join, location, "The Location", kind="untrusted_target")


def test_t04_a_query_is_kept_and_appended_to() -> None:
    assert BASE.with_query("digest=sha256:0").url == "https://reg.example.com/v2/app/blobs/uploads/1?state=x&digest=sha256:0"
    assert Target.parse("https://reg.example.com/x").with_query("a=b").url == "https://reg.example.com/x?a=b"


def test_t37_a_refused_url_is_not_shown() -> None:
    for url in (f"https://user:{SECRET}@reg.example.com/", f"https://reg.example.com/{SECRET}#", f"ftp://{SECRET}"):
        assert_clean(refusal(Target.parse, url).message, SECRET)
        assert_clean(refusal(BASE.join, url, "The Location").message, SECRET)


@pytest.mark.parametrize(
    ("registry", "plain", "shown"),
    [
        ("docker.io", False, "https://registry-1.docker.io"),
        ("quay.io", False, "https://quay.io"),
        ("quay.io:443", False, "https://quay.io"),
        ("quay.io:80", False, "https://quay.io:80"),
        ("localhost:80", True, "http://localhost"),
        ("[::1]:5000", True, "http://[::1]:5000"),
    ],
)
def test_t09_the_scheme_is_what_the_task_says(registry: str, plain: bool, shown: str) -> None:
    assert str(Origin.of_registry(registry, plain)) == shown


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("[::1]", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("my127.0.0.1registry.example", False),
        ("host.local", False),
        ("10.0.0.1", False),
        ("[2001:db8::1]", False),
    ],
)
def test_t09_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert Origin("http", host, 5000).is_loopback is loopback


# Who may be sent credentials


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
        ("fd20:ce::254", "forbidden"),
        ("fe80::1", "forbidden"),
        ("fe80::1%eth0", "forbidden"),
        ("64:ff9b::7f00:1", "forbidden"),
        ("64:ff9b::808:808", "forbidden"),
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
        ([PRIVATE, PUBLIC], [PUBLIC, PRIVATE], True),
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


# Properties

_PIECES = (
    "https://",
    "http://",
    "//",
    "reg.example.com",
    "evil.example",
    "127.0.0.1",
    "[::1]",
    ":443",
    ":80",
    "@",
    "\\",
    "/",
    "?",
    "#",
    "%2f",
    "..",
    ".",
)


def check_agreement(target: Target) -> None:
    """Everybody who takes the URL apart must come to the same peer."""
    origin = target.origin
    for url in (target.url, requests.Request("GET", target.url).prepare().url or ""):
        seen = urllib3.util.parse_url(url)
        assert (seen.scheme, seen.host, seen.port or {"http": 80, "https": 443}[origin.scheme]) == (origin.scheme, origin.host, origin.port)
        assert seen.auth is None
        split = urlsplit(url)
        assert split.hostname == origin.host.strip("[]")
        assert split.username is None
    assert Target.parse(target.url) == target


@quick
@given(st.one_of(mixed(*_PIECES), hostile_text, mixed(*_PIECES).map(lambda rest: f"https://reg.example.com{rest}")))
@example("https://1.2.3.4:80?@evil.example/")
@example("https://reg.example.com./")
@example("https://a_b.example/@x")
def test_t01_an_accepted_origin_is_the_peer_that_the_library_connects_to(text: str) -> None:
    target = parsed(Target.parse, text)
    if target is not None:
        check_agreement(target)


@quick
@given(
    st.sampled_from(["https://reg.example.com/v2/", "http://[::1]:5000/?x=y", "https://reg.example.com/a/b;c?d=/e"]),
    st.one_of(mixed(*_PIECES), hostile_text),
)
@example("https://reg.example.com/v2/", "../..//evil.example/")
def test_t04_an_accepted_location_leads_where_it_says(base: str, location: str) -> None:
    target = parsed(Target.parse(base).join, location, "The Location")
    if target is not None:
        check_agreement(target)
        if "//" not in location[:8]:
            assert target.origin == Target.parse(base).origin


@quick
@given(st.ip_addresses().map(str) | hostile_text)
def test_t06_any_text_is_classified(text: str) -> None:
    assert classify(text) in ("public", "private", "forbidden")
