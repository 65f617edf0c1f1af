# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that takes the place of another one is open to the same users: an access list stays, and none is added."""

from __future__ import annotations

import os
import stat
import struct
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import artifacts
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_OWNER, _USER, _GROUP, _MASK, _OTHERS, _NOBODY = 1, 2, 4, 16, 32, 0xFFFFFFFF


def _one_user_may_read() -> bytes:
    """Return the list with which the owner may read and write, the user 1234 may read, and the group may nothing."""
    entries = [(_OWNER, 6, _NOBODY), (_USER, 4, 1234), (_GROUP, 0, _NOBODY), (_MASK, 4, _NOBODY), (_OTHERS, 0, _NOBODY)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def _login(_registry: FakeRegistry, run_module: RunModule, path: Path) -> None:
    path.write_text("{}", encoding="ascii")
    given = {"username": "robot", "password": "c4nary-password", "check_credentials": False}
    _prepare(path)
    assert run_module("registry_login", {**given, "registry": "reg.example", "auth_file": str(path)}).ok().changed


def _pull_artifact(registry: FakeRegistry, run_module: RunModule, path: Path) -> None:
    artifacts.artifact(registry, "1", artifacts.file(registry, path.name))
    path.write_text("mine", encoding="ascii")
    _prepare(path)
    assert run_module("registry_artifact_pull", registry.args(name="app:1", dest=str(path.parent))).ok().changed


def _pull_archive(registry: FakeRegistry, run_module: RunModule, path: Path) -> None:
    args = registry.args(name="app:1", path=str(path), format="oci-archive")
    registry.add_image("app", "1")
    run_module("registry_pull", args).ok()
    registry.add_image("app", "1", seed="another one")
    _prepare(path)
    assert run_module("registry_pull", args).ok().changed


def _prepare(path: Path) -> None:
    path.chmod(0o600)
    if path.parent.name == "listed":
        os.setxattr(path, ACCESS, _one_user_may_read())
    else:
        os.setxattr(path.parent, DEFAULT, _one_user_may_read())
        path.chmod(0o640)


@pytest.fixture(params=[_login, _pull_artifact, _pull_archive])
def replace(request: pytest.FixtureRequest, registry: FakeRegistry, run_module: RunModule) -> t.Callable[[Path], None]:
    """Have a task replace the file at a path."""

    def run(path: Path) -> None:
        path.parent.mkdir()
        request.param(registry, run_module, path)

    return run


def test_t74_a_file_keeps_its_access_list_and_its_group_gets_no_more(replace: t.Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "listed" / "file"
    replace(path)
    assert os.getxattr(path, ACCESS) == _one_user_may_read()


def test_t74_a_file_without_an_access_list_gets_none_from_its_folder(replace: t.Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "plain" / "file"
    replace(path)
    assert ACCESS not in os.listxattr(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("mode", [None, "u=rwX,go=rX"])
def test_t74_a_program_in_a_folder_can_be_executed_beside_its_access_list(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, mode: str | None
) -> None:
    for name, content, number in (("packed", "new", 0o755), ("files", "old", 0o600)):
        path = tmp_path / name / "d" / "run"
        path.parent.mkdir(parents=True)
        path.write_text(content, encoding="ascii")
        path.chmod(number)
    os.setxattr(path, ACCESS, _one_user_may_read())
    run_module("registry_artifact", registry.args(name="app:1", files=[str(tmp_path / "packed" / "d")])).ok()
    args = registry.args(name="app:1", dest=str(tmp_path / "files"), mode=mode)
    assert run_module("registry_artifact_pull", args).ok().changed
    assert path.stat().st_mode & 0o100
    assert struct.pack("<HHI", _USER, 4, 1234) in os.getxattr(path, ACCESS)
    again = run_module("registry_artifact_pull", args).ok()
    assert (again.changed, again["downloaded_bytes"]) == (False, 0)
