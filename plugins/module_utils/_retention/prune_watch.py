# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch the tags of a repository while digests are deleted: somebody may move a tag to one of them at any moment."""

from __future__ import annotations

import typing as t

from .._core.errors import RegistryError
from .._core.scrub import some
from .._oci.manifest import Manifest
from .._oci.reference import Digest
from .._registry.client import RegistryClient
from .._registry.deletion_requests import find_readable
from .._registry.tag_deletion import TookMore
from .dependencies import Manifests, below
from .ghosts import list_all
from .manifest_reader import ManifestReader, find_descriptor

_LARGEST_BATCH = 50
_FEW_TAGS = 200  # their list is read after each deletion
_MOST_BYTES = 16 * 1024 * 1024  # of manifests that are kept until the next look


class LostTag(TookMore):
    """A tag has lost its manifest, since somebody moved it to one that was deleted."""

    def __init__(self, message: str, registry: str, tag: str) -> None:
        super().__init__(message, "conflict", reference=f"{registry}:{tag}")
        self.tag = tag


class Watch:
    """Looks at all tags between deletions, and puts back what a tag has lost in between.

    ``tags`` are those of the plan, ``doomed`` among them go. ``needed`` has, after a look, what the others lead to, with one of them;
    ``deleted_by_others`` those that somebody else deleted.
    """

    def __init__(self, client: RegistryClient, tags: t.Mapping[str, Digest], doomed: t.Mapping[str, Digest], manifests: Manifests) -> None:
        self._client = client
        self._doomed = doomed
        self._states = {tag: digest for tag, digest in tags.items() if tag not in doomed}
        self._reader = ManifestReader(client, manifests)
        self._deleted: dict[Digest, Manifest] = {}
        self.needed: dict[Digest, str] = {}
        self.moved: dict[str, Digest] = {}
        self.deleted_by_others: list[str] = []

    def batches(self, names: t.Sequence[str], sizes: t.Mapping[str, int]) -> t.Iterator[list[str]]:
        """Yield the digests ``names`` in batches, each after a look."""
        batch: list[str] = []
        size = 0
        for name in names:
            if batch and (len(batch) >= _LARGEST_BATCH or size + sizes[name] > _MOST_BYTES):
                self.look()
                yield batch
                batch, size = [], 0
            batch.append(name)
            size += sizes[name]
        if batch:
            self.look()
            yield batch

    def see_deleted(self, manifest: Manifest) -> None:
        """Keep ``manifest``, which was deleted just now, until the next look; put back the tags that are gone with it.

        Errors: ``LostTag``.
        """
        self._deleted[manifest.digest] = manifest
        if len(self._states) > _FEW_TAGS:
            return
        listed = list_all(self._client)
        lost = self._find_lost(listed)
        if lost:
            raise self._put_back(lost, [], {manifest.digest: self._deleted.pop(manifest.digest)})

    def look(self) -> None:
        """Look at all tags, and see what they lead to now.

        Errors: ``LostTag`` where one has lost its manifest by a deletion since the last look.
        """
        names = sorted(list_all(self._client))
        found = {
            tag: state
            for tag, state in zip(names, self._client.fan_out(lambda tag: find_descriptor(self._client, tag), names))
            if state is not None
        }
        self.moved = {tag: found[tag].digest for tag, planned in self._doomed.items() if tag in found and found[tag].digest != planned}
        staying = {tag: state for tag, state in found.items() if tag not in self._doomed}
        self._reader.read(state.digest for state in staying.values() if state.is_index and state.digest not in self._deleted)
        self.needed = {}
        for tag, state in staying.items():
            for digest in (state.digest, *below(self._reader.found, state.digest)):
                self.needed.setdefault(digest, tag)
        lost = self._find_lost(staying) if self._deleted else []
        broken = [digest for digest in self._deleted if digest in self.needed]
        self._states = {tag: state.digest for tag, state in staying.items()}
        deleted, self._deleted = self._deleted, {}
        if lost or broken:
            raise self._put_back(lost, broken, deleted)

    def _find_lost(self, there: t.Container[str]) -> list[str]:
        """Return the kept tags that are gone with what was deleted here; those that somebody else deleted with their digests are not watched any more.

        Errors: ``LostTag`` for those whose digests a deleted index names: some registries may delete these with it.
        """
        missing = {tag: digest for tag, digest in self._states.items() if tag not in there}
        states = dict(zip(missing, self._client.fan_out(lambda digest: find_readable(self._client.api, str(digest)), missing.values())))
        others = {tag for tag, state in states.items() if state is None}
        self._states = {tag: state for tag, state in self._states.items() if tag not in others}
        named = {digest for index in self._deleted for digest in below(self._reader.found, index)}
        taken = sorted(tag for tag in others if missing[tag] in named)
        self.deleted_by_others += sorted(others.difference(taken))
        if taken:
            raise LostTag(
                f"While digests of {self._client.registry} were deleted, kept tags disappeared together with their digests, which a deleted "
                f"index names: {some(taken)}. Nothing more was deleted. If nobody else deleted them at the same time, this registry deletes "
                "more than requested.",
                self._client.registry,
                taken[0],
            )
        return [tag for tag in missing if tag not in others]

    def _put_back(self, lost: t.Sequence[str], broken: t.Sequence[Digest], deleted: t.Mapping[Digest, Manifest]) -> LostTag:
        """Put back what tags have lost, as far as it can be told; return the error that says so."""
        client = self._client
        tags = [*lost, *(self.needed[digest] for digest in broken)]
        only = next(iter(deleted.values())) if len(deleted) == 1 else None
        returned = list(deleted) if only or lost else list(broken)
        names = ", ".join(map(str, returned))
        try:
            for digest in returned:
                client.api.put_manifest(str(digest), deleted[digest])
            if only:
                client.tag_manifest(only, lost)
            unclear = [tag for tag in lost if client.find_digest(tag) is None]
        except RegistryError as error:
            told = f"{names} could not be restored: {error.message}"
        else:
            which = f" It is not known to which of them {', '.join(unclear)} pointed: set it again." if unclear else ""
            set_again = "" if unclear or not lost else " If somebody deleted the tags instead, delete them again."
            told = f"{names} was restored.{which}{set_again} Nothing more was deleted."
        self._states = {tag: digest for tag, digest in self._states.items() if tag not in lost}
        return LostTag(
            f"While digests of {client.registry} were deleted, kept tags lost their digests, since somebody else moved them at the "
            f"same time: {', '.join(tags)}. {told}",
            client.registry,
            tags[0],
        )
