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
from .._oci.manifest import CONFIG_TYPES, OCI_CONFIG, OCI_MANIFEST, Manifest
from .._oci.reference import Digest
from .._signatures import bundle, simple_signing
from .._signatures.envelopes import BUNDLE, COSIGN, SIMPLE
from .._signatures.keys import SigningKey
from .._signatures.policy import Policy
from .client import RegistryClient
from .shared_tag import SharedTag
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

    def sign(self, client: RegistryClient, image: Manifest) -> SharedTag | None:
        """Sign ``image`` and store the signature beside it; those that are there stay. Return the tag that others may write too, if there is one."""
        return self._add_simple(client, Digest.of(image.raw)) if self.form == SIMPLE else self._add_bundle(client, image)

    def _add_simple(self, client: RegistryClient, digest: Digest) -> SharedTag:
        payload = simple_signing.write_simple(client.registry, digest, self.annotations)
        signature = base64.b64encode(self.key.sign(payload)).decode("ascii")
        layer = {**_descriptor(simple_signing.MEDIA_TYPE, payload), "annotations": {simple_signing.SIGNATURE: signature}}
        tag = _SignatureTag(client, signature_tag(digest), layer, payload)
        tag.add()
        return tag

    def _add_bundle(self, client: RegistryClient, image: Manifest) -> SharedTag | None:
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
        name, whole = str(root.digest), MadeImage(root, [config, made])
        client = client.with_actions("pull", "push")
        # Also where it is there already: the list of referrers may have lost it.
        plan = client.plan_push(whole, [name], before={name: None})
        return next(iter(client.execute_push(plan, whole).shared), None)


def _descriptor(media_type: str, raw: bytes) -> dict[str, t.Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(raw)), "size": len(raw)}


def _manifest(config: dict[str, t.Any], layers: t.Sequence[t.Any], **members: t.Any) -> Manifest:
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": list(layers), **members}
    return Manifest.parse(json.dumps(document, separators=(",", ":")).encode("ascii"), OCI_MANIFEST)


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


class _SignatureTag(SharedTag):
    """The tag under which cosign keeps signatures: ``layer`` shall be there, which is ``payload``."""

    member, noun, verb = "layers", "signature", "sign"

    def __init__(self, client: RegistryClient, tag: str, layer: t.Mapping[str, t.Any], payload: bytes) -> None:
        super().__init__(client.api, tag, layer)
        self._client = client
        self._payload = payload

    def find(self) -> Manifest | None:
        """Return the manifest with the signatures that are there."""
        return _find(self._client, self.tag)

    def key(self, entry: t.Mapping[str, t.Any]) -> t.Hashable:
        """Return what tells a signature from others: several may be of one text."""
        return entry["digest"], (entry.get("annotations") or {}).get(simple_signing.SIGNATURE)

    def write(self, present: Manifest | None, entries: t.Sequence[t.Any]) -> bool:
        """Put a manifest with these layers there, unless the tag is not on what is ``present`` any more; return whether that was done."""
        if len(entries) > MOST_SIGNATURES:
            message = f"{self.name} has {len(entries) - 1} signatures, and no more than {MOST_SIGNATURES} are read: delete old ones."
            raise RegistryError(message, "limit", reference=self.name)
        root, blobs = self._make(present, entries)
        client = self._client.with_actions("pull", "push").with_options(before_root=lambda: self._check(present))
        image = MadeImage(root, [*blobs, self._payload], client.image_of(root))
        before = {self.tag: present.digest if present is not None else None}
        try:
            client.execute_push(client.plan_push(image, [self.tag], before=before), image)
        except RegistryError as error:
            if error.kind != "conflict" or error.status is not None:
                raise  # the registry itself has refused it
            return False
        return True

    def _make(self, present: Manifest | None, layers: t.Sequence[t.Any]) -> tuple[Manifest, list[bytes]]:
        """Return a manifest that is as the ``present`` one but for its layers, and its config where that is new."""
        digests = [entry["digest"] for entry in layers]
        if present is None:
            config = _config({}, digests)
            return _manifest(_descriptor(OCI_CONFIG, config), layers), [config]
        kind = present.config.media_type if present.config is not None else OCI_CONFIG
        if kind not in CONFIG_TYPES:  # it says nothing of the layers
            return _change(present, layers=layers), []
        config = _config(self._config_of(present), digests)
        return _change(present, config=_descriptor(kind, config), layers=layers), [config]

    def _config_of(self, present: Manifest) -> dict[str, t.Any]:
        try:
            return self._client.config_of(present, self.tag)
        except RegistryError as error:
            if error.kind not in ("invalid_response", "digest_mismatch", "limit"):
                raise
            return {}  # it is damaged, and nobody needs it

    def _check(self, present: Manifest | None) -> None:
        current = self.find()
        if (current.raw if current else None) != (present.raw if present else None):
            raise RegistryError(f"{self.name} was changed by somebody else at the same time.", "conflict", reference=self.name)


def _config(before: t.Mapping[str, t.Any], layers: t.Sequence[str]) -> bytes:
    """Return a config as cosign writes it, that of an image without a system whose layers are the signed texts; the rest as ``before``."""
    history, rootfs = before.get("history"), before.get("rootfs")
    history = history if isinstance(history, list) else []
    document = {
        "architecture": "",
        "created": _EPOCH,
        "os": "",
        "config": {},
        **before,
        "history": [*history, *([{"created": _EPOCH}] * (len(layers) - len(history)))],
        "rootfs": {**(rootfs if isinstance(rootfs, dict) else {}), "type": "layers", "diff_ids": list(layers)},
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _change(manifest: Manifest, **members: t.Any) -> Manifest:
    document = {**manifest.document, "mediaType": manifest.media_type, **members}
    return Manifest.parse(json.dumps(document, separators=(",", ":")).encode("ascii"), manifest.media_type)


def children_of(client: RegistryClient, root: Manifest) -> list[Manifest]:
    """Return the manifests of an index at every depth, each once."""
    return list({manifest.digest: manifest for _child, manifest in walk(client.image_of(root), root)}.values()) if root.is_index else []
