# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys: which are good enough, what they have signed, and signing with one."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass, field

from .._core.errors import RegistryError
from . import crypto
from .encodings import pem_blocks

_HASHES = ("SHA256", "SHA384", "SHA512")
_CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
_LEAST_RSA, _MOST_RSA = 2048, 16384
_JWS = {"ES": "EC", "PS": "RSA"}
_COSIGN = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
_MAKE = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -out key.pem"


def _kind_of(handle: t.Any) -> str:
    """Return the family of a public or private key, or raise ``unverified`` with what is wrong with it."""
    public = handle.public_key() if hasattr(handle, "public_key") else handle
    if isinstance(public, crypto.ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(public, crypto.rsa.RSAPublicKey):
        if public.key_size < _LEAST_RSA:
            raise crypto.unproven(f"an RSA key of {public.key_size} bits, which is too short: use {_LEAST_RSA} bits or more")
        if public.key_size > _MOST_RSA:
            raise crypto.unproven(f"an RSA key of {public.key_size} bits, which is more than the limit of {_MOST_RSA}")
        return "RSA"
    if isinstance(public, crypto.ec.EllipticCurvePublicKey):
        if public.curve.name not in _CURVES:
            raise crypto.unproven(f"a key on the curve {public.curve.name}, which is not P-256, P-384 or P-521")
        return "EC"
    raise crypto.unproven("a key that is neither ECDSA nor RSA nor Ed25519")


@dataclass(frozen=True)
class PublicKey:
    """A public key of a listed algorithm; ``fingerprint`` is the SHA-256 of its DER form."""

    fingerprint: str
    kind: str
    handle: t.Any = field(repr=False, compare=False)

    @classmethod
    def of(cls, handle: t.Any) -> PublicKey:
        """Return the key that the library holds as ``handle``; raises ``unverified`` for one that is not good enough."""
        kind = _kind_of(handle)
        form = crypto.serialization.PublicFormat.SubjectPublicKeyInfo
        der = handle.public_bytes(crypto.serialization.Encoding.DER, form)
        return cls(f"SHA256:{hashlib.sha256(der).hexdigest()}", kind, handle)

    @classmethod
    def parse(cls, text: str, where: str) -> PublicKey:
        """Return the one key in the PEM ``text``, which stands ``where``; raises ``invalid_option``."""
        labels = [label for label, _block in pem_blocks(text)]
        if labels != ["PUBLIC KEY"]:
            raise RegistryError(f"{where} {_wrong_label(labels)}", "invalid_option")
        try:
            return cls.of(crypto.serialization.load_pem_public_key(text.encode("utf-8")))
        except RegistryError as error:
            raise RegistryError(f"{where} contains {error.message}.", "invalid_option") from None
        except crypto.faults():
            raise RegistryError(f"{where} cannot be read as a public key: it is damaged.", "invalid_option") from None

    def has_signed(self, signature: bytes, text: bytes, scheme: str = "") -> bool:
        """Tell whether ``signature`` is of ``text`` by this key, as ``scheme`` of JWS (``ES256``, ``PS256``, ...) says or in any listed way."""
        if scheme:
            return self._has_signed_jws(signature, text, scheme)
        return any(self._holds(signature, text, way) for way in self._ways())

    def _ways(self) -> t.Iterator[tuple[t.Any, ...]]:
        if self.kind == "Ed25519":
            yield ()
        for name in _HASHES if self.kind != "Ed25519" else ():
            algorithm = getattr(crypto.hashes, name)()
            if self.kind == "EC":
                yield (crypto.ec.ECDSA(algorithm),)
            else:
                pss = crypto.padding.PSS
                yield crypto.padding.PKCS1v15(), algorithm
                for salt in [pss.AUTO] if hasattr(pss, "AUTO") else [algorithm.digest_size, pss.MAX_LENGTH]:  # cryptography 36 lacks it
                    yield pss(crypto.padding.MGF1(algorithm), salt), algorithm

    def _holds(self, signature: bytes, text: bytes, way: tuple[t.Any, ...]) -> bool:
        try:
            self.handle.verify(signature, text, *way)
        except crypto.faults():
            return False
        return True

    def _has_signed_jws(self, signature: bytes, text: bytes, scheme: str) -> bool:
        family, name = scheme[:2], f"SHA{scheme[2:]}"
        if name not in _HASHES or _JWS.get(family) != self.kind:
            return False
        algorithm = getattr(crypto.hashes, name)()
        if family == "PS":
            padding = crypto.padding.PSS(crypto.padding.MGF1(algorithm), algorithm.digest_size)
            return self._holds(signature, text, (padding, algorithm))
        half = (self.handle.curve.key_size + 7) // 8
        if _CURVES[self.handle.curve.name] != name or len(signature) != 2 * half:
            return False
        pair = crypto.encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
        return self._holds(pair, text, (crypto.ec.ECDSA(algorithm),))


def _wrong_label(labels: t.Sequence[str]) -> str:
    if any("PRIVATE" in label for label in labels):
        return "contains a private key: give the public key, as openssl pkey -in key.pem -pubout prints it."
    if "CERTIFICATE" in labels:
        return "contains a certificate, not a public key: list certificate authorities in certificate_authorities."
    if len(labels) > 1:
        return "contains several keys: list each as its own entry."
    return "contains no PEM public key (-----BEGIN PUBLIC KEY-----)."


@dataclass(frozen=True)
class SigningKey:
    """A private key, and the public one that belongs to it."""

    public: PublicKey
    handle: t.Any = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, passphrase: str | None) -> SigningKey:
        """Return the key in the PEM ``text`` of the option signing_key; raises ``invalid_option``."""
        labels = [label for label, _block in pem_blocks(text)]
        wrong = _wrong_signing_label(labels)
        if wrong:
            raise RegistryError(f"The option signing_key {wrong}", "invalid_option")
        encrypted = labels[0].startswith("ENCRYPTED")
        if encrypted != bool(passphrase):
            how = "encrypted: give the option passphrase" if encrypted else "not encrypted: leave out the option passphrase"
            raise RegistryError(f"The key in signing_key is {how}.", "invalid_option")
        try:
            secret = passphrase.encode("utf-8") if passphrase else None
            handle = crypto.serialization.load_pem_private_key(text.encode("utf-8"), secret)
            _kind_of(handle)
        except RegistryError as error:
            raise RegistryError(f"The option signing_key contains {error.message}.", "invalid_option") from None
        except crypto.faults():
            fault = "the passphrase is wrong, or the key is damaged" if encrypted else "it is damaged"
            raise RegistryError(f"The key in signing_key cannot be read: {fault}.", "invalid_option") from None
        return cls(PublicKey.of(handle.public_key()), handle)

    def sign(self, text: bytes) -> bytes:
        """Return a signature of ``text`` as ``cosign verify --key`` wants it: with SHA-256, whatever the curve."""
        if self.public.kind == "Ed25519":
            return bytes(self.handle.sign(text))
        if self.public.kind == "RSA":
            return bytes(self.handle.sign(text, crypto.padding.PKCS1v15(), crypto.hashes.SHA256()))
        return bytes(self.handle.sign(text, crypto.ec.ECDSA(crypto.hashes.SHA256())))


def _wrong_signing_label(labels: t.Sequence[str]) -> str:
    if any(label in _COSIGN for label in labels):
        return (
            "contains a key in cosign's own encrypted form, which only cosign can read. Create a PKCS#8 key "
            f"({_MAKE}) and convert it for cosign with: cosign import-key-pair --key key.pem"
        )
    if len(labels) > 1:
        return "contains more than one key or certificate: give only the private key."
    if labels and labels[0].endswith(" PRIVATE KEY") and labels[0] != "ENCRYPTED PRIVATE KEY":
        return f"contains a key in the form {labels[0]}: convert it to PKCS#8 with: openssl pkcs8 -topk8 -in key.pem -out pkcs8.pem"
    if labels and "PRIVATE KEY" in labels[0]:
        return ""
    return "contains no PEM private key (-----BEGIN PRIVATE KEY----- or -----BEGIN ENCRYPTED PRIVATE KEY-----)."
