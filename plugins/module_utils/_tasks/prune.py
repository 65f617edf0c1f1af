# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_prune: delete the old tags of a repository and keep what the others need."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timezone

from .._core.errors import OF_THE_HOST, RegistryError
from .._core.scrub import quoted
from .._oci.reference import Reference
from .._registry.client import RegistryClient
from .._retention.policy import Policy
from .._retention.prune import Pruning
from .._retention.prune_plan import PrunePlan, plan_prune
from .entries import gather, parse_entry, refuse_none
from .options import ENTRY_KEYS, ArgumentSpec
from .task import Result, Task

OPTIONS: ArgumentSpec = {
    "name": {"type": "raw", "required": True, "aliases": ["repository"]},
    "include": {"type": "raw", "default": []},
    "exclude": {"type": "raw", "default": []},
    "protect": {"type": "raw", "default": []},
    "keep_last": {"type": "int"},
    "keep_within": {"type": "str"},
    "keep_semver": {"type": "raw"},
    "sort": {"type": "str", "choices": ["created", "version"], "default": "created"},
    "max_deletions": {"type": "int", "default": 100},
    "method": {"type": "str", "choices": ["auto", "tag", "substitute", "digest"], "default": "auto"},
}
_ENTRY = dict.fromkeys(sorted(ENTRY_KEYS["name"]), "any")


@dataclass(frozen=True)
class _Wanted:
    """A repository, what shall stay there, and how the rest is deleted."""

    image: Reference
    policy: Policy
    method: str


@dataclass
class _Planned:
    """A repository with its plan, and the work on it as soon as it has begun."""

    wanted: _Wanted
    client: RegistryClient
    plan: PrunePlan
    pruning: Pruning | None = None
    error: RegistryError | None = None

    @property
    def name(self) -> str:
        """The full name of the repository."""
        return self.wanted.image.name

    def run(self) -> None:
        """Delete what the plan says."""
        self.pruning = Pruning(self.client, self.plan, self.wanted.method)
        self.pruning.run()

    def result(self, is_planned: bool) -> Result:
        """Return what was done, or what ``is_planned``."""
        if self.pruning is not None:
            return self.pruning.result()
        return self.plan.result() if is_planned else {**self.plan.result(), "deleted": []}


def _repository(task: Task, name: t.Any) -> Reference:
    if not isinstance(name, str):
        raise RegistryError(f"The option name is {quoted(name, 100)}: give a repository, or a list of them.", "invalid_option")
    image = task.reference(name)
    if image.tag or image.digest:
        raise RegistryError(f"{image} names a tag or digest: registry_prune works on a whole repository.", "invalid_reference")
    return image


def _parse_several(task: Task, listed: list[t.Any]) -> list[_Wanted]:
    """Return the repositories of a list; what an entry does not say is taken from the task's options."""
    refuse_none(listed, "name")

    def parse(number: int, given: t.Any) -> _Wanted:
        where = f"entry {number} of name"
        entry = parse_entry(given, where, "name", _ENTRY)
        empty = [key for key, value in given.items() if value is None] if isinstance(given, dict) else []
        if empty:
            message = f"The {empty[0]} of {where} has no value: give it a value ([] for an empty list), or leave it out."
            raise RegistryError(message, "invalid_option")
        try:
            return _parse_entry(task, {key: value for key, value in entry.items() if value is not None})
        except RegistryError as error:
            raise RegistryError(f"In {where} ({quoted(entry['name'], 100)}): {error.message}", error.kind) from None

    wanted = gather(parse, listed)
    names = [one.image.name for one in wanted]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RegistryError(f"The option name contains {twice} twice: give each repository one policy.", "invalid_option")
    return wanted


def _parse_entry(task: Task, entry: dict[str, t.Any]) -> _Wanted:
    options = {**task.params, **entry}
    for option in ("sort", "method"):
        if options[option] not in OPTIONS[option]["choices"]:
            choices = ", ".join(OPTIONS[option]["choices"])
            raise RegistryError(f"{option} is {quoted(options[option], 60)}: it must be one of {choices}.", "invalid_option")
    last, within = options["keep_last"], options["keep_within"]
    if isinstance(last, str) and last.isascii() and last.isdigit():
        options["keep_last"] = int(last)
    elif last is not None and (not isinstance(last, int) or isinstance(last, bool)):
        raise RegistryError(f"keep_last is {quoted(last, 60)}: it must be a number.", "invalid_option")
    if within is not None and not isinstance(within, str):
        raise RegistryError(f"keep_within is {quoted(within, 60)}: it must be a string such as 30d.", "invalid_option")
    return _Wanted(_repository(task, options["name"]), Policy.parse(options), options["method"])


def _check_limit(planned: t.Sequence[_Planned], limit: int) -> None:
    count = sum(len(one.plan.doomed) for one in planned)
    if limit and count > limit:
        where = planned[0].name if len(planned) == 1 else f"{len(planned)} repositories"
        raise RegistryError(
            f"{count} tags of {where} would be deleted, more than the {limit} that max_deletions allows: nothing was deleted.",
            "precondition",
            reference=planned[0].name if len(planned) == 1 else None,
        )


def run(task: Task) -> None:
    """Run the task."""
    given, limit = task.params["name"], task.params["max_deletions"]
    is_list = isinstance(given, list)
    wanted = _parse_several(task, given) if is_list else [_parse_entry(task, {"name": given})]
    if limit < 0:
        raise RegistryError(f"The option max_deletions is {limit}: it must be 0 or more.", "invalid_option")
    connections = task.connect(*(one.image for one in wanted))
    actions = ("pull",) if task.check_mode else ("pull", "push", "delete")
    planned: list[_Planned] = []
    for one in wanted:
        task.progress.name(one.image.name)
        client = connections.client(one.image, *actions)
        planned.append(_Planned(one, client, plan_prune(client, one.policy, datetime.now(timezone.utc), one.method)))
        for warning in planned[-1].plan.warnings:
            task.warn(warning)
    try:
        _tell(task, planned, is_list)
        _check_limit(planned, limit)
        _carry_out(task, planned, is_list)
    finally:
        _tell(task, planned, is_list)


def _carry_out(task: Task, planned: t.Sequence[_Planned], is_list: bool) -> None:
    """Delete what the plans say, and go on after a repository that fails."""
    if not task.changes(*_states(planned, is_list), "" if is_list else planned[0].name):
        return

    def gone() -> set[str]:
        return {_key(one, tag, is_list) for one in planned for tag in (one.pruning.gone() if one.pruning else ())}

    task.done = gone
    for one in planned:
        if one.plan.doomed:
            task.progress.name(one.name)
            try:
                one.run()
            except RegistryError as error:
                one.error = error.bare()
                if error.kind in OF_THE_HOST:
                    break
    for one in planned:
        if one.error is not None:
            raise one.error
    if not gone():
        task.tell_done(())  # others were faster


def _states(planned: t.Sequence[_Planned], is_list: bool) -> tuple[Result, Result]:
    before: Result = {}
    after: Result = {}
    for one in planned:
        for states, own in zip((before, after), one.plan.states()):
            states.update({_key(one, tag, is_list): state for tag, state in own.items()})
    return before, after


def _key(one: _Planned, tag: str, is_list: bool) -> str:
    """Return how the diff names a tag: with its repository where there are several."""
    return f"{one.name}:{tag}" if is_list else tag


def _tell(task: Task, planned: t.Sequence[_Planned], is_list: bool) -> None:
    """Fill the result with what was done, or in check mode with what is planned."""
    is_planned = task.check_mode
    if not is_list:
        task.result.update(planned[0].result(is_planned))
        return
    task.result["overview"] = {one.name: one.plan.overview() for one in planned}
    task.result["repositories"] = [
        {
            "name": one.name,
            "changed": bool(one.pruning.gone() if one.pruning else is_planned and one.plan.doomed),
            **one.result(is_planned),
            **({"error": one.error.entry()} if one.error else {}),
        }
        for one in planned
    ]
