# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of progress: what they count, when they come, and that nothing is printed where nobody wants it."""

from __future__ import annotations

import signal
import threading
import typing as t

from ansible_collections.ocitools.registry.plugins.module_utils._core.progress import Progress, ProgressOutput

MB = 1_000_000
Step = t.Callable[[], None]


class Screen:
    """What was printed, and a clock that moves only while somebody waits."""

    def __init__(self, seconds: float = 10) -> None:
        self.now = 100.0
        self.lines: list[str] = []
        self.details: list[str] = []
        self.pauses: list[float] = []
        self.progress = Progress("registry_push", ProgressOutput(self.lines.append, self.details.append, seconds), lambda: self.now)

    def run(self, *steps: Step) -> list[str]:
        """Print lines while each of ``steps`` happens during one wait; return them."""
        left = list(steps)

        def wait(seconds: float) -> bool:
            if not left:
                return True
            self.pauses.append(seconds)
            self.now += seconds
            left.pop(0)()
            return False

        self.progress.run(wait)
        return self.lines


def test_a_push_tells_bytes_share_rate_and_time_left() -> None:
    screen = Screen()
    screen.progress.name("reg.example.com/team/app:1.2")
    screen.progress.expect(512 * MB)
    screen.progress.end()  # the thread; the test is the only one to print
    blob = screen.progress.blob("sha256:abc", 512 * MB)
    lines = screen.run(lambda: blob.reach(240 * MB), lambda: blob.reach(312 * MB), lambda: blob.end("uploaded"))
    assert lines == [
        "registry_push reg.example.com/team/app:1.2: 240 of 512 MB (47 %), 48 MB/s, about 6 s left",
        "registry_push reg.example.com/team/app:1.2: 312 of 512 MB (61 %), 7.2 MB/s, about 28 s left",
        "registry_push reg.example.com/team/app:1.2: 512 of 512 MB (100 %), 20 MB/s",
    ]
    assert screen.pauses == [5, 10, 10]
    assert screen.details == ["registry_push reg.example.com/team/app:1.2: sha256:abc, 512 MB: uploaded"]


def test_a_task_that_goes_from_one_thing_to_the_next_names_the_last() -> None:
    progress = Screen().progress
    progress.exists(1)
    for name in ("app", "db"):
        progress.name(f"reg.example.com/{name}")
    assert progress.line().startswith("registry_push reg.example.com/db: ")


def test_the_pause_between_lines_can_be_chosen() -> None:
    screen = Screen(60)
    screen.progress.exists(1)
    screen.run(lambda: None, lambda: None)
    assert screen.pauses == [30, 60]


def test_a_list_tells_items_failures_and_what_was_there() -> None:
    screen = Screen()
    progress = screen.progress
    progress.begin("images", 1500)
    progress.end()

    def work() -> None:
        for number in range(1210):
            progress.finish(f"app:{number}: copied", failed=number < 3)
        progress.exists(96 * MB)
        progress.expect(4 * MB)

    assert screen.run(work) == ["registry_push: 1,210 of 1,500 images, 3 failed, 96 % of bytes already there"]
    assert screen.details[-1] == "registry_push: app:1209: copied"


def test_what_has_to_be_sent_again_is_not_counted_twice() -> None:
    screen = Screen()
    screen.progress.expect(10 * MB)
    screen.progress.end()
    blob = screen.progress.blob("sha256:abc", 10 * MB)
    lines = screen.run(lambda: blob.reach(8 * MB), lambda: blob.reach(0), lambda: blob.reach(3 * MB), lambda: blob.end("uploaded"))
    assert [line.partition(" (")[0] for line in lines] == [
        "registry_push: 8 of 10 MB",
        "registry_push: 0 of 10 MB",
        "registry_push: 3 of 10 MB",
        "registry_push: 10 of 10 MB",
    ]
    assert all("-" not in line for line in lines)


def test_blobs_that_are_there_or_mounted_count_as_done_but_not_as_moved() -> None:
    screen = Screen()
    screen.progress.expect(3 * MB)
    screen.progress.end()

    def work() -> None:
        for how in ("existing", "mounted"):
            screen.progress.blob(how, MB).end(how)

    assert screen.run(work) == ["registry_push: 2 of 3 MB (67 %)"]


def test_threads_lose_no_count() -> None:
    progress = Screen().progress
    progress.expect(8000)
    progress.end()

    def work() -> None:
        blob = progress.blob("sha256:abc", 1000)
        for position in range(1, 1001):
            blob.reach(position)

    threads = [threading.Thread(target=work) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "8 of 8 kB (100 %)" in progress.line()


def test_large_and_small_amounts_are_readable() -> None:
    for total, moved, words in ((4_700_000_000, 300_000_000, "0.3 of 4.7 GB"), (900, 450, "450 of 900 bytes"), (1500, 0, "0 of 1.5 kB")):
        screen = Screen()
        screen.progress.expect(total)
        screen.progress.end()
        screen.progress.blob("sha256:abc", total).reach(moved)
        assert words in screen.progress.line()


def test_without_an_output_nothing_is_printed_and_no_thread_runs() -> None:
    before = threading.active_count()
    progress = Progress()
    progress.begin("images", 2)
    progress.expect(5)
    progress.finish("app:1: copied")
    assert threading.active_count() == before
    progress.end()


def test_a_task_that_has_ended_prints_nothing_more() -> None:
    screen = Screen()
    before = threading.active_count()
    screen.progress.begin("images", 2)
    screen.progress.end()
    screen.progress.begin("images", 3)
    assert threading.active_count() == before
    assert screen.lines == []


def test_no_signal_goes_to_the_thread_that_prints() -> None:
    masks: list[set[int]] = []
    shown = threading.Event()

    def show(_line: str) -> None:
        masks.append({int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])})
        shown.set()

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    progress = Progress("registry_push", ProgressOutput(show, seconds=0.01))
    progress.expect(MB)
    assert shown.wait(10)
    progress.end()
    assert masks[0] >= {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
