# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake registry's faults, its strictness, and the hosts beside it."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.registry.asking import ACCEPT, ask, basic, local
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.faults import Rule
from ansible_collections.ocitools.registry.tests.unit.registry.proxy import Proxy
from ansible_collections.ocitools.registry.tests.unit.registry.store import digest_of

MakeRegistry = t.Callable[..., FakeRegistry]
DATA = b"some bytes of a blob"
PATH = f"/v2/app/blobs/{digest_of(DATA)}"


@pytest.fixture
def blob(registry: FakeRegistry) -> FakeRegistry:
    """A registry with one blob."""
    registry.add_blob("app", DATA)
    return registry


@pytest.mark.parametrize(
    ("spoil", "status", "body"),
    [
        (lambda rule: rule.answer(429, {"Retry-After": "1"}, b"slow"), 429, b"slow"),
        (lambda rule: rule.flip(1), 200, b"s\x90me bytes of a blob"),
        (lambda rule: rule.append(b"!"), 200, DATA + b"!"),
        (lambda rule: rule.body(b"other"), 200, b"other"),
        (lambda rule: rule.headers({"Content-Length": "4"}), 200, b"some"),
        (lambda rule: rule.gzip(), 200, gzip.compress(DATA, mtime=0)),
        (lambda rule: rule.chunked(), 200, DATA),
        (lambda rule: rule.drip(7, 0.001), 200, DATA),
        (lambda rule: rule.preface(b"HTTP/1.1 100 Continue\r\n\r\n"), 200, DATA),
        (lambda rule: rule.raw(b"HTTP/1.0 299 Odd\r\n\r\nodd"), 299, b"odd"),
        (lambda rule: rule.redirect("/elsewhere"), 307, b""),
    ],
)
def test_spoilt_answers(blob: FakeRegistry, spoil: t.Callable[[Rule], t.Any], status: int, body: bytes) -> None:
    spoil(blob.on("get_blob"))
    reply = ask(blob, "GET", PATH)
    assert (reply.status, reply.body) == (status, body)
    assert ask(blob, "GET", PATH).body == DATA


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda rule: rule.reset(), ConnectionResetError),
        (lambda rule: rule.drop(), ConnectionResetError),
        (lambda rule: rule.truncate(5), http.client.IncompleteRead),
        (lambda rule: rule.truncate(5, reset=True), ConnectionResetError),
        (lambda rule: rule.chunked().truncate(5), http.client.IncompleteRead),
        (lambda rule: rule.headers({"Content-Length": "99"}), http.client.IncompleteRead),
        (lambda rule: rule.raw(b"garbage\r\n\r\n"), http.client.BadStatusLine),
    ],
)
def test_broken_answers(blob: FakeRegistry, spoil: t.Callable[[Rule], t.Any], error: type[Exception]) -> None:
    spoil(blob.on("get_blob"))
    with pytest.raises(error):
        ask(blob, "GET", PATH)


def test_a_reset_applies_nothing_and_a_dropped_answer_everything(registry: FakeRegistry) -> None:
    added = registry.add_image("app", "1")
    registry.on("put_manifest").reset()
    registry.on("put_manifest", nth=2).drop()
    for tag in ("2", "3"):
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            ask(registry, "PUT", f"/v2/app/manifests/{tag}", added.raw, {"Content-Type": added.media_type})
    assert list(registry.tags("app")) == ["1", "3"]


@pytest.mark.parametrize("resumable", [True, False])
def test_an_upload_cut_off(make_registry: MakeRegistry, resumable: bool) -> None:
    registry = make_registry(resumable=resumable, location_query=False)
    registry.on("patch_upload").reset_in_body(7)
    opened = ask(registry, "POST", "/v2/app/blobs/uploads/")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(registry, "PATCH", local(opened), DATA)
    status = ask(registry, "GET", local(opened))
    assert (status.status, status.headers.get("Range")) == ((204, "0-6") if resumable else (404, None))


def test_an_early_refusal_can_be_read(make_registry: MakeRegistry) -> None:
    registry = make_registry(body_limit=1000)
    opened = ask(registry, "POST", "/v2/app/blobs/uploads/")
    reply = ask(registry, "PUT", local(opened, f"digest={digest_of(b'')}"), b"x" * 3_000_000)
    assert (reply.status, reply.headers["Content-Type"]) == (413, "text/html")
    assert registry.requests[-1].length == 0


def test_silence_lasts_until_the_client_leaves(blob: FakeRegistry) -> None:
    blob.on("get_blob").silence()
    with socket.create_connection(("127.0.0.1", blob.server.port), 5) as client:
        client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.settimeout(0.2)
        with pytest.raises(socket.timeout):
            client.recv(1)


def test_hooks_come_before_and_after(registry: FakeRegistry) -> None:
    first, second = (registry.add_image("app", tag) for tag in ("1", "2"))
    registry.on("head_manifest").call(lambda request: registry.set_tag("app", "1", second.digest))
    registry.on("put_manifest").then(lambda request: registry.set_tag("app", "1", second.digest))
    assert ask(registry, "HEAD", "/v2/app/manifests/1", headers=ACCEPT).headers["Docker-Content-Digest"] == second.digest
    ask(registry, "PUT", "/v2/app/manifests/1", first.raw, {"Content-Type": first.media_type})
    assert registry.tags("app")["1"] == second.digest


def test_a_request_is_held(blob: FakeRegistry) -> None:
    hold = blob.on("get_blob").hold()
    replies: list[bytes] = []
    thread = threading.Thread(target=lambda: replies.append(ask(blob, "GET", PATH).body))
    thread.start()
    hold.wait()
    assert replies == []
    hold.release()
    thread.join(10)
    assert replies == [DATA]


def test_connections_are_kept(blob: FakeRegistry) -> None:
    client = http.client.HTTPConnection(blob.host, timeout=5)
    for _request in range(3):
        client.request("GET", PATH)
        assert client.getresponse().read() == DATA
    client.close()
    assert blob.connections == 1


def failing(registry: FakeRegistry) -> str:
    """Return why the registry would fail its test."""
    registry.close()
    with pytest.raises(AssertionError) as failure:
        registry.verify()
    return str(failure.value)


def test_unused_rules_and_unknown_requests_fail_the_test() -> None:
    registry = FakeRegistry()
    registry.on("get_blob", times=2).answer(500)
    ask(registry, "GET", PATH)
    ask(registry, "GET", "/v2/app/nonsense")
    message = failing(registry)
    assert "was used 1 of 2 times" in message
    assert "GET /v2/app/nonsense" in message


def test_what_differs_from_the_expected_requests_fails_the_test() -> None:
    registry = FakeRegistry()
    registry.expect(["GET /v2/", "GET /v2/_catalog"])
    assert [ask(registry, "GET", path).status for path in ("/v2/", "/v2/app/tags/list")] == [200, 400]
    message = failing(registry)
    assert "GET /v2/app/tags/list came where the test expects GET /v2/_catalog" in message
    assert "the expected request GET /v2/_catalog did not come" in message


def test_a_tag_without_its_content_fails_the_test() -> None:
    registry = FakeRegistry(validates=False)
    registry.guard_closure()
    raw = json.dumps({"schemaVersion": 2, "layers": [{"mediaType": "x", "digest": digest_of(DATA), "size": 1}]}).encode()
    ask(registry, "PUT", "/v2/app/manifests/1", raw)
    assert f"app:1 needs the blob {digest_of(DATA)}" in failing(registry)


def test_credentials_at_the_second_listener_fail_the_test() -> None:
    registry = FakeRegistry(blob_redirect=True)
    registry.add_blob("app", DATA)
    location = ask(registry, "GET", PATH).headers["Location"]
    assert location.startswith(f"{registry.storage.url}{PATH}?")
    assert ask(registry, "GET", PATH, headers=basic("a", "b"), host=registry.storage.host).body == DATA
    assert "an Authorization was sent to another host" in failing(registry)


def test_a_hook_that_fails_fails_the_test() -> None:
    registry = FakeRegistry()
    registry.on("base").call(lambda request: registry.remove_tag("app", "absent"))
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(registry, "GET", "/v2/")
    assert "KeyError: 'absent'" in failing(registry)


def test_evil_notices_secrets_however_spelt() -> None:
    evil = Evil()
    evil.assert_untouched()
    evil.watch("p4ss/w+rd=x")
    with socket.create_connection(("127.0.0.1", evil.server.port), 5) as client:
        client.sendall(b"GET /token HTTP/1.1\r\nAuthorization: Basic dXNlcjpwNHNzL3crcmQ9eA==\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    evil.close()
    with pytest.raises(AssertionError, match="the evil host was sent"):
        evil.verify()
    with pytest.raises(AssertionError, match="GET /token"):
        evil.assert_untouched()


def test_proxy(blob: FakeRegistry, make_proxy: t.Callable[..., Proxy]) -> None:
    proxy = make_proxy("me", "secret")
    proxy.routes["registry.example.com:443"] = proxy.routes["registry.example.com:80"] = blob.host
    login = {name.replace("Authorization", "Proxy-Authorization"): value for name, value in basic("me", "secret").items()}
    client = http.client.HTTPConnection("127.0.0.1", proxy.server.port, timeout=5)
    client.request("GET", f"http://registry.example.com{PATH}", headers=login)
    assert client.getresponse().read() == DATA
    client.close()
    client.set_tunnel("registry.example.com", 443, login)
    client.request("GET", PATH)
    assert client.getresponse().read() == DATA
    client.close()
    refused = http.client.HTTPConnection("127.0.0.1", proxy.server.port, timeout=5)
    refused.request("GET", f"http://registry.example.com{PATH}")
    assert refused.getresponse().status == 407
    refused.close()
    assert proxy.log()[:2] == [f"GET http://registry.example.com{PATH}", "CONNECT registry.example.com:443"]
    assert "Proxy-Authorization" not in blob.requests[0].headers


@pytest.mark.parametrize("by_path", [True, False])
def test_it_serves_by_itself(by_path: bool) -> None:
    folder = Path(__file__).resolve().parent
    package = "ansible_collections.ocitools.registry.tests.unit.registry"
    command = [str(folder / "__main__.py")] if by_path else ["-m", package]
    process = subprocess.Popen(
        [sys.executable, *command, "--user", "u", "--password", "p", "--image", "team/app:1.0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder.parents[5],
    )
    assert process.stdout is not None
    host = json.loads(process.stdout.readline())["host"]
    client = http.client.HTTPConnection(host, timeout=5)
    client.request("GET", "/v2/team/app/tags/list", headers=basic("u", "p"))
    assert json.loads(client.getresponse().read())["tags"] == ["1.0"]
    client.close()
    process.communicate(timeout=10)
    assert process.returncode == 0
