# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_index: make one multi-platform image of several."""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from .._core.errors import RegistryError
from .._core.fanout import fan_out
from .._oci.image_index import AUTO, MEDIA_TYPES
from .._oci.platform import Platform
from .._oci.reference import Reference, check_tags
from .._registry.index_making import IndexOptions, IndexTask, Member, ReadMember, TagMoved, read_member
from .._registry.results import platforms_result
from .._registry.two_registries import TwoRegistries, parse_sided
from .entries import parse_annotations, parse_entries
from .options import ArgumentSpec, two_registries_spec
from .push_plan import carry_out
from .task import Task
from .verify_option import VERIFY, parse_verify

if t.TYPE_CHECKING:
    from .._registry.verification import Verification

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "required": True, "aliases": ["image"]},
    "images": {"type": "list", "elements": "raw", "required": True},
    "tags": {"type": "list", "elements": "raw", "default": [], "aliases": ["tag"]},
    "annotations": {"type": "dict", "default": {}},
    "children": {"type": "str", "choices": ["exact", "append"], "default": "exact"},
    "media_type": {"type": "str", "choices": [AUTO, *MEDIA_TYPES], "default": AUTO},
    **two_registries_spec(["src"]),
    **VERIFY,
}
_ENTRY = {"name": "text", "platform": "text", "annotations": "map"}


def _parse_members(task: Task) -> list[Member]:
    entries = parse_entries(task.params["images"], "images", "name", _ENTRY)
    return [
        Member(
            parse_sided(task.params, "src", entry["name"]),
            Platform.parse(entry["platform"]) if entry["platform"] else None,
            entry["annotations"] or {},
        )
        for entry in entries
    ]


def _parse_name(task: Task) -> tuple[Reference, tuple[str, ...]]:
    image = parse_sided(task.params, "dest", task.params["name"])
    if image.digest is not None:
        raise RegistryError(f"The name {image} has a digest, but the images determine the digest: give a tag instead.", "invalid_reference")
    return image, check_tags(([image.tag] if image.tag else []) + task.params["tags"]) or ("latest",)


def _read(registries: TwoRegistries, image: Reference, members: list[Member], verification: Verification | None) -> list[ReadMember]:
    """Return what the members hold; those in the registry of the index are read over its own connection, so that they can be mounted."""

    def read(member: Member) -> ReadMember:
        is_own = member.image.registry == image.registry
        client = registries.destination(member.image, "pull") if is_own else registries.source(member.image)
        if verification is not None:
            member = replace(member, image=verification.pin(client, member.image))
        return read_member(client, member)

    return fan_out(read, members, registries.concurrency)


def _carry_out(task: Task, image: Reference, index: IndexTask) -> None:
    plan, source = index.plan()
    carry_out(task, image, plan, lambda written: index.execute(plan, source, written), lambda: index.predict(plan))
    indexes = [plan.root, *(manifest for _child, manifest in plan.children if manifest.is_index)]
    task.result["platforms"] = [entry for manifest in indexes for entry in platforms_result(manifest)]


def run(task: Task) -> None:
    """Run the task."""
    start = time.monotonic()
    params = task.params
    image, identifiers = _parse_name(task)
    task.progress.name(str(image))
    members = _parse_members(task)
    options = IndexOptions(params["media_type"], parse_annotations(params["annotations"], "option annotations"), parse_verify(params))
    registries = task.connect_two([member.image for member in members if member.image.registry != image.registry], [image])
    client = registries.destination(image, *(("pull",) if task.check_mode else ("pull", "push")))
    index = IndexTask(client, identifiers, _read(registries, image, members, options.verification), options, params["children"] == "append")
    try:
        _carry_out(task, image, index)
    except TagMoved:
        _carry_out(task, image, index)  # on what the tag is on now; once
    task.result["elapsed"] = round(time.monotonic() - start, 3)
