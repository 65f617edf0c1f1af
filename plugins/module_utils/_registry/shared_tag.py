# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags that several may add entries to at a time: registries offer no way to exclude that, so that what was written is read again."""

from __future__ import annotations

import abc
import typing as t

from .._core.errors import RegistryError
from .._http.retry import Retry
from .._oci.manifest import Manifest
from .._oci.reference import Digest
from .api import RepositoryApi

_MOST_WRITES = 5  # of one tag, where somebody else writes it at the same time
_MOMENT = 1.0  # seconds until somebody else, who has read the tag before we wrote it, has written it too
_MOST_ROUNDS = 5


class SharedTag(abc.ABC):
    """A tag on a manifest with a list, which ``entry`` shall be in.

    ``member`` is what holds the list, ``noun`` (for an entry) and ``verb`` are the words of messages.
    """

    member: t.ClassVar[str]
    noun: t.ClassVar[str]
    verb: t.ClassVar[str]

    def __init__(self, api: RepositoryApi, tag: str, entry: t.Mapping[str, t.Any]) -> None:
        self.tag = tag
        self.name = api.display(tag)
        self.api = api
        self._seen = {self.key(entry): entry}
        self.shows_late = False  # whether the registry still showed what was there before when it was waited for no longer

    @abc.abstractmethod
    def find(self) -> Manifest | None:
        """Return what is there; raises ``conflict`` for something else that must not be written over."""

    @abc.abstractmethod
    def key(self, entry: t.Mapping[str, t.Any]) -> t.Hashable:
        """Return what tells an entry from others."""

    @abc.abstractmethod
    def write(self, present: Manifest | None, entries: t.Sequence[t.Any]) -> bool:
        """Put a manifest with these entries there; return False where the tag was seen to be on something else than ``present``."""

    def add(self) -> bool:
        """Add the entry, and read what is there then until it and all that were ever seen there are; return whether anything was written.

        Who has read the tag before may still write it after that: see ``settle``.
        Errors: ``conflict``.
        """
        seen, has_written = self._seen, False
        present = self.find()
        for left in reversed(range(_MOST_WRITES + 1)):
            entries = list(present.document.get(self.member) or ()) if present is not None else []
            there = {self.key(one): one for one in entries}
            if seen.keys() <= there.keys():
                return has_written
            missing = [one for key, one in seen.items() if key not in there]
            seen.update(there)
            if left:
                before, has_written = present, True
                is_written = self.write(before, [*entries, *missing])
                present = self._read_back(before) if is_written else self.find()
                if is_written and _digest_of(present) == _digest_of(before):
                    self.shows_late = True  # but it has confirmed the write
                    return True
        raise self.lost()

    def forget(self, entry: t.Mapping[str, t.Any]) -> None:
        """Miss an entry no longer, which was there and need not be."""
        self._seen.pop(self.key(entry), None)

    def lost(self) -> RegistryError:
        """Return the error of a tag that somebody else overwrites again and again."""
        return RegistryError(
            f"{self.name} was overwritten by somebody else each time that a {self.noun} was added: {self.noun}s are missing there. "
            f"Run the task again, and let only one task {self.verb} an image at a time.",
            "conflict",
            reference=self.name,
        )

    @property
    def patience(self) -> float:
        """For how many seconds to wait for a registry that shows for a while what was there before."""
        return float(self.api.exchange.transport.timeout)

    def _read_back(self, before: Manifest | None) -> Manifest | None:
        """Return what is there, once it is not what was there ``before``."""
        retry = Retry(0)
        while True:
            found = self.find()
            if _digest_of(found) != _digest_of(before) or not retry.within(self.patience):
                return found


def settle(tags: t.Sequence[SharedTag]) -> None:
    """Look a moment later whether somebody else has overwritten what was added, and add it again; raises ``conflict``."""
    lost = shown = [tag for tag in tags if not tag.shows_late]
    for _round in range(_MOST_ROUNDS):
        if not lost:
            return
        retry = Retry(0)
        while retry.within(_MOMENT):
            pass
        lost = [tag for tag in shown if tag.add()]
    if lost:
        raise lost[0].lost()


def _digest_of(manifest: Manifest | None) -> Digest | None:
    return None if manifest is None else manifest.digest
