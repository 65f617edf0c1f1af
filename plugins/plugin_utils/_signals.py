# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a task that is told to end clean up first: a ``finally`` alone does not run on a signal."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import typing as t

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Ended(BaseException):
    """Ends the task from wherever it is."""


@contextlib.contextmanager
def orderly_end() -> t.Iterator[None]:
    """Turn the first signal that ends the process into an exception within the block, and pass it on behind it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def end(number: int, _frame: object) -> None:
        if not received:
            received.append(number)
            raise _Ended

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        with contextlib.suppress(_Ended):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            os.kill(os.getpid(), received[0])
