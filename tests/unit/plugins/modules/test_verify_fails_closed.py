# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever somebody who may push tries, an image that the trusted key has not signed stays unverified."""

from __future__ import annotations

import base64
import datetime
import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import signing
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.signing import Authority, add_bundle, add_notation, add_simple, make_key
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

KEY = make_key()
OTHER = "sha256:" + "0" * 64
Trick = t.Callable[[FakeRegistry, str], object]


def _rejected(run_module: RunModule, registry: FakeRegistry, **options: t.Any) -> str:
    """Return why the image is not verified; the same, reported, is no failure."""
    known = {"keys": [signing.pem_of(KEY)], **options}
    failure = run_module("registry_verify", registry.args(name=["app:1"], **known)).failure("unverified")
    reported = run_module("registry_verify", registry.args(name=["app:1"], unverified="report", **known)).ok()
    assert reported["verified"] is False
    assert reported["unverified_names"] == ["app:1"]
    assert not any(signature["verified"] for signature in reported["images"][0]["signatures"])
    return failure.msg


def _twice(digest: str) -> bytes:
    """Return a payload that names two images, by the same key: readers that take the last one, and those that take the first, differ."""
    text = json.dumps(signing.payload_for(digest))
    return text.replace('"image": {', f'"image": {{"docker-manifest-digest": "{OTHER}"}}, "image": {{').encode()


def _flipped(digest: str) -> bytes:
    raw = signing.sign(KEY, json.dumps(signing.payload_for(digest)).encode())
    return raw[:-1] + bytes([raw[-1] ^ 1])


def _sha1(digest: str) -> bytes:
    return signing.sign(KEY, json.dumps(signing.payload_for(digest)).encode(), hashes.SHA1())


SIMPLE: dict[str, Trick] = {
    "no signature at all": lambda registry, digest: None,
    "a signature by another key": lambda registry, digest: add_simple(registry, digest, make_key()),
    "a signature that is not base64": lambda registry, digest: add_simple(registry, digest, KEY, signature="%%%"),
    "an empty signature": lambda registry, digest: add_simple(registry, digest, KEY, signature=""),
    "a signature with a bit turned": lambda registry, digest: add_simple(registry, digest, KEY, signature=_flipped(digest)),
    "a hash that is not listed": lambda registry, digest: add_simple(registry, digest, KEY, signature=_sha1(digest)),
    "a signature of another image": lambda registry, digest: add_simple(registry, digest, KEY, signing.payload_for(OTHER)),
    "a digest in capitals": lambda registry, digest: add_simple(registry, digest, KEY, signing.payload_for(digest.upper())),
    "a payload that is no JSON": lambda registry, digest: add_simple(registry, digest, KEY, b"signed"),
    "a payload with a key twice": lambda registry, digest: add_simple(registry, digest, KEY, _twice(digest)),
    "a payload of another type": lambda registry, digest: add_simple(
        registry, digest, KEY, signing.payload_for(digest, type="atomic container signature")
    ),
    "a payload without a type": lambda registry, digest: add_simple(registry, digest, KEY, signing.payload_for(digest, type=None)),
    "a payload that names no image": lambda registry, digest: add_simple(registry, digest, KEY, signing.payload_for(digest, image=None)),
    "a payload that is a list": lambda registry, digest: add_simple(registry, digest, KEY, b"[]"),
    "a payload nested deeply": lambda registry, digest: add_simple(
        registry, digest, KEY, b'{"critical":' + b"[" * 5000 + b"]" * 5000 + b"}"
    ),
    "a payload that is very large": lambda registry, digest: add_simple(
        registry, digest, KEY, json.dumps({**signing.payload_for(digest), "more": "x" * 2_000_000}).encode()
    ),
    "thousands of signatures": lambda registry, digest: add_simple(registry, digest, make_key(), copies=1500),
    "a tag that holds an image": lambda registry, digest: registry.set_tag("app", f"{digest.replace(':', '-')}.sig", digest),
    "a tag that holds no manifest": lambda registry, digest: registry.add_manifest(
        "app", b"{}", signing.OCI_MANIFEST, f"{digest.replace(':', '-')}.sig"
    ),
}


@pytest.mark.parametrize("trick", SIMPLE)
def test_t63_simple_signing(registry: FakeRegistry, run_module: RunModule, trick: str) -> None:
    digest = registry.add_image("app", "1").digest
    SIMPLE[trick](registry, digest)
    _rejected(run_module, registry)


BUNDLES: dict[str, Trick] = {
    "a bundle by another key": lambda registry, digest: add_bundle(registry, digest, make_key()),
    "a bundle of another version": lambda registry, digest: add_bundle(
        registry, digest, KEY, mediaType="application/vnd.dev.sigstore.bundle.v0.4+json"
    ),
    "a bundle for another image": lambda registry, digest: add_bundle(registry, digest, KEY, signing.statement_for(OTHER)),
    "an attestation": lambda registry, digest: add_bundle(
        registry, digest, KEY, signing.statement_for(digest, predicateType="https://slsa.dev/provenance/v1")
    ),
    "a statement of another type": lambda registry, digest: add_bundle(registry, digest, KEY, signing.statement_for(digest, _type="x")),
    "a statement about nothing": lambda registry, digest: add_bundle(registry, digest, KEY, signing.statement_for(digest, subject=[])),
    "a bundle without a signer": lambda registry, digest: add_bundle(registry, digest, KEY, verificationMaterial={}),
    "a bundle with two signers": lambda registry, digest: add_bundle(
        registry, digest, KEY, verificationMaterial={"publicKey": {}, "certificate": {"rawBytes": ""}}
    ),
    "a bundle of a file": lambda registry, digest: add_bundle(registry, digest, KEY, messageSignature={"signature": ""}),
    "a bundle without an envelope": lambda registry, digest: add_bundle(registry, digest, KEY, dsseEnvelope=None),
    "an envelope with another type": lambda registry, digest: add_bundle(
        registry, digest, KEY, dsseEnvelope={"payloadType": "text/plain", "payload": "", "signatures": [{"sig": ""}]}
    ),
    "an envelope with no signature": lambda registry, digest: add_bundle(
        registry, digest, KEY, dsseEnvelope={"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": []}
    ),
    "hundreds of referrers": lambda registry, digest: [
        registry.add_referrer("app", digest, signing.BUNDLE, str(number).encode()) for number in range(150)
    ],
}


@pytest.mark.parametrize("trick", BUNDLES)
def test_t63_bundles(registry: FakeRegistry, run_module: RunModule, trick: str) -> None:
    digest = registry.add_image("app", "1").digest
    BUNDLES[trick](registry, digest)
    _rejected(run_module, registry)


def test_t63_a_payload_is_not_taken_out_of_one_envelope_into_another(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1").digest
    raw = json.dumps(signing.statement_for(digest)).encode()
    add_simple(registry, digest, KEY, raw)  # the key has signed this text, but not as a statement
    signature = {"sig": base64.b64encode(signing.sign(KEY, raw)).decode()}
    envelope = {"payload": base64.b64encode(raw).decode(), "payloadType": "application/vnd.in-toto+json", "signatures": [signature]}
    add_bundle(registry, digest, KEY, dsseEnvelope=envelope)
    _rejected(run_module, registry)


AUTHORITY = Authority()
SIGNER = make_key()


def _issued(registry: FakeRegistry, digest: str, authority: Authority = AUTHORITY, key: t.Any = SIGNER, **changes: t.Any) -> None:
    add_notation(registry, digest, key, [authority.issue(key, **changes), authority.certificate])


def _below(registry: FakeRegistry, digest: str, *, root: Authority = AUTHORITY, times: int = 1, **changes: t.Any) -> None:
    chain, authority = [root.certificate], root
    for number in range(times):
        authority = authority.subordinate(f"Subordinate {number}", **changes)
        chain.insert(0, authority.certificate)
    add_notation(registry, digest, SIGNER, [authority.issue(SIGNER), *chain])


def _by_signer(registry: FakeRegistry, digest: str) -> None:
    """Let a signer play the authority."""
    signer = Authority("build")
    signer.certificate = AUTHORITY.issue(signer.key, "build")
    add_notation(registry, digest, SIGNER, [signer.issue(SIGNER, "other"), signer.certificate, AUTHORITY.certificate])


_NAMES = x509.NameConstraints([x509.RFC822Name("example.org")], None)
_STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
_PREFIX = "io.cncf.notary."
_LATER = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).isoformat()
CERTIFICATES: dict[str, Trick] = {
    "a certificate of another authority": lambda registry, digest: _issued(registry, digest, Authority("Test authority")),
    "a certificate that has expired": lambda registry, digest: _issued(registry, digest, days=(-9, -1)),
    "a certificate that is not valid yet": lambda registry, digest: _issued(registry, digest, days=(1, 9)),
    "a certificate for a server": lambda registry, digest: _issued(registry, digest, extended=["1.3.6.1.5.5.7.3.1"]),
    "a certificate for everything": lambda registry, digest: _issued(registry, digest, extended=["1.3.6.1.5.5.7.3.3", "2.5.29.37.0"]),
    "a certificate for encryption": lambda registry, digest: _issued(registry, digest, usage="key_encipherment"),
    "a certificate without a use": lambda registry, digest: _issued(registry, digest, plain=True),
    "a certificate for somebody else": lambda registry, digest: _issued(registry, digest, mail="ci@example.com.evil.org"),
    "a certificate with an unknown duty": lambda registry, digest: _issued(registry, digest, further=[(_STRANGE, True)]),
    "a short key": lambda registry, digest: add_notation(registry, digest, SIGNER, [AUTHORITY.issue(signing.short_rsa_key())]),
    "a curve that is not listed": lambda registry, digest: _issued(registry, digest, key=make_key(ec.SECP256K1())),
    "a signer that issues certificates": _by_signer,
    "an authority that limits names": lambda registry, digest: _below(registry, digest, further=[(_NAMES, False)]),
    "an authority that has expired": lambda registry, digest: _below(registry, digest, days=(-9, -1)),
    "an authority below one that allows none": lambda registry, digest: _below(registry, digest, times=2, length=0),
    "a chain of twenty": lambda registry, digest: _below(registry, digest, times=20),
    "no certificate": lambda registry, digest: add_notation(registry, digest, SIGNER, []),
    "a certificate of the authority itself": lambda registry, digest: add_notation(
        registry, digest, AUTHORITY.key, [AUTHORITY.certificate]
    ),
    "a signature by another key than the certificate's": lambda registry, digest: add_notation(
        registry, digest, make_key(), [AUTHORITY.issue(SIGNER)]
    ),
    "a signature of another image": lambda registry, digest: add_notation(
        registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], {"targetArtifact": {"digest": OTHER}}
    ),
    "a payload with a key twice": lambda registry, digest: add_notation(
        registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], f'{{"targetArtifact":{{}},"targetArtifact":{{"digest":"{digest}"}}}}'.encode()
    ),
    "the algorithm none": lambda registry, digest: add_notation(
        registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], header={"alg": "none"}, signature=b""
    ),
    "an algorithm with a shared secret": lambda registry, digest: add_notation(
        registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], header={"alg": "HS256"}
    ),
    "an algorithm of another curve": lambda registry, digest: add_notation(
        registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], header={"alg": "ES384"}
    ),
    "a signature that has expired": lambda registry, digest: add_notation(
        registry,
        digest,
        SIGNER,
        [AUTHORITY.issue(SIGNER)],
        header={"crit": [f"{_PREFIX}signingScheme", f"{_PREFIX}expiry"], f"{_PREFIX}expiry": _LATER},
    ),
    "an expiry that is no time": lambda registry, digest: add_notation(
        registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], header={f"{_PREFIX}expiry": "2999-99-99T00:00:00Z"}
    ),
    "an expiry at an hour 24": lambda registry, digest: add_notation(
        registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], header={f"{_PREFIX}expiry": "2999-01-01T24:00:00Z"}
    ),
    "a demand that is not known": lambda registry, digest: add_notation(
        registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], header={"crit": [f"{_PREFIX}signingScheme", f"{_PREFIX}verificationPlugin"]}
    ),
    "no demand at all": lambda registry, digest: add_notation(registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], header={"crit": []}),
    "the scheme of a signing authority": lambda registry, digest: add_notation(
        registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], header={f"{_PREFIX}signingScheme": "notary.x509.signingAuthority"}
    ),
    "a payload of another type": lambda registry, digest: add_notation(
        registry, digest, SIGNER, [AUTHORITY.issue(SIGNER)], header={"cty": "text/plain"}
    ),
}


@pytest.mark.parametrize("trick", CERTIFICATES)
def test_t64_certificates(registry: FakeRegistry, run_module: RunModule, trick: str) -> None:
    digest = registry.add_image("app", "1").digest
    CERTIFICATES[trick](registry, digest)
    _rejected(run_module, registry, keys=[], certificate_authorities=[AUTHORITY.pem], identities=["ci@example.com"])


TWINS: dict[str, Trick] = {
    "of the authority itself": _issued,
    "of one below it": _below,
    "of one below one below it": lambda registry, digest: _below(registry, digest, times=2),
    "with no word of what it is for besides signing": lambda registry, digest: _issued(registry, digest, extended=[]),
    "with an extension that is no duty": lambda registry, digest: _issued(registry, digest, further=[(_STRANGE, False)]),
}


@pytest.mark.parametrize("twin", TWINS)
def test_t64_twin_a_good_certificate(registry: FakeRegistry, run_module: RunModule, twin: str) -> None:
    TWINS[twin](registry, registry.add_image("app", "1").digest)
    options: dict[str, t.Any] = {"certificate_authorities": [AUTHORITY.pem], "identities": [r"^.+@example\.com$"]}
    assert run_module("registry_verify", registry.args(name=["app:1"], **options)).ok()["verified"]


def test_t64_a_pattern_has_to_match_the_whole_name(registry: FakeRegistry, run_module: RunModule) -> None:
    _issued(registry, registry.add_image("app", "1").digest, mail="ci@example.com.evil.org")
    options = {"keys": [], "certificate_authorities": [AUTHORITY.pem]}
    for identity in ("^ci@example.com|x$", "^[a-z]+@example$", "ci@example.com"):
        assert "matches none of the identities" in _rejected(run_module, registry, identities=[identity], **options)


def test_t64_the_systems_store_is_not_trusted(
    registry: FakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, tmp_path: t.Any
) -> None:
    (tmp_path / "store.pem").write_text(AUTHORITY.pem, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "store.pem"))
    _issued(registry, registry.add_image("app", "1").digest)
    _rejected(run_module, registry, certificate_authorities=[Authority("Other").pem], identities=["ci@example.com"])


def test_t63_a_short_key_is_refused_where_it_is_given(registry: FakeRegistry, run_module: RunModule) -> None:
    for key, fault in ((signing.short_rsa_key(), "1024 bits"), (make_key(ec.SECP256K1()), "secp256k1")):
        failure = run_module("registry_verify", registry.args(name=["app:1"], keys=[signing.pem_of(key)])).failure("invalid_option")
        assert fault in failure.msg
    assert registry.requests == []


def test_t63_twin_both_paddings_of_rsa(registry: FakeRegistry, run_module: RunModule) -> None:
    from cryptography.hazmat.primitives.asymmetric import padding

    key = rsa.generate_private_key(65537, 2048)
    digest = registry.add_image("app", "1").digest
    raw = json.dumps(signing.payload_for(digest)).encode()
    for way in (padding.PKCS1v15(), padding.PSS(padding.MGF1(hashes.SHA384()), 48)):
        add_simple(registry, digest, key, raw, signature=key.sign(raw, way, hashes.SHA384()))
        assert run_module("registry_verify", registry.args(name=["app:1"], keys=[signing.pem_of(key)])).ok()["verified"]
