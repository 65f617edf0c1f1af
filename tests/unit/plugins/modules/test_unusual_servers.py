# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers, and what stands in front of them, may do although few do it: the task goes on, or says in one sentence what is in its way."""

from __future__ import annotations

import os
import socket
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http import sockets
from ansible_collections.ocitools.registry.tests.unit.plugins import images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.listeners import listener
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

MakeRegistry = t.Callable[..., FakeRegistry]
LARGE = 4 * 1024 * 1024


def _look(run_module: RunModule, there: FakeRegistry, **options: t.Any) -> Result:
    return run_module("registry_image_info", there.args(**{"name": ["app:1"], "details": "digest", **options}))


def _push(run_module: RunModule, there: FakeRegistry, folder: Path, check: bool = False, **options: t.Any) -> Result:
    """Push an image of one large layer."""
    path = images.write_layout(folder / "layout", {"1": images.image(layers=[os.urandom(LARGE)], compression="")})
    return run_module("registry_push", there.args(path=path, name="new:1", **options), check=check)


def _push_again(run_module: RunModule, there: FakeRegistry, folder: Path) -> Result:
    """Tell what it would take to push that image once more."""
    return run_module("registry_push", there.args(path=str(folder / "layout"), name="new:1"), check=True).ok()


# Addresses


def test_an_address_that_does_not_answer_leaves_time_for_the_next_one_and_comes_after_it_then(
    registry: FakeRegistry, names: dict[str, str], run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["reg.example"] = "127.0.0.2 127.0.0.1"
    registry.add_image("app", "1")
    registry.on("head_manifest").headers({"Connection": "close"}).close()
    real = sockets._open
    asked: list[tuple[str, float]] = []

    def open_one(address: str, port: int, timeout: float, *others: t.Any) -> socket.socket:
        asked.append((address, timeout))
        if address == "127.0.0.2":
            raise TimeoutError("timed out")
        return real(address, port, timeout, *others)

    monkeypatch.setattr(sockets, "_open", open_one)
    host = f"reg.example:{registry.server.port}"
    _look(run_module, registry, registry=host, name=["app:1", "app:1"], concurrency=1, timeout=60, retries=0).ok()
    assert [address for address, _timeout in asked] == ["127.0.0.2", "127.0.0.1", "127.0.0.1"]
    assert asked[0][1] <= 10
    assert asked[1][1] > 30


def test_a_connection_that_is_reset_at_once(registry: FakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = sockets._open, [ConnectionResetError(104, "Connection reset by peer"), BrokenPipeError(32, "Broken pipe")]

    def open_one(*args: t.Any) -> socket.socket:
        if failures:
            raise failures.pop()
        return real(*args)

    registry.add_image("app", "1")
    monkeypatch.setattr(sockets, "_open", open_one)
    _look(run_module, registry, retries=0).failure("network")
    _look(run_module, registry, retries=1).ok()


# Headers


@pytest.mark.parametrize("header", ["Docker-Content-Digest", "Content-Type"])
@pytest.mark.parametrize("details", ["digest", "manifest"])
def test_a_header_that_a_proxy_repeats_counts_once(registry: FakeRegistry, run_module: RunModule, header: str, details: str) -> None:
    digest = registry.add_image("app", "1").digest

    def repeat(answer: Answer) -> None:
        answer.headers.add(header, str(answer.headers.get(header)))

    registry.on("head_manifest" if details == "digest" else "get_manifest").change(repeat)
    assert _look(run_module, registry, details=details).ok()["images"][0]["digest"] == digest
    assert len(registry.log()) == 1


def test_of_two_digests_none_is_believed(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    other = registry.add_image("app", "2").digest
    registry.on("head_manifest").add_header("Docker-Content-Digest", other)
    failure = _look(run_module, registry).failure("invalid_response")
    assert failure.error["reference"] == registry.name("app:1")


def test_an_upload_address_that_is_repeated_is_one_and_its_scheme_may_be_in_capitals(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    def repeat(answer: Answer) -> None:
        address = str(answer.headers.get("Location"))
        absolute = address if "://" in address else f"{registry.url}{address}"
        answer.headers.set("Location", absolute.replace("http://", "HTTP://"))
        answer.headers.add("Location", absolute.replace("http://", "HTTP://"))

    registry.on("mount", times=None).change(repeat)
    _push(run_module, registry, tmp_path).ok()
    assert "1" in registry.tags("new")


def test_an_upload_without_an_address_says_of_which_registry_it_is(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry.on("mount", times=None).headers({"Location": None})
    failure = _push(run_module, registry, tmp_path, concurrency=1).failure("untrusted_target")
    assert (failure.error["registry"], failure.error["reference"]) == (registry.host, registry.name("new"))


def test_media_types_may_be_written_in_capitals(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    registry.on("get_manifest").headers({"Content-Type": "Application/Vnd.OCI.Image.Manifest.v1+JSON; Charset=UTF-8"})
    _look(run_module, registry, details="manifest").ok()


@pytest.mark.parametrize("header", ['Bearer error="x", Basic realm="r"', 'Negotiate, Basic realm="r", Bearer'])
def test_a_challenge_for_tokens_that_names_no_server_gives_way_to_one_for_a_password(
    make_registry: MakeRegistry, run_module: RunModule, header: str
) -> None:
    registry = make_registry(auth="basic")
    registry.add_image("app", "1")
    registry.on("head_manifest", before_auth=True).answer(401, {"WWW-Authenticate": header})
    _look(run_module, registry).ok()


# HEAD, and redirects


def test_a_registry_that_refuses_every_head(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry = make_registry(head_blob=405, head_manifest=405, mount="ignored")
    foreseen = _push(run_module, registry, tmp_path, check=True).ok()
    assert len(foreseen["uploaded_blobs"]) == 2
    pushed = _push(run_module, registry, tmp_path).ok()
    assert registry.gaps() == []
    registry.remove_manifest("new", pushed["digest"])
    assert len(_push_again(run_module, registry, tmp_path)["existing_blobs"]) == 2
    options = registry.args(path=str(tmp_path / "layout"), name="new:1")
    assert sum(blob["size"] for blob in run_module("registry_push", options).ok()["existing_blobs"]) >= LARGE


@pytest.mark.parametrize("head", ["ok", 405])
def test_the_length_of_a_compressed_answer_is_not_that_of_the_blob(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, head: t.Any
) -> None:
    registry = make_registry(head_blob=head)
    registry.remove_manifest("new", _push(run_module, registry, tmp_path).ok()["digest"])
    for endpoint in ("head_blob", "get_blob"):
        registry.on(endpoint, times=None, optional=True).headers({"Content-Encoding": "gzip", "Content-Length": "17"})
    assert len(_push_again(run_module, registry, tmp_path)["existing_blobs"]) == 2


@pytest.mark.parametrize("module", ["registry_tag", "registry_push", "registry_copy"])
def test_a_tag_that_head_does_not_find_is_not_overwritten_where_it_must_stay(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, module: str
) -> None:
    registry = make_registry(auth="token", head_manifest=404)
    other = registry.add_image("app", "1").digest
    registry.add_image("app", "2")
    path = images.write_layout(tmp_path / "layout", {"1": images.image()})
    own: dict[str, dict[str, t.Any]] = {
        "registry_tag": {"name": "app:2", "tags": ["1"]},
        "registry_push": {"path": path, "name": "app:1"},
        "registry_copy": {"src": "app:2", "dest": "app:1"},
    }
    kept = run_module(module, registry.args(existing="keep", **own[module])).ok()
    assert kept["kept_images"] == [registry.name("app:1")]
    run_module(module, registry.args(existing="fail", **own[module])).failure("conflict")
    assert registry.tags("app")["1"] == other
    assert registry.writes() == []


@pytest.mark.parametrize("put_digest", ["ok", "off"])
def test_a_tag_that_head_does_not_find_was_not_moved_by_somebody_else(
    make_registry: MakeRegistry, run_module: RunModule, put_digest: str
) -> None:
    registry = make_registry(auth="token", head_manifest=404, put_digest=put_digest)
    for name in ("amd64", "arm64"):
        registry.add_image("app", name, platform=f"linux/{name}")
    run_module("registry_tag", registry.args(name="app:amd64", tags=["new"])).ok()
    run_module("registry_index", registry.args(name="app:both", images=["app:amd64"])).ok()
    appended = run_module("registry_index", registry.args(name="app:both", images=["app:arm64"], children="append")).ok()
    assert len(appended["platforms"]) == 2
    for key in (signing.make_key(), signing.make_key()):
        run_module("registry_sign", registry.args(name="app:both", signing_key=signing.private_pem(key))).ok()


@pytest.mark.parametrize(
    ("style", "method"), [("distribution3", "auto"), ("distribution3", "tag"), ("distribution3", "substitute"), ("distribution2", "auto")]
)
def test_a_tag_that_head_does_not_find_is_deleted_and_no_other(
    make_registry: MakeRegistry, run_module: RunModule, style: str, method: str
) -> None:
    registry = make_registry(style, auth="token", head_manifest=404)
    raw = registry.add_image("app", "1").raw
    for tag in ("2", "3"):
        registry.add_manifest("app", raw, tag=tag)
    before = registry.tags("app")
    result = run_module("registry_tag_delete", registry.args(name="app:1", method=method)).ok()
    assert result["deleted_tags"] == ["1"]
    assert registry.tags("app") == {tag: before[tag] for tag in ("2", "3")}
    assert len(registry.writes()) <= (1 if style == "distribution3" and method != "substitute" else 4)


def test_a_deletion_that_takes_its_time_is_waited_for_where_head_finds_nothing(
    make_registry: MakeRegistry, run_module: RunModule, waits: list[float]
) -> None:
    registry = make_registry(auth="token", head_manifest=404, delete_by_tag="stale")
    registry.add_image("app", "1")
    run_module("registry_tag_delete", registry.args(name="app:1")).ok()
    assert waits
    assert registry.tags("app") == {}


@pytest.mark.parametrize("status", [400, 403, 405])
def test_an_address_that_is_signed_for_get_alone(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, status: int) -> None:
    registry = make_registry(mount="ignored")
    added = registry.add_image("app", "1")

    def serve(connection: socket.socket, _over: threading.Event) -> None:
        method = connection.recv(65536).split()[0]
        head = f"HTTP/1.1 {status if method == b'HEAD' else 200} X\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"
        connection.sendall(f"{head}Content-Length: {len(added.raw)}\r\nConnection: close\r\n\r\n".encode())
        connection.sendall(added.raw if method == b"GET" else b"")

    with listener(serve) as port:
        for endpoint in ("head_manifest", "get_manifest", "head_blob"):
            registry.on(endpoint, path="/app/manifests|/blobs/", times=None).redirect(f"http://127.0.0.1:{port}/signed")
        options: dict[str, t.Any] = {"allowed_hosts": [f"127.0.0.1:{port}"], "retries": 0}
        assert _look(run_module, registry, **options).ok()["images"][0]["digest"] == added.digest
        _look(run_module, registry, details="manifest", **options).ok()
        _push(run_module, registry, tmp_path, **options).ok()
    assert "1" in registry.tags("new")


@pytest.mark.parametrize("auth", ["", "basic"])
def test_a_registry_over_http_that_leads_to_itself_over_tls(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, auth: str
) -> None:
    secure = make_registry(tls=True, auth=auth)
    secure.add_image("app", "1")

    def serve(connection: socket.socket, _over: threading.Event) -> None:
        path = connection.recv(65536).split()[1].decode()
        head = f"HTTP/1.1 301 Moved Permanently\r\nLocation: {secure.url}{path}\r\n"
        connection.sendall(f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())

    with listener(serve) as port:
        options: dict[str, t.Any] = {"registry": f"localhost:{port}", "plain_http": True, "retries": 0, "allowed_hosts": [secure.host]}
        result = _look(run_module, secure, **options) if auth else _push(run_module, secure, tmp_path, **options)
    assert "leave out plain_http" in result.failure("server" if auth else "untrusted_target").msg


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_write_that_is_redirected_within_the_registry_does_not_speak_of_another_host(
    registry: FakeRegistry, run_module: RunModule, status: int
) -> None:
    registry.add_image("app", "1")
    registry.on("put_manifest").redirect("/v2/app/manifests/moved", status)
    message = run_module("registry_tag", registry.args(name="app:1", tags=["2"])).failure("untrusted_target").msg
    assert "another host" not in message
    assert f"with status {status}" in message


def test_a_proxy_that_hides_the_port_from_the_registry_is_told_of(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry.on("mount", times=None).headers({"Location": "http://127.0.0.1/v2/new/blobs/uploads/1"})
    failure = _push(run_module, registry, tmp_path, concurrency=1).failure("untrusted_target")
    assert f"the Host header with the port {registry.server.port}" in failure.msg


def test_a_proxy_that_hides_tls_from_the_registry_is_told_of(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry = make_registry(tls=True)
    registry.on("mount", times=None).headers({"Location": f"{registry.url.replace('https', 'http')}/v2/new/blobs/uploads/1"})
    failure = _push(run_module, registry, tmp_path, concurrency=1).failure("untrusted_target")
    assert "must send X-Forwarded-Proto: https" in failure.msg
    assert failure.error["registry"] == registry.host
