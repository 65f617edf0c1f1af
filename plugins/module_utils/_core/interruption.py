# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End a task from outside (a signal, the timeout of a task, Ctrl-C): no more requests, retries and waits, and little time to clean up."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
import typing as t
import weakref

GRACE = 2.0  # seconds for all that is cleaned up, such as upload sessions
_REQUEST = 1.0  # seconds for each request of that
LOOK = 0.1  # seconds between looks whether to go on waiting
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)

_running: list[Interruption] = []  # of the tasks of this process, the one within the other
_thread = threading.local()  # has the interruption of the task that a thread works for


class Cancelled(Exception):
    """What was asked for is no longer wanted; whoever stopped it has the error that is told."""


class Interruption:
    """Whether one task was ended from outside; signal handlers may call ``set``, since nothing here waits for a lock of theirs."""

    def __init__(self) -> None:
        self._end: float | None = None  # when there is no more time to clean up
        self._is_told = False
        self._listeners: list[weakref.WeakMethod[t.Callable[[], None]]] = []
        self._thread = threading.local()

    def set(self) -> None:
        """Stop all that the task does, in every thread."""
        if self._end is not None:
            return  # whoever cleans up has opened connections anew
        self._end = time.monotonic() + GRACE
        try:
            for listener in tuple(self._listeners):
                tell = listener()
                if tell is not None:
                    tell()
        finally:
            self._is_told = True

    def heed(self, error: BaseException) -> None:
        """End the task where ``error`` comes from outside: it is no ``Exception``, nor does it ask to exit."""
        if not isinstance(error, (Exception, SystemExit)):
            self.set()

    @property
    def is_set(self) -> bool:
        """Whether the task was ended."""
        return self._end is not None

    @property
    def left(self) -> float:
        """How many seconds there are to clean up."""
        return GRACE if self._end is None else max(self._end - time.monotonic(), 0.0)

    def listen(self, stop: t.Callable[[], None]) -> None:
        """Have ``stop``, a method, called when the task is ended, for as long as its object lives."""
        self._listeners.append(weakref.WeakMethod(stop))

    def forget(self, stop: t.Callable[[], None]) -> None:
        """Call ``stop`` no more."""
        with contextlib.suppress(ValueError):
            self._listeners.remove(weakref.WeakMethod(stop))

    def check(self) -> None:
        """Raise ``Cancelled`` once the task was ended, unless this thread cleans up and has time left."""
        if self.is_set and not (self._cleans_up and self.left > 0):
            raise Cancelled

    def limit(self, seconds: float) -> float:
        """Return how many of the ``seconds`` that a request may take are left; raises ``Cancelled`` where there must be none."""
        self.check()
        return min(seconds, _REQUEST, max(self.left, 0.01)) if self.is_set else seconds

    @property
    def _cleans_up(self) -> bool:
        return getattr(self._thread, "cleans_up", False)

    @contextlib.contextmanager
    def cleanup(self) -> t.Iterator[None]:
        """Allow requests of this thread within the block also where the task was ended, but no earlier than all listeners were told.

        Those that shut connections down would else shut one down that is already used to clean up.
        """
        while self.is_set and not self._is_told and self.left > 0:
            time.sleep(LOOK / 10)
        before = self._cleans_up
        self._thread.cleans_up = True
        try:
            yield
        finally:
            self._thread.cleans_up = before


@contextlib.contextmanager
def interruptible(interruption: Interruption | None = None) -> t.Iterator[Interruption]:
    """Run a task that can be ended from outside: any exception that is no ``Exception`` ends it, and ``interruption`` where others know it."""
    interruption = interruption or Interruption()
    before = getattr(_thread, "works_for", None)
    _running.append(interruption)
    _thread.works_for = interruption
    try:
        yield interruption
    finally:
        _thread.works_for = before
        _running.remove(interruption)


def work_for(interruption: Interruption) -> None:
    """Let this thread end with a task that another thread runs."""
    _thread.works_for = interruption


def current() -> Interruption:
    """Return the interruption of the task that this thread works for; of a thread that nobody knows, that of the last task of this process."""
    known: Interruption | None = getattr(_thread, "works_for", None)
    return known or (_running[-1] if _running else Interruption())


def pause(seconds: float) -> None:
    """Wait, but no longer than until the task is ended."""
    interruption = current()
    end = time.monotonic() + seconds
    while not interruption.is_set:
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, LOOK))


def start_aside(thread: threading.Thread) -> None:
    """Start a thread that no signal comes to: the main thread, whose handlers run, would sleep on in the system call that it waits for."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
