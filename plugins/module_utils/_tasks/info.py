# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_info: look at a registry itself."""

from __future__ import annotations

import typing as t

from .._core.errors import RegistryError
from .._oci.reference import Reference, split_base
from .._registry.client import RegistryClient
from .._registry.push_check import find_push_refusal
from .._registry.registry_check import look_at_registry
from .options import ArgumentSpec
from .task import Task

OPTIONS: ArgumentSpec = {
    "registry": {"type": "str", "required": True, "aliases": ["registry_url", "url"]},
    "push_to": {"type": "str"},
}


def _repository(task: Task) -> Reference | None:
    if task.params["push_to"] is None:
        return None
    image = task.reference(task.params["push_to"])
    if image.tag or image.digest:
        raise RegistryError(f"{image} names a tag or digest: the option push_to takes a repository.", "invalid_reference")
    return image


def run(task: Task) -> None:
    """Run the task."""
    host, prefix = split_base(task.params["registry"])
    repository = _repository(task)
    connections = task.connect()
    task.result.update(look_at_registry(connections.connection(host).exchange, prefix))
    if repository is not None:
        task.result.update(_try_push(task, connections.client(repository)))


def _try_push(task: Task, client: RegistryClient) -> dict[str, t.Any]:
    """Return whether the credentials may push, and why not; in check mode nobody knows, since an upload would have to be opened."""
    if task.check_mode:
        return {"can_push": None, "push_error": None}
    refusal = find_push_refusal(client)
    return {"can_push": refusal is None, "push_error": refusal.entry() if refusal else None}
