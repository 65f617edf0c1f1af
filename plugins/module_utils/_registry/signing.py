# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign images in a registry, as cosign does: simple signing under its tag, or a bundle among the referrers."""

from __future__ import annotations

import base64
import json
import typing as t
from dataclasses import dataclass, field

from .._core.errors import NotFound, RegistryError
from .._oci.image_source import walk
from .._oci.made_image import MadeImage
from .._oci.manifest import OCI_CONFIG, OCI_MANIFEST, Manifest
from .._oci.reference import Digest
from .._signatures import bundle, simple_signing
from .._signatures.envelopes import BUNDLE, COSIGN, SIMPLE
from .._signatures.keys import SigningKey
from .._signatures.policy import Policy
from .client import RegistryClient
from .signatures import MOST_SIGNATURES, Reading, RegistrySignatures, read_signatures, signature_tag, signatures_in

_EMPTY = "application/vnd.oci.empty.v1+json"
_EPOCH = "0001-01-01T00:00:00Z"


@dataclass(frozen=True)
class Signing:
    """How a task signs: with which key, in which form, with which annotations in the signed text."""

    key: SigningKey
    form: str
    annotations: t.Mapping[str, str] = field(default_factory=dict)

    def is_signed(self, client: RegistryClient, digest: Digest) -> bool:
        """Tell whether a signature of ``digest`` by this key, in this form and with these annotations, is there."""
        policy = Policy((self.key.public,), formats=frozenset([COSIGN]), annotations=self.annotations)
        return any(
            reading.envelope is not None and reading.envelope.form == self.form and policy.judge(reading.envelope, digest).verified
            for reading in self._readings(client, digest)
        )

    def _readings(self, client: RegistryClient, digest: Digest) -> t.Iterable[Reading]:
        if self.form == BUNDLE:
            return read_signatures(RegistrySignatures(client), digest, (COSIGN,))
        present = _find(client, signature_tag(digest))
        return signatures_in(RegistrySignatures(client), present) if present is not None else ()

    def sign(self, client: RegistryClient, image: Manifest) -> None:
        """Sign ``image`` and store the signature beside it; those that are there stay."""
        if self.form == SIMPLE:
            self._add_simple(client, Digest.of(image.raw))
        else:
            self._add_bundle(client, image)

    def _add_simple(self, client: RegistryClient, digest: Digest) -> None:
        tag = signature_tag(digest)
        present = _find(client, tag)  # looked at again: somebody else may sign at the same time
        payload = simple_signing.write_simple(client.registry, digest, self.annotations)
        signature = base64.b64encode(self.key.sign(payload)).decode("ascii")
        layer = {**_descriptor(simple_signing.MEDIA_TYPE, payload), "annotations": {simple_signing.SIGNATURE: signature}}
        layers = [*(present.document["layers"] if present is not None else ()), layer]
        if len(layers) > MOST_SIGNATURES:
            message = (
                f"{client.registry}:{tag} has {len(layers) - 1} signatures, and no more than {MOST_SIGNATURES} are read: delete old ones."
            )
            raise RegistryError(message, "limit", reference=f"{client.registry}:{tag}")
        config = _config([entry["digest"] for entry in layers])
        origin = client.image_of(present) if present is not None else None
        client.push_image(tag, MadeImage(_manifest(_descriptor(OCI_CONFIG, config), layers), [config, payload], origin))

    def _add_bundle(self, client: RegistryClient, image: Manifest) -> None:
        made = bundle.write_bundle(self.key, Digest.of(image.raw), self.annotations)
        config = b"{}"
        subject = _descriptor(image.media_type, image.raw)
        root = _manifest(
            _descriptor(_EMPTY, config),
            [_descriptor(bundle.MEDIA_TYPE, made)],
            artifactType=bundle.MEDIA_TYPE,
            annotations=bundle.CONTENT,
            subject=subject,
        )
        client.push_image(str(root.digest), MadeImage(root, [config, made]))


def _find(client: RegistryClient, tag: str) -> Manifest | None:
    """Return the manifest with the signatures that are there; one that is something else is not written over."""
    try:
        found = client.get_manifest(tag)
    except NotFound:
        return None
    if found.is_index or not all(layer.media_type == simple_signing.MEDIA_TYPE for layer in found.layers):
        message = f"{client.registry}:{tag} contains something else than signatures: nothing was signed. Check the tag, and delete it."
        raise RegistryError(message, "conflict", reference=f"{client.registry}:{tag}")
    return found


def _descriptor(media_type: str, raw: bytes) -> dict[str, t.Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(raw)), "size": len(raw)}


def _config(layers: t.Sequence[str]) -> bytes:
    """Return a config as cosign writes it: that of an image without a system, whose layers are the signed texts."""
    history = [{"created": _EPOCH}] * len(layers)
    rootfs = {"type": "layers", "diff_ids": list(layers)}
    document = {"architecture": "", "created": _EPOCH, "history": history, "os": "", "rootfs": rootfs, "config": {}}
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _manifest(config: dict[str, t.Any], layers: t.Sequence[t.Any], **members: t.Any) -> Manifest:
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": list(layers), **members}
    return Manifest.parse(json.dumps(document, separators=(",", ":")).encode("ascii"), OCI_MANIFEST)


def children_of(client: RegistryClient, root: Manifest) -> list[Manifest]:
    """Return the manifests of an index at every depth, each once."""
    return list({manifest.digest: manifest for _child, manifest in walk(client.image_of(root), root)}.values()) if root.is_index else []
