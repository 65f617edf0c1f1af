# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of images: what they mean, what is refused, and that an accepted one reaches the wire as it was written."""

from __future__ import annotations

import pytest
import requests
import urllib3
from ansible_collections.ocitools.registry.plugins.module_utils._oci.host import check_host, parse_host
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest, Reference, split_base
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import mixed, parsed, quick, refusal
from ansible_collections.ocitools.registry.tests.unit.registry.canary import assert_clean
from hypothesis import example, given
from hypothesis import strategies as st

SHA256 = "sha256:" + "0123456789abcdef" * 4
SHA512 = "sha512:" + "0123456789abcdef" * 8
SECRET = "pa55-w0rd&Canary"

digests = st.one_of(
    st.binary(max_size=8).map(lambda raw: str(Digest.of(raw))), st.binary(max_size=8).map(lambda raw: str(Digest.of(raw, "sha512")))
)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)
repositories = st.lists(st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True), min_size=1, max_size=4).map(
    "/".join
)
hosts = st.sampled_from(
    [
        "docker.io",
        "quay.io",
        "reg.example.com:5000",
        "localhost",
        "localhost:5000",
        "10.0.0.1",
        "10.0.0.1:443",
        "[::1]",
        "[2001:db8::1]:8443",
        "a_b.example",
    ]
)
_BROKEN_HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("name", "registry", "repository", "tag", "digest"),
    [
        ("app", "docker.io", "library/app", None, None),
        ("app:1.0", "docker.io", "library/app", "1.0", None),
        ("org/app", "docker.io", "org/app", None, None),
        ("docker.io/app", "docker.io", "library/app", None, None),
        ("index.docker.io/library/app:1", "docker.io", "library/app", "1", None),
        ("registry-1.docker.io/org/app", "docker.io", "org/app", None, None),
        ("DOCKER.IO/app", "docker.io", "library/app", None, None),
        ("quay.io/app", "quay.io", "app", None, None),
        ("quay.io/org/team/app:v1", "quay.io", "org/team/app", "v1", None),
        ("localhost/app", "localhost", "app", None, None),
        ("localhost:5000/app:5000", "localhost:5000", "app", "5000", None),
        ("reg.example.com:5000/a/b:tag@" + SHA256, "reg.example.com:5000", "a/b", "tag", SHA256),
        ("reg.example.com:05000/a", "reg.example.com:5000", "a", None, None),
        ("app@" + SHA512, "docker.io", "library/app", None, SHA512),
        ("app:1@" + SHA512, "docker.io", "library/app", "1", SHA512),
        ("[::1]/app", "[::1]", "app", None, None),
        ("[2001:DB8::1]:5000/app:1", "[2001:db8::1]:5000", "app", "1", None),
        ("10.0.0.1/app", "10.0.0.1", "app", None, None),
        ("10.0.0.1:5000/app", "10.0.0.1:5000", "app", None, None),
        ("https://quay.io/org/app:1", "quay.io", "org/app", "1", None),
        ("HTTPS://quay.io/org/app", "quay.io", "org/app", None, None),
        ("docker://quay.io/org/app/", "quay.io", "org/app", None, None),
        ("reg.example.com:5000", "docker.io", "library/reg.example.com", "5000", None),
        ("10.0.0.1:5000", "docker.io", "library/10.0.0.1", "5000", None),
        ("app:_under-score.1", "docker.io", "library/app", "_under-score.1", None),
    ],
)
def test_a_name_means(name: str, registry: str, repository: str, tag: str | None, digest: str | None) -> None:
    image = Reference.parse(name)
    assert (image.registry, image.repository, image.tag) == (registry, repository, tag)
    assert image.digest == (Digest.parse(digest) if digest else None)
    assert image.identifier == (digest or tag or "latest")


@pytest.mark.parametrize(
    ("name", "base", "expected"),
    [
        ("app", "quay.io", "quay.io/app"),
        ("quay.io/app", "reg.example.com", "reg.example.com/quay.io/app"),
        ("localhost/app:1", "reg.example.com", "reg.example.com/localhost/app:1"),
        ("app:1", "https://reg.example.com:5000/", "reg.example.com:5000/app:1"),
        ("app", "reg.example.com/team/x", "reg.example.com/team/x/app"),
        ("app", "https://reg.example.com/team/", "reg.example.com/team/app"),
        ("app", "docker://reg.example.com", "reg.example.com/app"),
        ("app", "registry", "registry/app"),
        ("app", "docker.io", "docker.io/library/app"),
        ("app", "index.docker.io/org", "docker.io/org/app"),
        ("org/app", "https://index.docker.io/v1/", "docker.io/org/app"),
        ("app", "reg.example.com/v1", "reg.example.com/v1/app"),
        ("app", "reg.example.com/v2", "reg.example.com/v2/app"),
        ("app", "reg.example.com/v2/", "reg.example.com/app"),
        ("app", "reg.example.com:5000/v1/", "reg.example.com:5000/app"),
        ("app", "https://reg.example.com/v2/", "reg.example.com/app"),
        ("app", "HTTPS://reg.example.com/v2", "reg.example.com/app"),
        ("app", "https://reg.example.com/v2/team/", "reg.example.com/v2/team/app"),
        ("app", "https://reg.example.com/team/v2/", "reg.example.com/team/v2/app"),
        ("app@" + SHA256, "[::1]:5000", "[::1]:5000/app@" + SHA256),
    ],
)
def test_with_the_option_registry_nothing_is_guessed(name: str, base: str, expected: str) -> None:
    assert str(Reference.parse(name, base)) == expected


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("reg.example.com/team/app:1", "reg.example.com/team"),
        ("https://REG.example.com/app", "reg.example.com"),
        ("localhost/app", "localhost"),
        ("index.docker.io/library/app", "docker.io"),
        ("localhost:5000/app:1", "localhost:5000"),
        ("other.example.com:5000/app", "reg.example.com"),
        ("[::1]/app", "[::1]"),
        ("quay.io/org/db:16", "reg.example.com/team"),
        ("localhost/app", "reg.example.com/team"),
    ],
)
def test_a_name_in_full_beside_the_option_registry_is_refused(name: str, base: str) -> None:
    assert "leave out one of the two" in refusal(Reference.parse, name, base, kind="invalid_reference").message


def test_a_name_of_docker_hub_is_refused_as_it_was_written() -> None:
    assert "'Alpine'" in refusal(Reference.parse, "Alpine:3", kind="invalid_reference").message


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "empty"),
        (" ", "blank"),
        ("app ", "blank"),
        ("app:1\n", "blank"),
        ("app\0", "control character"),
        ("app%2e%2e", "contains '%'"),
        ("app?x=1", "contains '?'"),
        ("app#x", "contains '#'"),
        ("quay.io\\app", "\\"),
        ("\u0131mage", "contains '\u0131'"),
        ("doc\u212aer://app", "contains '\u212a'"),
        ("..", "not allowed"),
        ("quay.io/a/../b", "not allowed"),
        ("quay.io/./b", "not allowed"),
        ("quay.io//b", "empty part"),
        ("/app", "empty part"),
        ("quay.io/", "repository"),
        ("quay.io/App", "lower case"),
        ("org/a..b", "not valid"),
        ("org/-a", "not valid"),
        ("org/a_", "not valid"),
        ("org/a___b", "not valid"),
        ("app:", "not valid"),
        ("app:.1", "not valid"),
        ("app:-1", "not valid"),
        ("app:" + "a" * 129, "128"),
        ("app:1:2", "not valid"),
        ("app@", "ends with '@'"),
        ("app@latest", "write a tag after ':'"),
        ("app@md5:d41d8cd98f00b204e9800998ecf8427e", "sha256"),
        ("app@sha256:" + "A" * 64, "lower-case"),
        ("app@" + SHA256 + "@" + SHA256, "user information"),
        ("localhost:5000", "no repository"),
        ("https://quay.io", "no repository"),
        ("docker://localhost:5000/", "no repository"),
        ("quay.io:0/app", "port"),
        ("quay.io:65536/app", "port"),
        ("quay.io:/app", "port"),
        ("quay.io:https/app", "port"),
        ("[::1/app", "not a host name"),
        ("[::1]x/app", "not a host name"),
        ("[fe80::1%25eth0]/app", "contains '%'"),
        ("[::g]/app", "not a host name"),
        ("256.1.1.1/app", "not a host name"),
        ("quay..io/app", "not a host name"),
        ("-quay.io/app", "not a host name"),
        ("quay.io./app", "not a host name"),
        ("http://quay.io/app", "plain_http"),
        ("https://http://quay.io/app", "port"),
        ("quay.io/" + "a/" * 130 + "a", "255"),
    ],
)
def test_t08_a_name_is_refused_with_the_rule_that_it_breaks(name: str, said: str) -> None:
    assert said in refusal(Reference.parse, name, kind="invalid_reference").message


def test_the_longest_names_and_tags_are_taken() -> None:
    assert Reference.parse("quay.io/" + "a" * 247 + ":" + "t" * 128).tag == "t" * 128
    refusal(Reference.parse, "quay.io/" + "a" * 248, kind="invalid_reference")


@pytest.mark.parametrize(
    "base",
    [
        "",
        "/",
        "https://",
        "http://reg.example.com",
        "reg.example.com//a",
        "reg.example.com/A",
        "reg.example.com/a:1",
        "reg.example.com?x",
        "reg.example.com/../x",
        "ftp://reg.example.com",
    ],
)
def test_a_base_that_is_no_registry_is_refused(base: str) -> None:
    refusal(split_base, base, kind="invalid_reference")


@pytest.mark.parametrize(
    "text",
    [
        f"user:{SECRET}@quay.io/app",
        f"https://user:{SECRET}@quay.io/app",
        f"http://user:{SECRET}@quay.io/app",
        f"docker://user:{SECRET}@quay.io:5000/app:1",
        f"docker://http://user:{SECRET}@quay.io/app",
        f"user:x@{SECRET}@quay.io/app",
        f"user:{SECRET}%40@quay.io/app",
        f"user:{SECRET}@quay.io",
        f"user:{SECRET}@",
        f"https://{SECRET}@quay.io",
        f"https://user:{SECRET}@[::1]:5000/a b",
    ],
)
def test_t39_user_information_is_refused_and_never_shown(text: str) -> None:
    for call in (Reference.parse, split_base, check_host, parse_host, lambda name: Reference.parse_beside(name, "reg.example.com/team")):
        assert_clean(refusal(call, text, kind="invalid_reference").message, SECRET)


def test_a_reference_moves_to_another_tag() -> None:
    image = Reference.parse(f"quay.io/app:1@{SHA256}")
    assert str(image.with_tag("2")) == "quay.io/app:2"
    assert image.name == "quay.io/app"


# Properties


@quick
@given(
    mixed("localhost", "quay.io", "docker.io/", "app", ":5000", "/", "@", ":1.0", "https://", "http://", "[::1]", "..", SHA256, "sha512:")
)
@example("[::1")
def test_a_reference_is_parsed_or_refused_and_read_back_the_same(name: str) -> None:
    image = parsed(Reference.parse, name)
    if image is not None:
        assert Reference.parse(str(image)) == image
        assert str(image).isascii()


@quick
@given(mixed("quay.io", "registry", "/team", ":443", "https://", "[::1]", "/", "..", "v1"), mixed("app", "/", ":1", "@", SHA256))
def test_a_base_is_parsed_or_refused(base: str, name: str) -> None:
    split = parsed(split_base, base)
    image = parsed(Reference.parse, name, base)
    if split is None:
        assert image is None
    if image is not None:
        assert image.registry == split_base(base)[0]


@quick
@given(mixed("localhost", "quay.io", "app", ":5000", "/", "@", ":1.0", "https://", "http://", "[::1]", "..", SHA256))
def test_a_name_beside_a_registry_is_its_own_or_relative_and_never_one_of_docker_hub(name: str) -> None:
    image = parsed(Reference.parse_beside, name, "reg.example.com/team")
    if image is not None:
        assert image == parsed(Reference.parse, name) or image == parsed(Reference.parse, name, "reg.example.com/team")
        assert image.registry != "docker.io"


@quick
@given(hosts, repositories, st.none() | tags, st.none() | digests)
def test_t08_an_accepted_name_leaves_the_prepared_url_unchanged(host: str, repository: str, tag: str | None, digest: str | None) -> None:
    image = Reference.parse(f"{host}/{repository}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}")
    assert Reference.parse(str(image)) == image
    assert (image.tag, image.digest) == (tag, Digest.parse(digest) if digest else None)
    url = f"https://{image.registry}/v2/{image.repository}/manifests/{image.identifier}"
    assert requests.Request("GET", url).prepare().url == url
    assert urllib3.util.parse_url(url).request_uri == f"/v2/{image.repository}/manifests/{image.identifier}"
