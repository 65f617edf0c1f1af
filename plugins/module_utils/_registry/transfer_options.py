# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all clients of a registry share: the connection, and how blobs are transferred."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field

from .._core.fanout import Cancellation
from .._core.progress import Progress
from .._http.exchange import Exchange
from .capabilities import Capabilities


@dataclass(frozen=True)
class TransferOptions:
    """How to transfer: threads, further attempts, chunk size in bytes (0: whole), what to log, and who counts progress.

    Transfers that run beside each other share ``slots``, which holds back those too many, and ``cancellation``. ``before_root``, called
    right before the root gets its tags, ends the transfer by raising.
    """

    workers: int = 6
    retries: int = 4
    chunk_size: int = 0
    mount_from: tuple[str, ...] = ()
    slots: t.ContextManager[t.Any] = field(default_factory=contextlib.nullcontext)
    cancellation: Cancellation | None = None
    on_log: t.Callable[[str], None] = lambda text: None
    progress: Progress = field(default_factory=Progress)
    before_root: t.Callable[[], None] = lambda: None


class Connection(t.NamedTuple):
    """One registry as all its clients share it: requests, what was learnt of it, and how much to do at a time."""

    exchange: Exchange
    capabilities: Capabilities
    options: TransferOptions
