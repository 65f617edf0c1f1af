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

from .._core.interruption import current

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Ended(BaseException):
    """Ends the task from wherever it is."""


def pass_on(number: int) -> None:
    """Send a signal to this process once more, for those that handled it before."""
    os.kill(os.getpid(), number)


def leave(number: int) -> t.NoReturn:
    """End a module, which removes what ansible-core has put on its host, as a shell tells of a signal."""
    raise SystemExit(128 + number)


@contextlib.contextmanager
def orderly_end(then: t.Callable[[int], None], last: t.Callable[[], None] = lambda: None) -> t.Iterator[None]:
    """Turn the first signal that ends the process into an exception within the block, and hand it to ``then`` behind it.

    ``last`` is called in between, whatever happened, and no signal breaks it off. Signals that are ignored stay so, and all handlers are put back.
    """
    if threading.current_thread() is not threading.main_thread():
        try:
            yield
        finally:
            last()
        return
    received: list[int] = []
    runs = [True]

    def end(number: int, _frame: object) -> None:
        received.append(number)
        if runs and len(received) == 1:
            current().set()  # also where the exception gets lost, as in a destructor
            raise _Ended

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    handled = [number for number, handler in before.items() if handler not in (None, signal.SIG_IGN)]
    try:
        with contextlib.suppress(_Ended):
            for number in handled:
                signal.signal(number, end)
            try:
                yield
            finally:
                runs.clear()
    finally:
        last()
        for number in handled:
            signal.signal(number, before[number])
        if received:
            then(received[0])
