# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""index.json of a layout that a task puts many images into."""

from __future__ import annotations

import json
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.budget import Budget
from ansible_collections.ocitools.registry.plugins.module_utils._local.files import MemoryFile
from ansible_collections.ocitools.registry.plugins.module_utils._local.layout_index import KnownLayout, KnownLayouts
from ansible_collections.ocitools.registry.plugins.module_utils._local.layout_writer import LayoutWriter
from ansible_collections.ocitools.registry.plugins.module_utils._local.oci_layout import MAX_IMAGES
from ansible_collections.ocitools.registry.plugins.module_utils._oci.image_content import FULL_NAME, TAG_NAME, ImageContent, ImageName
from ansible_collections.ocitools.registry.plugins.module_utils._oci.manifest import OCI_MANIFEST, Manifest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import refused

EMPTY = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(b"{}")), "size": 2, "data": "e30="}


def _image(tag: str, said: str = "") -> ImageContent:
    """Return an image without layers; what is ``said`` in it makes another one of it."""
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": EMPTY, "layers": [], "annotations": {"said": said or tag}})
    root = Manifest.parse(raw.encode(), OCI_MANIFEST)
    return ImageContent(ImageName(f"registry.example.com/app:{tag}", tag), root, (root,))


def _put(path: Path, known: KnownLayout, content: ImageContent) -> bool:
    """Put an image into the layout as one of several of a task; return whether it was missing."""
    writer = LayoutWriter(str(path), append=True, known=known)
    try:
        gap = writer.gap(content, 1)
        writer.begin(content, gap)
        for blob in gap.blobs:
            writer.store(blob, MemoryFile(b"{}"), lambda: None)
        writer.finish(content, gap)
        return gap.before != gap.after
    finally:
        writer.close()


def _names(path: Path) -> dict[str, str]:
    document = json.loads((path / "index.json").read_text(encoding="utf-8"))
    return {entry["annotations"].get(FULL_NAME, entry["annotations"].get(TAG_NAME)): entry["digest"] for entry in document["manifests"]}


def _there(images: t.Iterable[ImageContent]) -> dict[str, str]:
    return {image.name.full: str(image.root.digest) for image in images}


def test_each_image_of_a_task_is_added(tmp_path: Path) -> None:
    known, images = KnownLayout(), [_image(str(number)) for number in range(5)]
    for image in images:
        assert _put(tmp_path / "out", known, image)
    assert _names(tmp_path / "out") == _there(images)
    assert not any(_put(tmp_path / "out", known, image) for image in images)


def test_a_tag_that_moved_takes_the_place_of_its_image(tmp_path: Path) -> None:
    known, path = KnownLayout(), tmp_path / "out"
    images = [_image(str(number)) for number in range(3)]
    for image in images:
        _put(path, known, image)
    moved = _image("1", "something else")
    assert _put(path, known, moved)
    assert list(_names(path).items()) == list(_there([images[0], moved, images[2]]).items())
    assert not _put(path, known, moved)
    assert _put(path, known, images[1])


def test_what_another_tool_adds_in_the_meantime_stays(tmp_path: Path) -> None:
    known, path = KnownLayout(), tmp_path / "out"
    first, last = _image("1"), _image("2")
    _put(path, known, first)
    document = json.loads((path / "index.json").read_text(encoding="utf-8"))
    other = {"mediaType": OCI_MANIFEST, "digest": f"sha256:{'0' * 64}", "size": 2, "annotations": {TAG_NAME: "other"}}
    (path / "index.json").write_text(json.dumps({**document, "manifests": [other, *document["manifests"]], "more": 1}), encoding="utf-8")
    _put(path, known, last)
    assert _names(path) == {"other": other["digest"], **_there([first, last])}
    assert json.loads((path / "index.json").read_text(encoding="utf-8"))["more"] == 1


def test_a_short_name_is_the_same_image_unless_the_entry_has_a_full_one(tmp_path: Path) -> None:
    path = tmp_path / "out"
    image = _image("1")
    _put(path, KnownLayout(), image)
    document = json.loads((path / "index.json").read_text(encoding="utf-8"))
    document["manifests"][0]["annotations"] = {TAG_NAME: "1"}
    (path / "index.json").write_text(json.dumps(document), encoding="utf-8")
    assert not _put(path, KnownLayout(), image)
    document["manifests"][0]["annotations"] = {TAG_NAME: "1", FULL_NAME: "registry.example.com/other:1"}
    (path / "index.json").write_text(json.dumps(document), encoding="utf-8")
    assert _put(path, KnownLayout(), image)
    assert set(_names(path)) == {"registry.example.com/other:1", "registry.example.com/app:1"}


def _crowd(path: Path, count: int) -> None:
    """Give the layout so many entries."""
    path.mkdir()
    entries = [
        {"mediaType": OCI_MANIFEST, "digest": f"sha256:{number:064}", "size": 2, "annotations": {TAG_NAME: f"v{number}"}}
        for number in range(count)
    ]
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}), encoding="utf-8")


def test_all_tags_of_a_large_repository_fit_into_a_layout(tmp_path: Path) -> None:
    path = tmp_path / "out"
    _crowd(path, MAX_IMAGES - 1)
    image = _image("last")
    assert _put(path, KnownLayout(), image)
    assert not _put(path, KnownLayout(), image)
    assert len(_names(path)) == MAX_IMAGES


def test_a_layout_that_nobody_could_read_is_not_written(tmp_path: Path) -> None:
    path, known = tmp_path / "out", KnownLayout()
    _crowd(path, MAX_IMAGES)
    with refused("limit", "no room", str(MAX_IMAGES)):
        _put(path, known, _image("one more"))
    assert len(_names(path)) == MAX_IMAGES
    with refused("limit", "no room", str(MAX_IMAGES)):
        _put(path, known, _image("another"))


def test_many_that_read_a_large_layout_at_a_time_take_its_memory_once(tmp_path: Path) -> None:
    path, known = tmp_path / "out", KnownLayout(Budget(60_000_000))
    _crowd(path, MAX_IMAGES - 8)
    images = [_image(f"new{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        gaps = list(pool.map(lambda image: _gap(path, known, image), images))
    assert all(gaps)
    assert all(_put(path, known, image) for image in images)


@pytest.mark.parametrize("at_once", [1, 16])
def test_the_lists_of_many_layouts_do_not_stay_in_memory(tmp_path: Path, at_once: int) -> None:
    known = KnownLayouts(Budget(60_000_000))
    for first in range(0, 32, at_once):
        layouts = {number: known.get(str(number)) for number in range(first, first + at_once)}
        for number, layout in layouts.items():
            path = tmp_path / str(number)
            _crowd(path, 2000)
            assert _gap(path, layout, _image("new"))


def _gap(path: Path, known: KnownLayout, content: ImageContent) -> bool:
    writer = LayoutWriter(str(path), append=True, mode=0o644, known=known)
    try:
        gap = writer.gap(content, 1)
        return gap.before != gap.after
    finally:
        writer.close()
