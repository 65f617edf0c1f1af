# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import images from a directory that an export has written, or from an archive or layout with one image or many."""

from __future__ import annotations

import contextlib
import functools
import os
import typing as t
from dataclasses import replace

from .._core.budget import Budget
from .._core.cleanup import on_failure
from .._core.errors import NotFound, RegistryError
from .._core.scrub import SOME, quoted, some
from .._local.docker_archive import DockerArchive
from .._local.export_list import LIST, ExportedImage, parse_list, read_raw
from .._local.files import Directory, Store
from .._local.inventory import NamedImage, leave_out_sums, list_images
from .._local.layout_index import KnownLayouts
from .._local.oci_layout import MARKER, LayoutImage, read_manifest
from .._local.saved_layers import PackedLayers
from .._local.source import open_store
from .._oci.image_source import ImageSource, drain
from .._oci.manifest import Descriptor
from .._oci.platform import Platform
from .._oci.reference import Digest, Reference
from .._registry.attached_images import AttachedImage
from .._registry.client import RegistryClient
from .._registry.image_copy import Copy, destination_tags
from .._registry.image_import import LocalImage
from .._registry.two_registries import parse_sided
from .image_push import find_pushed
from .sync_entries import Entry, Map, destination_of
from .sync_outcome import Job, Outcome
from .sync_selection import choose_by_name
from .sync_stored import StoredImage, StoredReferrers, archived_name, stored_by_name
from .task import Task

if t.TYPE_CHECKING:
    from .._local.archive import Archive


def _refuse_packed_export(store: Store) -> None:
    names = () if isinstance(store, Directory) else t.cast("Archive", store).names
    if any(name.rpartition("/")[2] == LIST for name in names):
        message = f"{store.path} is an archive with the {LIST} of an export: unpack it, and set src_dir to the directory."
        raise RegistryError(message, "invalid_source")


class _ExportedLayout:
    """The layout that an exported image is in, opened when it is first read; ``known`` are the layouts that were read, by folder."""

    def __init__(self, path: str, exported: ExportedImage, known: KnownLayouts, budget: Budget) -> None:
        self._path = os.path.join(path, exported.path)
        self._exported = exported
        self._budget = budget
        self._known = known.get(exported.path)
        self._opened: Store | None = None

    def image(self) -> LayoutImage:
        """Return the image."""
        return self._find(self._exported.digest)

    def attached(self) -> list[AttachedImage]:
        """Return what came along with the image."""
        return [AttachedImage(item.identifier, self._find(item.digest), item.subject) for item in self._exported.referrers]

    def _find(self, digest: Digest) -> LayoutImage:
        if self._opened is None:
            if os.path.islink(self._path):
                raise RegistryError(f"{self._path} is a symbolic link, not a folder that an export has written.", "invalid_source")
            self._opened = open_store(self._path, self._budget)
        root = self._known.read_index(self._opened, ()).find_digest(digest)
        if root is None:
            raise RegistryError(f"{self._path} has no image with the digest {digest}, which {LIST} lists: export again.", "invalid_source")
        return LayoutImage(self._opened, read_manifest(self._opened, root), self._known.blobs)

    def close(self) -> None:
        """Close the layout."""
        if self._opened is not None:
            self._opened.close()


class Import:
    """What ``src_dir`` holds, open until it is closed."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._path = str(task.params["src_dir"])
        self._archive: Store | None = None
        self._known = KnownLayouts(task.budget)
        self._packed = PackedLayers()
        self._referrers = StoredReferrers()
        self._checked: set[tuple[str, Digest]] = set()  # the blobs that check mode has read, by folder
        self._failed: dict[str, str] = {}  # the images that could not be exported, with their repositories
        raw = read_raw(self._path) if os.path.isdir(self._path) else None
        self._is_export = raw is not None
        with on_failure(self.close):
            self.images = self._list_export(raw) if raw is not None else self._list_archive()
        self._by_name: dict[str, list[StoredImage]] = {}
        self._by_place: dict[tuple[str, str], list[StoredImage]] = {}
        for stored in self.images:
            for name in (*stored.names, *([str(stored.found.digest)] if stored.found else [])):
                named = self._by_name.setdefault(name, [])
                if stored not in named[-1:]:
                    named.append(stored)
            if stored.name:
                for identifier in dict.fromkeys((stored.name.identifier, stored.name.tag or stored.name.identifier)):
                    self._by_place.setdefault((stored.name.name, identifier), []).append(stored)

    def _list_export(self, raw: bytes) -> list[StoredImage]:
        images, failed = parse_list(raw, self._path, self._task.budget)
        if failed is None and self._task.params["extra"] == "delete":
            message = (
                f"{LIST} in {self._path} does not tell which images could not be exported, which extra: delete must know: export again."
            )
            raise RegistryError(message, "invalid_source")
        self._failed = {name: Reference.parse(name).name for name in failed or ()}
        self._task.budget.take(2000 * len(images), f"The list in {self._path}")
        return [StoredImage(Reference.parse(image.name), (image.name,), image) for image in images]

    def _list_archive(self) -> list[StoredImage]:
        images = []
        if os.path.isdir(self._path) and not os.path.exists(os.path.join(self._path, MARKER)):
            message = f"{self._path} has no {LIST}, which an export writes, and is not an OCI layout."
            raise RegistryError(message, "invalid_source")
        self._archive = open_store(self._path, self._task.budget)
        _refuse_packed_export(self._archive)
        for image in leave_out_sums(list_images(self._archive)):
            images += stored_by_name(image)
        if not images:
            raise RegistryError(f"{self._path} contains no image.", "invalid_source")
        return images

    def close(self) -> None:
        """Close the archive."""
        if self._archive is not None:
            self._archive.close()

    # Which images

    def parse_name(self, name: str) -> Reference | None:
        """Return the image that a name in the list stands for; None for one that is found as it is written."""
        return parse_sided(self._task.params, "src", name) if self._is_export else archived_name(name)

    def jobs(self, entries: t.Sequence[Entry]) -> tuple[list[Job], list[tuple[Entry, Outcome]]]:
        """Return what is to be done, for the images that ``entries`` name or choose, without any for all of them, and what cannot be done."""
        params = self._task.params
        platforms = tuple(map(Platform.parse, params["platforms"]))
        listed = entries if params["images"] is not None else self._entries(platforms)
        self._warn_of_failed(entries)
        jobs: list[Job] = []
        failed: list[tuple[Entry, Outcome]] = []
        for entry in listed:
            try:
                jobs += self._jobs(params, entry)
            except RegistryError as error:
                failed.append((entry, Outcome.failed(str(entry.source or entry.given), None, error, {}, {})))
        return jobs, failed

    def _warn_of_failed(self, entries: t.Sequence[Entry]) -> None:
        """Warn of images that could not be exported, where all that an export or a repository has is wanted: nothing else would tell."""
        chosen = {entry.source.name for entry in entries if entry.choice and entry.source}
        lacking = [name for name, repository in self._failed.items() if self._task.params["images"] is None or repository in chosen]
        if lacking:
            self._task.warn(f"Not all images could be exported to {self._path}. These are not imported: {some(lacking)}.")

    def _entries(self, platforms: tuple[Platform, ...]) -> list[Entry]:
        """Return an entry for each image."""
        along = self._task.params["referrers"]
        return [
            Entry(number, stored.names[0], stored.name, platforms=platforms, referrers=along)
            for number, stored in enumerate(self.images, 1)
        ]

    def _jobs(self, params: Map, entry: Entry) -> t.Iterator[Job]:
        found = [self.images[entry.number - 1]] if params["images"] is None else self._find(entry)
        if not found and not (entry.choice and params["empty"] == "ok"):
            there = some([quoted(stored.names[0], 100) for stored in self.images[:SOME]], len(self.images))
            one = quoted(str(entry.source or entry.given), 300)
            wanted = f"of {entry.source} that the entry selects" if entry.choice else one
            raise NotFound(f"{self._path} has no image {wanted}; it has: {there or 'none'}.")
        for stored in found:
            exported = stored.exported
            whole = replace(entry, dest=exported.dest, tags=exported.tags) if exported and entry.dest is None and not entry.tags else entry
            name = stored.name or Reference("localhost", "image")
            if whole.dest is None and stored.name is None:
                message = f"The image {quoted(entry.given, 300)} in {self._path} has no full name: list it in images, with dest."
                raise RegistryError(message, "invalid_reference")
            if stored.found and name.digest not in (None, stored.digest) and entry.given != str(stored.digest):
                message = (
                    f"The image {stored.digest} in {self._path} is called {name}, but that is the digest of another image: list it in images by "
                    "its own digest, with dest."
                )
                raise RegistryError(message, "invalid_source")
            destination = destination_of(params, whole, name)
            tags = destination_tags(name, destination, whole.tags)
            copy = Copy(replace(name, digest=stored.digest), destination, tags, entry.platforms)
            yield Job(whole, copy, bool(exported.referrers) if exported else entry.referrers, stored, stored.title)

    def unclear(self, choosing: t.Sequence[Entry], jobs: t.Sequence[Job], failed: t.Sequence[Entry]) -> set[str] | None:
        """Return the repositories at the destination of which this may not have all that the list means; None where that may be any of them.

        Of an image that is not there nobody knows to which place its export would have sent it.
        """
        found: set[str] = set()
        for entry in failed:
            if entry.dest is None:
                return None
            found.add(destination_of(self._task.params, entry, entry.source).name)
        for entry in choosing:
            target = destination_of(self._task.params, entry, entry.source).name
            places = {job.copy.destination.name for job in jobs if job.entry.number == entry.number}
            is_complete = self._is_complete(entry)
            if not (is_complete or places or entry.dest):
                return None
            if not is_complete or places != {target}:
                found |= {target, *places}
        return found

    def _is_complete(self, entry: Entry) -> bool:
        """Tell whether the export has all images of the repository that an entry chooses from."""
        if entry.image.name not in self._failed.values():
            return True
        self._task.warn(f"Nothing is deleted for {entry.image.name}, because not all of its images could be exported to {self._path}.")
        return False

    def _find(self, entry: Entry) -> list[StoredImage]:
        wanted = entry.source
        # An export may have one image for several places; an entry that names another place means the image alone.
        most = None if self._is_export and entry.dest is None and not entry.tags else 1
        if entry.choice is not None and wanted is not None:
            of: dict[str, list[StoredImage]] = {}
            for stored in self.images:
                if stored.name and stored.name.name == wanted.name and stored.name.tag:
                    of.setdefault(stored.name.tag, []).append(stored)
            chosen = choose_by_name(entry.choice, of, self._task.budget)[: entry.choice.newest]
            return [stored for tag in chosen for stored in self._same(of[tag], of[tag][0].title)[:most]]
        found = self._by_name.get(entry.given, [])
        if not found and wanted is not None:
            found = self._by_place.get((wanted.name, wanted.identifier), [])
        return self._same(found, entry.given)[:most]

    def _same(self, found: list[StoredImage], name: str) -> list[StoredImage]:
        """Return what was found by one ``name``; raises where it is not one image."""
        digests = list(dict.fromkeys(str(stored.digest) for stored in found))
        if len(digests) > 1:
            advice = "export again" if self._is_export else "list each that you want by its digest, with dest"
            message = f"{self._path} has several images with the name {quoted(name, 300)}, {some(digests)}: {advice}."
            raise RegistryError(message, "invalid_source")
        return found

    # How they are read

    @contextlib.contextmanager
    def reading(self, job: Job) -> t.Iterator[LocalImage]:
        """Yield how the image of a job is read; the layout of an export is open for this time alone, since there may be many."""
        stored = t.cast(StoredImage, job.stored)
        if stored.exported is not None:
            layout = _ExportedLayout(self._path, stored.exported, self._known, self._task.budget)
            with contextlib.closing(layout):
                yield LocalImage(lambda client: layout.image(), layout.attached, self._path, self._checks(stored.exported.path))
            return
        source = t.cast(NamedImage, stored.found).of(job.copy.platforms)
        title = "" if stored.name else f"The image {quoted(stored.title, 300)} in {self._path}"
        if isinstance(source, LayoutImage):
            attached = functools.partial(self._referrers.of, source, stored.names)
            yield LocalImage(lambda client: source, attached, self._path, self._checks(""), title)
        else:
            yield LocalImage(lambda client: self._build(client, source, job.copy.tags), origin=self._path, title=title)

    def _checks(self, folder: str) -> t.Callable[[ImageSource, Descriptor], None]:
        """Return what reads a blob of the layout in ``folder``, once for all images that have it."""

        def check(image: ImageSource, blob: Descriptor) -> None:
            if (folder, blob.digest) not in self._checked:
                drain(image.open_blob(blob))
                self._checked.add((folder, blob.digest))

        return check

    def _build(self, client: RegistryClient, saved: DockerArchive, tags: t.Sequence[str]) -> ImageSource:
        pushed, _known = find_pushed(client, saved, tags)
        if pushed is not None:
            return client.image_of(pushed)
        tmpdir = None if self._task.check_mode else self._task.tmpdir
        return saved.build("gzip", self._task.params["concurrency"], tmpdir, packed=self._packed)
