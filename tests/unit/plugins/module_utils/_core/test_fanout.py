# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many things at a time: bounded, in order, stopped at the first failure."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._core.fanout import Cancellation, Cancelled, fan_out

LONG = 60  # seconds that nothing here should ever take


class Stopped(Exception):
    """What the first to fail says."""


def _stop(_number: int) -> None:
    raise Stopped


@pytest.mark.parametrize("workers", [0, 1, 2, 4, 100])
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_results_come_in_order(workers: int, count: int) -> None:
    assert fan_out(lambda number: number * number, iter(range(count)), workers) == [number * number for number in range(count)]


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_as_many_threads_work_as_the_system_allows(monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def refuse(thread: threading.Thread) -> None:
        if len(started) == allowed:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    begin = time.monotonic()
    assert fan_out(lambda number: number * number, range(30), 8) == [number * number for number in range(30)]
    with pytest.raises(Stopped):
        fan_out(_stop, range(30), 8)
    assert time.monotonic() - begin < LONG
    assert len(started) == allowed


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_t28_so_many_work_at_a_time_and_no_more(workers: int) -> None:
    full = threading.Barrier(workers, timeout=LONG)  # is passed only when all workers are at work together
    lock = threading.Lock()
    now = 0
    most = 0

    def work(_number: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        full.wait()
        with lock:
            now -= 1

    fan_out(work, range(workers * 5), workers)
    assert most == workers


@pytest.mark.parametrize("workers", [0, 1])
def test_one_worker_is_the_caller_itself(workers: int) -> None:
    assert set(fan_out(lambda _number: threading.get_ident(), range(3), workers)) == {threading.get_ident()}
    assert fan_out(lambda _number: threading.get_ident(), [1], 4) == [threading.get_ident()]


def wait_for_the_end(cancellation: Cancellation) -> None:
    """Go on until the group is stopped."""
    for _moment in range(LONG * 1000):
        cancellation.check()
        threading.Event().wait(0.001)


def test_t28_the_first_failure_stops_the_rest_and_no_thread_stays() -> None:
    cancellation = Cancellation()
    running = threading.Barrier(2, timeout=LONG)
    begun: list[int] = []
    told: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        running.wait()
        if number == 1:
            raise Stopped
        try:
            wait_for_the_end(cancellation)
        except Cancelled:
            told.append(number)
            raise

    before = threading.active_count()
    with pytest.raises(Stopped):
        fan_out(work, range(50), 2, cancellation)
    assert sorted(begun) == [0, 1]
    assert told == [0]
    assert threading.active_count() == before


def test_t28_of_several_failures_the_first_in_time_is_told() -> None:
    cancellation = Cancellation()

    def work(number: int) -> None:
        if number == 2:
            raise RegistryError("First.", "server")
        try:
            wait_for_the_end(cancellation)
        except Cancelled:
            raise RegistryError("Later.", "server") from None

    with pytest.raises(RegistryError) as caught:
        fan_out(work, range(3), 3, cancellation)
    assert caught.value.message == "First."


def test_t28_what_was_stopped_before_does_not_begin() -> None:
    cancellation = Cancellation()
    cancellation.set()
    begun: list[int] = []
    with pytest.raises(Cancelled):
        fan_out(begun.append, range(10), 4, cancellation)
    assert begun == []


def test_work_that_ends_well_stops_nobody() -> None:
    cancellation = Cancellation()
    assert fan_out(str, [1, 2], 2, cancellation) == ["1", "2"]
    cancellation.check()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_whatever_is_raised_reaches_the_caller(error: type[BaseException]) -> None:
    def work(number: int) -> None:
        if number == 3:
            raise error

    with pytest.raises(error):
        fan_out(work, range(10), 3)


def test_what_ends_the_task_is_not_lost_behind_the_connections_that_it_breaks() -> None:
    broken = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            broken.wait()
            raise KeyboardInterrupt
        broken.set()
        raise ConnectionError

    with pytest.raises(KeyboardInterrupt):
        fan_out(work, range(2), 2)


def test_a_signal_that_comes_to_a_thread_does_not_wait_for_its_end() -> None:
    class Ended(BaseException):
        pass

    def end(_number: int, _frame: object) -> None:
        raise Ended

    def work(_number: int) -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGALRM)
        stop.wait(30)

    stop, before = threading.Event(), signal.signal(signal.SIGALRM, end)
    start = time.monotonic()
    try:
        with pytest.raises(Ended):
            fan_out(work, range(2), 2)
    finally:
        stop.set()
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - start < 15


def test_threads_are_waited_for_though_a_signal_came_between() -> None:
    class Ended(BaseException):
        pass

    def end(_number: int, _frame: object) -> None:
        raise Ended

    def work(number: int) -> None:
        if number:
            ready.wait(10)
            time.sleep(0.5)  # the main thread has nothing to do but to wait, by then
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
        else:
            ready.set()
        time.sleep(0 if number else 1)  # what the other side takes to answer
        cleaned_up.append(number)

    cleaned_up: list[int] = []
    ready, before = threading.Event(), signal.signal(signal.SIGALRM, end)
    try:
        with pytest.raises(Ended):
            fan_out(work, range(2), 2)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert sorted(cleaned_up) == [0, 1]
