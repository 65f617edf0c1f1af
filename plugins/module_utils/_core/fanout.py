# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do many things at a time: bounded, in order, and stopped at the first failure."""

from __future__ import annotations

import threading
import typing as t
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")


class Cancelled(Exception):
    """Another task of the same group failed first; its error is the one that is told."""


class Cancellation:
    """Tells the tasks of a group to stop where they are."""

    def __init__(self, above: Cancellation | None = None) -> None:
        self._event = threading.Event()
        self._above = above

    def set(self) -> None:
        """Stop all tasks at their next check."""
        self._event.set()

    def check(self) -> None:
        """Raise ``Cancelled`` once the group, or the one that it is a part of, was stopped."""
        if self._event.is_set():
            raise Cancelled
        if self._above is not None:
            self._above.check()


def fan_out(
    work: t.Callable[[Item], Result], items: t.Iterable[Item], workers: int, cancellation: Cancellation | None = None
) -> list[Result]:
    """Return ``work(item)`` for each item, in order, done by up to ``workers`` threads.

    The first error stops what has not begun, tells the rest through ``cancellation``, and is raised when all have ended.
    """
    pending = list(items)
    if len(pending) <= 1 or workers <= 1:
        return [work(item) for item in pending]
    stop = cancellation or Cancellation()
    failures: list[BaseException] = []

    def guarded(item: Item) -> Result:
        stop.check()
        try:
            return work(item)
        except Cancelled:
            raise
        except BaseException as error:
            failures.append(error)
            stop.set()
            raise

    with ThreadPoolExecutor(max_workers=min(workers, len(pending))) as pool:
        futures: list[Future[Result]] = [pool.submit(guarded, item) for item in pending]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            if not all(future.done() and not future.exception() for future in futures):
                stop.set()
                for future in futures:
                    future.cancel()
    if failures:
        raise failures[0]
    return [future.result() for future in futures]
