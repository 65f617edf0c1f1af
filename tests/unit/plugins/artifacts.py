# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts in the fake registry, as ORAS makes them and as nobody should."""

from __future__ import annotations

import gzip
import hashlib
import json
import typing as t

from ansible_collections.ocitools.registry.tests.unit.registry.content import Added
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

TITLE = "org.opencontainers.image.title"
CREATED = "org.opencontainers.image.created"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

Layer = dict[str, t.Any]


def file(registry: FakeRegistry, title: str | None, content: bytes = b"text", repository: str = "app") -> Layer:
    """Add a file and return its layer; None as the title leaves it out."""
    return {**registry.add_blob(repository, content, "text/plain"), "annotations": {} if title is None else {TITLE: title}}


def folder(registry: FakeRegistry, title: str, tar: bytes, digest: str = "", repository: str = "app") -> Layer:
    """Add the archive of a folder and return its layer; ``digest`` is what is stated for the tar, its own without it."""
    notes = {
        TITLE: title,
        "io.deis.oras.content.unpack": "true",
        "io.deis.oras.content.digest": digest or f"sha256:{hashlib.sha256(tar).hexdigest()}",
    }
    return {
        **registry.add_blob(repository, gzip.compress(tar, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip"),
        "annotations": notes,
    }


def artifact(registry: FakeRegistry, tag: str, *layers: Layer, repository: str = "app") -> str:
    """Add an artifact with these layers and return its digest."""
    empty = registry.add_blob(repository, b"{}", "application/vnd.oci.empty.v1+json")
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.example",
        "config": empty,
        "layers": list(layers),
    }
    return registry.add_manifest(repository, document, MANIFEST, tag).digest


def attach(registry: FakeRegistry, subject: str, *layers: Layer, created: str = "", artifact_type: str = "application/spdx+json") -> Added:
    """Attach an artifact to an image."""
    return registry.add_referrer("app", subject, artifact_type, layers=list(layers), annotations={CREATED: created} if created else {})


def chart(registry: FakeRegistry, config: dict[str, str], repository: str = "app", tag: str = "1", **annotations: str) -> None:
    """Add a chart as Helm pushes it: without titles, and without a media type of the manifest."""
    types = [f"application/vnd.cncf.helm.{name}" for name in ("config.v1+json", "chart.content.v1.tar+gzip", "chart.provenance.v1.prov")]
    blobs = [registry.add_blob(repository, *blob) for blob in zip((json.dumps(config).encode(), b"chart", b"prov"), types)]
    notes = {f"org.opencontainers.image.{name}": text for name, text in annotations.items()}
    registry.add_manifest(repository, {"schemaVersion": 2, "config": blobs[0], "layers": blobs[1:], "annotations": notes}, MANIFEST, tag)
