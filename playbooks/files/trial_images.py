# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write an OCI layout with the small images that the playbook try_registry pushes: ``python trial_images.py FOLDER``."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
import typing as t
from pathlib import Path

_OCI = "application/vnd.oci.image"
_IMAGES = {"amd64": ("amd64", 1), "arm64": ("arm64", 1), "build-1": ("amd64", 2), "build-2": ("amd64", 3), "build-3": ("amd64", 4)}


def _layer(text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("srv/trial.txt")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


class _Layout:
    """An OCI layout in a folder."""

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True, exist_ok=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="ascii")

    def add(self, content: bytes, kind: str) -> dict[str, t.Any]:
        """Write a blob and return its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        (self._blobs / digest).write_bytes(content)
        return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    def add_image(self, name: str, architecture: str, day: int) -> dict[str, t.Any]:
        """Write an image and return its descriptor with its name."""
        layer = _layer(f"{name}\n")
        rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
        config = {"created": f"2026-01-0{day}T00:00:00Z", "architecture": architecture, "os": "linux", "config": {}, "rootfs": rootfs}
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": self.add(json.dumps(config).encode(), "config.v1+json"),
            "layers": [self.add(gzip.compress(layer, mtime=0), "layer.v1.tar+gzip")],
        }
        return {**self.add(json.dumps(manifest).encode(), "manifest.v1+json"), "annotations": {"org.opencontainers.image.ref.name": name}}


def main() -> None:
    """Run the command."""
    folder = Path(sys.argv[1])
    layout = _Layout(folder)
    entries = [layout.add_image(name, architecture, day) for name, (architecture, day) in _IMAGES.items()]
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}), encoding="utf-8")


if __name__ == "__main__":
    main()
