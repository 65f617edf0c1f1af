# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to tell somebody whose registry refuses to delete: the vendor's own way, or what the registry's operator has to set."""

from __future__ import annotations

import re

from .._core.errors import RegistryError

_OWN_WAYS = (
    (r"ghcr\.io", "GitHub deletes package versions only on its web pages and by its REST API (packages, versions of a container package)"),
    (r"docker\.io", "Docker Hub deletes tags only on its web pages and by its own API (hub.docker.com, tags of a repository)"),
    (
        r"public\.ecr\.aws|[0-9]+\.dkr[.-]ecr.*\.(amazonaws\.com(\.cn)?|on\.aws)",
        "Amazon ECR has its own API for it (aws ecr batch-delete-image), and lifecycle policies",
    ),
    (
        r"(mcr\.microsoft\.com|registry\.k8s\.io|registry\.(access\.)?redhat\.(io|com)|docker\.elastic\.co)",
        "It is its vendor's for everybody to read",
    ),
)
_STILL_TAGGED = frozenset({"GOOGLE_MANIFEST_DANGLING_TAG"})


class NoDeletion(RegistryError):
    """The registry deletes nothing, or not in this way: it is no use to ask it for more."""


def own_way(registry: str) -> str:
    """Return how the vendor of ``registry`` wants tags to be deleted, "" where nothing special is known."""
    host = registry.partition(":")[0]
    return next((text for pattern, text in _OWN_WAYS if re.fullmatch(pattern, host, re.ASCII)), "")


def no_tag_deletion(failure: RegistryError, registry: str, shown: str) -> RegistryError:
    """Return the error of a registry that does not delete a tag by its name; other refusals stay what they are."""
    own = own_way(registry)
    if own:
        return _unsupported(failure, f"{own}.")
    if failure.status in (400, 404, 405) and failure.kind not in ("denied", "unauthorized"):
        return _unsupported(failure, f"It cannot delete a tag by its name: set method to auto or substitute for {shown}.")
    if failure.status == 405:
        failure.message += " An index may need the manifest: delete the index first, or set method to auto or substitute."
    return failure


def no_deletion(failure: RegistryError, registry: str) -> RegistryError:
    """Return the error of a registry that does not delete at all, or not for this user."""
    own = own_way(registry)
    if own:
        return _unsupported(failure, f"{own}.")
    if failure.kind in ("denied", "unauthorized", "conflict", "rate_limited", "server", "network", "timeout"):
        return failure
    hint = "Deletion is disabled on this registry, or it is read-only; its operator can enable it (distribution: storage.delete.enabled)."
    if failure.code in _STILL_TAGGED:
        hint = "It deletes a manifest only when no tag points to it: set method to auto or tag, which delete the tags."
    return _unsupported(failure, hint)


def _unsupported(failure: RegistryError, hint: str) -> NoDeletion:
    message = f"{failure.message} {hint}"
    return NoDeletion(message, "unsupported", failure.status, failure.code, failure.registry, failure.reference)
