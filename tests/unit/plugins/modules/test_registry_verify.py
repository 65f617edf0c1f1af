# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures that cosign and notation made, and what a task is told of them."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import signing
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.signing import (
    AUTHORITY,
    IMAGE,
    KEYS,
    add_recorded,
    fingerprint,
)
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

SUBJECT = "CN=build p256,O=Example,ST=BE,C=DE"
OURS: dict[str, t.Any] = {"certificate_authorities": [AUTHORITY], "identities": ["ci@example.com"]}


@pytest.mark.parametrize("name", ["cosign2-p256", "cosign2-p384", "cosign2-p521", "cosign2-rsa", "cosign2-ed25519", "cosign3-p256"])
@pytest.mark.parametrize("annotations", [{}, {"team": "blue"}])
def test_what_cosign_signed_is_verified(registry: FakeRegistry, run_module: RunModule, name: str, annotations: dict[str, str]) -> None:
    add_recorded(registry, name)
    key = KEYS[name.partition("-")[2]]
    result = run_module("registry_verify", registry.args(name=["app:1"], keys=[key], annotations=annotations)).ok()
    assert not result.changed
    assert result["verified"] is True
    image = result["images"][0]
    assert image["image"] == f"{registry.host}/app@{IMAGE}"
    assert image["signatures"] == [
        {"digest": IMAGE, "format": "cosign", "key": fingerprint(key), "subject": None, "verified": True, "reason": None}
    ]


@pytest.mark.parametrize("name", ["cosign3-p384", "cosign3-p521", "cosign3-rsa", "cosign3-fallback", "cosign2-referrer", "cosign3-tag"])
def test_what_cosign_keeps_elsewhere_is_found(registry: FakeRegistry, run_module: RunModule, name: str) -> None:
    registry.style.referrers = name != "cosign3-fallback"
    add_recorded(registry, name)
    key = KEYS.get(name.partition("-")[2], KEYS["p256"])
    assert run_module("registry_verify", registry.args(name=["app:1"], keys=[key])).ok()["verified"]


@pytest.mark.parametrize("name", ["rsa2048", "rsa3072", "p256", "p384", "p521", "fallback", "expires"])
def test_what_notation_signed_is_verified(registry: FakeRegistry, run_module: RunModule, name: str) -> None:
    registry.style.referrers = name != "fallback"
    add_recorded(registry, f"notation-{name}")
    options = {**OURS, "annotations": {"team": "blue"}}
    signature = run_module("registry_verify", registry.args(name=["app:1"], **options)).ok()["images"][0]["signatures"][0]
    assert signature["format"] == "notation"
    assert signature["subject"].startswith("CN=build ")


@pytest.mark.parametrize("identity", [SUBJECT, "ci@example.com", "^CN=build p[0-9]+,O=Example,.*$", r"^ci@example\.com$"])
def test_cosign_with_a_certificate_of_ones_own_authority(registry: FakeRegistry, run_module: RunModule, identity: str) -> None:
    add_recorded(registry, "cosign2-certificate")
    options: dict[str, t.Any] = {"certificate_authorities": [AUTHORITY], "identities": [identity]}
    assert run_module("registry_verify", registry.args(name=["app:1"], **options)).ok()["images"][0]["signatures"][0]["subject"] == SUBJECT


UNVERIFIED = {
    "cosign3-attestation": "is an attestation of another type",
    "cosign3-ed25519": "in the form Ed25519ph, which is not supported",
    "notation-cose": "COSE envelope, which is not supported",
    "cosign2-certificate": "the task sets no certificate_authorities",
}


@pytest.mark.parametrize("name", UNVERIFIED)
def test_what_cannot_be_verified_is_told(registry: FakeRegistry, run_module: RunModule, name: str) -> None:
    add_recorded(registry, name)
    key = KEYS["ed25519" if name.endswith("ed25519") else "p256"]
    more: dict[str, t.Any] = OURS if name.startswith("notation") else {}
    failure = run_module("registry_verify", registry.args(name=["app:1"], keys=[key], **more)).failure("unverified")
    assert UNVERIFIED[name] in failure.msg


def test_one_signature_among_others_is_enough(registry: FakeRegistry, run_module: RunModule) -> None:
    add_recorded(registry, "cosign3-attestation", "notation-p256", "cosign2-rsa")
    result = run_module("registry_verify", registry.args(name=["app:1"], keys=[KEYS["rsa"]])).ok()
    assert [signature["verified"] for signature in result["images"][0]["signatures"]] == [True, False, False]


def test_an_image_that_is_absent_is_not_found(registry: FakeRegistry, run_module: RunModule) -> None:
    add_recorded(registry)
    for unverified in ("fail", "report"):
        options = registry.args(name=["app:1", "app:2"], keys=[KEYS["rsa"]], unverified=unverified)
        run_module("registry_verify", options).failure("not_found")


def test_the_names_that_are_not_verified(registry: FakeRegistry, run_module: RunModule) -> None:
    add_recorded(registry, "cosign2-rsa")
    registry.add_image("app", "2")
    options = registry.args(name=["app:2", "app:1", "app"], keys=[KEYS["rsa"]])
    registry.add_image("app", "latest")
    failure = run_module("registry_verify", options).failure("unverified")
    assert "2 of 3 images are not verified: app:2, app." in failure.msg
    assert [image["verified"] for image in failure["images"]] == [False, True, False]
    assert run_module("registry_verify", registry.args(name=[], keys=[KEYS["rsa"]])).failure("invalid_option")


@pytest.mark.parametrize("change", [{"changes": {"payload": "\ud800"}}, {"header": {"alg": []}}])
def test_t63_an_envelope_that_nobody_can_read_harms_no_valid_signature(
    registry: FakeRegistry, run_module: RunModule, change: dict[str, t.Any]
) -> None:
    digest = registry.add_image("app", "1").digest
    key, leaf_key, authority = signing.make_key(), signing.make_key(), signing.Authority()
    signing.add_notation(registry, digest, leaf_key, [authority.issue(leaf_key)], **change)
    options = registry.args(name=["app:1"], keys=[signing.pem_of(key)], unverified="report")
    reported = run_module("registry_verify", options).ok()["images"][0]
    assert reported["verified"] is False
    assert "The payload is not base64 for URLs." in reported["reason"] or "has no text alg" in reported["reason"]
    signing.add_simple(registry, digest, key)
    assert run_module("registry_verify", options).ok()["images"][0]["verified"]


def test_an_authority_that_two_have_certified_is_climbed_from_both_ways(registry: FakeRegistry, run_module: RunModule) -> None:
    trusted, foreign, key = signing.Authority(), signing.Authority("Foreign"), signing.make_key()
    middle = trusted.subordinate()
    by_foreign = foreign.certify(middle)
    lower = middle.subordinate("Lower")
    options: dict[str, t.Any] = {"certificate_authorities": [trusted.pem], "identities": ["ci@example.com"]}
    for number, chain in enumerate([[by_foreign, middle.certificate], [middle.certificate, by_foreign], [by_foreign]]):
        digest = registry.add_image("app", str(number), seed=str(number)).digest
        signing.add_notation(registry, digest, key, [lower.issue(key), lower.certificate, *chain])
    for tag in ("0", "1"):
        assert run_module("registry_verify", registry.args(name=[f"app:{tag}"], **options)).ok()["verified"]
    failure = run_module("registry_verify", registry.args(name=["app:2"], **options)).failure("unverified")
    assert "is not issued by one of certificate_authorities" in failure.msg


def test_t64_authorities_that_certify_each_other_end(registry: FakeRegistry, run_module: RunModule) -> None:
    trusted, key = signing.Authority(), signing.make_key()
    ring = signing.Authority("Ring")
    certificates = [ring.certify(ring) for _number in range(9)]
    signing.add_notation(registry, registry.add_image("app", "1").digest, key, [ring.issue(key), *certificates])
    options = registry.args(name=["app:1"], certificate_authorities=[trusted.pem], identities=["ci@example.com"])
    run_module("registry_verify", options).failure("unverified")


@pytest.mark.parametrize("unverified", ["fail", "report"])
def test_an_image_that_cannot_be_read_hides_no_other_one(registry: FakeRegistry, run_module: RunModule, unverified: str) -> None:
    add_recorded(registry, "cosign2-rsa")
    broken, unsigned = (registry.add_image("app", tag, seed=tag).digest for tag in ("broken", "unsigned"))
    registry.on("referrers", path=broken, times=None).answer(500)
    options = registry.args(name=["app:gone", "app:broken", "app:1", "app:unsigned"], keys=[KEYS["rsa"]], unverified=unverified, retries=0)
    failure = run_module("registry_verify", options).failure("not_found")
    assert "2 of 4 images cannot be read: app:gone, app:broken. " in failure.msg
    assert [image["verified"] for image in failure["images"]] == [False, False, True, False]
    assert [image["digest"] for image in failure["images"]] == [None, broken, IMAGE, unsigned]
    assert "has no signature of it" in failure["images"][3]["reason"]
    assert failure["unverified_names"] == ["app:gone", "app:broken", "app:unsigned"]
