# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OCI layouts, in directories and archives: whole images, the choice among several, and blobs that are not what they should be."""

from __future__ import annotations

import os
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._local import oci_layout
from ansible_collections.ocitools.registry.plugins.module_utils._local.source import open_source
from ansible_collections.ocitools.registry.plugins.module_utils._oci.manifest import Descriptor
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.images import Content
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import CODECS, open_layout, read_image, read_stream, refused
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import tar_bytes

IMAGE = images.image()
OTHER = images.image(layers=("base", "other"))
KINDS = {
    "image": IMAGE,
    "index": images.multi_arch(attested=True),
    "nested index": images.nested(),
    "docker list": images.multi_arch(docker=True),
    "artifact": images.artifact(IMAGE),
    "subject": images.image(subject=OTHER),
    "foreign layer": images.image(foreign=True),
    "zstd": images.image(compression="zstd"),
    "not compressed": images.image(compression=""),
    "sha512": images.image(algorithm="sha512"),
}


def write(path: Path, form: str, content: Content | dict[str, Content]) -> str:
    """Write a layout as a directory (``form`` "directory") or as an archive with that compression."""
    if form == "directory":
        return images.write_layout(path / "layout", content)
    return images.write_oci_archive(path / "image.tar", content, form)


@pytest.mark.parametrize("form", ["directory", *CODECS])
@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_read_as_it_was_written(tmp_path: Path, kind: str, form: str) -> None:
    content = KINDS[kind]
    source = open_layout(write(tmp_path, form, content))
    try:
        assert (str(source.root.digest), source.root.media_type) == (content.digest, content.media_type)
        assert read_image(source) == content.files
        assert source.is_local == (form in ("directory", ""))
    finally:
        source.close()
        source.close()


@pytest.mark.parametrize("form", ["directory", "", "gzip"])
def test_several_threads_read_at_a_time(tmp_path: Path, form: str) -> None:
    content = KINDS["nested index"]
    source = open_layout(write(tmp_path, form, content))
    together = threading.Barrier(4, timeout=30)

    def read(_number: int) -> dict[str, bytes]:
        together.wait()
        return read_image(source)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, range(4))) == [content.files] * 4
    source.close()


# What is wrong with a layout


def spoil(path: Path, changes: dict[str, bytes | None]) -> str:
    """Write a layout of IMAGE with other files in it; None removes one."""
    files = {**images.layout_files(IMAGE), **changes}
    return images.write_files(path, {name: raw for name, raw in files.items() if raw is not None})


INDEX_CASES: dict[str, tuple[dict[str, bytes | None], str, str]] = {
    "no marker": ({"oci-layout": None}, "invalid_source", "oci-layout"),
    "marker is no JSON": ({"oci-layout": b"1.0.0"}, "invalid_source", "oci-layout in"),
    "marker without a version": ({"oci-layout": b"{}"}, "unsupported", "version null"),
    "a later version": ({"oci-layout": b'{"imageLayoutVersion":"2.0.0"}'}, "unsupported", "version '2.0.0'"),
    "a marker that is too large": ({"oci-layout": b" " * 70_000}, "limit", "limit of 65536 bytes"),
    "no index": ({"index.json": None}, "invalid_source", "index.json"),
    "index is no JSON": ({"index.json": b"{"}, "invalid_source", "index.json in"),
    "index is a list": ({"index.json": b"[]"}, "invalid_source", "not a JSON object"),
    "index is empty": ({"index.json": b'{"manifests":[]}'}, "invalid_source", "contains no image"),
    "index without manifests": ({"index.json": b"{}"}, "invalid_source", "no list of manifests"),
    "a key twice": ({"index.json": b'{"manifests":[],"manifests":[]}'}, "invalid_source", "a key twice"),
    "no descriptor": ({"index.json": b'{"manifests":["app"]}'}, "invalid_source", "Entry 0 of index.json"),
    "no digest": ({"index.json": b'{"manifests":[{"size":1}]}'}, "invalid_source", "no valid digest"),
    "a digest that is a path": (
        {"index.json": b'{"manifests":[{"size":1,"digest":"sha256:../../etc"}]}'},
        "invalid_source",
        "no valid digest",
    ),
    "a size that is none": (
        {"index.json": images.to_json({"manifests": [IMAGE.descriptor(size=-1)]})},
        "invalid_source",
        "number of bytes",
    ),
    "another size": ({"index.json": images.to_json({"manifests": [IMAGE.descriptor(size=5)]})}, "digest_mismatch", "not 5"),
    "a large size": ({"index.json": images.to_json({"manifests": [IMAGE.descriptor(size=2**40)]})}, "limit", "limit of 4194304 bytes"),
    "another type": (
        {"index.json": images.to_json({"manifests": [IMAGE.descriptor(mediaType=images.OCI_INDEX)]})},
        "invalid_source",
        "but its content states",
    ),
    "no image": ({"index.json": images.to_json({"manifests": [IMAGE.descriptor(mediaType="text/plain")]})}, "invalid_source", "text/plain"),
    "missing manifest": ({f"blobs/sha256/{IMAGE.digest[7:]}": None}, "invalid_source", f"'blobs/sha256/{IMAGE.digest[7:]}' is missing"),
    "spoilt manifest": ({f"blobs/sha256/{IMAGE.digest[7:]}": IMAGE.raw[:-1] + b" "}, "digest_mismatch", "corrupt"),
}


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("case", INDEX_CASES)
def test_a_layout_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, case: str, archived: bool) -> None:
    changes, kind, words = INDEX_CASES[case]
    path = spoil(tmp_path / "layout", changes)
    if archived:
        files = {name: (tmp_path / "layout" / name).read_bytes() for name in _files(tmp_path / "layout")}
        path = images.write_bytes(tmp_path / "image.tar", tar_bytes(files.items()))
    with refused(kind, path, words):
        open_source(path)


def _files(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def test_an_index_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = images.write_layout(tmp_path, IMAGE)
    monkeypatch.setattr(oci_layout, "MAX_IMAGES", 0)
    with refused("invalid_source", "more than 0"):
        open_source(path)
    monkeypatch.setattr(oci_layout, "MAX_INDEX", 10)
    with refused("limit", "'index.json' in", "10 bytes"):
        open_source(path)


def test_a_manifest_of_schema_1_is_unsupported(tmp_path: Path) -> None:
    raw = b'{"schemaVersion":1,"fsLayers":[]}'
    entry = {"mediaType": "", "digest": images.digest_of(raw), "size": len(raw)}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": images.to_json({"manifests": [entry]})}
    path = images.write_files(tmp_path, {**files, f"blobs/sha256/{images.digest_of(raw)[7:]}": raw})
    with refused("unsupported", "schema 1"):
        open_source(path)


def test_files_that_come_twice_are_refused_where_readers_would_not_agree(tmp_path: Path) -> None:
    members = list(images.layout_files(IMAGE).items())
    twice = images.write_bytes(tmp_path / "twice.tar", tar_bytes([*members, ("index.json", b"{}")]))
    with refused("invalid_source", "'index.json' is in", "more than once"):
        open_source(twice)
    blobs = [member for member in members if member[0].startswith("blobs")]
    source = open_layout(images.write_bytes(tmp_path / "blobs.tar", tar_bytes([*members, *blobs])))
    assert read_image(source) == IMAGE.files
    source.close()


# Blobs that are not what they should be

LAYER = Descriptor.parse(IMAGE.document["layers"][1], "A layer")
NAME = f"blobs/sha256/{LAYER.digest.hex}"


def read_layer(path: str) -> bytes:
    """Open the layout and read LAYER."""
    source = open_layout(path)
    try:
        return read_stream(source.open_blob(LAYER), 50)
    finally:
        source.close()


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda raw: raw[:-1], "digest_mismatch", "bytes, not"),
        (lambda raw: raw + b"x", "digest_mismatch", "bytes, not"),
        (lambda raw: b"", "digest_mismatch", "has 0 bytes"),
        (lambda raw: raw[:-1] + b"x", "digest_mismatch", "has the digest sha256:"),
        (lambda raw: None, "invalid_source", "is missing in"),
    ],
)
def test_a_blob_that_differs_from_its_descriptor(
    tmp_path: Path, change: t.Callable[[bytes], bytes | None], kind: str, words: str, archived: bool
) -> None:
    files = images.layout_files(IMAGE)
    files = {name: raw for name, raw in {**files, NAME: change(files[NAME])}.items() if raw is not None}
    path = images.write_files(tmp_path / "layout", files)
    if archived:
        path = images.write_bytes(tmp_path / "image.tar", tar_bytes(files.items()))
    with refused(kind, path, LAYER.digest.hex, words):
        read_layer(path)


def test_blobs_are_read_only_if_they_are_files_of_the_layout(tmp_path: Path) -> None:
    path = images.write_layout(tmp_path / "layout", IMAGE)
    blob = tmp_path / "layout" / NAME
    outside = tmp_path / "outside"
    blob.rename(outside)

    blob.symlink_to(outside)
    with refused("invalid_source", NAME, "is a symbolic link", "links resolved"):
        read_layer(path)
    blob.unlink()
    os.mkfifo(blob)
    with refused("invalid_source", NAME, "is neither a file nor a directory"):
        read_layer(path)
    blob.unlink()
    blob.mkdir()
    with refused("invalid_source", NAME, "is a directory, not a file"):
        read_layer(path)
    blob.rmdir()
    os.link(outside, blob)
    assert read_layer(path) == IMAGE.blobs[str(LAYER.digest)]


@pytest.mark.parametrize("folder", ["blobs", "blobs/sha256"])
def test_folders_that_are_links_are_not_followed(tmp_path: Path, folder: str) -> None:
    path = images.write_layout(tmp_path / "layout", IMAGE)
    real = tmp_path / "layout" / folder
    real.rename(tmp_path / "outside")
    real.symlink_to(tmp_path / "outside")
    with refused("invalid_source", "symbolic link"):
        open_source(path)


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_the_files_that_say_what_it_is_may_be_no_links(tmp_path: Path, name: str) -> None:
    path = images.write_layout(tmp_path / "layout", IMAGE)
    (tmp_path / "layout" / name).rename(tmp_path / "outside")
    (tmp_path / "layout" / name).symlink_to(tmp_path / "outside")
    with refused("invalid_source", f"'{name}' in", "symbolic link"):
        open_source(path)


def test_the_layout_itself_may_be_a_link(tmp_path: Path) -> None:
    images.write_layout(tmp_path / "layout", IMAGE)
    (tmp_path / "current").symlink_to("layout")
    assert read_layer(str(tmp_path / "current")) == IMAGE.blobs[str(LAYER.digest)]


def test_a_blob_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    source = open_layout(images.write_layout(tmp_path, IMAGE))
    stream = source.open_blob(LAYER)
    stream.read(10)
    with open(tmp_path / NAME, "r+b") as file:
        file.seek(20)
        file.write(b"swapped")
    with refused("digest_mismatch", LAYER.digest.hex, "corrupt"):
        read_stream(stream)
    source.close()


@pytest.mark.parametrize("spoilt", [b"", b"{}"])
def test_manifests_of_children_are_held_against_their_descriptor(tmp_path: Path, spoilt: bytes) -> None:
    content = images.multi_arch()
    child = Descriptor.parse(content.document["manifests"][0], "A child")
    source = open_layout(images.write_layout(tmp_path, content))
    raw = source.manifest(child).raw
    images.write_bytes(tmp_path / f"blobs/sha256/{child.digest.hex}", spoilt and raw.replace(b"schemaVersion", b"schemaversion"))
    with refused("digest_mismatch", str(child.digest), "corrupt"):
        source.manifest(child)
    source.close()
