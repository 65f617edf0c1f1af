# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority of our own, the servers' certificate, and the key that signs tokens."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import trustme


class Authority:
    """An authority with one certificate for everything on this machine's loopback; its files are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._own = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self._issued = self._own.issue_cert("127.0.0.1", "localhost", key_type=trustme.KeyType.ECDSA)
        self.certificates = folder / "certificates"
        self.certificates.mkdir()
        self.ca_path = self.certificates / "ca.crt"
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"
        self._own.cert_pem.write_to_path(self.ca_path)
        self._issued.private_key_pem.write_to_path(self.key)
        for blob in self._issued.cert_chain_pems:
            blob.write_to_path(self.certificate, append=True)
        self.key.chmod(0o600)

    def context(self) -> ssl.SSLContext:
        """Return what a TLS server of this process needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def signing_key(self) -> str:
        """Return the PEM of the key that signs tokens."""
        return self._issued.private_key_pem.bytes().decode("ascii")

    def signing_chain(self) -> list[str]:
        """Return the certificate of that key as a token carries it, base64 of its DER."""
        pem = self._issued.cert_chain_pems[0].bytes().decode("ascii")
        return [base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode("ascii")]
