# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Export images to a directory that is carried: a layout for each repository, and the list of what is in them."""

from __future__ import annotations

import os
import threading
import typing as t
from dataclasses import replace

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._local.disk import check_path, default_mode, disk_errors
from .._local.export_list import LIST, CarriedReferrer, ExportedImage, list_bytes, parse_list, read_raw, write_list
from .._local.layout_index import KnownLayouts
from .._local.layout_writer import LayoutWriter
from .._oci.image_content import Gap, ImageContent, ImageName
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest
from .._registry.attached_images import AttachedImage, TagLists, find_attached
from .._registry.client import RegistryClient
from .._registry.image_copy import Copied, attached_result
from .._registry.image_pull import Destination, PullPlan, execute_pull, plan_pull
from .._registry.results import Result, typed_result
from .sync_entries import layout_folder, layout_path
from .sync_outcome import Expected, Job, Outcome, State
from .task import Task


class _Nowhere:
    """The layout of a directory that is not there yet, as check mode sees it: it lacks everything."""

    def __init__(self, path: str) -> None:
        self.path = path

    def find(self, name: ImageName, digest: Digest | None) -> Manifest | None:
        """Return None."""
        return None

    def manifest(self, descriptor: Descriptor) -> Manifest | None:
        """Return None."""
        return None

    def gap(self, content: ImageContent, workers: int) -> Gap:
        """Return all of ``content``."""
        return Gap({self.path: None}, {self.path: str(content.root.digest)}, content.manifests, content.blobs)

    def close(self) -> None:
        """Nothing is held."""


class Export:
    """Brings images into the directory; ``finish`` writes the list of those that are there."""

    def __init__(self, task: Task, source: t.Callable[[Job], RegistryClient], lists: TagLists, verification: t.Any) -> None:
        self._task = task
        self._path = str(task.params["dest_dir"])
        self._source = source
        self._lists = lists
        self._verification = verification
        self._mode = default_mode()  # now, while there is one thread
        self._locks: dict[str, threading.Lock] = {}
        self._known = KnownLayouts(task.budget)
        self._exported: dict[t.Hashable, ExportedImage] = {}
        self._expected = Expected()
        _check_way(self._path)
        if not task.check_mode:
            with disk_errors(self._path):
                os.makedirs(self._path, exist_ok=True)
        self._exists = os.path.isdir(self._path)
        raw = read_raw(self._path) if self._exists else None
        if raw is not None and raw.strip():
            _check_own(raw, self._path, task.budget)

    def bring(self, job: Job) -> Outcome:
        """Pull one image into its layout, with what refers to it."""
        folder = layout_folder(job.copy.source)
        path = layout_path(self._path, job.copy.source)
        before: State = {}
        after: State = {}
        try:
            layout = t.cast(Destination, self._layout(path, folder) if self._exists else _Nowhere(path))
            try:
                return self._bring(job, folder, layout, (before, after))
            finally:
                layout.close()
        except RegistryError as error:
            written = [name for name in before if before[name] != after[name] and not self._task.check_mode]
            return Outcome.failed(job.name, path, error, *({name: states[name] for name in written} for states in (before, after)))

    def _layout(self, path: str, folder: str) -> LayoutWriter:
        return LayoutWriter(path, True, mode=self._mode, known=self._known.get(folder))

    def _bring(self, job: Job, folder: str, layout: Destination, states: tuple[State, State]) -> Outcome:
        """Pull an image and what refers to it; the ``states`` before and after of each are added when it is there."""
        client = self._source(job)
        image = job.copy.source if job.copy.source.tag or job.copy.source.digest else job.copy.source.with_tag("latest")
        if self._verification is not None:
            image = self._verification.pin(client, image)
        plan = plan_pull(client, image, job.copy.platforms, layout, False)
        content = plan.content
        moved = self._fill(plan, layout, client, folder, states)[1]
        along = self._attached(client, content) if job.referrers else []
        told: list[Result] = []
        for attachment in along:
            extra = _plan_attached(image.name, attachment, layout)
            is_new, _moved = self._fill(extra, layout, client, folder, states)
            told.append(attached_result(attachment, is_new))
        sizes = {"uploaded_bytes": moved, "mounted_bytes": 0, "existing_bytes": sum(blob.size for blob in content.blobs) - moved}
        result: Result = {
            "digest": str(content.root.digest),
            "src_digest": str(plan.origin),
            "digest_changed": content.root.digest != plan.origin,
            "media_type": content.root.media_type,
            "size": content.size,
            "skipped_layers": typed_result(content.skipped),
            **sizes,
            **({"referrers": told} if job.referrers else {}),
        }
        referrers = tuple(CarriedReferrer(item.identifier, item.image.root.digest, item.subject) for item in along)
        platforms = tuple(str(child.platform) for child in content.root.platforms) if content.root.is_index else ()
        self._exported[which(job)] = ExportedImage(job.name, folder, content.root.digest, content.size, platforms, None, (), referrers)
        return Outcome.of(job.name, layout.path, Copied(*states, result))

    def _fill(
        self, plan: PullPlan, layout: Destination, client: RegistryClient, folder: str, states: tuple[State, State]
    ) -> tuple[bool, int]:
        """Write what the layout lacks, add the states of the image, and return whether they differ and the bytes of blobs.

        Images of one layout take turns.
        """
        gap = plan.gap
        if gap.before != gap.after and not self._task.check_mode:
            with self._locks.setdefault(folder, threading.Lock()):
                fresh = self._layout(layout.path, folder)
                try:
                    gap = fresh.gap(plan.content, client.connection.options.workers)
                    execute_pull(replace(plan, gap=gap), fresh, client)
                finally:
                    fresh.close()
        name = f"{layout.path} {plan.content.name.full}"
        before, after = gap.before[layout.path], gap.after[layout.path]
        first = None
        if self._task.check_mode:
            lacking = [*(str(blob.digest) for blob in gap.blobs), *(str(manifest.digest) for manifest in gap.manifests)]
            first = self._expected.first(folder, lacking)
            is_listed = str(before).partition(" ")[0] == after  # what is incomplete may be completed by another image
            before = before if self._expected.first(folder, [name]) and (first or not is_listed) else after
        moved = sum(blob.size for blob in gap.blobs if first is None or str(blob.digest) in first)
        states[0][name], states[1][name] = before, after
        return before != after, moved

    def _attached(self, client: RegistryClient, content: ImageContent) -> list[AttachedImage]:
        return find_attached(client, [manifest.digest for manifest in content.manifests], self._lists)

    def finish(self, jobs: t.Sequence[Job], failed: t.Sequence[str]) -> tuple[State, State, RegistryError | None]:
        """Write the list, unless nothing could be exported; return its states, and why it could not be written.

        Of an image that failed it has the name alone.
        """
        exported = [(self._exported.get(which(job)), job.entry) for job in jobs]
        images = list(dict.fromkeys(replace(image, dest=entry.dest, tags=entry.tags) for image, entry in exported if image is not None))
        path = os.path.join(self._path, LIST)
        if failed and not images:
            return {}, {}, None
        try:
            raw, written = list_bytes(images, failed), read_raw(self._path) if self._exists else None
            if raw != written and not self._task.check_mode:
                write_list(self._path, raw)
        except RegistryError as error:
            return {}, {}, error
        return {path: None if written is None else str(Digest.of(written))}, {path: str(Digest.of(raw))}, None


def which(job: Job) -> t.Hashable:
    """Return what tells the images of an export apart: several entries may name one image, each for another place in the import."""
    return job.copy.source, job.copy.platforms, job.referrers


def _check_way(path: str) -> None:
    """Refuse a directory that cannot be made, since there is something else on the way to it."""
    check_path(path)
    place = os.path.abspath(path)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise RegistryError(f"{place} is not a folder, so the export to {path} is not possible: choose another dest_dir.", "local_io")


def _check_own(raw: bytes, path: str, budget: Budget) -> None:
    """Refuse a directory whose list is somebody's file of the same name: it would be overwritten."""
    try:
        parse_list(raw, path, budget)
    except RegistryError as error:
        message = f"{os.path.join(path, LIST)} is there, and no export has written it: export to another directory. ({error.message})"
        raise RegistryError(message, error.kind) from None


def _plan_attached(repository: str, attachment: AttachedImage, layout: Destination) -> PullPlan:
    root = attachment.image.root
    is_tag = ":" not in attachment.identifier
    separator = ":" if is_tag else "@"
    name = ImageName(f"{repository}{separator}{attachment.identifier}", attachment.identifier if is_tag else None)
    content = ImageContent.read(name, attachment.image)
    return PullPlan(content, layout.gap(content, 1), attachment.image, root.digest)
