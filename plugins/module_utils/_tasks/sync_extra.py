# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete at the destination of registry_sync the tags that its list does not account for, as registry_prune deletes."""

from __future__ import annotations

import threading
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timezone

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._oci.manifest import Manifest
from .._oci.reference import Reference
from .._registry.client import RegistryClient
from .._registry.deletion_requests import find_readable
from .._registry.transfer import PushPlan
from .._retention.deletion_batch import Look, PutBack
from .._retention.dependencies import NO_LINKS, ManifestLinks
from .._retention.policy import Listed
from .._retention.prune import Pruning
from .._retention.prune_plan import Foreseen, PrunePlan, plan_prune
from .sync_outcome import State

ClientOf = t.Callable[[Reference], RegistryClient]


class Foresight:
    """What each repository will have that check mode does not write: what is deleted depends on that. Safe for several threads."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._foreseen: dict[str, Foreseen] = {}

    def note(self, destination: Reference, plans: t.Sequence[PushPlan]) -> None:
        """Note what would be written."""
        with self._lock:
            foreseen = self._foreseen.setdefault(destination.name, Foreseen())
            for plan in plans:
                foreseen.tags.update((name, plan.root.descriptor()) for name in plan.writes if ":" not in name)
                for manifest in plan.manifests() if plan.writes else ():
                    foreseen.manifests[manifest.digest] = self._links(destination, manifest)

    def _links(self, destination: Reference, manifest: Manifest) -> ManifestLinks:
        if not manifest.children and manifest.subject is None:
            return NO_LINKS
        links = ManifestLinks.of(manifest)
        self._budget.hold(links, links.weight, f"What {destination.name}@{manifest.digest} names")
        return links

    def of(self, repository: Reference) -> Foreseen | None:
        """Return what a repository will have."""
        return self._foreseen.get(repository.name)


class _TwoNames:
    """Finds out by the first deletion in a repository whether it is one of its ``sources`` under another name, which nothing else tells."""

    def __init__(self, client: RegistryClient, sources: t.Sequence[RegistryClient]) -> None:
        self._client = client
        self._sources = sources

    def __call__(self, tag: str) -> Look:
        """Look at ``tag``, which is to be deleted; what is returned looks whether it is gone from a source too, and puts it back then."""
        there = find_readable(self._client.api, tag)
        same = [source for source in self._sources if there is not None and find_readable(source.api, tag) == there]
        manifest = self._client.get_manifest(tag) if same else None

        def look() -> None:
            lost = [source for source in same if find_readable(source.api, tag) is None]
            if manifest is None or not lost:
                return
            shown = self._client.api.display(tag)
            try:
                self._client.tag_manifest(manifest, [tag])
            except RegistryError as error:
                told = f"It could not be restored: {error.message}"
            else:
                told = "It was restored, and nothing more was deleted."
            raise PutBack(
                f"When the tag {shown} was deleted, it disappeared from {lost[0].registry} too, where its images come from: they seem to be one "
                f"repository under two names. {told}",
                "conflict",
                reference=shown,
            )

        return look


@dataclass
class Extra:
    """What goes in each repository, by reads alone, and what is gone of it; ``sources_of`` returns what reads the repositories that its images come from."""

    client_of: ClientOf
    sources_of: t.Callable[[Reference], t.Sequence[RegistryClient]]
    limit: int
    warn: t.Callable[[str], None]
    foresight: Foresight
    plans: dict[Reference, PrunePlan] = field(default_factory=dict)
    gone: dict[Reference, set[str]] = field(default_factory=dict)

    def plan(self, chosen: t.Mapping[Reference, t.AbstractSet[str]]) -> None:
        """Read what each repository has beside the tags that the list accounts for; raises where it is more than may be deleted."""
        now = datetime.now(timezone.utc)
        for image, tags in chosen.items():
            plan = plan_prune(self.client_of(image), Listed(tags), now, "auto", self.foresight.of(image))
            for warning in plan.warnings:
                self.warn(warning)
            if plan.doomed:
                self.plans[image] = plan
        count = sum(len(plan.doomed) for plan in self.plans.values())
        if self.limit and count > self.limit:
            self.plans.clear()
            raise RegistryError(
                f"{count} tags at the destination are not in the list, but max_deletions is {self.limit}: nothing was deleted.",
                "precondition",
            )

    def carry_out(self) -> None:
        """Delete, one repository after the other; what is ``gone`` is known at any moment."""
        for image, plan in self.plans.items():
            client = self.client_of(image)
            pruning = Pruning(client, plan, "auto", _TwoNames(client, self.sources_of(image)))
            try:
                pruning.run()
            finally:
                self.gone[image] = pruning.gone()

    def expect(self) -> None:
        """Count all that is planned as gone: what check mode tells."""
        self.gone = {image: {entry.tag for entry in plan.doomed} for image, plan in self.plans.items()}

    @property
    def deleted(self) -> list[str]:
        """The tags that are gone, by their full names."""
        return sorted(f"{image.name}:{tag}" for image, tags in self.gone.items() for tag in tags)

    def states(self) -> tuple[State, State]:
        """Return the states of what is gone before and after, by full names."""
        before: State = {}
        for image, plan in self.plans.items():
            tags = plan.states()[0]
            before.update({f"{image.name}:{tag}": tags[tag] for tag in self.gone.get(image, ())})
        return before, dict.fromkeys(before)
