# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a task has come: bytes, and items of a list, against the totals of its plan, told in one line now and then."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

from .interruption import start_aside

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")

_UNITS = (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000), ("bytes", 1))
_PATIENCE = 2.0  # seconds to wait for the thread that prints, when a task ends


class ProgressOutput(t.NamedTuple):
    """Where lines go: ``show`` prints one, every ``seconds``, the first after half of that; ``detail`` takes each finished thing."""

    show: t.Callable[[str], None]
    detail: t.Callable[[str], None] = lambda text: None
    seconds: float = 10


class Progress:
    """What a task has done of its plan; safe for several threads, silent without an ``output``.

    Engines that move bytes (a push, copy or pull) count by themselves. A body adds the name of what it works on, and, where it works
    through a list, the list::

        task.progress.name(str(image))                       # registry_push reg.example.com/app:1: 312 of 512 MB (61 %), ...
        task.progress.begin("images", len(images))           # registry_sync: 210 of 500 images, 3 failed, ...
        for image in images:                                 # in any thread
            task.progress.finish(f"{image}: copied", failed=False)   # the text is shown with -v only

    ``begin`` may be called again for the next list of a task ("tags read", then "tags deleted"). What an engine counts::

        progress.expect(size)                  # bytes that the plan names, once for each blob
        blob = progress.blob(f"{digest}", size)
        blob.reach(position)                   # as often as wanted; it may go back
        blob.end("uploaded")                   # or "existing", "mounted", "downloaded"

    Texts are masked by the output; pass names and digests, never credentials.
    """

    def __init__(self, task: str = "", output: ProgressOutput | None = None, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._task = self._subject = task
        self._output = output
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._items, self._total_items, self._failed, self._count = "", 0, 0, 0
        self._total = self._moved = self._existing = 0
        self._last = (0.0, 0)  # when the line before was made, and the bytes moved by then

    # What a body calls

    def name(self, text: str) -> None:
        """Say what the task works on from now on."""
        self._subject = f"{self._task} {text}".strip()

    def begin(self, items: str, total: int) -> None:
        """Begin a list of ``total`` things, whose name ends the words "3 of 9 ..."; one of none ends the list before."""
        with self._lock:
            self._items, self._total_items, self._failed, self._count = items, total, 0, 0
        self._start()

    def finish(self, text: str = "", failed: bool = False) -> None:
        """Count one thing of the list as done, or as failed."""
        with self._lock:
            self._count += 1
            self._failed += failed
        self._detail(text)

    def each(self, items: str, total: int, work: t.Callable[[Item], Result]) -> t.Callable[[Item], Result]:
        """Begin a list and return ``work``, which counts each thing that it has done."""
        self.begin(items, total)

        def counted(item: Item) -> Result:
            done = work(item)
            self.finish()
            return done

        return counted

    # What an engine calls

    def expect(self, size: int) -> None:
        """Add bytes to what the plan names."""
        with self._lock:
            self._total += size
        self._start()

    def exists(self, size: int) -> None:
        """Add bytes to what the plan names, and that need not be moved."""
        with self._lock:
            self._total += size
            self._existing += size

    def blob(self, name: str, size: int) -> BlobProgress:
        """Return what counts one blob among the expected bytes."""
        return BlobProgress(self, name, size)

    def move(self, count: int) -> None:
        """Count bytes as moved; a negative number where they have to be moved again."""
        with self._lock:
            self._moved += count

    def settle(self, name: str, size: int, how: str) -> None:
        """Count a blob that was not moved as there, and tell that it is finished."""
        if how in ("existing", "mounted"):
            with self._lock:
                self._existing += size
        self._detail(f"{name}, {_amount(size)}: {how}")

    def _detail(self, text: str) -> None:
        if self._output is not None and text:
            self._output.detail(f"{self._subject}: {text}")

    # Lines

    def _start(self) -> None:
        """Begin to print, once there is something to tell."""
        with self._lock:
            known = self._total or self._total_items
            if self._output is None or not known or self._thread is not None or self._ended.is_set():
                return
            self._last = (self._clock(), 0)
            thread = threading.Thread(target=self.run, args=(self._ended.wait,), daemon=True)
            with contextlib.suppress(RuntimeError):  # the system allows no more threads: there are no lines
                start_aside(thread)
                self._thread = thread

    def run(self, wait: t.Callable[[float], bool]) -> None:
        """Print lines until ``wait(seconds)`` says that the task has ended."""
        output = self._output
        if output is None:
            return
        pause = output.seconds / 2
        while not wait(pause):
            output.show(self.line())
            pause = output.seconds

    def end(self) -> None:
        """Print no more lines."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def line(self) -> str:
        """Return how far the task has come, and how fast since the line before."""
        with self._lock:
            now, (before, moved) = self._clock(), self._last
            self._last = (now, self._moved)
            rate = (self._moved - moved) / (now - before) if now > before else 0.0
            parts = [self._items_part()] if self._total_items else []
            if self._total:
                parts += [self._share_part()] if parts else [self._bytes_part()]
            if rate > 0:
                parts += [f"{_amount(rate)}/s"]
                left = (self._total - self._moved - self._existing) / rate
                parts += [f"about {_duration(left)} left"] if left >= 1 and not self._total_items else []
        return f"{self._subject}: {', '.join(parts)}"

    def _items_part(self) -> str:
        failed = f", {self._failed:,} failed" if self._failed else ""
        return f"{min(self._count, self._total_items):,} of {self._total_items:,} {self._items}{failed}"

    def _share_part(self) -> str:
        return f"{_percent(self._existing, self._total)} % of bytes already there"

    def _bytes_part(self) -> str:
        done = max(0, min(self._moved + self._existing, self._total))
        unit, size = _unit(self._total)
        return f"{_number(done / size)} of {_number(self._total / size)} {unit} ({_percent(done, self._total)} %)"


class BlobProgress:
    """How far one blob has come; one thread at a time calls it."""

    def __init__(self, progress: Progress, name: str, size: int) -> None:
        self._progress = progress
        self._name = name
        self._size = size
        self._position = 0

    def reach(self, position: int) -> None:
        """Say that the blob has come so many bytes far; less than before where it is moved anew."""
        if position != self._position:
            self._progress.move(position - self._position)
            self._position = position

    def end(self, how: str) -> None:
        """Say that the blob is where it should be, and how it came there."""
        self.reach(0 if how in ("existing", "mounted") else self._size)
        self._progress.settle(self._name, self._size, how)


def _percent(part: int, whole: int) -> int:
    return 100 if part >= whole else min(99, round(100 * part / whole))


def _unit(size: float) -> tuple[str, int]:
    return next(((unit, least) for unit, least in _UNITS if size >= least), _UNITS[-1])


def _number(value: float) -> str:
    return f"{value:.1f}" if 0 < value < 10 and value != int(value) else f"{value:,.0f}"


def _amount(size: float) -> str:
    unit, least = _unit(size)
    return f"{_number(size / least)} {unit}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
