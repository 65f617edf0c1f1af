# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_prune when things go wrong: reads that fail, registries that take more than asked, others at work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import put
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import PYTHON_PATH, Result, RunModule, module_arguments
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.faults import Rule
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded

MakeRegistry = t.Callable[..., FakeRegistry]
NOW = datetime.now(timezone.utc)


def ago(days: float) -> dict[str, str]:
    """Return the config of an image that was made so many days ago."""
    return {"created": (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")}


def fill(registry: FakeRegistry) -> dict[str, str]:
    """Add images of every age, an index, a signature; return the tags with their digests."""
    for number in range(1, 6):
        registry.add_image("app", f"b{number}", 1, config=ago(number))
    registry.add_index("app", "index", layers=1)
    index = registry.tags("app")["index"]
    registry.add_image("app", f"sha256-{index[7:]}.sig", 1)
    registry.add_image("app", f"sha256-{'0' * 64}.sig", 1)
    registry.set_tag("app", "latest", registry.tags("app")["b4"])
    return registry.tags("app")


def pulls(registry: FakeRegistry) -> dict[str, t.Any]:
    """Return what a client gets that pulls each tag."""
    stored = {tag: registry.manifest("app", tag) for tag in registry.tags("app")}
    return {tag: json.loads(manifest.raw) for tag, manifest in stored.items() if manifest}


def prune(run_module: RunModule, fake: FakeRegistry, check: bool = False, **options: t.Any) -> Result:
    return run_module("registry_prune", fake.args(**{"name": "app", "keep_last": 2, "exclude": ["^latest$"], **options}), check=check)


BREAK: dict[str, t.Callable[[Rule], Rule]] = {
    "500": lambda rule: rule.answer(500),
    "403": lambda rule: rule.answer(403, code="DENIED"),
    "404": lambda rule: rule.answer(404, code="MANIFEST_UNKNOWN"),
    "proxy": lambda rule: rule.html(404),
    "reset": lambda rule: rule.reset(),
    "truncated": lambda rule: rule.truncate(0),
    "garbage": lambda rule: rule.body(b"{"),
    "flipped": lambda rule: rule.flip(20),
}


@pytest.mark.parametrize("endpoint", ["list_tags", "head_manifest", "get_manifest", "get_blob"])
@pytest.mark.parametrize("how", BREAK)
def test_any_read_that_fails(make_registry: MakeRegistry, run_module: RunModule, endpoint: str, how: str) -> None:
    registry = make_registry()
    before = fill(registry)
    rule = registry.on(endpoint, nth=1 if endpoint == "list_tags" else 3, times=None)
    BREAK[how](rule)
    if endpoint == "head_manifest" and how in ("404", "proxy", "truncated", "garbage", "flipped"):
        rule.call(lambda request: None)
        registry.on("get_manifest", times=None).answer(500 if how in ("404", "proxy") else 404, code="MANIFEST_UNKNOWN")
    result = prune(run_module, registry, retries=1)
    assert result.failed
    assert "Nothing was deleted" in result.msg
    assert registry.tags("app") == before
    assert registry.writes() == []


def test_a_child_that_cannot_be_read(registry: FakeRegistry, run_module: RunModule) -> None:
    index = registry.add_index("app", "1.0", nested=True)
    fill(registry)
    inner = json.loads(index.raw)["manifests"][0]["digest"]
    registry.on("get_manifest", inner, times=None).answer(403, code="DENIED")
    result = prune(run_module, registry).failure("denied")
    assert "Nothing was deleted" in result.msg
    assert registry.writes() == []


# Registries that take more than they are asked to


@pytest.mark.parametrize("way", ["deletes_manifest", "removes_siblings"])
@pytest.mark.parametrize("method", ["auto", "tag"])
def test_what_is_taken_along_is_put_back(make_registry: MakeRegistry, run_module: RunModule, way: str, method: str) -> None:
    registry = make_registry(delete_by_tag=way)
    before = fill(registry)
    result = prune(run_module, registry, method=method).failure("unsupported")
    assert "the tag latest" in result.msg
    assert "restored" in result.msg
    assert list(result["failed_tags"]) == ["b4"]
    assert registry.tags("app") == {tag: digest for tag, digest in before.items() if tag != "b4"}
    assert registry.gaps() == []


def test_what_nothing_needs_may_go_along(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(delete_by_tag="deletes_manifest")
    before = fill(registry)
    registry.remove_tag("app", "latest")
    result = prune(run_module, registry).ok()
    assert set(result["deleted"]) >= {"b3", "b4", "b5"}
    assert not set(registry.manifests("app")) & {before[tag] for tag in result["deleted"]}
    assert registry.gaps() == []


# Others at work


def test_a_tag_is_moved_meanwhile(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry)
    other = registry.add_image("app", seed="somebody else's").digest
    registry.on("delete_manifest").call(lambda request: registry.set_tag("app", "b5", other))
    result = prune(run_module, registry).failure("conflict")
    assert list(result["failed_tags"]) == ["b5"]
    assert registry.tags("app")["b5"] == other
    assert "b3" not in registry.tags("app")
    assert "not deleted" in result.msg


def test_a_tag_is_deleted_meanwhile(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry)
    registry.on("delete_manifest").call(lambda request: registry.remove_tag("app", "b5"))
    result = prune(run_module, registry).ok()
    assert "b5" in result["deleted"]


def test_a_digest_gets_a_new_tag_meanwhile(registry: FakeRegistry, run_module: RunModule) -> None:
    tags = fill(registry)
    registry.on("list_tags", nth=2).call(lambda request: registry.set_tag("app", "release", tags["b5"]))
    result = prune(run_module, registry, method="digest").failure("conflict")
    assert list(result["failed_tags"]) == [tags["b5"]]
    assert registry.tags("app")["release"] == tags["b5"]
    assert registry.manifest("app", tags["b3"]) is None


# Deletions that fail


def test_one_that_fails_keeps_no_other_from_going(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry)
    registry.on("delete_manifest", "/b3$").answer(409, code="TAG_IMMUTABLE")
    result = prune(run_module, registry).failure("conflict")
    assert list(result["failed_tags"]) == ["b3"]
    assert "b3" in registry.tags("app")
    assert "b4" not in registry.tags("app")
    assert "b5" in result["deleted"]


def test_a_signature_stays_where_its_image_could_not_go(registry: FakeRegistry, run_module: RunModule) -> None:
    tags = fill(registry)
    signature = f"sha256-{tags['b3'][7:]}.sig"
    registry.add_image("app", signature, 1)
    registry.on("delete_manifest", "/b3$").answer(409, code="TAG_IMMUTABLE")
    result = prune(run_module, registry).failure("conflict")
    assert signature in {entry["tag"] for entry in result["plan"] if entry["action"] == "delete"}
    assert {"b3", signature} <= set(registry.tags("app"))
    assert {"b3", signature} <= set(prune(run_module, registry).ok()["deleted"])


@pytest.mark.parametrize("style", ["ghcr", "hub"])
def test_no_deletion_at_all(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style)
    before = fill(registry)
    prune(run_module, registry).failure("unsupported")
    assert registry.tags("app") == before
    assert len(registry.writes()) == 2


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_cut_off_after_any_request(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    """Whatever is done by then: a tag that stays pulls the same, one that goes is gone or pulls the same, and a rerun finishes."""
    cut, again = 0, True
    while again:
        cut += 1
        registry = make_registry(style)
        for tag, age in (("new", 1), ("old", 2), ("older", 3)):
            registry.add_image("app", tag, 1, config=ago(age))
        registry.set_tag("app", "latest", registry.tags("app")["old"])
        before = registry.tags("app")
        pulled = pulls(registry)
        ended: list[bool] = []
        rule = registry.on("", "manifests", nth=4 + cut, times=None, optional=True, where=lambda request, ended=ended: not ended).reset()
        first = prune(run_module, registry, keep_last=1, concurrency=1, retries=0)
        again = bool(rule.used)
        ended.append(True)
        assert first.failed == again
        assert pulls(registry).items() <= pulled.items()
        assert {tag: registry.tags("app").get(tag) for tag in ("new", "latest")} == {tag: before[tag] for tag in ("new", "latest")}
        assert registry.gaps() == []
        prune(run_module, registry, keep_last=1).ok()
        assert list(registry.tags("app")) == ["latest", "new"]
    assert cut >= 12


# Five thousand tags

# Not ru_maxrss, which begins with the memory of the process that started this one.
_MEASURED = """
import re, sys
from ansible_collections.ocitools.registry.tests.unit.plugins import child
try:
    child.main()
finally:
    print(re.search(r"VmHWM:\\s+([0-9]+) kB", open("/proc/self/status").read()).group(1), file=sys.stderr)
"""


def test_five_thousand_tags(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry(page_size=100)
    for number in range(250):
        added = registry.add_image("app", f"{number}", [], config=ago(number / 10))
        for copy in range(1, 20):
            registry.set_tag("app", f"{number}-{copy}", added.digest)
    args = registry.args(name="app", keep_last=245, protect=["-7$"])
    request = {"name": "registry_prune", "args": module_arguments(args, True, True, tmp_path), "hide": [], "fast": True}
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURED],
        input=json.dumps(request).encode(),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": PYTHON_PATH},
        check=True,
    )
    result = json.loads(ran.stdout)
    assert len(result["plan"]) == 5000
    assert len(result["deleted"]) == 5 * 19
    assert result["changed"] is True
    assert registry.counts() == {"list_tags": 50, "head_manifest": 5000, "get_manifest": 250, "get_blob": 250}
    assert int(ran.stderr) < 150 * 1024, "KiB of memory"


@pytest.mark.parametrize("style", ["distribution2", "distribution3"])
def test_a_list_of_referrers_goes_with_the_image_that_they_referred_to(
    make_registry: MakeRegistry, run_module: RunModule, style: str
) -> None:
    registry = make_registry(style)
    old = put(registry, "app", images.image(layers=("old",)), "1.0")
    put(registry, "app", images.image(layers=("new",)), "2.0")
    sbom = put(registry, "app", images.artifact(subject=old), "1.0-sbom")
    entry = {"mediaType": sbom.media_type, "digest": sbom.digest, "size": len(sbom.raw)}
    listing = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [entry]}
    registry.add_manifest("app", listing, images.OCI_INDEX, f"sha256-{old.digest[7:]}")
    options: dict[str, t.Any] = {"sort": "version", "keep_last": 1, "exclude": [], "method": "digest"}
    result = prune(run_module, registry, **options).ok()
    assert result["deleted"] == ["1.0", "1.0-sbom", f"sha256-{old.digest[7:]}"]
    assert list(registry.tags("app")) == ["2.0"]
    assert not prune(run_module, registry, **options).ok().changed


@pytest.mark.parametrize(
    "options", [{"keep_last": None}, {"keep_within": None}, {"keep_last": None, "keep_within": None}, {"protect": None}]
)
def test_a_policy_without_a_value_keeps_all(registry: FakeRegistry, run_module: RunModule, options: dict[str, t.Any]) -> None:
    given = {"keep_last": 1, **options} if "protect" in options else options
    result = run_module("registry_prune", registry.args(name="app", sort="version", **given)).failure("invalid_option")
    assert "value" in result.msg
    assert registry.log() == []


def test_an_index_goes_before_the_index_that_it_names(registry: FakeRegistry, run_module: RunModule) -> None:
    inner = registry.add_index("app", "a")
    stored = registry.manifest("app", inner.digest)
    assert stored is not None
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [stored.descriptor()]}
    outer = registry.add_manifest("app", document, images.OCI_INDEX, "z").digest

    def is_named(request: Recorded) -> bool:
        return request.reference == inner.digest and registry.manifest("app", outer) is not None

    registry.on("delete_manifest", times=None, optional=True, where=is_named).answer(405, code="DENIED", message="an index needs it")
    options = registry.args(name="app", include=["a|z"], keep_within="1h", method="digest")
    assert run_module("registry_prune", options).ok()["deleted"] == ["a", "z"]
    assert registry.tags("app") == {}
