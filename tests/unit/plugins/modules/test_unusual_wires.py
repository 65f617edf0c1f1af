# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that use no HTTP, or no TLS that can be used: what is told of them."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme
from ansible_collections.ocitools.registry.plugins.module_utils._http import sockets
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.listeners import listener, read_head
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.tls import Authority

MakeRegistry = t.Callable[..., FakeRegistry]


def _look(run_module: RunModule, there: FakeRegistry, **options: t.Any) -> Result:
    return run_module("registry_image_info", there.args(**{"name": ["app:1"], "details": "digest", **options}))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "does not use HTTP: check the port, and whether it uses TLS"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "does not use HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 150 + b"\r\n", "more headers than can be read"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n", "more headers than can be read"),
        (b"", "broke before the response was complete"),
    ],
    ids=["ssh", "an alert of TLS", "many headers", "a long header", "nothing"],
)
def test_what_a_server_says_in_place_of_an_answer(run_module: RunModule, said: bytes, words: str) -> None:
    def serve(connection: socket.socket, _over: threading.Event) -> None:
        read_head(connection)
        connection.sendall(said)

    with listener(serve) as port:
        options = {"name": [f"127.0.0.1:{port}/app:1"], "plain_http": True, "retries": 0}
        result = run_module("registry_image_info", options)
    assert result.failed
    assert words in result.msg


@pytest.mark.parametrize(("first", "last"), [(-9, -2), (2, 9)])
def test_a_certificate_of_another_time_is_no_matter_of_who_issued_it(run_module: RunModule, tmp_path: Path, first: int, last: int) -> None:
    now = datetime.now(timezone.utc)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", not_before=now + timedelta(first), not_after=now + timedelta(last)).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def serve(connection: socket.socket, _over: threading.Event) -> None:
        context.wrap_socket(connection, server_side=True).close()

    with listener(serve) as port:
        options = {"name": [f"localhost:{port}/app:1"], "ca_path": str(tmp_path / "ca.pem"), "retries": 0}
        message = run_module("registry_image_info", options).failure("tls").msg
    assert "clock" in message
    assert "ca_path" not in message


def test_a_registry_that_wants_a_client_certificate(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry = make_registry(mtls=True)
    registry.add_image("app", "1")
    result = _look(run_module, registry, client_cert=None, client_key=None, retries=0)
    assert "set client_cert and client_key" in result.failure("tls").msg
    (tmp_path / "other").mkdir()
    wrong = Authority(tmp_path / "other").client_files()
    assert "does not accept the client certificate" in _look(run_module, registry, retries=0, **wrong).failure("tls").msg


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (40, "may require a client certificate"),
        (70, "1.2 or newer"),
        (112, "check the name of the registry"),
        (42, "does not accept the client certificate"),
    ],
    ids=["handshake failure", "protocol version", "unrecognized name", "bad certificate"],
)
def test_what_a_server_refuses_a_handshake_for(run_module: RunModule, reason: int, words: str) -> None:
    def serve(connection: socket.socket, _over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(bytes([21, 3, 3, 0, 2, 2, reason]))

    with listener(serve) as port:
        result = run_module("registry_image_info", {"name": [f"localhost:{port}/app:1"], "validate_certs": False, "retries": 0})
    assert words in result.failure("tls").msg


def test_a_page_about_a_client_certificate_is_told_as_such(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(tls=True)
    registry.on(times=None).html(400, "400 No required SSL certificate was sent")
    assert "check client_cert" in _look(run_module, registry, details="manifest").failure("tls").msg


def test_the_length_of_what_comes_in_chunks_is_what_comes(registry: FakeRegistry, run_module: RunModule) -> None:
    content = b'{"name": "app", "tags": ["1"]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\nTransfer-Encoding: chunked\r\n\r\n"
    registry.on("list_tags").raw(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content))
    assert run_module("registry_tag_info", registry.args(name="app", retries=0)).ok()["tags"] == ["1"]


@pytest.mark.parametrize("refused", [False, True])
def test_an_address_to_which_there_is_no_way_is_told(
    run_module: RunModule, names: dict[str, str], monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    names["reg.example"] = "127.0.0.2 127.0.0.3"

    def open_one(address: str, *_args: t.Any) -> socket.socket:
        if refused and address == "127.0.0.2":
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        raise OSError(errno.EHOSTUNREACH, "No route to host")

    monkeypatch.setattr(sockets, "_open", open_one)
    options = {"name": ["reg.example:5000/app:1"], "plain_http": True, "retries": 0}
    told = "refuses connections" if refused else "cannot be reached (No route to host)"
    assert f"reg.example:5000 {told}" in run_module("registry_image_info", options).failure("network").msg
