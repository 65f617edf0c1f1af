# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What registry_sync does for each image: which it is, what became of it, and what of that the result tells."""

from __future__ import annotations

import threading
import typing as t
from dataclasses import dataclass, field

from .._core.errors import RegistryError
from .._core.scrub import some
from .._registry.image_copy import Copied, Copy
from .._registry.results import Result
from .._registry.tagging import TagMap
from .image_copies import own_changes
from .sync_entries import Entry

State = dict[str, t.Any]  # of tags, files and the like, by full names


@dataclass(frozen=True)
class Job:
    """One image of the list: the ``entry`` that names or chose it, what is copied where, and how the import finds it ``stored``."""

    entry: Entry
    copy: Copy
    referrers: bool = False
    stored: t.Any = None
    title: str = ""  # what it is called, where that is not its source

    @property
    def name(self) -> str:
        """The image as a whole name, always with its tag or digest."""
        source = self.copy.source
        return self.title or f"{source}{'' if source.tag or source.digest else ':latest'}"

    @property
    def dest(self) -> str:
        """Where it goes, with its first tag."""
        tags = self.copy.tags
        return f"{self.copy.destination.name}:{tags[0]}" if tags else self.copy.destination.name


@dataclass(frozen=True)
class Outcome:
    """What became of a job, as the result tells it, and the states, by full names, of what is another than before."""

    result: Result
    before: TagMap
    after: TagMap
    error: RegistryError | None = None

    @property
    def changed(self) -> bool:
        """Whether anything was, or in check mode would be, written."""
        return bool(self.before)

    @classmethod
    def of(cls, name: str, dest: str | None, copied: Copied) -> Outcome:
        """Return what became of an image; lists of blobs are left out, since the images of a long list would fill the memory with them."""
        changed = [key for key, state in copied.before.items() if copied.after[key] != state]
        told = {key: value for key, value in copied.result.items() if not key.endswith("_blobs")}
        told["media_type"] = told["media_type"] or None
        result = {"name": name, "dest": dest, "changed": bool(changed), **told}
        return cls(result, {key: copied.before[key] for key in changed}, {key: copied.after[key] for key in changed})

    @classmethod
    def failed(cls, name: str, dest: str | None, error: RegistryError, before: TagMap, after: TagMap) -> Outcome:
        """Return what became of an image that failed, and what of it was written by then."""
        return cls({"name": name, "dest": dest, "changed": before != after, "error": error.entry()}, before, after, error.bare())

    def only(self, names: t.Collection[str]) -> Outcome:
        """Return the outcome with no other changes than these; one that failed stays as it is."""
        if self.error is not None or len(names) == len(self.before):
            return self
        result = {**self.result, "changed": bool(names)}
        return Outcome(result, {name: self.before[name] for name in names}, {name: self.after[name] for name in names})


@dataclass
class Expected:
    """What check mode has counted as brought already: images of one place share blobs, and each of them is brought once."""

    _brought: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def first(self, place: str, digests: t.Iterable[str]) -> set[str]:
        """Return which of ``digests`` nothing has brought to ``place`` before."""
        with self._lock:
            found = {digest for digest in digests if (place, digest) not in self._brought}
            self._brought.update((place, digest) for digest in found)
            return found

    def settle(self, place: str, result: Result) -> None:
        """Count the blobs of an image that another one brings as those that are there."""
        moved = [*result["uploaded_blobs"], *result["mounted_blobs"]]
        first = self.first(place, [blob["digest"] for blob in moved])
        for kind in ("uploaded", "mounted"):
            result[f"{kind}_bytes"] = sum(blob["size"] for blob in result[f"{kind}_blobs"] if blob["digest"] in first)
        result["existing_bytes"] += sum(blob["size"] for blob in moved if blob["digest"] not in first)


def count_once(outcomes: t.Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes, each state as a change of the first that tells it."""
    counted = {id(outcome): outcome.only(own) for outcome, own in zip(outcomes, own_changes(outcomes))}
    return [counted[id(outcome)] for outcome in outcomes]  # an image that is given twice has one outcome


def summarize(outcomes: t.Sequence[Outcome]) -> Result:
    """Return the counts of all images, and the bytes of those that did not fail."""
    done = [outcome for outcome in outcomes if outcome.error is None]
    copied = sum(outcome.changed for outcome in done)
    once = {id(outcome): outcome for outcome in done}.values()  # an image that is given twice is brought once
    kinds = {"bytes_sent": "uploaded_bytes", "bytes_mounted": "mounted_bytes", "bytes_existing": "existing_bytes"}
    return {
        "images": len(outcomes),
        "unchanged": len(done) - copied,
        "copied": copied,
        "failed": len(outcomes) - len(done),
        **{name: sum(outcome.result[key] for outcome in once) for name, key in kinds.items()},
    }


def raise_failures(outcomes: t.Sequence[Outcome], last: RegistryError | None = None) -> None:
    """Raise the first failure, where there is one, with the names of all that failed; ``last`` is what failed after the images."""
    failed = [(outcome.result["name"], outcome.error) for outcome in outcomes if outcome.error is not None]
    if not failed:
        if last is not None:
            raise last
        return
    first = failed[0][1]
    names = some([name for name, _error in failed])
    raise first.again(f"{len(failed)} of {len(outcomes)} images failed: {names}. {first.message}{f' {last.message}' if last else ''}")
