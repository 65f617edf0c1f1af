# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_repository_info: list the repositories of a registry."""

from __future__ import annotations

from .._core.errors import RegistryError
from .._core.patterns import Selection, check_limit
from .._oci.reference import check_repository, split_base
from .._registry.client import RegistryClient
from .options import ArgumentSpec
from .task import Task

OPTIONS: ArgumentSpec = {
    "registry": {"type": "str", "required": True, "aliases": ["registry_url", "url"]},
    "prefix": {"type": "str"},
    "include": {"type": "raw", "default": []},
    "exclude": {"type": "raw", "default": []},
    "limit": {"type": "int"},
    "unsupported": {"type": "str", "choices": ["fail", "ok"], "default": "fail"},
}


def _scope(task: Task) -> tuple[str, str]:
    """Return the host and the whole prefix, "" without one."""
    host, prefix = split_base(task.params["registry"])
    parts = [part for part in (prefix, (task.params["prefix"] or "").rstrip("/")) if part]
    return host, check_repository("/".join(parts), host) if parts else ""


def run(task: Task) -> None:
    """Run the task."""
    host, scope = _scope(task)
    selection = Selection.parse(task.params["include"], task.params["exclude"])
    limit = check_limit(task.params["limit"])
    client = RegistryClient(task.connect().connection(host), scope)
    names: dict[str, str] = {}
    supported, truncated = True, False
    try:
        for repository in client.iter_repositories():
            relative = repository[len(scope) :].lstrip("/")
            if not selection.has(relative):
                continue
            if limit is not None and len(names) == limit:
                truncated = True
                break
            name = f"{host}/{repository}"
            task.budget.hold_result([name, relative], f"The list of the repositories of {host}")
            names[name] = relative
    except RegistryError as error:
        if error.kind != "unsupported" or task.params["unsupported"] == "fail":
            raise
        supported = False
    task.result.update(repositories=list(names), relative_names=list(names.values()), supported=supported, truncated=truncated)
