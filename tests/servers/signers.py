# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second opinion on signatures: cosign and notation, this machine's own or those of Debian's newer suites, where they can be had.

``python -m tests.servers.signers keys FOLDER`` makes a release key, and an authority with a certificate for notation.
``python -m tests.servers.signers judge FOLDER IMAGE`` lets cosign verify IMAGE by the release key.
``python -m tests.servers.signers sign FOLDER IMAGE`` lets cosign, by a new key ``cosign.pub``, and notation sign IMAGE.

The last two print the programs that did so, with an empty text or why they cannot be had, as JSON. Registries have to be open ones, over http.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from .debian import Unavailable, unpack

COSIGN, NOTATION = "cosign", "notation"
_SUITES = {COSIGN: "trixie", NOTATION: "sid"}


class Disagreement(Exception):
    """A program sees something else, or does not work."""


def make_keys(folder: Path) -> None:
    """Write the keys, certificates and settings of the signers."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "release.pem").write_bytes(_private(key))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "release.pub").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    authority, signer = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
    top = _certificate("Test authority", authority.public_key(), authority, is_authority=True)
    leaf = _certificate("build", signer.public_key(), authority)
    (folder / "authority.pem").write_bytes(top)
    settings = folder / NOTATION
    settings.mkdir(exist_ok=True)
    (settings / "build.pem").write_bytes(_private(signer))
    (settings / "build.crt").write_bytes(leaf + top)
    known = {"name": "build", "keyPath": str(settings / "build.pem"), "certPath": str(settings / "build.crt")}
    (settings / "signingkeys.json").write_text(json.dumps({"default": "build", "keys": [known]}), encoding="utf-8")


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _name(common: str) -> x509.Name:
    kinds = {x509.NameOID.COUNTRY_NAME: "DE", x509.NameOID.STATE_OR_PROVINCE_NAME: "BE", x509.NameOID.ORGANIZATION_NAME: "Example"}
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in {**kinds, x509.NameOID.COMMON_NAME: common}.items()])


def _certificate(common: str, key: ec.EllipticCurvePublicKey, authority: ec.EllipticCurvePrivateKey, is_authority: bool = False) -> bytes:
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(_name(common)).issuer_name(_name("Test authority")).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
    flags = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    usage = x509.KeyUsage(digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority, **flags)
    builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True).add_extension(usage, critical=True)
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def find(name: str, cache: Path) -> str:
    """Return the path of a program; raise ``Unavailable`` where it cannot be had."""
    return shutil.which(name) or str(unpack(name, cache, suite=_SUITES[name]) / "usr" / "bin" / name)


def judge(folder: Path, image: str, cache: Path) -> dict[str, str]:
    """Let cosign verify an image by the release key; return what could not be had."""

    def verify(cosign: str) -> None:
        key = str(folder / "release.pub")
        _run(folder, cosign, "verify", "--key", key, "--insecure-ignore-tlog", "--allow-http-registry", image)

    return _with({COSIGN: verify}, cache)


def sign(folder: Path, image: str, cache: Path) -> dict[str, str]:
    """Let each program sign an image; return what could not be had."""

    def sign_by_cosign(cosign: str) -> None:
        prefix = str(folder / COSIGN)
        _run(folder, cosign, "generate-key-pair", "--output-key-prefix", prefix)
        options = ["--yes", "--key", f"{prefix}.key", "--tlog-upload=false", "--allow-http-registry"]
        if "--use-signing-config" in _run(folder, cosign, "sign", "--help"):
            options.append("--use-signing-config=false")
        _run(folder, cosign, "sign", *options, image)

    def sign_by_notation(notation: str) -> None:
        _run(folder, notation, "sign", "--insecure-registry", "--key", "build", image)

    return _with({COSIGN: sign_by_cosign, NOTATION: sign_by_notation}, cache)


def _with(works: dict[str, t.Callable[[str], None]], cache: Path) -> dict[str, str]:
    done = {}
    for name, work in works.items():
        try:
            program = find(name, cache)
        except Unavailable as error:
            done[name] = str(error)
            continue
        done[name] = ""
        work(program)
    return done


def _run(folder: Path, *command: str) -> str:
    environ = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "COSIGN_PASSWORD": ""}
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise Disagreement(f"{' '.join(command)} failed: {done.stderr.strip()[-400:]}")
    return done.stdout + done.stderr


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.servers.signers", description="Signatures made and judged by cosign and notation."
    )
    parser.add_argument("command", choices=["keys", "judge", "sign"])
    parser.add_argument("folder", type=Path, help="where the keys are")
    parser.add_argument("image", nargs="?", default="")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "ocitools-servers", help="keeps downloaded packages")
    options = parser.parse_args()
    folder = options.folder.absolute()
    works: dict[str, t.Callable[[Path, str, Path], dict[str, str]]] = {"judge": judge, "sign": sign}
    try:
        if options.command == "keys":
            make_keys(folder)
        else:
            sys.stdout.write(json.dumps(works[options.command](folder, options.image, options.cache.absolute())))
    except Disagreement as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
