# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a TLS connection trusts and shows: one context for each client, made once, never changed by the environment later."""

from __future__ import annotations

import os
import re
import ssl
import typing as t
from pathlib import Path

from .._core.errors import RegistryError
from .._core.scrub import clean

CERTIFICATE_FOLDERS = ("/etc/containers/certs.d", "/etc/docker/certs.d")
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+", re.ASCII)  # by which name OpenSSL looks for an authority
_PARTIAL_CHAIN = 0x80000  # whoever is trusted needs nobody above him, as in programs written in Go; Python 3.9 has no name for this flag
SYSTEM_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class TlsOptions(t.NamedTuple):
    """The TLS options of a task; paths are those of the host that runs it."""

    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    def check(self) -> None:
        """Refuse options that cannot work together."""
        if self.client_key and not self.client_cert:
            raise RegistryError(
                "The task sets client_key without client_cert: set both, or set client_cert to a file with both.", "invalid_option"
            )

    def context(
        self, host: str | None, environ: t.Mapping[str, str] | None = None, client: bool = True, needed: bool = True
    ) -> ssl.SSLContext:
        """Return the TLS context for the registry ``host``; raises ``invalid_option`` for a file that cannot be used.

        Without ``host`` no folder of a host counts; without ``client`` no client certificate is shown. One that is not ``needed``,
        for plain http, trusts nobody but ``ca_path``: reading the system's authorities takes longer than many a task.
        """
        self.check()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags |= ssl.VerifyFlags(_PARTIAL_CHAIN)
        folder = _host_folder(host) if host else None
        if not self.validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.ca_path:
            _load_authority(context, self.ca_path, "ca_path")
        elif needed:
            _load_default_authorities(context, folder, os.environ if environ is None else environ)
        pair = (self.client_cert, self.client_key) if self.client_cert else _client_pair(folder)
        if client and pair:
            _load_client(context, *pair)
        return context


def _host_folder(host: str) -> Path | None:
    """Return the folder of ``host``, or of ``host:443``: so it is called where names of images have the port."""
    names = [host] if ":" in host.rpartition("]")[2] else [host, f"{host}:443"]
    places = [Path(folder) / name for folder in CERTIFICATE_FOLDERS for name in names]
    return next((place for place in places if os.path.isdir(place)), None)  # False where it is closed to us


def _load_default_authorities(context: ssl.SSLContext, folder: Path | None, environ: t.Mapping[str, str]) -> None:
    own = sorted(folder.glob("*.crt")) if folder else []
    for path in own:
        _load_authority(context, str(path), str(folder))
    if own:
        return
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        if environ.get(variable):
            _load_authority(context, environ[variable], f"the environment's {variable}")
            return
    for store in SYSTEM_STORES:
        if os.path.isfile(store):
            _load_authority(context, store, "the system's certificate store")
            return
    try:
        import certifi  # comes with requests; only wanted where the system has no store
    except ImportError:
        raise RegistryError(
            "This host has no certificate store: set ca_path to a file with the certificate authorities to trust.", "tls"
        ) from None
    _load_authority(context, certifi.where(), "certifi")


def _client_pair(folder: Path | None) -> tuple[str, str | None] | None:
    for cert in sorted(folder.glob("*.cert")) if folder else []:
        key = cert.with_suffix(".key")
        return str(cert), str(key) if os.path.isfile(key) else None
    return None


def _load_authority(context: ssl.SSLContext, path: str, source: str) -> None:
    shown = f"The certificate file {clean(path, 300)}, named by {source},"
    if not os.path.exists(path):
        raise RegistryError(f"{shown} does not exist.", "invalid_option")
    try:
        if os.path.isdir(path):
            if not any(map(_HASHED.fullmatch, os.listdir(path))):
                raise RegistryError(
                    f"The directory {clean(path, 300)}, named by {source}, contains no certificate under its hash: run openssl rehash on it, "
                    "or name a file.",
                    "invalid_option",
                )
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except (OSError, ValueError):  # an SSLError is an OSError
        raise RegistryError(f"{shown} cannot be read or contains no PEM certificate.", "invalid_option") from None


def _load_client(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    for option, path in (("client_cert", cert), ("client_key", key)):
        if path and not os.path.isfile(path):
            raise RegistryError(f"The file {clean(path, 300)} of {option} does not exist.", "invalid_option")
    try:
        context.load_cert_chain(cert, key, password="")  # an encrypted key fails instead of asking at a terminal
    except (OSError, ValueError):
        raise RegistryError(
            f"The client certificate {clean(cert, 300)} (client_cert) cannot be used with the key in {clean(key or cert, 300)} (client_key): "
            "both must be PEM, belong together, and have no passphrase.",
            "invalid_option",
        ) from None
