# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signatures that a registry, or a directory, has of a digest: under cosign's tag, and among its referrers."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.errors import NotFound, RegistryError
from .._local.files import read_all
from .._oci.image_source import ImageSource
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest
from .._signatures import bundle, notation, simple_signing
from .._signatures.crypto import unproven
from .._signatures.encodings import MAX_SIGNATURE
from .._signatures.envelopes import COSIGN, NOTATION, Envelope
from .client import RegistryClient
from .referrers import list_referrers
from .tagging import hides

MOST_SIGNATURES = 100  # of one digest
_LONGEST_TAG = 128
# What referrers to read: those that say so, and those of which nothing better is known.
_COSIGN_TYPES = ("application/vnd.dev.sigstore.bundle", "application/vnd.dev.cosign.")
_NOTATION_TYPES = ("application/vnd.cncf.notary.signature",)
_UNKNOWN_TYPES = ("", "application/vnd.oci.empty.v1+json", "application/vnd.oci.image.config.v1+json")
_UNREADABLE = frozenset({"not_found", "digest_mismatch", "invalid_response", "unsupported", "limit", "unverified"})


class SignatureStore(t.Protocol):
    """What has images of one name, and their signatures."""

    @property
    def registry(self) -> str:
        """What messages call it."""

    def get_manifest(self, identifier: str) -> Manifest:
        """Return what has this tag or digest; raises ``NotFound``."""

    def referrers(self, digest: Digest) -> t.Sequence[Descriptor]:
        """Return what refers to ``digest``."""

    def image_of(self, manifest: Manifest) -> ImageSource:
        """Return what reads the blobs of a ``manifest`` that was read from here."""


@dataclass(frozen=True)
class RegistrySignatures:
    """A repository as a ``SignatureStore``."""

    client: RegistryClient

    @property
    def registry(self) -> str:
        """The registry and the repository."""
        return self.client.registry

    def get_manifest(self, identifier: str) -> Manifest:
        """Return what has this tag or digest."""
        return self.client.get_manifest(identifier)

    def referrers(self, digest: Digest) -> t.Sequence[Descriptor]:
        """Return what refers to ``digest``."""
        return list_referrers(self.client.api, digest)

    def image_of(self, manifest: Manifest) -> ImageSource:
        """Return what reads the blobs of ``manifest``."""
        return self.client.image_of(manifest)


class Reading(t.NamedTuple):
    """A signature that was found, or why it cannot be read."""

    format: str
    envelope: Envelope | None
    reason: str = ""


def signature_tag(digest: Digest) -> str:
    """Return the tag under which cosign keeps the signatures of ``digest``."""
    return f"{digest.algorithm}-{digest.hex}.sig"


def read_signatures(store: SignatureStore, digest: Digest, formats: t.Container[str]) -> t.Iterator[Reading]:
    """Yield the signatures of ``digest`` in these formats, read one after the other; raises ``unverified`` where they are too many."""
    count = 0
    for found in (_by_tag(store, digest, formats), _by_subject(store, digest, formats)):
        for reading in found:
            count += 1
            if count > MOST_SIGNATURES:
                raise _too_many(store, digest)
            yield reading


def _layers(store: SignatureStore, found: t.Iterable[tuple[Reading, Manifest | None]], formats: t.Container[str]) -> t.Iterator[Reading]:
    """Yield the signatures in the layers of manifests."""
    for reading, manifest in found:
        if manifest is None:
            yield reading
            continue
        for layer in manifest.layers:
            read = _reader(layer, formats)
            if read is not None:
                yield _read(store, manifest, layer, read)


def signatures_in(store: SignatureStore, manifest: Manifest) -> t.Iterator[Reading]:
    """Yield cosign's signatures in a ``manifest`` of the store's repository."""
    return _layers(store, [(Reading(COSIGN, None), manifest)], (COSIGN,))


def _too_many(store: SignatureStore, digest: Digest) -> RegistryError:
    return unproven(f"{store.registry} has more than {MOST_SIGNATURES} signatures of {digest}, which is the limit.")


def _by_tag(store: SignatureStore, digest: Digest, formats: t.Container[str]) -> t.Iterator[Reading]:
    tag = signature_tag(digest)
    if COSIGN in formats and len(tag) <= _LONGEST_TAG:
        yield from _layers(store, _get(store, tag, COSIGN), formats)


def _by_subject(store: SignatureStore, digest: Digest, formats: t.Container[str]) -> t.Iterator[Reading]:
    try:
        referrers = [item for item in store.referrers(digest) if _may_sign(item, formats)]
    except RegistryError as error:
        if error.kind not in _UNREADABLE and not hides(error):
            raise
        yield Reading(COSIGN if COSIGN in formats else NOTATION, None, f"The list of referrers cannot be read: {error.message}")
        return
    if len(referrers) > MOST_SIGNATURES:
        raise _too_many(store, digest)
    for item in referrers:
        form = NOTATION if item.artifact_type.startswith(_NOTATION_TYPES) else COSIGN
        yield from _layers(store, _get(store, str(item.digest), form), formats)


def _may_sign(item: Descriptor, formats: t.Container[str]) -> bool:
    kind = item.artifact_type
    return (
        kind in _UNKNOWN_TYPES
        or (COSIGN in formats and kind.startswith(_COSIGN_TYPES))
        or (NOTATION in formats and kind.startswith(_NOTATION_TYPES))
    )


def _get(store: SignatureStore, identifier: str, form: str) -> t.Iterator[tuple[Reading, Manifest | None]]:
    try:
        yield Reading(form, None), store.get_manifest(identifier)
    except NotFound:
        return  # no signature is there; lists of referrers may name what was deleted
    except RegistryError as error:
        if error.kind not in _UNREADABLE and not hides(error):
            raise
        yield Reading(form, None, f"{identifier} cannot be read: {error.message}"), None


Reader = t.Callable[[bytes, Descriptor], Envelope]


def _reader(layer: Descriptor, formats: t.Container[str]) -> tuple[str, Reader] | None:
    """Return how the signature in a layer is read, None for a layer that holds none of these formats."""
    kinds: dict[str, tuple[str, Reader]] = {
        simple_signing.MEDIA_TYPE: (COSIGN, lambda raw, layer: simple_signing.read_simple(raw, layer.annotations)),
        bundle.MEDIA_TYPE: (COSIGN, lambda raw, layer: bundle.read_bundle(raw)),
        notation.MEDIA_TYPE: (NOTATION, lambda raw, layer: notation.read_notation(raw)),
        notation.COSE: (NOTATION, lambda raw, layer: _refuse_cose()),
    }
    known = kinds.get(layer.media_type)
    return known if known is not None and known[0] in formats else None


def _refuse_cose() -> t.NoReturn:
    raise unproven("The signature is a COSE envelope, which is not supported: sign with --signature-format jws.")


def _read(store: SignatureStore, manifest: Manifest, layer: Descriptor, reader: tuple[str, Reader]) -> Reading:
    form, read = reader
    try:
        if layer.size > MAX_SIGNATURE:
            raise unproven(f"The signature is larger than the limit of {MAX_SIGNATURE} bytes.")
        stream = store.image_of(manifest).open_blob(layer)
        try:
            raw = read_all(stream)
        finally:
            stream.close()
        return Reading(form, read(raw, layer))
    except RegistryError as error:
        if error.kind not in _UNREADABLE:
            raise
        return Reading(form, None, error.message)
