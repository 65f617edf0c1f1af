# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks in Ansible's worker that are ended from outside, by a signal or by the timeout of the task: at once, and with nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
import typing as t
import warnings
from pathlib import Path

import pytest
from ansible import constants
from ansible_collections.ocitools.registry.plugins.module_utils._core import interruption
from ansible_collections.ocitools.registry.plugins.module_utils._local.disk import NewFile
from ansible_collections.ocitools.registry.plugins.module_utils._registry.api import RepositoryApi
from ansible_collections.ocitools.registry.plugins.module_utils._tasks.signals import orderly_end, pass_on
from ansible_collections.ocitools.registry.tests.unit.plugins import harness
from ansible_collections.ocitools.registry.tests.unit.plugins.images import write_docker_archive
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import put, temporary_files
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import IMAGE, SIGNALS, SOON, Trigger, push
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


class Ended(BaseException):
    """What Ansible raises for a task whose time is over."""


@pytest.fixture
def handlers() -> t.Iterator[None]:
    """The signal handlers of the test run, again, when the test is over."""
    before = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGALRM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def time_over(handlers: None) -> int:
    """A signal for which the test itself raises ``Ended``, as Ansible does for ``timeout``."""

    def end(_number: int, _frame: object) -> None:
        raise Ended

    signal.signal(signal.SIGALRM, end)
    return signal.SIGALRM


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """More time to clean up than a task has, for machines that have much else to do."""
    monkeypatch.setattr(interruption, "GRACE", SOON * 0.6)
    monkeypatch.setattr(interruption, "_REQUEST", SOON * 0.4)


@contextlib.contextmanager
def quickly() -> t.Iterator[None]:
    """Take no longer than a few seconds."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SOON


def act(name: str, args: dict[str, t.Any], folder: Path) -> harness.Result:
    """Run a task in this process, as Ansible's worker does."""
    (folder / "remote").mkdir(exist_ok=True)
    return harness.run_action(name, args, False, False, folder / "remote")


def left_behind(folder: Path) -> list[str]:
    """Return what a task has left where its temporary files are."""
    return [path.name for path in (folder / "remote").iterdir()]


@pytest.mark.parametrize("endpoint", ["put_upload", "mount"])
@pytest.mark.parametrize("workers", [1, 4])
def test_a_push_whose_time_is_over_waits_for_no_thread_and_leaves_no_session(
    registry: FakeRegistry, tmp_path: Path, time_over: int, patient: None, waits: list[float], workers: int, endpoint: str
) -> None:
    registry.on(endpoint, times=None).call(Trigger(time_over, workers)).silence()
    with quickly(), pytest.raises(Ended):
        act("registry_push", push(registry, tmp_path, concurrency=workers), tmp_path)
    assert len(registry.named(endpoint)) == workers
    assert registry.sessions("app") == []
    assert registry.named("put_manifest") == []
    assert waits == []
    assert left_behind(tmp_path) == []


def test_a_session_that_the_registry_does_not_cancel_is_not_waited_for(registry: FakeRegistry, tmp_path: Path, time_over: int) -> None:
    registry.on("put_upload", times=None).call(Trigger(time_over, 4)).silence()
    registry.on("cancel_upload", times=None).silence()
    with quickly(), pytest.raises(Ended):
        act("registry_push", push(registry, tmp_path, concurrency=4), tmp_path)


@pytest.mark.parametrize(
    ("error", "workers"), [(SystemExit, 1), (SystemExit, 4), (ValueError, 1), (ValueError, 4), (MemoryError, 4), (KeyboardInterrupt, 1)]
)
def test_what_a_library_raises_leaves_no_session_and_ends_the_task_alone(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], workers: int
) -> None:
    def send(*_arguments: object) -> t.NoReturn:
        raise error("of a library")

    with monkeypatch.context() as patch:
        patch.setattr(RepositoryApi, "send_upload", send)
        with quickly(), pytest.raises(error) if error is KeyboardInterrupt else contextlib.nullcontext():
            result = act("registry_push", push(registry, tmp_path, concurrency=workers), tmp_path).failure("server")
            assert f"Unexpected {error.__name__}: of a library" in result.msg
    assert registry.named("cancel_upload") != []
    assert registry.sessions("app") == []
    assert left_behind(tmp_path) == []
    assert act("registry_push", push(registry, tmp_path), tmp_path).ok().changed is True


def test_a_thread_that_hangs_on_a_disk_is_not_waited_for_and_leaves_no_file(
    registry: FakeRegistry, tmp_path: Path, time_over: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(registry, "app", "1", IMAGE)
    trigger, disk, write = Trigger(time_over, 3), threading.Event(), NewFile.write

    def hang(file: NewFile, block: bytes) -> None:
        if threading.current_thread() is threading.main_thread():
            return write(file, block)
        trigger()
        disk.wait()
        return None

    monkeypatch.setattr(NewFile, "write", hang)
    (tmp_path / "image").mkdir()
    with quickly(), pytest.raises(Ended):
        act("registry_pull", registry.args(name="app:1", path=str(tmp_path / "image"), concurrency=3), tmp_path)
    left = temporary_files(tmp_path)
    disk.set()
    assert left == []


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("workers", [1, 4])
def test_a_signal_is_passed_on_when_the_task_has_cleaned_up(
    registry: FakeRegistry, tmp_path: Path, handlers: None, patient: None, workers: int, number: int
) -> None:
    found: list[t.Any] = []

    def handler(received: int, _frame: object) -> None:
        found.append((received, registry.sessions("app"), left_behind(tmp_path)))

    signal.signal(number, handler)
    registry.on("put_upload", times=None).call(Trigger(number, workers)).silence()
    with quickly():
        act("registry_push", push(registry, tmp_path, concurrency=workers), tmp_path).failure("server")
    assert found == [(number, [], [])]
    assert signal.getsignal(number) is handler


def test_an_ignored_signal_stays_ignored(registry: FakeRegistry, tmp_path: Path, handlers: None) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    registry.on("put_upload").call(Trigger(signal.SIGHUP, 1))
    assert act("registry_push", push(registry, tmp_path), tmp_path).ok().changed is True
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_readers_whose_time_is_over_end_and_ask_no_more(registry: FakeRegistry, tmp_path: Path, time_over: int) -> None:
    names = [f"app:{tag}" for tag in range(1, 13)]
    for tag in range(1, 13):
        registry.add_image("app", str(tag))
    registry.on("get_manifest", nth=2, times=None).call(Trigger(time_over, 6)).silence()
    with quickly(), pytest.raises(Ended):
        act("registry_image_info", registry.args(name=names, concurrency=6), tmp_path)
    assert len(registry.named("get_manifest")) == 7


def test_a_handshake_that_never_comes_to_its_end_is_not_waited_for(tmp_path: Path, time_over: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []
        trigger = Trigger(time_over, 1)

        def accept() -> None:
            accepted.append(server.accept()[0])
            accepted[0].recv(16, socket.MSG_PEEK)
            trigger()

        thread = threading.Thread(target=accept)
        thread.start()
        with quickly(), pytest.raises(Ended):
            act("registry_image_info", {"name": [f"127.0.0.1:{server.getsockname()[1]}/app:{tag}" for tag in range(4)]}, tmp_path)
        thread.join()
        accepted[0].close()


def test_a_task_leaves_the_process_as_it_was(registry: FakeRegistry, tmp_path: Path, time_over: int) -> None:
    def state() -> t.Any:
        mask = os.umask(0o077)
        os.umask(mask)
        return mask, os.getcwd(), dict(os.environ), [signal.getsignal(number) for number in SIGNALS], list(warnings.filters)

    act("registry_push", push(registry, tmp_path), tmp_path).ok()  # what is imported once may set up itself
    before, threads = state(), threading.active_count()
    act("registry_tag", registry.args(name="app:1", tags=["2"], validate_certs=False), tmp_path).ok()
    act("registry_tag", registry.args(name="app:1", tags=["bad name"]), tmp_path).failure("invalid_reference")
    act("registry_pull", registry.args(name="app:1", path=str(tmp_path / "there")), tmp_path).ok()
    registry.on("put_manifest").call(Trigger(time_over, 1)).silence()
    with pytest.raises(Ended):
        act("registry_tag", registry.args(name="app:1", tags=["3"]), tmp_path)
    assert act("registry_tag", registry.args(name="app:1", tags=["3"]), tmp_path).ok().changed is True
    assert state() == before
    assert left_behind(tmp_path) == []
    assert threading.active_count() <= threads + 1  # one of the registry may be about to end


def test_no_signal_breaks_off_what_is_done_last(handlers: None) -> None:
    done: list[str] = []

    def remove() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        done.append("removed")

    signal.signal(signal.SIGTERM, lambda _number, _frame: done.append("handled"))
    with orderly_end(pass_on, remove):
        done.append("ran")
    assert done == ["ran", "removed", "handled"]


def test_temporary_files_are_where_those_of_a_module_would_be(registry: FakeRegistry, tmp_path: Path, home: Path) -> None:
    options = registry.args(name="app:1", path=write_docker_archive(tmp_path / "image.tar", {"app:1": IMAGE}))
    harness.run_action("registry_push", options, False, False, Path("$HOME/of the tasks")).ok()
    assert list((home / "of the tasks").iterdir()) == []


def test_where_those_of_a_module_cannot_be_they_leave_nothing_behind(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine", "others"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "mine"))
    monkeypatch.setenv("ANSIBLE_LOCAL_TEMP", str(tmp_path / "others"))
    options = registry.args(name="app:1", path=write_docker_archive(tmp_path / "image.tar", {"app:1": IMAGE}))
    harness.run_action("registry_push", options, False, False, Path(options["path"], "is a file")).ok()
    assert [list((tmp_path / name).iterdir()) for name in ("mine", "others")] == [[], []]


def test_a_working_directory_that_cannot_be_entered_again_is_left(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add_image("app", "1")
    before = os.open

    def refuse(path: t.Any, *arguments: t.Any, **options: t.Any) -> int:
        if path == ".":
            raise PermissionError
        return before(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    act("registry_tag", registry.args(name="app:1", tags=["2"]), tmp_path).ok()
