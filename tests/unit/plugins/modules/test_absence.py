# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Absent is only what the registry says is absent: an image that lacks a part, or a fault, is a failure."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Headers
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

MakeRegistry = t.Callable[..., FakeRegistry]


def _lose_child(registry: FakeRegistry) -> dict[str, t.Any]:
    index = registry.add_index("app", "1", platforms=["linux/amd64", "linux/arm64"])
    registry.remove_manifest("app", index.children["linux/amd64"].digest)
    return {}


def _lose_child_of_platform(registry: FakeRegistry) -> dict[str, t.Any]:
    return {**_lose_child(registry), "platform": "linux/amd64"}


def _lose_config(registry: FakeRegistry) -> dict[str, t.Any]:
    image = registry.add_image("app", "1", platform="linux/amd64")
    registry.remove_blob("app", json.loads(image.raw)["config"]["digest"])
    return {}


def _lose_config_of_platform(registry: FakeRegistry) -> dict[str, t.Any]:
    return {**_lose_config(registry), "platform": "linux/amd64", "details": "manifest"}


@pytest.mark.parametrize("lose", [_lose_child, _lose_child_of_platform, _lose_config, _lose_config_of_platform])
def test_an_image_that_lacks_a_part_is_not_absent(
    registry: FakeRegistry, run_module: RunModule, lose: t.Callable[[FakeRegistry], dict[str, t.Any]]
) -> None:
    options = {"details": "config", **lose(registry)}
    result = run_module("registry_image_info", registry.args(name="app:1", **options)).failure("invalid_response")
    assert "damaged" in result.msg
    assert result.error["registry"] == registry.host


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_fault_that_speaks_of_absence_is_a_fault(registry: FakeRegistry, run_module: RunModule, status: int) -> None:
    digest = registry.add_image("app", "1").digest
    registry.on("get_manifest", times=None).answer(status, code="MANIFEST_UNKNOWN")
    assert run_module("registry_image_info", registry.args(name="app:1", retries=0)).failed
    assert run_module("registry_tag_delete", registry.args(name="app:1", retries=0)).failed
    assert registry.tags("app") == {"1": digest}


def test_a_tag_in_quays_time_machine_is_absent(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("quay")
    registry.add_image("app", "2")
    registry.on("get_manifest", "/1$", times=None).answer(404, code="TAG_EXPIRED")
    assert run_module("registry_image_info", registry.args(name="app:1")).ok()["missing"] == ["app:1"]
    result = run_module("registry_tag_delete", registry.args(name="app", tags=["1", "2"], method="digest")).ok()
    assert (result["absent_tags"], result["deleted_tags"]) == (["1"], ["2"])


def test_a_registry_that_has_its_manifests_elsewhere(make_registry: MakeRegistry, run_module: RunModule) -> None:
    front, store = make_registry(), make_registry()
    digest = store.add_image("app", "1").digest
    for endpoint in ("head_manifest", "get_manifest"):
        front.on(endpoint, times=None).call(lambda request: _redirect(store, request.target))
    options = front.args(name=["app:1", "app:2"], allowed_hosts=[store.host])
    result = run_module("registry_image_info", {**options, "details": "digest"}).ok()
    assert [entry["digest"] for entry in result["images"]] == [digest, None]
    assert result["missing"] == ["app:2"]


def test_a_registry_that_has_its_lists_elsewhere(make_registry: MakeRegistry, run_module: RunModule) -> None:
    front, store = make_registry(), make_registry(page_size=2)
    for number in range(5):
        store.add_image("app", str(number))
    front.on("list_tags", times=None).call(lambda request: _redirect(store, request.target))
    result = run_module("registry_tag_info", front.args(name="app", allowed_hosts=[store.host])).ok()
    assert result["tags"] == ["0", "1", "2", "3", "4"]


def _redirect(store: FakeRegistry, target: str) -> Answer:
    return Answer(307, Headers([("Location", f"{store.url}{target}"), ("Content-Length", "0")]), b"")


def test_any_object_is_no_list_of_tags(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("list_tags").answer(200, {"Content-Type": "application/json"}, b'{"status": "please log in"}')
    run_module("registry_tag_info", registry.args(name="app")).failure("invalid_response")


def test_no_referrers_api_is_no_failure(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    registry.on("referrers").answer(406)
    result = run_module("registry_image_info", registry.args(name="app:1", referrers=True)).ok()
    assert result["images"][0]["referrers"] == []


def test_when_the_first_answer_is_lost_all_others_go_on_at_once(registry: FakeRegistry, start_module: t.Callable[..., Process]) -> None:
    for number in range(3):
        registry.add_image("app", str(number))
    registry.on("head_manifest", nth=1).reset()
    held = [registry.on("head_manifest", nth=number).hold() for number in (2, 3)]
    options = registry.args(name=[f"app:{number}" for number in range(3)], details="digest", concurrency=3)
    process = start_module("registry_image_info", options)
    for rule in held:
        rule.wait()
    for rule in held:
        rule.release()
    process.wait().ok()
