# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull the files of an artifact to a folder of this host: plan with reads only, then write each beside its place."""

from __future__ import annotations

import contextlib
import os
import tempfile
import typing as t
from dataclasses import dataclass, field

from .._core.errors import RegistryError
from .._core.fanout import Cancellation, fan_out
from .._local.compressed_file import Room
from .._local.compression import CountedDigest
from .._local.file_tree import FileTree
from .._local.files import LocalFile
from .._local.folder_tar import FolderTar
from .._local.packed_folder import PackedEntry, PackedFolder
from .._oci.artifact import TitledLayer
from .._oci.image_source import BlobStream, CountedBlob, copy_stream
from .._oci.manifest import Manifest
from .client import RegistryClient
from .results import Result, printable

Parts = tuple[str, ...]


@dataclass(frozen=True)
class ArtifactPlace:
    """Where an artifact goes: below ``top`` of ``tree``; ``modes`` says whether it matters who may execute a file."""

    tree: FileTree
    top: Parts
    modes: bool
    make_tmpdir: t.Callable[[], str]


@dataclass
class FilePlan:
    """A file or folder of an artifact: where it goes, the state there, and what has to be written."""

    item: TitledLayer
    parts: Parts
    before: str | None = None
    is_there: bool = False
    packed: PackedFolder | None = None
    gap: list[PackedEntry] = field(default_factory=list)

    @property
    def places(self) -> list[Parts]:
        """What is the artifact's own: of the whole folder only what is in the archive, since others have files there too."""
        if not self.item.is_whole:
            return [self.parts]
        return [(*self.parts, name) for name in sorted(self.packed.top_names())] if self.packed else []

    @property
    def is_downloaded(self) -> bool:
        """Whether its content is read from the registry."""
        return self.packed is not None or not self.is_there


class ArtifactPull:
    """Pulls one artifact, called ``name``, of which ``items`` are wanted."""

    def __init__(self, client: RegistryClient, manifest: Manifest, name: str, items: t.Sequence[TitledLayer], place: ArtifactPlace) -> None:
        self.manifest = manifest
        self.name = name
        self._client = client
        self._image = client.image_of(manifest)
        self._place = place
        self._cancellation = Cancellation()
        self._opened = contextlib.ExitStack()
        self._room = Room()
        self.files = [FilePlan(item, (*place.top, *item.parts)) for item in items]

    # Planning

    def plan(self) -> None:
        """Find out what of the files is there; a folder that is there and differs is downloaded and compared file by file."""
        self._fan_out(self._look, self.files)

    def _fan_out(self, work: t.Callable[[FilePlan], None], files: t.Sequence[FilePlan]) -> None:
        fan_out(work, files, self._client.connection.options.workers, self._cancellation)

    def _look(self, file: FilePlan) -> None:
        if file.item.is_folder:
            self._look_at_folder(file)
            return
        found = self._place.tree.digest(file.parts, file.item.layer.digest, self._cancellation.check)
        file.before = str(found) if found is not None else None
        file.is_there = found == file.item.layer.digest

    def _look_at_folder(self, file: FilePlan) -> None:
        with self._place.tree.folder(file.parts) as folder:
            if folder is None:
                return
            file.before = self._state(file, folder.descriptor)
        if file.before == str(file.item.content_digest):
            file.is_there = True
            return
        self._unpack(file).rest()
        file.is_there = not file.gap

    def _state(self, file: FilePlan, descriptor: int) -> str:
        """Return the digest of the archive that the folder makes, or that it makes none."""
        title = file.item.title
        tar = CountedDigest(
            FolderTar(self._place.tree.shown(file.parts), title, lambda: os.dup(descriptor)), file.item.content_digest.algorithm
        )
        try:
            with contextlib.closing(tar):
                copy_stream(tar, len, self._cancellation.check)
        except RegistryError as error:
            if error.kind != "invalid_source":
                raise
            return "other content"
        return str(tar.digest)

    def states(self) -> tuple[Result, Result]:
        """Return the states before and after of what differs, by path."""
        before: Result = {}
        after: Result = {}
        for file in self.files:
            path = self._place.tree.shown(file.parts)
            before[path] = file.before
            after[path] = file.before if file.is_there else str(file.item.content_digest)
            if before[path] == after[path] and not file.is_there:
                before[path] = f"{file.before} (other permissions)"
        return before, after

    # Writing

    def execute(self, written: set[str], on_written: t.Callable[[], None]) -> None:
        """Write what is missing; the paths of files that are complete are added to ``written``, and ``on_written`` is told of each part of one."""
        missing = [file for file in self.files if not file.is_there]
        self._client.connection.options.progress.expect(sum(file.item.layer.size for file in missing))

        def write(file: FilePlan) -> None:
            if file.item.is_folder:
                packed = file.packed or self._unpack(file)
                packed.write(file.gap, self._place.tree, self._cancellation.check, on_written)
                packed.rest()
            else:
                self._place.tree.write(file.parts, self._open(file), self._cancellation.check)
                on_written()
            written.add(self._place.tree.shown(file.parts))

        self._fan_out(write, missing)

    def _open(self, file: FilePlan) -> BlobStream:
        layer = file.item.layer
        progress = self._client.connection.options.progress.blob(str(layer.digest), layer.size)
        return CountedBlob(self._image.open_blob(layer), progress.reach)

    def _unpack(self, file: FilePlan) -> PackedFolder:
        """Download the archive of a folder, read its table and find out what is missing."""
        tmpdir = self._place.make_tmpdir()
        try:
            # It has no name, so that nothing is left behind however the task ends.
            with contextlib.ExitStack() as on_failure:
                kept = on_failure.enter_context(tempfile.TemporaryFile(dir=tmpdir))
                with contextlib.closing(self._open(file)) as stream:
                    copy_stream(stream, kept.write, self._cancellation.check)
                kept.flush()
                self._opened.push(on_failure.pop_all())
        except OSError as error:
            raise RegistryError(f"An archive cannot be written to {tmpdir}: {error.strerror or error}.", "local_io") from None
        opened = LocalFile(t.cast(t.BinaryIO, kept), f"an archive in {tmpdir}")
        packed = PackedFolder(opened, file.item.title, self.name, self._client.connection.exchange.budget, self._room)
        stated = file.item.content_digest
        packed.read(stated if stated != file.item.layer.digest else None, self._cancellation.check)
        file.packed = packed
        file.gap = packed.gap(self._place.tree, self._place.top, self._place.modes, self._cancellation.check)
        return packed

    # Telling

    def result(self) -> list[Result]:
        """Return what became of each file."""
        return [
            {
                "title": printable(file.item.title),
                "path": self._place.tree.shown(file.parts),
                "digest": str(file.item.layer.digest),
                "size": file.item.layer.size,
                "media_type": printable(file.item.layer.media_type),
                "changed": not file.is_there,
            }
            for file in self.files
        ]

    def close(self) -> None:
        """Release the archives that were downloaded."""
        self._opened.close()
