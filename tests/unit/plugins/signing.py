# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures for tests: recorded ones, made by cosign and notation, and hostile ones, made here."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_DATA: dict[str, t.Any] = json.loads(Path(__file__).with_name("data").joinpath("signatures.json").read_text(encoding="utf-8"))
KEYS: dict[str, str] = _DATA["keys"]
AUTHORITY: str = _DATA["authority"]
IMAGE: str = _DATA["image"]
RECORDED: dict[str, dict[str, t.Any]] = _DATA["signatures"]
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
NOTATION = "application/vnd.cncf.notary.signature"
JOSE = "application/jose+json"
PREDICATE = "https://sigstore.dev/cosign/sign/v1"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

Document = t.Mapping[str, t.Any]


def add_recorded(registry: FakeRegistry, *names: str, repository: str = "app") -> None:
    """Put the image that was signed into ``app:1``, with these of the recorded signatures."""
    config = registry.add_blob(repository, b"{}", OCI_CONFIG)
    image = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    assert registry.add_manifest(repository, image, tag="1").digest == IMAGE
    for name in names:
        for blob in RECORDED[name]["blobs"]:
            registry.add_blob(repository, blob.encode("latin-1"))
        for manifest in RECORDED[name]["manifests"]:
            registry.add_manifest(repository, manifest["raw"].encode(), manifest["media_type"], manifest["tag"])


def make_key(curve: t.Any = None) -> ec.EllipticCurvePrivateKey:
    """Make an ECDSA key."""
    return ec.generate_private_key(curve or ec.SECP256R1())


def pem_of(key: t.Any) -> str:
    """Return the public key of a private one."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_key().public_bytes(serialization.Encoding.PEM, form).decode())


def private_pem(key: t.Any, passphrase: str = "", form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8) -> str:
    """Return a private key as PEM."""
    encryption = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return str(key.private_bytes(serialization.Encoding.PEM, form, encryption).decode())


def sign(key: t.Any, text: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """Sign as ECDSA does."""
    return bytes(key.sign(text, ec.ECDSA(algorithm or hashes.SHA256())))


def base64_of(raw: bytes) -> str:
    """Return standard base64."""
    return base64.b64encode(raw).decode()


def url_base64_of(raw: bytes) -> str:
    """Return the base64 of JWS."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def payload_for(digest: str, name: str = "registry.example.com/app", **changes: t.Any) -> dict[str, t.Any]:
    """Return the text of simple signing."""
    critical = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return {"critical": {**critical, **changes}, "optional": None}


def add_simple(
    registry: FakeRegistry,
    digest: str,
    key: t.Any,
    payload: bytes | Document | None = None,
    signature: bytes | str | None = None,
    copies: int = 1,
    repository: str = "app",
    **annotations: str,
) -> None:
    """Put a simple signature of ``digest`` under its tag; ``payload`` and ``signature`` in place of the right ones."""
    document = payload if payload is not None else payload_for(digest)
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    text = signature if isinstance(signature, str) else base64_of(sign(key, raw) if signature is None else signature)
    layer = {**registry.add_blob(repository, raw, SIMPLE), "annotations": {"dev.cosignproject.cosign/signature": text, **annotations}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": registry.add_blob(repository, b"{}", OCI_CONFIG),
        "layers": [layer] * copies,
    }
    registry.add_manifest(repository, manifest, tag=f"{digest.replace(':', '-')}.sig")


def statement_for(digest: str, **changes: t.Any) -> dict[str, t.Any]:
    """Return an in-toto statement that signs ``digest``."""
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": digest.partition(":")[2]}}]}
    return {**statement, "predicateType": PREDICATE, "predicate": {}, **changes}


def add_bundle(registry: FakeRegistry, digest: str, key: t.Any, statement: bytes | Document | None = None, **changes: t.Any) -> None:
    """Put a bundle that signs ``digest`` among its referrers; ``changes`` in the bundle."""
    document = statement if statement is not None else statement_for(digest)
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    kind = "application/vnd.in-toto+json"
    text = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    envelope = {"payload": base64_of(payload), "payloadType": kind, "signatures": [{"sig": base64_of(sign(key, text))}]}
    bundle = {"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": ""}}, "dsseEnvelope": envelope, **changes}
    registry.add_referrer("app", digest, BUNDLE, json.dumps(bundle).encode())


# Certificates


class Authority:
    """An authority of a test, which issues certificates that may be wrong in every way."""

    def __init__(self, name: str = "Test authority", **changes: t.Any) -> None:
        self.key = make_key()
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._make(self.name, self.key.public_key(), authority=True, **changes)

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, key: t.Any, name: str = "build", **changes: t.Any) -> x509.Certificate:
        """Issue a certificate for a signer."""
        return self._make(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key.public_key(), **changes)

    def _make(
        self,
        subject: x509.Name,
        key: t.Any,
        authority: bool = False,
        days: tuple[int, int] = (-1, 1),
        usage: str = "",
        extended: t.Sequence[str] = ("1.3.6.1.5.5.7.3.3",),
        further: t.Sequence[tuple[x509.ExtensionType, bool]] = (),
        mail: str = "ci@example.com",
        length: int | None = None,
        plain: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now + datetime.timedelta(days=days[0])).not_valid_after(now + datetime.timedelta(days=days[1]))
        names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign")
        wanted = usage or ("key_cert_sign" if authority else "digital_signature")
        flags = {name: name == wanted for name in names}
        if not plain:
            builder = builder.add_extension(x509.BasicConstraints(authority, length), critical=True)
            usages = x509.KeyUsage(**flags, crl_sign=False, encipher_only=False, decipher_only=False)
            builder = builder.add_extension(usages, critical=True)
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(mail)]), critical=False)
            if extended:
                builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in extended]), critical=False)
        for extension, critical in further:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, hashes.SHA256())

    def subordinate(self, name: str = "Subordinate", **changes: t.Any) -> Authority:
        """Return an authority that this one has made."""
        made = Authority(name)
        made.certificate = self.certify(made, **changes)
        return made

    def certify(self, other: Authority, **changes: t.Any) -> x509.Certificate:
        """Issue a certificate for another authority."""
        return self._make(other.name, other.key.public_key(), authority=True, **changes)


def add_notation(
    registry: FakeRegistry,
    digest: str,
    key: t.Any,
    chain: t.Sequence[x509.Certificate],
    payload: bytes | Document | None = None,
    header: Document | None = None,
    signature: bytes | None = None,
    changes: Document | None = None,
) -> None:
    """Put a JWS envelope of notation's kind among the referrers of ``digest``; ``header`` is added to the protected one, ``changes`` to the envelope."""
    target = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1}
    document = payload if payload is not None else {"targetArtifact": target}
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    prefix = "io.cncf.notary."
    protected = {
        "alg": "ES256",
        "crit": [f"{prefix}signingScheme"],
        "cty": "application/vnd.cncf.notary.payload.v1+json",
        f"{prefix}signingScheme": "notary.x509",
        **(header or {}),
    }
    head = url_base64_of(json.dumps(protected).encode())
    text = f"{head}.{url_base64_of(raw)}".encode()
    made = raw_signature(key, text) if signature is None else signature
    ders = [base64_of(one.public_bytes(serialization.Encoding.DER)) for one in chain]
    envelope = {
        "payload": url_base64_of(raw),
        "protected": head,
        "header": {"x5c": ders},
        "signature": url_base64_of(made),
        **(changes or {}),
    }
    registry.add_referrer(
        "app", digest, NOTATION, json.dumps(envelope).encode(), layers=[registry.add_blob("app", json.dumps(envelope).encode(), JOSE)]
    )


def raw_signature(key: t.Any, text: bytes) -> bytes:
    """Return an ECDSA signature as JWS writes it."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    size = (key.curve.key_size + 7) // 8
    first, second = decode_dss_signature(sign(key, text))
    return first.to_bytes(size, "big") + second.to_bytes(size, "big")


def fingerprint(pem: str) -> str:
    """Return what results call a public key."""
    key = serialization.load_pem_public_key(pem.encode())
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"SHA256:{hashlib.sha256(der).hexdigest()}"


def short_rsa_key() -> t.Any:
    """Make an RSA key that is too short to be trusted."""
    return rsa.generate_private_key(65537, 1024)
