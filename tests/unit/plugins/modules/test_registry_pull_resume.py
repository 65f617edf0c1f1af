# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_pull over bad connections: what is asked for again, from which byte, and when it is given up."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import MIB, content_of, large_image, put, temporary_files
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.faults import Rule
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

MakeRegistry = t.Callable[..., FakeRegistry]
LARGE = large_image(5 * MIB)
LAYER = max(LARGE.blobs, key=lambda digest: len(LARGE.blobs[digest]))
SIZE = len(LARGE.blobs[LAYER])
PATH = LAYER.replace("+", ".")


@pytest.fixture
def pull(run_module: RunModule, tmp_path: Path) -> t.Callable[[FakeRegistry], Result]:
    """Pull the large image; what arrives is right or the task fails and no temporary file stays."""

    def run(registry: FakeRegistry, **options: t.Any) -> Result:
        put(registry, "app", "1.0", LARGE)
        result = run_module("registry_pull", registry.args(name="app:1.0", path=str(tmp_path / "app"), **options))
        if not result.failed:
            assert content_of(tmp_path / "app") == LARGE.files
        assert temporary_files(tmp_path) == []
        return result

    return run


def ranges(registry: FakeRegistry) -> list[str]:
    """The Range headers of the requests for the layer, "" for none."""
    return [
        request.headers.get("Range") for request in registry.named("get_blob") if LAYER in request.path and request.server == "registry"
    ]


def layer(registry: FakeRegistry, **options: t.Any) -> Rule:
    """Return a rule for the requests for the layer."""
    return registry.on("get_blob", PATH, **options)


def test_a_broken_download_goes_on_where_it_broke(registry: FakeRegistry, pull: t.Any, waits: list[float]) -> None:
    layer(registry).truncate(3 * MIB)
    pull(registry).ok()
    assert ranges(registry) == ["", f"bytes={3 * MIB}-"]
    assert len(waits) == 1


def test_a_download_that_was_reset_goes_on(registry: FakeRegistry, pull: t.Any, waits: list[float]) -> None:
    layer(registry).truncate(3 * MIB, reset=True)
    pull(registry).ok()
    assert len(ranges(registry)) == 2
    assert len(waits) == 1


def test_a_part_that_is_less_than_what_was_asked_for_is_gone_on_from(registry: FakeRegistry, pull: t.Any) -> None:
    def shorten(answer: Answer) -> None:
        part = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", str(answer.headers.get("Content-Range")))
        assert part
        start, kept = int(part[1]), answer.content()[:MIB]
        answer.replace(kept)
        answer.headers.set("Content-Range", f"bytes {start}-{start + len(kept) - 1}/{part[2]}")

    layer(registry).truncate(2 * MIB)
    layer(registry, nth=1, times=2).change(shorten)
    pull(registry, retries=1).ok()
    assert ranges(registry) == ["", *(f"bytes={start * MIB}-" for start in (2, 3, 4))]


def test_each_block_renews_the_attempts(registry: FakeRegistry, pull: t.Any) -> None:
    layer(registry, times=4).truncate(MIB + 100_000)
    pull(registry, retries=1).ok()
    assert len(ranges(registry)) == 5


def test_a_connection_that_breaks_at_every_byte_is_given_up(registry: FakeRegistry, pull: t.Any, waits: list[float]) -> None:
    layer(registry, times=5).truncate(10)
    pull(registry).failure("network")
    assert len(ranges(registry)) == 5
    assert len(waits) == 4


def test_a_registry_that_ignores_ranges_is_read_from_the_start(make_registry: MakeRegistry, pull: t.Any) -> None:
    registry = make_registry(ranges="ignored")
    layer(registry).truncate(3 * MIB)
    pull(registry).ok()
    assert len(ranges(registry)) == 2


def test_t54_a_registry_that_ignores_ranges_and_breaks_again_and_again_is_given_up(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    registry = make_registry(ranges="ignored")
    content = put(registry, "app", "1.0", large_image(16 * MIB))
    parts = iter(range(MIB + 1, 17 * MIB, MIB + 1))
    layers = registry.on("get_blob", where=lambda request: request.reference == content.document["layers"][0]["digest"], times=None)
    layers.change(lambda answer: setattr(answer.delivery, "truncate", next(parts)))
    options = registry.args(name="app:1.0", path=str(tmp_path / "app"), retries=1)
    assert "does not support resuming a download" in run_module("registry_pull", options).failure("network").msg
    assert registry.counts()["get_blob"] < 16
    assert temporary_files(tmp_path) == []


def test_a_part_that_begins_too_early_is_used_from_the_right_byte(make_registry: MakeRegistry, pull: t.Any) -> None:
    registry = make_registry(ranges="wrong")
    layer(registry).truncate(3 * MIB)
    pull(registry).ok()
    assert len(ranges(registry)) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": f"bytes 7-{SIZE - 1}/{SIZE}"},
        {"Content-Range": None},
        {"Content-Range": "bytes */5"},
        {"Content-Range": "octets 0-1/2"},
    ],
)
def test_a_part_that_was_not_asked_for_is_not_used(registry: FakeRegistry, pull: t.Any, headers: t.Mapping[str, str | None]) -> None:
    layer(registry).truncate(3 * MIB)
    layer(registry).headers(headers)
    pull(registry).ok()
    assert [bool(text) for text in ranges(registry)] == [False, True, False]


def test_two_statements_of_the_part_are_none(registry: FakeRegistry, pull: t.Any) -> None:
    layer(registry).truncate(3 * MIB)
    layer(registry).add_header("Content-Range", "bytes 0-1/2")
    pull(registry).ok()
    assert [bool(text) for text in ranges(registry)] == [False, True, False]


def test_a_range_that_is_called_impossible_is_read_from_the_start(registry: FakeRegistry, pull: t.Any) -> None:
    layer(registry).truncate(3 * MIB)
    layer(registry).raw(
        b"HTTP/1.1 416 Requested Range Not Satisfiable\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\nno such range\n" % SIZE
    )
    pull(registry).ok()
    assert [bool(text) for text in ranges(registry)] == [False, True, False]


def test_bytes_that_change_between_two_parts_are_found(registry: FakeRegistry, pull: t.Any) -> None:
    layer(registry).truncate(3 * MIB)
    layer(registry).flip(100)
    assert LAYER in pull(registry).failure("digest_mismatch").msg


@pytest.mark.parametrize("fault", ["flip", "append", "short"])
def test_wrong_bytes_are_refused(registry: FakeRegistry, pull: t.Any, fault: str) -> None:
    rule = layer(registry)
    {"flip": lambda: rule.flip(SIZE - 1), "append": lambda: rule.append(b"more"), "short": lambda: rule.body(LARGE.blobs[LAYER][:-1])}[
        fault
    ]()
    assert LAYER in pull(registry).failure("digest_mismatch").msg
    assert len(ranges(registry)) == 1


def test_a_body_that_was_compressed_on_the_way_is_unpacked(registry: FakeRegistry, pull: t.Any) -> None:
    layer(registry).gzip()
    pull(registry).ok()
    assert len(ranges(registry)) == 1


def test_a_compressed_body_that_breaks_off_is_begun_anew(registry: FakeRegistry, pull: t.Any) -> None:
    layer(registry, times=2).gzip().truncate(3 * MIB)
    pull(registry).ok()
    assert ranges(registry)[0] == ""


@pytest.mark.parametrize("coding", ["gzip", "aws-chunked", "none", "identity", "aws-chunked, gzip"])
def test_a_layer_that_is_stored_with_its_own_coding_is_taken_as_it_is(registry: FakeRegistry, pull: t.Any, coding: str) -> None:
    layer(registry, nth=1).headers({"Content-Encoding": coding}).truncate(3 * MIB)
    layer(registry, nth=2).headers({"Content-Encoding": coding})
    pull(registry).ok()
    assert ranges(registry) == ["", f"bytes={3 * MIB}-"]


def test_a_body_in_chunks_that_breaks_off_is_resumed(registry: FakeRegistry, pull: t.Any) -> None:
    layer(registry).chunked().truncate(3 * MIB)
    pull(registry).ok()
    assert len(ranges(registry)) == 2


def test_a_body_without_a_length_that_breaks_off_is_resumed(registry: FakeRegistry, pull: t.Any) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n"
    layer(registry).raw(head + LARGE.blobs[LAYER][: 3 * MIB])
    pull(registry).ok()
    assert ranges(registry) == ["", f"bytes={3 * MIB}-"]


def test_a_drip_is_given_up_and_resumed(registry: FakeRegistry, pull: t.Any) -> None:
    layer(registry).drip(1, 0.01)
    pull(registry, timeout=1).ok()
    assert len(ranges(registry)) == 2


def test_redirected_blobs_are_resumed_by_asking_the_registry_again(make_registry: MakeRegistry, pull: t.Any) -> None:
    registry = make_registry(auth="token", blob_redirect=True)
    layer(registry, where=lambda request: request.server == "storage").truncate(3 * MIB)
    pull(registry, allowed_hosts=[registry.storage.host]).ok()
    assert len(ranges(registry)) == 2


@pytest.mark.parametrize("status", [400, 403])
def test_an_address_that_has_expired_is_asked_for_anew(make_registry: MakeRegistry, pull: t.Any, status: int) -> None:
    registry = make_registry(auth="token", blob_redirect=True)
    layer(registry, where=lambda request: request.server == "storage").answer(status, body=b"<Error>Request has expired</Error>")
    pull(registry, allowed_hosts=[registry.storage.host]).ok()
    assert len(ranges(registry)) == 2


def test_a_store_that_goes_on_refusing_is_given_up(make_registry: MakeRegistry, pull: t.Any, waits: list[float]) -> None:
    registry = make_registry(blob_redirect=True)
    layer(registry, where=lambda request: request.server == "storage", times=None).answer(403)
    assert registry.storage.host in pull(registry, allowed_hosts=[registry.storage.host]).failure("server").msg
    assert len(waits) == 4


def test_a_registry_that_is_gone_is_not_asked_more_often_than_said(registry: FakeRegistry, pull: t.Any, waits: list[float]) -> None:
    layer(registry).truncate(3 * MIB)
    layer(registry, times=None).reset()
    pull(registry).failure("network")
    assert len(ranges(registry)) == 1 + 5
    assert len(waits) == 1 + 4


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_refusals_that_may_pass_are_asked_again(registry: FakeRegistry, pull: t.Any, status: int) -> None:
    layer(registry).answer(status)
    pull(registry).ok()
    assert len(ranges(registry)) == 2


def test_a_token_that_expires_between_manifest_and_blobs_is_renewed(token_registry: FakeRegistry, pull: t.Any) -> None:
    def expire(request: Recorded) -> None:
        t.cast(t.Any, token_registry.auth).expire_all()

    token_registry.on("get_manifest").then(expire)
    pull(token_registry).ok()
    assert token_registry.counts()["token"] == 2


def test_a_blob_that_the_registry_has_lost_is_told(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.image())
    lost = max(content.blobs)
    registry.remove_blob("app", lost)
    failed = run_module("registry_pull", registry.args(name="app:1.0", path=str(tmp_path / "app"))).failure("not_found")
    assert lost in failed.msg
    assert temporary_files(tmp_path) == []
    assert not (tmp_path / "app" / "index.json").exists()


def test_an_absent_image_changes_nothing(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    run_module("registry_pull", registry.args(name="app:1.0", path=str(tmp_path / "app"))).failure("not_found")
    assert list(tmp_path.iterdir()) == []
