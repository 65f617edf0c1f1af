# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads of one blob under all that registries, proxies and networks do to them."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._local.files import LocalFile
from ansible_collections.ocitools.registry.plugins.module_utils._local.oci_layout import LayoutImage
from ansible_collections.ocitools.registry.plugins.module_utils._local.source import open_source
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.uploads import MIB, MakeRegistry, Push, is_large
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

# One request a blob


def test_40_41_a_blob_goes_once_and_is_found_the_next_time(registry: FakeRegistry, tmp_path: Path) -> None:
    Push(registry, tmp_path).run()
    assert registry.counts()["put_upload"] == 2
    registry.remove_manifest("app", registry.tags("app")["1"])
    registry.clear()
    Push(registry, tmp_path).run()
    assert "put_upload" not in registry.counts()
    assert registry.counts()["mount"] == 2


@pytest.mark.parametrize("location", ["absolute", "relative", "other_host"])
@pytest.mark.parametrize("query", [True, False])
def test_59_locations(make_registry: MakeRegistry, tmp_path: Path, location: str, query: bool) -> None:
    registry = make_registry(auth="basic" if location != "other_host" else "", tls=False, location=location, location_query=query)
    Push(registry, tmp_path, allowed_hosts=[registry.storage.host] if location == "other_host" else []).run()


def test_63_an_empty_blob(registry: FakeRegistry, tmp_path: Path) -> None:
    empty = images.artifact(data=b"")
    path = images.write_layout(tmp_path / "layout", {"1": empty})
    push = Push(registry, tmp_path / "other")
    source = t.cast(LayoutImage, open_source(path, None))
    push.client.push_image("1", source)
    assert registry.tags("app") == {"1": empty.digest}
    source.close()


# Refusals


@pytest.mark.parametrize("early", [False, True])
def test_60_a_body_that_is_too_large_goes_in_chunks(make_registry: MakeRegistry, tmp_path: Path, early: bool) -> None:
    registry = make_registry(body_limit=2 * MIB)
    if early:
        registry.on("put_upload", where=is_large).html(413).early()
    Push(registry, tmp_path, size=9 * MIB).run()
    assert max(request.length for request in registry.named("patch_upload") if request.status < 300) <= 2 * MIB


@pytest.mark.parametrize("chunk_size", [0, 16 * MIB])
def test_a_chunk_limit_is_found(make_registry: MakeRegistry, tmp_path: Path, chunk_size: int) -> None:
    registry = make_registry(chunk_limit=2 * MIB, body_limit=6 * MIB)
    Push(registry, tmp_path, size=9 * MIB, chunk_size=chunk_size).run()


def test_a_body_that_is_too_large_in_any_size_is_said(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry(body_limit=1000)
    error = Push(registry, tmp_path).fail()
    assert (error.kind, error.status) == ("limit", 413)


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(403, "DENIED", "denied"), (507, "", "server"), (400, "MANIFEST_INVALID", "invalid_response")]
)
def test_61_a_refusal_is_final(registry: FakeRegistry, tmp_path: Path, status: int, code: str, kind: str) -> None:
    registry.on("put_upload").answer(status, code=code)
    assert Push(registry, tmp_path).fail().kind == kind
    assert registry.sessions("app") == []


def test_62_a_read_only_registry(make_registry: MakeRegistry, tmp_path: Path) -> None:
    error = Push(make_registry(read_only=True), tmp_path).fail()
    assert (error.kind, error.status) == ("unsupported", 405)


def test_53_a_digest_that_is_refused_is_tried_once_more(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.on("put_upload", times=2).answer(400, code="DIGEST_INVALID")
    error = Push(registry, tmp_path).fail()
    assert error.code == "DIGEST_INVALID"
    assert registry.counts()["put_upload"] == 2


def test_66_a_session_is_cancelled_where_that_takes_the_right_to_delete(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry(auth="token")
    registry.on("put_upload", times=None).answer(403, code="DENIED")
    Push(registry, tmp_path, retries=0).fail()
    assert registry.sessions("app") == []


def test_66_a_session_that_is_given_up_is_cancelled(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry(cancel=500)
    registry.on("put_upload").answer(403, code="DENIED")
    assert Push(registry, tmp_path, retries=0).fail().kind == "denied"
    assert registry.counts()["cancel_upload"] == 1


# Connections that break


@pytest.mark.parametrize("times", [1, 2])
def test_56_a_broken_connection_is_no_failure(registry: FakeRegistry, tmp_path: Path, times: int) -> None:
    registry.on("put_upload", times=times, where=is_large).reset_in_body(MIB)
    Push(registry, tmp_path).run()


def test_after_repeated_breaks_chunks_resume_where_it_broke(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.on("put_upload", times=2, where=is_large).reset_in_body(MIB)
    registry.on("patch_upload", nth=2).reset_in_body(MIB)
    push = Push(registry, tmp_path, size=20 * MIB)
    push.run()
    offsets = [str(request.headers.get("Content-Range")).partition("-")[0] for request in registry.named("patch_upload")]
    assert len(offsets) >= 3
    assert offsets.count("0") == 1


@pytest.mark.parametrize("resumable", [True, False])
def test_57_a_session_that_is_lost_begins_anew(make_registry: MakeRegistry, tmp_path: Path, resumable: bool) -> None:
    registry = make_registry(resumable=resumable)
    registry.on("patch_upload", nth=2).reset_in_body(MIB)
    Push(registry, tmp_path, size=8 * MIB, chunk_size=2 * MIB).run()
    starts = [request for request in registry.named("patch_upload") if str(request.headers.get("Content-Range")).startswith("0-")]
    assert len(starts) == (1 if resumable else 2)


def test_a_session_that_is_lost_again_and_again_is_an_error(registry: FakeRegistry, tmp_path: Path, waits: list[float]) -> None:
    registry.on("put_upload", times=None).answer(404, code="BLOB_UPLOAD_UNKNOWN")
    error = Push(registry, tmp_path, retries=3).fail()
    assert "lost the upload session" in error.message
    assert len(waits) == 3


def test_58_a_lost_answer_to_the_last_put_is_settled_by_head(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.on("put_upload", times=2).drop()
    push = Push(registry, tmp_path)
    push.run()
    assert push.bodies() == 1


def test_58_a_lost_commit_that_says_unknown_is_settled_by_head(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.on("put_upload").status(404)
    push = Push(registry, tmp_path)
    push.run()
    assert push.bodies() == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_52_a_passing_fault_is_tried_again(registry: FakeRegistry, tmp_path: Path, waits: list[float], status: int) -> None:
    registry.on("put_upload", times=2).answer(status)
    Push(registry, tmp_path).run()
    assert len(waits) == 2


def test_a_fault_that_stays_is_an_error(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.on("put_upload", times=None).answer(503)
    assert Push(registry, tmp_path, retries=1).fail().kind == "server"


# Tokens


@pytest.mark.parametrize("endpoint", ["put_upload", "patch_upload"])
def test_54_55_a_token_that_ends_during_an_upload_is_renewed(make_registry: MakeRegistry, tmp_path: Path, endpoint: str) -> None:
    registry = make_registry(auth="token")
    registry.on(endpoint, nth=2, before_auth=True).call(lambda _request: registry.auth.expire_all())
    chunk_size = MIB if endpoint == "patch_upload" else 0
    Push(registry, tmp_path, chunk_size=chunk_size).run()
    assert registry.counts()["token"] == 2


# Sources that change


def test_67_a_source_that_changes_while_it_is_sent_is_found(registry: FakeRegistry, tmp_path: Path) -> None:
    push = Push(registry, tmp_path)
    blob = Path(push.path) / "blobs" / push.layer.replace(":", "/")

    def spoil(_request: t.Any) -> None:
        raw = bytearray(blob.read_bytes())
        raw[-1] ^= 1
        blob.write_bytes(bytes(raw))

    registry.on("put_upload", where=lambda request: push.layer in str(request.query), optional=True).call(spoil)
    registry.on("mount", where=lambda request: push.layer in str(request.query)).then(spoil)
    error = push.fail()
    assert error.kind in ("digest_mismatch", "invalid_source")
    assert not registry.has_blob("app", push.layer)


def test_a_registry_that_forgets_what_it_took_is_given_up(registry: FakeRegistry, tmp_path: Path) -> None:
    chunks = iter(range(10_000))
    registry.on("patch_upload", where=lambda request: next(chunks) % 2 == 1, times=None).answer(503)
    registry.on("upload_status", times=None).headers({"Range": "0-1"})
    assert Push(registry, tmp_path, chunk_size=MIB, retries=3).fail().kind == "server"
    assert registry.counts()["patch_upload"] < 40


# Large blobs are read and checked while they are sent


def _damage(push: Push, at: int) -> None:
    """Change one byte of the layer in the layout."""
    path = Path(push.path, "blobs", *push.layer.split(":"))
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("chunk_size", [0, 2 * MIB])
@pytest.mark.parametrize("at", [0, -1])
def test_a_large_blob_that_is_corrupt_never_becomes_visible(registry: FakeRegistry, tmp_path: Path, chunk_size: int, at: int) -> None:
    push = Push(registry, tmp_path, size=6 * MIB, chunk_size=chunk_size)
    _damage(push, at)
    error = push.fail()
    assert (error.kind, push.layer in error.message) == ("digest_mismatch", True)
    assert not registry.has_blob("app", push.layer)
    assert registry.sessions("app") == []
    assert push.bodies() <= (1 if chunk_size == 0 else 6 * MIB // chunk_size + 1)


def test_of_a_corrupt_blob_the_last_block_is_not_sent(registry: FakeRegistry, tmp_path: Path) -> None:
    push = Push(registry, tmp_path, size=6 * MIB, chunk_size=2 * MIB)
    _damage(push, 0)
    push.fail()
    taken = [request for request in registry.named("patch_upload") if 200 <= request.status < 300]
    assert sum(request.length for request in taken) < push.content.document["layers"][0]["size"]
    assert all(request.status == 0 or request.status >= 400 for request in registry.named("put_upload") if request.length == 0)


def test_a_small_blob_that_is_corrupt_is_found_before_its_first_byte(registry: FakeRegistry, tmp_path: Path) -> None:
    push = Push(registry, tmp_path, size=3 * MIB)
    _damage(push, -1)
    assert push.fail().kind == "digest_mismatch"
    assert push.bodies() == 0
    assert registry.sessions("app") == []


def test_a_large_blob_is_read_once(registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = LocalFile.read_at

    def count(file: LocalFile, offset: int, amount: int) -> bytes:
        block = original(file, offset, amount)
        read.append(len(block))
        return block

    monkeypatch.setattr(LocalFile, "read_at", count)
    Push(registry, tmp_path, size=6 * MIB).run()
    assert 6 * MIB < sum(read) < 7 * MIB
