# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificates say of themselves, held against a library that reads them as well."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http.certificate import Certificate
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import check_error, parsed, quick, refusal
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

KEY = ec.generate_private_key(ec.SECP256R1())


def make(subject: dict[x509.ObjectIdentifier, str], end: datetime.datetime, issuer: str = "Example Authority") -> bytes:
    """Return a certificate in DER."""
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(kind, text) for kind, text in subject.items()]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(KEY.public_key())
        .serial_number(2**150 + 1)
        .not_valid_before(datetime.datetime(1980, 1, 1))
        .not_valid_after(end)
        .sign(KEY, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.DER)


GOOD = make({NameOID.COMMON_NAME: "registry.example.com"}, datetime.datetime(2030, 2, 3, 4, 5, 6))


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (datetime.datetime(2030, 2, 3, 4, 5, 6), "2030-02-03T04:05:06Z"),
        (datetime.datetime(1999, 12, 31, 23, 59, 59), "1999-12-31T23:59:59Z"),
        (datetime.datetime(2049, 12, 31, 23, 59, 59), "2049-12-31T23:59:59Z"),
        (datetime.datetime(2050, 1, 1), "2050-01-01T00:00:00Z"),
        (datetime.datetime(9999, 12, 31, 23, 59, 59), "9999-12-31T23:59:59Z"),
    ],
)
def test_the_end_of_the_validity(end: datetime.datetime, text: str) -> None:
    assert Certificate.parse(make({NameOID.COMMON_NAME: "a"}, end)).not_after == text


def test_names_in_the_order_of_the_certificate() -> None:
    subject = {
        NameOID.COUNTRY_NAME: "DE",
        NameOID.STATE_OR_PROVINCE_NAME: "S\u00fcden",
        NameOID.LOCALITY_NAME: "\u6771\u4eac",
        NameOID.ORGANIZATION_NAME: "Example, Inc.",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "Images",
        NameOID.COMMON_NAME: "registry.example.com",
        NameOID.EMAIL_ADDRESS: "root@example.com",
        NameOID.DOMAIN_COMPONENT: "example",
        NameOID.SERIAL_NUMBER: "17",
        NameOID.PSEUDONYM: "p",
    }
    read = Certificate.parse(make(subject, datetime.datetime(2030, 1, 1)))
    assert read.issuer == "CN=Example Authority"
    assert read.subject == (
        "C=DE, ST=S\u00fcden, L=\u6771\u4eac, O=Example, Inc., OU=Images, CN=registry.example.com, "
        "emailAddress=root@example.com, DC=example, serialNumber=17, 550441=p"
    )


def test_an_empty_subject() -> None:
    assert Certificate.parse(make({}, datetime.datetime(2030, 1, 1))).subject == ""


def test_control_characters_do_not_get_out() -> None:
    read = Certificate.parse(make({NameOID.COMMON_NAME: "a\x1b[31mb\nc"}, datetime.datetime(2030, 1, 1)))
    assert read.subject == "CN=a [31mb c"


@pytest.mark.parametrize("count", range(0, len(GOOD), 7))
def test_a_certificate_that_is_cut_short_is_refused(count: int) -> None:
    refusal(Certificate.parse, GOOD[:count], kind="invalid_response")


@quick
@given(st.binary(max_size=200))
def test_anything_else_is_refused(data: bytes) -> None:
    parsed(Certificate.parse, data)


@quick
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_spoilt_byte_never_leads_astray(position: int, value: int) -> None:
    read = parsed(Certificate.parse, GOOD[:position] + bytes([value]) + GOOD[position + 1 :])
    assert read is None or (read.subject.isprintable() and len(read.not_after) == 20)


def test_the_error_is_a_sentence() -> None:
    check_error(refusal(Certificate.parse, b"no certificate"))
