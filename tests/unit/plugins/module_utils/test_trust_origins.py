# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where requests and credentials go when a registry says where: addresses in two readings, redirects, uploads, private networks."""

from __future__ import annotations

import json
import socket
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, MakeRegistry, kind_of
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.strangers import CHANNELS, PRIVATE, PUBLIC, follow, place, refused, send_to
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Headers
from ansible_collections.ocitools.registry.tests.unit.registry.proxy import Proxy
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

Names = dict[str, str]
MakeEvil = t.Callable[..., Evil]


@pytest.fixture
def registry(make_registry: MakeRegistry) -> FakeRegistry:
    """A registry with a user and one image, ``app:1``; ``app:other`` is on another."""
    made = make_registry(auth="token")
    made.add_image("app", "1")
    return made


def _tokens(registry: FakeRegistry) -> TokenAuth:
    return t.cast(TokenAuth, registry.auth)


@pytest.fixture
def abroad(evil: Evil, names: Names) -> str:
    """The evil host under a name and an address that any registry might send us to."""
    return place(names, "evil.example", evil.server.port)


def _no_authorization(evil: Evil) -> None:
    assert evil.requests
    assert [request.line() for request in evil.requests if "Authorization" in request.headers or "Cookie" in request.headers] == []


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
    registry: FakeRegistry, evil: Evil, connect: MakeClient, tmp_path: Path, channel: str
) -> None:
    client = connect(registry, "app", allowed_hosts=[evil.host], auth_hosts=[evil.host])
    for text in TWO_READINGS:
        url = text.replace("EVIL", evil.host).replace("REGISTRY", registry.host).replace("PORT", str(evil.server.port))
        send_to(registry, channel, url, times=1)
        assert refused(client, channel, tmp_path).kind == "untrusted_target", text
    evil.assert_untouched()


# T3: redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("endpoint", ["head_manifest", "get_manifest", "get_blob"])
def test_t03_a_read_may_go_elsewhere_but_never_with_credentials(
    registry: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient, endpoint: str, status: int
) -> None:
    registry.on(endpoint).redirect(f"http://{abroad}/signed?Signature=x", status)
    client = connect(registry, "app")
    if endpoint == "head_manifest":
        client.get_digest("1")  # the answer of the stranger says no digest, so the registry is asked again
    else:
        assert kind_of(lambda: client.get_image_config("1")) in ("unsupported", "digest_mismatch")
    assert evil.log() == ["HEAD /signed" if endpoint == "head_manifest" else "GET /signed"]
    _no_authorization(evil)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("endpoint", ["mount", "put_upload", "put_manifest", "delete_manifest"])
def test_t03_content_is_never_sent_after_a_redirect_to_another_host(
    registry: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient, tmp_path: Path, endpoint: str, status: int
) -> None:
    registry.on(endpoint).redirect(f"http://{abroad}/x", status)
    client = connect(registry, "app")
    work = (lambda: client.delete_tag("1")) if endpoint == "delete_manifest" else (lambda: follow(client, "location", tmp_path))
    assert kind_of(work) == "untrusted_target"
    evil.assert_untouched()


@pytest.mark.parametrize(("status", "followed"), [(301, False), (302, False), (303, False), (307, True), (308, True)])
def test_t03_content_is_sent_again_only_within_the_registry(
    registry: FakeRegistry, connect: MakeClient, status: int, followed: bool
) -> None:
    client = connect(registry, "app")
    registry.on("put_manifest", path="stable").redirect("/v2/app/manifests/moved", status)
    if followed:
        client.tag_image("1", "stable")
        assert set(registry.tags("app")) == {"1", "moved"}
    else:
        assert kind_of(lambda: client.tag_image("1", "stable")) == "untrusted_target"
        assert set(registry.tags("app")) == {"1"}


def test_t03_a_stranger_that_asks_for_credentials_gets_none(
    registry: FakeRegistry, evil: Evil, abroad: str, run_module: RunModule
) -> None:
    evil.challenge(f'Bearer realm="{_tokens(registry).url}",service="registry.test",scope="repository:app:pull"')
    registry.on("get_blob").redirect(f"http://{abroad}/blob")
    result = run_module("registry_image_info", registry.args(name=["app:1"], details="config")).failure("server")
    assert "evil.example" in result.msg
    assert "where the registry sent us" in result.msg
    assert len(evil.requests) == 1
    assert registry.counts()["token"] == 1
    _no_authorization(evil)


def test_t03_a_stranger_that_sends_us_back_does_not_use_our_credentials(
    registry: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient
) -> None:
    registry.add_image("secret", "1")
    evil.answer = lambda request: Answer(307, Headers([("Location", f"{registry.url}/v2/secret/manifests/1")]))
    registry.on("get_manifest", path="/app/").redirect(f"http://{abroad}/x")
    client = connect(registry, "app")
    assert kind_of(lambda: client.get_manifest("1")) == "unauthorized"
    assert {request.scheme for request in registry.requests if request.repository == "secret"} == {""}


def test_t03_redirects_have_an_end(registry: FakeRegistry, connect: MakeClient) -> None:
    registry.on("get_manifest", times=None).redirect(f"{registry.url}/v2/app/manifests/1")
    client = connect(registry, "app", retries=0)
    assert kind_of(lambda: client.get_manifest("1")) == "invalid_response"
    assert registry.counts()["get_manifest"] == 1 + 6  # the one that brought the challenge, then the first and five more


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


# T4: where uploads go


@pytest.mark.parametrize("form", ["/PATH", "http://REGISTRY/PATH", "//REGISTRY/PATH", "http://REGISTRY/PATH?a=1&_state=x%2Fy", "RELATIVE"])
def test_t04_uploads_within_the_registry_are_authorized(
    registry: FakeRegistry, connect: MakeClient, tmp_path: Path, form: str
) -> None:
    def rewrite(answer: Answer) -> None:
        path = answer.headers.get("Location").partition("/v2/")[2]
        location = path.partition("/uploads/")[2] if form == "RELATIVE" else form.replace("PATH", f"v2/{path}")
        answer.headers.set("Location", location.replace("REGISTRY", registry.host).replace("?_state", "&_state" if "?a" in form else "?_state"))

    registry.style.location_query = "?a" not in form
    registry.on("mount", times=None).change(rewrite)
    follow(connect(registry, "app"), "location", tmp_path)
    puts = registry.named("put_upload")
    assert {request.scheme for request in puts} == {"bearer"}
    if "?a" in form:
        assert all("a=1&_state=x%2Fy&digest=sha256:" in request.target for request in puts)
    assert registry.gaps() == []


def test_t04_uploads_to_another_host_go_without_credentials(
    make_registry: MakeRegistry, connect: MakeClient, tmp_path: Path
) -> None:
    registry = make_registry(auth="token", location="other_host")  # the fake fails where its storage is sent an Authorization
    registry.add_image("app", "1")
    follow(connect(registry, "app", allowed_hosts=[registry.storage.host]), "location", tmp_path)
    assert {request.server for request in registry.named("put_upload")} == {"storage"}
    assert registry.gaps() == []


def test_t04_an_upload_abroad_shows_no_credentials(
    registry: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient, tmp_path: Path
) -> None:
    send_to(registry, "location", f"http://{abroad}/session?token=of-the-session")
    evil.challenge(f'Basic realm="{registry.host}"')
    assert refused(connect(registry, "app"), "location", tmp_path).kind == "server"
    assert "PUT /session" in evil.log()
    _no_authorization(evil)


@pytest.mark.parametrize("location", [None, "", "http://ONE/a, http://TWO/b"], ids=["missing", "empty", "twice"])
def test_t04_an_upload_without_one_address_is_refused(
    registry: FakeRegistry, connect: MakeClient, tmp_path: Path, location: str | None
) -> None:
    registry.on("mount", times=None).headers({"Location": location})
    assert refused(connect(registry, "app"), "location", tmp_path).kind == "untrusted_target"
    assert registry.named("put_upload") == []


def test_t04_an_upload_to_an_address_of_this_machine_names_the_option(
    registry: FakeRegistry, evil: Evil, run_module: RunModule, tmp_path: Path
) -> None:
    send_to(registry, "location", f"{evil.url}/session")
    path = images.write_layout(tmp_path / "layout", {"2": images.image()})
    result = run_module("registry_push", registry.args(name="app:2", path=path)).failure("untrusted_target")
    assert f"add {evil.host} to allowed_hosts" in result.msg
    evil.assert_untouched()


# T5: foreign layers


def test_t05_the_urls_of_layers_are_never_fetched(
    registry: FakeRegistry, make_registry: MakeRegistry, evil: Evil, connect: MakeClient, tmp_path: Path, run_module: RunModule
) -> None:
    document = json.loads(registry.add_image("app", "2").raw)
    foreign = {**images.image(foreign=True).document["layers"][-1], "urls": [f"{evil.url}/layer"]}
    document["layers"].append(foreign)
    registry.add_manifest("app", document, tag="foreign")
    copy = make_registry(validates=False)
    copied = connect(registry, "app").copy_image("foreign", connect(copy, "app"))
    assert foreign["digest"] not in {str(blob.digest) for blob in copied.uploaded}
    found = run_module("registry_image_info", registry.args(name=["app:foreign"], details="config")).ok()
    assert found["images"][0]["layers"][-1]["digest"] == foreign["digest"]
    evil.assert_untouched()


# T6: addresses that are none of a stranger's business


@pytest.mark.parametrize("channel", ["redirect", "realm", "location"])
@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "100.100.100.200", "168.63.129.16", "0.0.0.0", "::1", "fd00:ec2::254", "::ffff:10.0.0.1"]
)
def test_t06_a_stranger_leads_to_no_inner_address(
    registry: FakeRegistry, evil: Evil, names: Names, connect: MakeClient, tmp_path: Path, channel: str, address: str
) -> None:
    names["inner.example"] = address
    _tokens(registry).anonymous = {"*": "*"}
    send_to(registry, channel, f"http://inner.example:{evil.server.port}/x")
    client = connect(registry, "app", username=None, password=None)
    error = refused(client, channel, tmp_path)
    assert error.kind == "untrusted_target"
    assert f"add inner.example:{evil.server.port} to allowed_hosts" in error.message
    evil.assert_untouched()


def test_t06_the_address_that_was_checked_is_the_one_that_is_used(
    registry: FakeRegistry, evil: Evil, names: Names, connect: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(names, "rebinding.example", evil.server.port)
    look_up, answers = socket.getaddrinfo, []

    def rebind(host: t.Any, *args: t.Any, **options: t.Any) -> t.Any:
        if host == "rebinding.example":
            answers.append(host)
            names[host] = PUBLIC if len(answers) == 1 else "127.0.0.2"  # where nobody listens
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    registry.on("get_blob").redirect(f"http://rebinding.example:{evil.server.port}/x")
    assert kind_of(lambda: connect(registry, "app").get_image_config("1")) in ("digest_mismatch", "invalid_response")
    assert (len(answers), evil.log()) == (1, ["GET /x"])


@pytest.mark.parametrize(("registry_at", "allowed"), [(PRIVATE, False), (PUBLIC, True)])
def test_t06_private_storage_serves_a_private_registry_or_is_allowed_by_name(
    make_registry: MakeRegistry, names: Names, run_module: RunModule, registry_at: str, allowed: bool
) -> None:
    registry = make_registry(auth="token")
    registry.add_image("app", "1", config={"config": {"Labels": {"team": "blue"}}})
    host = place(names, "registry.corp.example", registry.server.port, registry_at)
    storage = place(names, "storage.corp.example", registry.storage.port, "10.9.8.7")
    registry.on("get_blob", where=lambda request: request.server == "registry", times=None).call(
        lambda request: Answer(307, Headers([("Location", f"http://{storage}{request.target}")]))
    )
    options = registry.args(registry=host, name=["app:1"], details="config", auth_hosts=[_tokens(registry).url.split("/")[2]])
    if allowed:
        refusal = run_module("registry_image_info", options).failure("untrusted_target")
        assert f"add {storage} to allowed_hosts" in refusal.msg
        options["allowed_hosts"] = [storage]
    assert run_module("registry_image_info", options).ok()["images"][0]["labels"] == {"team": "blue"}


def test_t06_behind_a_proxy_the_proxy_decides(make_registry: MakeRegistry, proxy: Proxy, run_module: RunModule) -> None:
    registry = make_registry(blob_redirect=True)
    registry.add_image("library/app", "1", config={"config": {"Labels": {"team": "blue"}}})
    proxy.routes["registry-1.docker.io:80"] = registry.host
    result = run_module("registry_image_info", {"name": ["app:1"], "details": "config", "plain_http": True})
    assert result.ok()["images"][0]["labels"] == {"team": "blue"}
    assert f"GET {registry.storage.url}" in " ".join(proxy.log())
