# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority for tests, and what it issues."""

from __future__ import annotations

import ssl
import typing as t
from pathlib import Path

import trustme


class Authority:
    """Issues certificates; ``path`` is the file that clients trust."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ca = trustme.CA()
        self._count = 0
        self.path = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.path)

    def context(self, *names: str, client_certs: bool = False) -> ssl.SSLContext:
        """Return the TLS context of a server with these names (127.0.0.1 and localhost without any)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
        if client_certs:
            self._ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_files(self, name: str = "client@example.com") -> dict[str, t.Any]:
        """Return the module options ``client_cert`` and ``client_key`` of a new client certificate."""
        self._count += 1
        issued = self._ca.issue_cert(name)
        cert, key = (str(self.folder / f"client-{self._count}-{part}.pem") for part in ("cert", "key"))
        issued.cert_chain_pems[0].write_to_path(cert)
        issued.private_key_pem.write_to_path(key)
        return {"client_cert": cert, "client_key": key}
