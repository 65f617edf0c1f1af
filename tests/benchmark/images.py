# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of random bytes, or of many files, the same on every run, as OCI layouts."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import random
import subprocess
import sys
import tarfile
import typing as t
import zlib
from pathlib import Path

from ..servers.layout import CONFIG, LAYER, MANIFEST, Layout

NAME = "app"
KIB, MIB = 1024, 1024 * 1024
HUGE = 2048 * MIB
HUGE_FILE, MANY_FILES = "srv/huge", 200_000
_ZSTD_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
_ZSTD_BLOCK = 128 * KIB  # the largest that the format allows


class Image(t.NamedTuple):
    """An image to be made: how many layers of how many bytes."""

    layers: int
    size: int


LARGE, SMALL, MANY, TINY = Image(8, 64 * MIB), Image(5, 200 * KIB), Image(20, 200 * KIB), Image(1, KIB)


def different(number: int) -> Image:
    """Return an image that shares no layer with that of another number."""
    return Image(3, 100 * KIB + number)


def make_apart(folder: Path, *words: object) -> Path:
    """Let a process of its own write the image that ``words`` name, as ``_MAKERS`` has them: the memory of this one is counted to all that it starts."""
    command = [sys.executable, "-m", __spec__.name, str(folder), *map(str, words)]
    subprocess.run(command, check=True, cwd=Path(__file__).resolve().parents[2])
    return folder


def make(folder: Path, image: Image) -> Path:
    """Write the image as the layout in ``folder`` and return that."""
    layout = Layout(folder)
    layers, digests = [], []
    for number in range(image.layers):
        tar = _tar(number, image.size)
        digests.append(f"sha256:{hashlib.sha256(tar).hexdigest()}")
        layers.append(layout.add(gzip.compress(tar, 0, mtime=0), LAYER))  # random bytes do not become smaller
    rootfs = {"type": "layers", "diff_ids": digests}
    config = layout.add_json({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": rootfs}, CONFIG)
    layout.tag(layout.add_json({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}, MANIFEST), NAME)
    return folder


def make_huge(folder: Path) -> Path:
    """Write an image of one layer of 2 GiB, zeros that take no room on the disk, as the layout in ``folder`` and return that."""
    found = hashlib.sha256()
    for _block in range(HUGE // MIB):
        found.update(bytes(MIB))
    layout = Layout(folder)
    layer = {"mediaType": LAYER, "digest": f"sha256:{found.hexdigest()}", "size": HUGE}
    config = layout.add_json({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}, CONFIG)
    layout.tag(layout.add_json({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}, MANIFEST), NAME)
    with layout.path(layer).open("wb") as file:
        file.truncate(HUGE)
    return folder


def make_layer(folder: Path, codec: str) -> Path:
    """Write an image of one layer with a file of 2 GiB of random bytes, compressed by gzip or zstd, as the layout in ``folder`` and return that."""
    block = random.Random(0).randbytes(MIB)
    member = tarfile.TarInfo(HUGE_FILE)
    member.size = HUGE
    tar = itertools.chain([member.tobuf(), *(block for _number in range(HUGE // MIB))], [bytes(1024)])
    return _write_layer(folder, _compressed(tar, codec), _ZSTD_LAYER if codec == "zstd" else LAYER)


def make_files(folder: Path) -> Path:
    """Write an image of one layer with 200,000 small files as the layout in ``folder`` and return that."""
    names = (f"usr/share/d{number // 100}/f{number}" for number in range(MANY_FILES))
    return _write_layer(folder, _compressed(itertools.chain(map(_small, names), [bytes(1024)]), "gzip"), LAYER)


def _small(name: str) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = len(name)
    return member.tobuf() + name.encode().ljust(512, b"\0")


def _compressed(blocks: t.Iterable[bytes], codec: str) -> t.Iterator[bytes]:
    if codec == "zstd":
        yield from _zstd(blocks)
        return
    engine = zlib.compressobj(1, zlib.DEFLATED, 31)
    for block in blocks:
        yield engine.compress(block)
    yield engine.flush()


def _zstd(blocks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    """Yield a valid zstd frame with a window of 8 MiB, as zstd has at its level 19: blocks that are stored, since random bytes do not become smaller."""
    yield b"\x28\xb5\x2f\xfd" + bytes([0, (23 - 10) << 3])
    for block in blocks:
        for start in range(0, len(block), _ZSTD_BLOCK):
            part = block[start : start + _ZSTD_BLOCK]
            yield (len(part) << 3).to_bytes(3, "little") + part
    yield b"\1\0\0"


def _write_layer(folder: Path, blocks: t.Iterable[bytes], media_type: str) -> Path:
    """Write an image of one layer, which is never kept in memory."""
    layout, digest, size = Layout(folder), hashlib.sha256(), 0
    with (folder / "layer").open("wb") as file:
        for block in blocks:
            digest.update(block)
            size += file.write(block)
    layer = {"mediaType": media_type, "digest": f"sha256:{digest.hexdigest()}", "size": size}
    config = layout.add_json({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}, CONFIG)
    layout.tag(layout.add_json({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}, MANIFEST), NAME)
    (folder / "layer").rename(layout.path(layer))
    return folder


def _tar(seed: int, size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(f"srv/{seed}")
        member.size = size
        archive.addfile(member, io.BytesIO(random.Random(seed).randbytes(size)))
    return buffer.getvalue()


_MAKERS: dict[str, t.Callable[..., Path]] = {"huge": make_huge, "layer": make_layer, "files": make_files}


if __name__ == "__main__":
    target, *words = sys.argv[1:]
    if words[0] in _MAKERS:
        _MAKERS[words[0]](Path(target), *words[1:])
    else:
        make(Path(target), Image(*map(int, words)))
