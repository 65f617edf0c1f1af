# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an index lists beside its images: attestations of BuildKit, indexes of SOCI, and manifests of former times."""

from __future__ import annotations

import typing as t

UNREAD_TYPES = (  # what registries keep from former times: it is there, whoever cannot read it
    "application/vnd.oci.artifact.manifest.v1+json",
    "application/vnd.cncf.oras.artifact.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v1+json",
)
_ATTESTATION = "vnd.docker.reference.type"
# What an index says of content that is no image for a platform, but belongs to one: BuildKit of attestations, and SOCI of its indexes.
_OWNERS = ("vnd.docker.reference.digest", "com.amazon.soci.image-manifest-digest")


def owner_of(annotations: t.Mapping[str, str]) -> str:
    """Return the digest of the image that an entry of an index belongs to, "" where it is an image itself."""
    return next((annotations[key] for key in _OWNERS if key in annotations), "")


def is_companion(annotations: t.Mapping[str, str]) -> bool:
    """Tell whether an entry of an index is no image: an attestation of BuildKit, or an index of SOCI."""
    return _ATTESTATION in annotations or bool(owner_of(annotations))
