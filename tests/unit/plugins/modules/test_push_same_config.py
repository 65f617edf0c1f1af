# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A docker save archive and what a tag is on already: the same config alone does not make the same image."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import put
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

IMAGE = images.image(layers=("a", "b"))
PLAIN = images.image(layers=("a", "b"), compression="")
OTHER = images.image(layers=("a", "c"), compression="")
Layers = list[dict[str, t.Any]]
Change = t.Callable[[Layers], Layers]


def _with_layers(content: images.Content, layers: Layers, **config: t.Any) -> images.Content:
    document = {**content.document, "layers": layers, "config": {**content.document["config"], **config}}
    raw = images.to_json(document)
    blobs = {**content.blobs, **OTHER.blobs, **images.image(foreign=True).blobs}
    return images.Content(raw, content.media_type, {images.digest_of(raw): (content.media_type, raw)}, blobs)


FALSE: dict[str, tuple[images.Content, Change]] = {
    "no layers": (IMAGE, lambda layers: []),
    "a layer less": (IMAGE, lambda layers: layers[:1]),
    "a layer more": (IMAGE, lambda layers: [*layers, layers[0]]),
    "one layer for two": (IMAGE, lambda layers: [layers[0], layers[0]]),
    "something else than a layer": (IMAGE, lambda layers: [layers[0], {**layers[1], "mediaType": "application/octet-stream"}]),
    "a layer that lies elsewhere": (IMAGE, lambda layers: [layers[0], {**layers[1], "mediaType": images.FOREIGN_LAYER}]),
    "other layers, not compressed": (PLAIN, lambda layers: OTHER.document["layers"]),
    "the layers the other way round": (PLAIN, lambda layers: layers[::-1]),
}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("case", FALSE)
def test_t57_the_same_config_with_other_layers_is_not_unchanged(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, case: str, check: bool
) -> None:
    content, change = FALSE[case]
    false = put(registry, "app", "1", _with_layers(content, change(content.document["layers"])))
    path = images.write_docker_archive(tmp_path / "app.tar", IMAGE)
    result = run_module("registry_push", registry.args(name="app:1", tags=["2"], path=path), check=check).ok()
    assert result.changed is True
    assert result["previous"] == {"1": false.digest, "2": None}
    if not check:
        assert registry.tags("app") == {"1": result["digest"], "2": result["digest"]}
        stored = registry.manifest("app", "1")
        assert stored is not None
        assert len(stored.document["layers"]) == 2
        assert run_module("registry_push", registry.args(name="app:1", tags=["2"], path=path)).ok().changed is False


def test_t57_a_config_of_another_size_or_type_is_not_the_same(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = images.write_docker_archive(tmp_path / "app.tar", IMAGE)
    for tag, stated in (("1", {"size": 1}), ("2", {"mediaType": images.OCI_EMPTY})):
        put(registry, "app", tag, _with_layers(IMAGE, IMAGE.document["layers"], **stated))
        assert run_module("registry_push", registry.args(name=f"app:{tag}", path=path)).ok().changed is True


@pytest.mark.parametrize(
    "pushed", [IMAGE, PLAIN, images.image(layers=("a", "b"), docker=True), images.image(layers=("a", "b"), compression="zstd")]
)
def test_an_image_that_another_tool_compressed_is_unchanged(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, pushed: images.Content
) -> None:
    put(registry, "app", "1", pushed)
    path = images.write_docker_archive(tmp_path / "app.tar", IMAGE)
    result = run_module("registry_push", registry.args(name="app:1", tags=["2"], path=path)).ok()
    assert result["digest"] == pushed.digest
    assert (result["unchanged_images"], registry.tags("app")["2"]) == ([registry.name("app:1")], pushed.digest)
    assert result["uploaded_bytes"] == 0


def test_a_layer_that_comes_twice_is_unchanged(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = images.write_docker_archive(tmp_path / "app.tar", images.image(layers=("a", "b", "a")))
    assert run_module("registry_push", registry.args(name="app:1", path=path)).ok().changed is True
    registry.clear()
    assert run_module("registry_push", registry.args(name="app:1", path=path)).ok().changed is False
    assert registry.writes() == []
