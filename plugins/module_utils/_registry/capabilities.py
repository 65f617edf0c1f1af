# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this process has learnt of a registry while it wrote to it, for all the threads that do."""

from __future__ import annotations

import contextlib
import sys
import threading
import typing as t
from dataclasses import dataclass, field

from .._oci.reference import Digest


class BlobLocations:
    """Which repositories of a registry this process brought a blob to; whoever needs it next waits, and need not send it again."""

    def __init__(self) -> None:
        self._known: dict[Digest, dict[str, None]] = {}
        self._locks: dict[Digest, threading.Lock] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def visit(self, digest: Digest, own: str) -> t.Iterator[str | None]:
        """Yield ``own`` where that repository has the blob, else another one that has it, else None; one thread at a time deals with a blob."""
        with self._lock:
            lock = self._locks.setdefault(digest, threading.Lock())
        with lock:
            known = self._known.get(digest, {})
            yield own if own in known else next(iter(known), None)

    def settle(self, digest: Digest, repository: str) -> None:
        """Remember that ``repository`` has the blob."""
        self._known.setdefault(digest, {})[repository] = None


@dataclass
class Capabilities:
    """What a registry has shown of its ways; shared by all that talk to it in this process."""

    mounts: bool = False  # it has answered 201 to a mount
    ignores_mount: bool = False  # it had the blob, and still opened a session
    needs_chunks: bool = False
    largest_chunk: int = sys.maxsize  # what it has not refused
    keeps_sessions: bool = False  # it does not let this user end an upload
    misstates_range: bool = False  # it had a chunk, and its answer told of more or less
    unreadable: set[str] = field(default_factory=set)  # repositories that no token is given for, so that nothing of theirs can be mounted
    locations: BlobLocations = field(default_factory=BlobLocations)
    listing: threading.Lock = field(default_factory=threading.Lock)  # held while a list of referrers is read and written anew

    def shorten_chunks(self, length: int, least: int) -> None:
        """Send shorter chunks from now on than one of this ``length``, which did not get through, but none under ``least``.

        Several threads may have sent such a chunk at the same time: all of them together say no more than one.
        """
        self.largest_chunk = min(self.largest_chunk, max(length // 4, least))
