# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put images, indexes and referrers into the fake registry: small, real, and the same bytes every time."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import typing as t
from dataclasses import dataclass, field

from .store import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Store, Stored, digest_of

_EMPTY = "application/vnd.oci.empty.v1+json"
_TYPES = {
    False: ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"),
    True: ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
}
Descriptor = dict[str, t.Any]


@dataclass
class Added:
    """What was put in: the manifest, and for an index its ``children`` by platform."""

    stored: Stored
    config: Descriptor = field(default_factory=dict)
    layers: list[Descriptor] = field(default_factory=list)
    children: dict[str, Added] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The digest of the manifest."""
        return self.stored.digest

    @property
    def raw(self) -> bytes:
        """The bytes of the manifest."""
        return self.stored.raw

    @property
    def media_type(self) -> str:
        """The media type of the manifest."""
        return self.stored.media_type

    @property
    def size(self) -> int:
        """The length of the manifest."""
        return len(self.stored.raw)

    @property
    def blobs(self) -> list[str]:
        """The digests of config and layers."""
        return [blob["digest"] for blob in [self.config, *self.layers] if blob]


def layer_tar(text: str) -> bytes:
    """Return an uncompressed layer with one small file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo("file.txt")
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    return file.getvalue()


def split_platform(platform: str) -> Descriptor:
    """Return a platform's words as the members of a descriptor's platform."""
    return dict(zip(("os", "architecture", "variant"), platform.split("/")))


class Filler:
    """Adds content to a store behind the registry's back: no request is recorded, nothing is checked."""

    store: Store

    def add_blob(self, repository: str, data: bytes, media_type: str = "application/octet-stream") -> Descriptor:
        """Add a blob and return its descriptor."""
        digest = digest_of(data)
        with self.store.lock:
            self.store.get(repository).blobs[digest] = self.store.new_blob(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def add_manifest(self, repository: str, content: bytes | t.Mapping[str, t.Any], media_type: str = "", tag: str | None = None) -> Stored:
        """Add a manifest as it is, bytes or document, whatever it names; return what is stored."""
        raw = content if isinstance(content, bytes) else json.dumps(content, indent=3).encode()
        kind = media_type or (OCI_MANIFEST if isinstance(content, bytes) else content.get("mediaType", OCI_MANIFEST))
        stored = Stored(digest_of(raw), kind, raw)
        with self.store.lock:
            self.store.get(repository).put(stored)
            if tag is not None:
                self.store.get(repository).set_tag(tag, stored.digest)
        return stored

    def add_image(
        self,
        repository: str,
        tag: str | None = None,
        layers: int | t.Sequence[bytes] = 2,
        platform: str = "linux/amd64",
        config: t.Mapping[str, t.Any] | None = None,
        docker: bool = False,
        seed: str = "",
        **members: t.Any,
    ) -> Added:
        """Add an image. ``layers``: how many, or their bytes; ``config`` and ``members`` go into config and manifest.

        The content depends on tag, platform and ``seed``, so the same tag in two repositories is the same image.
        """
        config_type, layer_type = _TYPES[docker]
        seed = seed or f"{tag} {platform}"
        tars = [layer_tar(f"layer {number} of {seed}") for number in range(layers)] if isinstance(layers, int) else list(layers)
        packed = [self.add_blob(repository, gzip.compress(tar, mtime=0), layer_type) for tar in tars]
        document = {
            **split_platform(platform),
            "created": "2024-05-06T07:08:09Z",
            "config": {"Env": ["PATH=/bin"], "Labels": {"seed": seed}},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in tars]},
            **(config or {}),
        }
        described = self.add_blob(repository, json.dumps(document).encode(), config_type)
        kind = DOCKER_MANIFEST if docker else OCI_MANIFEST
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": described, "layers": packed, **members}
        return Added(self.add_manifest(repository, manifest, kind, tag), described, packed)

    def add_index(
        self,
        repository: str,
        tag: str | None = None,
        platforms: t.Sequence[str] = ("linux/amd64", "linux/arm64"),
        nested: bool = False,
        docker: bool = False,
        attestations: bool = False,
        layers: int = 2,
        **members: t.Any,
    ) -> Added:
        """Add an index with an image for each platform; ``nested``: an index of that index; ``attestations``: as BuildKit adds them."""
        children = {
            platform: self.add_image(repository, None, layers, platform, docker=docker, seed=f"{tag} {platform}") for platform in platforms
        }
        entries = [{**child.stored.descriptor(), "platform": split_platform(name)} for name, child in children.items()]
        if attestations:
            entries += [self._attestation(repository, child.digest) for child in list(children.values())]
        kind = DOCKER_LIST if docker else OCI_INDEX
        document = {"schemaVersion": 2, "mediaType": kind, "manifests": entries, **members}
        stored = self.add_manifest(repository, document, kind, None if nested else tag)
        if nested:
            outer = {"schemaVersion": 2, "mediaType": kind, "manifests": [stored.descriptor()]}
            stored = self.add_manifest(repository, outer, kind, tag)
        return Added(stored, children=children)

    def _attestation(self, repository: str, subject: str) -> Descriptor:
        made = self.add_image(repository, None, [b"attestation of " + subject.encode()], "unknown/unknown", seed=subject)
        notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject}
        return {**made.stored.descriptor(), "platform": split_platform("unknown/unknown"), "annotations": notes}

    def add_referrer(
        self,
        repository: str,
        subject: str,
        artifact_type: str = "application/vnd.example.signature",
        data: bytes = b"signature",
        **members: t.Any,
    ) -> Added:
        """Add an artifact whose subject is the manifest ``subject``."""
        there = self.store.get(repository).manifests.get(subject)
        descriptor = there.descriptor() if there else {"mediaType": OCI_MANIFEST, "digest": subject, "size": 2}
        empty = self.add_blob(repository, b"{}", _EMPTY)
        layer = self.add_blob(repository, data, artifact_type)
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type, "config": empty, "layers": [layer]}
        stored = self.add_manifest(repository, {**document, "subject": descriptor, **members}, OCI_MANIFEST)
        return Added(stored, empty, [layer])

    # Looking and changing

    def tags(self, repository: str) -> dict[str, str]:
        """Return the tags with their digests."""
        with self.store.lock:
            return dict(sorted(self.store.get(repository).tags.items()))

    def manifest(self, repository: str, reference: str) -> Stored | None:
        """Return the manifest of a tag or digest, None where there is none."""
        with self.store.lock:
            return self.store.get(repository).find(reference)

    def stored(self, repository: str, reference: str) -> Stored:
        """Return the manifest of a tag or digest, which must be there."""
        found = self.manifest(repository, reference)
        assert found is not None, f"{repository} has no {reference}"
        return found

    def manifests(self, repository: str) -> list[str]:
        """Return the digests of all manifests."""
        with self.store.lock:
            return sorted(self.store.get(repository).manifests)

    def blobs(self, repository: str) -> list[str]:
        """Return the digests of all blobs."""
        with self.store.lock:
            return sorted(self.store.get(repository).blobs)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Tell whether the blob is there."""
        return digest in self.blobs(repository)

    def blob(self, repository: str, digest: str) -> bytes:
        """Return the bytes of a blob."""
        return self.store.get(repository).blobs[digest].read()

    def sessions(self, repository: str) -> list[str]:
        """Return the uploads that are neither ended nor given up."""
        with self.store.lock:
            return sorted(self.store.get(repository).sessions)

    def set_tag(self, repository: str, tag: str, digest: str) -> None:
        """Put a tag on a digest."""
        with self.store.lock:
            self.store.get(repository).set_tag(tag, digest)

    def remove_tag(self, repository: str, tag: str) -> None:
        """Remove a tag."""
        with self.store.lock:
            del self.store.get(repository).tags[tag]

    def remove_manifest(self, repository: str, digest: str) -> None:
        """Remove a manifest and the tags on it."""
        with self.store.lock:
            self.store.get(repository).delete_manifest(digest)

    def remove_blob(self, repository: str, digest: str) -> None:
        """Remove a blob."""
        with self.store.lock:
            del self.store.get(repository).blobs[digest]
