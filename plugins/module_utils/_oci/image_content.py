# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image as it is laid down on this host: its name there, its manifests, and the blobs that they need."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from .image_source import ImageSource, find_unread, unread_error, walk
from .manifest import OCI_INDEX, Descriptor, Manifest
from .reference import Digest, Reference

LAYOUT_VERSION = b'{"imageLayoutVersion":"1.0.0"}'
TAG_NAME = "org.opencontainers.image.ref.name"
FULL_NAME = "io.containerd.image.name"


@dataclass(frozen=True)
class ImageName:
    """What an image is called in a layout or archive: ``full`` with registry and repository, and its tag, if it has one."""

    full: str
    tag: str | None

    @classmethod
    def of(cls, image: Reference) -> ImageName:
        """Return the name that ``image`` gets."""
        tag = image.tag or (None if image.digest else "latest")
        return cls(f"{image.name}:{tag}" if tag else f"{image.name}@{image.digest}", tag)

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations of the image's entry in index.json; tools look for one or the other."""
        return {FULL_NAME: self.full, **({TAG_NAME: self.tag} if self.tag else {})}

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """The ``entry_key`` of each entry that is this image; the full name decides where an entry has one."""
        return ((FULL_NAME, self.full), (TAG_NAME, self.full), *([(TAG_NAME, self.tag)] if self.tag else []))


def entry_key(entry: Descriptor) -> tuple[str, str] | None:
    """Return which annotation names ``entry`` of an index.json, and the name; None where it has none."""
    name = entry.annotations.get(FULL_NAME) or entry.annotations.get(TAG_NAME)
    return (FULL_NAME if FULL_NAME in entry.annotations else TAG_NAME, name) if name else None


@dataclass(frozen=True)
class ImageContent:
    """All of an image or index; ``manifests`` are its children, each before what names it, and ``root`` at the end."""

    name: ImageName
    root: Manifest
    manifests: tuple[Manifest, ...]

    @classmethod
    def read(cls, name: ImageName, source: ImageSource) -> ImageContent:
        """Return all of the image that ``source`` has; ``unsupported`` for one that lists a manifest of former times."""
        manifests = (*(manifest for _child, manifest in walk(source, source.root)), source.root)
        for child in find_unread(manifests):
            raise unread_error(child)
        return cls(name, source.root, manifests)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The configs and layers, each once; layers that may not be distributed are left out."""
        return tuple(blob for blob in self._every_blob() if not blob.is_foreign)

    @property
    def skipped(self) -> tuple[Descriptor, ...]:
        """The layers that may not be distributed, each once."""
        return tuple(blob for blob in self._every_blob() if blob.is_foreign)

    def _every_blob(self) -> t.Iterable[Descriptor]:
        own = {manifest.digest for manifest in self.manifests}  # an index may list one as if it were a blob, too
        return {blob.digest: blob for manifest in self.manifests for blob in manifest.blobs if blob.digest not in own}.values()

    @property
    def digests(self) -> frozenset[Digest]:
        """Everything that the image needs, by digest."""
        return frozenset(manifest.digest for manifest in self.manifests) | frozenset(blob.digest for blob in self._every_blob())

    @property
    def size(self) -> int:
        """The bytes of all manifests and blobs."""
        return sum(len(manifest.raw) for manifest in self.manifests) + sum(blob.size for blob in self.blobs)

    def entry(self) -> dict[str, t.Any]:
        """Return the image's entry in index.json."""
        root = self.root
        return {
            "mediaType": root.media_type,
            "digest": str(root.digest),
            "size": len(root.raw),
            **({"artifactType": root.artifact_type} if root.artifact_type else {}),
            "annotations": self.name.annotations,
        }


def layout_index(document: t.Mapping[str, t.Any]) -> bytes:
    """Return index.json with the ``manifests`` of ``document``, and whatever else it holds."""
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, **document}, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Gap:
    """What must be written so that an image is at a path; ``before`` and ``after`` are the states there, for the diff."""

    before: dict[str, t.Any]
    after: dict[str, t.Any]
    manifests: tuple[Manifest, ...]
    blobs: tuple[Descriptor, ...]
