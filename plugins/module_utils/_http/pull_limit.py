# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many pulls a registry allows yet, as its answers tell, and how many of them a task leaves to others."""

from __future__ import annotations

import re
import threading
import typing as t

from .._core.errors import NotFound, RegistryError

_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)


class PullLimit:
    """Counts what is left of a registry's limit; with ``least`` 0 nothing is refused. Safe for several threads.

    Within a task it only goes down: answers may come in another order than they were made.
    """

    def __init__(self, registry: str) -> None:
        self.least = 0
        self._registry = registry
        self._left: int | None = None
        self._is_asked = False
        self._asking = threading.RLock()  # held during a request, whose answer others may have to note first
        self._lock = threading.Lock()

    def note(self, header: str) -> None:
        """Take note of an answer's header ``RateLimit-Remaining``, "" where it has none."""
        told = _NUMBER.match(header)
        if told is None:
            return
        with self._lock:
            left = int(told.group())
            self._left = left if self._left is None else min(self._left, left)

    def take(self, ask: t.Callable[[], object]) -> None:
        """Count a pull that is about to be made; where nothing is known yet, ``ask`` first, which costs none.

        Errors: ``rate_limited`` where fewer than ``least`` would be left; those of ``ask``, after whose ``NotFound`` the next pull asks again.
        """
        if not self.least:
            return
        with self._asking:
            if self._left is None and not self._is_asked:
                self._is_asked = True
                try:
                    ask()
                except NotFound:
                    self._is_asked = False
                    raise
        with self._lock:
            if self._left is None:
                return
            if self._left <= self.least:
                message = (
                    f"{self._registry} allows {self._left} more pulls, and min_remaining keeps {self.least} of them unused: "
                    "run the task again when it allows more."
                )
                raise RegistryError(message, "rate_limited", registry=self._registry)
            self._left -= 1
