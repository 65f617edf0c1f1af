# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a registry may send us: to other hosts for uploads, to no urls of layers, and to inner addresses only where that is right."""

from __future__ import annotations

import json
import socket
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, MakeRegistry, kind_of
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.strangers import (
    PRIVATE,
    PUBLIC,
    Names,
    assert_no_authorization,
    follow,
    place,
    refused,
    send_to,
    tokens,
)
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Headers
from ansible_collections.ocitools.registry.tests.unit.registry.proxy import Proxy
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

pytestmark = pytest.mark.usefixtures("one_authority")

# T4: where uploads go


@pytest.mark.parametrize("form", ["/PATH", "http://REGISTRY/PATH", "//REGISTRY/PATH", "http://REGISTRY/PATH?a=1&_state=x%2Fy", "RELATIVE"])
def test_t04_uploads_within_the_registry_are_authorized(guarded: FakeRegistry, connect: MakeClient, tmp_path: Path, form: str) -> None:
    def rewrite(answer: Answer) -> None:
        path = answer.headers.get("Location").partition("/v2/")[2]
        location = path.partition("/uploads/")[2] if form == "RELATIVE" else form.replace("PATH", f"v2/{path}")
        answer.headers.set(
            "Location", location.replace("REGISTRY", guarded.host).replace("?_state", "&_state" if "?a" in form else "?_state")
        )

    guarded.style.location_query = "?a" not in form
    guarded.on("mount", times=None).change(rewrite)
    follow(connect(guarded, "app"), "location", tmp_path)
    puts = guarded.named("put_upload")
    assert {request.scheme for request in puts} == {"bearer"}
    if "?a" in form:
        assert all("a=1&_state=x%2Fy&digest=sha256:" in request.target for request in puts)
    assert guarded.gaps() == []


def test_t04_uploads_to_another_host_go_without_credentials(make_registry: MakeRegistry, connect: MakeClient, tmp_path: Path) -> None:
    registry = make_registry(auth="token", location="other_host")  # the fake fails where its storage is sent an Authorization
    registry.add_image("app", "1")
    follow(connect(registry, "app", allowed_hosts=[registry.storage.host]), "location", tmp_path)
    assert {request.server for request in registry.named("put_upload")} == {"storage"}
    assert registry.gaps() == []


def test_t04_an_upload_abroad_shows_no_credentials(
    guarded: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient, tmp_path: Path
) -> None:
    send_to(guarded, "location", f"http://{abroad}/session?token=of-the-session")
    evil.challenge(f'Basic realm="{guarded.host}"')
    assert refused(connect(guarded, "app"), "location", tmp_path).kind == "server"
    assert "PUT /session" in evil.log()
    assert_no_authorization(evil)


@pytest.mark.parametrize("location", [None, ""], ids=["missing", "empty"])
def test_t04_an_upload_without_one_address_is_refused(
    guarded: FakeRegistry, connect: MakeClient, tmp_path: Path, location: str | None
) -> None:
    guarded.on("mount", times=None).headers({"Location": location})
    assert refused(connect(guarded, "app"), "location", tmp_path).kind == "untrusted_target"
    assert guarded.named("put_upload") == []


def test_t04_of_two_addresses_none_is_used(guarded: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient, tmp_path: Path) -> None:
    guarded.on("mount", times=None).add_header("Location", f"http://{abroad}/session")
    assert refused(connect(guarded, "app"), "location", tmp_path).kind == "untrusted_target"
    assert guarded.named("put_upload") == []
    evil.assert_untouched()


def test_t04_an_upload_to_an_address_of_this_machine_names_the_option(
    guarded: FakeRegistry, evil: Evil, run_module: RunModule, tmp_path: Path
) -> None:
    send_to(guarded, "location", f"{evil.url}/session")
    path = images.write_layout(tmp_path / "layout", {"2": images.image()})
    result = run_module("registry_push", guarded.args(name="app:2", path=path)).failure("untrusted_target")
    assert f"add {evil.host} to allowed_hosts" in result.msg
    evil.assert_untouched()


def test_t04_a_host_that_takes_uploads_leads_nowhere_into_the_registry(
    make_registry: MakeRegistry, connect: MakeClient, tmp_path: Path
) -> None:
    registry = make_registry(auth="basic", location="other_host")
    registry.add_image("app", "1")
    back = Answer(202, Headers([("Location", f"{registry.url}/v2/app/manifests/1"), ("Content-Length", "0")]), b"")
    registry.on("put_upload", times=None).answer(413)
    registry.on("patch_upload", times=None).call(lambda request: back)
    error = refused(connect(registry, "app", allowed_hosts=[registry.storage.host]), "location", tmp_path)
    assert error.kind == "untrusted_target"
    assert {request.server for request in registry.requests if request.method in ("PUT", "DELETE")} == {"storage"}


def test_t04_nor_does_its_word_on_the_state_of_an_upload(make_registry: MakeRegistry, connect: MakeClient, tmp_path: Path) -> None:
    registry = make_registry(auth="basic", location="other_host")
    registry.add_image("app", "1")

    def answer(status: int, location: str) -> Answer:
        return Answer(status, Headers([("Location", location), ("Content-Length", "0")]), b"")

    registry.on("put_upload", times=None).answer(413)
    registry.on("patch_upload", times=None).answer(500)
    registry.on("upload_status", times=None).call(lambda request: answer(307, f"{registry.url}/v2/app/manifests/anonymous"))
    registry.on("get_manifest", "/anonymous$", times=None, before_auth=True).call(lambda request: answer(202, "/v2/app/manifests/1"))
    refused(connect(registry, "app", allowed_hosts=[registry.storage.host]), "location", tmp_path)
    assert {request.server for request in registry.requests if request.method in ("PUT", "PATCH", "DELETE")} == {"storage"}


# T5: foreign layers


def test_t05_the_urls_of_layers_are_never_fetched(
    guarded: FakeRegistry, make_registry: MakeRegistry, evil: Evil, connect: MakeClient, tmp_path: Path, run_module: RunModule
) -> None:
    document = json.loads(guarded.add_image("app", "2").raw)
    foreign = {**images.image(foreign=True).document["layers"][-1], "urls": [f"{evil.url}/layer"]}
    document["layers"].append(foreign)
    guarded.add_manifest("app", document, tag="foreign")
    copy = make_registry(validates=False)
    copied = connect(guarded, "app").copy_image("foreign", connect(copy, "app"))
    assert foreign["digest"] not in {str(blob.digest) for blob in copied.uploaded}
    found = run_module("registry_image_info", guarded.args(name=["app:foreign"], details="config")).ok()
    assert found["images"][0]["layers"][-1]["digest"] == foreign["digest"]
    evil.assert_untouched()


# T6: addresses that are none of a stranger's business


@pytest.mark.parametrize("channel", ["redirect", "realm", "location"])
@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "169.254.169.254", "10.0.0.1", "100.100.100.200", "168.63.129.16", "0.0.0.0", "::1", "fd00:ec2::254", "::ffff:10.0.0.1"],
)
def test_t06_a_stranger_leads_to_no_inner_address(
    guarded: FakeRegistry, evil: Evil, names: Names, connect: MakeClient, tmp_path: Path, channel: str, address: str
) -> None:
    names["inner.example"] = address
    tokens(guarded).anonymous = {"*": "*"}
    send_to(guarded, channel, f"http://inner.example:{evil.server.port}/x")
    client = connect(guarded, "app", username=None, password=None)
    error = refused(client, channel, tmp_path)
    assert error.kind == "untrusted_target"
    assert f"add inner.example:{evil.server.port} to allowed_hosts" in error.message
    evil.assert_untouched()


def test_t06_the_address_that_was_checked_is_the_one_that_is_used(
    guarded: FakeRegistry, evil: Evil, names: Names, connect: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(names, "rebinding.example", evil.server.port)
    look_up, answers = socket.getaddrinfo, []

    def rebind(host: t.Any, *args: t.Any, **options: t.Any) -> t.Any:
        if host == "rebinding.example":
            answers.append(host)
            names[host] = PUBLIC if len(answers) == 1 else "127.0.0.2"  # where nobody listens
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    guarded.on("get_blob").redirect(f"http://rebinding.example:{evil.server.port}/x")
    assert kind_of(lambda: connect(guarded, "app").get_image_config("1")) in ("digest_mismatch", "invalid_response")
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
    options = registry.args(registry=host, name=["app:1"], details="config", auth_hosts=[tokens(registry).url.split("/")[2]])
    if allowed:
        refusal = run_module("registry_image_info", options).failure("untrusted_target")
        assert f"add {storage} to allowed_hosts" in refusal.msg
        options["allowed_hosts"] = [storage]
    assert run_module("registry_image_info", options).ok()["images"][0]["labels"] == {"team": "blue"}


def test_t06_behind_a_proxy_the_proxy_decides_on_names(make_registry: MakeRegistry, proxy: Proxy, run_module: RunModule) -> None:
    registry = make_registry()
    registry.add_image("library/app", "1", config={"config": {"Labels": {"team": "blue"}}})
    proxy.routes["registry-1.docker.io:80"] = registry.host
    proxy.routes["storage.example:80"] = registry.storage.host
    registry.on("get_blob", where=lambda request: request.server == "registry").call(
        lambda request: Answer(307, Headers([("Location", f"http://storage.example{request.target}")]))
    )
    result = run_module("registry_image_info", {"name": ["app:1"], "details": "config", "plain_http": True})
    assert result.ok()["images"][0]["labels"] == {"team": "blue"}
    assert "GET http://storage.example/v2/library/app/blobs/" in " ".join(proxy.log())
