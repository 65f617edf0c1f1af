# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An index that states a wrong size or type of what it lists: the same answer from every module."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import put
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

INDEX = images.multi_arch()
CHILD = INDEX.document["manifests"][1]
CHANGES: dict[str, tuple[str, dict[str, t.Any]]] = {
    "a smaller size": ("digest_mismatch", {"size": CHILD["size"] - 1}),
    "a larger size": ("digest_mismatch", {"size": CHILD["size"] + 1}),
    "no size": ("digest_mismatch", {"size": 0}),
    "another type": ("invalid_response", {"mediaType": images.DOCKER_MANIFEST}),
    "the type of an index": ("invalid_response", {"mediaType": images.OCI_INDEX}),
}


def spoilt(changes: dict[str, t.Any], nested: bool = False, twice: bool = False) -> images.Content:
    """An index whose second child is not what it states; ``twice`` states the truth of it before."""
    document = INDEX.document
    right = document["manifests"]
    document["manifests"] = [right[0], *(right[1:] if twice else []), {**right[1], **changes}]
    raw = json.dumps(document).encode()
    manifests = {digest: content for digest, content in INDEX.manifests.items() if digest != INDEX.digest}
    content = images.Content(raw, INDEX.media_type, {**manifests, images.digest_of(raw): (INDEX.media_type, raw)}, INDEX.blobs)
    return images.index(content) if nested else content


def _refused(result: Result, kind: str) -> None:
    assert result.failed, result.data
    assert result.changed is False
    assert result.error["kind"] == kind
    assert CHILD["digest"] in result.msg


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("form", ["plain", "nested", "twice"])
@pytest.mark.parametrize("case", CHANGES)
def test_t56_no_module_takes_a_child_that_is_not_what_its_index_states(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, case: str, form: str, check: bool
) -> None:
    kind, changes = CHANGES[case]
    content = spoilt(changes, form == "nested", form == "twice")
    source, destination = make_registry(), make_registry()
    put(source, "app", "1", content)
    for kept in ("oci-layout", "oci-archive"):
        path = tmp_path / kept
        for _again in range(2):
            _refused(run_module("registry_pull", source.args(name="app:1", path=str(path), format=kept), check=check), kind)
        assert not path.exists() or not (path / "index.json").exists()
    _refused(run_module("registry_copy", between(source, destination, src="app:1", dest="app:1"), check=check), kind)
    layout = images.write_layout(tmp_path / "made", content)
    local = "invalid_source" if kind == "invalid_response" else kind
    _refused(run_module("registry_push", destination.args(name="app:2", path=layout), check=check), local)
    assert destination.writes() == []


@pytest.mark.parametrize("case", ["a larger size", "another type"])
def test_t56_the_image_for_a_platform_is_held_against_its_index(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, case: str
) -> None:
    kind, changes = CHANGES[case]
    put(registry, "app", "1", spoilt(changes))
    wrong: dict[str, t.Any] = {"name": "app:1", "path": str(tmp_path / "app.tar"), "format": "docker-archive", "platforms": ["linux/arm64"]}
    _refused(run_module("registry_pull", registry.args(**wrong)), kind)
    _refused(run_module("registry_image_info", registry.args(name=["app:1"], platform="linux/arm64")), kind)
    _refused(run_module("registry_image_info", registry.args(name=["app:1"], details="config")), kind)
    assert os.listdir(tmp_path) == []
    run_module("registry_pull", registry.args(**{**wrong, "platforms": ["linux/amd64"]})).ok()


def test_t56_a_layout_that_was_pulled_can_be_pushed(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    put(registry, "app", "1", INDEX)
    path = str(tmp_path / "layout")
    assert run_module("registry_pull", registry.args(name="app:1", path=path)).ok().changed is True
    assert run_module("registry_pull", registry.args(name="app:1", path=path)).ok().changed is False
    assert run_module("registry_push", registry.args(name="copy:1", path=path)).ok()["digest"] == INDEX.digest
