# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the deletion of some tags, or of a digest, means: found by reads, then carried out."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field, replace

from .._core.errors import OF_THE_HOST, NotFound, RegistryError
from .._core.scrub import some
from .._oci.digest_tags import digest_key, owner_key
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest
from .._registry.client import RegistryClient
from .._registry.deletion_requests import DeletionState
from .._registry.tag_deletion import TookMore, check_replaceable, unpadded
from .deletion_batch import DeletionBatch, delete_planned, delete_with_tags
from .dependencies import below
from .ghosts import among_ghosts, check_unlisted, list_all, repair_ghost
from .manifest_reader import ManifestReader, find_descriptor

Result = dict[str, t.Any]

_TAG_WEIGHT = 700  # bytes of memory for each tag, with all that is told of it


@dataclass(frozen=True)
class DeletionPlan:
    """The digests of the tags to delete, the tags that are absent, and those that would go along.

    ``ghosts`` are tags to delete that are listed without a manifest. ``listed`` are all tags, where they were listed. ``read`` is the
    manifest of the only tag; with several, or where a digest is expected, they are read again when their turn comes, since that may take a while.
    """

    method: str
    found: t.Mapping[str, Digest]
    absent: tuple[str, ...] = ()
    also: t.Mapping[str, Digest] = field(default_factory=dict)
    digest: Digest | None = None
    read: Manifest | None = None
    ghosts: tuple[str, ...] = ()
    listed: frozenset[str] | None = None
    indexes: tuple[Digest, ...] = ()

    @property
    def digests(self) -> list[Digest]:
        """The manifests to delete by method digest, each once; indexes first, since some registries delete nothing that one of them names."""
        return list(dict.fromkeys([*self.indexes, *self.found.values(), *([self.digest] if self.digest else [])]))

    def before(self) -> dict[str, str]:
        """Return what exists now and will not: tags with their digests."""
        states = {tag: str(digest) for tag, digest in {**self.found, **self.also}.items()}
        states.update(dict.fromkeys(self.ghosts, "listed without a manifest"))
        return states or ({str(self.digest): str(self.digest)} if self.digest else {})

    def result(self) -> Result:
        """Return the results that the plan foresees."""
        return {
            "deleted_tags": [*self.found, *self.ghosts],
            "absent_tags": list(self.absent),
            "also_deleted_tags": list(self.also),
            "also_deleted_manifests": [],
            "digests": {**{tag: str(digest) for tag, digest in self.found.items()}, **dict.fromkeys(self.ghosts)},
            "methods": {**dict.fromkeys(self.found, self.method), **dict.fromkeys(self.ghosts, "repair")},
            "failed_tags": {},
        }


def _read(client: RegistryClient, tag: str) -> Manifest | None:
    try:
        return client.get_manifest(tag)
    except NotFound:
        return None


def plan_deletion(
    client: RegistryClient, tags: t.Sequence[str], digest: Digest | None, method: str, expected: Digest | None
) -> DeletionPlan:
    """Return what deleting ``tags`` (or ``digest``) means; raises ``precondition`` where it must not happen."""
    reads = dict(zip(tags, client.fan_out(lambda tag: _read(client, tag), tags))) if len(tags) == 1 or method == "substitute" else {}
    read = reads.get(tags[0]) if len(tags) == 1 else None
    looks: dict[str, Descriptor | None] = {tag: read.descriptor() if read else None for tag, read in reads.items()} or dict(
        zip(tags, client.fan_out(lambda tag: find_descriptor(client, tag), tags))
    )
    found = {tag: state.digest for tag, state in looks.items() if state is not None}
    absent = tuple(tag for tag in looks if tag not in found)
    for tag, state in found.items():
        _check_expected(client, tag, state, expected)
    for tag, manifest in reads.items():
        if method == "substitute" and manifest is not None:
            check_replaceable(client.api.display(tag), manifest)
    listed = _list_for(client) if absent else None
    ghosts = tuple(among_ghosts(client, absent, listed)) if listed else ()
    absent = tuple(tag for tag in absent if tag not in ghosts)
    if method != "digest":
        known = read if expected is None or method == "substitute" else None
        return DeletionPlan(method, found, absent, read=known, ghosts=ghosts, listed=listed)
    if digest is not None and expected not in (None, digest):
        shown = f"{client.registry}@{digest}"
        raise RegistryError(f"{shown} is not the expected {expected}: nothing was deleted.", "precondition", reference=shown)
    there = digest if digest and client.find_digest(str(digest)) else None
    indexes = {state.digest for state in looks.values() if state is not None and state.is_index}
    plan = DeletionPlan(method, found, absent, digest=there, ghosts=ghosts, listed=listed, indexes=_outermost_first(client, indexes))
    return replace(plan, also=_tags_on(client, set(plan.digests), found)) if plan.digests else plan


def _outermost_first(client: RegistryClient, indexes: t.Collection[Digest]) -> tuple[Digest, ...]:
    """Return ``indexes`` in an order in which each is before those that it names."""
    reader = ManifestReader(client)
    if len(indexes) > 1:
        with contextlib.suppress(RegistryError):  # what cannot be read is told when its turn comes
            reader.read(indexes)
    return tuple(sorted(indexes, key=lambda digest: (-len(below(reader.found, digest)), str(digest))))


def _list_for(client: RegistryClient) -> frozenset[str] | None:
    """Return the listed tags, None where they may not be listed: a tag can be deleted without."""
    try:
        return frozenset(list_all(client))
    except RegistryError as error:
        if error.kind not in ("denied", "unauthorized", "unsupported"):
            raise
        return None


def _check_expected(client: RegistryClient, tag: str, state: Digest, expected: Digest | None) -> None:
    if expected is None or state == expected:
        return
    manifest = _read(client, tag)
    if manifest is not None and (manifest.has_digest(expected) or unpadded(manifest).has_digest(expected)):
        return  # another algorithm's name of the same bytes; or a deletion by substitute was cut short
    raise RegistryError(
        f"The tag {tag} of {client.registry} points to {state}, not to the expected {expected}: nothing was deleted.",
        "precondition",
        reference=f"{client.registry}:{tag}",
    )


def _tags_on(client: RegistryClient, doomed: set[Digest], found: t.Container[str]) -> dict[str, Digest]:
    """Return the other tags that would go; refuses where an index that stays names one of the digests."""
    others = [tag for tag in client.list_tags(on_unusable=client.warn_of_name) if tag not in found]
    client.connection.exchange.budget.take(_TAG_WEIGHT * len(others), f"The state of the {len(others)} tags of {client.api.name}")
    states = {tag: state for tag, state in zip(others, client.fan_out(lambda tag: find_descriptor(client, tag), others)) if state}
    staying = {state.digest: tag for tag, state in states.items() if state.is_index and state.digest not in doomed}
    manifests = ManifestReader(client)
    manifests.read(staying)
    for index, tag in staying.items():
        for child in sorted(below(manifests.found, index) & doomed, key=str):
            if _is_listed(client, child, tag):
                continue
            raise RegistryError(
                f"The manifest {child} of {client.registry} cannot be deleted: the index {index} (tag {tag}) needs it. Nothing was deleted.",
                "precondition",
                reference=f"{client.registry}@{child}",
            )
    return {tag: state.digest for tag, state in states.items() if state.digest in doomed}


def _is_listed(client: RegistryClient, digest: Digest, tag: str) -> bool:
    """Tell whether ``tag`` is the list of referrers that a manifest is in; it is taken off that when it is deleted."""
    if owner_key(tag) != tag:
        return False
    subject = client.get_manifest(str(digest)).subject
    return subject is not None and digest_key(subject.digest) == tag


class Deletion:
    """Carries out a plan, and knows at any moment what was done of it."""

    def __init__(self, client: RegistryClient, plan: DeletionPlan) -> None:
        self._client = client
        self._plan = plan
        self._state = DeletionState()
        self._listed = plan.listed
        self._checked: set[Digest] = set()
        self._are_others_checked = False
        self._deletions = DeletionBatch(client, lambda name: self._check_others)

    def run(self) -> None:
        """Delete what the plan says; what is broken off leaves no ghosts either."""
        try:
            asked = self._delete()
        except RegistryError as error:
            if error.kind not in OF_THE_HOST:
                with contextlib.suppress(RegistryError):
                    self._repair(())
            raise
        self._repair(self._plan.ghosts)
        self._deletions.raise_failures(asked + len(self._plan.ghosts))

    def _delete(self) -> int:
        """Delete tags, or digests; return how many that are."""
        plan = self._plan
        if plan.method == "digest":
            names = [str(digest) for digest in plan.digests]
            self._deletions.run(names, self._delete_digest)
            return len(names)
        names = list(plan.found)
        if self._listed is None and (len(names) > 1 or plan.method != "substitute"):
            self._listed = _list_for(self._client)
        self._deletions.run(names, self._delete_tag)
        if self._checked < set(self._state.collected) or not self._are_others_checked:
            self._check_others()
        return len(names)

    def _delete_tag(self, tag: str) -> str:
        plan = self._plan
        # Where only a substitute is deleted, and the manifest is gone with it, no other tag was on it.
        watched = self._listed is not None or plan.method == "substitute"
        return delete_planned(self._client, tag, plan.found[tag], plan.method, self._state, plan.read, watched=watched)

    def _check_others(self) -> None:
        """See whether other tags have gone with those that were deleted, or with a manifest that the registry took along."""
        collected, done = dict(self._state.collected), self._deletions.done
        # On the digest of a substitute is no other tag: with that none can go, and one that is missing was deleted by somebody else.
        by_name = [tag for tag, method in done.items() if method == "tag"] if len(self._plan.found) > 1 else []
        if self._listed is None or self._plan.method == "digest" or not (collected or by_name):
            return
        self._are_others_checked = True
        listed = list_all(self._client)
        asked = {*self._plan.found, *self._plan.ghosts}
        lost = sorted(self._listed - listed - asked)
        if collected:
            lost += among_ghosts(self._client, sorted(self._listed - asked), listed)
        self._checked.update(collected)
        if not lost:
            return
        first = next(name for name in (*by_name, *done) if done[name])
        raise TookMore(
            f"When the tag {first} of {self._client.registry} was deleted, other tags disappeared with it: "
            f"{some(lost)}.{self._put_back()} Nothing more was deleted. If nobody else deleted them at the same time, "
            "this registry deletes more than requested.",
            "unsupported",
            reference=f"{self._client.registry}:{first}",
        )

    def _put_back(self) -> str:
        """Put back the manifests that the registry took along; return a sentence on how it ended."""
        told = ""
        for digest, manifest in list(self._state.collected.items()):
            try:
                self._client.api.put_manifest(str(digest), manifest)
            except RegistryError as error:
                told += f" The manifest {digest} was deleted as well and could not be restored: {error.message}"
            else:
                told += f" The manifest {digest} was deleted as well and was restored."
                del self._state.collected[digest]
        return told

    def _delete_digest(self, name: str) -> str:
        tags = [tag for tag, digest in {**self._plan.found, **self._plan.also}.items() if str(digest) == name]
        return delete_with_tags(self._client, Digest.parse(name), tags, self._state)

    def _repair(self, asked: t.Sequence[str]) -> None:
        """Repair the ghosts that were ``asked`` for, and those that this deletion has left."""
        ghosts = list(asked)
        if self._state.doubtful:
            ghosts += among_ghosts(self._client, [*self._plan.found, *self._plan.also], list_all(self._client))
        self._deletions.run(ghosts, lambda tag: repair_ghost(self._client, tag, self._state))
        check_unlisted(self._client, [tag for tag in ghosts if tag not in self._deletions.failures])

    def gone(self) -> set[str]:
        """Return the names, tags or digests, of what was deleted."""
        deleted = self.result()
        return {*deleted["deleted_tags"], *deleted["also_deleted_tags"], *(name for name, method in self._deletions.done.items() if method)}

    def result(self) -> Result:
        """Return the results as far as things were done."""
        plan, done = self._plan, self._deletions.done
        if plan.method == "digest":
            deleted = {tag: "digest" for tag, digest in plan.found.items() if done.get(str(digest))}
            also = [tag for tag, digest in plan.also.items() if done.get(str(digest))]
            gone = [tag for tag, digest in plan.found.items() if done.get(str(digest)) == ""]
        else:
            deleted, also = {tag: done[tag] for tag in plan.found if done.get(tag)}, []
            gone = [tag for tag in plan.found if done.get(tag) == ""]
        deleted.update({tag: done[tag] for tag in plan.ghosts if done.get(tag)})
        return {
            "deleted_tags": list(deleted),
            "absent_tags": [*plan.absent, *gone],
            "also_deleted_tags": also,
            "also_deleted_manifests": sorted(map(str, self._state.collected)),
            "digests": {tag: str(plan.found[tag]) if tag in plan.found else None for tag in deleted},
            "methods": deleted,
            "failed_tags": self._deletions.failed(),
        }
