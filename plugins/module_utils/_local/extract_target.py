# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place that files of an image are extracted to: what is there is compared, and what differs is put right, file by file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import typing as t
from dataclasses import replace

from .._core.cleanup import on_failure
from .._core.errors import RegistryError
from .attributes import Attributes
from .disk import Folder, disk_errors, is_temporary, special_file
from .extraction_record import RECORD_LABEL, RECORD_NAME
from .file_selection import Item, Selected
from .image_tree import DIRECTORY, FILE, LINK
from .open_path import Found, Place, find, others_write
from .staging import Staging, remove_leftovers
from .target_folders import OWNER, ShutFolder, TargetFolders

LABEL = "extract"
_BLOCK = 1024 * 1024
_MANY = 64  # files after which the system is told once to write all to the disk
_OWNER_READS = 0o400
_LAST_ID = 0xFFFFFFFE  # of users and groups

UNREADABLE = "unreadable"

State = t.Optional[str]
Change = tuple[Item, State, State]  # what is, and what shall be


def _is_ours(name: str) -> bool:
    """Tell whether a file or folder in the destination would pass for one of this module's own."""
    return name == RECORD_NAME or any(is_temporary(name, label) for label in (LABEL, RECORD_LABEL))


def _remove_empty(folder: Folder, name: str) -> None:
    """Remove a folder that was just made, unless somebody has put something into it."""
    with contextlib.suppress(OSError):
        os.rmdir(name, dir_fd=folder.descriptor)


class ExtractTarget:
    """The folder, or for a single file the file, at ``dest``; ``base`` is the folder that is there already, in which all else is made."""

    def __init__(self, dest: str, attributes: Attributes, keeps_ownership: bool, keeps_set_id: bool) -> None:
        self._dest = dest
        self._attributes = attributes
        self._keeps_ownership = keeps_ownership
        self._kept_bits = 0o7777 if keeps_set_id else 0o1777
        self._place = Place(dest)
        with on_failure(self._place.close):
            found = self._place.folder.stat(self._place.name) if self._place.name != "." else None
            self._is_file = found is not None and not stat.S_ISDIR(found.st_mode)
            self._is_there = found is not None and not self._is_file
            child = self._place.folder.child(self._place.name) if self._is_there else None
        self.base = child or self._place.folder
        self._is_folder = self._is_there or self._place.name == "." or dest.endswith("/")
        self._folders = TargetFolders(self.base)
        self._reachable: set[tuple[str, ...]] = set()  # folders on the file system that files wait on

    def settle(self, selected: Selected) -> list[Item]:
        """Return the items with their places below ``base``."""
        if selected.is_single and not self._is_folder:
            if _is_ours(self._place.name):
                raise RegistryError(f"{self._dest} has a name that this module uses itself: choose another dest.", "invalid_option")
            return [replace(item, out=(self._place.name,)) for item in selected.items]
        if self._is_file:
            raise RegistryError(f"{self._dest} is a file, but the extracted files need a directory: choose another dest.", "local_io")
        prefix = () if self._is_there or self._place.name == "." else (self._place.name,)
        reserved = next((item.path for item in selected.items if _is_ours(item.out[0])), None)
        if reserved is not None:
            raise RegistryError(
                f"{reserved} of the image would lie under a name that this module uses itself: choose another strip.", "invalid_option"
            )
        return [replace(item, out=(*prefix, *item.out)) for item in selected.items]

    def shown(self, item: Item) -> str:
        """Return the path of an item on this host."""
        return os.path.join(self.base.path, *item.out)

    def record_folder(self, selected: Selected) -> Folder:
        """Return the folder that the record lies in: that of the files, or if there are none and it was not made, the one above."""
        is_own = selected.is_single and not self._is_folder
        if not (is_own or self._is_there or self._place.name == "."):
            made = self.base.child(self._place.name)
            if made is not None:
                return made
        return Folder(os.dup(self.base.descriptor), self.base.path)

    def compare(self, items: t.Sequence[Item], are_known: bool) -> list[Change]:
        """Return for each item what is and what shall be; equal ones stay as they are. Nothing is written.

        Where the user may not look, items that ``are_known`` to have been laid down are taken to be there, and others not to be.
        """
        changes = [(item, *self._states(item, are_known)) for item in items]
        for item, before, after in changes:
            if before != after and item.kind != DIRECTORY:
                self._check_file_system(item)
        return changes

    def wanted(self, item: Item) -> tuple[int, int | None, int | None]:
        """Return mode, owner and group of an item, None for what is left open."""
        owner, group = (item.uid, item.gid) if self._keeps_ownership else (None, None)
        for number in (owner, group):
            if number is not None and not 0 <= number <= _LAST_ID:
                raise RegistryError(
                    f"{item.path} of the image belongs to the user {item.uid} and the group {item.gid}, which no system supports: "
                    "leave out keep_ownership.",
                    "invalid_source",
                )
        if item.kind == LINK:
            return 0o777, *self._attributes.of_new(0o777, owner, group, False)[1:]
        return self._attributes.of_new(item.mode & self._kept_bits, owner, group, item.kind == DIRECTORY)

    def _states(self, item: Item, is_known: bool) -> tuple[State, State]:
        mode, owner, group = self.wanted(item)
        owned = "".join(f", {name} {number}" for name, number in (("owner", owner), ("group", group)) if number is not None)
        content = {DIRECTORY: "directory", LINK: f"link to {item.link}"}.get(item.kind, f"{item.size} bytes, sha256:{item.sha256}")
        after = content if item.kind == DIRECTORY else f"{content}{owned}" if item.kind == LINK else f"{content}, mode {mode:04o}{owned}"
        try:
            folder = self._folders.find(item.out[:-1])
        except ShutFolder:
            return after if is_known else UNREADABLE, after
        found = folder.stat(item.out[-1]) if folder is not None else None
        if folder is None or found is None:
            return None, after
        self._check_way(item, found)
        if item.kind == DIRECTORY:
            return after, after
        return self._present(folder, item, found, is_known, (owner is not None, group is not None)), after

    def _check_way(self, item: Item, found: os.stat_result) -> None:
        """Refuse what must not make room for an item."""
        if stat.S_ISDIR(found.st_mode) != (item.kind == DIRECTORY):
            way = "is a directory, but {} of the image is not" if item.kind != DIRECTORY else "is not a directory, but {} of the image is"
            raise RegistryError(f"{self.shown(item)} {way.format(item.path)}: remove it first.", "local_io")
        if not (stat.S_ISDIR(found.st_mode) or stat.S_ISLNK(found.st_mode) or stat.S_ISREG(found.st_mode)):
            raise special_file(self.shown(item))

    def _check_file_system(self, item: Item) -> None:
        """Refuse a place that no file can be moved to."""
        parts = item.out[:-1]
        if parts in self._reachable:
            return
        self._reachable.add(parts)
        with contextlib.suppress(ShutFolder):
            while (folder := self._folders.find(parts)) is None:
                parts = parts[:-1]
            if os.fstat(folder.descriptor).st_dev != os.fstat(self.base.descriptor).st_dev:
                raise RegistryError(
                    f"{folder.path} is on another file system than {self.base.path}, where files wait until all are complete: extract what goes "
                    "there with a task of its own.",
                    "local_io",
                )

    def _present(self, folder: Folder, item: Item, found: os.stat_result, is_known: bool, shows: tuple[bool, bool]) -> str:
        owned = (f", owner {found.st_uid}" if shows[0] else "") + (f", group {found.st_gid}" if shows[1] else "")
        if stat.S_ISLNK(found.st_mode):
            with disk_errors(self.shown(item)):
                return f"link to {os.readlink(item.out[-1], dir_fd=folder.descriptor)}{owned}"
        told = f"{found.st_size} bytes"
        others = False
        if item.kind == FILE and found.st_size == item.size:
            sha256, others = self._look_into(folder, item)
            is_taken = sha256 == UNREADABLE and is_known and found.st_uid == os.geteuid()
            told += f", sha256:{item.sha256 if is_taken else sha256}"
        told += f", mode {stat.S_IMODE(found.st_mode):04o}{owned}"
        return f"{told}, other attributes" if others else told

    def _look_into(self, folder: Folder, item: Item) -> tuple[str, bool]:
        """Return the hash of a file, and whether it has other attributes than it shall have."""
        sha256 = hashlib.sha256()
        try:
            with folder.open_file(item.out[-1]) as file:
                for block in iter(lambda: file.read(_BLOCK), b""):
                    sha256.update(block)
                opened = Found(self.shown(item), file.fileno(), False, others_write(folder.descriptor))
                return sha256.hexdigest(), bool(self._attributes.apply_others(opened, predict=True))
        except OSError:
            return UNREADABLE, False

    # Writing

    def place(
        self, changes: t.Sequence[Change], staged: t.Mapping[tuple[int, int], str], staging: Staging, on_placed: t.Callable[[Item], None]
    ) -> None:
        """Put all that differs in its place; ``staged`` are the files by where they come from."""
        items = [item for item, before, after in changes if before != after]
        uses: dict[tuple[int, int], int] = {}
        for item in items:
            uses[item.source] = uses.get(item.source, 0) + 1
        ready = []
        for item in items:
            if item.kind == DIRECTORY:
                continue
            uses[item.source] -= 1
            with disk_errors(self.shown(item)):  # there are disks without links
                name = staging.link(item.link) if item.kind == LINK else staged[item.source]
                name = staging.copy(name) if item.kind == FILE and uses[item.source] else name
            self._dress(item, name, staging, syncs=len(items) <= _MANY)
            ready.append((item, name))
        if len(items) > _MANY:
            os.sync()
        self._folders.forget()
        try:
            for item in items:
                if item.kind == DIRECTORY:
                    self._make_directory(item)
                    on_placed(item)
            for item, name in ready:
                self._put(item, name, staging)
                on_placed(item)
        finally:
            self._folders.shut(self._attributes.apply_others)

    @property
    def _read_at_first(self) -> int:
        """What the owner may do with a file until it has all of its attributes: it has to be open for some."""
        return _OWNER_READS if self._attributes.has_others else 0

    def _dress(self, item: Item, name: str, staging: Staging, syncs: bool) -> None:
        mode, owner, group = self.wanted(item)
        ids = (-1 if owner is None else owner, -1 if group is None else group)
        with disk_errors(self.shown(item)):
            if item.kind == LINK:
                if ids != (-1, -1):
                    os.chown(name, *ids, dir_fd=staging.descriptor, follow_symlinks=False)
                return
            with open(staging.open(name), "rb", buffering=0) as file:
                if ids != (-1, -1):
                    os.fchown(file.fileno(), *ids)
                os.fchmod(file.fileno(), mode | self._read_at_first)
                if syncs:
                    os.fsync(file.fileno())

    def _put(self, item: Item, name: str, staging: Staging) -> None:
        folder = self._folders.make(item.out[:-1])
        found = folder.stat(item.out[-1])
        if found is not None:
            self._check_way(item, found)
        staging.place(name, folder, item.out[-1])
        for file in find(folder, item.out[-1]) if item.kind == FILE and self._attributes.has_others else ():
            with disk_errors(file.path):
                os.fchmod(file.descriptor, self.wanted(item)[0])
            self._attributes.apply_others(file)

    def _make_directory(self, item: Item) -> None:
        """Make a folder, in which its owner can write until all is there; one that was not seen before stays as it is."""
        parent = self._folders.make(item.out[:-1])
        mode, owner, group = self.wanted(item)
        found = parent.stat(item.out[-1])
        if found is not None:
            self._check_way(item, found)
            return
        with disk_errors(self.shown(item)):
            os.mkdir(item.out[-1], OWNER, dir_fd=parent.descriptor)
        with on_failure(lambda: _remove_empty(parent, item.out[-1])):  # it would be taken for one that has its owner and mode
            for made in find(parent, item.out[-1]):
                with disk_errors(made.path):
                    os.fchown(made.descriptor, -1 if owner is None else owner, -1 if group is None else group)
                    os.fchmod(made.descriptor, mode | OWNER)
        if mode & OWNER != OWNER or self._attributes.has_others:
            self._folders.shut_later(item.out, mode, is_new=True)

    def stage(self) -> Staging:
        """Return a folder for files that are not complete yet, on the same file system.

        A task that was killed when it had just made the destination left its own beside it, where nothing else would look.
        """
        if self.base is not self._place.folder:
            with contextlib.suppress(RegistryError):
                remove_leftovers(self._place.folder, LABEL)
        return Staging(self.base, LABEL)

    def close(self) -> None:
        """Close all folders."""
        self._folders.forget()
        if self.base is not self._place.folder:
            self.base.close()
        with contextlib.suppress(OSError):
            self._place.close()
