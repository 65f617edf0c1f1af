# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs that registries name: one reading for everybody, or none."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests
import urllib3
from ansible_collections.ocitools.registry.plugins.module_utils._http.origin import Origin, Target
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import split_base
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


@pytest.mark.parametrize("url", [*HOSTILE, "hTTp://evil.example/"], ids=ascii)
def test_t01_so_it_is_as_the_option_registry(url: str) -> None:
    refusal(split_base, url, kind="invalid_reference")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://cdn.example.com/x?sig=%2F%2f&a=b", "https://cdn.example.com/x?sig=%2F%2f&a=b"),
        ("https://CDN.example.com.:0443", "https://cdn.example.com/"),
        ("HTTPS://cdn.example.com/X", "https://cdn.example.com/X"),
        ("hTTp://cdn.example.com/", "http://cdn.example.com/"),
        ("https://cdn.example.com?x", "https://cdn.example.com/?x"),
        ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("//cdn.example.com/x", "https://cdn.example.com/x"),
        ("/v2/app/blobs/uploads/2", "https://reg.example.com/v2/app/blobs/uploads/2"),
        ("/", "https://reg.example.com/"),
        ("2?state=y", "https://reg.example.com/v2/app/blobs/uploads/2?state=y"),
        ("?state=y", "https://reg.example.com/v2/app/blobs/uploads/1?state=y"),
        ("../2", "https://reg.example.com/v2/app/blobs/2"),
        ("../../../../../x", "https://reg.example.com/x"),
        ("../../../../../.evil.example/x", "https://reg.example.com/.evil.example/x"),
        ("../../../../../:8443/x", "https://reg.example.com/:8443/x"),
        ("..//evil.example/x", "https://reg.example.com/v2/app/blobs/evil.example/x"),
        ("../../../..//evil.example/x", "https://reg.example.com/evil.example/x"),
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
@example("https://reg.example.com/v2/", "../../.evil.example/")
@example("https://reg.example.com/v2/", "../../:8443/")
def test_t04_an_accepted_location_leads_where_it_says(base: str, location: str) -> None:
    target = parsed(Target.parse(base).join, location, "The Location")
    if target is not None:
        check_agreement(target)
        if "//" not in location[:8]:
            assert target.origin == Target.parse(base).origin
