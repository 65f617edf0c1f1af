# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""notation's signatures: JWS envelopes with a chain of certificates."""

from __future__ import annotations

import datetime
import re
import typing as t

from .._core.scrub import quoted
from .._core.times import read_time
from .crypto import unproven
from .encodings import decode_base64, decode_url_base64, load_text, map_in, text_in
from .envelopes import JWS, Claim, Envelope

MEDIA_TYPE = "application/jose+json"
COSE = "application/cose"
_SCHEMES = frozenset(f"{family}{bits}" for family in ("ES", "PS") for bits in (256, 384, 512))
_ATTRIBUTE = "io.cncf.notary."
_SCHEME, _EXPIRY = f"{_ATTRIBUTE}signingScheme", f"{_ATTRIBUTE}expiry"
_PROTECTED = ("alg", "crit", "cty", _SCHEME, _EXPIRY)
_CONTENT = "application/vnd.cncf.notary.payload.v1+json"
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_WHAT = "The envelope"
_SIGNED = "The signed text"


def read_notation(raw: bytes) -> Envelope:
    """Return the signature in a JWS envelope; raises ``unverified``."""
    document = load_text(raw, _WHAT, ("payload", "protected", "header", "signature"))
    protected, payload = (text_in(document, key, _WHAT) for key in ("protected", "payload"))
    signature = decode_url_base64(text_in(document, "signature", _WHAT), "The signature")
    signed = decode_url_base64(payload, "The payload")
    header = load_text(decode_url_base64(protected, "The protected header"), "The protected header", _PROTECTED)
    scheme = text_in(header, "alg", _WHAT)
    if scheme not in _SCHEMES:
        raise unproven(f"{_WHAT} is signed with another algorithm than ES256, ES384, ES512, PS256, PS384 and PS512.")
    expires = _read_attributes(header)
    entries = map_in(document, "header", _WHAT, ("x5c",)).get("x5c")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, str) for entry in entries):
        raise unproven(f"{_WHAT} has no chain of certificates.")
    chain = tuple(decode_base64(entry, "A certificate") for entry in entries)
    text = f"{protected}.{payload}".encode("ascii")
    return Envelope(JWS, text, signature, signed, scheme, chain, expires)


def _read_attributes(header: t.Mapping[str, t.Any]) -> datetime.datetime | None:
    """Check the attributes that a reader has to understand; return when the signature expires."""
    critical = header.get("crit")
    if not isinstance(critical, list) or _SCHEME not in critical:
        raise unproven(f"{_WHAT} does not mark its signing scheme as critical.")
    unknown = [name for name in critical if name not in (_SCHEME, _EXPIRY)]
    if unknown:
        raise unproven(f"{_WHAT} marks {quoted(unknown[0], 100)} as critical, which is not supported.")
    if header.get(_SCHEME) != "notary.x509":
        raise unproven(f"{_WHAT} has another signing scheme than notary.x509.")
    if header.get("cty") != _CONTENT:
        raise unproven(f"{_WHAT} has a payload that is not of the type {_CONTENT}.")
    if _EXPIRY not in header and _EXPIRY not in critical:
        return None
    stated = _TIME.fullmatch(text_in(header, _EXPIRY, _WHAT))
    try:
        if stated is not None:
            return read_time(stated[1], stated[2], stated[3].replace("Z", "+00:00"))
    except ValueError:
        pass
    raise unproven(f"{_WHAT} has an invalid expiry time.")


def read_notation_claims(payload: bytes) -> tuple[Claim, ...]:
    """Return what a signed payload claims; raises ``unverified``."""
    document = load_text(payload, _SIGNED, ("targetArtifact",))
    target = map_in(document, "targetArtifact", _SIGNED, ("mediaType", "digest", "size", "annotations"))
    annotations = target.get("annotations")
    return (Claim(text_in(target, "digest", _SIGNED), "", annotations if isinstance(annotations, dict) else {}),)
