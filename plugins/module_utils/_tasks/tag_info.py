# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_tag_info: list the tags of a repository in a registry."""

from __future__ import annotations

from .._core.errors import NotFound, RegistryError
from .._core.patterns import Selection, check_limit
from .._oci.digest_tags import owner_key
from .._oci.reference import Digest, Reference
from .._oci.versions import sort_by_version, weigh_keys
from .._registry.client import RegistryClient
from .._registry.image_details import look_at
from .options import ArgumentSpec
from .task import Task

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "required": True, "aliases": ["repository"]},
    "include": {"type": "raw", "default": []},
    "exclude": {"type": "raw", "default": []},
    "digests": {"type": "list", "elements": "str"},
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
        raise RegistryError(f"{image} has a tag or digest: give the repository without them.", "invalid_reference")
    return image


def _order(task: Task, tags: list[str]) -> list[str]:
    order, reverse = task.params["sort"], task.params["reverse"]
    if order == "version":
        with task.budget.lend(weigh_keys(tags), "The list of tags, to be sorted by version,"):
            return sort_by_version(tags, str, reverse)
    if order == "name":
        return sorted(tags, reverse=reverse)
    return tags[::-1] if reverse else tags


def _wanted(task: Task) -> frozenset[Digest] | None:
    given = task.params["digests"]
    try:
        return None if given is None else frozenset(map(Digest.parse, given))
    except RegistryError as error:
        raise RegistryError(f"The option digests contains an invalid digest: {error.message}", "invalid_option") from None


def _is_on(client: RegistryClient, tag: str, wanted: frozenset[Digest]) -> bool:
    """Tell whether a tag is on one of the ``wanted`` digests, which may be of another algorithm than the registry's own."""
    try:
        digest = client.get_digest(tag)
        if all(one.algorithm == digest.algorithm for one in wanted):
            return digest in wanted
        return any(map(client.get_manifest(tag).has_digest, wanted))
    except NotFound:
        return False  # deleted since it was listed, or listed without a manifest


def run(task: Task) -> None:
    """Run the task."""
    params = task.params
    repository = _repository(task)
    wanted = _wanted(task)
    selection = Selection.parse(params["include"], params["exclude"])
    limit = check_limit(params["limit"])
    connections = task.connect(repository)
    client = connections.client(repository)
    exists = True
    try:
        listed = client.list_tags(on_unusable=client.warn_of_name)
    except NotFound:
        if params["missing"] == "fail":
            raise
        exists, listed = False, []
    chosen = [tag for tag in listed if selection.has(tag) and not (params["ignore_digest_tags"] and owner_key(tag))]
    if wanted is not None:
        are_on = client.fan_out(lambda tag: _is_on(client, tag, wanted), chosen) if wanted and chosen else [False] * len(chosen)
        chosen = [tag for tag, is_on in zip(chosen, are_on) if is_on]
    tags = _order(task, chosen)[:limit]
    task.budget.hold_result(tags, f"The list of the tags of {repository}")
    task.result.update(exists=exists, tags=tags, images=[], total=len(chosen), truncated=len(tags) < len(chosen))
    if params["details"] != "none":
        images = [repository.with_tag(tag) for tag in tags]
        entries = look_at(connections, images, params["details"])
        task.result["images"] = [{"name": str(image), **entry} for image, (entry, _absence) in zip(images, entries)]
