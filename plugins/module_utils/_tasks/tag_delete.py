# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_tag_delete: delete tags from a registry, and nothing but the tags."""

from __future__ import annotations

from .._core.errors import RegistryError
from .._oci.reference import Reference, check_tags, parse_expected
from .._retention.deletion_plan import Deletion, plan_deletion
from .options import ArgumentSpec
from .task import Task

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "required": True, "aliases": ["image"]},
    "tags": {"type": "list", "elements": "raw", "aliases": ["tag"]},
    "expected_digest": {"type": "str"},
    "method": {"type": "str", "choices": ["auto", "tag", "substitute", "digest"], "default": "auto"},
}


def _wanted_tags(task: Task, image: Reference) -> tuple[str, ...]:
    given = task.params["tags"]
    tags = check_tags(given or [])
    if image.digest is not None:
        if image.tag:
            raise RegistryError(f"{image} has both a tag and a digest: leave out one of them.", "invalid_option")
        if task.params["method"] != "digest":
            raise RegistryError(
                f"{image} names a digest: deleting it deletes every tag on it. Set method: digest if you want that.", "invalid_option"
            )
        if given is not None:
            raise RegistryError("Name either a digest or tags to delete, not both.", "invalid_option")
        return ()
    if (given is None) == (image.tag is None):
        raise RegistryError(
            f"The task does not say which tags of {image.name} to delete: set name to repository:tag, or set tags, but not both.",
            "invalid_option",
        )
    return tags if image.tag is None else (image.tag,)


def run(task: Task) -> None:
    """Run the task."""
    image = task.reference(task.params["name"])
    tags = _wanted_tags(task, image)
    expected = parse_expected(task.params["expected_digest"])
    client = task.client(image, "pull", "push", "delete")
    plan = plan_deletion(client, tags, image.digest, task.params["method"], expected)
    task.result.update(plan.result())
    before = plan.before()
    if task.changes(before, dict.fromkeys(before), image.name):
        deletion = Deletion(client, plan)
        task.done = deletion.gone
        try:
            deletion.run()
            if not deletion.gone():
                task.tell_done(())  # others were faster
        finally:
            task.result.update(deletion.result())
