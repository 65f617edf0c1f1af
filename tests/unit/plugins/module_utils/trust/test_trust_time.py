# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No server can hold a task up: whatever it does, an attempt ends soon after the last progress, and slow is not silent."""

from __future__ import annotations

import socket
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._http.origin import Target, Trust
from ansible_collections.ocitools.registry.plugins.module_utils._http.tls import TlsOptions
from ansible_collections.ocitools.registry.plugins.module_utils._http.transport import Answer, Transport
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.listeners import (
    Serve,
    full_house,
    listener,
    read_head,
    sending,
    shaking,
    taking,
)
from ansible_collections.ocitools.registry.tests.unit.plugins.strangers import tokens
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

pytestmark = pytest.mark.usefixtures("one_authority")

TIMEOUT = 1
IN_TIME = 30  # seconds; what is not given up never ends, so a slow machine may have them
OK = b"HTTP/1.1 200 OK\r\n"


class _Stopwatch:
    def __enter__(self) -> _Stopwatch:
        self._start = time.monotonic()
        return self

    def __exit__(self, *_details: object) -> None:
        self.seconds = time.monotonic() - self._start


def _ask(url: str, method: str = "GET", body: t.Any = None) -> Answer:
    target = Target.parse(url)
    transport = Transport(Trust(target.origin), TlsOptions(validate_certs=False), timeout=TIMEOUT)
    try:
        answer = transport.attempt(method, target, {}, body)
        answer.load(2**20, "The body")
        return answer
    finally:
        transport.close()


def _kind(url: str, method: str = "GET", body: t.Any = None) -> str:
    with _Stopwatch() as watch, pytest.raises(RegistryError) as caught:
        _ask(url, method, body)
    assert watch.seconds < IN_TIME
    return caught.value.kind


SLOW: dict[str, Serve] = {
    "silent": sending(),
    "silent after the status": sending(OK),
    "silent after the head": sending(OK, b"Content-Length: 9\r\n\r\n"),
    "silent within the body": sending(OK, b"Content-Length: 9\r\n\r\nfour"),
    "silent within a chunk": sending(OK, b"Transfer-Encoding: chunked\r\n\r\n9\r\nfour"),
    "dripping status": sending(endless=b"H", pause=0.2),
    "dripping head": sending(OK, b"X-Long: ", endless=b"a", pause=0.2),
    "dripping headers": sending(OK, endless=b"X: y\r\n", pause=0.2),
    "dripping body": sending(OK, b"Content-Length: 99999\r\n\r\n", endless=b"a", pause=0.2),
    "dripping chunks": sending(OK, b"Transfer-Encoding: chunked\r\n\r\n", endless=b"1\r\na\r\n", pause=0.2),
    "dripping trailer": sending(OK, b"Transfer-Encoding: chunked\r\n\r\n0\r\n", endless=b"X: y\r\n", pause=0.2),
    "dripping interim answers": sending(endless=b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.2),
    "padded headers": sending(OK, endless=b"X: " + b"y" * 400 + b"\r\n", pause=0.2),
    "padded interim answers": sending(endless=b"HTTP/1.1 103 Early Hints\r\nLink: <" + b"x" * 400 + b">\r\n\r\n", pause=0.2),
    "padded chunks": sending(OK, b"Transfer-Encoding: chunked\r\n\r\n", endless=b"1;" + b"x" * 400 + b"\r\na\r\n", pause=0.2),
    "upload that is not taken": taking(1, 60.0),
    "upload that is taken in drips": taking(100, 0.2),
    "silent handshake": shaking(),
    "dripping handshake": shaking(b"\x16\x03\x03\x40\x00", endless=b"\x02", pause=0.2),
}


def test_t23_a_server_that_does_hardly_anything_is_given_up() -> None:
    def kind(case: tuple[str, Serve]) -> str:
        scheme = "https" if "handshake" in case[0] else "http"
        with listener(case[1]) as port:
            return _kind(f"{scheme}://127.0.0.1:{port}/v2/", "PUT", bytes(12 * 2**20) if "upload" in case[0] else None)

    with ThreadPoolExecutor(len(SLOW)) as pool:  # each takes its whole timeout
        assert dict(zip(SLOW, pool.map(kind, SLOW.items()))) == dict.fromkeys(SLOW, "timeout")


ENDLESS: dict[str, Serve] = {
    "status": sending(endless=b"H" * 4096),
    "header": sending(OK, b"X-Long: ", endless=b"a" * 4096),
    "headers": sending(OK, endless=b"X: y\r\n" * 100),
    "body": sending(OK, b"\r\n", endless=b"a" * 4096),
    "chunk": sending(OK, b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", endless=b"a" * 4096),
    "size of a chunk": sending(OK, b"Transfer-Encoding: chunked\r\n\r\n", endless=b"0" * 4096),
    "trailer": sending(OK, b"Transfer-Encoding: chunked\r\n\r\n0\r\n", endless=b"X: y\r\n" * 100),
    "interim answers": sending(endless=b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "early hints": sending(endless=b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 100),
}


@pytest.mark.parametrize("serve", ENDLESS.values(), ids=list(ENDLESS))
def test_t23_what_never_ends_is_given_up_too(serve: Serve) -> None:
    with listener(serve) as port:
        assert _kind(f"http://127.0.0.1:{port}/v2/") in ("network", "limit", "invalid_response")


@pytest.mark.parametrize(
    ("head", "repeated"),
    [
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 60000 + b"\r\na\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 100 + b"\r\na\r\n"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: <" + b"x" * 60000 + b">\r\n\r\n"),
    ],
    ids=["chunks with long extensions", "chunks with short ones", "interim answers", "long interim answers"],
)
def test_t54_little_is_read_that_brings_no_content(head: bytes, repeated: bytes) -> None:
    sent = []

    def serve(connection: socket.socket, over: threading.Event) -> None:
        read_head(connection)
        connection.sendall(head)
        block = repeated * (1 + 60000 // len(repeated))
        while not over.is_set():
            connection.sendall(block)
            sent.append(len(block))

    with listener(serve) as port:
        assert _kind(f"http://127.0.0.1:{port}/v2/") == "invalid_response"
    assert sum(sent) < 16 * 2**20  # what the system holds between the two included


def test_t54_chunks_may_be_small() -> None:
    body = b"".join(b"1\r\n%c\r\n" % (97 + number % 26) for number in range(2**18)) + b"0\r\n\r\n"
    with listener(sending(OK, b"Transfer-Encoding: chunked\r\n\r\n", body)) as port:
        assert len(_ask(f"http://127.0.0.1:{port}/v2/").read_all(2**20, "The body")) == 2**18


def test_t23_a_connection_has_its_time() -> None:
    with full_house() as port:
        assert _kind(f"http://127.0.0.1:{port}/v2/") == "timeout"


@pytest.mark.parametrize("tls", [False, True])
def test_t23_a_proxy_has_its_time(monkeypatch: pytest.MonkeyPatch, tls: bool) -> None:
    with listener(sending(OK, endless=b"X: y\r\n", pause=0.2)) as port:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        assert _kind(f"{'https' if tls else 'http'}://reg.example/v2/") == "timeout"


def test_t23_slow_is_not_silent(guarded: FakeRegistry, connect: MakeClient) -> None:
    guarded.on("get_blob").drip(1024, 0.2)
    labels = {f"label-{number}": "x" * 500 for number in range(16)}
    guarded.add_image("app", "labels", config={"config": {"Labels": labels}})
    with _Stopwatch() as watch:
        config = connect(guarded, "app", timeout=TIMEOUT, retries=0).get_image_config("labels")
    assert config["config"]["Labels"] == labels
    assert watch.seconds > TIMEOUT


def test_t23_a_slow_upload_is_not_given_up() -> None:
    with listener(taking(2**16, 0.02)) as port, _Stopwatch() as watch:
        assert _ask(f"http://127.0.0.1:{port}/v2/", "PUT", bytes(5 * 2**20)).status == 201
    assert watch.seconds > TIMEOUT


def test_t23_all_attempts_of_a_task_are_bounded(guarded: FakeRegistry, run_module: RunModule, waits: list[float]) -> None:
    guarded.on("token", times=None).silence()
    options = guarded.args(name=["app:1"], details="digest", timeout=TIMEOUT, retries=1)
    with _Stopwatch() as watch:
        message = run_module("registry_image_info", options).failure("timeout").msg
    assert watch.seconds < 2 * IN_TIME
    assert (guarded.counts()["token"], len(waits)) == (2, 1)
    assert f"{tokens(guarded).url.split('/')[2]} did not respond in time" in message
