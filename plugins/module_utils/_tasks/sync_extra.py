# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete at the destination of registry_sync the tags that its list does not account for, as registry_prune deletes."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timezone

from .._core.errors import NotFound, RegistryError
from .._oci.reference import Reference
from .._registry.client import RegistryClient
from .._retention.policy import Listed
from .._retention.prune import Pruning
from .._retention.prune_plan import PrunePlan, plan_prune
from .sync_outcome import State

ClientOf = t.Callable[[Reference], RegistryClient]


@dataclass
class Extra:
    """What goes in each repository, by reads alone, and what is gone of it."""

    client_of: ClientOf
    limit: int
    warn: t.Callable[[str], None]
    plans: dict[Reference, PrunePlan] = field(default_factory=dict)
    gone: dict[Reference, set[str]] = field(default_factory=dict)

    def plan(self, chosen: t.Mapping[Reference, t.AbstractSet[str]]) -> None:
        """Read what each repository has beside the tags that the list accounts for; raises where it is more than may be deleted."""
        now = datetime.now(timezone.utc)
        for image, tags in chosen.items():
            try:
                plan = plan_prune(self.client_of(image), Listed(tags), now, "auto")
            except NotFound:
                continue  # in check mode, a repository that is not there yet
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
            pruning = Pruning(self.client_of(image), plan, "auto")
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
