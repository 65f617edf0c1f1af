# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every field of every form of signature with everything that may stand there: it proves nothing, and harms no other signature."""

from __future__ import annotations

import copy
import io
import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import NotFound
from ansible_collections.ocitools.registry.plugins.module_utils._oci.image_source import BlobStream
from ansible_collections.ocitools.registry.plugins.module_utils._oci.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, Manifest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest
from ansible_collections.ocitools.registry.plugins.module_utils._registry.signatures import signature_tag
from ansible_collections.ocitools.registry.plugins.module_utils._registry.verification import Examined, Verification
from ansible_collections.ocitools.registry.plugins.module_utils._signatures.policy import Policy
from ansible_collections.ocitools.registry.tests.unit.plugins import signing
from ansible_collections.ocitools.registry.tests.unit.plugins.signing import base64_of, url_base64_of
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

DIGEST = Digest.of(b"")
KEY, OTHER, LEAF_KEY = signing.make_key(), signing.make_key(), signing.make_key()
AUTHORITY = signing.Authority()
LEAF = AUTHORITY.issue(LEAF_KEY)
DER = LEAF.public_bytes(serialization.Encoding.DER)
POLICY = Policy.parse(
    {
        "keys": [signing.pem_of(KEY), signing.pem_of(OTHER)],
        "certificate_authorities": [AUTHORITY.pem],
        "identities": ["ci@example.com"],
        "annotations": {"team": "blue"},
    }
)
DSSE = "application/vnd.in-toto+json"
WRONG: list[t.Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**25,
    "",
    "x",
    "\ud800",
    "%0",
    [],
    [None],
    ["\ud800", {}],
    [[]],
    {},
    {"\ud800": []},
    {"x": None},
]


class Store:
    """What has signatures of DIGEST: in memory, for thousands of them are looked at."""

    registry = "registry.example.com/app"

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[Digest, bytes] = {}
        self.listed: t.Any = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}

    def get_manifest(self, identifier: str) -> Manifest:
        if identifier not in self.manifests:
            raise NotFound("It is not there.")
        return Manifest.parse(self.manifests[identifier], OCI_MANIFEST)

    def referrers(self, digest: Digest) -> t.Sequence[Descriptor]:
        assert digest == DIGEST
        return Manifest.parse(json.dumps(self.listed).encode(), OCI_INDEX).children

    def image_of(self, manifest: Manifest) -> t.Any:
        return self

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        if descriptor.digest not in self.blobs:
            raise NotFound("It is not there.")
        return io.BytesIO(self.blobs[descriptor.digest])

    def blob(self, raw: bytes, media_type: str, **members: t.Any) -> dict[str, t.Any]:
        """Keep a blob, and return its descriptor."""
        self.blobs[Digest.of(raw)] = raw
        return {"mediaType": media_type, "digest": str(Digest.of(raw)), "size": len(raw), **members}

    def manifest(self, layer: dict[str, t.Any], **members: t.Any) -> dict[str, t.Any]:
        """Return a manifest with one layer."""
        config = self.blob(b"{}", "application/vnd.oci.empty.v1+json")
        return {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer], **members}

    def refer(self, document: t.Any, artifact_type: str) -> None:
        """Put a manifest among the referrers."""
        raw = json.dumps(document).encode()
        self.manifests[str(Digest.of(raw))] = raw
        self.listed["manifests"].append(
            {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(raw)), "size": len(raw), "artifactType": artifact_type}
        )


def _raw(document: t.Any) -> bytes:
    return json.dumps(document).encode()


PAYLOAD = {**signing.payload_for(str(DIGEST)), "optional": {"team": "blue"}}
STATEMENT = signing.statement_for(str(DIGEST), subject=[{"name": "app", "digest": {"sha256": DIGEST.hex}, "annotations": {"team": "blue"}}])
TARGET = {"targetArtifact": {"mediaType": OCI_MANIFEST, "digest": str(DIGEST), "size": 1, "annotations": {"team": "blue"}}}
PROTECTED = {
    "alg": "ES256",
    "crit": ["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"],
    "cty": "application/vnd.cncf.notary.payload.v1+json",
    "io.cncf.notary.signingScheme": "notary.x509",
    "io.cncf.notary.expiry": "2999-01-01T00:00:00Z",
}


def _bundle(statement: t.Any, material: t.Any, key: t.Any) -> dict[str, t.Any]:
    payload = _raw(statement)
    text = b"DSSEv1 %d %s %d %s" % (len(DSSE), DSSE.encode(), len(payload), payload)
    envelope = {"payload": base64_of(payload), "payloadType": DSSE, "signatures": [{"sig": base64_of(signing.sign(key, text))}]}
    return {"mediaType": signing.BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}


HINT = {"publicKey": {"hint": "x"}}
BY_KEY = _bundle(STATEMENT, HINT, KEY)
BY_CERTIFICATE = _bundle(STATEMENT, {"certificate": {"rawBytes": base64_of(DER)}}, LEAF_KEY)
BY_CHAIN = _bundle(STATEMENT, {"x509CertificateChain": {"certificates": [{"rawBytes": base64_of(DER)}]}}, LEAF_KEY)


def _jws(payload: t.Any, protected: t.Any, der: bytes = DER) -> dict[str, t.Any]:
    head, body = url_base64_of(_raw(protected)), url_base64_of(_raw(payload))
    made = signing.raw_signature(LEAF_KEY, f"{head}.{body}".encode())
    return {"payload": body, "protected": head, "header": {"x5c": [base64_of(der)]}, "signature": url_base64_of(made)}


JWS = _jws(TARGET, PROTECTED)


def _simple_layer(store: Store, payload: t.Any, key: t.Any = KEY) -> dict[str, t.Any]:
    raw = _raw(payload)
    signature = {"dev.cosignproject.cosign/signature": base64_of(signing.sign(key, raw))}
    return store.blob(raw, signing.SIMPLE, annotations=signature)


def _add_simple(store: Store, document: t.Any) -> None:
    store.manifests[signature_tag(DIGEST)] = _raw(document)


def _add_bundle(store: Store, document: t.Any) -> None:
    store.refer(store.manifest(store.blob(_raw(document), signing.BUNDLE)), signing.BUNDLE)


def _add_jws(store: Store, document: t.Any) -> None:
    store.refer(store.manifest(store.blob(_raw(document), signing.JOSE)), signing.NOTATION)


def _list(store: Store, document: t.Any) -> None:
    store.refer(_referrer(store), signing.BUNDLE)
    store.listed = document


def _referrer(store: Store) -> dict[str, t.Any]:
    return store.manifest(store.blob(_raw(BY_KEY), signing.BUNDLE), artifactType=signing.BUNDLE, annotations={"x": "y"})


def _listed(store: Store) -> t.Any:
    inner = Store()
    inner.refer(_referrer(inner), signing.BUNDLE)
    inner.listed["manifests"][0].update(annotations={"x": "y"}, platform={"os": "linux", "architecture": "arm64", "os.features": ["x"]})
    return inner.listed


def _chained(store: Store) -> dict[str, t.Any]:
    """Return the manifest of a signature by a certificate, which comes along in an annotation."""
    layer = _simple_layer(store, PAYLOAD, LEAF_KEY)
    layer["annotations"]["dev.sigstore.cosign/certificate"] = LEAF.public_bytes(serialization.Encoding.PEM).decode()
    return store.manifest(layer, annotations={"x": "y"}, subject=store.blob(b"", OCI_MANIFEST))


# For each place: the document that is changed, and how a changed one becomes a signature.
FORMS: dict[str, tuple[t.Callable[[Store], t.Any], t.Callable[[Store, t.Any], None]]] = {
    "the manifest under cosign's tag": (_chained, _add_simple),
    "the payload of simple signing": (
        lambda store: PAYLOAD,
        lambda store, it: _add_simple(store, store.manifest(_simple_layer(store, it))),
    ),
    "a bundle by a key": (lambda store: BY_KEY, _add_bundle),
    "a bundle by a certificate": (lambda store: BY_CERTIFICATE, _add_bundle),
    "a bundle by a chain": (lambda store: BY_CHAIN, _add_bundle),
    "the statement in a bundle": (lambda store: STATEMENT, lambda store, it: _add_bundle(store, _bundle(it, HINT, KEY))),
    "the envelope of notation": (lambda store: JWS, _add_jws),
    "the protected header of notation": (lambda store: PROTECTED, lambda store, it: _add_jws(store, _jws(TARGET, it))),
    "the payload of notation": (lambda store: TARGET, lambda store, it: _add_jws(store, _jws(it, PROTECTED))),
    "the manifest of a referrer": (_referrer, lambda store, it: store.refer(it, signing.BUNDLE)),
    "the list of referrers": (_listed, _list),
}


def _changed(document: t.Any, make: t.Callable[[t.Any, t.Any], t.Iterator[None]]) -> t.Iterator[t.Any]:
    """Yield a copy of ``document`` for each change that ``make`` does at each place in it."""

    def visit(node: t.Any) -> t.Iterator[t.Any]:
        for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            inner = node[key]
            for _change in make(node, key):
                yield copy.deepcopy(whole)
            node[key] = inner
            yield from visit(inner)

    whole = copy.deepcopy(document)
    return visit(whole)


def _put_wrong(node: t.Any, key: t.Any) -> t.Iterator[None]:
    for value in WRONG:
        node[key] = value
        yield


def _put_twin(node: t.Any, key: t.Any) -> t.Iterator[None]:
    if isinstance(key, str) and key not in ("team", "hint"):  # whose names are anybody's, and that nobody reads
        twin = key[:1] + key[1:].swapcase()
        node[twin] = node[key]
        yield
        del node[twin]


def _examine(form: str, document: t.Any = None) -> Examined:
    """Return what the signature of a form proves, with ``document`` in the place of the right one, beside one that is valid."""
    store = Store()
    right, add = FORMS[form]
    add(store, right(store) if document is None else document)
    if signature_tag(DIGEST) in store.manifests:
        _add_bundle(store, _bundle(STATEMENT, HINT, OTHER))
    else:
        _add_simple(store, store.manifest(_simple_layer(store, PAYLOAD, OTHER)))
    [examined] = Verification(POLICY).examine(store, DIGEST, every=True)
    return examined


@pytest.mark.parametrize("form", FORMS)
def test_t63_the_right_one_counts(form: str) -> None:
    assert [verdict.verified for verdict in _examine(form).verdicts] == [True, True]


@pytest.mark.parametrize("form", FORMS)
def test_t63_a_field_of_a_wrong_type_is_a_reason_and_harms_no_other_signature(form: str) -> None:
    changed = list(_changed(FORMS[form][0](Store()), _put_wrong))
    assert len(changed) >= 50
    for document in [*changed, *WRONG]:
        examined = _examine(form, document)
        assert examined.reason == "", document
        assert all(verdict.verified != bool(verdict.reason) for verdict in examined.verdicts), document


@pytest.mark.parametrize("form", [form for form in FORMS if not form.startswith(("the manifest", "the list"))])
def test_t63_two_keys_that_differ_in_case_only_are_refused(form: str) -> None:
    for document in _changed(FORMS[form][0](Store()), _put_twin):
        verdicts = _examine(form, document).verdicts
        assert [verdict.verified for verdict in verdicts].count(True) == 1, document
        assert any("programs would read it in different ways" in verdict.reason for verdict in verdicts), document


@given(position=st.integers(0, len(DER) - 1), value=st.integers(0, 255))
def test_t63_a_certificate_with_a_byte_changed_is_no_surprise(position: int, value: int) -> None:
    der = DER[:position] + bytes([value]) + DER[position + 1 :]
    store = Store()
    _add_jws(store, _jws(TARGET, PROTECTED, der))
    [examined] = Verification(POLICY).examine(store, DIGEST, every=True)
    assert bool(examined.reason) == (der != DER)
