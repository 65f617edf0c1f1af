# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_tag_delete when things go wrong: cut off anywhere, answers lost, others at work, registries that take more than asked."""

from __future__ import annotations

import contextlib
import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import kill_at
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.faults import Rule
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded

MakeRegistry = t.Callable[..., FakeRegistry]
StartModule = t.Callable[..., Process]


def fill(registry: FakeRegistry) -> str:
    """Put two tags on one digest, and another image beside them; return the digest."""
    digest = registry.add_image("app", "1.0").digest
    registry.set_tag("app", "stable", digest)
    registry.add_image("app", "2.0")
    return digest


def delete(run_module: RunModule, registry: FakeRegistry, **options: t.Any) -> Result:
    return run_module("registry_tag_delete", registry.args(**{"name": "app:1.0", **options}))


def pulls(registry: FakeRegistry, tag: str) -> t.Any:
    """Return what a client gets that pulls the tag, None where there is no such tag."""
    stored = registry.manifest("app", tag)
    return None if stored is None else json.loads(stored.raw)


@contextlib.contextmanager
def cut_off(registry: FakeRegistry, count: int, lost: bool) -> t.Iterator[None]:
    """End the network after so many requests; with ``lost`` the last of them is carried out but not answered."""
    ended: list[bool] = []
    registry.on(nth=count + 1, times=None, optional=True, where=lambda request: not ended).reset()
    if lost:
        registry.on(nth=count).drop()
    yield
    ended.append(True)


@pytest.mark.parametrize("pinned", [False, True], ids=["", "expected"])
@pytest.mark.parametrize("lost", [False, True], ids=["told", "lost"])
@pytest.mark.parametrize(
    ("style", "method", "requests"),
    [("full", "auto", 5), ("full", "substitute", 7), ("distribution2", "auto", 9), ("distribution3", "auto", 5)],
)
def test_cut_off_after_any_request(
    make_registry: MakeRegistry, run_module: RunModule, style: str, method: str, requests: int, lost: bool, pinned: bool
) -> None:
    needed = requests + (pinned and method == "auto")  # it looks once more
    for count in range(1, needed + 1):
        registry = make_registry(style)
        digest = fill(registry)
        image = pulls(registry, "1.0")
        options = {"method": method, "retries": 0, **({"expected_digest": digest} if pinned else {})}
        with cut_off(registry, count, lost):
            first = delete(run_module, registry, **options)
        assert first.failed == (lost or count < needed)
        assert pulls(registry, "1.0") in (image, None)
        delete(run_module, registry, **options).ok()
        assert list(registry.tags("app")) == ["2.0", "stable"]
        assert registry.tags("app")["stable"] == digest
        assert registry.gaps() == []


def test_killed_between_the_two_halves(make_registry: MakeRegistry, start_module: StartModule, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    digest = fill(registry)
    image = pulls(registry, "1.0")
    held = registry.on("delete_manifest", "sha256:", nth=2).reset().hold()
    process = start_module("registry_tag_delete", registry.args(name="app:1.0"))
    assert kill_at(process, held)[0] == -9
    assert registry.tags("app")["1.0"] != digest
    assert pulls(registry, "1.0") == image
    result = delete(run_module, registry, expected_digest=digest).ok()
    assert result["deleted_tags"] == ["1.0"]
    assert registry.tags("app") == {"2.0": registry.tags("app")["2.0"], "stable": digest}


# Lost answers


@pytest.mark.parametrize("style", ["full", "distribution2"])
@pytest.mark.parametrize("endpoint", ["get_manifest", "head_manifest", "put_manifest", "delete_manifest"])
@pytest.mark.parametrize("how", ["drop", "reset", "503"])
def test_an_answer_is_lost(make_registry: MakeRegistry, run_module: RunModule, style: str, endpoint: str, how: str) -> None:
    registry = make_registry(style)
    digest = fill(registry)
    nth = 3 if endpoint == "delete_manifest" and style == "distribution2" else 1
    rule = registry.on(endpoint, nth=nth, optional=endpoint == "put_manifest" and style == "full")
    {"drop": rule.drop, "reset": rule.reset, "503": lambda: rule.status(503)}[how]()
    result = delete(run_module, registry).ok()
    assert result.changed is True
    assert result["deleted_tags"] == ["1.0"]
    assert registry.tags("app")["stable"] == digest
    assert "1.0" not in registry.tags("app")


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_all_answers_to_the_deletion_are_lost(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style)
    fill(registry)
    registry.on("delete_manifest", nth=3 if style == "distribution2" else 1, times=3).drop()
    assert delete(run_module, registry, retries=2).ok()["deleted_tags"] == ["1.0"]
    assert list(registry.tags("app")) == ["2.0", "stable"]


def test_reads_that_are_behind(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2", stale_reads=2)
    digest = fill(registry)
    assert delete(run_module, registry).ok()["methods"] == {"1.0": "substitute"}
    assert registry.tags("app")["stable"] == digest
    assert "1.0" not in registry.tags("app")


# Where the second half of substitute fails


@pytest.mark.parametrize(
    "refusal", [(405, "UNSUPPORTED"), (403, "DENIED"), (500, "UNKNOWN"), (404, "MANIFEST_UNKNOWN"), (400, "DIGEST_INVALID")]
)
def test_the_tag_is_put_back(make_registry: MakeRegistry, run_module: RunModule, refusal: tuple[int, str]) -> None:
    registry = make_registry("distribution2")
    fill(registry)
    before = registry.tags("app")
    registry.on("delete_manifest", nth=3, times=None).answer(refusal[0], code=refusal[1])
    result = delete(run_module, registry)
    assert result.failed
    assert "The tag was restored" in result.msg
    assert registry.tags("app") == before


def test_a_registry_that_deletes_the_digest_and_keeps_its_tags(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    fill(registry)
    before = registry.tags("app")
    registry.on("delete_manifest", nth=3).answer(202)
    result = delete(run_module, registry).failure("conflict")
    assert "still exists" in result.msg
    assert registry.tags("app") == before


def test_the_tag_cannot_be_put_back(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    fill(registry)
    image = pulls(registry, "1.0")
    registry.on("delete_manifest", nth=3).answer(403, code="DENIED")
    registry.on("put_manifest", nth=2).answer(403, code="DENIED")
    result = delete(run_module, registry).failure("denied")
    assert "run the task again" in result.msg
    assert pulls(registry, "1.0") == image


@pytest.mark.parametrize("style", ["harbor", "ecr"])
def test_an_immutable_tag(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style, delete_by_tag="unsupported")
    fill(registry)
    before = registry.tags("app")
    result = delete(run_module, registry)
    assert result.failed
    assert "immutable" in result.msg
    assert "The tag was not changed" in result.msg
    assert registry.tags("app") == before


def test_a_registry_that_stores_something_else(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2", put_digest="wrong")
    fill(registry)
    image, before = pulls(registry, "1.0"), registry.tags("app")
    delete(run_module, registry).failure("digest_mismatch")
    assert pulls(registry, "1.0") == image
    assert {tag: there for tag, there in registry.tags("app").items() if tag != "1.0"} == {
        tag: there for tag, there in before.items() if tag != "1.0"
    }


# Others at work


def moving(registry: FakeRegistry, rule: Rule) -> str:
    """Have the tag moved to another image when ``rule`` applies; return that image's digest."""
    other = registry.add_image("app", seed="somebody else's").digest
    rule.call(lambda request: registry.set_tag("app", "1.0", other))
    return other


def test_moved_before_it_gets_its_substitute(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    digest = fill(registry)
    other = moving(registry, registry.on("delete_manifest"))
    result = delete(run_module, registry).failure("conflict")
    assert "moved" in result.msg
    assert registry.tags("app")["1.0"] == other
    assert registry.tags("app")["stable"] == digest
    assert not [line for line in registry.writes() if line.startswith("PUT")]


def test_moved_while_the_substitute_is_deleted(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    fill(registry)
    other = moving(registry, registry.on("delete_manifest", nth=3))
    delete(run_module, registry).failure("conflict")
    assert registry.tags("app")["1.0"] == other


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_set_again_when_it_was_deleted(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style)
    fill(registry)
    rule = registry.on("head_manifest" if style == "distribution2" else "get_manifest", "/1.0$", nth=2)
    other = moving(registry, rule)
    result = delete(run_module, registry).failure("conflict")
    assert "somebody else" in result.msg
    assert registry.tags("app")["1.0"] == other


def test_of_many_tags_one_is_moved_and_one_deleted_meanwhile(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry)
    for tag in ("a", "b", "c"):
        registry.add_image("app", tag)
    other = registry.tags("app")["c"]

    def interfere(_request: Recorded) -> None:
        registry.set_tag("app", "b", other)
        registry.remove_tag("app", "1.0")

    registry.on("delete_manifest").call(interfere)
    result = delete(run_module, registry, name="app", tags=["a", "b", "1.0", "stable"]).failure("conflict")
    assert result["deleted_tags"] == ["a", "stable"]
    assert result["absent_tags"] == ["1.0"]
    assert list(result["failed_tags"]) == ["b"]
    assert registry.tags("app") == {"2.0": registry.tags("app")["2.0"], "b": other, "c": other}


# Registries that take more than they are asked to


def test_the_manifest_goes_along_and_is_put_back(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(delete_by_tag="deletes_manifest")
    digest = fill(registry)
    raw = registry.manifest("app", digest)
    result = delete(run_module, registry).failure("unsupported")
    assert digest in result.msg
    assert "restored" in result.msg
    assert registry.manifest("app", digest) == raw
    assert "1.0" not in registry.tags("app")


def test_the_manifest_cannot_be_put_back(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(delete_by_tag="deletes_manifest")
    fill(registry)
    registry.on("put_manifest").answer(403, code="DENIED", message="no pushes today")
    result = delete(run_module, registry).failure("unsupported")
    assert "could not be restored" in result.msg
    assert "no pushes today" in result.msg


@pytest.mark.parametrize("way", ["deletes_manifest", "removes_siblings"])
def test_after_the_first_of_many_it_is_seen(make_registry: MakeRegistry, run_module: RunModule, way: str) -> None:
    registry = make_registry(delete_by_tag=way)
    digest = fill(registry)
    before = registry.tags("app")
    result = delete(run_module, registry, name="app", tags=["1.0", "2.0"]).failure("unsupported")
    assert registry.tags("app")["2.0"] == before["2.0"]
    assert registry.manifest("app", digest) is not None
    assert "1.0" in result.msg
    assert len([line for line in registry.writes() if line.startswith("DELETE")]) == 1


@pytest.mark.parametrize("method", ["auto", "tag", "substitute"])
def test_a_tag_that_moves_while_the_tags_are_listed_is_not_the_expected_one(
    registry: FakeRegistry, run_module: RunModule, method: str
) -> None:
    expected, other = (registry.add_image("app", tag, seed=tag).digest for tag in ("1.0", "2.0"))
    moment = "list_tags" if method != "substitute" else "delete_manifest"
    registry.on(moment).call(lambda _request: registry.set_tag("app", "1.0", other))
    failed = delete(run_module, registry, name="app:1.0", expected_digest=expected, method=method).failure("conflict")
    assert "was moved" in failed.msg
    assert (failed.changed, registry.tags("app")) == (False, {"1.0": other, "2.0": other})
