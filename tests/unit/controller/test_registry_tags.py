# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source registry_tags on the fake registry: what it puts into the queue, how often it asks, and what it never does."""

from __future__ import annotations

import base64
import gc
import json
import tracemalloc
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.controller.watching import Counting, add, nothing, watch
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import assert_clean, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def test_a_tag_that_moves_is_an_event_with_both_digests(registry: FakeRegistry) -> None:
    old = registry.add_image("app", "prod").digest
    new = registry.add_image("app", "next").digest
    seen = watch(nothing, lambda: registry.set_tag("app", "prod", new), nothing, **registry.args(images=["app:prod"]))
    name = registry.name("app")
    assert seen.events == [
        {"change": "moved", "name": f"{name}:prod", "tag": "prod", "image": f"{name}@{new}", "digest": new, "previous_digest": old}
    ]
    assert registry.log() == ["HEAD /v2/app/manifests/prod"] * 4


def test_tags_are_created_and_deleted(registry: FakeRegistry) -> None:
    digest = registry.add_image("app", "other").digest
    seen = watch(
        lambda: registry.set_tag("app", "1", digest),
        lambda: registry.remove_tag("app", "1"),
        nothing,
        lambda: registry.set_tag("app", "1", digest),
        **registry.args(images=["app:1"]),
    )
    assert seen.changes == [("1", "created"), ("1", "deleted"), ("1", "created")]
    created, deleted = seen.events[:2]
    assert (created["digest"], created["previous_digest"]) == (digest, None)
    assert (deleted["digest"], deleted["image"], deleted["previous_digest"]) == (None, None, digest)


def test_selected_tags_of_a_repository_are_watched_and_attachments_are_not(registry: FakeRegistry) -> None:
    digest = registry.add_image("app", "v1").digest

    def release() -> None:
        for tag in ("v2", "nightly", "v3-rc", f"{digest.replace(':', '-')}.sig"):
            registry.set_tag("app", tag, digest)

    seen = watch(
        release, lambda: registry.remove_tag("app", "v1"), **registry.args(repository="app", include=["^v", "^sha256"], exclude=["rc"])
    )
    assert seen.changes == [("v2", "created"), ("v1", "deleted")]


def test_a_range_of_versions_selects_tags(registry: FakeRegistry) -> None:
    digest = registry.add_image("app", "1.0.0").digest

    def release() -> None:
        for tag in ("1.1.0", "2.0.0", "1.2.0-rc.1", "latest"):
            registry.set_tag("app", tag, digest)

    assert watch(release, **registry.args(repository="app", semver="^1")).changes == [("1.1.0", "created")]


def test_a_repository_that_appears_later_is_watched_from_its_first_tag(registry: FakeRegistry) -> None:
    assert watch(lambda: registry.add_image("app", "1"), **registry.args(repository="app")).changes == [("1", "created")]


def test_an_outage_is_one_event_and_what_moved_meanwhile_is_told(registry: FakeRegistry) -> None:
    registry.add_image("app", "1")
    new = registry.add_image("app", "2").digest
    rule = registry.on("head_manifest", nth=2, times=15)
    rule.answer(503)
    seen = watch(nothing, nothing, lambda: registry.set_tag("app", "1", new), **registry.args(images=["app:1"], interval=60))
    assert (seen.errors, seen.changes) == (["server"], [])
    assert seen.pauses == [60, 120, 240, 300]  # doubled, up to five minutes
    assert "app:1" in seen.events[0]["msg"]
    later = watch(nothing, **registry.args(images=["app:1"]))
    assert later.events == []


def test_the_source_goes_on_when_the_registry_is_back(registry: FakeRegistry) -> None:
    registry.add_image("app", "1")
    new = registry.add_image("app", "2").digest
    registry.on("head_manifest", nth=2, times=5).reset()
    seen = watch(nothing, lambda: registry.set_tag("app", "1", new), nothing, **registry.args(images=["app:1"]))
    assert [next(iter(event)) for event in seen.events] == ["msg", "change"]
    assert seen.errors == ["network"]
    assert seen.pauses == [60, 120, 60, 60]


def test_a_rate_limit_ends_the_check_and_the_time_that_the_registry_asks_for_is_waited(registry: FakeRegistry) -> None:
    images = [f"app{number}:1" for number in range(40)]
    for image in images:
        add(registry, image)
    registry.on("head_manifest", times=None).answer(429, {"Retry-After": "700"}, code="TOOMANYREQUESTS")
    seen = watch(nothing, **registry.args(images=images, concurrency=4))
    assert seen.errors == ["rate_limited"]
    assert seen.pauses == [700, 700]
    assert len(registry.log()) <= 2 * 4


@pytest.mark.parametrize(("asked", "waited"), [("700", 700), ("9999999999999", 86400)])
def test_the_last_request_may_meet_the_limit_too(registry: FakeRegistry, asked: str, waited: int) -> None:
    for image in ("one:1", "two:1"):
        add(registry, image)
    registry.on("head_manifest", path="two", nth=2).answer(429, {"Retry-After": asked})
    seen = watch(nothing, nothing, **registry.args(images=["one:1", "two:1"], concurrency=1))
    assert seen.pauses == [60, waited, 60]
    assert seen.errors == ["rate_limited"]


def test_what_a_rate_limit_left_out_is_checked_first_the_next_time(registry: FakeRegistry) -> None:
    images = [f"app{number}:1" for number in range(6)]
    for image in images:
        add(registry, image)
    registry.on("head_manifest", nth=3).answer(429, {"Retry-After": "100"})
    watch(nothing, **registry.args(images=images, concurrency=1))
    assert [line.split("/")[2] for line in registry.log()] == ["app0", "app1", "app2", "app3", "app4", "app5", "app0", "app1", "app2"]


def test_credentials_that_expire_and_are_renewed(make_registry: MakeRegistry, tmp_path: Path) -> None:
    auth = TokenAuth({"ci": User("first-passw0rd")})
    registry = make_registry(auth=auth)
    registry.add_image("app", "1")
    new = registry.add_image("app", "2").digest
    file = tmp_path / "auth.json"

    def write(password: str) -> None:
        entry = base64.b64encode(f"ci:{password}".encode()).decode()
        file.write_text(json.dumps({"auths": {registry.host: {"auth": entry}}}))

    def expire() -> None:
        auth.users["ci"] = User("second-passw0rd")
        auth.expire_all()
        registry.set_tag("app", "1", new)

    write("first-passw0rd")
    options = registry.args(credentials=False, images=["app:1"], auth_file=str(file))
    seen = watch(expire, nothing, lambda: write("second-passw0rd"), **options)
    assert (seen.errors, seen.changes) == (["unauthorized"], [("1", "moved")])
    assert_clean(json.dumps(seen.events), "first-passw0rd", "second-passw0rd", *auth.issued)


def test_one_image_that_fails_does_not_hide_the_others(registry: FakeRegistry) -> None:
    for name in ("app", "db"):
        registry.add_image(name, "1")
    new = registry.add_image("db", "2").digest
    registry.on("head_manifest", path="/app/", times=None).answer(403, code="DENIED")
    seen = watch(lambda: registry.set_tag("db", "1", new), nothing, **registry.args(images=["app:1", "db:1"]))
    assert (seen.errors, seen.changes) == (["denied"], [("1", "moved")])
    assert seen.pauses == [60, 60, 60]


def test_two_registries_do_not_wait_for_each_other(make_registry: MakeRegistry) -> None:
    one, two = make_registry(), make_registry()
    one.on("head_manifest", times=None).answer(429, {"Retry-After": "500"})
    for registry in (one, two):
        registry.add_image("app", "1")
    images = [one.name("app:1"), two.name("app:1")]
    assert set(watch(*[nothing] * 10, images=images, plain_http=True).pauses) == {60, 500}


def test_500_images_are_500_head_requests_a_check(registry: FakeRegistry) -> None:
    images = [f"team/app{number}:1" for number in range(500)]
    for image in images:
        add(registry, image)
    watch(nothing, **registry.args(images=images, concurrency=8))
    assert registry.counts() == {"head_manifest": 1000}


def test_pauses_are_varied(registry: FakeRegistry) -> None:
    registry.add_image("app", "1")
    assert watch(jitter=0.9, **registry.args(images=["app:1"], interval=100)).pauses == [90]
    jitter = plugin("plugin_utils._tag_events").Pace().jitter
    drawn = [jitter() for _number in range(200)]
    assert 0.9 <= min(drawn) < 0.95 < 1.05 < max(drawn) <= 1.1


def test_memory_does_not_grow_in_an_hour_of_checks(make_registry: MakeRegistry) -> None:
    auth = TokenAuth(uses=1)
    registry = make_registry(auth=auth)
    digests = [registry.add_image("app", tag).digest for tag in ("1", "2")]
    queue, counted = Counting(), []
    sizes: dict[int, int] = {}
    own = tracemalloc.Filter(True, "*/registry/plugins/*")

    def step() -> None:
        registry.clear()  # what the registry of the tests keeps counts too, where its memory was ours before
        auth.tokens.clear()
        auth.issued.clear()
        counted.append(0)
        registry.set_tag("app", "1", digests[len(counted) % 2])
        if len(counted) % 10 == 0:
            gc.collect()
            kept = tracemalloc.take_snapshot().filter_traces([own])
            sizes[len(counted)] = sum(entry.size for entry in kept.statistics("filename"))

    tracemalloc.start()
    try:
        watch(*[step] * 170, queue=queue, **registry.args(images=["app:1", "app:3"]))
    finally:
        tracemalloc.stop()
    assert queue.total >= 168
    # Python makes tables larger and smaller again: the least of several counts. 24 bytes a check are the pauses, which the test keeps.
    early, late = (min(sizes[number] for number in range(first, first + 70, 10)) for first in (40, 110))
    assert late - early < 70 * 24 + 1000


def test_t43_no_text_of_a_registry_is_a_template_for_the_playbook_of_a_rule(registry: FakeRegistry) -> None:
    evil = "{{ lookup('pipe', 'id') }} {% set x = 1 %} {# note #} {{{ 1 }}}"
    registry.on("head_manifest").answer(404)
    registry.on("get_manifest").answer(400, code="{{ 6 * 7 }}", message=evil)
    event = watch(**registry.args(images=["app:1"])).events[0]
    assert event["error"]["code"] == "{ { 6 * 7 }}"
    assert "{ { lookup('pipe', 'id') }} { % set x = 1 %} { # note #} { { { 1 }}}" in event["msg"]


def test_t51_tags_that_are_too_many_are_refused_before_they_take_memory(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = [f"{number}" for number in range(10_001)]
    registry.on("list_tags").answer(200, {"Content-Type": "application/json"}, json.dumps({"name": "app", "tags": tags}).encode())
    made: list[str] = []
    monkeypatch.setattr(plugin("module_utils._oci.reference").Reference, "with_tag", lambda _image, tag: made.append(tag))
    seen = watch(**registry.args(repository="app"))
    assert seen.errors == ["limit"]
    assert made == []
