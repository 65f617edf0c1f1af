# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks that others may hold: they are waited for, but not for ever."""

from __future__ import annotations

import time
import typing as t

_PAUSE = 0.02  # seconds between two attempts


def take_within(seconds: float, take: t.Callable[[], bool]) -> bool:
    """Call ``take`` until it gets the lock; False where it does not within so many ``seconds``."""
    deadline = time.monotonic() + seconds
    while not take():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)
    return True
