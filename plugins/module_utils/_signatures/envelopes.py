# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the formats have in common: a signed text, its signature, and what the text claims."""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass, field

COSIGN = "cosign"
NOTATION = "notation"
SIMPLE = "simple signing"
BUNDLE = "bundle"
JWS = "jws"


@dataclass(frozen=True)
class Envelope:
    """A signature as it was found: ``text`` is what was signed, ``payload`` the document in it.

    ``scheme`` is how it was signed where the format says so, ``chain`` what came along, the signer's certificate first, in DER.
    """

    form: str
    text: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    scheme: str = ""
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    expires: datetime.datetime | None = None

    @property
    def format(self) -> str:
        """The program whose format it is: cosign or notation."""
        return NOTATION if self.form == JWS else COSIGN


@dataclass(frozen=True)
class Claim:
    """What a signed text says: of which ``digest``, of which ``repository`` ("" where the format names none), with which annotations."""

    digest: str
    repository: str = ""
    annotations: t.Mapping[str, t.Any] = field(default_factory=dict)
