# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures made here: what is written, what stays, and what is refused before anything is."""

from __future__ import annotations

import base64
import typing as t
from pathlib import Path
from urllib.parse import quote

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import signing
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

MakeRegistry = t.Callable[..., FakeRegistry]
KEY = signing.make_key()
PRIVATE, PUBLIC = signing.private_pem(KEY), signing.pem_of(KEY)
KEYS: dict[str, t.Any] = {
    "P-256": KEY,
    "P-384": signing.make_key(ec.SECP384R1()),
    "P-521": signing.make_key(ec.SECP521R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.mark.parametrize("form", ["cosign", "bundle"])
@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_what_is_signed_is_verified_and_a_rerun_changes_nothing(
    make_registry: MakeRegistry, run_module: RunModule, kind: str, form: str, style: str
) -> None:
    registry = make_registry(style)
    digest = registry.add_image("app", "1").digest
    options = registry.args(name="app:1", signing_key=signing.private_pem(KEYS[kind]), format=form, annotations={"team": "blue"})
    predicted = run_module("registry_sign", options, check=True).ok()
    assert registry.writes() == []
    result = run_module("registry_sign", options).ok()
    assert result.changed
    assert predicted.changed
    assert predicted["signed_digests"] == result["signed_digests"] == [digest]
    public = signing.pem_of(KEYS[kind])
    assert result["key"] == signing.fingerprint(public)
    assert run_module("registry_verify", registry.args(name=["app:1"], keys=[public], annotations={"team": "blue"})).ok()["verified"]
    registry.clear()
    again = run_module("registry_sign", options).ok()
    assert not again.changed
    assert again["unchanged_digests"] == [digest]
    assert registry.writes() == []


@pytest.mark.parametrize("form", ["cosign", "bundle"])
def test_signatures_that_are_there_stay(registry: FakeRegistry, run_module: RunModule, form: str) -> None:
    registry.add_image("app", "1")
    publics = []
    for _number in range(3):
        key = signing.make_key()
        publics.append(signing.pem_of(key))
        run_module("registry_sign", registry.args(name="app:1", signing_key=signing.private_pem(key), format=form)).ok()
    assert run_module("registry_verify", registry.args(name=["app:1"], keys=publics, require="all")).ok()["verified"]
    failure = run_module("registry_verify", registry.args(name=["app:1"], keys=[*publics, PUBLIC], require="all")).failure("unverified")
    assert f"Signatures are missing by: {signing.fingerprint(PUBLIC)}" in failure.msg


def test_each_child_of_an_index(registry: FakeRegistry, run_module: RunModule) -> None:
    index = registry.add_index("app", "1")
    verify = registry.args(name=["app:1"], keys=[PUBLIC], recursive=True)
    sign = registry.args(name="app:1", signing_key=PRIVATE)
    run_module("registry_sign", sign).ok()
    failure = run_module("registry_verify", verify).failure("unverified")
    assert index.children["linux/amd64"].digest in failure.msg
    assert len(run_module("registry_sign", {**sign, "recursive": True}).ok()["signed_digests"]) == 2
    assert len(run_module("registry_verify", verify).ok()["images"][0]["signatures"]) == 3


def test_another_annotation_is_another_signature(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    for build in ("1", "2"):
        options = registry.args(name="app:1", signing_key=PRIVATE, annotations={"build": build})
        assert run_module("registry_sign", options).ok().changed
        assert not run_module("registry_sign", options).ok().changed


def test_what_is_under_the_tag_and_no_signature_is_not_written_over(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1").digest
    registry.set_tag("app", f"{digest.replace(':', '-')}.sig", digest)
    run_module("registry_sign", registry.args(name="app:1", signing_key=PRIVATE)).failure("conflict")
    assert registry.writes() == []


COSIGN = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nZm9v\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
TRADITIONAL = signing.private_pem(KEY, form=serialization.PrivateFormat.TraditionalOpenSSL)
REFUSED: dict[str, tuple[dict[str, t.Any], str]] = {
    "no key": ({}, "keyless"),
    "cosign's own form": ({"signing_key": COSIGN}, "cosign import-key-pair --key key.pem"),
    "the traditional form": ({"signing_key": TRADITIONAL}, "openssl pkcs8 -topk8"),
    "a public key": ({"signing_key": PUBLIC}, "no PEM private key"),
    "two keys": ({"signing_key": PRIVATE * 2}, "more than one"),
    "a key in a cloud": ({"signing_key": "awskms://alias/release"}, "refers to a key elsewhere"),
    "an empty key": ({"signing_key": ""}, "is empty"),
    "a passphrase for nothing": ({"signing_key": PRIVATE, "passphrase": "word-of-the-test"}, "not encrypted"),
    "an empty passphrase": ({"signing_key": PRIVATE, "passphrase": ""}, "is empty"),
    "no passphrase": ({"signing_key": signing.private_pem(KEY, "word-of-the-test")}, "give the option passphrase"),
    "a wrong passphrase": (
        {"signing_key": signing.private_pem(KEY, "word-of-the-test"), "passphrase": "another-word"},
        "passphrase is wrong",
    ),
    "a short key": ({"signing_key": signing.private_pem(signing.short_rsa_key())}, "1024 bits"),
    "a number": ({"signing_key": PRIVATE, "annotations": {"build": 12}}, "quote it"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_t66_what_cannot_sign_is_refused_in_words_that_show_no_secret(registry: FakeRegistry, run_module: RunModule, case: str) -> None:
    options, words = REFUSED[case]
    failure = run_module("registry_sign", registry.args(name="app:1", **options)).failure("invalid_option")
    assert words in failure.msg
    assert registry.requests == []
    for secret in ("MIG", "word-of-the-test", "another-word"):
        assert secret not in failure.text


def test_t66_a_key_from_a_file_leaves_nothing_behind(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(signing.private_pem(KEY, "word-of-the-test"), encoding="utf-8")
    registry.add_image("app", "1")
    options = registry.args(name="app:1", signing_key=str(tmp_path / "key.pem"), passphrase="word-of-the-test")
    result = run_module("registry_sign", options, diff=True).ok()
    assert "word-of-the-test" not in result.text
    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]


def test_t66_a_private_key_among_the_public_ones_is_refused_and_not_shown(registry: FakeRegistry, run_module: RunModule) -> None:
    failure = run_module("registry_verify", registry.args(name=["app:1"], keys=[PRIVATE])).failure("invalid_option")
    assert "contains a private key" in failure.msg
    assert PRIVATE.splitlines()[1] not in failure.text


PATHS = {
    "/nowhere/release.pem": "The file '/nowhere/release.pem' of the option {} cannot be read: No such file or directory.",
    "~/no such folder/release.pem": "no such folder/release.pem' of the option {} cannot be read",
    "awskms://alias/release": "The option {} refers to a key elsewhere ('awskms://alias/release')",
    "/keys/\0release.pem": r"The option {} contains '/keys/\x00release.pem', which no path can be: give PEM text, or the path of a file.",
    "~\0/release.pem": r"The option {} contains '~\x00/release.pem', which no path can be",
}


@pytest.mark.parametrize("option", ["signing_key", "keys", "certificate_authorities"])
@pytest.mark.parametrize("path", PATHS)
def test_t66_a_path_is_no_secret(registry: FakeRegistry, run_module: RunModule, option: str, path: str) -> None:
    module = "registry_sign" if option == "signing_key" else "registry_verify"
    given: dict[str, t.Any] = {option: path if option == "signing_key" else [path], "name": "app:1"}
    failure = run_module(module, registry.args(**given))
    assert failure.error["kind"] == ("local_io" if "cannot be read" in PATHS[path] else "invalid_option")
    assert PATHS[path].format(option) in failure.msg


BARE = "".join(PRIVATE.splitlines()[1:-1])


MATERIAL = {
    "base64": BARE,
    "base64 between blanks": f" {BARE}\n",
    "PEM that was cut": PRIVATE.replace("-----BEGIN", "BEGIN"),
    "PEM in base64": signing.url_base64_of(PRIVATE.encode()),
}


@pytest.mark.parametrize("material", MATERIAL.values(), ids=MATERIAL)  # random keys cannot name tests: xdist compares the names
def test_t66_what_may_be_a_key_is_never_shown(registry: FakeRegistry, run_module: RunModule, material: str) -> None:
    failure = run_module("registry_sign", registry.args(name="app:1", signing_key=material))
    assert failure.failed
    for line in [*PRIVATE.splitlines()[1:-1], material.strip()]:
        assert line not in failure.text


@pytest.mark.parametrize(
    "spoil",
    [
        " ".join,
        lambda lines: " ".join(lines[1:-1]),
        lambda lines: "".join(lines[1:-1]),
        lambda lines: quote("\n".join(lines[1:-1])),
        lambda lines: f"'{''.join(lines[1:-1])}'",
        lambda lines: f"base64:{''.join(lines[1:-1])}",
        lambda lines: "\\n".join(lines[1:-1]),
        lambda lines: "/" + "".join(lines[1:-1]),
        lambda lines: lines[1][:30],
        lambda lines: base64.b64encode("\n".join(lines).encode()).decode(),
    ],
)
def test_t66_what_is_left_of_a_key_is_not_taken_for_a_path_and_shown(
    registry: FakeRegistry, run_module: RunModule, spoil: t.Callable[[list[str]], str]
) -> None:
    lines = signing.private_pem(KEY).strip().splitlines()
    failed = run_module("registry_sign", registry.args(name="app:1", signing_key=spoil(lines)))
    assert failed.failed
    assert not any(line[start : start + 16] in failed.text for line in lines[1:-1] for start in range(len(line) - 16))
