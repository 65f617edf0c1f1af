# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that SOCI or BuildKit have made ready for lazy loading: the index lists a SOCI index beside the image, for the same platform."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import put
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

TYPE = "application/vnd.amazon.soci.index.v2+json"
OWNER = "com.amazon.soci.image-manifest-digest"
AMD64, ARM64 = images.image("linux/amd64", ("base", "amd64")), images.image("linux/arm64", ("base", "arm64"))


def soci_of(image: images.Content) -> images.Content:
    """The SOCI index of an image, as an index lists it."""
    made = images.artifact(None, TYPE, f"table of {image.digest}".encode())
    extra = {"artifactType": TYPE, "platform": image.extra["platform"], "annotations": {OWNER: image.digest}}
    return images.Content(made.raw, made.media_type, made.manifests, made.blobs, extra)


LAZY = images.index(AMD64, ARM64, soci_of(AMD64), soci_of(ARM64))


def listed(registry: FakeRegistry, tag: str) -> list[str]:
    """Return the digests that the index of a tag lists."""
    stored = registry.manifest("app", tag)
    assert stored is not None
    return [entry["digest"] for entry in stored.document["manifests"]]


def test_it_is_no_image_for_a_platform(registry: FakeRegistry, run_module: RunModule) -> None:
    put(registry, "app", LAZY, "1")
    result = run_module("registry_image_info", registry.args(name="app:1")).ok()
    assert [entry["digest"] for entry in result["images"][0]["platforms"]] == [AMD64.digest, ARM64.digest]


def test_it_goes_with_its_image(registry: FakeRegistry, run_module: RunModule) -> None:
    put(registry, "app", LAZY, "1")
    run_module("registry_copy", registry.args(src="app:1", dest="app:2", platforms=["linux/arm64"])).ok()
    assert listed(registry, "2") == [ARM64.digest, soci_of(ARM64).digest]


def test_an_index_takes_it_over_and_replaces_it_with_its_image(registry: FakeRegistry, run_module: RunModule) -> None:
    put(registry, "app", LAZY, "1")
    put(registry, "app", images.image("linux/riscv64"), "other")
    put(registry, "app", images.image("linux/amd64", ("base", "newer")), "newer")
    arguments = registry.args(name="app:2", images=["app:1", "app:other"])
    run_module("registry_index", arguments).ok()
    assert listed(registry, "2")[:4] == listed(registry, "1")
    assert run_module("registry_index", arguments).ok().changed is False
    run_module("registry_index", registry.args(name="app:2", images=["app:newer"], children="append")).ok()
    left = listed(registry, "2")
    assert len(left) == 4
    assert {ARM64.digest, soci_of(ARM64).digest} < set(left)
    assert not {AMD64.digest, soci_of(AMD64).digest} & set(left)


def test_it_does_not_hide_how_old_its_image_is(registry: FakeRegistry, run_module: RunModule) -> None:
    put(registry, "app", LAZY, "1")
    registry.add_image("app", "2", config={"created": "2026-02-01T00:00:00Z"})
    result = run_module("registry_prune", registry.args(name="app", keep_last=1)).ok()
    assert result["deleted"] == ["1"]


def test_an_index_json_with_one_is_the_image_itself(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    files = images.layout_files(LAZY)
    del files[f"blobs/{LAZY.digest.replace(':', '/')}"]
    path = images.write_files(tmp_path / "layout", {**files, "index.json": LAZY.raw})
    assert run_module("registry_push", registry.args(name="app:1", path=path)).ok()["digest"] == LAZY.digest
