# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_extract: lay files of an image down on this host."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform as machine
import typing as t

from .._core.errors import RegistryError
from .._local.extract_target import Change, ExtractTarget
from .._local.extraction_record import Remembered, recall, remember
from .._local.file_selection import Selected
from .._local.image_paths import MAX_PATHS, Want
from .._local.image_tree import DIRECTORY
from .._oci.manifest import Manifest
from .._oci.platform import Platform
from .._oci.reference import Reference
from .._registry.client import RegistryClient
from .._registry.image_files import ImageFiles
from .options import ArgumentSpec
from .task import Result, Task
from .verify_option import VERIFY, parse_verify

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "required": True, "aliases": ["image"]},
    "paths": {"type": "list", "elements": "raw", "required": True},
    "dest": {"type": "path", "required": True},
    "platform": {"type": "str"},
    "strip": {"type": "int", "default": 0},
    "keep_ownership": {"type": "bool", "default": False},
    "keep_set_id": {"type": "bool", "default": False},
    **VERIFY,
}
RULES = {"add_file_common_args": True}
_MACHINES = {"i386": "386", "i486": "386", "i586": "386", "i686": "386", "armv7l": "arm/v7", "armv6l": "arm/v6", "armv8l": "arm/v7"}


def host_platform() -> Platform:
    """Return the platform of this host; what runs in containers on a Mac is for Linux."""
    system, name = machine.system().lower(), machine.machine()
    return Platform.parse(f"{'linux' if system == 'darwin' else system}/{_MACHINES.get(name, name)}")


def _wants(task: Task) -> list[Want]:
    given = task.params["paths"]
    if not 1 <= len(given) <= MAX_PATHS:
        raise RegistryError(f"The option paths has {len(given)} entries: it must have from 1 to {MAX_PATHS}.", "invalid_option")
    if task.params["strip"] < 0:
        raise RegistryError(f"The option strip is {task.params['strip']}: it must be 0 or more.", "invalid_option")
    for option in ("keep_ownership", "keep_set_id"):
        if task.params[option] and os.geteuid():
            raise RegistryError(f"The option {option} requires root: set become: true, or leave it out.", "invalid_option")
    return list(dict.fromkeys(Want.parse(value, number) for number, value in enumerate(given, 1)))


def _key(task: Task, image: Reference, wants: t.Sequence[Want]) -> str:
    """Return what stands for the task in the record: the same files of the same repository, at the same place."""
    params = task.params
    stated = [
        image.registry,
        image.repository,
        params["platform"] or f"{machine.system()} {machine.machine()}",  # hosts of several kinds may share a folder
        [str(want) for want in wants],
        params["strip"],
        os.path.basename(params["dest"]),
    ]
    return hashlib.sha256(json.dumps(stated).encode()).hexdigest()


def _choose(task: Task, client: RegistryClient, image: Reference, root: Manifest) -> Manifest:
    """Return the image for the platform; a single image is taken as it is unless the task names a platform."""
    stated = task.params["platform"]
    if stated is None and not root.is_index:
        return root
    return client.choose(root, Platform.parse(stated) if stated is not None else host_platform(), image.identifier)


class _Extraction:
    def __init__(self, task: Task, image: Reference, wants: t.Sequence[Want], target: ExtractTarget) -> None:
        self._task = task
        self._wants = wants
        self._target = target
        verification = parse_verify(task.params)
        self._client = task.client(image)
        self._image = image if verification is None else verification.pin(self._client, image)
        self._key = _key(task, image, wants)
        self._placed: set[str] = set()

    def run(self) -> None:
        remembered = self._recall()
        if remembered is not None:
            changes = self._target.compare(self._target.settle(remembered.selected), are_known=True)
            if all(before == after for _item, before, after in changes):
                self._task.changes({}, {}, str(self._image))
                self._task.result.update(self._told(remembered.digest, remembered.selected, changes, 0))
                return
        root = self._client.get_manifest(self._image.identifier)
        manifest = _choose(self._task, self._client, self._image, root)
        with contextlib.ExitStack() as stack:
            staging = None if self._task.check_mode else stack.enter_context(contextlib.closing(self._target.stage()))
            files = ImageFiles(self._client, manifest, str(self._image), self._wants, self._task.params["strip"], staging)
            selected = files.select()
            changes = self._target.compare(self._target.settle(selected), are_known=remembered is not None)
            told = self._told(str(root.digest), selected, changes, files.downloaded_bytes)
            before, after = ({self._target.shown(item): states[at] for item, *states in changes if states[0] != states[1]} for at in (0, 1))
            if self._task.changes(before, after, str(self._image)) and staging is not None:
                self._task.done = lambda: self._placed
                self._target.place(changes, files.staged, staging, lambda item: self._placed.add(self._target.shown(item)))
            self._task.result.update(told)
        if not self._task.check_mode:
            self._remember(str(root.digest), selected)

    def _recall(self) -> Remembered | None:
        """Return what is remembered of the digest that the name is on now."""
        remembered = recall(self._target.base, self._key, self._task.budget)
        if remembered is None:
            return None
        digest = self._image.digest or self._client.get_digest(self._image.identifier)
        return remembered if remembered.digest == str(digest) else None

    def _remember(self, digest: str, selected: Selected) -> None:
        """Write the record; the files are there without it, too."""
        try:
            with contextlib.closing(self._target.record_folder(selected)) as folder:
                remember(folder, self._key, Remembered(digest, selected), self._task.budget)
        except RegistryError as error:
            if error.kind != "local_io":
                raise
            self._task.warn(f"The record of the extracted files was not written, so the next run downloads them again. {error.message}")

    def _told(self, digest: str, selected: Selected, changes: t.Sequence[Change], downloaded_bytes: int) -> Result:
        files = [
            {
                "path": self._target.shown(item),
                "source": item.path,
                "size": item.size,
                "mode": f"{self._target.wanted(item)[0]:04o}",
                "changed": before != after,
            }
            for item, before, after in changes
            if item.kind != DIRECTORY
        ]
        skipped = [{"path": path, "reason": reason} for path, reason in selected.skipped]
        for entry in (*files, *skipped):
            self._task.budget.hold_result(entry, "The result for the files")
        return {"digest": digest, "files": files, "skipped_files": skipped, "downloaded_bytes": downloaded_bytes}


def run(task: Task) -> None:
    """Run the task."""
    params = task.params
    image = task.reference(params["name"])
    task.progress.name(str(image))
    wants = _wants(task)
    if not params["dest"]:
        raise RegistryError("The option dest is empty: name a file or a folder.", "invalid_option")
    if params["platform"] is not None:
        Platform.parse(params["platform"])
    attributes = task.attributes(params["dest"])
    attributes.of_new(0o644, None, None, False)  # a mode or owner that does not exist is found before anything is asked
    target = ExtractTarget(params["dest"], attributes, params["keep_ownership"], params["keep_set_id"])
    try:
        _Extraction(task, image, wants, target).run()
    finally:
        target.close()
