# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies with a Content-Encoding that nobody asked for."""

from __future__ import annotations

import gzip
import zlib

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, kind_of
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture
def client(registry: FakeRegistry, connect: MakeClient) -> RegistryClient:
    """A client for the repository ``app`` with the image ``1``."""
    registry.add_image("app", "1", config={"config": {"Labels": {"a": "b"}}})
    return connect(registry, "app", retries=1)


@pytest.mark.parametrize(
    "coding", ["aws-chunked", "none", "identity", "", "AWS-Chunked", "identity, none", "UTF8", "8bit", "null", '""', "amz-1.0"]
)
def test_a_coding_that_codes_nothing_is_passed_over(registry: FakeRegistry, client: RegistryClient, coding: str) -> None:
    for endpoint in ("get_manifest", "get_blob", "head_manifest", "list_tags"):
        registry.on(endpoint).headers({"Content-Encoding": coding})
    assert client.get_image_config("1")["config"] == {"Labels": {"a": "b"}}
    assert client.list_tags() == ["1"]
    assert client.get_descriptor("1").size > 0
    assert registry.counts()["get_manifest"] == 1


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "aws-chunked, gzip"])
@pytest.mark.parametrize("chunked", [False, True])
def test_gzip_that_nobody_asked_for_is_undone(registry: FakeRegistry, client: RegistryClient, chunked: bool, coding: str) -> None:
    for endpoint in ("get_manifest", "get_blob", "list_tags"):
        rule = registry.on(endpoint).gzip().headers({"Content-Encoding": coding})
        if chunked:
            rule.chunked()
    assert client.get_image_config("1")["config"] == {"Labels": {"a": "b"}}
    assert client.list_tags() == ["1"]


def test_an_error_in_gzip_is_read(registry: FakeRegistry, client: RegistryClient) -> None:
    registry.on("get_manifest").gzip()
    assert kind_of(lambda: client.get_manifest("2")) == "not_found"


def test_the_size_of_a_manifest_is_not_that_of_its_gzip(registry: FakeRegistry, client: RegistryClient) -> None:
    registry.on("head_manifest").headers({**GZIP, "Content-Length": "7"})
    assert client.get_descriptor("1").size == len(registry.stored("app", registry.tags("app")["1"]).raw)


def test_a_little_gzip_of_very_much_is_refused(registry: FakeRegistry, client: RegistryClient) -> None:
    registry.on("get_manifest").answer(200, GZIP, gzip.compress(b" " * 100_000_000, mtime=0))
    assert kind_of(lambda: client.get_manifest("1")) == "limit"


def test_much_gzip_of_nothing_is_refused(registry: FakeRegistry, client: RegistryClient) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    raw = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH) * 1
    registry.on("get_manifest").answer(200, GZIP, raw + b"\0\0\0\xff\xff" * 2_000_000)
    assert kind_of(lambda: client.get_manifest("1")) == "invalid_response"


@pytest.mark.parametrize(
    "body", [b"{}", b"", gzip.compress(b"{}", mtime=0) + b"more", gzip.compress(b"{}", mtime=0) * 2, gzip.compress(b"{}", mtime=0)[:-4]]
)
def test_what_is_no_gzip_is_refused(registry: FakeRegistry, client: RegistryClient, body: bytes) -> None:
    registry.on("get_manifest", times=None).answer(200, GZIP, body)
    assert kind_of(lambda: client.get_manifest("1")) in ("invalid_response", "network")
