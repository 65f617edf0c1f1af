# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OCI layout directory that an image is written to: blobs first, then index.json, then what nothing names is removed."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import typing as t

from .._core.cleanup import on_failure
from .._core.errors import RegistryError
from .._oci.image_content import FULL_NAME, LAYOUT_VERSION, TAG_NAME, Gap, ImageContent, ImageName
from .._oci.image_source import BlobStream, copy_stream
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import DIGEST_LENGTHS, Digest
from .disk import Folder, NewFile, default_mode, is_temporary
from .existing_content import ExistingContent
from .files import Directory, FileState, MemoryFile
from .layout_index import KnownLayout, LayoutIndex
from .oci_layout import INDEX, MARKER, check_version
from .open_path import Found, Place, find, others_write

_PATIENCE = 60  # seconds for other tasks to list their images
_LABEL = "layout"
_BLOBS = "blobs"
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)


class LayoutWriter:
    """A layout directory as a destination; the one at ``path`` is not made before ``begin``.

    With ``append`` the other images of the layout stay, of which the task may have put some there itself: ``known`` goes from one to the next.
    ``private`` leaves what is made to its owner until somebody sets modes. ``mode`` is that of its files; without it the umask is looked up, which
    must not be done beside other threads.
    """

    def __init__(
        self, path: str, append: bool = False, private: bool = False, mode: int | None = None, known: KnownLayout | None = None
    ) -> None:
        self.path = path
        self._known = known or KnownLayout()
        self._place = Place(path)
        self._append = append
        self._modes = (0o600, 0o700) if private else (default_mode() if mode is None else mode, 0o777)
        self._algorithms: dict[str, Folder] = {}
        self._existing = ExistingContent()
        self._folder: Folder | None = None
        with on_failure(self.close):
            self._folder = self._open()
            self._existing = self._read()

    def _open(self) -> Folder | None:
        found = self._place.folder.stat(self._place.name)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            raise RegistryError(f"{self.path} is a file, but a layout is a folder: choose another path.", "local_io")
        return self._place.folder.child(self._place.name)

    def _read(self) -> ExistingContent:
        if self._folder is None:
            return self._existing
        names = [name for name in self._folder.names() if not is_temporary(name, _LABEL)]
        if INDEX in names and MARKER not in names:
            raise RegistryError(
                f"{self.path} is an OCI layout without its file {MARKER}: restore that file, or choose another path.", "local_io"
            )
        if names and MARKER not in names:
            raise RegistryError(
                f"{self.path} is a folder with other content than an OCI layout: choose a new or empty folder, or empty this one.",
                "local_io",
            )
        store = Directory(os.dup(self._folder.descriptor), self.path)
        store.budget = self._known.budget
        with on_failure(store.close):
            if MARKER in names:
                check_version(store)
            # Without an index.json the first pull to this layout was cut off.
            existing = self._read_index(store) if INDEX in names else None
        return existing or ExistingContent(store)

    def _read_index(self, store: Directory) -> ExistingContent | None:
        try:
            return ExistingContent(store, self._known.read_index(store, self._index_state()), self._known.blobs)
        except RegistryError:
            if self._append:
                raise
            return None

    def _index_state(self) -> FileState:
        found = t.cast(Folder, self._folder).stat(INDEX)
        return _state(found) if found else ()

    # What is there

    def find(self, name: ImageName, digest: Digest | None) -> Manifest | None:
        """Return the manifest or index that is there under ``name`` or with ``digest``, None where there is none."""
        index = self._existing.index
        root = index.find_digest(digest) if digest else index.find(name)
        return self._existing.manifest(root) if root else None

    def manifest(self, descriptor: Descriptor) -> Manifest | None:
        """Return a manifest that is there."""
        return self._existing.manifest(descriptor)

    def gap(self, content: ImageContent, workers: int) -> Gap:
        """Return what of ``content`` is missing."""
        manifests, blobs = self._existing.lacks(content, workers)
        current = self._existing.index.find(content.name)
        state: str | None = str(current.digest) if current else None
        if current and current.digest == content.root.digest and (manifests or blobs):
            state = f"{state} (incomplete)"
        before: dict[str, t.Any] = {self.path: state}
        if not self._append:
            for root in self._existing.index.roots:
                if root is not current:
                    before[f"{self.path} {_label(root)}"] = str(root.digest)
        after = {self.path: str(content.root.digest)}
        if self._known.leftovers is None:
            self._known.leftovers = sum(len(folder.leftovers(_LABEL)) for folder, _algorithm in self._blob_folders())
        strays = self._known.leftovers + len(list(self._unnamed(content)))
        if strays and before == after:
            before[f"{self.path} (files that nothing names)"] = strays
        return Gap(before, after, manifests, blobs)

    def _unnamed(self, content: ImageContent) -> t.Iterator[tuple[Folder, str]]:
        """Yield the blobs that no manifest of ``content`` names; none with append."""
        needed = content.digests
        for folder, algorithm in () if self._append else self._blob_folders():
            names = [name for name in folder.names() if algorithm and _is_blob(algorithm, name)]
            yield from ((folder, name) for name in names if Digest(algorithm, name) not in needed)

    def _blob_folders(self) -> t.Iterator[tuple[Folder, str]]:
        """Yield the folders of the layout, each with the algorithm of the blobs in it, "" for none."""
        if self._folder is None:
            return
        yield self._folder, ""
        blobs = self._folder.child(_BLOBS)
        if blobs is None:
            return
        with contextlib.closing(blobs):
            for algorithm in DIGEST_LENGTHS:
                folder = blobs.child(algorithm)
                if folder is not None:
                    with contextlib.closing(folder):
                        yield folder, algorithm

    # Writing

    def begin(self, content: ImageContent, gap: Gap) -> None:
        """Make the folders, and remove what an ended task left behind."""
        if self._append:
            self._existing.index.check_room(content.name)
        if self._folder is None:
            self._folder = t.cast(Folder, self._place.folder.child(self._place.name, self._modes[1]))
        for folder, _algorithm in self._blob_folders() if self._known.leftovers != 0 else ():
            folder.leftovers(_LABEL, remove=True)
        self._known.leftovers = 0
        if self._folder.stat(MARKER) is None:
            self._write(self._folder, MARKER, LAYOUT_VERSION)
        blobs = t.cast(Folder, self._folder.child(_BLOBS, self._modes[1]))
        with contextlib.closing(blobs):
            for algorithm in sorted({digest.algorithm for digest in content.digests}):
                self._algorithms[algorithm] = t.cast(Folder, blobs.child(algorithm, self._modes[1]))
            blobs.sync()

    def store(self, blob: Descriptor, stream: BlobStream, check: t.Callable[[], None]) -> None:
        """Write a blob, which ``stream`` verifies; several threads may. ``check`` is called before each block."""
        self._write_stream(self._algorithms[blob.digest.algorithm], blob.digest.hex, stream, check)

    def _write(self, folder: Folder, name: str, content: bytes) -> FileState:
        return self._write_stream(folder, name, MemoryFile(content))

    def _write_stream(self, folder: Folder, name: str, stream: BlobStream, check: t.Callable[[], None] = lambda: None) -> FileState:
        """Write a file, and return what tells it from any other that takes its place."""
        with contextlib.closing(stream), NewFile(folder, _LABEL, os.path.join(folder.path, name)) as file:
            copy_stream(stream, file.write, check)
            file.open_to(self._modes[0])
            state = _state(os.fstat(file.descriptor))
            file.place(name)
        return state

    def finish(self, content: ImageContent, gap: Gap, on_visible: t.Callable[[], None] = lambda: None) -> None:
        """Write the manifests, name the image in index.json, and remove what nothing names any more; ``on_visible`` is told in between."""
        layout = t.cast(Folder, self._folder)
        for manifest in gap.manifests:
            self._write(self._algorithms[manifest.digest.algorithm], manifest.digest.hex, manifest.raw)
        for folder in self._algorithms.values():
            folder.sync()
        with layout.locked(_PATIENCE, MARKER):
            self._check_there(content)
            self._list(layout, content)
            on_visible()
            layout.sync()
            for folder, name in self._unnamed(content):
                folder.remove(name)

    def _check_there(self, content: ImageContent) -> None:
        """Refuse to list an image of which another task has removed something, since that task's image did not need it."""
        for digest in (*(manifest.digest for manifest in content.manifests), *(blob.digest for blob in content.blobs)):
            if self._algorithms[digest.algorithm].stat(digest.hex) is None:
                raise RegistryError(
                    f"Another task wrote another image to {self.path} in the meantime and removed the files of this one: run the task again, "
                    "with a path of its own.",
                    "conflict",
                )

    def _list(self, layout: Folder, content: ImageContent) -> None:
        """Write index.json with the image; with append it is that of this moment, to which another task may have added."""
        index = LayoutIndex()
        if self._append:
            with contextlib.closing(self._read()) as existing:
                index = existing.index
        index.put(content.name, content.entry())
        self._known.forget_index()  # until the file says so too
        self._known.note_index(index, self._write(layout, INDEX, index.encoded()))

    @property
    def surroundings(self) -> Found:
        """The folder that the layout is in."""
        return self._place.surroundings

    def files(self) -> t.Iterator[Found]:
        """Yield all that belongs to the layout, folders before what is in them."""
        if self._folder is None:
            return
        yield Found(self._folder.path, self._folder.descriptor, True, others_write(self._place.folder.descriptor))
        yield from find(self._folder, MARKER, INDEX, _BLOBS)
        blobs = self._folder.child(_BLOBS)
        if blobs is None:
            return
        with contextlib.closing(blobs):
            for algorithm in DIGEST_LENGTHS:
                yield from find(blobs, algorithm)
        for folder, algorithm in self._blob_folders():
            yield from find(folder, *(name for name in folder.names() if algorithm and _is_blob(algorithm, name)))

    def close(self) -> None:
        """Close all folders; what is complete stays for the next run."""
        for folder in self._algorithms.values():
            folder.close()
        self._place.close()
        self._existing.close()
        if self._folder is not None:
            self._folder.close()


def _state(found: os.stat_result) -> FileState:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _is_blob(algorithm: str, name: str) -> bool:
    return len(name) == DIGEST_LENGTHS[algorithm] and bool(_HEX.fullmatch(name))


def _label(root: Descriptor) -> str:
    return root.annotations.get(FULL_NAME) or root.annotations.get(TAG_NAME) or str(root.digest)
