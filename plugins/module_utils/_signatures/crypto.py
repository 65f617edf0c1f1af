# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that imports the library cryptography, which is needed for signatures alone."""

from __future__ import annotations

from .._core.errors import RegistryError, missing_library

try:
    import cryptography
    from cryptography import x509
    from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    HAS_CRYPTOGRAPHY = int(cryptography.__version__.partition(".")[0]) >= 36
except ImportError:
    HAS_CRYPTOGRAPHY = False

__all__ = [
    "HAS_CRYPTOGRAPHY",
    "ec",
    "ed25519",
    "encode_dss_signature",
    "faults",
    "hashes",
    "padding",
    "require_cryptography",
    "rsa",
    "serialization",
    "unproven",
    "x509",
]


def require_cryptography() -> None:
    """Raise ``missing_library`` where the library is absent or too old."""
    if not HAS_CRYPTOGRAPHY:
        raise missing_library("cryptography (36 or newer)", "Signatures require an additional library. ")


def faults() -> tuple[type[Exception], ...]:
    """Return what the library raises for keys, certificates and signatures that are wrong or that it cannot read."""
    certificates = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
    return (ValueError, TypeError, InternalError, InvalidSignature, UnsupportedAlgorithm, *certificates)


def unproven(reason: str) -> RegistryError:
    """Return the error of a signature that proves nothing."""
    return RegistryError(reason, "unverified")
