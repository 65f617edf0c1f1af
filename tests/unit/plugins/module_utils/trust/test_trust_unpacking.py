# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T53: what a small archive can unpack to, before a push has sent its first request."""

from __future__ import annotations

import bz2
import gzip
import time
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import put
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import COMPRESSIONS, header, tar_bytes
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

pytestmark = pytest.mark.usefixtures("one_authority")

MIB, GIB = 2**20, 2**30


def zeros(codec: str, size: int) -> bytes:
    """Zeros that are compressed piece by piece, in no time."""
    piece = 16 * MIB
    return COMPRESSIONS[codec](bytes(piece)) * (size // piece)


def saved(layer: bytes, diff_id: str) -> list[tuple[str, bytes]]:
    """The members of an archive of docker save with one layer."""
    config = images.to_json({"rootfs": {"type": "layers", "diff_ids": [diff_id]}})
    manifest = images.to_json([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["layer.tar"]}])
    return [("manifest.json", manifest), ("config.json", config), ("layer.tar", layer)]


@pytest.fixture
def less(monkeypatch: pytest.MonkeyPatch) -> int:
    """What may be unpacked of any source, made so small that a test is quick."""
    size = 32 * MIB
    monkeypatch.setattr(plugin("module_utils._local.compression"), "FREE", size)
    return size


@pytest.mark.parametrize("codec", ["bzip2", "xz"])
def test_t53_an_archive_of_kilobytes_does_not_unpack_for_ever(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, codec: str
) -> None:
    size = 40 * GIB
    raw = COMPRESSIONS[codec](header(b"blobs/sha256/x", b"\x80" + size.to_bytes(11, "big"))) + zeros(codec, 4 * GIB)
    path = images.write_bytes(tmp_path / "image.tar", raw)
    start = time.monotonic()
    result = run_module("registry_push", registry.args(name="app:1", path=path)).failure("limit")
    assert time.monotonic() - start < 5  # the size that the member states was enough
    assert path in result.msg
    assert "unpacks to more than" in result.msg
    assert registry.requests == []


@pytest.mark.usefixtures("less")
@pytest.mark.parametrize("codec", ["bzip2", "xz"])
def test_t53_members_that_are_small_one_by_one_are_counted_together(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, codec: str
) -> None:
    member = COMPRESSIONS[codec](header(b"a", 16 * MIB)) + zeros(codec, 16 * MIB)
    path = images.write_bytes(tmp_path / "image.tar", member * 8)
    run_module("registry_push", registry.args(name="app:1", path=path)).failure("limit")
    assert registry.requests == []


@pytest.mark.parametrize("outer", ["", "gzip", "xz"])
@pytest.mark.parametrize("codec", ["bzip2", "xz"])
def test_t53_a_layer_does_not_unpack_for_ever(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, less: int, codec: str, outer: str
) -> None:
    raw = COMPRESSIONS[outer](tar_bytes(saved(zeros(codec, 4 * less), images.digest_of(b""))))
    path = images.write_bytes(tmp_path / "image.tar", raw)
    result = run_module("registry_push", registry.args(name="app:1", path=path)).failure("limit")
    assert "layer.tar" in result.msg
    assert registry.writes() == []


@pytest.mark.usefixtures("less")
def test_t53_many_layers_do_not_unpack_for_ever(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    found = [images.digest_of(bytes(16 * MIB) + bytes([number])) for number in range(12)]
    config = images.to_json({"rootfs": {"type": "layers", "diff_ids": found}})
    names = [f"{number}.tar" for number in range(12)]
    manifest = images.to_json([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": names}])
    layers = [(name, zeros("bzip2", 16 * MIB) + bz2.compress(bytes([number]))) for number, name in enumerate(names)]
    path = images.write_bytes(tmp_path / "image.tar", tar_bytes([("manifest.json", manifest), ("config.json", config), *layers]))
    run_module("registry_push", registry.args(name="app:1", path=path, concurrency=1)).failure("limit")
    assert registry.writes() == []


@pytest.mark.parametrize("codec", ["gzip", "bzip2", "xz"])
def test_t53_a_sparse_image_is_pushed(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, codec: str) -> None:
    tar = header(b"disk.img", 64 * MIB) + bytes(64 * MIB) + bytes(1024)
    raw = COMPRESSIONS[codec](tar_bytes(saved(tar, images.digest_of(tar))))
    path = images.write_bytes(tmp_path / "image.tar", raw)
    assert run_module("registry_push", registry.args(name="app:1", path=path)).ok().changed


def test_t53_what_gzip_can_do_is_never_too_much(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, less: int) -> None:
    tar = header(b"disk.img", 3 * less) + bytes(3 * less) + bytes(1024)
    path = images.write_bytes(tmp_path / "image.tar", gzip.compress(tar_bytes(saved(tar, images.digest_of(tar))), 9))
    assert run_module("registry_push", registry.args(name="app:1", path=path)).ok().changed


def test_t53_a_layer_of_a_registry_does_not_fill_the_disk(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, less: int) -> None:
    raw = zeros("bzip2", 4 * less)
    content = images.image(layers=["a"], compression="")
    layer = {**content.document["layers"][0], "digest": images.digest_of(raw), "size": len(raw)}
    root = images.to_json({**content.document, "layers": [layer]})
    blobs = {images.digest_of(content.config): content.config, images.digest_of(raw): raw}
    put(registry, "app", "1", images.Content(root, content.media_type, {images.digest_of(root): (content.media_type, root)}, blobs))
    path = tmp_path / "image.tar"
    run_module("registry_pull", registry.args(name="app:1", path=str(path), format="docker-archive")).failure("limit")
    assert list(tmp_path.iterdir()) == []
