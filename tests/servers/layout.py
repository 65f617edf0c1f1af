# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OCI layouts: written file by file, with Python alone."""

from __future__ import annotations

import hashlib
import json
import tarfile
import typing as t
from pathlib import Path

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
REF_NAME = "org.opencontainers.image.ref.name"

Descriptor = dict[str, t.Any]


class Layout:
    """The layout in ``folder``, which is made if it is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "oci-layout").exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="ascii")
            self._write_entries([])

    def add(self, data: bytes, media_type: str, **fields: t.Any) -> Descriptor:
        """Write a blob and return its descriptor, with further ``fields``."""
        digest = hashlib.sha256(data).hexdigest()
        path = self.folder / "blobs" / "sha256" / digest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data), **fields}

    def add_json(self, document: t.Mapping[str, t.Any], media_type: str, **fields: t.Any) -> Descriptor:
        """Write a JSON document and return its descriptor."""
        return self.add(json.dumps(document).encode(), media_type, **fields)

    def add_index(self, children: t.Sequence[Descriptor]) -> Descriptor:
        """Write an index of ``children``."""
        return self.add_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(children)}, INDEX)

    def entries(self) -> dict[str, Descriptor]:
        """Return the images that ``index.json`` names."""
        index = json.loads((self.folder / "index.json").read_text(encoding="utf-8"))
        return {entry["annotations"][REF_NAME]: _bare(entry) for entry in index["manifests"]}

    def tag(self, descriptor: Descriptor, name: str) -> None:
        """Name an image in ``index.json``."""
        self._write_entries(
            [
                *({**found, "annotations": {REF_NAME: other}} for other, found in self.entries().items() if other != name),
                {**descriptor, "annotations": {REF_NAME: name}},
            ]
        )

    def _write_entries(self, entries: t.Sequence[Descriptor]) -> None:
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}
        (self.folder / "index.json").write_text(json.dumps(document), encoding="utf-8")

    def read(self, descriptor: Descriptor) -> dict[str, t.Any]:
        """Return the JSON document that a descriptor names."""
        document: dict[str, t.Any] = json.loads(self.path(descriptor).read_bytes())
        return document

    def path(self, descriptor: Descriptor) -> Path:
        """Return the file of a blob."""
        return self.folder / "blobs" / str(descriptor["digest"]).replace(":", "/")

    def archive(self, path: Path) -> None:
        """Write the layout as an OCI archive."""
        with tarfile.open(path, "w") as archive:
            for entry in sorted(self.folder.iterdir()):
                archive.add(entry, entry.name)


def _bare(entry: Descriptor) -> Descriptor:
    return {key: entry[key] for key in ("mediaType", "digest", "size")}
