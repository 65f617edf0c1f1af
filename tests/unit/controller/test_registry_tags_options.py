# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the event source registry_tags, how it begins and ends, and what its documentation says."""

from __future__ import annotations

import asyncio
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from ansible_collections.ocitools.registry.tests.unit.controller.watching import NAME, Queue, nothing, source, watch
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import blocks
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one of the following is required: images, repository"),
        ({"images": ["app:1"], "repository": "app"}, "mutually exclusive"),
        ({"images": []}, "at least one image"),
        ({"images": "app:1"}, "must be a list"),
        ({"images": ["app:1", 7]}, "Entry 2 of images"),
        ({"images": ["app:1", ["app:2"]]}, "Entry 2 of "),
        ({"images": ["app:1"], "auth_file": {"auths": {}}}, "auth_file has the content of a file"),
        ({"images": [f"app@sha256:{'0' * 64}"]}, "has a digest"),
        ({"images": ["App:1"]}, "App"),
        ({"images": ["app:1"], "include": ["x"]}, "requires repository"),
        ({"repository": "app", "semver": 1.2}, "Quote the range"),
        ({"repository": "app:1"}, "leave out the tag"),
        ({"repository": "app", "include": ["("]}, "not a valid regular expression"),
        ({"images": ["app:1"], "interval": 0}, "from 1 to 86400"),
        ({"images": ["app:1"], "interval": "soon"}, "interval"),
        ({"images": ["app:1"], "interval": "inf"}, "cannot start: The option interval is 'inf': it must be a whole number"),
        (
            {"images": ["app:1"], "passwd": "s3cret-value"},
            r"cannot start: Unsupported parameters for \(registry_tags\) event source: passwd\.",
        ),
        ({"images": ["app:1"], "username": "ci"}, "password"),
    ],
)
def test_options_that_can_never_work_end_the_source_before_any_request(
    registry: FakeRegistry, options: dict[str, t.Any], message: str
) -> None:
    shared = plugin("plugin_utils._tag_events")
    with pytest.raises(ValueError, match=message) as caught:
        asyncio.run(shared.watch_tags(Queue(), registry.args(**options)))
    assert "s3cret-value" not in str(caught.value)
    assert registry.requests == []


def test_credentials_for_images_of_several_registries_are_refused(registry: FakeRegistry) -> None:
    shared = plugin("plugin_utils._tag_events")
    options = {"images": [registry.name("app:1"), "quay.io/org/app:1"], "username": "ci", "password": "passw0rd"}
    with pytest.raises(ValueError, match="several registries"):
        asyncio.run(shared.watch_tags(Queue(), options))
    assert registry.requests == []


def test_a_broken_auth_file_is_an_event_and_no_end(registry: FakeRegistry, tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    file.write_text("{")
    new = registry.add_image("app", "2").digest
    options = registry.args(images=["app:1"], auth_file=str(file))

    def mend() -> None:
        file.write_text("{}")

    seen = watch(nothing, mend, lambda: registry.set_tag("app", "1", new), **options)
    assert (seen.errors, seen.changes) == (["credentials"], [("1", "created")])


def test_cancelling_the_source_ends_its_check(registry: FakeRegistry) -> None:
    for number in range(30):
        registry.add_image(f"app{number}", "1")
    held = registry.on("head_manifest", nth=2)
    gate = held.hold()
    shared = plugin("plugin_utils._tag_events")

    async def run() -> None:
        task = asyncio.ensure_future(
            shared.watch_tags(Queue(), registry.args(images=[f"app{number}:1" for number in range(30)], concurrency=1))
        )
        await asyncio.to_thread(gate.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.release()

    asyncio.run(run())
    assert len(registry.requests) == 2


def test_cancelling_the_source_waits_for_no_answer(make_registry: MakeRegistry) -> None:
    silent, other = make_registry(), make_registry()
    gate = silent.on("head_manifest", times=None).hold()
    for registry in (silent, other):
        registry.add_image("app", "1")
    options = {"images": [silent.name("app:1"), other.name("app:1")], "plain_http": True, "use_auth_file": False}
    shared = plugin("plugin_utils._tag_events")

    async def run() -> None:
        checked = asyncio.Event()

        async def sleep(seconds: float) -> None:
            checked.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(shared.watch_tags(Queue(), options, shared.Pace(sleep)))
        await asyncio.to_thread(gate.wait)
        await asyncio.wait_for(checked.wait(), 20)  # the check of the other registry has come and gone
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    try:
        asyncio.run(run())
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("registry_tags")]
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
    finally:
        gate.release()


def test_a_registry_that_does_not_answer_takes_no_thread_of_the_loop(make_registry: MakeRegistry) -> None:
    silent, other = make_registry(), make_registry()
    gate = silent.on("head_manifest").hold()
    for registry in (silent, other):
        registry.add_image("app", "1")
    options = {"images": [silent.name("app:1"), other.name("app:1")], "plain_http": True, "use_auth_file": False}
    shared = plugin("plugin_utils._tag_events")

    async def run() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        checked = asyncio.Event()

        async def sleep(seconds: float) -> None:
            checked.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(shared.watch_tags(Queue(), options, shared.Pace(sleep)))
        try:
            await asyncio.wait_for(checked.wait(), 20)
            gate.wait()
        finally:
            gate.release()
            task.cancel()

    asyncio.run(run())
    assert other.log() == ["HEAD /v2/app/manifests/1"]


def _documented() -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", yaml.safe_load(source().DOCUMENTATION)["options"])


def test_every_option_is_documented_as_it_is() -> None:
    options = plugin("plugin_utils._tag_events").OPTIONS
    documented = _documented()
    assert list(documented) == list(options)
    for name, option in options.items():
        raw = {"images": "list", "include": "list", "exclude": "list", "semver": "str"}  # so that ansible-core does not convert them
        assert documented[name]["type"] == raw.get(name, option["type"]), name
        assert documented[name].get("default") == option.get("default"), name
        assert documented[name].get("aliases") == option.get("aliases"), name


def test_the_file_runs_by_its_path_and_puts_what_it_documents(registry: FakeRegistry) -> None:
    registry.add_image("app", "1")
    new = registry.add_image("app", "2").digest
    loaded = source()
    assert asyncio.iscoroutinefunction(loaded.main)
    events = Queue()
    moved = threading.Event()

    def move(_request: object) -> None:
        registry.set_tag("app", "1", new)
        moved.set()

    registry.on("head_manifest").then(move)

    async def run() -> None:
        task = asyncio.ensure_future(loaded.main(events, registry.args(images=["app:1"], interval=1)))
        while not events:
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(run(), 30))
    returned = yaml.safe_load(loaded.RETURN)
    assert set(events[0]) == {name for name, entry in returned.items() if entry["returned"] == "for changes"}
    assert yaml.safe_load(loaded.EXAMPLES)


def _rulebooks() -> t.Iterator[t.Any]:
    yield from yaml.safe_load(source().EXAMPLES)
    for block in blocks("guide_events"):
        content = yaml.safe_load(block.text) if block.language.startswith("yaml") else None
        yield from (entry for entry in (content if isinstance(content, list) else [content]) if entry and "sources" in entry)


def test_rulebooks_in_the_documentation_use_options_that_there_are() -> None:
    options = plugin("plugin_utils._tag_events").OPTIONS
    used = [each[NAME] for rulebook in _rulebooks() for each in rulebook["sources"]]
    assert len(used) == 4
    assert all(set(each) <= set(options) for each in used)
