# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags that belong to a manifest by its digest: cosign's signatures and attestations, and the list of referrers."""

from __future__ import annotations

import re

from .reference import Digest

_DIGEST_TAG = re.compile(r"(?P<algorithm>sha256|sha512)-(?P<hex>[0-9a-f]{64})(?:[0-9a-f]{64})?(?:\.[A-Za-z0-9._-]+)?", re.ASCII)


def digest_key(digest: Digest) -> str:
    """Return what the tags that belong to ``digest`` begin with; the specification cuts it at 64 digits."""
    return f"{digest.algorithm}-{digest.hex[:64]}"


def owner_key(tag: str) -> str:
    """Return the ``digest_key`` of the manifest that ``tag`` belongs to (``sha256-...``, ``sha256-....sig``), "" for any other tag."""
    match = _DIGEST_TAG.fullmatch(tag)
    return f"{match['algorithm']}-{match['hex']}" if match else ""


def owner_digest(tag: str) -> Digest | None:
    """Return the digest of the manifest that ``tag`` belongs to, None where the tag does not tell all of it."""
    key = owner_key(tag)
    return Digest.parse(key.replace("-", ":")) if key.startswith("sha256-") else None
