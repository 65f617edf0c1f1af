# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images added to the index that a tag is on: what takes whose place, and others who write at the same moment."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import put
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def _entries(registry: FakeRegistry, tag: str = "1") -> list[dict[str, t.Any]]:
    stored = registry.store.get("app").manifests[registry.tags("app")[tag]]
    entries: list[dict[str, t.Any]] = json.loads(stored.raw)["manifests"]
    return entries


def _digests(registry: FakeRegistry, tag: str = "1") -> list[str]:
    return [entry["digest"] for entry in _entries(registry, tag)]


def test_an_image_for_a_new_platform_comes_last(registry: FakeRegistry, run_module: RunModule) -> None:
    there = registry.add_index("app", "1", platforms=["linux/amd64", "linux/arm64"], annotations={"team": "blue"})
    added = registry.add_image("app", "riscv", platform="linux/riscv64")
    options = registry.args(name="app:1", images=["app:riscv"], children="append", annotations={"a": "b"})
    result = run_module("registry_index", options).ok()
    children = [child.digest for child in there.children.values()]
    assert _digests(registry) == [*children, added.digest]
    assert json.loads(registry.store.get("app").manifests[result["digest"]].raw)["annotations"] == {"a": "b", "team": "blue"}
    registry.clear()
    assert not run_module("registry_index", options).ok().changed
    assert registry.counts() == {"get_manifest": 4, "get_blob": 1}


def test_an_image_for_a_known_platform_takes_its_place_and_that_of_its_attestation(registry: FakeRegistry, run_module: RunModule) -> None:
    there = registry.add_index("app", "1", platforms=["linux/amd64", "linux/arm64"], attestations=True)
    new = registry.add_index("app", "new", platforms=["linux/amd64"], attestations=True)
    options = registry.args(name="app:1", images=["app:new"], children="append")
    run_module("registry_index", options).ok()
    digests, old = _digests(registry), [entry["digest"] for entry in json.loads(there.raw)["manifests"]]
    assert digests[0] == new.children["linux/amd64"].digest
    assert there.children["linux/amd64"].digest not in digests
    assert there.children["linux/arm64"].digest in digests
    assert len(set(digests) - set(old)) == 2
    assert len(digests) == 4
    assert not run_module("registry_index", options).ok().changed


def test_another_version_of_windows_takes_no_place(registry: FakeRegistry, run_module: RunModule) -> None:
    versions = ("10.0.17763.1", "10.0.17763.2")
    added = [registry.add_image("app", version, platform="windows/amd64", config={"os.version": version}).digest for version in versions]
    for version in versions:
        images = [{"name": f"app:{version}", "platform": "windows/amd64"}]
        run_module("registry_index", registry.args(name="app:1", images=images, children="append")).ok()
    assert _digests(registry) == added


def test_a_version_of_windows_that_cannot_be_read_is_not_left_out(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "new", platform="windows/amd64", config={"os.version": "10.0.17763.1"})
    options = registry.args(name="app:1", images=[{"name": "app:new", "platform": "windows/amd64"}], retries=0)
    registry.on("get_blob").answer(500)
    run_module("registry_index", options).failure("server")
    assert "1" not in registry.tags("app")
    run_module("registry_index", options).ok()
    assert _entries(registry)[0]["platform"]["os.version"] == "10.0.17763.1"


def test_an_absent_tag_and_a_single_image_can_be_added_to(registry: FakeRegistry, run_module: RunModule) -> None:
    arm = registry.add_image("app", "arm", platform="linux/arm64")
    run_module("registry_index", registry.args(name="app:1", images=["app:arm"], children="append")).ok()
    assert _digests(registry) == [arm.digest]
    single = registry.add_image("app", "2")
    run_module("registry_index", registry.args(name="app:2", images=["app:arm"], children="append")).ok()
    assert _digests(registry, "2") == [single.digest, arm.digest]


def test_nothing_is_added_to_what_is_not_for_a_platform(registry: FakeRegistry, run_module: RunModule) -> None:
    put(registry, "app", images.artifact(), "1")
    registry.add_image("app", "arm", platform="linux/arm64")
    failed = run_module("registry_index", registry.args(name="app:1", images=["app:arm"], children="append")).failure("invalid_option")
    name = registry.name("app:1")
    assert failed.msg == (
        f"The config of {name} states no platform: images cannot be added to it. Choose another tag, or set children: exact."
    )


def test_what_somebody_else_adds_at_the_same_moment_stays(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_index("app", "1", platforms=["linux/amd64"])
    registry.add_image("app", "arm", platform="linux/arm64")
    other = registry.add_index("app", "other", platforms=["linux/amd64", "linux/s390x"])
    registry.on("head_manifest", path="/manifests/1$").call(lambda request: registry.set_tag("app", "1", other.digest))
    run_module("registry_index", registry.args(name="app:1", images=["app:arm"], children="append")).ok()
    assert [entry["platform"]["architecture"] for entry in _entries(registry)] == ["amd64", "s390x", "arm64"]


def test_a_tag_that_never_stays_is_a_conflict(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_index("app", "1", platforms=["linux/amd64"])
    registry.add_image("app", "arm", platform="linux/arm64")
    others = [registry.add_index("app", f"other{number}", platforms=["linux/amd64"]).digest for number in range(2)]
    moves = iter(others)
    registry.on("head_manifest", path="/manifests/1$", times=2).call(lambda request: registry.set_tag("app", "1", next(moves)))
    result = run_module("registry_index", registry.args(name="app:1", images=["app:arm"], children="append")).failure("conflict")
    assert result.error["reference"] == registry.name("app:1")
    assert registry.tags("app")["1"] == others[1]
