# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cosign's simple signing: a JSON payload as a layer, its signature as the layer's annotation."""

from __future__ import annotations

import json
import typing as t

from .._oci.reference import Digest
from .crypto import unproven
from .encodings import decode_base64, load_text, map_in, pem_blocks, text_in
from .envelopes import SIMPLE, Claim, Envelope

MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_CHAIN = "dev.sigstore.cosign/chain"
_TYPE = "cosign container image signature"
_WHAT = "The signed text"


def read_simple(payload: bytes, annotations: t.Mapping[str, str]) -> Envelope:
    """Return the signature of a layer with this ``payload``; raises ``unverified``."""
    signature = decode_base64(text_in(annotations, SIGNATURE, "The layer"), "The signature")
    chain: list[bytes] = []
    for key in (_CERTIFICATE, _CHAIN):
        for label, block in pem_blocks(annotations.get(key, "")):
            if label == "CERTIFICATE":
                chain.append(decode_base64("".join(block.split("-----")[2].split()), "A certificate"))
    return Envelope(SIMPLE, payload, signature, payload, chain=tuple(chain))


def read_simple_claims(payload: bytes) -> tuple[Claim, ...]:
    """Return what a signed payload claims; raises ``unverified`` for one that is no image's signature."""
    document = load_text(payload, _WHAT, ("critical", "optional"))
    critical = map_in(document, "critical", _WHAT, ("type", "image", "identity"))
    if critical.get("type") != _TYPE:
        raise unproven(f"{_WHAT} is not of the type {_TYPE!r}.")
    digest = _text_within(critical, "image", "docker-manifest-digest")
    name = _text_within(critical, "identity", "docker-reference")
    optional = document.get("optional")
    return (Claim(digest, name, optional if isinstance(optional, dict) else {}),)


def _text_within(critical: t.Mapping[str, t.Any], part: str, key: str) -> str:
    return text_in(map_in(critical, part, _WHAT, (key,)), key, _WHAT)


def write_simple(name: str, digest: Digest, annotations: t.Mapping[str, str]) -> bytes:
    """Return the payload that says that ``digest`` is an image of the repository ``name``; the same bytes every time."""
    critical = {"identity": {"docker-reference": name}, "image": {"docker-manifest-digest": str(digest)}, "type": _TYPE}
    document = {"critical": critical, "optional": dict(sorted(annotations.items())) or None}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
