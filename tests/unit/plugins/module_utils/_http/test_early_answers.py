# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that come while the request is still being sent, from servers that close the connection then: they are read, with TLS and without."""

from __future__ import annotations

import io
import os
import socket
import ssl
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._http.origin import Target, Trust
from ansible_collections.ocitools.registry.plugins.module_utils._http.tls import TlsOptions
from ansible_collections.ocitools.registry.plugins.module_utils._http.transport import Transport
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.listeners import Serve, listener
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.tls import Authority

SIZE = 16 * 1024 * 1024


def _closing(answer: bytes, context: ssl.SSLContext | None) -> Serve:
    """Return what reads the beginning of a request, sends ``answer`` and closes the connection with a RST: the rest is unread."""

    def serve(connection: socket.socket, _over: threading.Event) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(connection, server_side=True) if context else connection as peer:
            received = 0
            while received < SIZE // 64:
                block = peer.recv(65536)
                if not block:
                    return
                received += len(block)
            peer.sendall(answer)

    return serve


def _send(port: int, context: ssl.SSLContext | None, body: t.Any) -> t.Any:
    target = Target.parse(f"{'https' if context else 'http'}://127.0.0.1:{port}/v2/")
    transport = Transport(Trust(target.origin), TlsOptions(validate_certs=False), timeout=20)
    try:
        answer = transport.attempt("PUT", target, {"Content-Length": str(SIZE)}, body)
        return answer.status, answer.read_error()
    finally:
        transport.close()


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_before_the_connection_is_closed_is_read(ca: Authority, tls: bool, streamed: bool) -> None:
    context = ca.context() if tls else None
    answer = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
    with listener(_closing(answer, context)) as port:
        for _attempt in range(5):
            assert _send(port, context, io.BytesIO(bytes(SIZE)) if streamed else bytes(SIZE)) == (403, b"no")


@pytest.mark.parametrize("tls", [False, True])
def test_without_one_the_connection_is_what_broke(ca: Authority, tls: bool) -> None:
    context = ca.context() if tls else None
    with listener(_closing(b"", context)) as port, pytest.raises(RegistryError) as caught:
        _send(port, context, bytes(SIZE))
    assert (caught.value.kind, caught.value.passing) == ("network", True)


@pytest.mark.parametrize("tls", [False, True])
def test_an_upload_that_is_denied_before_its_end_is_denied(
    make_registry: t.Callable[..., FakeRegistry], run_module: RunModule, tmp_path: Path, tls: bool
) -> None:
    registry = make_registry(tls=tls)
    path = images.write_layout(tmp_path / "layout", {"1": images.image(layers=[os.urandom(SIZE)], compression="")})
    large = registry.on("put_upload", where=lambda request: int(request.headers.get("Content-Length", "0")) >= SIZE)
    large.answer(403, code="DENIED").early()
    run_module("registry_push", registry.args(path=path, name="app:1")).failure("denied")
