# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests of a deletion: one write at a time where registries need that, and patience with those that delete later."""

from __future__ import annotations

import secrets
import threading
import typing as t
from dataclasses import dataclass, field

from .._core.errors import NotFound, RegistryError
from .._http.retry import Retry
from .._oci.manifest import Manifest
from .._oci.reference import Digest
from .api import RepositoryApi
from .deletion_refusal import no_deletion
from .tagging import find_digest

DELETED = frozenset({200, 202, 204})
Find = t.Callable[[RepositoryApi, str], t.Optional[Digest]]
UNCERTAIN = frozenset({"network", "timeout", "server", "not_found"})  # an answer before the last one may have been lost


class StillThere(RegistryError):
    """The registry said that it deleted something, and it can be read all the same."""


@dataclass
class DeletionState:
    """What a registry has shown while tags of a repository were deleted, so that it is asked once: ``by_tag`` until it refuses that.

    ``writing`` is held during a write that goes with the deletion of a digest: distribution 2.8 walks through all tags then, and stops
    halfway where another write changes them. ``doubtful`` says that a deletion was not confirmed: a tag may be listed without a
    manifest. ``collected`` are manifests that the registry took along with a tag.
    """

    by_tag: bool = True
    enabled: bool = False
    doubtful: bool = False
    writing: threading.Lock = field(default_factory=threading.Lock, repr=False)
    collected: dict[Digest, Manifest] = field(default_factory=dict)


def ask_to_delete(api: RepositoryApi, identifier: str, shown: str) -> RegistryError | None:
    """Ask once to delete a tag or digest; return what the registry has against it, None where it does it."""
    try:
        answer = api.delete_manifest(identifier)
    except RegistryError as error:
        return error
    if answer.status in DELETED:
        answer.finish()
        return None
    return api.failure(answer, f"Deleting {shown}", shown)


def check_enabled(api: RepositoryApi, shown: str, state: DeletionState) -> None:
    """Find out, without touching anything, whether the registry deletes by digest at all."""
    with state.writing:
        if state.enabled:
            return
        failure = ask_to_delete(api, str(Digest("sha256", secrets.token_hex(32))), shown)
        if failure is not None and not isinstance(failure, NotFound):
            failure = no_deletion(failure, api.exchange.registry)
            failure.message += " The tag was not changed."
            raise failure
        state.enabled = True


def find_readable(api: RepositoryApi, identifier: str, find: Find = find_digest) -> Digest | None:
    """Return the digest of what could be read before a deletion, None where it is absent or, as some registries say then, denied."""
    try:
        return find(api, identifier)
    except RegistryError as error:
        if error.kind != "denied":
            raise
        return None


def wait_until(is_gone: t.Callable[[], bool], api: RepositoryApi, shown: str) -> None:
    """Wait for a deletion that the registry has accepted, for as long as the option timeout says: some delete in a worker of theirs.

    Errors: ``StillThere``.
    """
    seconds = api.exchange.transport.timeout
    retry = Retry(0)
    while not is_gone():
        if not retry.within(seconds):
            raise StillThere(
                f"The registry said that it deleted {shown}, but after {seconds:.0f} seconds it still exists. Some registries "
                "delete later. Raise timeout to wait longer.",
                "conflict",
                reference=shown,
            )
