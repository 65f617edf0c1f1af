# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_push: push an image from a file or directory to a registry."""

from __future__ import annotations

import time

from .._core.errors import RegistryError
from .._core.scrub import cut, quoted
from .._oci.host import normalize_registry
from .._oci.platform import Platform
from .._oci.reference import Reference, check_repository, check_tags
from .image_push import push
from .options import ArgumentSpec
from .task import Task

OPTIONS: ArgumentSpec = {
    "path": {"type": "path", "required": True, "aliases": ["src", "load_path", "input"]},
    "name": {"type": "str", "required": True, "aliases": ["image"]},
    "source_name": {"type": "str"},
    "tags": {"type": "list", "elements": "raw", "default": [], "aliases": ["tag"]},
    "platforms": {"type": "list", "elements": "str", "default": [], "aliases": ["platform"]},
    "existing": {"type": "str", "choices": ["overwrite", "keep", "fail"], "default": "overwrite"},
    "mount_from": {"type": "list", "elements": "str", "default": []},
    "compression": {"type": "str", "choices": ["gzip", "none"], "default": "gzip"},
    "chunk_size": {"type": "int", "default": 0},
}


def _identifiers(task: Task, image: Reference) -> tuple[str, ...]:
    tags = check_tags(([image.tag] if image.tag else []) + task.params["tags"])
    return tags or ((str(image.digest),) if image.digest else ("latest",))


def _repository(name: str, image: Reference) -> str:
    """Return an entry of ``mount_from``; one with a registry before it would be a repository that nobody has."""
    first, slash, _rest = name.partition("/")
    if slash and (":" in first or normalize_registry(first) == image.registry):
        message = f"The option mount_from has {quoted(name, 300)}, which begins with a registry: write only the repository, without {cut(first, 100)}/."
        raise RegistryError(message, "invalid_reference")
    try:
        return check_repository(name)
    except RegistryError as error:
        raise RegistryError(f"The option mount_from has an invalid entry. {error.message}", error.kind) from None


def run(task: Task) -> None:
    """Run the task."""
    start = time.monotonic()
    image = task.reference(task.params["name"])
    identifiers = _identifiers(task, image)
    if task.params["chunk_size"] < 0:
        message = f"The option chunk_size is {task.params['chunk_size']}: it must be a number of bytes, or 0."
        raise RegistryError(message, "invalid_option")
    mount_from = tuple(_repository(name, image) for name in task.params["mount_from"])
    platforms = [Platform.parse(text) for text in task.params["platforms"]]
    task.progress.name(str(image))
    push(task, image, identifiers, platforms, mount_from)
    task.result["elapsed"] = round(time.monotonic() - start, 3)
