# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of docker save that are spoilt, or written to reach files outside of them."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._local import docker_archive
from ansible_collections.ocitools.registry.plugins.module_utils._local.docker_archive import DockerArchive
from ansible_collections.ocitools.registry.plugins.module_utils._local.source import open_source
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import refused
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import tar_bytes

IMAGE = images.image()
FORMS = ("old", "mixed", "packed")


def write(tmp_path: Path, contents: t.Any, config: bytes = IMAGE.config) -> str:
    """An archive of IMAGE's two layers with this manifest.json."""
    base, app = IMAGE.layer_tars
    members = {"config.json": config, "1.tar": base, "2.tar": app, "manifest.json": images.to_json(contents)}
    return images.write_bytes(tmp_path / "image.tar", tar_bytes(members.items()))


ENTRY: dict[str, t.Any] = {"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["1.tar", "2.tar"]}
CASES: dict[str, tuple[t.Any, bytes, str]] = {
    "no list": ({}, IMAGE.config, "not a list of images"),
    "no images": ([], IMAGE.config, "contains no image"),
    "no object": (["app"], IMAGE.config, "Entry 0 of manifest.json"),
    "no config": ([{"Layers": []}], IMAGE.config, "does not name a config"),
    "a config that is missing": ([{**ENTRY, "Config": "other.json"}], IMAGE.config, "'other.json' is missing"),
    "a config of this host": ([{**ENTRY, "Config": "/etc/passwd"}], IMAGE.config, "'/etc/passwd' is missing"),
    "layers that are no list": ([{**ENTRY, "Layers": "1.tar"}], IMAGE.config, "does not name"),
    "a layer that is no text": ([{**ENTRY, "Layers": ["1.tar", 2]}], IMAGE.config, "are not strings"),
    "a tag that is no text": ([{**ENTRY, "RepoTags": [1.10]}], IMAGE.config, "are not strings"),
    "a layer too few": ([{**ENTRY, "Layers": ["1.tar"]}], IMAGE.config, "for each of the 1 layers"),
    "a config that is no JSON": ([ENTRY], b"config", "cannot be read as JSON"),
    "a config without layers": ([ENTRY], b"{}", "for each of the 2 layers"),
    "a rootfs that is none": ([ENTRY], b'{"rootfs":[]}', "for each of the 2 layers"),
    "digests that are numbers": ([ENTRY], b'{"rootfs":{"diff_ids":[1,2]}}', "for each of the 2 layers"),
    "digests that are none": ([ENTRY], b'{"rootfs":{"diff_ids":["sha256:../..","x"]}}', "an invalid digest of a layer"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_archive_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, case: str) -> None:
    contents, config, words = CASES[case]
    path = write(tmp_path, contents, config)
    with refused("invalid_source", path, words):
        open_source(path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "nowhere", ".", ""])
def test_layers_are_names_inside_the_archive_only(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, [{**ENTRY, "Layers": ["1.tar", name]}])
    opened = open_source(path)
    assert isinstance(opened, DockerArchive)
    with contextlib.closing(opened), refused("invalid_source", f"{name!r} is missing in {path}"):
        opened.build("gzip", 2, str(tmp_path))


@pytest.mark.parametrize("form", FORMS)
def test_a_config_that_is_not_what_its_name_says(tmp_path: Path, form: str) -> None:
    files = {
        name: raw.replace(b"amd64", b"arm64") if raw == IMAGE.config else raw for name, raw in images.docker_files(IMAGE, form).items()
    }
    with refused("invalid_source", "The config '", "corrupt"):
        open_source(images.write_bytes(tmp_path / "image.tar", tar_bytes(files.items())))


def test_limits_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, [ENTRY])
    monkeypatch.setattr(docker_archive, "MAX_CONFIG", 100)
    with refused("limit", "'config.json' in", "100 bytes"):
        open_source(path)
    monkeypatch.setattr(docker_archive, "MAX_MANIFEST", 10)
    with refused("limit", "'manifest.json' in", "10 bytes"):
        open_source(path)


def test_a_contents_file_that_comes_twice_is_refused(tmp_path: Path) -> None:
    members = [*images.docker_files(IMAGE).items(), ("./manifest.json", b"[]")]
    with refused("invalid_source", "'manifest.json' is in", "more than once"):
        open_source(images.write_bytes(tmp_path / "image.tar", tar_bytes(members)))
