# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions of the files of an artifact, where the task states them."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import artifacts, tars
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, plugin, start_module
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    """Where files go; it is not there yet."""
    return tmp_path / "files"


@pytest.fixture
def pull(registry: FakeRegistry, run_module: RunModule, dest: Path) -> t.Callable[..., Result]:
    """Pull ``app:1``."""
    return lambda **options: run_module("registry_artifact_pull", registry.args(name="app:1", dest=str(dest), **options))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("u=rwX,g=rX,o=", {"d/run": 0o750, "d/text": 0o640, "a": 0o750}), ("go=", {"d/run": 0o700, "d/text": 0o600, "a": 0o700})],
)
def test_a_mode_in_symbols_leaves_programs_executable(
    registry: FakeRegistry,
    run_module: RunModule,
    pull: t.Callable[..., Result],
    dest: Path,
    tmp_path: Path,
    mode: str,
    expected: dict[str, int],
) -> None:
    (tmp_path / "d").mkdir()
    for name in ("run", "text"):
        (tmp_path / "d" / name).write_bytes(b"x")
    (tmp_path / "d" / "run").chmod(0o755)
    (tmp_path / "a").write_bytes(b"new")
    run_module("registry_artifact", registry.args(name="app:1", files=[str(tmp_path / "d"), str(tmp_path / "a")])).ok()
    dest.mkdir()
    (dest / "a").write_bytes(b"old")
    (dest / "a").chmod(0o755)
    pull(mode=mode).ok()
    assert {name: stat.S_IMODE((dest / name).stat().st_mode) for name in expected} == expected
    for spoil in (None, 0o600, 0o640):
        if spoil is not None:
            (dest / "d" / "run").chmod(spoil)
            assert pull(mode=mode).ok().changed
        again = pull(mode=mode).ok()
        assert (again.changed, again["downloaded_bytes"]) == (False, 0)
        assert {name: stat.S_IMODE((dest / name).stat().st_mode) for name in expected} == expected


def test_permissions_that_cannot_be_set_are_a_failure_that_is_told(
    registry: FakeRegistry, pull: t.Callable[..., Result], dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.artifact(registry, "1", artifacts.file(registry, "a"), artifacts.file(registry, "b"))
    pull(mode="0644").ok()
    really = os.fchmod
    left = [1]

    def refuse(descriptor: int, mode: int) -> None:
        if not left:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        left.pop()
        really(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", refuse)
    result = pull(mode="0600").failure("local_io")
    assert "Read-only file system" in result.msg
    assert result.changed  # one file has them
    assert not pull(mode="0600").failure("local_io").changed


def test_a_folder_that_is_written_in_part_is_a_change(
    registry: FakeRegistry, pull: t.Callable[..., Result], dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.artifact(registry, "1", artifacts.folder(registry, "d", tars.tar_bytes([("d/a", b"a"), ("d/b", b"b")])))
    tree = plugin("module_utils._local.file_tree").FileTree
    write = tree.write

    def fail(self: t.Any, parts: tuple[str, ...], *rest: t.Any) -> None:
        if parts[-1] == "b":
            raise plugin("module_utils._local.disk").disk_error("b", OSError(errno.ENOSPC, "No space left on device"))
        write(self, parts, *rest)

    monkeypatch.setattr(tree, "write", fail)
    assert pull().failure("local_io").changed
    assert (dest / "d" / "a").read_bytes() == b"a"
    assert not pull().failure("local_io").changed


def test_a_file_that_the_user_may_not_read_is_named(registry: FakeRegistry) -> None:
    artifacts.artifact(registry, "1", artifacts.file(registry, "secret"))
    env = {} if os.geteuid() else {"AS_USER": "65534"}
    with tempfile.TemporaryDirectory() as name:
        secret = Path(name) / "folder" / "sub" / "secret"
        secret.parent.mkdir(parents=True)
        secret.touch(0o000)
        for place in (Path(name), secret.parent.parent, secret.parent, secret):
            os.chown(place, 65534 if env else -1, -1)
        pushed = {"name": "app:2", "files": [f"{name}/folder"]}
        pulled = {"name": "app:1", "dest": str(secret.parent)}
        for module, options in (("registry_artifact", pushed), ("registry_artifact_pull", pulled)):
            args = registry.args(**options, use_auth_file=False)
            result = start_module(module, args, Path(name), env=env).wait().failure("local_io")
            assert result.msg == f"{secret} cannot be read: Permission denied."


@pytest.mark.parametrize("there", [[], ["files"], ["files", "files/docs"]])
def test_a_download_that_fails_leaves_no_empty_folder(
    registry: FakeRegistry, pull: t.Callable[..., Result], tmp_path: Path, there: list[str]
) -> None:
    artifacts.artifact(registry, "1", artifacts.file(registry, "docs/more/a", b"a"), artifacts.file(registry, "docs/b", b"b"))
    for name in there:
        (tmp_path / name).mkdir()
    registry.on("get_blob", times=None).flip()
    assert not pull(retries=0).failure("digest_mismatch").changed
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == there
