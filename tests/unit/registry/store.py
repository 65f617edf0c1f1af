# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the registry holds: repositories with manifests, tags, blobs and uploads under way."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import typing as t
from dataclasses import dataclass, field

from .wire import BLOCK

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MEDIA_TYPES = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
_IN_MEMORY = 1024 * 1024


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of bytes."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


class Blob:
    """The bytes of a blob, in memory or, when they are many, in a temporary file; or only their number."""

    def __init__(self, data: bytes = b"", keeps: bool = True) -> None:
        self.size = 0
        self.keeps = keeps
        self._data = bytearray()
        self._file: int | None = None
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()
        self.append(data)

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        with self._lock:
            self._hash.update(data)
            self.size += len(data)
            if self.keeps and self._file is None:
                self._data += data
                if self.size > _IN_MEMORY:
                    self._move_to_file()
            elif self._file is not None:
                os.write(self._file, data)

    def _move_to_file(self) -> None:
        self._file, name = tempfile.mkstemp(prefix="fake-registry-")
        os.unlink(name)
        os.write(self._file, self._data)
        self._data.clear()

    def digest(self, algorithm: str = "sha256") -> str:
        """Return the digest of what is there."""
        if algorithm == "sha256":
            return f"sha256:{self._hash.hexdigest()}"
        found = hashlib.new(algorithm)
        for block in Slice(self, 0, self.size):
            found.update(block)
        return f"{algorithm}:{found.hexdigest()}"

    def read(self, start: int = 0, count: int | None = None) -> bytes:
        """Return some bytes of the blob, or all."""
        stop = self.size if count is None else start + count
        with self._lock:
            return bytes(self._data[start:stop]) if self._file is None else os.pread(self._file, stop - start, start)

    def close(self) -> None:
        """Let go of the bytes."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None
            self._data.clear()


class Slice:
    """A part of a blob as the body of an answer."""

    def __init__(self, blob: Blob, start: int, stop: int) -> None:
        self._blob, self._start, self._stop = blob, start, stop

    def __len__(self) -> int:
        return self._stop - self._start

    def __iter__(self) -> t.Iterator[bytes]:
        for start in range(self._start, self._stop, BLOCK):
            yield self._blob.read(start, min(BLOCK, self._stop - start))


@dataclass(frozen=True)
class Stored:
    """A manifest as it was pushed."""

    digest: str
    media_type: str
    raw: bytes

    @property
    def document(self) -> dict[str, t.Any]:
        """The parsed manifest, empty where it is none."""
        try:
            document = json.loads(self.raw)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def children(self) -> list[str]:
        """The digests of the manifests that it names."""
        return [child["digest"] for child in self.document.get("manifests") or []]

    @property
    def blobs(self) -> list[dict[str, t.Any]]:
        """The descriptors of the blobs that it names."""
        document = self.document
        config = [document["config"]] if document.get("config") else []
        return config + list(document.get("layers") or [])

    def descriptor(self) -> dict[str, t.Any]:
        """Return the descriptor of the manifest."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.raw)}


def is_foreign(descriptor: t.Mapping[str, t.Any]) -> bool:
    """Tell whether a layer may not be distributed."""
    return bool(descriptor.get("urls")) or "nondistributable" in descriptor["mediaType"] or "foreign" in descriptor["mediaType"]


@dataclass
class Session:
    """An upload under way; ``state`` is what its newest Location says."""

    name: str
    blob: Blob
    state: int = 0
    last_length: int | None = None
    lost: bool = False


@dataclass
class Repository:
    """One repository. ``stale`` has, for a tag, how many reads still see which digest."""

    name: str
    manifests: dict[str, Stored] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, Blob] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    stale: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    known: bool = False  # it has had a manifest
    deleting: int = 0  # digests that are being deleted
    outliving: dict[str, Stored] = field(default_factory=dict)  # manifests that are deleted, and that tags still lead to

    def put(self, stored: Stored) -> None:
        """Keep a manifest."""
        self.manifests[stored.digest] = stored
        self.known = True

    def find(self, reference: str) -> Stored | None:
        """Return the manifest that a tag or digest stands for now."""
        if ":" in reference:
            return self.manifests.get(reference)
        digest = self.tags.get(reference, "")
        return self.manifests.get(digest) or self.outliving.get(digest)

    def read(self, reference: str) -> Stored | None:
        """Return the manifest that a reader gets to see, which may be an old one."""
        left, old = self.stale.get(reference, (0, None))
        if left:
            self.stale[reference] = (left - 1, old)
            return self.manifests.get(old or "")
        return self.find(reference)

    def set_tag(self, tag: str, digest: str, stale_reads: int = 0) -> None:
        """Put a tag on a digest."""
        if stale_reads:
            self.stale[tag] = (stale_reads, self.tags.get(tag))
        else:
            self.stale.pop(tag, None)
        self.tags[tag] = digest

    def delete_manifest(self, digest: str, with_tags: bool = True) -> None:
        """Delete a manifest and all tags on it."""
        self.manifests.pop(digest, None)
        if with_tags:
            self.tags = {tag: there for tag, there in self.tags.items() if there != digest}

    def collect(self, digest: str) -> None:
        """Delete a manifest that no tag is on and no index names."""
        named = {child for stored in self.manifests.values() for child in stored.children}
        if digest not in named and digest not in self.tags.values():
            self.manifests.pop(digest, None)

    def referrers(self, digest: str) -> list[dict[str, t.Any]]:
        """Return the descriptors of the manifests whose subject is ``digest``."""
        found = []
        for stored in list(self.manifests.values()):
            document = stored.document
            if (document.get("subject") or {}).get("digest") != digest:
                continue
            kind = document.get("artifactType") or (document.get("config") or {}).get("mediaType")
            descriptor = {**stored.descriptor(), "artifactType": kind}
            if document.get("annotations"):
                descriptor["annotations"] = document["annotations"]
            found.append(descriptor)
        return found

    def gaps(self) -> list[str]:
        """Return what is named under a tag, however deep, and is not there."""
        found: list[str] = []
        for tag, digest in sorted(self.tags.items()):
            pending, seen = [digest], set()
            while pending:
                current = pending.pop()
                stored = self.manifests.get(current)
                if stored is None:
                    found.append(f"{self.name}:{tag} needs the manifest {current}")
                    continue
                needed = [blob["digest"] for blob in stored.blobs if not is_foreign(blob)]
                found += [f"{self.name}:{tag} needs the blob {blob}" for blob in needed if blob not in self.blobs]
                pending += [child for child in stored.children if child not in seen]
                seen.update(stored.children)
        return found


class Store:
    """All repositories; ``lock`` is held while a request changes them."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.repositories: dict[str, Repository] = {}
        self._blobs: list[Blob] = []
        self._count = 0

    def get(self, name: str) -> Repository:
        """Return a repository, made where it is not there."""
        with self.lock:
            return self.repositories.setdefault(name, Repository(name))

    def new_blob(self, data: bytes = b"", keeps: bool = True) -> Blob:
        """Return a new blob, which belongs to no repository yet."""
        blob = Blob(data, keeps)
        with self.lock:
            self._blobs.append(blob)
        return blob

    def open_session(self, repository: str, keeps: bool) -> Session:
        """Begin an upload."""
        with self.lock:
            self._count += 1
            session = Session(f"session-{self._count}", self.new_blob(keeps=keeps))
            self.get(repository).sessions[session.name] = session
            return session

    def gaps(self) -> list[str]:
        """Return what tags need and is not there."""
        with self.lock:
            return [gap for repository in list(self.repositories.values()) for gap in repository.gaps()]

    def close(self) -> None:
        """Let go of all bytes."""
        with self.lock:
            for blob in self._blobs:
                blob.close()
