# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_sync: make a registry, or a directory to carry, hold what a list says."""

from __future__ import annotations

import contextlib
import typing as t

from .._core.errors import RegistryError
from .._oci.host import UNSET
from .._oci.platform import Platform
from .._oci.reference import Reference, split_base
from .._registry.attached_images import TagLists
from .._registry.client import RegistryClient
from .._registry.image_copy import CopyOptions
from .image_copies import LostHosts
from .options import ArgumentSpec, refuse_unset, two_registries_spec
from .sync_entries import destination_of, parse_list
from .sync_outcome import Job, Outcome, State, count_once, raise_failures, summarize
from .sync_plan import Planner, SyncPlan
from .sync_runner import Bring, ImageCopier, Runner
from .task import Task
from .verify_option import VERIFY, parse_verify

if t.TYPE_CHECKING:
    from .._registry.transfer import PushPlan
    from .sync_extra import Extra
    from .sync_import import Import

_SHARD: ArgumentSpec = {"index": {"type": "int", "required": True}, "count": {"type": "int", "required": True}}
OPTIONS: ArgumentSpec = {
    **two_registries_spec(),
    "images": {"type": "list", "elements": "raw"},
    "src_dir": {"type": "path"},
    "dest_dir": {"type": "path"},
    "keep_host": {"type": "bool", "default": False},
    "platforms": {"type": "list", "elements": "str", "default": []},
    "referrers": {"type": "bool", "default": False},
    "empty": {"type": "str", "choices": ["fail", "ok"], "default": "fail"},
    "existing": {"type": "str", "choices": ["overwrite", "keep", "fail"], "default": "overwrite"},
    "extra": {"type": "str", "choices": ["keep", "delete"], "default": "keep"},
    "max_deletions": {"type": "int", "default": 100},
    "min_remaining": {"type": "int", "default": 0},
    "shard": {"type": "dict", "options": _SHARD},
    **VERIFY,
}
RULES = {
    "required_one_of": [("images", "src_dir"), ("dest_registry", "dest_dir")],
    "mutually_exclusive": [("dest_registry", "dest_dir"), ("src_dir", "dest_dir"), ("src_dir", "src_registry")],
}


def _check(params: t.Mapping[str, t.Any]) -> None:
    refuse_unset(params, ("dest_registry", "dest_dir", "src_dir"))
    for option in ("registry", "src_registry", "dest_registry"):
        if params[option]:
            split_base(params[option], option)  # else each entry of the list would tell it, as with the platforms
    for text in params["platforms"] or ():
        Platform.parse(text)
    if params["dest_dir"] is not None and not params["images"]:
        raise RegistryError(f"The option images is empty{UNSET}: list the images to export.", "invalid_option")
    for option in ("max_deletions", "min_remaining"):
        if params[option] < 0:
            raise RegistryError(f"The option {option} is {params[option]}: it must be 0 or more.", "invalid_option")
    if params["dest_dir"] is None:
        return
    if params["extra"] == "delete":
        message = "The option extra: delete cannot be used with dest_dir: a directory keeps earlier exports."
        raise RegistryError(message, "invalid_option")
    if params["existing"] != "overwrite":
        message = f"The option existing: {params['existing']} cannot be used with dest_dir: an export lists what the sources have now."
        raise RegistryError(message, "invalid_option")


def run(task: Task) -> None:
    """Run the task."""
    _check(task.params)
    Sync(task).run()


class Sync:
    """One run of the task between registries."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._lists = TagLists()
        self._lost = LostHosts()
        self._verification = parse_verify(task.params)
        self._foresee: t.Callable[[Reference, t.Sequence[PushPlan]], None] = lambda destination, plans: None

    def run(self) -> None:
        """Plan, copy, and fill the result; raises in the end where something failed."""
        task, params = self._task, self._task.params
        if params["src_dir"] is not None:
            from .sync_import import Import

            with contextlib.closing(Import(task)) as source:
                self._import(source)
            return
        entries = parse_list(params)
        targets = [destination_of(params, entry, entry.source) for entry in entries] if params["dest_dir"] is None else []
        self._registries = task.connect_two([entry.image for entry in entries], targets)
        plan = self._planner().plan(entries)
        if params["dest_dir"] is not None:
            from .sync_export import Export, which

            export = Export(task, lambda job: self._source(job.copy.source), self._lists, self._verification)
            outcomes = self._run(plan.jobs, export.bring, which)
            missing = [outcome.result["name"] for outcome in [*outcomes, *(failed for _entry, failed in plan.failed)] if outcome.error]
            before, after, failure = export.finish(plan.jobs, missing)
            self._tell(plan, outcomes, before, after, failure)
            return
        self._finish(plan, self._copier().bring)

    def _finish(self, plan: SyncPlan, bring: Bring) -> None:
        """Bring the images to the registry, delete there what the list does not include, and report both."""
        task, params = self._task, self._task.params
        if params["extra"] == "keep":
            self._tell(plan, self._run(plan.jobs, bring), {}, {})
            return
        from .sync_extra import Extra, Foresight

        foresight = Foresight(task.budget)
        self._foresee = foresight.note
        outcomes = self._run(plan.jobs, bring)
        extra = Extra(self._deleter, lambda target: self._sources(plan, target), params["max_deletions"], task.warn, foresight)
        failure = self._delete(extra, plan, outcomes)
        task.result["deleted_tags"] = extra.deleted
        self._tell(plan, outcomes, *extra.states(), failure)

    def _import(self, source: Import) -> None:
        params = self._task.params
        entries = parse_list(params, source.parse_name)
        for entry in entries:
            if entry.choice is not None and entry.choice.sort == "created":
                raise RegistryError(
                    f"Entry {entry.number} of images has sort: created, which cannot be used with src_dir: its tags are sorted by version.",
                    "invalid_option",
                )
        choosing = [entry for entry in entries if entry.choice is not None]
        if params["extra"] == "delete" and not choosing:
            message = "The option extra: delete with src_dir requires entries in images that select tags."
            raise RegistryError(message, "invalid_option")
        jobs, failed = source.jobs(entries)
        self._registries = self._task.connect_two([], [job.copy.destination for job in jobs])
        planner = self._planner()
        plan = SyncPlan(planner.check(jobs), planner.own_failures(failed))
        if params["extra"] == "delete":
            unclear = source.unclear(choosing, jobs, [entry for entry, _outcome in failed])
            plan.chosen = {} if unclear is None else planner.account(choosing, unclear, plan.jobs)
        copier = self._copier()

        def bring(job: Job) -> Outcome:
            with source.reading(job) as image:
                return copier.bring_local(job, image)

        self._finish(plan, bring)

    def _planner(self) -> Planner:
        return Planner(self._task.params, self._source, self._registries.concurrency, self._lists, self._lost)

    def _copier(self) -> ImageCopier:
        return ImageCopier(self._registries, self._options, lambda job: self._source(job.copy.source))

    def _run(
        self, jobs: t.Sequence[Job], bring: Bring, which: t.Callable[[Job], t.Hashable] = lambda job: (job.copy, job.referrers)
    ) -> list[Outcome]:
        return Runner(self._registries, bring, self._task.progress, which, self._lost).run(jobs)

    def _source(self, image: Reference) -> RegistryClient:
        client = self._registries.source(image)
        client.connection.exchange.pulls.least = self._task.params["min_remaining"]
        return client

    def _options(self, job: Job) -> CopyOptions:
        existing, check_mode = self._task.params["existing"], self._task.check_mode
        return CopyOptions(job.referrers, existing, None, check_mode, True, self._lists, self._verification, self._foresee)

    def _deleter(self, image: Reference) -> RegistryClient:
        return self._registries.destination(image, *(("pull",) if self._task.check_mode else ("pull", "push", "delete")))

    def _sources(self, plan: SyncPlan, target: Reference) -> list[RegistryClient]:
        """Return what reads the repositories that the images of ``target`` come from, none for a directory."""
        if self._task.params["src_dir"] is not None:
            return []
        images = {job.copy.source.name: job.copy.source for job in plan.jobs if job.copy.destination.name == target.name}
        return [self._source(image) for image in images.values()]

    def _delete(self, extra: Extra, plan: SyncPlan, outcomes: t.Sequence[Outcome]) -> RegistryError | None:
        """Delete what is not in the list, but nothing where an image failed; return why not all of it is gone, which is told at the end."""
        failed = {job.copy.destination.name for job, outcome in zip(plan.jobs, outcomes) if outcome.error is not None}
        try:
            extra.plan({image: tags for image, tags in plan.chosen.items() if image.name not in failed})
            if self._task.check_mode:
                extra.expect()
            else:
                extra.carry_out()
        except RegistryError as error:
            return error
        return None

    def _tell(
        self, plan: SyncPlan, outcomes: t.Sequence[Outcome], before: State, after: State, failure: RegistryError | None = None
    ) -> None:
        """Fill the result, and raise what failed: images first, then the ``failure`` after them."""
        task = self._task
        numbered = [(job.entry.number, outcome) for job, outcome in zip(plan.jobs, outcomes)]
        numbered += [(entry.number, outcome) for entry, outcome in plan.failed]
        told = count_once([outcome for _number, outcome in sorted(numbered, key=lambda pair: pair[0])])
        for outcome in told:
            before.update(outcome.before)
            after.update(outcome.after)
        task.result["images"] = [outcome.result for outcome in told]
        task.result["failed_names"] = [outcome.result["name"] for outcome in told if outcome.error is not None]
        task.result.setdefault("deleted_tags", [])
        task.result["summary"] = summarize(told)
        task.changes(before, after)
        task.has_written = bool(task.result["changed"]) and not task.check_mode
        raise_failures(told, failure)
