# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive as docker save writes it: manifest.json names a config and layers, for which a manifest is made here."""

from __future__ import annotations

import contextlib
import json
import re
import typing as t
from dataclasses import dataclass

from .._core.cleanup import on_failure
from .._core.errors import RegistryError
from .._core.fanout import Cancellation, fan_out
from .._core.json import load_object, load_value
from .._core.progress import Progress
from .._core.scrub import quoted
from .._oci.image_config import check_config
from .._oci.image_source import BlobStream, VerifiedBlob
from .._oci.manifest import (
    CONFIG_TYPES,
    LAYER_TYPES,
    MAX_CONFIG,
    MAX_DESCRIPTORS,
    MAX_MANIFEST,
    OCI_CONFIG,
    OCI_MANIFEST,
    UNCOMPRESSED_TYPES,
    Descriptor,
    Manifest,
)
from .._oci.reference import Digest
from .compression import Allowance
from .files import SAVED_IMAGES, MemoryFile, Store, read_file
from .saved_layers import Layer, LayerPacker, PackedLayers
from .selection import Candidate, choose

_NAMED_BY_DIGEST = re.compile(r"(?:.*/)?(?:sha256:)?([0-9a-f]{64})(?:\.json)?", re.ASCII)
_MAX_NAMES = 10_000  # of one image


class ListsLayers(t.Protocol):
    """An image as manifest.json has it."""

    def lists_layers_of(self, manifest: Manifest) -> bool:
        """Tell whether manifest.json lists as many layers of the image as its ``manifest`` does."""


@dataclass(frozen=True)
class _Saved:
    """An entry of manifest.json: names inside the archive, never paths of this host."""

    config: str
    layers: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, document: t.Any, what: str) -> _Saved:
        """Return the entry in ``document``."""
        if not isinstance(document, dict):
            raise RegistryError(f"{what} is not a JSON object.", "invalid_source")
        config, layers, names = (_value(document, key, what) for key in ("Config", "Layers", "RepoTags"))
        layers, names = layers or [], names or []
        if not isinstance(config, str) or not all(isinstance(texts, list) for texts in (layers, names)):
            raise RegistryError(f"{what} does not name a config, layers and tags.", "invalid_source")
        for texts, shown, most in ((layers, "layers", MAX_DESCRIPTORS), (names, "tags", _MAX_NAMES)):
            if len(texts) > most:
                raise RegistryError(f"{what} has {len(texts)} {shown}: more than the limit of {most}.", "limit")
        if not all(isinstance(text, str) for text in [*layers, *names]):
            raise RegistryError(f"{what} has layers or tags that are not strings.", "invalid_source")
        return cls(config, tuple(layers), tuple(names))

    def lists_layers_of(self, manifest: Manifest) -> bool:
        """Tell whether it lists as many layers of its image as the ``manifest`` does: Docker 25 wrote some without layers."""
        return len(manifest.layers) == len(self.layers)


def _value(document: dict[str, t.Any], name: str, what: str) -> t.Any:
    """Return the value of ``name`` in whatever case it is written: Go takes any, and tools that are not written in it write their own."""
    keys = [key for key in document if key.casefold() == name.casefold()]
    if len(keys) > 1:
        raise RegistryError(
            f"{what} has {name} twice, as {' and '.join(quoted(key, 30) for key in keys[:5])}: programs would read it in different ways.",
            "invalid_source",
        )
    return document[keys[0]] if keys else None


class DockerArchive:
    """One image of an archive; its manifest, which the archive does not hold, is made by ``build``.

    ``source_name`` chooses the image among ``candidates``, all by default, unless some have one of ``configs``: then it is one of them.
    """

    def __init__(
        self, store: Store, source_name: str | None, configs: t.Container[Digest] = (), candidates: t.Sequence[Candidate] = ()
    ) -> None:
        self._store = store
        candidates = candidates or list_saved(store)
        chosen = [candidate for candidate in candidates if candidate.digest in configs]
        self._saved: _Saved = choose(chosen or candidates, None if chosen else source_name, store.path)
        self._config = _read_config(store, self._saved.config)
        what = f"The config {quoted(self._saved.config, 300)} in {store.path}"
        self._diff_ids = read_diff_ids(self._config, len(self._saved.layers), what)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the image, as docker would tag it."""
        return self._saved.names

    @property
    def config(self) -> bytes:
        """The image's config."""
        return self._config

    @property
    def config_digest(self) -> Digest:
        """The digest of the image's config: whatever compresses the layers, it stays the same."""
        return Digest.of(self._config)

    def is_image_of(self, manifest: Manifest) -> bool:
        """Tell whether ``manifest`` is this image, as far as that shows without its layers: the config, and a layer for each that it states.

        A layer that is not compressed must have the digest that the config states, and one layer cannot stand for two of them.
        """
        config, layers = manifest.config, manifest.layers
        if config is None or config.digest != Digest.of(self._config, config.digest.algorithm) or config.size != len(self._config):
            return False
        if config.media_type not in CONFIG_TYPES or len(layers) != len(self._diff_ids):
            return False
        stated: dict[Digest, Digest] = {}
        return all(
            layer.media_type in LAYER_TYPES
            and (layer.media_type not in UNCOMPRESSED_TYPES or layer.digest.algorithm != diff_id.algorithm or layer.digest == diff_id)
            and stated.setdefault(layer.digest, diff_id) == diff_id
            for layer, diff_id in zip(layers, self._diff_ids)
        )

    def lists_layers_of(self, manifest: Manifest) -> bool:
        """Tell whether manifest.json lists as many layers of the image as its ``manifest`` does."""
        return self._saved.lists_layers_of(manifest)

    @property
    def size(self) -> int:
        """The bytes of the config, and of the layers as they lie in the archive."""
        size = len(self._config)
        for name in dict.fromkeys(self._saved.layers):
            with contextlib.closing(self._store.open(name)) as layer:
                size += layer.length
        return size

    def build(
        self, compression: str, workers: int, tmpdir: str | None, progress: Progress | None = None, packed: PackedLayers | None = None
    ) -> SavedImage:
        """Return the image with its layers ready to be sent, each made once and checked against the config.

        ``compression`` is ``gzip`` or ``none``. What is compressed lies in unnamed files in ``tmpdir`` until the image is closed; with
        None nothing is written, and a layer is compressed anew whenever it is opened. ``packed`` are the layers of other images of the archive.
        """
        cancellation = Cancellation()
        allowance = Allowance(self._store.size_of(dict.fromkeys(self._saved.layers)))
        packer = LayerPacker(self._store, compression, tmpdir, cancellation, allowance, packed or PackedLayers())
        files = dict(zip(self._diff_ids, self._saved.layers))
        made: dict[Digest, Layer] = {}

        def pack(diff_id: Digest) -> None:
            made[diff_id] = packer.pack(files[diff_id], diff_id)

        def close() -> None:
            for layer in made.values():
                layer.close()

        with on_failure(close):
            fan_out(progress.each("layers made ready", len(files), pack) if progress else pack, files, workers, cancellation)
            return SavedImage(self._config, [made[diff_id] for diff_id in self._diff_ids], self._store.path)

    def close(self) -> None:
        """Close the archive."""
        self._store.close()


def list_saved(store: Store) -> list[Candidate]:
    """Return what manifest.json lists: each image with its names and the digest of its config."""
    what = f"{SAVED_IMAGES} in {store.path}"
    document = load_value(read_file(store, SAVED_IMAGES, MAX_MANIFEST), MAX_MANIFEST, what, "invalid_source")
    if not isinstance(document, list) or len(document) > MAX_DESCRIPTORS:
        raise RegistryError(f"{what} is not a list of images, or has more than {MAX_DESCRIPTORS}.", "invalid_source")
    entries = [_Saved.parse(entry, f"Entry {number} of {what}") for number, entry in enumerate(document)]
    digests = {name: _digest_of(store, name) for name in dict.fromkeys(saved.config for saved in entries)}
    return [Candidate(saved.names, digests[saved.config], saved) for saved in entries]


def saved_as(store: Store, manifest: Manifest) -> list[ListsLayers]:
    """Return what manifest.json lists of the image of a ``manifest``; nothing where it cannot be read: it is of no account then."""
    try:
        return [one.value for one in list_saved(store) if manifest.config is not None and one.digest == manifest.config.digest]
    except RegistryError:
        return []


def _digest_of(store: Store, name: str) -> Digest:
    """Return the digest of a config; a name that states it is believed until the config is read."""
    named = _NAMED_BY_DIGEST.fullmatch(name)
    return Digest("sha256", named.group(1)) if named else Digest.of(_read_config(store, name))


def _read_config(store: Store, name: str) -> bytes:
    config = read_file(store, name, MAX_CONFIG)
    named = _NAMED_BY_DIGEST.fullmatch(name)
    if named and named.group(1) != Digest.of(config).hex:
        raise RegistryError(
            f"The config {quoted(name, 300)} in {store.path} has the digest {Digest.of(config)}: it is corrupt.", "invalid_source"
        )
    return config


def read_diff_ids(config: bytes, count: int, what: str) -> list[Digest]:
    """Return the digests that a config states of its ``count`` layers when they are not compressed; ``what`` names it in errors."""
    document = load_object(config, MAX_CONFIG, what, "invalid_source")
    check_config(document, what, "invalid_source")
    rootfs = document.get("rootfs")
    stated = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    texts = stated or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts) or len(texts) != count:
        raise RegistryError(f"{what} does not state a digest for each of the {count} layers.", "invalid_source")
    try:
        return [Digest.parse(text) for text in texts]
    except RegistryError as error:
        raise RegistryError(f"{what} has an invalid digest of a layer: {error.message}", "invalid_source") from None


class SavedImage:
    """An image of an archive with the manifest that was made for it, as an image source."""

    # Each layer was read and checked when it was made: it need not be read once more before it is sent.
    is_local = False

    def __init__(self, config: bytes, layers: t.Sequence[Layer], path: str) -> None:
        self._path = path
        self._layers = {layer.descriptor.digest: layer for layer in layers}
        self._config = config
        self._root = _manifest(Descriptor(OCI_CONFIG, Digest.of(config), len(config)), [layer.descriptor for layer in layers])

    @property
    def root(self) -> Manifest:
        """The manifest."""
        return self._root

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Return the manifest of a child: there is none."""
        raise RegistryError(f"{self._path} holds a single image, no {descriptor.digest}.", "invalid_source")

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        """Return the content of the config or a layer, verified while it is read."""
        layer = self._layers.get(descriptor.digest)
        return VerifiedBlob(layer.open() if layer else MemoryFile(self._config), descriptor, self._path)

    def close(self) -> None:
        """Remove what was compressed."""
        for layer in self._layers.values():
            layer.close()


def _manifest(config: Descriptor, layers: t.Sequence[Descriptor]) -> Manifest:
    def entry(descriptor: Descriptor) -> dict[str, t.Any]:
        return {"mediaType": descriptor.media_type, "digest": str(descriptor.digest), "size": descriptor.size}

    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": entry(config), "layers": [entry(layer) for layer in layers]}
    return Manifest.parse(json.dumps(document, separators=(",", ":")).encode(), OCI_MANIFEST)
