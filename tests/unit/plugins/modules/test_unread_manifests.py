# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests of media types that no task reads, such as the artifact manifests of former times: they are there, whoever asks."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.deletions import delete, fill, prune, visible
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.images import OCI_INDEX, write_layout
from ansible_collections.ocitools.registry.tests.unit.plugins.pushes import image
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

TYPES = (
    "application/vnd.oci.artifact.manifest.v1+json",
    "application/vnd.cncf.oras.artifact.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
MANIFEST = {"artifactType": "application/vnd.cncf.notary.signature", "blobs": []}


@pytest.fixture(params=["strict", "any"])
def old(request: pytest.FixtureRequest, make_registry: MakeRegistry) -> FakeRegistry:
    """A registry with a tag for each of ``TYPES``; a strict one says that a manifest is missing where its type is not asked for."""
    registry = make_registry(accept=request.param)
    for number, media_type in enumerate(TYPES):
        registry.add_manifest("app", {**MANIFEST, "number": number}, media_type, f"0.{number}")
    return registry


@pytest.mark.parametrize("method", ["auto", "digest"])
def test_a_prune_keeps_what_it_cannot_read(old: FakeRegistry, run_module: RunModule, method: str) -> None:
    fill(old)
    predicted = prune(run_module, old, check=True, include=["."], method=method).ok()
    result = prune(run_module, old, include=["."], method=method).ok()
    assert result["plan"] == predicted["plan"]
    assert result["kept"] == visible(old) == ["0.0", "0.1", "0.2", "7.0", "8.0"]
    assert result.warnings == []
    assert {result["protected_by"][f"0.{number}"] for number in range(3)} == {"its manifest has a media type that is not supported"}


def test_it_is_no_tag_without_a_manifest(old: FakeRegistry, run_module: RunModule) -> None:
    for tag in ("0.0", "0.1", "0.2"):
        delete(run_module, old, tags=[tag]).failure("unsupported")
    assert visible(old) == ["0.0", "0.1", "0.2"]
    assert old.writes() == []


def test_it_is_told_by_its_digest(old: FakeRegistry, run_module: RunModule) -> None:
    result = run_module("registry_tag_info", old.args(name="app", details="digest")).ok()
    assert {entry["tag"]: entry["digest"] for entry in result["images"]} == old.tags("app")
    assert [entry["media_type"] for entry in result["images"]] == list(TYPES)


@pytest.mark.parametrize("existing", ["keep", "fail"])
def test_it_is_not_overwritten(old: FakeRegistry, run_module: RunModule, tmp_path: t.Any, existing: str) -> None:
    before = old.tags("app")
    path = write_layout(tmp_path / "layout", {"1.0": image("a")})
    result = run_module("registry_push", old.args(name="app:0.0", path=path, existing=existing))
    assert result.failed == (existing == "fail")
    assert old.tags("app") == before


def test_a_copy_does_not_leave_it_out(old: FakeRegistry, run_module: RunModule) -> None:
    signed = old.add_image("app", "1.0")
    subject = {"mediaType": signed.media_type, "digest": signed.digest, "size": len(signed.raw)}
    old.add_manifest("app", {**MANIFEST, "subject": subject}, TYPES[0])
    arguments = old.args(src="app:1.0", dest="mirror/app:1.0", referrers=True)
    result = run_module("registry_copy", arguments).failure("unsupported")
    assert "vnd.oci.artifact.manifest.v1+json" in result.msg
    assert old.tags("mirror/app") == {}


@pytest.fixture
def holder(old: FakeRegistry) -> str:
    """The tag of an index that lists an image, and a manifest of each of ``TYPES``."""
    old.add_image("app", "1.0")
    first, *others = (_entry(old, tag) for tag in ("1.0", "0.0", "0.1", "0.2"))
    entries = [{**first, "platform": {"os": "linux", "architecture": "amd64"}}, *others]
    old.add_manifest("app", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, OCI_INDEX, "all")
    return "app:all"


def _entry(registry: FakeRegistry, tag: str) -> dict[str, t.Any]:
    content = registry.manifest("app", tag)
    assert content is not None
    return {"mediaType": content.media_type, "digest": content.digest, "size": len(content.raw)}


@pytest.mark.parametrize("check", [True, False])
def test_an_index_that_lists_it_is_refused_whole_and_read_in_part(
    old: FakeRegistry, holder: str, run_module: RunModule, tmp_path: Path, check: bool
) -> None:
    tasks: dict[str, dict[str, t.Any]] = {
        "registry_copy": {"src": holder, "dest": "mirror/app:1"},
        "registry_pull": {"name": holder, "path": str(tmp_path / "layout")},
    }
    for module, arguments in tasks.items():
        result = run_module(module, old.args(**arguments), check=check).failure("unsupported")
        assert TYPES[0] in result.msg
        assert "platforms" in result.msg
    assert old.writes() == []
    assert list(tmp_path.iterdir()) == []
    for module, arguments in tasks.items():
        run_module(module, old.args(**arguments, platforms=["linux/amd64"]), check=check).ok()


def test_an_index_may_list_what_its_repository_has(old: FakeRegistry, holder: str, run_module: RunModule) -> None:
    run_module("registry_index", old.args(name="app:new", images=[holder], annotations={"a": "b"})).ok()
    stored = old.manifest("app", "new")
    assert stored is not None
    assert [entry["mediaType"] for entry in stored.document["manifests"][1:]] == list(TYPES)
