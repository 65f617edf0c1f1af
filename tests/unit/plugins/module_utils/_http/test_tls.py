# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a TLS connection trusts and shows: whole handshakes in memory, and files that cannot be used."""

from __future__ import annotations

import os
import shutil
import ssl
import sys
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme
from ansible_collections.ocitools.registry.plugins.module_utils._http import tls
from ansible_collections.ocitools.registry.plugins.module_utils._http.tls import TlsOptions
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import refusal
from cryptography.hazmat.primitives import serialization

HOST = "reg.example.com"


class Authority:
    """Issues certificates; ``path`` is the file to trust."""

    def __init__(self, folder: Path, name: str) -> None:
        self.ca = trustme.CA()
        self.folder = folder
        self.path = str(folder / f"{name}.pem")
        self.ca.cert_pem.write_to_path(self.path)

    def server(self, *names: str, asks: bool = False, **options: t.Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or (HOST,)), **options).configure_cert(context)
        if asks:
            self.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self, name: str) -> tuple[str, str]:
        issued = self.ca.issue_cert(f"{name}@example.com")
        paths = str(self.folder / f"{name}.cert"), str(self.folder / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(paths[0])
        issued.private_key_pem.write_to_path(paths[1])
        return paths


@pytest.fixture
def good(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "good")


@pytest.fixture
def evil(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "evil")


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand for the machine's own folders and store; return the folder of HOST."""
    folder = tmp_path / "certs.d" / HOST
    monkeypatch.setattr(tls, "CERTIFICATE_FOLDERS", (str(tmp_path / "none"), str(tmp_path / "certs.d")))
    monkeypatch.setattr(tls, "SYSTEM_STORES", (str(tmp_path / "no-store.pem"), str(tmp_path / "store.pem")))
    return folder


def shake(client: ssl.SSLContext, server: ssl.SSLContext, host: str = HOST) -> t.Any:
    """Return the client certificate that the server sees; raises what either side raises."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(to_client, to_server, server_hostname=host), server.wrap_bio(to_server, to_client, server_side=True)]
    for _round in range(10):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return sides[1].getpeercert()


def options(**given: t.Any) -> TlsOptions:
    return TlsOptions(**given)


def context(environ: dict[str, str] | None = None, **given: t.Any) -> ssl.SSLContext:
    return options(**given).context(HOST, environ or {})


def test_t10_the_authority_that_is_named_is_trusted_and_no_other(good: Authority, evil: Authority) -> None:
    shake(context(ca_path=good.path), good.server())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(context(ca_path=good.path), evil.server())


def test_an_authority_that_another_one_has_certified_is_trusted_without_that_one(tmp_path: Path, good: Authority, evil: Authority) -> None:
    issuing = good.ca.create_child_ca()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuing.issue_cert(HOST).configure_cert(server)
    path = str(tmp_path / "issuing.pem")
    issuing.cert_pem.write_to_path(path)
    shake(context(ca_path=path), server)
    shake(context({"SSL_CERT_FILE": path}), server)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(context(ca_path=path), good.server())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(context(ca_path=evil.path), server)


def test_t10_the_name_must_be_that_of_the_host(good: Authority) -> None:
    trusting = context(ca_path=good.path)
    for names in (("other.example.com",), ("example.com",), ("10.0.0.1",), (f"{HOST}.evil.example",)):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake(trusting, good.server(*names))
    shake(trusting, good.server("*.example.com"))
    shake(trusting, good.server("10.0.0.1"), "10.0.0.1")


def test_t10_a_certificate_must_be_valid_today(good: Authority) -> None:
    today = datetime.now(timezone.utc)
    for first, last in ((today - timedelta(9), today - timedelta(2)), (today + timedelta(2), today + timedelta(9))):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake(context(ca_path=good.path), good.server(not_before=first, not_after=last))


def test_t10_old_versions_of_tls_are_not_spoken(good: Authority) -> None:
    assert context(ca_path=good.path).minimum_version == ssl.TLSVersion.TLSv1_2
    assert context(validate_certs=False).minimum_version == ssl.TLSVersion.TLSv1_2


def test_t10_without_validation_any_certificate_goes(good: Authority, evil: Authority) -> None:
    careless = context(validate_certs=False, ca_path=good.path)
    shake(careless, evil.server("other.example.com"))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(context(ca_path=good.path), evil.server())


def test_t10_what_is_trusted_where_nothing_is_named(tmp_path: Path, machine: Path, good: Authority, evil: Authority) -> None:
    """The host's own folder, then the environment, then the system's store: the first that there is, alone."""
    shutil.copy(evil.path, tmp_path / "store.pem")
    shake(context(), evil.server())
    shake(context({"REQUESTS_CA_BUNDLE": good.path}), good.server())
    shake(context({"SSL_CERT_FILE": good.path, "REQUESTS_CA_BUNDLE": evil.path}), good.server())
    machine.mkdir(parents=True)
    shake(context({"SSL_CERT_FILE": good.path}), good.server())
    shutil.copy(good.path, machine / "ca.crt")
    trusting = context({"SSL_CERT_FILE": evil.path})
    shake(trusting, good.server())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(trusting, evil.server())
    shake(context(ca_path=evil.path), evil.server())


def test_t10_the_folder_of_another_host_does_not_count(tmp_path: Path, machine: Path, good: Authority, evil: Authority) -> None:
    shutil.copy(evil.path, tmp_path / "store.pem")
    machine.mkdir(parents=True)
    shutil.copy(good.path, machine / "ca.crt")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(options().context(f"{HOST}:5000", {}), good.server())


def test_the_folder_of_a_host_may_have_the_port_of_https(tmp_path: Path, machine: Path, good: Authority, evil: Authority) -> None:
    shutil.copy(evil.path, tmp_path / "store.pem")
    folder = machine.with_name(f"{HOST}:443")
    folder.mkdir(parents=True)
    shutil.copy(good.path, folder / "ca.crt")
    shake(options().context(HOST, {}), good.server())
    machine.mkdir()
    shutil.copy(evil.path, machine / "ca.crt")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(options().context(HOST, {}), good.server())


def test_t10_a_folder_that_is_closed_to_us_does_not_count(monkeypatch: pytest.MonkeyPatch, good: Authority) -> None:
    real = os.stat

    def closed(path: t.Any, *args: t.Any, **given: t.Any) -> os.stat_result:
        if "certs.d" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **given)

    monkeypatch.setattr(os, "stat", closed)
    shake(context({"SSL_CERT_FILE": good.path}), good.server())


def test_without_a_store_certifi_is_asked_and_then_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    assert context().get_ca_certs()
    monkeypatch.setitem(sys.modules, "certifi", None)
    assert "ca_path" in refusal(context, kind="tls").message


def test_a_directory_that_is_not_prepared_is_refused(tmp_path: Path, good: Authority, evil: Authority) -> None:
    assert "openssl rehash" in refusal(context, ca_path=str(tmp_path), kind="invalid_option").message
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    shutil.copy(evil.path, prepared / "0a1b2c3d.0")  # a hash that is none of ours: the directory is prepared, but trusts nobody here
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(context(ca_path=str(prepared)), good.server())


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_an_authority_that_cannot_be_used_is_named(tmp_path: Path, machine: Path, content: str | None) -> None:
    path = tmp_path / "broken.pem"
    if content is not None:
        path.write_text(content)
    for source, call in (
        ("ca_path", lambda: context(ca_path=str(path))),
        ("SSL_CERT_FILE", lambda: context({"SSL_CERT_FILE": str(path)})),
        ("REQUESTS_CA_BUNDLE", lambda: context({"REQUESTS_CA_BUNDLE": str(path)})),
    ):
        message = refusal(call, kind="invalid_option").message
        assert str(path) in message
        assert source in message
    if content is not None:
        machine.mkdir(parents=True)
        shutil.copy(path, machine / "ca.crt")
        assert str(machine) in refusal(context, kind="invalid_option").message
    refusal(context, ca_path="\0\n", kind="invalid_option")


# Client certificates


def test_t10_a_client_certificate_is_shown(good: Authority, machine: Path) -> None:
    cert, key = good.client("me")
    assert shake(context(ca_path=good.path, client_cert=cert, client_key=key), good.server(asks=True))
    both = machine.parent.parent / "both.pem"
    both.write_text(Path(key).read_text() + Path(cert).read_text())
    assert shake(context(ca_path=good.path, client_cert=str(both)), good.server(asks=True))
    machine.mkdir(parents=True)
    shutil.copy(cert, machine / "client.cert")
    shutil.copy(key, machine / "client.key")
    assert shake(context(ca_path=good.path), good.server(asks=True))


def test_t10_a_client_certificate_is_for_one_registry(good: Authority, machine: Path) -> None:
    cert, key = good.client("me")
    machine.mkdir(parents=True)
    shutil.copy(cert, machine / "client.cert")
    shutil.copy(key, machine / "client.key")
    stranger = options(ca_path=good.path).context(f"strangers of {HOST}", {})
    with pytest.raises(ssl.SSLError):
        shake(stranger, good.server(asks=True))


def test_a_client_certificate_that_cannot_be_used_is_named(tmp_path: Path, good: Authority) -> None:
    cert, key = good.client("me")
    _other, wrong = good.client("other")
    secret = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pa55-w0rd&Canary")
        )
    )
    for given in (
        {"client_cert": cert, "client_key": wrong},
        {"client_cert": cert, "client_key": str(locked)},
        {"client_cert": cert, "client_key": cert},
        {"client_cert": cert},
        {"client_cert": key, "client_key": key},
        {"client_cert": str(tmp_path / "none.cert"), "client_key": key},
        {"client_cert": cert, "client_key": str(tmp_path / "none.key")},
        {"client_cert": str(tmp_path), "client_key": key},
    ):
        assert "client_" in refusal(context, ca_path=good.path, kind="invalid_option", **given).message
    assert "without client_cert" in refusal(context, client_key=key, kind="invalid_option").message
