# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is tried again, after how long, and that bodies too short, too long or wrong are found by our own count."""

from __future__ import annotations

import time
import typing as t
from email.utils import formatdate
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, kind_of
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

pytestmark = pytest.mark.usefixtures("one_authority")

FIRST_PAUSE = (0.5 * 0.75, 0.5 * 1.25)
LABELS = {"team": "blue"}


@pytest.fixture
def client(registry: FakeRegistry, connect: MakeClient) -> RegistryClient:
    """A client for the repository ``app`` with the image ``1``."""
    registry.add_image("app", "1", config={"config": {"Labels": LABELS}})
    return connect(registry, "app", retries=2)


# T24: Retry-After


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("0", FIRST_PAUSE),
        ("7", (7, 7)),
        (" 60 ", (60, 60)),
        (lambda: formatdate(time.time() + 30, usegmt=True), (27, 31)),
        (lambda: formatdate(time.time() - 3600, usegmt=True), FIRST_PAUSE),
        (lambda: str(int(time.time()) + 30), (27, 31)),
        (lambda: str(int(time.time()) - 3600), FIRST_PAUSE),
        ("", FIRST_PAUSE),
        ("-5", FIRST_PAUSE),
        ("1.5", (1.5, 2)),
        ("soon", FIRST_PAUSE),
        ("1_0", FIRST_PAUSE),
        ("0x10", FIRST_PAUSE),
        ("\xb2", FIRST_PAUSE),
        ("Tue, 99 Foo 2026 99:99:99 GMT", FIRST_PAUSE),
    ],
    ids=lambda value: "date" if callable(value) else ascii(value),
)
@pytest.mark.parametrize("status", [429, 503])
def test_t24_the_registry_says_how_long_to_wait(
    registry: FakeRegistry, client: RegistryClient, waits: list[float], status: int, value: t.Any, pause: tuple[float, float]
) -> None:
    registry.on("get_manifest").answer(status, {"Retry-After": value() if callable(value) else value})
    client.get_manifest("1")
    assert len(waits) == 1
    assert pause[0] <= waits[0] <= pause[1]


@pytest.mark.parametrize("hours", [-5, 5])
def test_t24_a_date_counts_by_the_clock_of_who_wrote_it(
    registry: FakeRegistry, client: RegistryClient, waits: list[float], hours: int
) -> None:
    theirs = time.time() + 3600 * hours
    dates = {"Date": formatdate(theirs, usegmt=True), "Retry-After": formatdate(theirs + 20, usegmt=True)}
    registry.on("get_manifest").answer(429, dates)
    client.get_manifest("1")
    assert waits == [20]


def test_t24_seconds_are_no_date_where_a_clock_has_just_begun(registry: FakeRegistry, client: RegistryClient, waits: list[float]) -> None:
    registry.on("get_manifest").answer(429, {"Date": "Thu, 01 Jan 1970 00:05:00 GMT", "Retry-After": "20"})
    client.get_manifest("1")
    assert waits == [20]


@pytest.mark.parametrize(
    ("value", "requests"),
    [("61", 1), ("1000000000", 1), ("Fri, 31 Dec 2099 23:59:59 GMT", 1), (str(2**70), 3)],  # the last one is no number of seconds
)
def test_t24_what_is_too_long_is_not_waited_for(
    registry: FakeRegistry, client: RegistryClient, waits: list[float], value: str, requests: int
) -> None:
    registry.on("get_manifest", times=None).answer(429, {"Retry-After": value})
    assert kind_of(lambda: client.get_manifest("1")) == "rate_limited"
    assert (len(registry.log()), len(waits)) == (requests, requests - 1)
    assert all(pause < 2 for pause in waits)


def test_t24_pauses_grow_and_end(registry: FakeRegistry, connect: MakeClient, waits: list[float]) -> None:
    registry.on("get_manifest", times=None).answer(503)
    assert kind_of(lambda: connect(registry, "app", retries=10).get_manifest("1")) == "server"
    assert len(waits) == 10
    assert all(0.75 * expected <= wait <= 1.25 * expected for wait, expected in zip(waits, [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]))


# T25: what is tried again


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("page", [False, True])
def test_t25_what_may_pass_is_tried_again(
    registry: FakeRegistry, client: RegistryClient, waits: list[float], status: int, page: bool
) -> None:
    rule = registry.on("get_manifest", times=2)
    rule.html(status) if page else rule.answer(status)
    client.get_manifest("1")
    assert (len(registry.log()), len(waits)) == (3, 2)


@pytest.mark.parametrize(
    "status", [400, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 422, 423, 428, 431, 451, 501, 505, 507]
)
def test_t25_what_will_not_pass_is_not(registry: FakeRegistry, client: RegistryClient, waits: list[float], status: int) -> None:
    registry.on("get_manifest", times=None).answer(status)
    kind_of(lambda: client.get_manifest("1"))
    assert (registry.counts()["get_manifest"], waits) == (1, [])


@pytest.mark.parametrize("fault", ["reset", "drop", "answer"])
@pytest.mark.parametrize("endpoint", ["head_manifest", "get_manifest", "put_manifest"])
def test_t25_reads_and_manifests_are_repeated_as_they_were(
    registry: FakeRegistry, client: RegistryClient, endpoint: str, fault: str
) -> None:
    rule = registry.on(endpoint)
    rule.answer(502) if fault == "answer" else getattr(rule, fault)()
    client.tag_image("1", "2")
    bodies = {request.body for request in registry.named("put_manifest")}
    assert len(bodies) == 1
    assert registry.tags("app")["2"] == registry.tags("app")["1"]
    assert len(registry.named("put_manifest")) == (2 if endpoint == "put_manifest" else 1)


@pytest.mark.parametrize("fault", ["reset", "drop", "answer"])
def test_t25_a_chunk_is_sent_again_only_after_a_look_at_the_session(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, fault: str
) -> None:
    registry.style.stale_location = "ok"
    rule = registry.on("patch_upload", nth=2)
    rule.answer(503) if fault == "answer" else getattr(rule, fault)()
    path = images.write_layout(tmp_path / "layout", {"1": images.image(layers=[images.layer_tar("big", 3000)], compression="")})
    run_module("registry_push", registry.args(name="app:1", path=path, chunk_size=1000, concurrency=1)).ok()
    log = [line for line in registry.log() if "/uploads/*" in line]
    first = log.index("PATCH /v2/app/blobs/uploads/*")
    assert log[first : first + 4] == [f"{method} /v2/app/blobs/uploads/*" for method in ("PATCH", "PATCH", "GET", "PATCH")]


def test_t25_a_whole_body_is_never_sent_blindly_again(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry.on("put_upload", times=2).drop()  # both blobs arrived, nobody said so
    path = images.write_layout(tmp_path / "layout", {"1": images.image(layers=["one"])})
    run_module("registry_push", registry.args(name="app:1", path=path)).ok()
    assert registry.counts()["put_upload"] == registry.counts()["head_blob"] == 2


# T26: bodies


@pytest.mark.parametrize("count", [0, 5])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("endpoint", ["get_manifest", "get_blob"])
def test_t26_a_body_that_is_cut_short_is_asked_for_again(
    registry: FakeRegistry, client: RegistryClient, waits: list[float], endpoint: str, count: int, chunked: bool, reset: bool
) -> None:
    rule = registry.on(endpoint).truncate(count, reset)
    if chunked:
        rule.chunked()
    assert client.get_image_config("1")["config"]["Labels"] == LABELS
    assert (registry.counts()[endpoint], len(waits)) == (2, 1)


def test_t26_a_body_is_counted_though_a_header_says_that_it_is_sent_as_it_is(
    registry: FakeRegistry, client: RegistryClient, waits: list[float]
) -> None:
    registry.on("get_manifest").headers({"Transfer-Encoding": "identity"}).truncate(5)
    client.get_manifest("1")
    assert len(waits) == 1


@pytest.mark.parametrize("endpoint", ["get_manifest", "get_blob"])
def test_t26_a_body_that_is_always_cut_short_is_an_error(registry: FakeRegistry, client: RegistryClient, endpoint: str) -> None:
    registry.on(endpoint, times=None).truncate(0)
    assert kind_of(lambda: client.get_image_config("1")) == "network"
    assert registry.counts()[endpoint] == 3


@pytest.mark.parametrize("change", ["append", "flip", "shorter", "other length", "no length, cut", "two lengths"])
@pytest.mark.parametrize("endpoint", ["get_manifest", "get_blob"])
def test_t26_other_bytes_than_those_that_were_meant_are_refused(
    registry: FakeRegistry, client: RegistryClient, endpoint: str, change: str
) -> None:
    rule = registry.on(endpoint, times=None)
    if change == "append":
        rule.append(b" ")
    elif change == "flip":
        rule.flip(20)
    elif change == "shorter":
        rule.change(lambda answer: answer.replace(answer.content()[:-1]))
    elif change == "other length":
        rule.headers({"Content-Length": "9"})
    elif change == "no length, cut":
        rule.change(lambda answer: answer.replace(answer.content()[:-1])).chunked()
    else:
        rule.add_header("Content-Length", "9").close()
    assert kind_of(lambda: client.get_image_config("1")) in ("digest_mismatch", "network", "invalid_response")


@pytest.mark.parametrize("coding", ["br", "deflate", "deflate, gzip", "gzip, gzip", "compress"])
@pytest.mark.parametrize("endpoint", ["get_manifest", "get_blob"])
def test_t26_a_body_that_is_encoded_is_refused(registry: FakeRegistry, client: RegistryClient, endpoint: str, coding: str) -> None:
    registry.on(endpoint).headers({"Content-Encoding": coding})
    with pytest.raises(RegistryError, match="Content-Encoding"):
        client.get_image_config("1")
    assert {request.headers.get("Accept-Encoding") for request in registry.requests} == {"identity"}


@pytest.mark.parametrize(
    "answer",
    [
        {"Content-Range": "bytes 3-9/10"},
        {"Content-Range": "bytes 9-3/10"},
        {"Content-Range": "5-9"},
        {"Content-Range": None},
        {"Content-Range": "bytes 5-9/10, bytes 6-9/10"},
    ],
    ids=str,
)
def test_t26_a_part_that_was_not_asked_for_is_not_joined(
    registry: FakeRegistry, client: RegistryClient, answer: dict[str, str | None]
) -> None:
    registry.on("get_blob").truncate(5)
    registry.on("get_blob", nth=2, times=None).headers(answer)
    assert client.get_image_config("1")["config"]["Labels"] == LABELS
    assert [request.headers.get("Range") for request in registry.named("get_blob")] == ["", "bytes=5-", ""]


def test_t26_a_part_that_calls_itself_another_is_found(registry: FakeRegistry, client: RegistryClient) -> None:
    registry.on("get_blob").truncate(5)
    registry.on("get_blob", nth=2, times=None).headers({"Content-Range": "bytes 0-4/5"})
    assert kind_of(lambda: client.get_image_config("1")) in ("invalid_response", "digest_mismatch", "network")


def test_t26_the_whole_again_is_not_appended(registry: FakeRegistry, client: RegistryClient) -> None:
    registry.style.ranges = "ignored"
    registry.on("get_blob").truncate(5)
    assert client.get_image_config("1")["config"]["Labels"] == LABELS
    assert [request.headers.get("Range") for request in registry.named("get_blob")] == ["", "bytes=5-"]
