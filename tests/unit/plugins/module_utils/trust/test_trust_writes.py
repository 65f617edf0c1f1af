# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written to registries: in which order, how often, with which rights, in how much memory, and what is never taken for absent."""

from __future__ import annotations

import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images, matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

pytestmark = pytest.mark.usefixtures("one_authority")

MIB = 2**20


@pytest.fixture
def layout(tmp_path: Path) -> str:
    """A layout with an index of two images, named ``1``."""
    return images.write_layout(tmp_path / "layout", {"1": images.multi_arch()})


# T27: memory


def test_t27_a_push_takes_no_more_memory_for_a_larger_image(
    make_registry: MakeRegistry, start_module: t.Callable[..., Process], tmp_path: Path
) -> None:
    registry = make_registry(keep="hash", validates=False)
    content = images.image(layers=[bytes(128 * MIB)], compression="")
    path = images.write_layout(tmp_path / "layout", {"1": content})
    hold = registry.on("put_manifest").hold()
    process = start_module("registry_push", registry.args(name="app:1", path=path))
    hold.wait()
    status = Path(f"/proc/{process.pid}/status").read_text()
    hold.release()
    process.wait().ok()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    assert peak < 150_000_000 / 1024


# T28: how much at a time


@pytest.mark.parametrize("concurrency", [1, 3])
def test_t28_a_push_asks_for_no_more_at_a_time_and_leaves_no_thread(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, concurrency: int
) -> None:
    registry = make_registry()
    path = images.write_layout(tmp_path / "layout", {"1": images.image(layers=[f"layer-{number}" for number in range(12)])})
    registry.on("put_upload", nth=6, times=None).answer(403, code="DENIED")
    options = registry.args(name="app:1", path=path, concurrency=concurrency)
    run_module("registry_push", options).failure("denied")
    assert registry.peak <= concurrency
    assert registry.counts()["put_upload"] <= 6 + concurrency
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("ThreadPool")] == []


# T29, T30: order, and answers that get lost


def test_t29_a_tag_comes_after_all_that_it_needs(registry: FakeRegistry, run_module: RunModule, layout: str) -> None:
    registry.guard_closure()
    run_module("registry_push", registry.args(name="app:1", tags=["2"], path=layout)).ok()
    writes = [request.reference for request in registry.named("put_upload", "put_manifest")]
    children = [child["digest"] for child in images.multi_arch().document["manifests"]]
    assert set(writes[-4:-2]) == set(children)
    assert writes[-2:] == ["1", "2"]
    assert registry.gaps() == []


def test_t29_a_push_that_fails_leaves_the_tag_where_it_was(registry: FakeRegistry, run_module: RunModule, layout: str) -> None:
    before = registry.add_image("app", "1").digest
    registry.guard_closure()
    registry.on("put_manifest", nth=2, times=None).answer(500)
    run_module("registry_push", registry.args(name="app:1", path=layout, retries=1)).failure("server")
    assert registry.tags("app") == {"1": before}


@pytest.mark.parametrize("endpoint", ["mount", "put_upload", "put_manifest", "head_manifest"])
def test_t30_a_push_whose_answers_get_lost_is_settled(registry: FakeRegistry, run_module: RunModule, layout: str, endpoint: str) -> None:
    registry.on(endpoint).drop()
    result = run_module("registry_push", registry.args(name="app:1", path=layout)).ok()
    assert registry.tags("app") == {"1": result["digest"]}
    assert registry.gaps() == []


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_t30_a_deletion_whose_answer_gets_lost_is_a_change(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style)
    matrix.fill(registry)
    registry.on("delete_manifest", nth=1 if style == "full" else 3).drop()
    assert run_module("registry_tag_delete", registry.args(name="app:old")).ok().changed
    assert set(registry.tags("app")) == {"1"}


# T31: deletions


@pytest.mark.parametrize(
    ("way", "kind"),
    [
        ("ok", ""),
        ("digest_invalid", ""),
        ("unsupported", ""),
        ("not_found", ""),
        ("deletes_manifest", "unsupported"),
    ],
)
def test_t31_the_other_tags_of_a_digest_stay_or_it_is_said(make_registry: MakeRegistry, run_module: RunModule, way: str, kind: str) -> None:
    registry = make_registry(delete_by_tag=way)
    added = registry.add_image("app", "1")
    registry.set_tag("app", "2", added.digest)
    result = run_module("registry_tag_delete", registry.args(name="app:1"))
    if kind:
        assert "restored" in result.failure(kind).msg
        assert added.digest in registry.manifests("app")
    else:
        result.ok()
        assert registry.tags("app") == {"2": added.digest}


def test_t31_a_digest_that_an_index_needs_is_not_deleted(registry: FakeRegistry, run_module: RunModule) -> None:
    child = next(iter(registry.add_index("app", "1", platforms=["linux/amd64"]).children.values()))
    registry.set_tag("app", "child", child.digest)
    run_module("registry_tag_delete", registry.args(name=f"app@{child.digest}", method="digest")).failure("precondition")
    assert registry.writes() == []


# T32: races


@pytest.mark.parametrize("told", ["ok", "off"])
def test_t32_a_tag_that_somebody_else_moves_at_the_same_moment_is_said(
    make_registry: MakeRegistry, run_module: RunModule, told: str
) -> None:
    registry = make_registry(put_digest=told)
    mine, theirs = registry.add_image("app", "1").digest, registry.add_image("app", "other").digest
    registry.on("put_manifest").then(lambda request: registry.set_tag("app", "stable", theirs))
    result = run_module("registry_tag", registry.args(name="app:1", tags=["stable"]))
    if told == "off":
        assert "somebody else" in result.failure("conflict").msg
    else:
        assert result.ok()["digest"] == mine  # the registry confirmed it; what came after is another change


def test_t32_another_digest_than_was_tested_is_not_released(registry: FakeRegistry, run_module: RunModule) -> None:
    tested, other = registry.add_image("app", "1").digest, registry.add_image("app", "other").digest
    registry.set_tag("app", "1", other)
    error = run_module("registry_tag", registry.args(name="app:1", tags=["stable"], expected_digest=tested)).failure("precondition")
    assert tested in error.msg
    assert registry.writes() == []


def test_t32_the_tag_that_was_overwritten_is_told(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    before = registry.add_image("app", "stable").digest
    result = run_module("registry_tag", registry.args(name="app:1", tags=["stable"])).ok()
    assert result["previous"] == {"stable": before}


# T34: absent


@pytest.mark.parametrize("module", ["registry_image_info", "registry_tag", "registry_tag_delete"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda rule: rule.html(404),
        lambda rule: rule.html(200),
        lambda rule: rule.answer(401),
        lambda rule: rule.answer(403, code="DENIED"),
        lambda rule: rule.answer(500),
        lambda rule: rule.answer(429),
        lambda rule: rule.answer(404, code="DENIED"),
        lambda rule: rule.reset(),
    ],
    ids=["a page that is missing", "a sign-in page", "unauthorized", "denied", "a fault", "too many", "denied by 404", "broken"],
)
def test_t34_only_the_registry_itself_says_absent(
    registry: FakeRegistry, run_module: RunModule, module: str, answer: t.Callable[[t.Any], object]
) -> None:
    task = {"name": "app:1", "tags": ["2"]} if module == "registry_tag" else {"name": ["app:1"] if module.endswith("info") else "app:1"}
    answer(registry.on(times=None))
    result = run_module(module, registry.args(**task, retries=0))
    assert result.failed
    assert result.error["kind"] != "not_found"
    assert registry.writes() == []


# T35: tags that may not move


def test_t35_a_tag_that_may_not_move_is_left_alone_where_it_is_right(
    make_registry: MakeRegistry, run_module: RunModule, layout: str
) -> None:
    registry = make_registry("ecr")
    for changed in (True, False):
        registry.clear()
        assert run_module("registry_push", registry.args(name="app:1", path=layout)).ok().changed is changed
    assert registry.writes() == []
    other = registry.add_image("app", "other")
    result = run_module("registry_tag", registry.args(name="app:other", tags=["1"]))
    assert result.failed
    assert "TAG_INVALID" in result.msg
    assert registry.tags("app")["1"] != other.digest


# T36: rights


@pytest.mark.parametrize("module", matrix.ONLINE)
def test_t36_no_more_rights_are_asked_for_than_are_needed(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, module: str
) -> None:
    registry = make_registry(auth="token")
    matrix.fill(registry)
    run_module(module, registry.args(**matrix.task(module, registry, tmp_path))).ok()
    asked = {word for request in registry.named("token") for scope in request.scopes for word in scope.rpartition(":")[2].split(",")}
    deletes = {"registry_prune", "registry_tag_delete"}
    catalog = {"*"} if module == "registry_repository_info" else set()
    expected = (
        {"pull"} | ({"push"} if module not in (*matrix.READERS, "registry_pull") else set()) | ({"delete"} if module in deletes else set())
    )
    assert asked <= expected | catalog


def test_t36_a_source_that_may_not_be_read_is_no_obstacle(make_registry: MakeRegistry, run_module: RunModule, layout: str) -> None:
    registry = make_registry(auth=TokenAuth({"user": User(grants={"app": "pull,push"})}))
    run_module("registry_push", registry.args(name="app:1", path=layout, mount_from=["secret/base"])).ok()
    assert registry.gaps() == []
