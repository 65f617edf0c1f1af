# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""X.509 certificates of signers: valid now, meant for signing code, and issued by an authority that the task names."""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass, field

from .._core.errors import RegistryError
from .._core.scrub import clean
from . import crypto
from .encodings import pem_blocks
from .keys import PublicKey

_MOST = 10  # certificates in a chain
_PSS = "1.2.840.113549.1.1.10"
_SIGSTORE = "1.3.6.1.4.1.57264.1."  # what Fulcio writes into the certificates that it issues
_KNOWN = {"2.5.29.15": "key usage", "2.5.29.17": "SAN", "2.5.29.19": "basic constraints", "2.5.29.32": "policies", "2.5.29.37": "EKU"}
_NAME_CONSTRAINTS = "2.5.29.30"
_CODE_SIGNING = "1.3.6.1.5.5.7.3.3"
_OTHER_USES = frozenset({f"1.3.6.1.5.5.7.3.{number}" for number in (1, 2, 4, 8, 9)} | {"2.5.29.37.0"})

Extension = t.TypeVar("Extension")


@dataclass(frozen=True)
class Certificate:
    """A certificate: its subject as RFC 4514 writes it, and the names in its SAN."""

    subject: str
    names: tuple[str, ...]
    key: PublicKey = field(repr=False)
    handle: t.Any = field(repr=False)

    @classmethod
    def of(cls, handle: t.Any) -> Certificate:
        """Return the certificate that the library holds as ``handle``; raises ``unverified``."""
        try:
            found = _extension(handle, crypto.x509.SubjectAlternativeName)
            names = tuple(str(name.value) for name in found or () if isinstance(name, _name_types()))
            return cls(handle.subject.rfc4514_string(), names, PublicKey.of(handle.public_key()), handle)
        except RegistryError as error:
            raise crypto.unproven(f"A certificate has {error.message}.") from None
        except crypto.faults():
            raise crypto.unproven("A certificate cannot be read.") from None

    @property
    def shown(self) -> str:
        """The subject as messages and results show it: one line, whatever an authority has put into it."""
        return clean(self.subject, 200)

    @classmethod
    def parse_der(cls, der: bytes) -> Certificate:
        """Return the certificate in ``der``; raises ``unverified``."""
        try:
            handle = crypto.x509.load_der_x509_certificate(der)
        except crypto.faults():
            raise crypto.unproven("A certificate cannot be read.") from None
        return cls.of(handle)


def parse_chain(ders: t.Sequence[bytes]) -> list[Certificate]:
    """Return the certificates that came along with a signature; raises ``unverified``, also where they are too many."""
    if len(ders) > _MOST:
        raise crypto.unproven(f"The signature has {len(ders)} certificates: more than the limit of {_MOST}.")
    return [Certificate.parse_der(der) for der in ders]


def _name_types() -> tuple[type[t.Any], ...]:
    return crypto.x509.RFC822Name, crypto.x509.DNSName, crypto.x509.UniformResourceIdentifier


def parse_pem(text: str, where: str, kind: str = "invalid_option") -> tuple[Certificate, ...]:
    """Return the certificates in the PEM ``text``, which stands ``where``; raises an error of ``kind``."""
    blocks = pem_blocks(text)
    if not blocks or any(label != "CERTIFICATE" for label, _block in blocks):
        raise RegistryError(f"{where} contains no PEM certificates (-----BEGIN CERTIFICATE-----), or other data as well.", kind)
    try:
        return tuple(Certificate.of(crypto.x509.load_pem_x509_certificate(block.encode("ascii"))) for _label, block in blocks)
    except RegistryError as error:
        raise RegistryError(f"{where}: {error.message}", kind) from None
    except crypto.faults():
        raise RegistryError(f"{where} contains a certificate that cannot be read.", kind) from None


def _extension(handle: t.Any, kind: type[Extension]) -> Extension | None:
    try:
        found: Extension = handle.extensions.get_extension_for_class(kind).value
    except crypto.x509.ExtensionNotFound:
        return None
    return found


def _moment(handle: t.Any, which: str) -> datetime.datetime:
    aware = getattr(handle, f"{which}_utc", None)  # cryptography 42 and newer
    moment: datetime.datetime = aware if aware is not None else getattr(handle, which).replace(tzinfo=datetime.timezone.utc)
    return moment


def _check_common(certificate: Certificate, now: datetime.datetime) -> None:
    handle = certificate.handle
    begin, end = _moment(handle, "not_valid_before"), _moment(handle, "not_valid_after")
    if not begin <= now <= end:
        short = " Fulcio issues such short-lived certificates: keyless signatures are not supported." if is_fulcio(certificate) else ""
        state = f"has expired on {end:%Y-%m-%d}" if now > end else f"is not valid before {begin:%Y-%m-%d}"
        raise crypto.unproven(f"The certificate of {certificate.shown} {state}; timestamps are not used.{short}")
    for extension in handle.extensions:
        oid = extension.oid.dotted_string
        if oid == _NAME_CONSTRAINTS or (extension.critical and oid not in _KNOWN):
            raise crypto.unproven(f"The certificate of {certificate.shown} has the extension {oid}, which is not supported.")


def is_fulcio(certificate: Certificate) -> bool:
    """Tell whether Fulcio has issued the certificate, whose word only Rekor's log can prove."""
    return any(extension.oid.dotted_string.startswith(_SIGSTORE) for extension in certificate.handle.extensions)


def _check_leaf(leaf: Certificate) -> None:
    handle, who = leaf.handle, f"The certificate of {leaf.shown}"
    usage = _extension(handle, crypto.x509.KeyUsage)
    constraints = _extension(handle, crypto.x509.BasicConstraints)
    if usage is None or not usage.digital_signature:
        raise crypto.unproven(f"{who} does not allow signatures: its key usage lacks digitalSignature.")
    if usage.key_cert_sign or (constraints is not None and constraints.ca):
        raise crypto.unproven(f"{who} is the certificate of an authority, which must sign only certificates.")
    extended = _extension(handle, crypto.x509.ExtendedKeyUsage)
    uses = None if extended is None else {use.dotted_string for use in extended}
    if uses is not None and (_CODE_SIGNING not in uses or uses & _OTHER_USES):
        raise crypto.unproven(f"{who} does not allow code signing: see its extended key usage.")


def _check_issuer(issuer: Certificate, below: int) -> None:
    """Check that ``issuer`` may sign certificates, with so many of other authorities ``below`` it."""
    usage = _extension(issuer.handle, crypto.x509.KeyUsage)
    constraints = _extension(issuer.handle, crypto.x509.BasicConstraints)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        raise crypto.unproven(f"The certificate of {issuer.shown} is not the certificate of an authority.")
    if constraints.path_length is not None and below > constraints.path_length:
        raise crypto.unproven(f"The chain below the authority {issuer.shown} is longer than it allows.")


def _has_issued(issuer: Certificate, certificate: Certificate) -> bool:
    """Tell whether the key of ``issuer`` has signed ``certificate``, by a listed algorithm."""
    handle = certificate.handle
    if handle.issuer != issuer.handle.subject:
        return False
    try:
        algorithm = handle.signature_hash_algorithm
        oid = handle.signature_algorithm_oid.dotted_string
    except crypto.faults():
        return False
    if issuer.key.kind != "Ed25519" and (algorithm is None or algorithm.name not in ("sha256", "sha384", "sha512")):
        return False
    if oid == _PSS and issuer.key.kind != "RSA":
        return False
    return issuer.key.has_signed(handle.signature, handle.tbs_certificate_bytes)


def check_chain(chain: t.Sequence[Certificate], authorities: t.Sequence[Certificate], now: datetime.datetime | None = None) -> None:
    """Check that the first of ``chain`` is a signer's and that the rest leads from it to one of ``authorities``; raises ``unverified``."""
    moment = now or datetime.datetime.now(datetime.timezone.utc)
    try:
        _check_common(chain[0], moment)
        _check_leaf(chain[0])
        _climb(chain, authorities, moment)
    except crypto.faults():
        raise crypto.unproven(f"The certificate of {chain[0].shown} cannot be read.") from None


def _climb(chain: t.Sequence[Certificate], authorities: t.Sequence[Certificate], now: datetime.datetime) -> None:
    """Climb from the first of ``chain`` by every issuer that fits, for some are certified by several authorities; each is looked at once."""
    trusted = [authority.handle for authority in authorities]
    level, left, below = [chain[0]], list(chain[1:]), 0
    fault: RegistryError | None = None
    while level:
        if any(one.handle in trusted for one in level):
            return
        issuers = [one for one in (*authorities, *left) if any(_is_above(one, current) for current in level)]
        left = [one for one in left if one not in issuers]
        level = []
        for issuer in issuers:
            try:
                _check_common(issuer, now)
                _check_issuer(issuer, below)
            except RegistryError as error:
                fault = fault or error
            else:
                level.append(issuer)
        below += 1
    raise fault or crypto.unproven(f"The certificate of {chain[0].shown} is not issued by one of certificate_authorities.")


def _is_above(issuer: Certificate, certificate: Certificate) -> bool:
    return bool(issuer.handle != certificate.handle) and _has_issued(issuer, certificate)
