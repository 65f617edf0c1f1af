# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do many things at a time: bounded, in order, and stopped at the first failure."""

from __future__ import annotations

import contextlib
import threading
import typing as t

from .interruption import LOOK, Cancelled, current, work_for

__all__ = ["Cancellation", "Cancelled", "fan_out"]

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")


class Cancellation:
    """Tells the tasks of a group to stop where they are."""

    def __init__(self, above: Cancellation | None = None) -> None:
        self._is_set = False
        self._above = above

    def set(self) -> None:
        """Stop all tasks at their next check."""
        self._is_set = True

    def check(self) -> None:
        """Raise ``Cancelled`` once the group, or the one that it is a part of, was stopped."""
        if self._is_set:
            raise Cancelled
        if self._above is not None:
            self._above.check()


class _Group(t.Generic[Item, Result]):
    """Items that several threads work on, each taking the next one."""

    def __init__(self, work: t.Callable[[Item], Result], items: t.Sequence[Item], stop: Cancellation, workers: int) -> None:
        self._work = work
        self._waiting = iter(enumerate(items))
        self._stop = stop
        self._lock = threading.Lock()
        self._interruption = current()
        self._wanted = self._running = workers
        self.is_done = threading.Event()
        self.failures: list[BaseException] = []
        self.results: dict[int, Result] = {}

    def start(self) -> list[threading.Thread]:
        """Start the threads, or as many as the system allows this user or container."""
        threads: list[threading.Thread] = []
        with contextlib.suppress(RuntimeError):
            while len(threads) < self._wanted:
                thread = threading.Thread(target=self.run, daemon=True)
                thread.start()
                threads.append(thread)
        self._leave(self._wanted - len(threads))
        return threads

    def _leave(self, count: int) -> None:
        """Take note of threads that have ended, or will never begin."""
        with self._lock:
            self._running -= count
            if not self._running:
                self.is_done.set()

    def run(self) -> None:
        """Work until nothing is left, or the group was stopped."""
        work_for(self._interruption)
        try:
            while True:
                self._stop.check()
                with self._lock:
                    index, item = next(self._waiting, (-1, None))
                if index < 0:
                    return
                self.results[index] = self._work(t.cast(Item, item))
        except Cancelled:
            self._stop.set()
        except BaseException as error:
            self.failures.append(error)
            self._stop.set()
        finally:
            self._leave(1)


def fan_out(
    work: t.Callable[[Item], Result], items: t.Iterable[Item], workers: int, cancellation: Cancellation | None = None
) -> list[Result]:
    """Return ``work(item)`` for each item, in order, done by up to ``workers`` threads.

    The first error stops what has not begun, tells the rest through ``cancellation``, and is raised when all have ended. Where the task
    itself is ended from outside nobody waits long: what still runs then, such as the look-up of a name, does no harm any more.
    """
    pending = list(items)
    if len(pending) <= 1 or workers <= 1:
        return [work(item) for item in pending]
    stop = cancellation or Cancellation()
    workers = min(workers, len(pending))
    group = _Group(work, pending, stop, workers)
    try:
        threads = group.start()
        # A signal may come to any thread, and does not end a wait of this one. Nor can this one join: Python (3.10 to 3.12) takes a thread for ended
        # when the handler of a signal raises while it is joined.
        while not group.is_done.wait(LOOK):
            pass
        for thread in threads:
            thread.join()
    except BaseException:
        stop.set()
        interruption = current()
        interruption.set()
        group.is_done.wait(interruption.left)
        raise
    if not threads:
        return [work(item) for item in pending]
    if group.failures:
        # What ends the task breaks connections of other threads: their errors say nothing.
        raise next((error for error in group.failures if not isinstance(error, Exception)), group.failures[0])
    if len(group.results) < len(pending):
        raise Cancelled
    return [group.results[index] for index in range(len(pending))]
