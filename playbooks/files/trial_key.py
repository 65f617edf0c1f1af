# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a new key for the playbook try_registry: ``python trial_key.py FOLDER`` makes ``trial.pem`` and ``trial.pub``."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run the command."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        sys.exit(f"Signing needs the Python package cryptography in {sys.executable}.")
    folder, key = Path(sys.argv[1]), ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "trial.pem").write_bytes(private)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "trial.pub").write_bytes(public)


if __name__ == "__main__":
    main()
