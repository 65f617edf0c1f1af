# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cosign's bundle, version 0.3: a DSSE envelope with an in-toto statement."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t

from .._core.json import check_spelling, check_twins
from .._oci.reference import Digest
from . import crypto
from .crypto import unproven
from .encodings import decode_base64, encode_dsse, load_text, map_in, text_in
from .envelopes import BUNDLE, Claim, Envelope
from .keys import SigningKey

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE = "https://sigstore.dev/cosign/sign/v1"
CONTENT = {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": PREDICATE}
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENTS = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
_WHAT = "The bundle"
_SIGNED = "The signed text"
_NAMES = ("mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature")
_ENVELOPE_NAMES = ("payloadType", "payload", "signatures")
_SIGNERS = ("publicKey", "certificate", "x509CertificateChain")
_STATEMENT_NAMES = ("_type", "predicateType", "subject", "predicate")
_SUBJECT_NAMES = ("digest", "annotations", "name")


def read_bundle(raw: bytes) -> Envelope:
    """Return the signature in a bundle; raises ``unverified``."""
    document = load_text(raw, _WHAT, _NAMES)
    if document.get("mediaType") != MEDIA_TYPE:
        raise unproven(f"{_WHAT} is not of the type {MEDIA_TYPE}.")
    material = map_in(document, "verificationMaterial", _WHAT, _SIGNERS)
    if "dsseEnvelope" not in document or "messageSignature" in document:
        raise unproven(f"{_WHAT} is not a signed statement about an image.")
    envelope = map_in(document, "dsseEnvelope", _WHAT, _ENVELOPE_NAMES)
    if envelope.get("payloadType") != _PAYLOAD_TYPE:
        raise unproven(f"{_WHAT} has a payload that is not of the type {_PAYLOAD_TYPE}.")
    payload = decode_base64(text_in(envelope, "payload", _WHAT), "The payload")
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise unproven(f"{_WHAT} does not contain exactly one signature.")
    check_spelling(signatures[0], ("sig",), _WHAT, "unverified")
    signature = decode_base64(text_in(signatures[0], "sig", _WHAT), "The signature")
    return Envelope(BUNDLE, encode_dsse(_PAYLOAD_TYPE, payload), signature, payload, chain=_read_chain(material))


def _read_chain(material: t.Mapping[str, t.Any]) -> tuple[bytes, ...]:
    """Return the certificates that came along; a bundle names its signer in one way."""
    given = [name for name in _SIGNERS if name in material]
    if len(given) != 1:
        raise unproven(f"{_WHAT} does not name exactly one key or certificate.")
    if given == ["publicKey"]:
        return ()
    entry = map_in(material, given[0], _WHAT, ("rawBytes", "certificates"))
    entries = [entry] if given == ["certificate"] else entry.get("certificates")
    if not isinstance(entries, list) or not entries or not all(isinstance(one, dict) for one in entries):
        raise unproven(f"{_WHAT} has an empty chain of certificates.")
    for one in entries:
        check_spelling(one, ("rawBytes",), _WHAT, "unverified")
    return tuple(decode_base64(text_in(one, "rawBytes", _WHAT), "A certificate") for one in entries)


def read_bundle_claims(payload: bytes) -> tuple[Claim, ...]:
    """Return what a signed statement claims, one for each of its subjects; raises ``unverified`` for one that is no image's signature."""
    document = load_text(payload, _SIGNED, _STATEMENT_NAMES)
    if document.get("_type") not in _STATEMENTS:
        raise unproven(f"{_SIGNED} is not an in-toto statement.")
    if document.get("predicateType") != PREDICATE:
        raise unproven(
            f"{_SIGNED} is an attestation of another type than {PREDICATE}: an attestation describes an image, but does not sign it."
        )
    subjects = document.get("subject")
    if not isinstance(subjects, list):
        raise unproven(f"{_SIGNED} has no subject.")
    return tuple(claim for subject in subjects if isinstance(subject, dict) for claim in _read_subject(subject))


def _read_subject(subject: dict[str, t.Any]) -> t.Iterator[Claim]:
    check_spelling(subject, _SUBJECT_NAMES, _SIGNED, "unverified")
    annotations = subject.get("annotations")
    digests = subject.get("digest")
    check_twins(digests, _SIGNED, "unverified")
    for algorithm, digits in digests.items() if isinstance(digests, dict) else ():
        if isinstance(digits, str):
            yield Claim(f"{algorithm}:{digits}", "", annotations if isinstance(annotations, dict) else {})


def write_bundle(key: SigningKey, digest: Digest, annotations: t.Mapping[str, str]) -> bytes:
    """Return a bundle in which ``key`` signs ``digest``."""
    subject = {"digest": {digest.algorithm: digest.hex}, **({"annotations": dict(sorted(annotations.items()))} if annotations else {})}
    statement = {"_type": _STATEMENTS[0], "subject": [subject], "predicateType": PREDICATE, "predicate": {}}
    payload = json.dumps(statement, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    signature = key.sign(encode_dsse(_PAYLOAD_TYPE, payload))
    der = key.public.handle.public_bytes(crypto.serialization.Encoding.DER, crypto.serialization.PublicFormat.SubjectPublicKeyInfo)
    envelope = {"payload": _base64(payload), "payloadType": _PAYLOAD_TYPE, "signatures": [{"sig": _base64(signature)}]}
    material = {"publicKey": {"hint": _base64(hashlib.sha256(der).digest())}}
    document = {"mediaType": MEDIA_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope}
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
