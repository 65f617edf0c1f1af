# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_push counted: how many requests a push costs, which blobs travel, which are mounted."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pushes import digests, image, layout
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]

LARGE = 5 * 1024 * 1024  # over the size from which a host is asked whether it ignores mount


def test_a_fresh_push_costs_two_requests_a_blob_and_five(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = layout(tmp_path, image("a", "b", "c"))
    result = run_module("registry_push", token_registry.args(path=path, name="app:1.0")).ok()
    assert len(result["uploaded_blobs"]) == 4
    assert token_registry.counts() == {"head_manifest": 3, "token": 1, "mount": 4, "put_upload": 4, "put_manifest": 1}
    assert len(token_registry.log()) == 2 * 4 + 5


def test_a_large_blob_costs_one_request_more_until_the_host_has_mounted(
    token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    content = images.image(layers=[images.layer_tar("large", LARGE), "small"], compression="")
    run_module("registry_push", token_registry.args(path=layout(tmp_path, content), name="app:1.0")).ok()
    assert token_registry.counts()["head_blob"] == 1
    assert len(token_registry.log()) == 2 * 3 + 5 + 1


def test_an_index_costs_two_requests_more_a_child_and_each_tag_two(
    token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    content = images.multi_arch()
    result = run_module("registry_push", token_registry.args(path=layout(tmp_path, content), name="app:1.0", tags=["1", "latest"])).ok()
    assert len(token_registry.log()) == 2 * len(result["uploaded_blobs"]) + 5 + 2 * 2 + 2 * 2


def test_pushing_again_costs_three_requests(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    arguments = token_registry.args(path=layout(tmp_path, image("a", "b")), name="app:1.0")
    run_module("registry_push", arguments).ok()
    token_registry.clear()
    result = run_module("registry_push", arguments).ok()
    assert result.changed is False
    assert token_registry.log() == ["HEAD /v2/app/manifests/1.0", "GET /token", "HEAD /v2/app/manifests/1.0"]


def test_a_new_tag_of_what_is_there_costs_five_requests(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = layout(tmp_path, image("a", "b"))
    run_module("registry_push", token_registry.args(path=path, name="app:1.0")).ok()
    token_registry.clear()
    result = run_module("registry_push", token_registry.args(path=path, name="app:2.0")).ok()
    assert result.changed is True
    assert result["uploaded_blobs"] == []
    assert len(token_registry.log()) == 5
    assert token_registry.writes() == ["PUT /v2/app/manifests/2.0"]


def test_a_new_tag_of_an_index_costs_one_request_more_a_child(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = layout(tmp_path, images.multi_arch())
    run_module("registry_push", token_registry.args(path=path, name="app:1.0")).ok()
    token_registry.clear()
    run_module("registry_push", token_registry.args(path=path, name="app:2.0")).ok()
    assert len(token_registry.log()) == 5 + 2


def test_a_child_with_a_subject_costs_one_more_since_it_may_not_be_listed(
    token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    path = layout(tmp_path, images.index(images.artifact(images.image())))
    run_module("registry_push", token_registry.args(path=path, name="app:1.0")).ok()
    token_registry.clear()
    run_module("registry_push", token_registry.args(path=path, name="app:2.0")).ok()
    assert (len(token_registry.log()), len(token_registry.writes())) == (5 + 1 + 1, 2)


def test_pushing_a_docker_archive_again_costs_four_requests(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = images.write_docker_archive(tmp_path / "image.tar", {"app:1.0": image("a", "b")})
    first = run_module("registry_push", token_registry.args(path=path, name="app:1.0")).ok()
    token_registry.clear()
    result = run_module("registry_push", token_registry.args(path=path, name="app:1.0", compression="none")).ok()
    assert result.changed is False
    assert result["digest"] == first["digest"]
    assert len(token_registry.log()) <= 4
    assert token_registry.writes() == []


def test_a_blob_that_stands_twice_goes_once(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    result = run_module("registry_push", registry.args(path=layout(tmp_path, image("a", "a", "b")), name="app:1.0")).ok()
    assert len(result["uploaded_blobs"]) == 3
    assert registry.counts()["put_upload"] == 3


def test_blobs_of_another_repository_are_mounted(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = layout(tmp_path, image("a", "b"))
    run_module("registry_push", token_registry.args(path=path, name="base:1.0")).ok()
    token_registry.clear()
    result = run_module("registry_push", token_registry.args(path=path, name="app:1.0", mount_from=["base"])).ok()
    assert len(result["mounted_blobs"]) == 3
    assert token_registry.counts().get("put_upload", 0) == 0
    assert token_registry.tags("app") == {"1.0": result["digest"]}


def test_a_repository_that_no_token_is_given_for_is_asked_for_once(
    token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    secret = token_registry.on("token", where=lambda request: "repository:secret:pull" in str(request.query), times=None, before_auth=True)
    secret.answer(403, code="DENIED")
    options = token_registry.args(path=layout(tmp_path, image("a", "b")), name="app:1.0", mount_from=["secret"], concurrency=1)
    result = run_module("registry_push", options).ok()
    assert len(result["uploaded_blobs"]) == 3
    assert len([request for request in token_registry.named("token") if "secret" in str(request.query)]) <= 2


@pytest.mark.parametrize("mount", [400, 401, 403, 404, 405])
def test_a_mount_that_is_refused_is_no_error(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, mount: int) -> None:
    registry = make_registry(mount=mount)
    path = layout(tmp_path, image("a", "b"))
    result = run_module("registry_push", registry.args(path=path, name="app:1.0")).ok()
    assert len(result["uploaded_blobs"]) == 3
    registry.clear()
    registry.remove_tag("app", "1.0")
    registry.remove_manifest("app", result["digest"])
    again = run_module("registry_push", registry.args(path=path, name="app:1.0")).ok()
    assert again["uploaded_blobs"] == []
    assert registry.counts().get("put_upload", 0) == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_fault_at_a_mount_is_a_mount_that_was_refused(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, waits: list[float], status: int
) -> None:
    registry.on("mount", times=None).answer(status)
    result = run_module("registry_push", registry.args(path=layout(tmp_path, image("a", "b")), name="app:1.0", mount_from=["base"])).ok()
    assert len(result["uploaded_blobs"]) == 3
    assert (waits, registry.gaps()) == ([], [])


def test_a_host_that_ignores_mount_gets_no_large_blob_twice(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry = make_registry(mount="ignored")
    content = images.image(layers=[images.layer_tar("large", LARGE)], compression="")
    path = layout(tmp_path, content)
    first = run_module("registry_push", registry.args(path=path, name="app:1.0")).ok()
    registry.remove_manifest("app", first["digest"])
    registry.clear()
    again = run_module("registry_push", registry.args(path=path, name="app:1.0")).ok()
    large = content.document["layers"][0]["digest"]
    assert large in digests(again["existing_blobs"])
    assert registry.sessions("app") == []
