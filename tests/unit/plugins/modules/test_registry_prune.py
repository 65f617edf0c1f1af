# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_prune: what goes, what stays, why, and the number of requests."""

from __future__ import annotations

import itertools
import typing as t
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.content import Added
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
NOW = datetime.now(timezone.utc)


def ago(days: float) -> dict[str, str]:
    """Return the config of an image that was made so many days ago."""
    return {"created": (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")}


def fill(registry: FakeRegistry, count: int = 6) -> dict[str, Added]:
    """Add the images b1 (a day old), b2 (two days), ..."""
    return {f"b{number}": registry.add_image("app", f"b{number}", 1, config=ago(number)) for number in range(1, count + 1)}


def add_dated_index(registry: FakeRegistry, tag: str, *ages: float | None) -> Added:
    """Add an index with an image of each age."""
    children = [
        registry.add_image("app", None, 1, seed=f"{tag} {age}", config=ago(age) if age is not None else {"created": None}) for age in ages
    ]
    entries = [{**child.stored.descriptor(), "platform": {"os": "linux", "architecture": f"a{age}"}} for child, age in zip(children, ages)]
    document = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
    return Added(registry.add_manifest("app", document, tag=tag), children={str(age): child for age, child in zip(ages, children)})


def prune(run_module: RunModule, fake: FakeRegistry, check: bool = False, diff: bool = False, **options: t.Any) -> Result:
    return run_module("registry_prune", fake.args(**{"name": "app", **options}), check=check, diff=diff)


STYLES = ["full", "distribution2", "distribution3", "zot", "quay", "nexus", "crane"]
METHODS = ["auto", "substitute", "digest"]


@pytest.mark.parametrize(("style", "method"), [*itertools.product(STYLES, METHODS), ("artifactory", "auto"), ("artifactory", "digest")])
def test_check_mode_tells_what_then_happens(make_registry: MakeRegistry, run_module: RunModule, style: str, method: str) -> None:
    registry = make_registry(style)
    fill(registry)
    before = registry.tags("app")
    options: dict[str, t.Any] = {"keep_last": 2, "protect": ["^b6$"], "method": method}
    predicted = prune(run_module, registry, check=True, diff=True, **options).ok()
    assert registry.writes() == []
    assert registry.tags("app") == before
    real = prune(run_module, registry, diff=True, **options).ok()
    for key in ("changed", "kept", "deleted", "protected_by", "plan", "diff"):
        assert real[key] == predicted[key]
    assert real.changed is True
    assert real["deleted"] == ["b3", "b4", "b5"]
    assert real["kept"] == ["b1", "b2", "b6"]
    assert registry.tags("app") == {tag: before[tag] for tag in real["kept"]}
    assert registry.gaps() == []
    registry.clear()
    again = prune(run_module, registry, **options).ok()
    assert again.changed is False
    assert again["deleted"] == []
    assert registry.writes() == []


def test_every_tag_has_its_reason(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry, 4)
    registry.set_tag("app", "latest", registry.tags("app")["b3"])
    registry.add_image("app", "b-old", 1, config={"created": "1970-01-01T00:00:00Z"})
    options: dict[str, t.Any] = {"include": ["^b"], "protect": ["^b4$"], "keep_last": 1, "keep_within": "50h"}
    result = prune(run_module, registry, check=True, diff=True, **options).ok()
    digests = registry.tags("app")
    made = {tag: ago(number)["created"][:10] for number, tag in enumerate(["", "b1", "b2", "b3"])}
    reasons = {
        "b-old": "its age is unknown, which counts as new",
        "b1": "one of the last 1",
        "b2": f"made {made['b2']}, within 50h",
        "b3": f"not one of the last 1 and made {made['b3']}, longer than 50h ago; its digest is kept under the tag latest",
        "b4": "protected by ^b4$",
        "latest": "not included",
    }
    assert {entry["tag"]: entry["reason"] for entry in result["plan"]} == reasons
    assert [entry["digest"] for entry in result["plan"]] == [digests[tag] for tag in sorted(reasons)]
    assert result["protected_by"] == {tag: reason for tag, reason in reasons.items() if tag != "b3"}
    assert [entry["action"] for entry in result["plan"]] == ["keep", "keep", "keep", "delete", "keep", "keep"]
    assert result["plan"][1]["created"][:10] == made["b1"]
    assert result["plan"][0]["created"] is None
    assert result["diff"]["before"] == {tag: f"{digests[tag]} ({reason})" for tag, reason in reasons.items()}
    assert result["diff"]["after"] == {**result["diff"]["before"], "b3": None}


def test_what_a_kept_tag_needs(registry: FakeRegistry, run_module: RunModule) -> None:
    index = registry.add_index("app", "1.0", ["linux/amd64", "linux/arm64"], nested=True)
    arm = index.children["linux/arm64"].digest
    old = registry.add_image("app", "old", config=ago(9))
    registry.set_tag("app", "old-arm", arm)
    sbom = registry.add_referrer("app", index.digest, annotations={"org.opencontainers.image.created": ago(9)["created"]})
    registry.set_tag("app", "old-sbom", sbom.digest)
    of_arm, of_old, of_nothing = (f"sha256-{hexadecimal}.sig" for hexadecimal in (arm[7:], old.digest[7:], "0" * 64))
    for signature in (of_arm, of_old, of_nothing):
        registry.add_image("app", signature, 1, config=ago(99))
    result = prune(run_module, registry, protect=["^1.0$"], keep_within="5d").ok()
    assert result["protected_by"] == {
        "1.0": "protected by ^1.0$",
        "old-arm": "the index of the tag 1.0 needs it",
        "old-sbom": "it refers to the image of the tag 1.0",
        of_arm: "it belongs to the image of the tag 1.0",
    }
    reasons = {entry["tag"]: entry["reason"] for entry in result["plan"]}
    assert reasons[of_old] == "it belongs to the image of the tag old, which goes"
    assert reasons[of_nothing] == "the image it belongs to is gone"
    assert sorted(result["deleted"]) == sorted(["old", of_old, of_nothing])
    assert sorted(registry.tags("app")) == sorted(result["kept"])
    assert registry.gaps() == []


def test_by_digest_what_a_kept_tag_leads_to_is_only_untagged(registry: FakeRegistry, run_module: RunModule) -> None:
    tags = {tag: added.digest for tag, added in fill(registry, 4).items()}
    registry.set_tag("app", "latest", tags["b3"])
    assert prune(run_module, registry, exclude=["latest"], keep_last=1, method="digest").ok()["deleted"] == ["b2", "b3", "b4"]
    assert registry.tags("app") == {"b1": tags["b1"], "latest": tags["b3"]}
    assert registry.manifests("app") == sorted([tags["b1"], tags["b3"]])
    assert registry.gaps() == []


def test_signatures_of_untagged_images_stay(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry, 2)
    untagged = registry.add_image("app", config=ago(50))
    signature = f"{untagged.digest}.sig".replace(":", "-")
    registry.add_image("app", signature, 1)
    result = prune(run_module, registry, keep_last=1).ok()
    assert result["deleted"] == ["b2"]
    assert result["protected_by"][signature] == "it belongs to an image that no tag leads to"


def test_a_repository_of_nothing_but_signatures_keeps_them(registry: FakeRegistry, run_module: RunModule) -> None:
    signatures = [f"{registry.add_image('app', str(number)).digest}.sig".replace(":", "-") for number in range(3)]
    for tag in signatures:
        registry.add_image("signatures", tag, 1)
    result = prune(run_module, registry, name="signatures", keep_last=1).ok()
    assert (result.changed, result["deleted"]) == (False, [])
    registry.add_image("signatures", "1.0")
    assert sorted(prune(run_module, registry, name="signatures", keep_last=1).ok()["deleted"]) == sorted(signatures)


@pytest.mark.parametrize(("ages", "stays"), [((9, 1), True), ((9, 8), False), ((9, None), True)])
def test_an_index_is_as_old_as_its_newest_image(
    registry: FakeRegistry, run_module: RunModule, ages: t.Sequence[float | None], stays: bool
) -> None:
    add_dated_index(registry, "1.0", *ages)
    result = prune(run_module, registry, check=True, keep_within="5d").ok()
    assert result["deleted"] == ([] if stays else ["1.0"])


def test_attestations_and_absent_images_of_an_index(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_index("app", "attested", attestations=True)
    sparse = add_dated_index(registry, "sparse", 9, 8)
    registry.remove_manifest("app", sparse.children["9"].digest)
    result = prune(run_module, registry, check=True, keep_within="5d").ok()
    assert result["deleted"] == ["attested"]
    assert "unknown" in result["protected_by"]["sparse"]


def test_dates_of_artifacts_are_in_annotations(registry: FakeRegistry, run_module: RunModule) -> None:
    chart = {"mediaType": "application/vnd.cncf.helm.config.v1+json", **registry.add_blob("app", b'{"name": "chart"}')}
    chart["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    for tag, notes in (("new", ago(1)), ("old", ago(9)), ("undated", {})):
        annotations = {f"org.opencontainers.image.{key}": value for key, value in notes.items()}
        registry.add_manifest("app", {"schemaVersion": 2, "config": chart, "layers": [], "annotations": annotations}, tag=tag)
    result = prune(run_module, registry, check=True, keep_within="5d").ok()
    assert result["deleted"] == ["old"]
    assert "get_blob" not in registry.counts()


def test_by_version(registry: FakeRegistry, run_module: RunModule) -> None:
    for tag in ("1.9", "v1.10", "1.2.0-rc1", "latest", "1.8"):
        registry.add_image("app", tag, 1)
    result = prune(run_module, registry, keep_last=2, sort="version").ok()
    assert result["deleted"] == ["1.2.0-rc1", "1.8"]
    assert registry.counts()["get_manifest"] == 2 + 2
    assert "get_blob" not in registry.counts()


# Limits and options


@pytest.mark.parametrize("check", [True, False])
def test_more_than_max_deletions(registry: FakeRegistry, run_module: RunModule, check: bool) -> None:
    fill(registry)
    result = prune(run_module, registry, check=check, keep_last=1, max_deletions=4).failure("precondition")
    assert "5 tags" in result.msg
    planned = [entry["tag"] for entry in result["plan"] if entry["action"] == "delete"]
    assert planned == ["b2", "b3", "b4", "b5", "b6"]
    assert result["deleted"] == (planned if check else [])
    assert len(result["plan"]) == 6
    assert registry.writes() == []


@pytest.mark.parametrize("limit", [0, 5])
def test_within_max_deletions(registry: FakeRegistry, run_module: RunModule, limit: int) -> None:
    fill(registry)
    assert len(prune(run_module, registry, keep_last=1, max_deletions=limit).ok()["deleted"]) == 5


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, "invalid_option"),
        ({"name": "app:1.0", "keep_last": 1}, "invalid_reference"),
        ({"name": "app@sha256:" + "0" * 64, "keep_last": 1}, "invalid_reference"),
        ({"keep_last": 0}, "invalid_option"),
        ({"keep_within": "1 month"}, "invalid_option"),
        ({"keep_last": 1, "include": ["("]}, "invalid_option"),
        ({"keep_last": 1, "max_deletions": -1}, "invalid_option"),
    ],
)
def test_options_that_cannot_be_meant(registry: FakeRegistry, run_module: RunModule, options: dict[str, t.Any], kind: str) -> None:
    prune(run_module, registry, **options).failure(kind)
    assert registry.log() == []


def test_a_repository_that_is_not_there(registry: FakeRegistry, run_module: RunModule) -> None:
    prune(run_module, registry, keep_last=1).failure("not_found")


def test_an_empty_repository(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    registry.add_image("app")
    result = prune(run_module, registry, keep_last=1).ok()
    assert result.changed is False
    assert result["plan"] == []


# Requests


def test_requests_are_counted(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token", page_size=4)
    fill(registry, 10)
    for number in range(1, 11):
        registry.set_tag("app", f"c{number}", registry.tags("app")[f"b{number}"])
    prune(run_module, registry, check=True, keep_last=4).ok()
    assert registry.counts() == {"list_tags": 1 + 5, "token": 1, "head_manifest": 20, "get_manifest": 10, "get_blob": 10}
    registry.clear()
    prune(run_module, registry, keep_last=4).ok()
    assert registry.counts()["get_manifest"] == 10 + 12
    assert registry.counts()["delete_manifest"] == 12
    assert registry.counts()["head_manifest"] == 20 + 12


def test_nothing_is_read_that_does_not_matter(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry, 3)
    prune(run_module, registry, keep_last=3).ok()
    assert registry.counts() == {"list_tags": 1, "head_manifest": 3}


def test_reads_are_parallel(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry)
    held = registry.on("head_manifest", nth=2).hold()
    registry.on("head_manifest", nth=4).call(lambda request: held.release())
    prune(run_module, registry, check=True, keep_last=1, concurrency=3).ok()
    assert 2 <= registry.peak <= 3


def test_an_index_whose_children_repeat_is_walked_through_once(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry)
    entry = registry.add_image("app", None, 1, seed="inner", config=ago(9)).stored.descriptor()
    index = "application/vnd.oci.image.index.v1+json"
    for level in range(6):
        document = {"schemaVersion": 2, "mediaType": index, "manifests": [entry] * 50}
        entry = registry.add_manifest("app", document, index, "nested" if level == 5 else None).descriptor()
    result = prune(run_module, registry, keep_last=6).ok()
    assert result["deleted"] == ["nested"]
    assert registry.counts()["get_blob"] == 7
