# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_prune: delete the old tags of a repository and keep what the others need."""

from __future__ import annotations

from datetime import datetime, timezone

from .._core.errors import RegistryError
from .._oci.reference import Reference
from .._retention.policy import Policy
from .._retention.prune import Pruning
from .._retention.prune_plan import PrunePlan, plan_prune
from .options import ArgumentSpec
from .task import Task

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "required": True, "aliases": ["repository"]},
    "include": {"type": "raw", "default": []},
    "exclude": {"type": "raw", "default": []},
    "protect": {"type": "raw", "default": []},
    "keep_last": {"type": "int"},
    "keep_within": {"type": "str"},
    "sort": {"type": "str", "choices": ["created", "version"], "default": "created"},
    "max_deletions": {"type": "int", "default": 100},
    "method": {"type": "str", "choices": ["auto", "tag", "substitute", "digest"], "default": "auto"},
}
RULES = {"required_one_of": [("keep_last", "keep_within")]}


def _repository(task: Task) -> Reference:
    image = task.reference(task.params["name"])
    if image.tag or image.digest:
        raise RegistryError(f"{image} names a tag or digest: registry_prune works on a whole repository.", "invalid_reference")
    return image


def _check_limit(task: Task, plan: PrunePlan, limit: int, name: str) -> None:
    if limit and len(plan.doomed) > limit:
        task.result["deleted"] = task.result["deleted"] if task.check_mode else []
        raise RegistryError(
            f"{len(plan.doomed)} tags of {name} would be deleted, more than the {limit} that max_deletions allows: nothing was deleted.",
            "precondition",
            reference=name,
        )


def run(task: Task) -> None:
    """Run the task."""
    image, policy, limit = _repository(task), Policy.parse(task.params), task.params["max_deletions"]
    if limit < 0:
        raise RegistryError(f"The option max_deletions is {limit}: it must be 0 or more.", "invalid_option")
    task.progress.name(image.name)
    client = task.client(image, "pull", "push", "delete")
    plan = plan_prune(client, policy, datetime.now(timezone.utc), task.params["method"])
    for warning in plan.warnings:
        task.warn(warning)
    task.result.update(plan.result())
    _check_limit(task, plan, limit, image.name)
    if task.changes(*plan.states(), image.name):
        pruning = Pruning(client, plan, task.params["method"])
        task.done = pruning.gone
        try:
            pruning.run()
        finally:
            task.result.update(pruning.result())
