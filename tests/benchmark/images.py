# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of random bytes, the same on every run, as OCI layouts."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
import typing as t
from pathlib import Path

from ..servers.layout import CONFIG, LAYER, MANIFEST, Layout

NAME = "app"
KIB, MIB = 1024, 1024 * 1024


class Image(t.NamedTuple):
    """An image to be made: how many layers of how many bytes."""

    layers: int
    size: int


LARGE, SMALL, MANY, TINY = Image(8, 64 * MIB), Image(5, 200 * KIB), Image(20, 200 * KIB), Image(1, KIB)


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


def _tar(seed: int, size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(f"srv/{seed}")
        member.size = size
        archive.addfile(member, io.BytesIO(random.Random(seed).randbytes(size)))
    return buffer.getvalue()
