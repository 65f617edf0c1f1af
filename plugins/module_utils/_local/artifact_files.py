# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders of this host as the layers of an artifact: described before anything is sent, and read again to be sent."""

from __future__ import annotations

import contextlib
import os
import typing as t
from dataclasses import dataclass, replace

from .._core.errors import RegistryError
from .._core.fanout import Cancellation, fan_out
from .._oci.artifact import CONTENT_DIGEST, EMPTY, FILE_TYPE, FOLDER_TYPE, TITLE, UNPACK, empty_descriptor
from .._oci.image_source import BlobStream, VerifiedBlob, copy_stream
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest
from .compression import CountedDigest
from .files import Directory, FileRange, LocalFile, MemoryFile, open_path
from .folder_tar import FolderTar
from .saved_layers import Layer, gzip_layer


@dataclass(frozen=True)
class NamedFile:
    """A file or folder that goes into an artifact: its path here, its title there, and its media type, "" for the usual one."""

    path: str
    title: str
    media_type: str = ""


def pack_files(files: t.Sequence[NamedFile], tmpdir: t.Callable[[], str | None], workers: int) -> list[Layer]:
    """Return a layer for each of ``files``, in order; folders are compressed into ``tmpdir``, or without one when they are read."""
    cancellation = Cancellation()
    return fan_out(lambda file: _pack(file, tmpdir, cancellation.check), files, workers, cancellation)


def _pack(file: NamedFile, tmpdir: t.Callable[[], str | None], check: t.Callable[[], None]) -> Layer:
    opened = open_path(file.path)
    with contextlib.closing(opened):
        if isinstance(opened, Directory):
            return _pack_folder(file, tmpdir(), check)
        counted = CountedDigest(FileRange(opened, 0, opened.size))
        copy_stream(counted, len, check)
    described = Descriptor(file.media_type or FILE_TYPE, counted.digest, counted.length, annotations={TITLE: file.title})
    return Layer(described, lambda: _open_file(file.path))


def _open_file(path: str) -> FileRange:
    opened = open_path(path)
    if not isinstance(opened, LocalFile):
        opened.close()
        raise RegistryError(f"{path} became a folder while it was read.", "invalid_source")
    return FileRange(opened, 0, opened.size, owned=True)


def _pack_folder(file: NamedFile, tmpdir: str | None, check: t.Callable[[], None]) -> Layer:
    path = os.path.join(file.path, "")

    def open_tar() -> BlobStream:
        return FolderTar(path.rstrip("/") or "/", file.title)

    with contextlib.closing(CountedDigest(open_tar())) as tar:
        layer = gzip_layer(tar, open_tar, tmpdir, check)
    marks = {CONTENT_DIGEST: str(tar.digest), UNPACK: "true", TITLE: file.title}
    return replace(layer, descriptor=replace(layer.descriptor, media_type=file.media_type or FOLDER_TYPE, annotations=marks))


class ArtifactSource:
    """An artifact as an image source: its manifest, its config, and its files, which are held against their digests when they are read."""

    is_local = True

    def __init__(self, root: Manifest, layers: t.Sequence[Layer], config: bytes = EMPTY) -> None:
        self._root = root
        self._layers = layers
        self._open: dict[Digest, t.Callable[[], BlobStream]] = {layer.descriptor.digest: layer.open for layer in layers}
        self._open[empty_descriptor().digest] = lambda: MemoryFile(EMPTY)
        self._open[Digest.of(config)] = lambda: MemoryFile(config)

    @property
    def root(self) -> Manifest:
        """The manifest of the artifact."""
        return self._root

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Raise: an artifact has no children."""
        raise RegistryError(f"The artifact has no manifest {descriptor.digest}.", "not_found")

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        """Return the content of a file, folder or config."""
        return VerifiedBlob(self._open[descriptor.digest](), descriptor, "the files of the task")

    def close(self) -> None:
        """Release what was made for the artifact."""
        for layer in self._layers:
            layer.close()
