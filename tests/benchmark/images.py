# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of random bytes, the same on every run, as OCI layouts."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import subprocess
import sys
import tarfile
import typing as t
from pathlib import Path

from ..servers.layout import CONFIG, LAYER, MANIFEST, Layout

NAME = "app"
KIB, MIB = 1024, 1024 * 1024
HUGE = 2048 * MIB


class Image(t.NamedTuple):
    """An image to be made: how many layers of how many bytes."""

    layers: int
    size: int


LARGE, SMALL, MANY, TINY = Image(8, 64 * MIB), Image(5, 200 * KIB), Image(20, 200 * KIB), Image(1, KIB)


def make_apart(folder: Path, image: Image | None) -> Path:
    """Let a process of its own write an image, None for the huge one: the memory of this one is counted to all that it starts."""
    words = [str(folder), *(str(number) for number in image or ())]
    subprocess.run([sys.executable, "-m", __spec__.name, *words], check=True, cwd=Path(__file__).resolve().parents[2])
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


def _tar(seed: int, size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(f"srv/{seed}")
        member.size = size
        archive.addfile(member, io.BytesIO(random.Random(seed).randbytes(size)))
    return buffer.getvalue()


if __name__ == "__main__":
    target, *numbers = sys.argv[1:]
    if numbers:
        make(Path(target), Image(*map(int, numbers)))
    else:
        make_huge(Path(target))
