# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads in chunks, and what registries say of those that they have taken."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._registry import upload_session
from ansible_collections.ocitools.registry.plugins.module_utils._registry.capabilities import Capabilities
from ansible_collections.ocitools.registry.tests.unit.plugins.uploads import MIB, MakeRegistry, Push, is_large
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def _count_one_more(answer: t.Any) -> None:
    told = re.fullmatch(r"0-(\d+)", answer.headers.get("Range"))
    if told:
        answer.headers.set("Range", f"0-{int(told[1]) + 1}")


def test_46_chunks(registry: FakeRegistry, tmp_path: Path) -> None:
    push = Push(registry, tmp_path, size=3 * MIB + 5, chunk_size=MIB)
    push.run()
    sizes = [request.length for request in registry.named("patch_upload")]
    assert sizes[:3] == [MIB, MIB, MIB]
    assert sum(sizes) == push.content.document["layers"][0]["size"]


def test_51_the_least_chunk_is_kept(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry(chunk_minimum=2 * MIB)
    Push(registry, tmp_path, size=5 * MIB, chunk_size=MIB).run()
    assert [request.length for request in registry.named("patch_upload")][:2] == [2 * MIB, 2 * MIB]


def test_47_a_416_is_settled_by_the_state_of_the_upload(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.on("patch_upload", nth=2).answer(416)
    Push(registry, tmp_path, size=4 * MIB, chunk_size=MIB).run()
    assert registry.counts()["upload_status"] == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_48_a_refused_chunk_goes_on_from_the_state_of_the_upload(registry: FakeRegistry, tmp_path: Path, status: int) -> None:
    registry.on("patch_upload", nth=3).answer(status)
    Push(registry, tmp_path, size=5 * MIB, chunk_size=MIB).run()
    assert registry.counts()["upload_status"] == 1
    assert [str(request.headers.get("Content-Range")).partition("-")[0] for request in registry.named("patch_upload")].count("0") == 1


def test_49_a_registry_that_appends_silently_is_caught_by_its_range(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry("distribution2")
    registry.on("patch_upload", nth=2).reset_in_body(MIB // 2)
    Push(registry, tmp_path, size=4 * MIB, chunk_size=MIB).run()


@pytest.mark.parametrize("chunk_range", ["off", "garbage", "stale", "relative"])
def test_50_a_range_that_does_not_fit(make_registry: MakeRegistry, tmp_path: Path, chunk_range: str) -> None:
    registry = make_registry(chunk_range=chunk_range)
    Push(registry, tmp_path, size=13 * MIB, chunk_size=MIB).run()
    assert registry.counts()["patch_upload"] <= 14
    assert registry.counts().get("upload_status", 0) <= 1  # it is asked once what is true


def test_a_registry_that_says_one_byte_too_many_begins_anew(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry("quay")
    registry.on("upload_status", times=None, optional=True).change(_count_one_more)
    registry.on("patch_upload", nth=3).reset_in_body(MIB // 2)
    Push(registry, tmp_path, size=8 * MIB, chunk_size=MIB).run()


def test_a_connection_that_breaks_in_every_chunk_gets_on_all_the_same(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.on("patch_upload", times=12, where=is_large).reset_in_body(MIB // 2)
    Push(registry, tmp_path, size=8 * MIB, chunk_size=MIB).run()


@pytest.mark.parametrize("status", [0, 408, 502, 504])
def test_what_a_proxy_does_not_let_through_is_sent_in_shorter_chunks(registry: FakeRegistry, tmp_path: Path, status: int) -> None:
    for endpoint in ("put_upload", "patch_upload"):
        rule = registry.on(endpoint, where=lambda request: int(request.headers.get("Content-Length", "0")) > 5 * MIB, times=None)
        rule.answer(status) if status else rule.reset()
    Push(registry, tmp_path, size=17 * MIB).run()
    assert max(request.length for request in registry.named("patch_upload") if request.status == 202) == 4 * MIB


def test_a_chunk_that_broke_halfway_does_not_make_the_next_ones_shorter(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.on("patch_upload", where=is_large).reset_in_body(MIB)
    Push(registry, tmp_path, size=9 * MIB, chunk_size=4 * MIB).run()
    assert [request.length for request in registry.named("patch_upload")][1:3] == [4 * MIB, 4 * MIB]


@pytest.mark.parametrize("chunk", [2, 4])
@pytest.mark.parametrize("status", [0, 502])
def test_a_chunk_that_broke_after_others_of_its_length_is_sent_again_as_it_was(
    registry: FakeRegistry, tmp_path: Path, chunk: int, status: int
) -> None:
    rule = registry.on("patch_upload", nth=chunk)
    rule.answer(status) if status else rule.reset()
    Push(registry, tmp_path, size=13 * MIB, chunk_size=4 * MIB).run()
    assert [request.length // MIB for request in registry.named("patch_upload") if request.status == 202] == [4, 4, 4, 1]


def test_chunks_become_shorter_though_those_before_got_through(registry: FakeRegistry, tmp_path: Path) -> None:
    slow = registry.on("patch_upload", where=lambda request: int(request.headers.get("Content-Length", "0")) > 2 * MIB, nth=2, times=None)
    slow.answer(504)
    Push(registry, tmp_path, size=12 * MIB, chunk_size=4 * MIB).run()
    assert [request.length // MIB for request in registry.named("patch_upload")][:5] == [4, 4, 4, 1, 1]


def test_what_several_threads_could_not_send_at_one_time_shortens_chunks_once() -> None:
    capabilities = Capabilities()
    for _thread in range(4):
        capabilities.shorten_chunks(16 * MIB, MIB)
    assert capabilities.largest_chunk == 4 * MIB
    capabilities.shorten_chunks(4 * MIB, MIB)
    assert capabilities.largest_chunk == MIB


@pytest.mark.parametrize("status", [201, 202, 204])
def test_a_chunk_is_taken_by_any_good_answer(make_registry: MakeRegistry, tmp_path: Path, status: int) -> None:
    Push(make_registry(patch_status=status), tmp_path, chunk_size=MIB).run()


@pytest.mark.parametrize("chunk_size", [0, MIB])
@pytest.mark.parametrize("status", [500, 503])
def test_an_upload_whose_end_always_fails_is_given_up(
    registry: FakeRegistry, tmp_path: Path, waits: list[float], status: int, chunk_size: int
) -> None:
    registry.on("put_upload", times=None).answer(status)
    Push(registry, tmp_path, chunk_size=chunk_size).fail()
    assert len(waits) <= 2 * 4


# T54: progress is what the registry has, and each blob is sent a few times at most


def _sent(push: Push) -> float:
    """How many times the bytes of the layer were sent."""
    size = int(push.content.document["layers"][0]["size"])
    return sum(request.length for request in push.registry.named("put_upload", "patch_upload")) / size


@pytest.mark.parametrize(("keeps", "chunk_size"), [(2, MIB), (2, 8 * MIB), (1000, MIB), (MIB - 1, 4 * MIB), (0, MIB)])
def test_t54_a_registry_that_takes_hardly_any_of_each_chunk_is_given_up(
    make_registry: MakeRegistry, tmp_path: Path, keeps: int, chunk_size: int
) -> None:
    push = Push(make_registry(chunk_keeps=keeps), tmp_path, size=9 * MIB, chunk_size=chunk_size)
    error = push.fail()
    assert error.kind == "server"
    assert "lost the upload session, or its content" in error.message
    assert _sent(push) < 8
    assert push.registry.counts()["patch_upload"] <= 6


@pytest.mark.parametrize("keeps", [MIB, MIB + 1, 3 * MIB])
def test_t54_of_one_that_takes_a_part_of_each_chunk_less_is_asked_for(make_registry: MakeRegistry, tmp_path: Path, keeps: int) -> None:
    push = Push(make_registry(chunk_keeps=keeps), tmp_path, size=16 * MIB, chunk_size=8 * MIB)
    push.run()
    assert _sent(push) < 2


@pytest.mark.parametrize(("retries", "most"), [(0, 5), (4, 9)])
def test_t54_a_registry_that_always_has_a_little_more_is_not_sent_the_blob_for_ever(
    make_registry: MakeRegistry, tmp_path: Path, retries: int, most: int
) -> None:
    registry = make_registry(chunk_keeps=MIB)
    registry.on("mount", times=None).headers({"OCI-Chunk-Min-Length": str(64 * MIB)})
    push = Push(registry, tmp_path, size=32 * MIB, chunk_size=MIB, retries=retries)
    assert push.fail().kind == "server"
    assert _sent(push) < most


def test_t54_nor_is_the_source_read_for_ever(registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_session, "_MOST_READS", 4)
    registry.on("patch_upload", where=is_large, times=None).reset_in_body(MIB + 1)
    push = Push(registry, tmp_path, size=24 * MIB, chunk_size=2 * MIB)
    assert "lost the upload session, or its content" in push.fail().message
    assert registry.counts()["patch_upload"] < 18
