# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A blob of a layout that was found right is read again without a digest, unless somebody wrote to its file."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._local import files
from ansible_collections.ocitools.registry.plugins.module_utils._local.oci_layout import LayoutImage
from ansible_collections.ocitools.registry.plugins.module_utils._oci.image_source import VerifiedBlob
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import open_layout, read_stream, refused

WRITERS = {"directory": images.write_layout, "archive": images.write_oci_archive}


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all files be old enough for their times to be trusted."""
    monkeypatch.setattr(files, "_COARSEST_CLOCK", -1_000_000_000_000)


@pytest.fixture(params=list(WRITERS))
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[LayoutImage]:
    """An image on the disk."""
    path = WRITERS[request.param](tmp_path / "layout", images.image(layers=[images.layer_tar("a", 5000)], compression=""))
    image = open_layout(path)
    yield image
    image.close()


def spoil(tmp_path: Path, layout: LayoutImage) -> None:
    """Write to the file of the layer, its length kept."""
    digest = layout.root.layers[0].digest
    blob = tmp_path / "layout" / "blobs" / digest.algorithm / digest.hex
    path = blob if blob.exists() else tmp_path / "layout"
    content = path.read_bytes()
    at = content.find(b"srv/a\0") + 600  # in the file within the layer
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes([content[at] ^ 1]))
    os.utime(path, ns=(1, 1))  # the clock of the file system may not have moved on since the file was made


@pytest.mark.usefixtures("later")
def test_a_blob_that_was_found_right_needs_no_second_digest(layout: LayoutImage) -> None:
    layer = layout.root.layers[0]
    first = read_stream(layout.open_blob(layer))
    again = layout.open_blob(layer)
    assert not isinstance(again, VerifiedBlob)
    assert read_stream(again, 1000) == first


@pytest.mark.usefixtures("later")
def test_a_file_that_was_written_to_needs_one(layout: LayoutImage, tmp_path: Path) -> None:
    layer = layout.root.layers[0]
    read_stream(layout.open_blob(layer))
    spoil(tmp_path, layout)
    with refused("digest_mismatch", str(layer.digest), "corrupt"):
        read_stream(layout.open_blob(layer))


@pytest.mark.usefixtures("later")
def test_a_file_that_is_written_to_while_it_is_read_is_found_before_its_end(layout: LayoutImage, tmp_path: Path) -> None:
    layer = layout.root.layers[0]
    read_stream(layout.open_blob(layer))
    stream = layout.open_blob(layer)
    received = len(stream.read(1000))
    spoil(tmp_path, layout)
    with refused("digest_mismatch", str(layer.digest), "changed"):
        while received < layer.size:
            received += len(stream.read(1000))
    stream.close()
    assert received < layer.size


def test_a_file_that_was_written_a_moment_ago_needs_one(layout: LayoutImage) -> None:
    layer = layout.root.layers[0]
    read_stream(layout.open_blob(layer))
    again = layout.open_blob(layer)
    assert isinstance(again, VerifiedBlob), "a further write might not show in its times"
    read_stream(again)
