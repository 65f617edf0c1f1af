# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the images of a plan, side by side: what each is copied by, and that one does not stop the others."""

from __future__ import annotations

import typing as t

from .._core.errors import RegistryError
from .._core.fanout import fan_out
from .._core.progress import Progress
from .._registry.client import RegistryClient
from .._registry.image_copy import Copied, CopyOptions, CopyTask
from .._registry.two_registries import TwoRegistries
from .image_copies import MOST_AT_A_TIME, Copier, Failed, LostHosts
from .sync_outcome import Expected, Job, Outcome

if t.TYPE_CHECKING:
    from .._registry.image_import import LocalImage

Bring = t.Callable[[Job], Outcome]
_RESULT = 5_000  # bytes that the budget is charged for the result of one image


class Runner:
    """Does the jobs of a task, those that are the same by ``which`` once, and none that needs a registry that is ``lost``."""

    def __init__(
        self, registries: TwoRegistries, bring: Bring, progress: Progress, which: t.Callable[[Job], t.Hashable], lost: LostHosts
    ) -> None:
        self._which = which
        self._registries = registries
        self._progress = progress
        self._bring = bring
        self._lost = lost

    def run(self, jobs: t.Sequence[Job]) -> list[Outcome]:
        """Return what became of each job, in order; raises ``limit``, before anything is done, where the results would take too much memory."""
        unique = list({self._which(job): job for job in jobs}.values())
        self._registries.budget.take(_RESULT * len(unique), f"The result for {len(unique)} images")
        self._progress.begin("images", len(unique))
        done = fan_out(self._run, unique, min(self._registries.concurrency, MOST_AT_A_TIME))
        outcomes = {self._which(job): outcome for job, outcome in zip(unique, done)}
        return [outcomes[self._which(job)] for job in jobs]

    def _run(self, job: Job) -> Outcome:
        outcome = self._outcome(job)
        self._registries.budget.give_back(_RESULT)
        try:
            self._registries.budget.hold_result(outcome.result, f"The result for {job.name}")
        except RegistryError as error:
            outcome = Outcome.failed(job.name, job.dest, error, outcome.before, outcome.after)
        how = "failed" if outcome.error is not None else "copied" if outcome.changed else "unchanged"
        self._progress.finish(f"{job.name}: {how}", outcome.error is not None)
        return outcome

    def _outcome(self, job: Job) -> Outcome:
        return self._lost.attempt(
            (job.copy.source.registry, job.copy.destination.registry),
            lambda: self._bring(job),
            lambda outcome: outcome.error,
            lambda error: Outcome.failed(job.name, job.dest, error, {}, {}),
        )


class ImageCopier:
    """Copies images from registries to one."""

    def __init__(
        self, registries: TwoRegistries, options: t.Callable[[Job], CopyOptions], source: t.Callable[[Job], RegistryClient]
    ) -> None:
        self._copier = Copier(registries)
        self._options = options
        self._source = source
        self._expected = Expected()

    def bring(self, job: Job) -> Outcome:
        """Copy one image."""
        return self._run(job, lambda target, options: CopyTask(self._source(job), target, job.copy, options))

    def bring_local(self, job: Job, image: LocalImage) -> Outcome:
        """Copy one image from this host."""
        from .._registry.image_import import ImportTask

        return self._run(job, lambda target, options: ImportTask(image, target, job.copy, options))

    def _run(self, job: Job, make: t.Callable[[RegistryClient, CopyOptions], CopyTask]) -> Outcome:
        options = self._options(job)

        def settle(copied: Copied) -> None:
            if options.check_mode:
                self._expected.settle(job.copy.destination.name, copied.result)

        outcome = self._copier.carry_out(job.copy, options.check_mode, lambda target: make(target, options), settle)
        if isinstance(outcome, Failed):
            return Outcome.failed(job.name, job.dest, *outcome)
        return Outcome.of(job.name, job.dest, outcome)
