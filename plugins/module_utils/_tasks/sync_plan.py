# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the list of registry_sync to the images that this task brings: tags are chosen, and what contradicts itself is refused, by reads alone."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass, field, replace

from .._core.errors import NotFound, RegistryError
from .._core.fanout import fan_out
from .._oci.reference import Reference
from .._registry.attached_images import TagLists
from .._registry.client import RegistryClient
from .._registry.image_copy import Copy, destination_tags
from .image_copies import LostHosts, check_destinations, check_order
from .sync_entries import CHOOSING, NOWHERE, Entry, Map, destination_of, layout_path, shard_of
from .sync_outcome import Job, Outcome

Tags = t.Union[t.Sequence[str], RegistryError]
_Read = t.Union[tuple[int, t.Sequence[str]], RegistryError]  # how many tags a repository has, and those that an entry chooses
_JOB_WEIGHT = 800  # bytes of memory for each image that is planned


@dataclass
class Shard:
    """The part of the list that this task is for; which repository belongs to which is the same for each list."""

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, given: Map | None) -> Shard:
        """Return the shard that the option says."""
        if given is None:
            return cls()
        shard = cls(given["index"], given["count"])
        if shard.count < 1 or not 0 <= shard.index < shard.count:
            raise RegistryError(
                f"The option shard has the index {shard.index} and the count {shard.count}: the index must be from 0 to one less than the count.",
                "invalid_option",
            )
        return shard

    def owns(self, destination: Reference) -> bool:
        """Tell whether the repository is this shard's."""
        return shard_of(destination, self.count) == self.index


@dataclass
class SyncPlan:
    """What this task brings, by reads alone: its ``jobs``, and the entries that ``failed`` before they were any.

    ``chosen`` are the repositories at the destination of which tags were chosen, each with the tags that the list accounts for there;
    those of which an entry failed, or chose nothing, are not among them.
    """

    jobs: list[Job] = field(default_factory=list)
    failed: list[tuple[Entry, Outcome]] = field(default_factory=list)
    chosen: dict[Reference, set[str]] = field(default_factory=dict)


class Planner:
    """Makes the plan; ``client_of`` returns the client that reads a repository of the sources."""

    def __init__(
        self, params: Map, client_of: t.Callable[[Reference], RegistryClient], concurrency: int, lists: TagLists, lost: LostHosts
    ) -> None:
        self._params = params
        self._client_of = client_of
        self._concurrency = concurrency
        self._lists = lists
        self._lost = lost
        self._shard = Shard.parse(params["shard"])

    def plan(self, entries: t.Sequence[Entry]) -> SyncPlan:
        """Return the plan; raises where two images are for one tag, also where another shard brings them."""
        targets = [self._target(entry) for entry in entries]
        if self._params["extra"] == "delete":
            _check_extra(entries, targets)
        shared = _repeated(target.name for target in targets)
        # What other shards choose is looked at only where it may meet what another entry brings to the same repository.
        looked_at = [
            entry for entry, target in zip(entries, targets) if entry.choice and (self._shard.owns(target) or target.name in shared)
        ]
        found = dict(zip((entry.number for entry in looked_at), fan_out(self._choose, looked_at, self._concurrency)))
        jobs: list[Job] = []
        plan = SyncPlan()
        for entry, target in zip(entries, targets):
            tags = found.get(entry.number, ())
            if isinstance(tags, RegistryError):
                if self._shard.owns(target):
                    plan.failed.append((entry, Outcome.failed(str(entry.image), self._place(entry, target), tags, {}, {})))
            else:
                jobs += self._jobs(entry, tags)
        plan.jobs = self.check(jobs)
        clear = {number for number, tags in found.items() if tags and not isinstance(tags, RegistryError)}
        choosing = [entry for entry in entries if entry.choice]
        plan.chosen = self.account(choosing, {self._target(entry).name for entry in choosing if entry.number not in clear}, plan.jobs)
        return plan

    def check(self, jobs: t.Sequence[Job]) -> list[Job]:
        """Return the jobs of this shard; raises where two of all ``jobs`` are for one tag, or one copies what another one makes.

        What several entries ask for is the same job, with its referrers if one of them asks for those.
        """
        copies = [job.copy for job in jobs]
        if self._params["dest_dir"] is None:
            check_destinations(copies)
            check_order(copies)
        else:
            check_destinations(copies, f"{NOWHERE}/")
            # A layout holds an image once: there its own name is where it goes.
            check_destinations(
                [replace(copy, destination=copy.source, tags=(copy.source.tag or copy.source.identifier,)) for copy in copies]
            )
        along = {job.copy for job in jobs if job.referrers}
        return [replace(job, referrers=job.copy in along) for job in jobs if self._shard.owns(job.copy.destination)]

    def own_failures(self, failed: t.Sequence[tuple[Entry, Outcome]]) -> list[tuple[Entry, Outcome]]:
        """Return the entries that failed before they were jobs and whose repository is this shard's; the first one's are those that say none."""

        def is_own(entry: Entry) -> bool:
            try:
                return self._shard.owns(self._target(entry))
            except RegistryError:
                return self._shard.index == 0

        return [(entry, outcome) for entry, outcome in failed if is_own(entry)]

    def _target(self, entry: Entry) -> Reference:
        return replace(destination_of(self._params, entry, entry.source), tag=None)

    def _place(self, entry: Entry, target: Reference) -> str:
        folder = self._params["dest_dir"]
        return target.name if folder is None else layout_path(str(folder), entry.image)

    def _choose(self, entry: Entry) -> Tags:
        """Return the tags that an entry chooses, or why it can choose none."""
        image = entry.image

        def refuse(error: RegistryError) -> _Read:
            return error

        read = self._lost.attempt((image.registry,), lambda: self._read_tags(entry), _error_of, refuse)
        if isinstance(read, RegistryError):
            return read
        listed, tags = read
        if tags or self._params["empty"] == "ok":
            return tags
        given = " and ".join(key for key in CHOOSING if entry.choice and self._given(entry, key))
        why = f"none of the {listed} tags of {image} is selected by {given}" if listed else f"{image} has no tags"
        return RegistryError(f"{why[0].upper()}{why[1:]}. Set empty: ok to ignore this.", "not_found", reference=str(image))

    def _read_tags(self, entry: Entry) -> _Read:
        """Return how many tags the repository has, and those of them that the entry chooses."""
        from .sync_selection import choose_tags

        try:
            client = self._client_of(entry.image)
            listed: t.Sequence[str] = self._list(client)
            tags = choose_tags(client, entry.choice, listed) if entry.choice else ()
            client.connection.exchange.budget.take(_JOB_WEIGHT * len(tags), f"The plan for {len(tags)} tags of {entry.image}")
        except RegistryError as error:
            return error.bare()
        return len(listed), tags

    def _given(self, entry: Entry, key: str) -> bool:
        given = self._params["images"][entry.number - 1]
        return isinstance(given, dict) and given.get(key) is not None

    def _list(self, client: RegistryClient) -> t.Sequence[str]:
        try:
            return self._lists.of(client)
        except NotFound:
            if self._params["empty"] == "ok":
                return ()  # many registries do not know a repository that has no tags
            raise

    def _jobs(self, entry: Entry, tags: t.Sequence[str]) -> t.Iterator[Job]:
        sources = [entry.image.with_tag(tag) for tag in tags] if entry.choice else [entry.image]
        for source in sources:
            destination = destination_of(self._params, entry, source)
            copy = Copy(source, destination, destination_tags(source, destination, entry.tags), entry.platforms)
            yield Job(entry, copy, entry.referrers)

    def account(self, choosing: t.Sequence[Entry], unclear: t.Container[str], jobs: t.Sequence[Job]) -> dict[Reference, set[str]]:
        """Return the repositories of this shard of which entries choose tags, with the tags that the list accounts for.

        Those that are ``unclear``, by their names, are left out.
        """
        targets = [self._target(entry) for entry in choosing]
        chosen: dict[Reference, set[str]] = {target: set() for target in targets if self._shard.owns(target) and target.name not in unclear}
        for job in jobs:
            target = replace(job.copy.destination, tag=None)
            if target in chosen:
                chosen[target].update(job.copy.tags)
        return chosen


def _error_of(read: _Read) -> RegistryError | None:
    return read if isinstance(read, RegistryError) else None


def _check_extra(entries: t.Sequence[Entry], targets: t.Sequence[Reference]) -> None:
    """Refuse to delete from what is also a source: a list that is mirrored onto itself would delete what it does not choose."""
    sources = {entry.image.name for entry in entries}
    own = [target.name for entry, target in zip(entries, targets) if entry.choice and target.name in sources]
    if own:
        raise RegistryError(
            f"With extra: delete, {own[0]} is both a source and a destination, of which tags would be deleted: give it another destination.",
            "invalid_option",
        )


def _repeated(names: t.Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}
