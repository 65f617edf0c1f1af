# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests and indexes: the bytes as they came, read strictly once."""

from __future__ import annotations

import sys
import typing as t
from dataclasses import dataclass, field

from .._core.budget import Budget, weigh
from .._core.errors import NotFound, RegistryError
from .._core.json import check_spelling, load_object
from .._core.scrub import clean
from .companions import UNREAD_TYPES, is_companion
from .platform import Platform
from .reference import Digest

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
CONFIG_TYPES = frozenset({OCI_CONFIG, DOCKER_CONFIG})
LAYER_TYPES = frozenset(
    f"application/vnd.{layer}{compression}"
    for layer, compressions in (
        ("oci.image.layer.v1.tar", ("", "+gzip", "+zstd")),
        ("docker.image.rootfs.diff.tar", ("", ".gzip", ".zstd")),
    )
    for compression in compressions
)
ENCRYPTED = "+encrypted"  # what the types of layers end with that can only be read with a key
UNCOMPRESSED_TYPES = frozenset({"application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"})

MAX_MANIFEST = 4 * 1024 * 1024
MAX_CONFIG = 8 * 1024 * 1024
MAX_MANIFESTS = 32 * 1024 * 1024  # all of one image together
MAX_DESCRIPTORS = 2000
_MAX_SIZE = 2**53
_DESCRIPTOR_WEIGHT = 800  # bytes of memory
_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+"
_ESSENTIAL = ("schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "fsLayers", "artifactType", "annotations")
_DESCRIBING = ("mediaType", "digest", "size", "platform", "artifactType", "annotations", "urls", "data")
PLATFORM_KEYS = ("architecture", "os", "variant", "os.version", "os.features")


def _schema1(what: str) -> RegistryError:
    return RegistryError(
        f"{what} is of Docker's schema 1, which is no longer supported: push the image again with a current tool.", "unsupported"
    )


def _invalid(message: str) -> RegistryError:
    return RegistryError(message, "invalid_response")


def _text(document: dict[str, t.Any], key: str, what: str) -> str:
    value = document.get(key, "")
    if not isinstance(value, str) or len(value) > 1000:
        raise _invalid(f"The {key} of {what} is not a short string.")
    return value


def _annotations(document: dict[str, t.Any], what: str) -> dict[str, str]:
    value = document.get("annotations") or {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise _invalid(f"The annotations of {what} are not a map of strings.")
    return dict(value)


def _platform(document: t.Any, what: str) -> Platform | None:
    if isinstance(document, dict):
        check_spelling(document, PLATFORM_KEYS, f"The platform of {lower(what)}")
    return Platform.from_document(document)


@dataclass(frozen=True)
class Descriptor:
    """What a manifest or index says of another piece of content."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    artifact_type: str = ""
    annotations: t.Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def parse(cls, document: t.Any, what: str) -> Descriptor:
        """Return the descriptor in ``document``; ``what`` names it in errors."""
        if not isinstance(document, dict):
            raise _invalid(f"{what} is not a descriptor.")
        check_spelling(document, _DESCRIBING, what)
        size = document.get("size")
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _MAX_SIZE:
            raise _invalid(f"The size of {what} is not a number of bytes.")
        try:
            digest = Digest.parse(_text(document, "digest", what).replace("@", "?"))
        except RegistryError as error:
            raise _invalid(f"{what} has no valid digest: {error.message}") from None
        return cls(
            _text(document, "mediaType", what),
            digest,
            size,
            _platform(document.get("platform"), what),
            "" if document.get("artifactType") is None else _text(document, "artifactType", what),
            _annotations(document, what),
        )

    @property
    def weight(self) -> int:
        """How many bytes of memory it takes."""
        return _DESCRIPTOR_WEIGHT + weigh(dict(self.annotations))

    @property
    def is_index(self) -> bool:
        """Whether the content is an index by its media type."""
        return self.media_type in INDEX_TYPES

    @property
    def is_manifest(self) -> bool:
        """Whether the content is a manifest or an index, and goes to the manifests endpoint."""
        return self.media_type in INDEX_TYPES or self.media_type in MANIFEST_TYPES

    @property
    def is_foreign(self) -> bool:
        """Whether the layer may not be distributed, and lies elsewhere."""
        return ".nondistributable." in self.media_type or ".foreign." in self.media_type

    @property
    def is_companion(self) -> bool:
        """Whether the content is no image, but belongs to another child of the index."""
        return is_companion(self.annotations)


@dataclass(frozen=True)
class Manifest:
    """An image manifest or an index: its bytes, never written anew, and what they say."""

    raw: bytes = field(repr=False)
    media_type: str
    digest: Digest
    document: dict[str, t.Any] = field(repr=False, compare=False)
    config: Descriptor | None = field(repr=False, compare=False)
    layers: tuple[Descriptor, ...] = field(repr=False, compare=False)
    children: tuple[Descriptor, ...] = field(repr=False, compare=False)
    subject: Descriptor | None = field(repr=False, compare=False)
    annotations: t.Mapping[str, str] = field(repr=False, compare=False)

    @classmethod
    def parse(
        cls, raw: bytes, media_type: str = "", digest: Digest | None = None, what: str = "The manifest", budget: Budget | None = None
    ) -> Manifest:
        """Return the manifest in ``raw``; ``media_type`` is what its carrier calls it, ``digest`` what it must have.

        While it is kept, it is charged to ``budget``.

        Errors: ``digest_mismatch``, ``unsupported`` (schema 1), ``limit``, ``invalid_response`` (anything ambiguous).
        """
        actual = Digest.of(raw, digest.algorithm if digest else "sha256")
        if digest and actual != digest:
            raise RegistryError(
                f"{what} has the digest {actual}, not {digest}: the registry sent other content than requested.", "digest_mismatch"
            )
        carrier = media_type.partition(";")[0].strip()
        if carrier.startswith(_SCHEMA1):
            raise _schema1(what)
        with (budget or Budget()).parsing(raw, what) as loan:
            manifest = cls._read(raw, carrier, actual, what)
            loan.keep(manifest, manifest.weight)
        return manifest

    @classmethod
    def _read(cls, raw: bytes, carrier: str, digest: Digest, what: str) -> Manifest:
        document = load_object(raw, MAX_MANIFEST, what)
        kind = _media_type(document, carrier, what)
        is_index = kind in INDEX_TYPES
        return cls(
            raw,
            kind,
            digest,
            document,
            None if is_index else Descriptor.parse(document.get("config"), f"The config of {lower(what)}"),
            () if is_index else _descriptors(document, "layers", what),
            _descriptors(document, "manifests", what) if is_index else (),
            Descriptor.parse(document["subject"], f"The subject of {lower(what)}") if document.get("subject") else None,
            _annotations(document, what),
        )

    @property
    def weight(self) -> int:
        """How many bytes of memory it takes."""
        inner = sum(_DESCRIPTOR_WEIGHT + sys.getsizeof(descriptor.annotations) for descriptor in (*self.layers, *self.children))
        return len(self.raw) + weigh(self.document) + 2 * _DESCRIPTOR_WEIGHT + sys.getsizeof(self.annotations) + inner

    @property
    def is_index(self) -> bool:
        """Whether this is an index (a manifest list)."""
        return self.media_type in INDEX_TYPES

    @property
    def artifact_type(self) -> str:
        """The artifactType, or the media type of a config that is no image's; "" for an ordinary image."""
        stated = self.document.get("artifactType")
        if isinstance(stated, str) and stated:
            return stated
        return self.config.media_type if self.config and self.config.media_type not in CONFIG_TYPES else ""

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The config and the layers, or what an index lists that is no manifest; each digest once, in order."""
        listed = (child for child in self.children if not (child.is_manifest or child.media_type in UNREAD_TYPES))
        every = ((self.config,) if self.config else ()) + self.layers + tuple(listed)
        unique: dict[Digest, Descriptor] = {}
        for descriptor in every:
            unique.setdefault(descriptor.digest, descriptor)
        return tuple(unique.values())

    @property
    def platforms(self) -> tuple[Descriptor, ...]:
        """The children of an index that are images for a platform: no attestations."""
        return tuple(child for child in self.children if child.platform and not child.is_companion)

    def descriptor(self) -> Descriptor:
        """Return the descriptor of this manifest itself."""
        return Descriptor(self.media_type, self.digest, len(self.raw), None, self.artifact_type, self.annotations)

    def check(self, descriptor: Descriptor, what: str) -> None:
        """Raise ``digest_mismatch`` or ``invalid_response`` where size or media type are not what ``descriptor`` states; ``what`` names this."""
        if len(self.raw) != descriptor.size:
            raise RegistryError(
                f"{what} has {len(self.raw)} bytes, not {descriptor.size} as the index that lists it states: it is corrupt.",
                "digest_mismatch",
            )
        if self.media_type != descriptor.media_type:
            raise _invalid(
                f"{what} has the media type {self.media_type}, but the index that lists it states {clean(descriptor.media_type, 100)}: it is refused."
            )

    def has_digest(self, digest: Digest) -> bool:
        """Tell whether these bytes have ``digest``, which may be of another algorithm than this manifest's own."""
        return digest == self.digest or (digest.algorithm != self.digest.algorithm and digest == Digest.of(self.raw, digest.algorithm))

    def has_platform(self, platform: Platform) -> bool:
        """Tell whether the index lists an image for ``platform`` itself."""
        return any(child.platform.satisfies(platform) for child in self.platforms if child.platform)

    def child(self, platform: Platform, what: str, registry: str | None = None) -> Descriptor:
        """Return the first child of the index ``what``, which is in ``registry`` or a file, for ``platform``.

        Errors: ``not_found``, with the platforms there are.
        """
        for candidate in self.platforms:
            if candidate.platform and candidate.platform.satisfies(platform):
                return candidate
        there = ", ".join(dict.fromkeys(str(child.platform) for child in self.platforms))
        there = there or ("only other indexes" if any(child.is_index for child in self.children) else "none")
        message = f"{what} has no image for the platform {platform}; it has: {there}."
        raise NotFound(message, registry=registry, reference=what if registry else None)


def lower(what: str) -> str:
    """Return ``what`` as it stands within a sentence."""
    return what[:1].lower() + what[1:]


def _media_type(document: dict[str, t.Any], carrier: str, what: str) -> str:
    check_spelling(document, _ESSENTIAL, what)
    if "fsLayers" in document or document.get("schemaVersion") == 1:
        raise _schema1(what)
    if "manifests" in document and ("layers" in document or "config" in document):
        raise _invalid(f"{what} can be read both as an index and as an image, which is not allowed.")
    stated = _text(document, "mediaType", what)
    if carrier and stated and carrier != stated:
        raise _invalid(f"{what} has the media type {clean(carrier, 100)}, but its content states {clean(stated, 100)}.")
    kind = carrier or stated or (OCI_INDEX if "manifests" in document else OCI_MANIFEST)
    if kind not in INDEX_TYPES and kind not in MANIFEST_TYPES:
        raise RegistryError(
            f"{what} has the media type {clean(kind, 100)}, which is neither an image manifest nor an index.", "unsupported"
        )
    if ("manifests" in document) != (kind in INDEX_TYPES):
        raise _invalid(f"{what} has the media type {kind}, but its content does not match.")
    return kind


def _descriptors(document: dict[str, t.Any], key: str, what: str) -> tuple[Descriptor, ...]:
    items = document.get(key, "")
    if items is None:
        return ()  # Go writes an empty list so where nobody made one
    if not isinstance(items, list):
        raise _invalid(f"{what} has no list of {key}.")
    if len(items) > MAX_DESCRIPTORS:
        raise RegistryError(f"{what} has {len(items)} {key}: more than the limit of {MAX_DESCRIPTORS}.", "limit")
    return tuple(Descriptor.parse(item, f"Entry {number} of the {key} of {lower(what)}") for number, item in enumerate(items))
