# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prune a repository: read everything that a decision needs, decide, and only then delete."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from ._client import RegistryClient
from ._contents import ContentReader
from ._deletion import DeletionWays
from ._deletions import Deletions, delete_planned, delete_with_tags
from ._digest_tags import owner_digest, owner_key
from ._errors import NotFound, RegistryError
from ._manifest import Descriptor
from ._needs import Reached, Settlement, settle
from ._reference import Digest, is_digest
from ._retention import Dates, Policy

Result = dict[str, t.Any]


@dataclass(frozen=True)
class Entry:
    """What becomes of one tag, and why."""

    tag: str
    descriptor: Descriptor
    keep: bool
    reason: str
    created: datetime | None

    def result(self) -> Result:
        """Return the entry as plain values."""
        return {
            "tag": self.tag,
            "digest": str(self.descriptor.digest),
            "action": "keep" if self.keep else "delete",
            "reason": self.reason,
            "created": self.created.strftime("%Y-%m-%dT%H:%M:%SZ") if self.created else None,
        }


@dataclass(frozen=True)
class PrunePlan:
    """What becomes of each tag, in the order of their names, and what the kept ones lead to."""

    entries: tuple[Entry, ...]
    kept: Reached

    @property
    def doomed(self) -> list[Entry]:
        """The tags that go."""
        return [entry for entry in self.entries if not entry.keep]

    def states(self) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        """Return what there is before and after, each tag with the reason."""
        before = {entry.tag: f"{entry.descriptor.digest} ({entry.reason})" for entry in self.entries}
        return before, {entry.tag: before[entry.tag] if entry.keep else None for entry in self.entries}

    def result(self) -> Result:
        """Return the results that the plan foresees."""
        return {
            "kept": [entry.tag for entry in self.entries if entry.keep],
            "deleted": [entry.tag for entry in self.doomed],
            "protected_by": {entry.tag: entry.reason for entry in self.entries if entry.keep},
            "plan": [entry.result() for entry in self.entries],
            "failed_tags": {},
        }


def plan_prune(client: RegistryClient, policy: Policy, now: datetime) -> PrunePlan:
    """Return what becomes of each tag of the repository; any read that fails ends it."""
    try:
        return _plan(client, policy, now)
    except RegistryError as error:
        error.message += " Nothing was deleted."
        raise


def _plan(client: RegistryClient, policy: Policy, now: datetime) -> PrunePlan:
    names = sorted(client.list_tags())
    found = dict(zip(names, client.fan_out(lambda tag: _describe(client, tag), names)))
    tags = {tag: descriptor.digest for tag, descriptor in found.items()}
    reader = ContentReader(client)
    dates = reader.read_dates(policy.dates_needed(tags), now)
    verdicts = policy.judge(tags, dates, now)
    if any(verdict is None or not verdict.keep for verdict in verdicts.values()):
        reader.read(descriptor.digest for descriptor in found.values() if descriptor.is_index)
        reader.read(tags[tag] for tag, verdict in verdicts.items() if verdict is not None and not verdict.keep)
    settlement = settle(tags, verdicts, reader.found)
    gone = _find_gone(client, settlement.orphans)
    if gone:
        settlement = settle(tags, verdicts, reader.found, gone)
    return PrunePlan(tuple(_entries(found, settlement, dates)), settlement.kept)


def _describe(client: RegistryClient, tag: str) -> Descriptor:
    try:
        return client.get_descriptor(tag)
    except NotFound as error:
        raise RegistryError(
            f"The tag {tag} of {client.registry} is listed but not there: it was deleted at this moment, or the repository is damaged.",
            "conflict",
            error.status,
            error.code,
            error.registry,
            error.reference,
        ) from None


def _find_gone(client: RegistryClient, orphans: t.Sequence[str]) -> set[str]:
    """Return those of the tags that belong to manifests which the repository does not have any more."""
    owners = {tag: owner for tag, owner in ((tag, owner_digest(tag)) for tag in orphans) if owner}
    states = client.fan_out(lambda owner: client.find_digest(str(owner)), owners.values())
    return {tag for tag, state in zip(owners, states) if state is None}


def _entries(found: t.Mapping[str, Descriptor], settlement: Settlement, dates: Dates) -> t.Iterator[Entry]:
    for tag, descriptor in found.items():
        verdict = settlement.verdicts[tag]
        other = settlement.kept.tagged.get(descriptor.digest)
        shared = f"; its digest stays under the tag {other}" if other and not verdict.keep else ""
        yield Entry(tag, descriptor, verdict.keep, verdict.reason + shared, dates.get(descriptor.digest))


class Pruning:
    """Carries out a plan, and knows at any moment what was done of it."""

    def __init__(self, client: RegistryClient, plan: PrunePlan, method: str) -> None:
        self._client = client
        self._plan = plan
        self._method = method
        self._ways = DeletionWays()
        self._doomed = {entry.tag: entry.descriptor.digest for entry in plan.doomed}
        self._staying = _by_digest({entry.tag: entry.descriptor.digest for entry in plan.entries if entry.keep})
        self._taken: set[Digest] = set()
        self._deletions = Deletions(client)

    def run(self) -> None:
        """Delete what the plan says; what belongs to an image by its name goes after it."""
        if self._method == "digest":
            self._taken = self._find_taken()
        waves: tuple[list[str], ...] = ([], [], [], [])
        for entry in self._plan.doomed:
            waves[self._wave(entry)].append(self._name(entry))
        for wave in waves:
            self._deletions.run(list(dict.fromkeys(wave)), self._delete)
            self._deletions.raise_failures(sum(map(len, waves)))

    def _wave(self, entry: Entry) -> int:
        """Return when a tag goes: what shares its digest with a kept tag shows whether this registry takes more than it is asked to."""
        if owner_key(entry.tag):
            return 3
        if entry.descriptor.digest in self._staying:
            return 0
        return 1 if entry.descriptor.is_index else 2

    def _name(self, entry: Entry) -> str:
        """Return what is deleted so that the tag goes: the digest only where no kept tag leads to it."""
        digest = entry.descriptor.digest
        return str(digest) if self._method == "digest" and not self._plan.kept.has(digest) else entry.tag

    def _find_taken(self) -> set[Digest]:
        """Return the digests that tags are on which were not there when the plan was made."""
        planned = {entry.tag for entry in self._plan.entries}
        fresh = [tag for tag in self._client.list_tags() if tag not in planned]
        return {digest for digest in self._client.find_tags(fresh).values() if digest is not None}

    def _delete(self, name: str) -> str:
        client = self._client
        if is_digest(name):
            digest = Digest.parse(name)
            if digest in self._taken:
                message = f"{client.registry}@{digest} has got a new tag since the plan was made: it was left alone."
                raise RegistryError(message, "conflict", reference=f"{client.registry}@{digest}")
            tags = [tag for tag, state in self._doomed.items() if state == digest]
            for tag in tags:
                self._delete_emptied(tag, digest)
            return delete_with_tags(client, digest, tags)
        digest = self._doomed[name]
        method = "auto" if self._method == "digest" else self._method
        needed = self._plan.kept.has(digest)
        return delete_planned(client, name, digest, method, self._ways, None, self._staying.get(digest, ()), not needed)

    def _delete_emptied(self, tag: str, planned: Digest) -> None:
        """Delete ``tag`` where it is a list of referrers that is on another digest now, since those in it were deleted before."""
        if owner_key(tag) != tag:
            return
        try:
            manifest, before = self._client.get_manifest(tag), self._client.get_manifest(str(planned))
        except NotFound:
            return
        if manifest.digest != planned and manifest.is_index and set(manifest.children) <= set(before.children):
            delete_planned(self._client, tag, manifest.digest, "auto", self._ways, manifest, spare=True)

    def gone(self) -> set[str]:
        """Return the tags that went by what was done here, and not by others."""
        done = self._deletions.done
        return {tag for tag, digest in self._doomed.items() if done.get(tag) or done.get(str(digest))}

    def result(self) -> Result:
        """Return the results as far as things were done, those that others have deleted meanwhile among them."""
        done = self._deletions.done
        return {
            **self._plan.result(),
            "deleted": [tag for tag, digest in self._doomed.items() if tag in done or str(digest) in done],
            "failed_tags": self._deletions.failed(),
        }


def _by_digest(tags: t.Mapping[str, Digest]) -> dict[Digest, list[str]]:
    found: dict[Digest, list[str]] = {}
    for tag, digest in tags.items():
        found.setdefault(digest, []).append(tag)
    return found
