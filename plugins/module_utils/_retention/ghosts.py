# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ghosts: tags that a repository lists although they lead to no manifest, as a deletion that was cut short leaves them."""

from __future__ import annotations

import json
import typing as t

from .._core.errors import NotFound, RegistryError
from .._core.scrub import some
from .._oci.manifest import OCI_INDEX, Manifest
from .._registry.client import RegistryClient
from .._registry.deletion_refusal import no_deletion
from .._registry.deletion_requests import DeletionState, ask_to_delete, check_enabled, find_readable, wait_until
from .._registry.tag_deletion import gone_by, padded
from .._registry.tagging import find_digest, write_tags

_EMPTY = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}, separators=(",", ":")).encode("ascii")


def list_all(client: RegistryClient) -> set[str]:
    """Return the tags that the repository lists, none where there is no such repository; names that no tag can have are left out."""
    try:
        return set(client.list_tags(on_unusable=lambda name: None))
    except NotFound:
        return set()


def among_ghosts(client: RegistryClient, tags: t.Iterable[str], listed: t.Container[str]) -> list[str]:
    """Return those of ``tags`` that are ``listed``, and are not there when they are looked at."""
    suspects = [tag for tag in tags if tag in listed]
    return [tag for tag, digest in zip(suspects, client.fan_out(client.find_digest, suspects)) if digest is None]


def repair_ghost(client: RegistryClient, tag: str, state: DeletionState) -> str:
    """Give a ghost a manifest, the smallest there is and of its own digest, and delete that; return the method.

    Errors: ``conflict`` where somebody has set the tag meanwhile.
    """
    api = client.api
    shown = api.display(tag)
    check_enabled(api, shown, state)
    stand_in = padded(Manifest.parse(_EMPTY, OCI_INDEX))
    with state.writing:
        current = find_digest(api, tag)
        if current is not None:
            raise RegistryError(
                f"The tag {shown} was listed without a manifest, but somebody moved it to {current} in the meantime: it was not deleted.",
                "conflict",
                reference=shown,
            )
        write_tags(api, stand_in, [tag], 1)
        refusal = ask_to_delete(api, str(stand_in.digest), shown)
    if refusal is not None and (not isinstance(refusal, NotFound) or find_readable(api, tag) is not None):
        failure = no_deletion(refusal, api.exchange.registry)
        failure.message += " The tag points to an empty index now, which was pushed so that the tag can be deleted: run the task again."
        raise failure
    with gone_by("repair"):
        wait_until(lambda: find_readable(api, tag) != stand_in.digest, api, f"the tag {shown}")
    return "repair"


def check_unlisted(client: RegistryClient, tags: t.Collection[str]) -> None:
    """Raise ``conflict`` where one of ``tags``, which were ghosts and have been repaired, is listed without a manifest all the same."""
    left = among_ghosts(client, tags, list_all(client)) if tags else []
    if left:
        raise RegistryError(
            f"{client.registry} still lists tags without a manifest, although the repair was tried for each of them: {some(left)}. "
            "The registry's operator has to remove them from its storage.",
            "conflict",
            reference=f"{client.registry}:{left[0]}",
        )
