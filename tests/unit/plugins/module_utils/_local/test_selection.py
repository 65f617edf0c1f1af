# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice among several images of a layout or archive."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._local.source import open_source
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.images import Content
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import open_layout, refused

IMAGE = images.image()
OTHER = images.image(layers=("base", "other"))
INDEX = images.multi_arch(attested=True)
NAMED = {"registry.example.com/team/app:1.4.2": IMAGE, "other": OTHER, "docker.io/library/web:latest": INDEX}


@pytest.mark.parametrize("key", ["org.opencontainers.image.ref.name", "io.containerd.image.name"])
@pytest.mark.parametrize(
    ("wanted", "content"),
    [
        ("registry.example.com/team/app:1.4.2", IMAGE),
        ("docker://registry.example.com/team/app:1.4.2", IMAGE),
        ("1.4.2", IMAGE),
        (IMAGE.digest, IMAGE),
        (IMAGE.digest[7:19], IMAGE),
        ("other", OTHER),
        ("latest", INDEX),
        ("web", INDEX),
    ],
)
def test_an_image_is_chosen_by_name_tag_or_digest(tmp_path: Path, wanted: str, content: Content, key: str) -> None:
    path = images.write_files(tmp_path, images.layout_files(NAMED, key))
    source = open_layout(path, wanted)
    assert str(source.root.digest) == content.digest
    source.close()


def test_without_a_name_several_images_are_listed(tmp_path: Path) -> None:
    path = images.write_layout(tmp_path, NAMED)
    with refused("invalid_source", path, "several images", "source_name", f"other ({OTHER.digest})", "team/app:1.4.2", "web:latest"):
        open_source(path)


@pytest.mark.parametrize("wanted", ["1.4.3", "sha256:" + "0" * 64, "app", "registry.example.com/team/app", "oth", "\n"])
def test_a_name_that_is_not_there_lists_what_is(tmp_path: Path, wanted: str) -> None:
    path = images.write_layout(tmp_path, NAMED)
    with refused("invalid_source", f"has no image {wanted!r}", "it has:", OTHER.digest):
        open_source(path, wanted)


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    many = {f"v{number}": images.image(labels={"number": str(number)}) for number in range(25)}
    with refused("invalid_source", "v0 (", "v19 (", " and 5 more"):
        open_source(images.write_layout(tmp_path, many))


def test_one_image_under_several_names_needs_no_choice(tmp_path: Path) -> None:
    path = images.write_layout(tmp_path, {"1.4": IMAGE, "1.4.2": IMAGE, "latest": IMAGE})
    for wanted in (None, "", "1.4"):
        source = open_layout(path, wanted)
        assert str(source.root.digest) == IMAGE.digest
        source.close()
    with refused("invalid_source", f"1.4 or 1.4.2 or latest ({IMAGE.digest})"):
        open_source(path, "1.5")


def test_a_tag_of_two_images_is_listed_by_digest(tmp_path: Path) -> None:
    path = images.write_layout(tmp_path, {"a.example/app:1": IMAGE, "b.example/app:1": OTHER, "2": INDEX})
    with refused("invalid_source", "match the source_name '1'", IMAGE.digest, OTHER.digest):
        open_source(path, "1")
    source = open_layout(path, "b.example/app:1")
    assert str(source.root.digest) == OTHER.digest
    source.close()


def test_a_name_given_to_two_images_is_listed_by_digest(tmp_path: Path) -> None:
    files = images.layout_files(IMAGE)
    entries = [content.descriptor(annotations={"org.opencontainers.image.ref.name": "v1"}) for content in (IMAGE, OTHER)]
    files["index.json"] = images.to_json({"schemaVersion": 2, "manifests": entries})
    with refused("invalid_source", "match the source_name 'v1'", f"v1 ({OTHER.digest})"):
        open_source(images.write_files(tmp_path, files), "v1")
