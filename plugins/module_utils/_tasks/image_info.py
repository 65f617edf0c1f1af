# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_image_info: look at images in registries."""

from __future__ import annotations

from .._core.errors import NotFound, RegistryError
from .._core.scrub import some
from .._oci.platform import Platform
from .._registry.image_details import look_at
from .options import ArgumentSpec
from .task import Task

OPTIONS: ArgumentSpec = {
    "name": {"type": "list", "elements": "str", "required": True, "aliases": ["image", "names"]},
    "details": {"type": "str", "choices": ["digest", "manifest", "config"], "default": "manifest"},
    "platform": {"type": "str"},
    "referrers": {"type": "bool", "default": False},
    "missing": {"type": "str", "choices": ["ok", "fail"], "default": "ok"},
    "on_error": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
}


def _absence(missing: list[str], first: NotFound, asked: int) -> RegistryError:
    """Return the word of the registry for the first image that it lacks, which says of what other images there are none."""
    return first if asked == 1 else first.again(f"{len(missing)} of {asked} images are missing: {some(missing)}. {first.message}")


def run(task: Task) -> None:
    """Run the task."""
    names = task.params["name"]
    images = [task.reference(name) for name in names]
    platform = None if task.params["platform"] is None else Platform.parse(task.params["platform"])
    report = task.params["on_error"] == "report"
    entries = look_at(task.connect(*images), images, task.params["details"], platform, task.params["referrers"], report)
    shown = [{"name": name, **entry} for name, (entry, _absence) in zip(names, entries)]
    task.result["images"] = shown
    task.result["missing"] = [entry["name"] for entry in shown if not entry["exists"] and "error" not in entry]
    task.result["exists"] = all(entry["exists"] for entry in shown)
    if report:
        task.result["failed_names"] = [entry["name"] for entry in shown if "error" in entry]
    if task.params["missing"] == "fail" and task.result["missing"]:
        raise _absence(task.result["missing"], next(absence for _entry, absence in entries if absence), len(names))
