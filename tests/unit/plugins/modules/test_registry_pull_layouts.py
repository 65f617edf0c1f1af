# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_pull to layouts that hold several images, and of some platforms of an index."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import (
    blob_names,
    content_of,
    digests_of,
    index_of,
    put,
    tree,
)
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]


# Several images in a layout


def test_appended_images_share_blobs_and_keep_each_other(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    one = put(registry, "app", "1.0", images.image(layers=["base", "one"]))
    two = put(registry, "app", "2.0", images.image(layers=["base", "two"]))
    for tag in ("1.0", "2.0"):
        result = run_module("registry_pull", registry.args(name=f"app:{tag}", path=str(tmp_path / "all"), append=True)).ok()
    assert digests_of(result["existing_blobs"]) == set(one.blobs) & set(two.blobs) != set()
    assert content_of(tmp_path / "all", "1.0") == one.files
    assert content_of(tmp_path / "all", "2.0") == two.files
    registry.clear()
    for tag in ("1.0", "2.0"):
        again = run_module("registry_pull", registry.args(name=f"app:{tag}", path=str(tmp_path / "all"), append=True)).ok()
        assert again.changed is False
    assert registry.counts() == {"head_manifest": 2}


def test_images_of_two_repositories_with_one_tag_are_two(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    app = put(registry, "app", "1.0", images.image(layers=["app"]))
    base = put(registry, "base", "1.0", images.image(layers=["base"]))
    for name in ("app:1.0", "base:1.0"):
        run_module("registry_pull", registry.args(name=name, path=str(tmp_path / "all"), append=True)).ok()
    assert content_of(tmp_path / "all", registry.name("app:1.0")) == app.files
    assert content_of(tmp_path / "all", registry.name("base:1.0")) == base.files


def test_an_appended_image_replaces_the_one_of_its_name(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    arguments = registry.args(name="app:1.0", path=str(tmp_path / "all"), append=True)
    old = put(registry, "app", "1.0", images.image(layers=["old"]))
    run_module("registry_pull", arguments).ok()
    other = images.image(layers=["other"])
    images.write_layout(tmp_path / "all", {"1.0": old, "other": other})
    new = put(registry, "app", "1.0", images.image(layers=["new"]))
    result = run_module("registry_pull", arguments, diff=True).ok()
    assert result["diff"]["before"] == {str(tmp_path / "all"): old.digest}
    assert [entry["digest"] for entry in index_of(tmp_path / "all")] == [new.digest, other.digest]
    assert set(old.files) <= blob_names(tmp_path / "all")
    assert content_of(tmp_path / "all", "other") == other.files


def test_without_append_the_image_is_alone(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    other = images.image(layers=["other"])
    images.write_layout(tmp_path / "app", {"other": other})
    (tmp_path / "app" / "README").write_text("mine", encoding="utf-8")
    content = put(registry, "app", "1.0", images.image())
    arguments = registry.args(name="app:1.0", path=str(tmp_path / "app"))
    result = run_module("registry_pull", arguments, diff=True).ok()
    assert result["diff"]["before"] == {
        str(tmp_path / "app"): None,
        f"{tmp_path / 'app'} other": other.digest,
    }
    assert result["diff"]["after"] == {str(tmp_path / "app"): content.digest}
    assert blob_names(tmp_path / "app") == set(content.files)
    assert len(index_of(tmp_path / "app")) == 1
    assert (tmp_path / "app" / "README").read_text(encoding="utf-8") == "mine"
    assert run_module("registry_pull", arguments).ok().changed is False


def test_a_layout_that_another_tool_made_is_taken_as_it_is(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.multi_arch())
    images.write_layout(tmp_path / "app", {"1.0": content})
    before = tree(tmp_path)
    result = run_module("registry_pull", registry.args(name="app:1.0", path=str(tmp_path / "app"))).ok()
    assert result.changed is False
    assert tree(tmp_path) == before


# Platforms


def test_some_platforms_make_a_smaller_index(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = put(token_registry, "app", "1.0", images.multi_arch("linux/amd64", "linux/arm64", "linux/s390x", attested=True))
    arguments = token_registry.args(name="app:1.0", path=str(tmp_path / "app"), platforms=["linux/aarch64"])
    result = run_module("registry_pull", arguments).ok()
    assert result["digest"] != content.digest
    found = content_of(tmp_path / "app")
    children = [child for child in content.document["manifests"] if child["digest"] in found]
    assert len(children) == 2  # the image and its attestation
    assert blob_names(tmp_path / "app") == set(found)
    token_registry.clear()
    again = run_module("registry_pull", arguments).ok()
    assert again.changed is False
    assert again["digest"] == result["digest"]
    assert token_registry.counts() == {"get_manifest": 2, "token": 1}


def test_a_platform_that_is_not_there_is_told_with_those_that_are(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    put(registry, "app", "1.0", images.multi_arch())
    arguments = registry.args(name="app:1.0", path=str(tmp_path / "app"), platforms=["linux/riscv64"])
    failed = run_module("registry_pull", arguments).failure("not_found")
    assert "linux/amd64, linux/arm64" in failed.msg
    assert tree(tmp_path) == {}


def test_a_single_image_is_pulled_for_its_own_platform_only(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.image("linux/arm64"))
    arguments = registry.args(name="app:1.0", path=str(tmp_path / "app"))
    failure = run_module("registry_pull", {**arguments, "platforms": ["linux/amd64"]}).failure("not_found")
    assert "it is for: linux/arm64" in failure.msg
    assert not (tmp_path / "app").exists()
    for changed in (True, False):
        assert run_module("registry_pull", {**arguments, "platforms": ["linux/arm64"]}).ok().changed is changed
    assert content_of(tmp_path / "app", "1.0") == content.files


def test_a_layout_that_umoci_init_has_made_is_an_empty_one(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    image = put(registry, "app", "1.0", images.image())
    path = images.write_files(
        tmp_path / "new", {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": b'{"schemaVersion":2,"manifests":null}'}
    )
    assert run_module("registry_archive_info", {"path": path}).ok()["images"] == []
    assert "contains no image" in run_module("registry_push", registry.args(name="app:2", path=path)).failure("invalid_source").msg
    for changed in (True, False):
        result = run_module("registry_pull", registry.args(name="app:1.0", path=path, append=True)).ok()
        assert result.changed is changed
    assert content_of(tmp_path / "new", "1.0") == image.files
