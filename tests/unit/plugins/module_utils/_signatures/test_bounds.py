# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a signature may cost: time that grows with its length and no faster, and nothing that exhausts the library."""

from __future__ import annotations

import json
import time
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest
from ansible_collections.ocitools.registry.plugins.module_utils._signatures.bundle import read_bundle
from ansible_collections.ocitools.registry.plugins.module_utils._signatures.certificates import parse_chain
from ansible_collections.ocitools.registry.plugins.module_utils._signatures.encodings import pem_blocks
from ansible_collections.ocitools.registry.plugins.module_utils._signatures.keys import PublicKey
from ansible_collections.ocitools.registry.plugins.module_utils._signatures.notation import read_notation
from ansible_collections.ocitools.registry.plugins.module_utils._signatures.policy import Policy
from ansible_collections.ocitools.registry.plugins.module_utils._signatures.simple_signing import read_simple, read_simple_claims
from ansible_collections.ocitools.registry.tests.unit.plugins import signing
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st


def test_t63_pem_that_never_ends_takes_no_longer_than_it_is_long() -> None:
    start = time.process_time()
    for flood in (
        "-----BEGIN A-----" * 250_000,
        "".join(f"-----BEGIN A{number}-----" for number in range(200_000)),
        "-----BEGIN " * 400_000,
    ):
        assert pem_blocks(flood) == []
    assert time.process_time() - start < 5


def test_t63_a_block_with_headers_is_a_block() -> None:
    text = signing.private_pem(signing.make_key(), form=serialization.PrivateFormat.TraditionalOpenSSL)
    old = text.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", 1)
    assert [label for label, _block in pem_blocks(f"first\n{old}between{signing.AUTHORITY}")] == ["EC PRIVATE KEY", "CERTIFICATE"]


def test_t64_certificates_beyond_the_limit_are_not_even_parsed() -> None:
    with pytest.raises(RegistryError, match="100000 certificates: more than the limit of 10"):
        parse_chain([b"no certificate"] * 100_000)


def test_t63_a_key_that_takes_minutes_is_refused() -> None:
    key = rsa.RSAPublicNumbers(65537, (1 << 20_000) + 1).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(RegistryError, match="more than the limit of 16384"):
        PublicKey.parse(pem, "The key")


# Whatever bytes there are: an error of our own, or a signature that proves nothing

_DIGEST = Digest.of(b"")
_POLICY = Policy.parse({"keys": [signing.KEYS["p256"], signing.KEYS["rsa"]]})
_WORDS = [
    "mediaType",
    "verificationMaterial",
    "publicKey",
    "certificate",
    "rawBytes",
    "dsseEnvelope",
    "payload",
    "payloadType",
    "signatures",
    "sig",
    "protected",
    "header",
    "x5c",
    "signature",
    "alg",
    "crit",
    "cty",
    "critical",
    "image",
    "identity",
    "docker-manifest-digest",
    "type",
]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=6),
    max_leaves=20,
)
READERS: dict[str, t.Callable[[bytes], object]] = {
    "bundle": read_bundle,
    "notation": read_notation,
    "simple": lambda raw: read_simple(raw, {"dev.cosignproject.cosign/signature": raw.decode("latin-1")}),
    "claims": read_simple_claims,
}


def _kind_of(read: t.Callable[[bytes], object], raw: bytes) -> str:
    try:
        read(raw)
    except RegistryError as error:
        return error.kind
    return ""


@pytest.mark.parametrize("reader", READERS)
@given(document=_JSON, cut=st.integers(0, 40))
def test_t63_no_document_surprises_a_reader(reader: str, document: t.Any, cut: int) -> None:
    raw = json.dumps(document).encode()
    for variant in (raw, raw[: len(raw) - cut]):
        assert _kind_of(READERS[reader], variant) in ("", "unverified", "limit")


@given(signature=st.binary(max_size=80), text=st.binary(max_size=200))
def test_t63_no_bytes_are_a_signature(signature: bytes, text: bytes) -> None:
    envelope = read_simple(text, {"dev.cosignproject.cosign/signature": signing.base64_of(signature)})
    assert not _POLICY.judge(envelope, _DIGEST).verified
