# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OCI archive that an image is written to: beside its place, every blob straight where it belongs, then renamed."""

from __future__ import annotations

import hashlib
import os
import stat
import typing as t

from .._core.cleanup import on_failure
from .._core.errors import RegistryError
from .._oci.image_content import LAYOUT_VERSION, Gap, ImageContent, ImageName, layout_index
from .._oci.image_source import BlobStream, copy_stream
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest
from .archive import Archive
from .disk import NewFile, default_mode
from .existing_content import ExistingContent
from .files import LocalFile, unreadable
from .oci_layout import INDEX, MARKER, blob_path
from .open_path import Found, Place, find, put_file
from .tar_writer import end_of, header, padded

INCOMPLETE = "incomplete"
RENAMED = "under another name, or not alone"

Dress = t.Callable[[Found], t.Any]


class ArchivePlace:
    """Where an archive is or will be.

    ``dress`` gives a file the mode and owner that the user wants before it is put there; a ``private`` one is its owner's alone until then.
    """

    def __init__(self, path: str, private: bool, dress: Dress) -> None:
        self.path = path
        self._private = private
        self._dress = dress
        place = Place(path)
        self._folder, self._name = place.folder, place.name
        self.surroundings = place.surroundings
        self._label = hashlib.sha256(os.fsencode(self._name)).hexdigest()[:16]
        self._mode = default_mode()
        self._there = self._folder.stat(self._name)
        if self._there is not None and not stat.S_ISREG(self._there.st_mode):
            self._folder.close()
            what = "a folder" if stat.S_ISDIR(self._there.st_mode) else "no regular file"
            raise RegistryError(f"{path} is {what}: an archive is a file. Choose another path.", "local_io")

    def open(self) -> Archive | None:
        """Open the archive that is there; None where there is none, or a file that is none."""
        if self._there is None:
            return None
        try:
            opened = LocalFile(self._folder.open_file(self._name), self.path)
        except OSError as error:
            raise unreadable(self.path, error) from None
        try:
            return Archive(opened)
        except RegistryError:
            opened.close()
            return None

    def states(self, wanted: Digest, digest: Digest | None, fault: str) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        """Return the states before and after for the diff: the digest of what is there, what is wrong with it, and what shall be."""
        state = f"{digest or 'another file'}{fault and f' ({fault})'}" if self._there is not None else None
        before: dict[str, t.Any] = {self.path: state}
        after = {self.path: str(wanted)}
        leftovers = len(self._folder.leftovers(self._label))
        if leftovers and before == after:
            before[f"{self.path} (files that nothing names)"] = leftovers
        return before, after

    def clean(self) -> None:
        """Remove what an ended task left behind."""
        self._folder.leftovers(self._label, remove=True)

    def new_file(self) -> NewFile:
        """Return a new file beside the place."""
        return NewFile(self._folder, self._label, self.path)

    def put(self, file: NewFile, on_visible: t.Callable[[], None]) -> None:
        """Put the complete ``file`` in its place, and tell ``on_visible``."""
        put_file(self._folder, self._name, file, self._dress, mode=self._mode, is_of_new=True, private=self._private)
        on_visible()
        self._folder.sync()

    def files(self) -> t.Iterator[Found]:
        """Yield the archive, if there is one."""
        return find(self._folder, self._name)

    def close(self) -> None:
        """Close the folder."""
        self._folder.close()


class OciArchiveWriter:
    """An OCI archive as a destination; it is written as a whole or not at all."""

    def __init__(self, path: str, private: bool, dress: Dress) -> None:
        self.path = path
        self._place = ArchivePlace(path, private, dress)
        self._existing = ExistingContent()
        self._file: NewFile | None = None
        self._offsets: dict[Digest, int] = {}
        with on_failure(self.close):
            self._existing = self._read()

    def _read(self) -> ExistingContent:
        archive = self._place.open()
        if archive is not None:
            try:
                return ExistingContent.read(archive)
            except RegistryError:
                archive.close()
        return self._existing

    def find(self, name: ImageName, digest: Digest | None) -> Manifest | None:
        """Return the manifest or index that is there under ``name``, and with ``digest`` where it is given; None where there is none."""
        root = self._existing.index.find(name)
        return self._existing.manifest(root) if root and digest in (None, root.digest) else None

    def manifest(self, descriptor: Descriptor) -> Manifest | None:
        """Return a manifest that is there."""
        return self._existing.manifest(descriptor)

    def gap(self, content: ImageContent, workers: int) -> Gap:
        """Return what of ``content`` is missing: nothing, or everything."""
        current = self._existing.index.find(content.name)
        roots = self._existing.index.roots
        digest = current.digest if current else roots[0].digest if roots else None
        if digest != content.root.digest:
            fault = ""
        elif current is None or len(roots) > 1:
            fault = RENAMED
        else:
            fault = INCOMPLETE if any(self._existing.lacks(content, workers)) else ""
        states = self._place.states(content.root.digest, digest, fault)
        whole = digest == content.root.digest and not fault
        return Gap(*states, () if whole else content.manifests, () if whole else content.blobs)

    def begin(self, content: ImageContent, gap: Gap) -> None:
        """Write all but the blobs to a new file: the size of each blob is known, and so is its place."""
        self._place.clean()
        if not gap.manifests:
            return
        self._file = self._place.new_file()
        position = 0
        for name, size, data in _members(content):
            head = header(name, size)
            self._file.write_at(position, head)
            position += len(head)
            if isinstance(data, bytes):
                self._file.write_at(position, data)
            else:
                self._offsets[data] = position
            position += padded(size)
        self._file.resize(end_of(position))

    def store(self, blob: Descriptor, stream: BlobStream, check: t.Callable[[], None]) -> None:
        """Write a blob, which ``stream`` verifies and bounds; several threads may."""
        file, position = t.cast(NewFile, self._file), self._offsets[blob.digest]

        def write(block: bytes) -> None:
            nonlocal position
            file.write_at(position, block)
            position += len(block)

        copy_stream(stream, write, check)

    def finish(self, content: ImageContent, gap: Gap, on_visible: t.Callable[[], None] = lambda: None) -> None:
        """Put the archive in its place."""
        if self._file is not None:
            self._place.put(self._file, on_visible)

    @property
    def surroundings(self) -> Found:
        """The folder that the archive is in."""
        return self._place.surroundings

    def files(self) -> t.Iterator[Found]:
        """Yield the archive, if there is one."""
        return self._place.files()

    def close(self) -> None:
        """Close all files; a new one that is not complete is removed."""
        try:
            if self._file is not None:
                self._file.close()
        finally:
            self._existing.close()
            self._place.close()


def _members(content: ImageContent) -> t.Iterator[tuple[str, int, bytes | Digest]]:
    """Yield name, size and content (or the digest of a blob) of each member, in order; directories end with "/"."""
    index = layout_index({"manifests": [content.entry()]})
    yield MARKER, len(LAYOUT_VERSION), LAYOUT_VERSION
    yield INDEX, len(index), index
    yield "blobs/", 0, b""
    blobs: dict[Digest, tuple[int, bytes | Digest]] = {blob.digest: (blob.size, blob.digest) for blob in content.blobs}
    blobs.update({manifest.digest: (len(manifest.raw), manifest.raw) for manifest in content.manifests})
    folder = ""
    for digest in sorted(blobs, key=str):
        if digest.algorithm != folder:
            folder = digest.algorithm
            yield f"blobs/{folder}/", 0, b""
        yield (blob_path(digest), *blobs[digest])
