# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of docker save, in each form that tools write: the choice, the manifest that is made, its layers and what is left of them."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import stat
import sys
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._local import saved_layers
from ansible_collections.ocitools.registry.plugins.module_utils._local.compression import GzipStream
from ansible_collections.ocitools.registry.plugins.module_utils._local.docker_archive import DockerArchive
from ansible_collections.ocitools.registry.plugins.module_utils._local.source import open_source
from ansible_collections.ocitools.registry.plugins.module_utils._oci.manifest import OCI_CONFIG, OCI_MANIFEST, Descriptor
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import CODECS, read_image, read_stream, refused
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import COMPRESSIONS, Link, tar_bytes

IMAGE = images.image()
OTHER = images.image(layers=("base", "other"))
FORMS = ("old", "mixed", "packed")
LAYER = "application/vnd.oci.image.layer.v1.tar"


def open_archive(path: str, source_name: str | None = None) -> DockerArchive:
    """Open an archive that must not be taken for anything else."""
    opened = open_source(path, source_name)
    assert isinstance(opened, DockerArchive)
    return opened


def write(tmp_path: Path, layers: dict[str, bytes | Link], contents: t.Any = None, config: bytes = IMAGE.config) -> str:
    """An archive with these layers, and manifest.json as it is given, or right."""
    entry = {"Config": "config.json", "RepoTags": None, "Layers": list(layers)[:2]}
    members: dict[str, t.Any] = {
        "config.json": config,
        **layers,
        "manifest.json": images.to_json([entry] if contents is None else contents),
    }
    return images.write_bytes(tmp_path / "image.tar", tar_bytes(members.items()))


def build(path: str, tmpdir: Path | None, compression: str = "gzip", workers: int = 2) -> tuple[dict[str, t.Any], dict[str, bytes]]:
    """The manifest that is made of the archive, and everything in it by digest."""
    with contextlib.closing(open_archive(path)) as archive:
        image = archive.build(compression, workers, str(tmpdir) if tmpdir else None)
        with contextlib.closing(image), contextlib.closing(image):
            return image.root.document, read_image(image)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("form", FORMS)
def test_an_image_is_made_with_layers_compressed(tmp_path: Path, form: str, codec: str, kept: bool) -> None:
    path = images.write_docker_archive(tmp_path / "image.tar", {"app:1": IMAGE}, form, codec)
    document, files = build(path, tmp_path if kept else None)
    assert document["mediaType"] == OCI_MANIFEST
    assert document["config"] == {"mediaType": OCI_CONFIG, "digest": images.digest_of(IMAGE.config), "size": len(IMAGE.config)}
    assert [layer["mediaType"] for layer in document["layers"]] == [f"{LAYER}+gzip"] * 2
    assert tuple(gzip.decompress(files[layer["digest"]]) for layer in document["layers"]) == IMAGE.layer_tars
    assert [len(files[layer["digest"]]) for layer in document["layers"]] == [layer["size"] for layer in document["layers"]]


@pytest.mark.parametrize("form", ["old", "mixed"])
def test_layers_may_stay_as_they_are(tmp_path: Path, form: str) -> None:
    path = images.write_docker_archive(tmp_path / "image.tar", IMAGE, form)
    document, files = build(path, tmp_path, "none")
    assert [layer["mediaType"] for layer in document["layers"]] == [LAYER] * 2
    assert tuple(files[layer["digest"]] for layer in document["layers"]) == IMAGE.layer_tars


def test_the_same_archive_gives_the_same_image(tmp_path: Path) -> None:
    old = images.write_docker_archive(tmp_path / "old.tar", IMAGE)
    mixed = images.write_docker_archive(tmp_path / "mixed.tar", IMAGE, "mixed", "xz")
    assert build(old, tmp_path) == build(old, None) == build(mixed, tmp_path, workers=1)


def test_the_config_identifies_the_image_whatever_compresses_it(tmp_path: Path) -> None:
    for form in FORMS:
        archive = open_archive(images.write_docker_archive(tmp_path / "image.tar", IMAGE, form))
        assert str(archive.config_digest) == images.digest_of(IMAGE.config)
        archive.close()


def test_layers_in_zstd_need_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, {f"{number}.tar": COMPRESSIONS["zstd"](tar) for number, tar in enumerate(IMAGE.layer_tars, 1)})
    for library in ("zstandard", "compression"):
        monkeypatch.setitem(sys.modules, library, None)
    with refused("missing_library", "The layer '1.tar' in", "zstandard"):
        build(path, tmp_path, workers=1)


@pytest.mark.parametrize("codec", [codec for codec in COMPRESSIONS if codec])
def test_layers_that_are_compressed_already(tmp_path: Path, codec: str) -> None:
    packed = [COMPRESSIONS[codec](tar) for tar in IMAGE.layer_tars]
    path = write(tmp_path, {"1.tar": packed[0], "2.tar": packed[1]})
    document, files = build(path, None)
    contents = tuple(files[layer["digest"]] for layer in document["layers"])
    if codec in ("gzip", "zstd"):  # the types that layers can have
        assert [layer["mediaType"] for layer in document["layers"]] == [f"{LAYER}+{codec}"] * 2
        assert contents == tuple(packed)
    else:
        assert tuple(gzip.decompress(content) for content in contents) == IMAGE.layer_tars
    document, files = build(path, None, "none")
    if codec not in ("gzip", "zstd"):
        assert tuple(files[layer["digest"]] for layer in document["layers"]) == IMAGE.layer_tars


def test_what_follows_a_compressed_layer_is_sent_with_it(tmp_path: Path) -> None:
    packed = [COMPRESSIONS["gzip"](tar) + b"a signature" * 10_000 for tar in IMAGE.layer_tars]
    document, files = build(write(tmp_path, {"1.tar": packed[0], "2.tar": packed[1]}), None)
    assert [files[layer["digest"]] for layer in document["layers"]] == packed


# Layers that are the same


def test_a_layer_that_comes_twice_is_compressed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    class Counted(GzipStream):
        def __init__(self, stream: t.Any) -> None:
            super().__init__(stream)
            made.append(self)

    monkeypatch.setattr(saved_layers, "GzipStream", Counted)
    image = images.image(layers=("base", "app", "base"))
    path = images.write_docker_archive(tmp_path / "image.tar", image)
    document, files = build(path, tmp_path)
    assert len(made) == 2
    digests = [layer["digest"] for layer in document["layers"]]
    assert digests[0] == digests[2] != digests[1]
    assert gzip.decompress(files[digests[0]]) == image.layer_tars[0]


@pytest.mark.parametrize("hard", [True, False])
def test_layers_that_are_links_stay_in_the_archive(tmp_path: Path, hard: bool) -> None:
    base, app = IMAGE.layer_tars
    target = "one/layer.tar" if hard else "../one/layer.tar"
    contents = [{"Config": "config.json", "Layers": ["two/layer.tar", "app/layer.tar"]}]
    path = write(tmp_path, {"one/layer.tar": base, "two/layer.tar": Link(target, hard), "app/layer.tar": app}, contents)
    document, files = build(path, tmp_path)
    assert gzip.decompress(files[document["layers"][0]["digest"]]) == base
    for outside in ("/etc/passwd", "../../../../etc/passwd", "two/layer.tar" if hard else "layer.tar"):
        path = write(tmp_path, {"two/layer.tar": Link(outside, hard), "app/layer.tar": app})
        with refused("invalid_source", "'two/layer.tar' is missing in"):
            build(path, tmp_path)


# Which image


def test_an_image_is_chosen_by_tag_or_config(tmp_path: Path) -> None:
    path = images.write_docker_archive(tmp_path / "image.tar", {"app:1.4": IMAGE, "team/web:2": OTHER, "app:latest": IMAGE})
    config = images.digest_of(OTHER.config)
    for wanted in ("team/web:2", "docker.io/team/web:2", "2", config, config[7:], config[7:19]):
        archive = open_archive(path, wanted)
        assert str(archive.config_digest) == config
        archive.close()
    with refused("invalid_source", "several images", f"app:1.4 or app:latest ({images.digest_of(IMAGE.config)})", f"team/web:2 ({config})"):
        open_source(path)
    with refused("invalid_source", "has no image 'app:2'", "team/web:2"):
        open_source(path, "app:2")


def test_several_tags_of_one_image_need_no_choice(tmp_path: Path) -> None:
    path = images.write_docker_archive(tmp_path / "image.tar", {"app:1.4": IMAGE, "app:latest": IMAGE})
    open_archive(path).close()


# Temporary files


def test_compressed_layers_are_never_seen_and_gone_when_closed(tmp_path: Path) -> None:
    path = images.write_docker_archive(tmp_path / "image.tar", IMAGE)
    tmpdir = tmp_path / "tmp"
    tmpdir.mkdir()
    before = _open_files()
    archive = open_archive(path)
    image = archive.build("gzip", 2, str(tmpdir))
    assert os.listdir(tmpdir) == [], "what has no name cannot be left behind, not even by a kill"
    held = {name: status for name, status in _open_files().items() if name not in before and status.st_nlink == 0}
    assert [stat.S_IMODE(status.st_mode) for status in held.values()] == [0o600] * 2
    assert not image.is_local, "the layers were checked when they were made"
    image.close()
    archive.close()
    assert _open_files().keys() == before.keys()


def _open_files() -> dict[str, os.stat_result]:
    found = {}
    for name in os.listdir("/dev/fd"):
        try:
            found[name] = os.fstat(int(name))
        except OSError:
            continue  # the one that listed them
    return found


def test_nothing_is_left_when_a_layer_is_corrupt(tmp_path: Path) -> None:
    layers = [images.layer_tar(str(number), 3_000_000) for number in range(4)]
    image = images.image(layers=layers)
    files = images.docker_files(image)
    last = next(name for name, raw in files.items() if raw == layers[3])
    files[last] = layers[3][:-1] + b"x"
    path = images.write_bytes(tmp_path / "image.tar", tar_bytes(files.items()))
    before = _open_files().keys()
    with refused("invalid_source", f"'{last}'", "not " + images.digest_of(layers[3]), "corrupt"):
        build(path, tmp_path)
    assert os.listdir(tmp_path) == ["image.tar"]
    assert _open_files().keys() == before


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_corrupt_layer_is_found_before_anything_is_sent(tmp_path: Path, compression: str, packed: bool) -> None:
    wrong = COMPRESSIONS["gzip" if packed else ""](OTHER.layer_tars[1])
    path = write(tmp_path, {"1.tar": IMAGE.layer_tars[0], "2.tar": wrong})
    for tmpdir in (tmp_path, None):
        with refused(
            "invalid_source", "The layer '2.tar' in", images.digest_of(OTHER.layer_tars[1]), images.digest_of(IMAGE.layer_tars[1])
        ):
            build(path, tmpdir, compression)


def test_no_room_for_temporary_files_is_said(tmp_path: Path) -> None:
    path = images.write_docker_archive(tmp_path / "image.tar", IMAGE)
    with refused("local_io", f"A layer cannot be compressed into {tmp_path}/nowhere: No such file or directory"):
        build(path, tmp_path / "nowhere")


def test_layers_are_compressed_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(3, timeout=30)

    class Waiting(GzipStream):
        def __init__(self, stream: t.Any) -> None:
            super().__init__(stream)
            together.wait()

    monkeypatch.setattr(saved_layers, "GzipStream", Waiting)
    path = images.write_docker_archive(tmp_path / "image.tar", images.image(layers=("1", "2", "3")), compression="gzip")
    document, files = build(path, tmp_path, workers=3)
    assert len(files) == 5
    assert [images.digest_of(gzip.decompress(files[layer["digest"]])) for layer in document["layers"]] == json.loads(
        files[document["config"]["digest"]]
    )["rootfs"]["diff_ids"]


def test_a_layer_that_changes_after_it_was_made(tmp_path: Path) -> None:
    path = images.write_docker_archive(tmp_path / "image.tar", IMAGE)
    archive = open_archive(path)
    image = archive.build("none", 1, None)
    with open(path, "r+b") as file:
        file.seek(Path(path).read_bytes().index(IMAGE.layer_tars[1]))
        file.write(b"swapped")
    with refused("digest_mismatch", "corrupt"):
        read_stream(image.open_blob(image.root.layers[1]))
    with refused("invalid_source", "holds a single image"):
        image.manifest(Descriptor(OCI_MANIFEST, Digest.of(b""), 0))
    archive.close()
