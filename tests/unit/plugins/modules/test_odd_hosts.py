# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that lack something: a folder for temporary files, the characters of a path, room for its length; one result says so."""

from __future__ import annotations

import errno
import os
import socket
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import artifacts, harness, images, tars
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Run = t.Callable[[str, dict[str, t.Any]], harness.Result]


@pytest.fixture
def run_without_folder(front: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a task where a file is at the place of the folder."""
    place = tmp_path / "file"
    place.write_text("no folder", encoding="ascii")

    def run(name: str, args: dict[str, t.Any]) -> harness.Result:
        if front == "module":
            monkeypatch.setattr(harness, "module_arguments", lambda args, *_rest: {**args, "_ansible_remote_tmp": str(place)})
            return harness.run_module(name, args, False, False, tmp_path)
        from ansible import constants

        monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(place))
        return harness.run_action(name, args, False, False, place)

    return run


@pytest.mark.parametrize("name", ["registry_push", "registry_artifact_pull", "registry_artifact"])
def test_a_host_without_a_folder_for_temporary_files_is_told(
    registry: FakeRegistry, run_without_folder: Run, tmp_path: Path, name: str
) -> None:
    tar = tars.tar_bytes([("run", b"new")])
    artifacts.artifact(registry, "1", artifacts.folder(registry, "a", tar), artifacts.folder(registry, "b", tar))
    for folder in ("a", "b"):
        (tmp_path / "there" / folder).mkdir(parents=True)
    options: dict[str, dict[str, t.Any]] = {
        "registry_push": {"name": "app:2", "path": images.write_docker_archive(tmp_path / "image.tar", {"app:1": images.image()})},
        "registry_artifact_pull": {"name": "app:1", "dest": str(tmp_path / "there")},
        "registry_artifact": {"name": "app:2", "files": [str(tmp_path / "there" / "a"), str(tmp_path / "there" / "b")]},
    }
    failure = run_without_folder(name, registry.args(**options[name])).failure("local_io")
    assert not failure.changed
    assert failure.msg.startswith("The host that runs the task has no folder for temporary files: ")
    assert "Not a directory" in failure.msg
    assert failure.msg.endswith("; set the variable ansible_remote_tmp to a folder that the user of the task can write.")
    assert registry.writes() == []


# Python 3.7 and newer would take UTF-8 for the locale C.
@pytest.mark.parametrize("environment", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
@pytest.mark.parametrize("name", ["registry_pull", "registry_extract", "registry_artifact_pull", "registry_login"])
def test_a_locale_without_the_characters_of_a_path_is_told(
    registry: FakeRegistry, start_module: t.Callable[..., harness.Process], tmp_path: Path, name: str, environment: dict[str, str]
) -> None:
    artifacts.artifact(registry, "1", artifacts.file(registry, "b\u00fc", b"text"))
    registry.add_image("app", "2")
    place = str(tmp_path / "\u00fc" / "there")
    options: dict[str, dict[str, t.Any]] = {
        "registry_pull": registry.args(name="app:2", path=place),
        "registry_extract": registry.args(name="app:2", dest=place, paths=["/"]),
        "registry_artifact_pull": registry.args(name="app:1", dest=str(tmp_path)),
        "registry_login": {
            "registry": registry.host,
            "username": "u",
            "password": "secret-1",
            "auth_file": place,
            "check_credentials": False,
        },
    }
    failure = start_module(name, options[name], env=environment).wait().failure("local_io")
    assert "\\xfc' contains characters that the locale of the host that runs the task does not have: set LC_ALL" in failure.msg
    assert not failure.changed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["registry_pull", "registry_extract", "registry_artifact_pull"])
@pytest.mark.parametrize(("part", "reason"), [("x" * 300, "File name too long"), ("loop", "Too many levels of symbolic links")])
def test_a_path_that_leads_nowhere_is_named(
    registry: FakeRegistry, run_module: harness.RunModule, tmp_path: Path, name: str, part: str, reason: str
) -> None:
    registry.add_image("app", "1")
    (tmp_path / "loop").symlink_to("loop")
    path = str(tmp_path / part / "there")
    options = {"dest": path, "paths": ["/"]} if name == "registry_extract" else {"dest": path}
    failure = run_module(name, registry.args(name="app:1", **options)).failure("local_io")
    assert failure.msg == f"{path} cannot be opened: {reason}."


@pytest.mark.parametrize("call", ["getaddrinfo", "socket"])
@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"])
def test_too_few_open_files_for_connections_are_told(
    registry: FakeRegistry, run_module: harness.RunModule, monkeypatch: pytest.MonkeyPatch, waits: list[float], proxy: str, call: str
) -> None:
    def refuse(*_args: t.Any, **_options: t.Any) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setenv("HTTP_PROXY", proxy)
    with monkeypatch.context() as scarce:  # the registry needs them to end
        scarce.setattr(socket, call, refuse)
        failure = run_module("registry_image_info", registry.args(name=["app:1"], retries=1)).failure("local_io")
    assert failure.msg == "Too many open files: set concurrency to a lower number, or raise the limit for open files."
    assert len(waits) == 1  # others may have been closed by then


def test_too_few_open_files_are_told(
    registry: FakeRegistry, run_module: harness.RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    artifacts.artifact(registry, "1", artifacts.file(registry, "a", b"text"))
    monkeypatch.setattr(os, "dup", refuse)
    failure = run_module("registry_artifact_pull", registry.args(name="app:1", dest=str(tmp_path))).failure("local_io")
    assert failure.msg == "Too many open files: set concurrency to a lower number, or raise the limit for open files."
