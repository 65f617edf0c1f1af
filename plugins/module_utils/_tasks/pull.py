# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_pull: pull an image from a registry to a file or directory."""

from __future__ import annotations

import typing as t

from .._local.attributes import Attributes
from .._oci.platform import Platform
from .._oci.reference import Reference
from .._registry.image_pull import (
    DOCKER_ARCHIVE,
    FORMATS,
    LAYOUT,
    Destination,
    execute_pull,
    open_destination,
    plan_pull,
    pull_result,
)
from .options import ArgumentSpec
from .task import Task
from .verify_option import VERIFY, parse_verify

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "required": True, "aliases": ["image"]},
    "path": {"type": "path", "required": True, "aliases": ["dest", "archive_path"]},
    "format": {"type": "str", "choices": list(FORMATS), "default": LAYOUT},
    "platforms": {"type": "list", "elements": "str", "default": [], "aliases": ["platform"]},
    "append": {"type": "bool", "default": False},
    **VERIFY,
}
RULES = {"add_file_common_args": True}


State = dict[str, t.Any]


def _plan_attributes(attributes: Attributes, destination: Destination) -> tuple[State, State]:
    """Return the states before and after of the attributes of what is there: of the path itself, and how many others differ."""
    changes = [attributes.apply(file, predict=True) for file in destination.files()]
    if not changes:
        # An owner or mode that does not exist is found before anything is downloaded.
        attributes.apply(destination.surroundings, predict=True)
        return {}, {}
    others = sum(map(bool, changes[1:]))
    before, after = changes[0].get("before", {}), changes[0].get("after", {})
    return {**before, **({f"{destination.path} (files with other permissions)": others} if others else {})}, after


def _pull(task: Task, image: Reference, platforms: t.Sequence[Platform], destination: Destination, attributes: Attributes) -> None:
    params = task.params
    verification = parse_verify(params)
    client = task.client(image)
    if verification is not None:
        image = verification.pin(client, image)
    plan = plan_pull(client, image, platforms, destination, params["format"] == DOCKER_ARCHIVE)
    before, after = _plan_attributes(attributes, destination)
    if task.changes({**plan.gap.before, **before}, {**plan.gap.after, **after}, str(image)):
        if plan.gap.before != plan.gap.after:
            execute_pull(plan, destination, client, task.note_written)
        attributes.apply_to_all(destination.files, task.note_written)
    task.result.update(path=params["path"], format=params["format"], **pull_result(plan))


def run(task: Task) -> None:
    """Run the task."""
    params = task.params
    image = task.reference(params["name"])
    task.progress.name(str(image))
    platforms = [Platform.parse(text) for text in params["platforms"]]
    attributes = task.attributes(task.path())
    destination = open_destination(
        task.path(), params["format"], params["append"], attributes.hides_new, lambda file: attributes.apply(file, placed=False)
    )
    try:
        _pull(task, image, platforms, destination, attributes)
    finally:
        destination.close()
