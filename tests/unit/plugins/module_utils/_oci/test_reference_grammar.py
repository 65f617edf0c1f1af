# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of hosts, repositories, tags and digests, held to their last character."""

from __future__ import annotations

import hashlib
import typing as t

import pytest
import requests
import urllib3
from ansible_collections.ocitools.registry.plugins.module_utils._oci.host import check_host, normalize_registry
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import (
    Digest,
    Reference,
    check_repository,
    check_tag,
    check_tags,
    is_digest,
)
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, mixed, parsed, quick, refusal
from hypothesis import given
from hypothesis import strategies as st

SHA256 = "sha256:" + "0123456789abcdef" * 4
_BROKEN_HEX = "0123456789abcdef" * 4

tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.0.0.01", "1.2.3", "0x", "10.0.0.0x1", "1.2.3.4.5"]
)
def test_t01_addresses_have_one_spelling(host: str) -> None:
    refusal(check_host, host, kind="invalid_reference")
    refusal(Reference.parse, f"{host}:5000/app", kind="invalid_reference")


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a b",
        "a\n",
        "host:80\n",
        "host:\u0661",
        "host:+80",
        "host: 80",
        "host:8_0",
        "[::1",
        "::1",
        "[]",
        "[127.0.0.1]",
        "\u212a8s.example",
        "a/b",
        "@",
        "x" * 64 + ".example",
        "a." * 126 + "ab",
    ],
)
def test_a_host_follows_the_grammar_to_its_end(host: str) -> None:
    refusal(check_host, host, kind="invalid_reference")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("Reg.Example.COM:0443", "reg.example.com:443"), ("[::FFFF:10.0.0.1]", "[::ffff:10.0.0.1]"), ("x" * 63, "x" * 63)],
)
def test_a_host_is_written_in_one_way(host: str, expected: str) -> None:
    assert check_host(host) == expected


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "@",
        "sha256",
        "sha256:",
        "sha256:../../",
        "sha256:" + _BROKEN_HEX + "\n",
        "\nsha256:" + _BROKEN_HEX,
        " sha256:" + _BROKEN_HEX,
        "@@sha256:" + _BROKEN_HEX,
        "sha256:" + _BROKEN_HEX[:-1],
        "sha256:" + _BROKEN_HEX + "0",
        "sha256:" + _BROKEN_HEX.upper(),
        "SHA256:" + _BROKEN_HEX,
        "sha256:" + _BROKEN_HEX[:-1] + "\u0661",
        "sha256:" + _BROKEN_HEX[:-1] + "\uff41",
        "sha256:sha256:" + _BROKEN_HEX,
        "sha256:0x" + _BROKEN_HEX[2:],
        "sha256:" + _BROKEN_HEX[:-3] + "/..",
        "sha512:" + _BROKEN_HEX,
        "sha1:" + _BROKEN_HEX[:40],
        "md5:" + _BROKEN_HEX[:32],
        "sha256+b64:" + _BROKEN_HEX,
    ],
)
def test_t07_digest_grammar(digest: str) -> None:
    refusal(Digest.parse, digest, kind="invalid_reference")
    refusal(Reference.parse, f"quay.io/app@{digest}", kind="invalid_reference")


def test_t42_only_sha256_and_sha512_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: t.Any, **_options: t.Any) -> t.NoReturn:
        raise ValueError("disabled for FIPS")

    monkeypatch.setattr(hashlib, "md5", refuse)
    monkeypatch.setattr(hashlib, "sha1", refuse)
    assert str(Digest.of(b"")) == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Digest.of(b"abc", "sha512").hasher().name == "sha512"
    for algorithm in ("md5", "sha1", "sha384", "sha3_256"):
        refusal(Digest.parse, f"{algorithm}:{hashlib.new('sha256').hexdigest()}", kind="invalid_reference")


@pytest.mark.parametrize(
    "tag",
    ["", ".", "..", "-a", "a/b", "a b", "a\n", "a\r\nX: y", "a%2Fb", "a?b", "a#b", "a\0", "\u0131", "a\u212a", "x" * 129, "a@b", "a:b"],
)
def test_t08_tag_grammar(tag: str) -> None:
    refusal(check_tag, tag, kind="invalid_reference")
    refusal(Reference.parse("app").with_tag, tag, kind="invalid_reference")


@pytest.mark.parametrize(
    "repository",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        ".",
        "..",
        "a/..",
        "a/%2e%2e/b",
        "A",
        "a b",
        "a\n",
        "a\r\n",
        "a\0",
        "\u0131",
        "a?b",
        "a#b",
        "a:b",
        "a@b",
        "a" * 256,
    ],
)
def test_t08_repository_grammar(repository: str) -> None:
    refusal(check_repository, repository, kind="invalid_reference")


@pytest.mark.parametrize("tag", [1.1, 5, True, None, ["1.0"], {"a": "b"}, b"1"])
def test_a_tag_that_yaml_read_as_something_else_is_refused(tag: object) -> None:
    message = refusal(check_tags, ["1.0", tag], kind="invalid_reference").message
    assert "is not a string" in message
    assert ("Quote the tag" in message) == isinstance(tag, (int, float))


def test_tags_are_kept_once_in_order() -> None:
    assert check_tags(["b", "a", "b"]) == ("b", "a")


def test_docker_hub_has_three_names() -> None:
    assert {normalize_registry(name) for name in ("docker.io", "index.docker.io", "registry-1.docker.io")} == {"docker.io"}
    assert normalize_registry("docker.io.example.com") == "docker.io.example.com"


@pytest.mark.parametrize(("text", "expected"), [("latest", False), (SHA256, True), ("sha256-0123", False)])
def test_a_digest_is_told_from_a_tag(text: str, expected: bool) -> None:
    assert is_digest(text) is expected


@quick
@given(st.one_of(hostile_text, mixed("[", "]", "::1", "127.0.0.1", "0x", "example", ".com", ":80", "%eth0")))
def test_a_host_is_accepted_in_one_spelling_or_refused(text: str) -> None:
    host = parsed(check_host, text)
    if host is not None:
        assert check_host(host) == host
        url = urllib3.util.parse_url(f"https://{host}/")
        assert f"{url.host}{f':{url.port}' if url.port else ''}" == host


@quick
@given(st.one_of(hostile_text, mixed("sha256:", "sha512:", "a" * 63, "0" * 64, "f" * 128, "..")))
def test_t07_an_accepted_digest_leaves_the_prepared_url_unchanged(text: str) -> None:
    digest = parsed(Digest.parse, text)
    if digest is not None:
        assert str(digest) == text.lstrip("@")
        url = f"https://quay.io/v2/app/blobs/{digest}"
        assert requests.Request("GET", url).prepare().url == url


@quick
@given(st.one_of(hostile_text, tags.map(lambda tag: tag + "\n"), tags))
def test_t08_an_accepted_tag_leaves_the_prepared_url_unchanged(text: str) -> None:
    if parsed(check_tag, text) is not None:
        url = f"https://quay.io/v2/app/manifests/{text}"
        assert requests.Request("GET", url).prepare().url == url
        assert urllib3.util.parse_url(url).path == f"/v2/app/manifests/{text}"
