# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many deletions in one repository: the first alone, to see what this registry makes of it, then several at a time.

Of digests one is deleted after the other, whatever is read beside it: see ``DeletionState``.
"""

from __future__ import annotations

import typing as t

from .._core.errors import NotFound, RegistryError
from .._oci.manifest import Manifest
from .._oci.reference import Digest
from .._registry.api import RepositoryApi
from .._registry.client import RegistryClient
from .._registry.deletion_refusal import NoDeletion
from .._registry.deletion_requests import DeletionState, StillThere, ask_to_delete, find_readable
from .._registry.tag_deletion import OnDeleted, TagDeletion, TookMore, check_unmoved, delete_digest, gone_by, unpadded
from .._registry.tagging import find_left

Delete = t.Callable[[str], str]
Look = t.Callable[[], None]
Probe = t.Callable[[str], Look]
_FOR_ALL = frozenset({"denied", "unauthorized", "rate_limited", "server", "network", "timeout", "tls"})


class PutBack(RegistryError):
    """What was deleted is there again, since it should not have been: nothing further must be deleted."""


class DeletionBatch:
    """Deletes names (tags, or digests) and notes what became of each.

    ``done`` has the method that did it, "" for what was gone already. A failure stops the others only where they would fail alike, or
    where the registry took more than it was asked to. ``probe`` is called before the first name that can be deleted is, and what it returns
    afterwards.
    """

    def __init__(self, client: RegistryClient, probe: Probe = lambda name: lambda: None) -> None:
        self._client = client
        self._probe = probe
        self._proven = False
        self.done: dict[str, str] = {}
        self.failures: dict[str, RegistryError] = {}
        self._reasons: dict[str, str] = {}

    def run(self, names: t.Sequence[str], delete: Delete) -> None:
        """Delete each of ``names`` by ``delete(name)``, which returns the method."""
        pending = list(names)
        while pending and not self._proven:
            name = pending.pop(0)
            look = self._probe(name)
            self._delete_one(name, delete)
            if self.done.get(name):
                self._proven = True
                self._look_after(name, look)
        self._client.fan_out(lambda name: self._delete_one(name, delete), pending)

    def _look_after(self, name: str, look: Look) -> None:
        try:
            look()
        except RegistryError as error:
            if isinstance(error, PutBack):
                del self.done[name]
            self.fail(name, error)
            raise

    def fail(self, name: str, error: RegistryError) -> None:
        """Note that the deletion of ``name`` has failed, whatever came of it."""
        self.failures[name] = error
        self._reasons[name] = error.message
        self._client.progress.finish(f"{name}: failed", failed=True)

    def _delete_one(self, name: str, delete: Delete) -> None:
        try:
            self.done[name] = delete(name) or self.done.get(name, "")
            self._client.progress.finish(f"{name}: deleted")
        except RegistryError as error:
            if error.gone_by:
                self.done[name] = error.gone_by
            self.fail(name, error)
            if isinstance(error, (TookMore, NoDeletion, StillThere)) or error.kind in _FOR_ALL:
                raise

    def failed(self) -> dict[str, str]:
        """Return why each name that failed did."""
        return dict(sorted(self._reasons.items()))

    def raise_failures(self, asked: int) -> None:
        """Raise the first failure, if there is one, and tell how many of those ``asked`` for there are."""
        for error in self.failures.values():
            if asked > 1:
                error.message += f" {sum(map(bool, self.done.values()))} of {asked} were deleted, {len(self.failures)} failed."
            raise error


def delete_planned(
    client: RegistryClient,
    tag: str,
    planned: Digest,
    method: str,
    state: DeletionState,
    manifest: Manifest | None = None,
    siblings: t.Sequence[str] = (),
    spare: bool = False,
    watched: bool = False,
) -> str:
    """Delete a tag that was ``planned`` to go while it was on this digest, and return the method; "" where it is gone already.

    It is looked at once more, unless its ``manifest`` was read just now. Raises ``conflict`` where it was moved.
    """
    if manifest is None:
        try:
            manifest = client.get_manifest(tag)
        except NotFound:
            return ""
        original = unpadded(manifest)
        if original.has_digest(planned):
            manifest = original  # somebody else is deleting the tag by a substitute
        check_unmoved(client.api.display(tag), planned, manifest.digest)
    return TagDeletion(client.api, tag, manifest, state, siblings, spare, watched).run(method)


def delete_with_tags(
    client: RegistryClient,
    digest: Digest,
    tags: t.Sequence[str],
    state: DeletionState,
    on_deleted: OnDeleted = lambda manifest: None,
) -> str:
    """Delete a manifest and with it ``tags``, all that are on it; return the method, "" where it is gone already.

    ``on_deleted`` is called before anything else is deleted.
    """
    try:
        manifest = client.get_manifest(str(digest))
    except NotFound:
        return ""
    delete_digest(client.api, manifest, state, on_deleted)
    for tag in tags:
        with gone_by("digest"):
            is_left = find_readable(client.api, tag, find_left) == digest and not _delete_outliving(client.api, tag, digest)
        if is_left:
            raise RegistryError(
                f"The registry deleted {client.registry}@{digest}, but the tag {tag} still points to it: delete it with method tag.",
                "conflict",
                reference=f"{client.registry}:{tag}",
            )
    return "digest"


def _delete_outliving(api: RepositoryApi, tag: str, digest: Digest) -> bool:
    """Delete a tag of a registry whose tags outlive their manifest; return whether it is gone. Where somebody pushed the manifest, nothing is done."""
    if find_readable(api, str(digest)) is not None:
        return False
    return ask_to_delete(api, tag, api.display(tag)) is None and find_readable(api, tag) is None
