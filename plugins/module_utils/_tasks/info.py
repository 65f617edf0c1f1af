# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_info: look at a registry itself."""

from __future__ import annotations

from .._oci.reference import split_base
from .._registry.registry_check import look_at_registry
from .options import ArgumentSpec
from .task import Task

OPTIONS: ArgumentSpec = {"registry": {"type": "str", "required": True, "aliases": ["registry_url", "url"]}}


def run(task: Task) -> None:
    """Run the task."""
    host, prefix = split_base(task.params["registry"])
    task.result.update(look_at_registry(task.connect().connection(host).exchange, prefix))
