# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where requests and credentials go when a registry says where: addresses in two readings, and redirects."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, MakeRegistry, kind_of
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.strangers import (
    CHANNELS,
    Names,
    assert_no_authorization,
    follow,
    refused,
    send_to,
    tokens,
)
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Headers
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

pytestmark = pytest.mark.usefixtures("one_authority")

# T1: one reading of an address


TWO_READINGS = (
    "http://EVIL\\@REGISTRY/x",
    "http://EVIL\\.REGISTRY/x",
    "http://REGISTRY@EVIL/x",
    "http://user:word@EVIL/x",
    "http://REGISTRY#@EVIL/x",
    "http://EVIL#@REGISTRY/x",
    "http://EVIL /x",
    "http://EVIL\t/x",
    "http:///EVIL/x",
    "http:\\\\EVIL/x",
    "//EVIL\\@REGISTRY/x",
    "/\\EVIL/x",
    "\\\\EVIL/x",
    "ht\ttp://EVIL/x",
    "ftp://EVIL/x",
    "http://127.1:PORT/x",
    "http://2130706433:PORT/x",
    "http://0x7f.1:PORT/x",
    "http://EVIL:0/x",
    "http://EVIL, http://EVIL/x",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("channel", CHANNELS)
def test_t01_an_address_with_two_readings_is_followed_nowhere(
    guarded: FakeRegistry, evil: Evil, connect: MakeClient, tmp_path: Path, channel: str
) -> None:
    for text in TWO_READINGS:
        client = connect(guarded, "app", allowed_hosts=[evil.host], auth_hosts=[evil.host])
        url = text.replace("EVIL", evil.host).replace("REGISTRY", guarded.host).replace("PORT", str(evil.server.port))
        send_to(guarded, channel, url, times=1)
        assert refused(client, channel, tmp_path).kind == "untrusted_target", text
    evil.assert_untouched()


# T3: redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("endpoint", ["head_manifest", "get_manifest", "get_blob"])
def test_t03_a_read_may_go_elsewhere_but_never_with_credentials(
    guarded: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient, endpoint: str, status: int
) -> None:
    guarded.on(endpoint).redirect(f"http://{abroad}/signed?Signature=x", status)
    client = connect(guarded, "app")
    if endpoint == "head_manifest":
        client.get_digest("1")  # the answer of the stranger says no digest, so the registry is asked again
    else:
        assert kind_of(lambda: client.get_image_config("1")) in ("unsupported", "digest_mismatch")
    assert evil.log() == ["HEAD /signed" if endpoint == "head_manifest" else "GET /signed"]
    assert_no_authorization(evil)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("endpoint", ["mount", "put_upload", "put_manifest", "delete_manifest"])
def test_t03_content_is_never_sent_after_a_redirect_to_another_host(
    guarded: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient, tmp_path: Path, endpoint: str, status: int
) -> None:
    guarded.on(endpoint).redirect(f"http://{abroad}/x", status)
    client = connect(guarded, "app")
    work = (lambda: client.delete_tag("1")) if endpoint == "delete_manifest" else (lambda: follow(client, "location", tmp_path))
    assert kind_of(work) == "untrusted_target"
    evil.assert_untouched()


@pytest.mark.parametrize(("status", "followed"), [(301, False), (302, False), (303, False), (307, True), (308, True)])
def test_t03_content_is_sent_again_only_within_the_registry(
    guarded: FakeRegistry, connect: MakeClient, status: int, followed: bool
) -> None:
    client = connect(guarded, "app")
    guarded.on("put_manifest", path="stable").redirect("/v2/app/manifests/moved", status)
    if followed:
        client.tag_image("1", "stable")
        assert set(guarded.tags("app")) == {"1", "moved"}
    else:
        assert kind_of(lambda: client.tag_image("1", "stable")) == "untrusted_target"
        assert set(guarded.tags("app")) == {"1"}


def test_t03_a_stranger_that_asks_for_credentials_gets_none(guarded: FakeRegistry, evil: Evil, abroad: str, run_module: RunModule) -> None:
    evil.challenge(f'Bearer realm="{tokens(guarded).url}",service="registry.test",scope="repository:app:pull"')
    guarded.on("get_blob").redirect(f"http://{abroad}/blob")
    result = run_module("registry_image_info", guarded.args(name=["app:1"], details="config")).failure("server")
    assert "evil.example" in result.msg
    assert "where the registry redirected to" in result.msg
    assert len(evil.requests) == 1
    assert guarded.counts()["token"] == 1
    assert_no_authorization(evil)


def test_t03_a_stranger_that_sends_us_back_does_not_use_our_credentials(
    guarded: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient
) -> None:
    guarded.add_image("secret", "1")
    evil.answer = lambda request: Answer(307, Headers([("Location", f"{guarded.url}/v2/secret/manifests/1")]))
    guarded.on("get_manifest", path="/app/").redirect(f"http://{abroad}/x")
    client = connect(guarded, "app")
    assert kind_of(lambda: client.get_manifest("1")) == "unauthorized"
    assert {request.scheme for request in guarded.requests if request.repository == "secret"} == {""}


def test_t03_redirects_have_an_end(guarded: FakeRegistry, connect: MakeClient) -> None:
    guarded.on("get_manifest", times=None).redirect(f"{guarded.url}/v2/app/manifests/1")
    client = connect(guarded, "app", retries=0)
    assert kind_of(lambda: client.get_manifest("1")) == "invalid_response"
    assert guarded.counts()["get_manifest"] == 1 + 6  # the one that brought the challenge, then the first and five more


def test_t03_nothing_leads_from_https_to_http_over_the_wire(
    make_registry: MakeRegistry, evil: Evil, abroad: str, connect: MakeClient, tmp_path: Path
) -> None:
    for channel in ("redirect", "realm", "location"):
        registry = make_registry(tls=True, auth="token")
        registry.add_image("app", "1")
        send_to(registry, channel, f"http://{abroad}/x")
        error = refused(connect(registry, "app"), channel, tmp_path)
        assert (error.kind, "weaker" in error.message) == ("untrusted_target", True)
    evil.assert_untouched()


@pytest.mark.parametrize("tls", [False, True])
def test_t03_blobs_come_from_object_storage_without_our_credentials(
    make_registry: MakeRegistry, names: Names, run_module: RunModule, tls: bool
) -> None:
    registry = make_registry(auth="token", tls=tls, blob_redirect=True)  # the fake fails where its storage is sent an Authorization
    registry.add_image("app", "1", config={"config": {"Labels": {"team": "blue"}}})
    options = registry.args(name=["app:1"], details="config", allowed_hosts=[registry.storage.host])
    assert run_module("registry_image_info", options).ok()["images"][0]["labels"] == {"team": "blue"}
