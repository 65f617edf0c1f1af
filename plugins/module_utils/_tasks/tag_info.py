# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_tag_info: list the tags of a repository in a registry."""

from __future__ import annotations

from .._core.errors import NotFound, RegistryError
from .._core.patterns import Selection, check_limit
from .._oci.digest_tags import owner_key
from .._oci.reference import Reference
from .._oci.versions import sort_by_version, weigh_keys
from .._registry.image_details import look_at
from .options import ArgumentSpec
from .task import Task

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "required": True, "aliases": ["repository"]},
    "include": {"type": "raw", "default": []},
    "exclude": {"type": "raw", "default": []},
    "sort": {"type": "str", "choices": ["name", "version", "registry"], "default": "name"},
    "reverse": {"type": "bool", "default": False},
    "limit": {"type": "int"},
    "ignore_digest_tags": {"type": "bool", "default": True},
    "details": {"type": "str", "choices": ["none", "digest", "manifest", "config"], "default": "none"},
    "missing": {"type": "str", "choices": ["ok", "fail"], "default": "fail"},
}


def _repository(task: Task) -> Reference:
    image = task.reference(task.params["name"])
    if image.tag or image.digest:
        raise RegistryError(
            f"{image} names an image: the tags of a repository are listed, name it without tag and digest.", "invalid_reference"
        )
    return image


def _order(task: Task, tags: list[str]) -> list[str]:
    order, reverse = task.params["sort"], task.params["reverse"]
    if order == "version":
        with task.budget.lend(weigh_keys(tags), "The list of tags, to be sorted by version,"):
            return sort_by_version(tags, str, reverse)
    if order == "name":
        return sorted(tags, reverse=reverse)
    return tags[::-1] if reverse else tags


def run(task: Task) -> None:
    """Run the task."""
    params = task.params
    repository = _repository(task)
    selection = Selection.parse(params["include"], params["exclude"])
    limit = check_limit(params["limit"])
    connections = task.connect(repository)
    exists = True
    try:
        client = connections.client(repository)
        listed = client.list_tags(on_unusable=client.warn_of_name)
    except NotFound:
        if params["missing"] == "fail":
            raise
        exists, listed = False, []
    chosen = [tag for tag in listed if selection.has(tag) and not (params["ignore_digest_tags"] and owner_key(tag))]
    tags = _order(task, chosen)[:limit]
    task.budget.hold_result(tags, f"The list of the tags of {repository}")
    task.result.update(exists=exists, tags=tags, images=[], total=len(chosen), truncated=len(tags) < len(chosen))
    if params["details"] != "none":
        images = [repository.with_tag(tag) for tag in tags]
        entries = look_at(connections, images, params["details"])
        task.result["images"] = [{"name": str(image), **entry} for image, (entry, _absence) in zip(images, entries)]
