# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the deletion of some tags, or of a digest, means: found by reads, then carried out."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ._client import RegistryClient
from ._contents import ContentReader
from ._deletion import DeletionWays, TookMore, check_replaceable, unpadded
from ._deletions import Deletions, delete_planned, delete_with_tags
from ._digest_tags import digest_key, owner_key
from ._errors import NotFound, RegistryError
from ._manifest import Descriptor, Manifest
from ._needs import below
from ._reference import Digest

Result = dict[str, t.Any]


@dataclass(frozen=True)
class DeletionPlan:
    """The digests of the tags to delete, the tags that are absent, and those that would go along.

    ``read`` is the manifest of the only tag; with several they are read again when their turn comes, since that may take a while.
    """

    method: str
    found: t.Mapping[str, Digest]
    absent: tuple[str, ...] = ()
    also: t.Mapping[str, Digest] = field(default_factory=dict)
    digest: Digest | None = None
    read: Manifest | None = None

    @property
    def digests(self) -> list[Digest]:
        """The manifests to delete by method digest, each once."""
        return list(dict.fromkeys([*self.found.values(), *([self.digest] if self.digest else [])]))

    def before(self) -> dict[str, str]:
        """Return what exists now and will not: tags with their digests."""
        states = {tag: str(digest) for tag, digest in {**self.found, **self.also}.items()}
        return states or ({str(self.digest): str(self.digest)} if self.digest else {})

    def result(self) -> Result:
        """Return the results that the plan foresees."""
        return {
            "deleted_tags": list(self.found),
            "absent_tags": list(self.absent),
            "also_deleted_tags": list(self.also),
            "digests": {tag: str(digest) for tag, digest in self.found.items()},
            "methods": dict.fromkeys(self.found, self.method),
            "failed_tags": {},
        }


def _read(client: RegistryClient, tag: str) -> Manifest | None:
    try:
        return client.get_manifest(tag)
    except NotFound:
        return None


def _describe(client: RegistryClient, tag: str) -> Descriptor | None:
    try:
        return client.get_descriptor(tag)
    except NotFound:
        return None


def plan_deletion(
    client: RegistryClient, tags: t.Sequence[str], digest: Digest | None, method: str, expected: Digest | None
) -> DeletionPlan:
    """Return what deleting ``tags`` (or ``digest``) means; raises ``precondition`` where it must not happen."""
    reads = dict(zip(tags, client.fan_out(lambda tag: _read(client, tag), tags))) if len(tags) == 1 or method == "substitute" else {}
    read = reads.get(tags[0]) if len(tags) == 1 else None
    states = {tag: read.digest if read else None for tag, read in reads.items()} or dict(
        zip(tags, client.fan_out(client.find_digest, tags))
    )
    found = {tag: state for tag, state in states.items() if state is not None}
    absent = tuple(tag for tag in states if tag not in found)
    for tag, state in found.items():
        _check_expected(client, tag, state, expected)
    for tag, manifest in reads.items():
        if method == "substitute" and manifest is not None:
            check_replaceable(client.api.display(tag), manifest)
    if method != "digest":
        return DeletionPlan(method, found, absent, read=read)
    if digest is not None and expected not in (None, digest):
        shown = f"{client.registry}@{digest}"
        raise RegistryError(f"{shown} is not the expected {expected}: nothing was deleted.", "precondition", reference=shown)
    plan = DeletionPlan(method, found, absent, {}, digest if digest and client.find_digest(str(digest)) else None)
    return replace(plan, also=_tags_on(client, set(plan.digests), found)) if plan.digests else plan


def _check_expected(client: RegistryClient, tag: str, state: Digest, expected: Digest | None) -> None:
    if expected is None or state == expected:
        return
    manifest = _read(client, tag)
    if manifest is not None and (manifest.has_digest(expected) or unpadded(manifest).has_digest(expected)):
        return  # another algorithm's name of the same bytes; or a deletion by substitute was cut short
    raise RegistryError(
        f"The tag {tag} of {client.registry} is on {state}, not on the expected {expected}: nothing was deleted.",
        "precondition",
        reference=f"{client.registry}:{tag}",
    )


def _tags_on(client: RegistryClient, doomed: set[Digest], found: t.Container[str]) -> dict[str, Digest]:
    """Return the other tags that would go; refuses where an index that stays names one of the digests."""
    others = [tag for tag in client.list_tags() if tag not in found]
    states = {tag: state for tag, state in zip(others, client.fan_out(lambda tag: _describe(client, tag), others)) if state}
    staying = {state.digest: tag for tag, state in states.items() if state.is_index and state.digest not in doomed}
    contents = ContentReader(client)
    contents.read(staying)
    for index, tag in staying.items():
        for child in sorted(below(contents.found, index) & doomed, key=str):
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
        self._ways = DeletionWays()
        self._listed: set[str] = set()
        self._deletions = Deletions(client, self._check_others)

    def run(self) -> None:
        """Delete what the plan says."""
        plan = self._plan
        if plan.method == "digest":
            names = [str(digest) for digest in plan.digests]
            self._deletions.run(names, self._delete_digest)
        else:
            names = list(plan.found)
            if len(names) > 1:
                self._listed = set(self._client.list_tags())
            self._deletions.run(names, self._delete_tag)
        self._deletions.raise_failures(len(names))

    def _delete_tag(self, tag: str) -> str:
        return delete_planned(self._client, tag, self._plan.found[tag], self._plan.method, self._ways, self._plan.read)

    def _check_others(self) -> None:
        """See, before further tags are deleted, whether others have gone with the first."""
        if not self._listed or self._plan.method == "digest":
            return
        asked = set(self._plan.found)
        lost = sorted(self._listed - set(self._client.list_tags()) - asked)
        if lost:
            first = next(iter(self._deletions.done))
            raise TookMore(
                f"When the tag {first} of {self._client.registry} was deleted, others went with it: {', '.join(lost[:20])}. "
                "Nothing further was deleted. If nobody else deleted them at this moment, this registry takes more than it is asked to.",
                "unsupported",
                reference=f"{self._client.registry}:{first}",
            )

    def _delete_digest(self, name: str) -> str:
        tags = [tag for tag, digest in {**self._plan.found, **self._plan.also}.items() if str(digest) == name]
        return delete_with_tags(self._client, Digest.parse(name), tags)

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
        return {
            "deleted_tags": list(deleted),
            "absent_tags": [*plan.absent, *gone],
            "also_deleted_tags": also,
            "digests": {tag: str(plan.found[tag]) for tag in deleted},
            "methods": deleted,
            "failed_tags": self._deletions.failed(),
        }
