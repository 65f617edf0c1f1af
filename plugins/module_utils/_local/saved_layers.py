# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers made ready for a registry: those of docker save archives, which are not compressed there, and folders that artifacts pack."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import typing as t
from dataclasses import dataclass

from .._core.budget import Once
from .._core.errors import RegistryError
from .._core.fanout import Cancellation
from .._core.scrub import quoted
from .._oci.image_source import BlobStream, copy_stream
from .._oci.manifest import Descriptor
from .._oci.reference import Digest
from .compression import HEAVY, LIGHT, Allowance, BegunStream, CountedDigest, Decoder, GzipStream, TooMuchMemory
from .files import FileRange, LocalFile, Store

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_SENT_AS_THEY_ARE = ("gzip", "zstd")


@dataclass(frozen=True)
class Layer:
    """A layer as it is sent: its descriptor, how to open it, and how to open it when what is kept of it is closed."""

    descriptor: Descriptor
    open: t.Callable[[], BlobStream]
    close: t.Callable[[], None] = lambda: None
    open_anew: t.Callable[[], BlobStream] | None = None

    def unkept(self) -> Layer:
        """Return the layer for another image, which may be sent later."""
        return Layer(self.descriptor, self.open_anew or self.open)


PackedLayers = Once[tuple[int, Digest], Layer]  # by the length of the file, which has several names in some archives, and the diff_id


def gzip_layer(
    tar: BlobStream, open_tar: t.Callable[[], BlobStream], tmpdir: str | None, check: t.Callable[[], None] = lambda: None
) -> Layer:
    """Return ``tar``, which is read to its end, as a layer compressed by gzip; ``check``, called before each block, ends it by raising.

    What is compressed is kept in a file of ``tmpdir`` that has no name; without ``tmpdir`` it is made anew from ``open_tar``.
    """
    packed = CountedDigest(GzipStream(tar))
    if tmpdir is None:
        copy_stream(packed, len, check)
        return Layer(_gzipped(packed), lambda: GzipStream(open_tar()))
    try:
        # It has no name, so that nothing is left behind however the task ends.
        with contextlib.ExitStack() as on_failure:
            file = on_failure.enter_context(tempfile.TemporaryFile(dir=tmpdir))
            copy_stream(packed, file.write, check)
            file.flush()
            on_failure.pop_all()
    except OSError as error:
        raise RegistryError(f"A layer cannot be compressed into {tmpdir}: {error.strerror or error}.", "local_io") from None
    kept = LocalFile(t.cast(t.BinaryIO, file), f"the compressed layer in {tmpdir}")
    descriptor = _gzipped(packed)
    return Layer(descriptor, lambda: FileRange(kept, 0, descriptor.size), kept.close, lambda: GzipStream(open_tar()))


def _gzipped(packed: CountedDigest) -> Descriptor:
    return Descriptor(f"{_LAYER}+gzip", packed.digest, packed.length)


class LayerPacker:
    """Makes layers of an archive ready.

    ``compression`` is ``gzip`` or ``none``; ``tmpdir`` holds what is compressed, in files that have no name, or is None: then nothing is
    written and a layer is compressed anew for each reading. ``allowance`` is how much all layers may unpack to. ``packed`` are the layers that other images
    of the archive have as well, which are read once.
    """

    def __init__(
        self, store: Store, compression: str, tmpdir: str | None, cancellation: Cancellation, allowance: Allowance, packed: PackedLayers
    ) -> None:
        self._packed = packed
        self._store = store
        self._compression = compression
        self._tmpdir = tmpdir
        self._cancellation = cancellation
        self._allowance = allowance
        self._heavy = threading.Lock()  # one layer at a time that takes much memory

    def pack(self, name: str, diff_id: Digest) -> Layer:
        """Return the layer in the file ``name``, whose content without compression has the digest ``diff_id``."""
        own: list[Layer] = []

        def make() -> Layer:
            own.append(self._make(name, diff_id))
            return own[0].unkept()

        with contextlib.closing(self._store.open(name)) as file:
            length = file.length
        shared = self._packed.get((length, diff_id), make)
        return own[0] if own else shared

    def _make(self, name: str, diff_id: Digest) -> Layer:
        try:
            return self._open_and_pack(name, diff_id, LIGHT)
        except TooMuchMemory:
            with self._heavy:
                return self._open_and_pack(name, diff_id, HEAVY)

    def _open_and_pack(self, name: str, diff_id: Digest, memory: int) -> Layer:
        with contextlib.closing(self._store.open(name)) as file:
            return self._pack(BegunStream(file), name, diff_id, memory)

    def _pack(self, file: BegunStream, name: str, diff_id: Digest, memory: int) -> Layer:
        codec = file.codec
        if codec in _SENT_AS_THEY_ARE:
            return self._as_it_is(file, name, diff_id, codec, memory)

        def decoded(stream: BlobStream) -> BlobStream:
            return self._decoded(stream, name, codec, memory) if codec else stream

        def open_tar() -> BlobStream:
            return decoded(self._store.open(name))

        tar = CountedDigest(decoded(file), diff_id.algorithm)
        if self._compression == "none":
            self._drain(tar)
            layer = Layer(Descriptor(_LAYER, diff_id, tar.length), open_tar)
        else:
            layer = self._gzip(tar, open_tar)
        try:
            self._check(tar, name, diff_id)
        except RegistryError:
            layer.close()
            raise
        return layer

    def _decoded(self, stream: BlobStream, name: str, codec: str, memory: int) -> Decoder:
        return Decoder(stream, codec, f"The layer {quoted(name, 300)} in {self._store.path}", memory, self._allowance)

    def _as_it_is(self, file: BlobStream, name: str, diff_id: Digest, codec: str, memory: int) -> Layer:
        packed = CountedDigest(file)
        tar = CountedDigest(self._decoded(packed, name, codec, memory), diff_id.algorithm)
        self._drain(tar)
        self._drain(packed)  # what may follow the compressed stream belongs to the blob as well
        self._check(tar, name, diff_id)
        return Layer(Descriptor(f"{_LAYER}+{codec}", packed.digest, packed.length), lambda: self._store.open(name))

    def _gzip(self, tar: BlobStream, open_tar: t.Callable[[], BlobStream]) -> Layer:
        return gzip_layer(tar, open_tar, self._tmpdir, self._cancellation.check)

    def _drain(self, stream: BlobStream) -> None:
        """Read ``stream`` to its end."""
        copy_stream(stream, len, self._cancellation.check)

    def _check(self, tar: CountedDigest, name: str, diff_id: Digest) -> None:
        if tar.digest != diff_id:
            raise RegistryError(
                f"The layer {quoted(name, 300)} in {self._store.path} has the digest {tar.digest}, not {diff_id} as the config of its image states: "
                "it is corrupt.",
                "invalid_source",
            )
