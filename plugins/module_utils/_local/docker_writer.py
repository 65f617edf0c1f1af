# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive as docker save writes it: the layers decompressed, and named after what the image's config says of them."""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from .._core.cleanup import on_failure
from .._core.errors import RegistryError
from .._core.scrub import clean
from .._oci.image_content import Gap, ImageContent, ImageName
from .._oci.image_source import BlobStream, copy_stream
from .._oci.manifest import CONFIG_TYPES, ENCRYPTED, MAX_CONFIG, Descriptor, Manifest
from .._oci.reference import Digest
from .archive_writer import INCOMPLETE, RENAMED, ArchivePlace, Dress
from .compression import HEAVY, Allowance, BegunStream, Decoder
from .disk import NewFile
from .docker_archive import DockerArchive, read_diff_ids
from .files import SAVED_IMAGES, FileRange, LocalFile, MemoryFile, read_all
from .open_path import Found
from .tar_writer import end_of, header, padded


class DockerArchiveWriter:
    """An archive of docker save as a destination; it holds one image and is written as a whole or not at all."""

    def __init__(self, path: str, private: bool, dress: Dress) -> None:
        self.path = path
        self._place = ArchivePlace(path, private, dress)
        self._packed: dict[Digest, NewFile] = {}
        self._allowance = Allowance()
        self._config = b""
        self._diff_ids: dict[Digest, Digest] = {}

    def find(self, name: ImageName, digest: Digest | None) -> Manifest | None:
        """Return None: such an archive holds no manifest."""
        return None

    def manifest(self, descriptor: Descriptor) -> Manifest | None:
        """Return None: such an archive holds no manifest."""
        return None

    def gap(self, content: ImageContent, workers: int) -> Gap:
        """Return what of ``content`` is missing, nothing or everything; the states are digests of configs."""
        wanted = _check(content)
        digest, fault = self._compare(content, wanted, workers)
        whole = digest == wanted and not fault
        states = self._place.states(wanted, digest, fault)
        return Gap(*states, () if whole else content.manifests, () if whole else content.blobs)

    def _compare(self, content: ImageContent, wanted: Digest, workers: int) -> tuple[Digest | None, str]:
        """Return the digest of the config that is there, None where none is, and what is wrong with the rest."""
        store = self._place.open()
        if store is None:
            return None, ""
        with contextlib.closing(store):
            try:
                saved = DockerArchive(store, None)
            except RegistryError:
                return None, ""
            digest = Digest.of(saved.config, wanted.algorithm)
            if digest != wanted:
                return digest, ""
            if list(saved.names) != _names(content):
                return digest, RENAMED
            try:
                saved.build("none", workers, None).close()
            except RegistryError:
                return digest, INCOMPLETE
            return digest, ""

    def begin(self, content: ImageContent, gap: Gap) -> None:
        """Remove what an ended task left behind, and make room for the layers."""
        self._place.clean()
        self._content = content
        self._allowance = Allowance(sum(layer.size for layer in content.root.layers))
        for layer in content.root.layers if gap.manifests else ():
            if layer.digest not in self._packed:
                self._packed[layer.digest] = file = self._place.new_file()
                file.hide()  # nothing is left of it, however the task ends

    def store(self, blob: Descriptor, stream: BlobStream, check: t.Callable[[], None]) -> None:
        """Keep a blob until all are there; several threads may."""
        if blob.digest in self._packed:
            copy_stream(stream, self._packed[blob.digest].write, check)
            return
        self._config = read_all(stream)
        layers = self._content.root.layers
        what = f"The config {blob.digest} of {self._content.name.full}"
        diff_ids = read_diff_ids(self._config, len(layers), what)
        self._diff_ids = {layer.digest: diff_id for layer, diff_id in zip(layers, diff_ids)}
        if any(self._diff_ids[layer.digest] != diff_id for layer, diff_id in zip(layers, diff_ids)):
            raise RegistryError(f"{what} states two digests of one layer.", "invalid_source")

    def finish(self, content: ImageContent, gap: Gap, on_visible: t.Callable[[], None] = lambda: None) -> None:
        """Write the archive and put it in its place."""
        if not gap.manifests:
            return
        config = t.cast(Descriptor, content.root.config)
        layers = [f"{self._diff_ids[layer.digest].hex}.tar" for layer in content.root.layers]
        contents: list[dict[str, t.Any]] = [{"Config": f"{config.digest.hex}.json", "RepoTags": _names(content), "Layers": layers}]
        with self._place.new_file() as file:
            tar = _Tar(file)
            tar.add(SAVED_IMAGES, json.dumps(contents, separators=(",", ":")).encode())
            tar.add(contents[0]["Config"], self._config)
            written: set[Digest] = set()
            for layer in content.root.layers:
                diff_id = self._diff_ids[layer.digest]
                if diff_id not in written:
                    written.add(diff_id)
                    self._add_layer(tar, layer, diff_id)
            tar.end()
            self._place.put(file, on_visible)

    def _add_layer(self, tar: _Tar, layer: Descriptor, diff_id: Digest) -> None:
        what = f"The layer {layer.digest} of {self._content.name.full}"
        hasher = diff_id.hasher()
        with self._packed[layer.digest] as file, contextlib.closing(_decoded(file, layer.size, what, self._allowance)) as stream:
            tar.add_stream(f"{diff_id.hex}.tar", stream, hasher.update)
        if hasher.hexdigest() != diff_id.hex:
            raise RegistryError(
                f"{what} has the digest {diff_id.algorithm}:{hasher.hexdigest()} after decompression, not {diff_id} as in the config: "
                "the image is damaged. Build it again.",
                "digest_mismatch",
            )

    @property
    def surroundings(self) -> Found:
        """The folder that the archive is in."""
        return self._place.surroundings

    def files(self) -> t.Iterator[Found]:
        """Yield the archive, if there is one."""
        return self._place.files()

    def close(self) -> None:
        """Close all files."""
        for file in self._packed.values():
            file.close()
        self._place.close()


class _Tar:
    """A tar being written from its first member to its last."""

    def __init__(self, file: NewFile) -> None:
        self._file = file
        self._position = 0

    def add(self, name: str, content: bytes) -> None:
        """Add a member."""
        self.add_stream(name, MemoryFile(content))

    def add_stream(self, name: str, stream: BlobStream, see: t.Callable[[bytes], t.Any] = len) -> None:
        """Add a member whose size is known at its end; each block is shown to ``see``."""
        start = self._position + len(header(name, 0))
        size = 0

        def write(block: bytes) -> None:
            nonlocal size
            see(block)
            self._file.write_at(start + size, block)
            size += len(block)

        copy_stream(stream, write)
        self._file.write_at(self._position, header(name, size))
        self._position = start + padded(size)

    def end(self) -> None:
        """Write the end of the archive."""
        self._file.resize(end_of(self._position))


def _decoded(file: NewFile, size: int, what: str, allowance: Allowance) -> BlobStream:
    """Return the content of a layer without its compression, whatever that is."""
    packed = _range(file, size, what)
    with on_failure(packed.close):
        begun = BegunStream(packed)
        return Decoder(begun, begun.codec, what, HEAVY, allowance) if begun.codec else begun  # one layer at a time


def _range(file: NewFile, size: int, what: str) -> FileRange:
    return FileRange(LocalFile(open(os.dup(file.descriptor), "rb", buffering=0), what), 0, size, owned=True)


def _names(content: ImageContent) -> list[str]:
    """Return the names that docker gives the image when it loads the archive."""
    return [content.name.full] if content.name.tag else []


def _check(content: ImageContent) -> Digest:
    """Return the digest of the image's config; ``unsupported`` where such an archive cannot hold the image."""
    root = content.root
    encrypted = next((layer for layer in root.layers if layer.media_type.endswith(ENCRYPTED)), None)
    if root.config is None or root.config.media_type not in CONFIG_TYPES:
        fault = f"it is not a container image but {clean(root.artifact_type or root.media_type, 300)}"
    elif content.skipped:
        fault = f"its layer {content.skipped[0].digest} must not be distributed, and docker load needs all layers"
    elif encrypted is not None:
        fault = f"its layer {encrypted.digest} is encrypted"
    elif root.config.digest in {layer.digest for layer in root.layers}:
        fault = "its config is listed among its layers"
    elif root.config.size > MAX_CONFIG:
        fault = f"its config is larger than the limit of {MAX_CONFIG} bytes"
    else:
        return root.config.digest
    raise RegistryError(f"{content.name.full} cannot be written as docker-archive: {fault}. Use one of the OCI formats.", "unsupported")
