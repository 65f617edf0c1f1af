# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete tags, and only the tags: what else is on the same digest stays, and what happened is checked afterwards."""

from __future__ import annotations

import secrets

from ._api import RepositoryApi
from ._errors import RegistryError
from ._manifest import Manifest
from ._reference import Digest
from ._transfer import find_digest

_NONCE_BITS = 96
_TAG_REFUSED = frozenset({400, 404, 405})


def delete_tag(api: RepositoryApi, tag: str, manifest: Manifest, method: str) -> str:
    """Delete ``tag``, which is on ``manifest``, by ``tag``, ``substitute`` or ``auto``; return the method that did it."""
    if method in ("auto", "tag"):
        answer = api.delete_manifest(tag)
        if answer.status in (200, 202, 204):
            answer.finish()
            _verify(api, tag, manifest)
            return "tag"
        failure = api.exchange.failure(answer, f"Deleting {api.display(tag)}", api.display(tag))
        if answer.status == 404 and find_digest(api, tag) is None:
            return "tag"  # a repeated request after a lost answer
        if method == "tag" or answer.status not in _TAG_REFUSED or failure.kind in ("denied", "unauthorized"):
            raise _explain_refusal(api, tag, failure)
    _substitute(api, tag, manifest)
    return "substitute"


def _explain_refusal(api: RepositoryApi, tag: str, failure: RegistryError) -> RegistryError:
    ways = {
        "ghcr.io": "GitHub deletes package versions only in its web interface and its packages API",
        "docker.io": "Docker Hub deletes tags only in its web interface and its own API",
    }
    own = ways.get(api.exchange.registry)
    if own:
        failure.message = f"{failure.message} {own}."
    elif failure.kind in ("unsupported", "invalid_response"):
        failure.kind = "unsupported"
        failure.message = f"{failure.message} It cannot delete a tag by its name: use method: auto or substitute for {tag}."
    return failure


def _verify(api: RepositoryApi, tag: str, manifest: Manifest) -> None:
    """Make sure that the tag is gone and its manifest is not; put the manifest back where the registry took it too."""
    if find_digest(api, tag) is not None:
        raise RegistryError(
            f"The registry said that it deleted {api.display(tag)}, but the tag is still there: "
            "it may take a while, or somebody else wrote it again.",
            "conflict",
            reference=api.display(tag),
        )
    if find_digest(api, str(manifest.digest)) is None:
        api.put_manifest(str(manifest.digest), manifest)
        raise RegistryError(
            f"The registry deleted the manifest {manifest.digest} along with {api.display(tag)}, and every tag on it: the manifest was "
            "put back by its digest, other tags of it have to be set again.",
            "unsupported",
            reference=api.display(tag),
        )


def _substitute(api: RepositoryApi, tag: str, manifest: Manifest) -> None:
    """Give the tag a digest of its own, the same manifest with blanks behind it, and delete that digest."""
    shown = api.display(tag)
    if manifest.subject is not None:
        raise RegistryError(
            f"The tag {shown} cannot be deleted by substitute: its manifest refers to another one, and a copy would be listed there too.",
            "unsupported",
            reference=shown,
        )
    _check_deletion_enabled(api, shown)
    double = _padded(manifest)
    api.put_manifest(tag, double)
    answer = api.delete_manifest(str(double.digest))
    if answer.status not in (200, 202, 204) and not (answer.status == 404 and find_digest(api, tag) is None):
        failure = api.exchange.failure(answer, f"Deleting {shown}", shown)
        api.put_manifest(tag, manifest)
        failure.message = f"{failure.message} The tag was put back as it was."
        raise failure
    answer.finish()
    _verify(api, tag, manifest)


def _check_deletion_enabled(api: RepositoryApi, shown: str) -> None:
    """Find out, without touching anything, whether the registry deletes by digest at all."""
    nothing = Digest("sha256", secrets.token_hex(32))
    answer = api.delete_manifest(str(nothing))
    if answer.status == 404:
        answer.finish()
        return
    failure = api.exchange.failure(answer, f"Deleting {shown}", shown)
    if failure.kind not in ("denied", "unauthorized", "rate_limited", "server"):
        failure.kind = "unsupported"
        failure.message = f"{failure.message} Deletion is disabled on this registry; nothing was changed."
    raise _explain_refusal(api, shown, failure) if failure.kind == "denied" else failure


def _padded(manifest: Manifest) -> Manifest:
    nonce = secrets.randbits(_NONCE_BITS)
    blanks = "".join(" \t"[nonce >> bit & 1] for bit in range(_NONCE_BITS))
    return Manifest.parse(manifest.raw + f"\n{blanks}".encode("ascii"), manifest.media_type)


def delete_digest(api: RepositoryApi, digest: Digest) -> None:
    """Delete a manifest and every tag on it; absent is fine."""
    shown = api.display(str(digest))
    answer = api.delete_manifest(str(digest))
    if answer.status in (200, 202, 204, 404):
        answer.finish()
    else:
        raise _explain_refusal(api, shown, api.exchange.failure(answer, f"Deleting {shown}", shown))
    if find_digest(api, str(digest)) is not None:
        raise RegistryError(f"The registry said that it deleted {shown}, but it is still there.", "conflict", reference=shown)
