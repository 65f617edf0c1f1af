# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hostile archive, layout or destination can do to a task: nothing but be refused."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import Link, header, member, tar_bytes
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

pytestmark = pytest.mark.usefixtures("one_authority")

END = bytes(1024)


def _push(run_module: RunModule, registry: FakeRegistry, path: str) -> Result:
    result = run_module("registry_push", registry.args(name="app:1", path=path))
    assert result.failed
    assert registry.writes() == []
    assert result.error["kind"] in ("invalid_source", "limit", "digest_mismatch", "local_io", "unsupported")
    return result


# T19: archives


@pytest.mark.parametrize(
    "raw",
    [
        member(b"a", b"", size=b"\xff" * 12),
        member(b"a", b"", size=b"\x80" + b"\xff" * 11),
        header(b"a", 600 * 2**20, b"L") + bytes(2**20),
        header(b"a", 2**33 - 1, b"x") + bytes(1024),
        member(b"a", b"", b"S"),
        member(b"manifest.json", b"[" * 100_000),
        member(b"manifest.json", b"[]")[:700],
        b"",
        b"\x1f\x8b no gzip",
    ],
    ids=["negative size", "huge size", "long name", "long pax header", "sparse", "deep", "cut short", "empty", "no gzip"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_t19_a_hostile_archive_is_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, raw: bytes, packed: bool) -> None:
    path = images.write_bytes(tmp_path / "image.tar", gzip.compress(raw + END) if packed else raw + END)
    _push(run_module, registry, path)


# T20: layouts


@pytest.mark.parametrize("what", ["blob", "folder", "index.json", "fifo", "hard link of other content"])
def test_t20_only_files_of_the_layout_itself_are_read(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, what: str) -> None:
    secret = tmp_path / "secret"  # it holds what the layout needs: whoever followed a link to it would push with success
    content = images.image()
    layout = Path(images.write_layout(tmp_path / "layout", {"1": content}))
    blob = layout / "blobs" / content.digest.replace(":", "/")
    if what == "folder":
        (layout / "blobs").rename(secret)
        (layout / "blobs").symlink_to(secret)
    else:
        target = layout / "index.json" if what == "index.json" else blob
        target.rename(secret)
        if what == "fifo":
            os.mkfifo(target)
        elif what.startswith("hard"):
            secret.write_bytes(secret.read_bytes() + b" ")
            os.link(secret, target)
        else:
            target.symlink_to(secret)
    _push(run_module, registry, str(layout))


# T21: what a pull writes


@pytest.mark.parametrize("planted", ["a blob", "index.json", "the folder of the blobs"])
def test_t21_a_pull_writes_nothing_outside_its_folder(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, planted: str) -> None:
    added = registry.add_image("app", "1", annotations={"org.opencontainers.image.title": "../../outside"})
    outside, layout = tmp_path / "outside", tmp_path / "layout"
    images.write_layout(layout, {"other": images.image()})
    if planted == "the folder of the blobs":
        (layout / "blobs").rename(outside)
        (layout / "blobs").symlink_to(outside)
    else:
        outside.write_text("untouched")
        target = layout / "index.json" if planted == "index.json" else layout / "blobs" / added.digest.replace(":", "/")
        target.unlink() if target.exists() else None
        target.symlink_to(outside)
    before = {path: path.read_bytes() for path in [outside, *outside.rglob("*")] if path.is_file()}
    result = run_module("registry_pull", registry.args(name="app:1", path=str(layout)))
    assert {path: path.read_bytes() for path in [outside, *outside.rglob("*")] if path.is_file()} == before
    assert result.failed is (planted == "the folder of the blobs")
    assert sorted(os.listdir(tmp_path)) == ["layout", "outside"]


# T22: names in docker-save archives


@pytest.mark.parametrize("name", ["/etc/passwd", "../../etc/passwd", "file", "link/file", "loop"])
def test_t22_names_of_layers_are_names_inside_the_archive(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(images.layer_tar("base"))  # whoever opened it would push with success
    config = images.to_json({"rootfs": {"type": "layers", "diff_ids": [images.digest_of(images.layer_tar("base"))]}})
    manifest = json.dumps([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": [name]}]).encode()
    members: list[tuple[str, bytes | Link]] = [
        ("config.json", config),
        ("manifest.json", manifest),
        ("link", Link(str(tmp_path))),
        ("loop", Link("loop")),
        ("../file", b"evil"),
    ]
    _push(run_module, registry, images.write_bytes(tmp_path / "image.tar", tar_bytes(members)))
