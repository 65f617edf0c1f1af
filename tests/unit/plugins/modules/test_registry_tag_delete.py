# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_tag_delete: each method against each kind of registry, its checks, and the number of requests."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
Names = dict[str, str]


def fill(registry: FakeRegistry) -> str:
    """Put two tags on one digest, and another image beside them; return the digest."""
    digest = registry.add_image("app", "1.0").digest
    registry.set_tag("app", "stable", digest)
    registry.add_image("app", "2.0")
    return digest


def delete(run_module: RunModule, registry: FakeRegistry, name: str = "app:1.0", **options: t.Any) -> Result:
    modes = {mode: options.pop(mode) for mode in ("check", "diff") if mode in options}
    return run_module("registry_tag_delete", registry.args(name=name, **options), **modes)


@pytest.mark.parametrize(
    ("style", "method", "done"),
    [
        ("full", "auto", "tag"),
        ("full", "tag", "tag"),
        ("full", "substitute", "substitute"),
        ("distribution2", "auto", "substitute"),
        ("distribution2", "substitute", "substitute"),
        ("distribution3", "auto", "tag"),
        ("harbor", "auto", "substitute"),
        ("quay", "auto", "tag"),
        ("nexus", "auto", "tag"),
        ("acr", "auto", "tag"),
        ("zot", "auto", "tag"),
        ("crane", "auto", "tag"),
        ("artifactory", "auto", "tag"),
    ],
)
def test_only_the_tag_goes(make_registry: MakeRegistry, run_module: RunModule, style: str, method: str, done: str) -> None:
    registry = make_registry(style, immutable_tags="off")
    digest = fill(registry)
    before = registry.tags("app")
    result = delete(run_module, registry, method=method).ok()
    assert result.changed is True
    assert result["deleted_tags"] == ["1.0"]
    assert result["methods"] == {"1.0": done}
    assert result["digests"] == {"1.0": digest}
    assert registry.tags("app") == {tag: there for tag, there in before.items() if tag != "1.0"}
    assert set(before.values()) <= set(registry.manifests("app"))
    assert registry.gaps() == []


@pytest.mark.parametrize(
    ("switches", "done"),
    [
        ({"delete_by_tag": "digest_invalid"}, "substitute"),
        ({"delete_by_tag": "unsupported"}, "substitute"),
        ({"delete_by_tag": "not_found"}, "substitute"),
        ({"delete_status": 200}, "tag"),
        ({"delete_status": 204}, "tag"),
        ({"delete_by_tag": "stale", "stale_deletes": 3}, "tag"),
        ({"missing": "empty"}, "tag"),
        ({"missing": "denied"}, "tag"),
        ({"head_manifest": "405"}, "tag"),
        ({"head_manifest": "405", "delete_by_tag": "unsupported"}, "substitute"),
        ({"put_digest": "off", "delete_by_tag": "unsupported"}, "substitute"),
        ({"head_digest": "off", "put_digest": "off", "get_digest": "off", "delete_by_tag": "unsupported"}, "substitute"),
    ],
)
def test_auto_finds_the_way(make_registry: MakeRegistry, run_module: RunModule, switches: dict[str, t.Any], done: str) -> None:
    registry = make_registry(**switches)
    digest = fill(registry)
    result = delete(run_module, registry).ok()
    assert result["methods"] == {"1.0": done}
    assert registry.tags("app")["stable"] == digest
    assert "1.0" not in registry.tags("app")
    assert registry.manifest("app", digest) is not None


@pytest.mark.parametrize("kind", ["index", "nested", "docker", "artifact"])
def test_whatever_kind_of_image(make_registry: MakeRegistry, run_module: RunModule, kind: str) -> None:
    registry = make_registry("distribution2")
    made = {
        "index": lambda: registry.add_index("app", "1.0", attestations=True),
        "nested": lambda: registry.add_index("app", "1.0", nested=True),
        "docker": lambda: registry.add_image("app", "1.0", docker=True),
        "artifact": lambda: registry.add_image("app", "1.0", artifactType="application/vnd.example.chart"),
    }[kind]()
    registry.set_tag("app", "stable", made.digest)
    before = registry.manifests("app")
    delete(run_module, registry).ok()
    assert registry.tags("app") == {"stable": made.digest}
    assert registry.manifests("app") == before
    assert registry.gaps() == []


# Budgets: token authentication, first contact included


def test_by_tag_it_costs_seven_requests(token_registry: FakeRegistry, run_module: RunModule) -> None:
    digest = fill(token_registry)
    token_registry.expect(
        [
            "GET /v2/app/manifests/1.0",
            "GET /token",
            "GET /v2/app/manifests/1.0",
            "GET /v2/app/tags/list",
            "DELETE /v2/app/manifests/1.0",
            "GET /v2/app/manifests/1.0",
            f"HEAD /v2/app/manifests/{digest}",
        ]
    )
    delete(run_module, token_registry).ok()


@pytest.mark.parametrize(("method", "requests", "refused"), [("auto", 11, 1), ("substitute", 9, 0)])
def test_by_substitute_it_costs_nine_requests(
    make_registry: MakeRegistry, run_module: RunModule, method: str, requests: int, refused: int
) -> None:
    registry = make_registry("distribution2", auth="token")
    digest = fill(registry)
    delete(run_module, registry, method=method).ok()
    assert len(registry.log()) == requests
    assert [line.partition(" ")[0] for line in registry.writes()] == ["DELETE"] * (refused + 1) + ["PUT", "DELETE"]
    assert digest not in "".join(registry.writes())


def test_an_absent_tag_costs_four_requests(token_registry: FakeRegistry, run_module: RunModule) -> None:
    fill(token_registry)
    result = delete(run_module, token_registry, "app:0.9").ok()
    assert result.changed is False
    assert result["absent_tags"] == ["0.9"]
    assert len(token_registry.log()) == 4


# Check mode, diff, reruns


@pytest.mark.parametrize("style", ["full", "distribution2", "ghcr"])
def test_check_mode_reads_only(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style, auth="token")
    digest = fill(registry)
    result = delete(run_module, registry, check=True, diff=True).ok()
    assert result.changed is True
    assert result["deleted_tags"] == ["1.0"]
    assert result["diff"]["before"] == {"1.0": digest}
    assert result["diff"]["after"] == {"1.0": None}
    assert registry.writes() == []
    assert {scope for request in registry.named("token") for scope in request.query["scope"]} == {"repository:app:pull"}


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_a_rerun_changes_nothing(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style)
    fill(registry)
    predicted = delete(run_module, registry, check=True).ok()
    real = delete(run_module, registry).ok()
    assert {key: real[key] for key in ("changed", "deleted_tags", "absent_tags", "digests")} == {
        key: predicted[key] for key in ("changed", "deleted_tags", "absent_tags", "digests")
    }
    registry.clear()
    again = delete(run_module, registry).ok()
    assert again.changed is False
    assert again["absent_tags"] == ["1.0"]
    assert registry.writes() == []


@pytest.mark.parametrize("method", ["auto", "tag", "substitute", "digest"])
def test_no_tags_are_nothing_to_delete(registry: FakeRegistry, run_module: RunModule, method: str) -> None:
    fill(registry)
    result = delete(run_module, registry, "app", tags=[], method=method).ok()
    assert result.changed is False
    assert result["deleted_tags"] == []
    assert registry.requests == []


# What must be as expected


def test_the_expected_digest(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = fill(registry)
    other = registry.tags("app")["2.0"]
    result = delete(run_module, registry, expected_digest=other).failure("precondition")
    assert digest in result.msg
    assert registry.writes() == []
    delete(run_module, registry, expected_digest=digest).ok()
    assert "1.0" not in registry.tags("app")


def test_the_expected_digest_of_many_is_checked_before_the_first_is_deleted(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = fill(registry)
    delete(run_module, registry, "app", tags=["1.0", "stable", "2.0"], expected_digest=digest).failure("precondition")
    assert registry.writes() == []
    delete(run_module, registry, "app", tags=["1.0", "stable", "gone"], expected_digest=digest).ok()
    assert list(registry.tags("app")) == ["2.0"]


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("app", {}, "invalid_option"),
        ("app:1.0", {"tags": ["2.0"]}, "invalid_option"),
        ("app:1.0", {"tags": []}, "invalid_option"),
        ("app@sha256:" + "0" * 64, {}, "invalid_option"),
        ("app:1.0@sha256:" + "0" * 64, {"method": "digest"}, "invalid_option"),
        ("app", {"tags": [1.1]}, "invalid_reference"),
        ("app", {"tags": ["a/b"]}, "invalid_reference"),
        ("app:1.0", {"expected_digest": "1.0"}, "invalid_reference"),
    ],
)
def test_what_cannot_be_meant(registry: FakeRegistry, run_module: RunModule, name: str, options: dict[str, t.Any], kind: str) -> None:
    delete(run_module, registry, name, **options).failure(kind)
    assert registry.log() == []


# Many tags


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_many_tags_in_parallel(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style)
    digest = fill(registry)
    tags = [f"build-{number}" for number in range(12)]
    for number, tag in enumerate(tags):
        if number % 3:
            registry.set_tag("app", tag, digest)
        else:
            registry.add_image("app", tag)
    if style == "full":
        held = registry.on("delete_manifest", nth=4).hold()
        registry.on("delete_manifest", nth=5).call(lambda request: held.release())
    result = delete(run_module, registry, "app", tags=[*tags, "gone"], concurrency=3).ok()
    assert result["deleted_tags"] == tags
    assert result["absent_tags"] == ["gone"]
    assert set(result["methods"].values()) == {"tag" if style == "full" else "substitute"}
    assert list(registry.tags("app")) == ["1.0", "2.0", "stable"]
    assert 2 <= registry.peak <= 3


def test_the_registry_is_asked_for_its_ways_once(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    fill(registry)
    delete(run_module, registry, "app", tags=["1.0", "2.0", "stable"]).ok()
    deleted = [line for line in registry.writes() if line.startswith("DELETE")]
    assert len([line for line in deleted if "sha256:" not in line]) == 1
    assert len(deleted) == 1 + 1 + 3


def test_a_tag_that_fails_keeps_no_other_from_going(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry)
    registry.on("delete_manifest", "/2.0$", times=None).answer(409, code="TAG_IMMUTABLE", message="the tag is immutable")
    result = delete(run_module, registry, "app", tags=["2.0", "1.0", "stable"]).failure("conflict")
    assert result["deleted_tags"] == ["1.0", "stable"]
    assert list(result["failed_tags"]) == ["2.0"]
    assert "immutable" in result["failed_tags"]["2.0"]
    assert "2 of 3" in result.msg
    assert list(registry.tags("app")) == ["2.0"]


def test_what_would_fail_for_all_is_asked_once(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    fill(registry)
    registry.on("delete_manifest", times=None).answer(403, code="DENIED", message="requested access to the resource is denied")
    result = delete(run_module, registry, "app", tags=["1.0", "2.0", "stable"]).failure("denied")
    assert result["deleted_tags"] == []
    assert len(registry.writes()) == 1
