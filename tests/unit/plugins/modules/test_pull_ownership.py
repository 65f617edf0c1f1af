# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_pull in folders of other users: nothing elsewhere gets an owner or a mode, and nothing is written elsewhere."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._local import open_path
from ansible_collections.ocitools.registry.plugins.module_utils._tasks.module import RegistryModule
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import content_of, put
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

FORMATS = ["oci-layout", "oci-archive", "docker-archive"]
STRANGER = 54321
IMAGE = images.image()
Pull = t.Callable[..., Result]
GiveAway = t.Callable[..., None]


@pytest.fixture
def pull(registry: FakeRegistry, run_module: RunModule) -> Pull:
    """Pull app:1 to a path."""
    put(registry, "app", "1", IMAGE)

    def run(path: Path, kind: str, check: bool = False, **options: t.Any) -> Result:
        return run_module("registry_pull", registry.args(name="app:1", path=str(path), format=kind, **options), check=check)

    return run


@pytest.fixture
def give_away(monkeypatch: pytest.MonkeyPatch) -> GiveAway:
    """Make files belong to somebody else: root gives them away, any other user is made a stranger to all files."""

    def give(*paths: Path) -> None:
        if os.geteuid() == 0:
            for path in paths:
                os.lchown(path, STRANGER, STRANGER)
        else:
            monkeypatch.setattr(open_path, "trusted_users", lambda: frozenset({STRANGER}))

    return give


def _modes(path: Path) -> dict[str, tuple[int, int, int]]:
    found = {}
    for item in [path, *path.rglob("*")]:
        state = item.lstat()
        found[str(item.relative_to(path))] = (stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid)
    return found


def _swap(registry: FakeRegistry, change: t.Callable[[], object]) -> None:
    """Have something happen on the disk while the first blob is downloaded."""
    pending = [change]

    def act(answer: Answer) -> None:
        if pending:
            pending.pop()()

    registry.on("get_blob").change(act)


@pytest.mark.parametrize("kind", FORMATS)
def test_t59_what_is_put_in_the_place_of_a_folder_gets_no_owner_and_no_mode(
    registry: FakeRegistry, pull: Pull, tmp_path: Path, kind: str
) -> None:
    folder, victim = tmp_path / "folder", tmp_path / "victim"
    name = "app" if kind == "oci-layout" else "app.tar"
    folder.mkdir()
    if kind == "oci-layout":
        images.write_layout(victim / name, IMAGE)
    else:
        images.write_bytes(images.write_files(victim, {}) + f"/{name}", b"secret")
    before = _modes(victim)

    def swap() -> None:
        folder.rename(tmp_path / "moved")
        folder.symlink_to(victim)

    _swap(registry, swap)
    pull(folder / name, kind, mode="0604", owner=str(os.geteuid()), group=str(os.getegid())).ok()
    assert _modes(victim) == before
    moved = tmp_path / "moved" / name
    assert stat.S_IMODE((moved / "index.json" if kind == "oci-layout" else moved).stat().st_mode) == 0o604


def test_t59_what_is_put_in_the_place_of_a_layout_gets_no_owner_and_no_mode(registry: FakeRegistry, pull: Pull, tmp_path: Path) -> None:
    path, victim = tmp_path / "app", tmp_path / "victim"
    images.write_layout(victim, IMAGE)
    path.mkdir()
    before = _modes(victim)

    def swap() -> None:
        path.rename(tmp_path / "moved")
        path.symlink_to(victim)

    _swap(registry, swap)
    pull(path, "oci-layout", mode="u=rwX,g=,o=").ok()
    assert _modes(victim) == before
    assert {mode for mode, _uid, _gid in _modes(tmp_path / "moved").values()} == {0o600, 0o700}


@pytest.mark.parametrize("kind", FORMATS)
def test_t59_no_attribute_is_set_by_a_path(pull: Pull, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def by_path(target: t.Any, *_args: t.Any, **_options: t.Any) -> t.NoReturn:
        raise AssertionError(f"an attribute of the path {target!r} was set")

    for name in ("chmod", "lchmod", "chown", "lchown"):
        monkeypatch.setattr(os, name, by_path, raising=False)
    monkeypatch.setattr(RegistryModule, "set_fs_attributes_if_different", by_path)
    for mode in ("0600", "u=rwX,g=rX,o="):
        assert pull(tmp_path / "app", kind, mode=mode, owner=str(os.geteuid()), group=str(os.getegid())).ok().changed is True
        assert pull(tmp_path / "app", kind, mode=mode, owner=str(os.geteuid()), group=str(os.getegid())).ok().changed is False


# Links that somebody else planted


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("where", ["at the path", "on the way", "in a folder of the task's user that others can write"])
def test_t59_a_link_that_somebody_else_planted_is_not_followed(
    registry: FakeRegistry, pull: Pull, tmp_path: Path, give_away: GiveAway, kind: str, where: str, check: bool
) -> None:
    folder, victim = tmp_path / "folder", tmp_path / "victim"
    folder.mkdir()
    victim.mkdir()
    (victim / "app").mkdir() if kind == "oci-layout" else (victim / "app").write_bytes(b"secret")
    if where == "on the way":
        (folder / "on").symlink_to(victim)
        path, link = folder / "on" / "app", folder / "on"
    else:
        path = link = folder / "app"
        link.symlink_to(victim / "app")
    if where.startswith("in a folder"):
        folder.chmod(0o1777)
        give_away(link)
    else:
        give_away(folder, link)
    before = _modes(victim)
    result = pull(path, kind, check, mode="0604")
    assert result.error["kind"] == "local_io"
    assert f"{link} is a symbolic link of another user" in result.msg
    assert _modes(victim) == before
    assert registry.log() == []


@pytest.mark.parametrize("kind", FORMATS)
def test_a_link_of_the_user_of_the_task_is_followed(pull: Pull, tmp_path: Path, kind: str) -> None:
    real, shared = tmp_path / "real", tmp_path / "shared"
    real.mkdir()
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "on").symlink_to("../real/./")
    (shared / "app").symlink_to("on/../real/app")
    assert pull(shared / "app", kind, mode="0640").ok().changed is True
    assert pull(shared / "app", kind, mode="0640").ok().changed is False
    assert (shared / "app").is_symlink()
    assert os.listdir(real) == ["app"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_folder_of_another_user_can_be_written_to(pull: Pull, tmp_path: Path, give_away: GiveAway, kind: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    give_away(folder)
    assert pull(folder / "app", kind, mode="0640", owner=str(os.geteuid())).ok().changed is True
    assert pull(folder / "app", kind, mode="0640", owner=str(os.geteuid())).ok().changed is False


def test_links_in_a_circle_are_refused(pull: Pull, tmp_path: Path) -> None:
    (tmp_path / "app").symlink_to("app")
    for kind in FORMATS:
        assert "Too many levels" in pull(tmp_path / "app", kind).failure("local_io").msg


def test_t59_a_hard_link_to_a_file_elsewhere_keeps_its_mode(pull: Pull, tmp_path: Path) -> None:
    path = tmp_path / "app"
    pull(path, "oci-layout").ok()
    blob = next((path / "blobs" / "sha256").iterdir())
    os.link(blob, tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").stat().st_mode
    (path / "blobs" / "sha256").chmod(0o777)
    failed = pull(path, "oci-layout", mode="0604").failure("local_io")
    assert "is a hard link in a folder that others can write" in failed.msg
    assert (tmp_path / "elsewhere").stat().st_mode == before
    assert content_of(path) == IMAGE.files


def test_t59_an_archive_is_not_given_to_whoever_put_a_file_in_its_place(pull: Pull, give_away: GiveAway) -> None:
    with tempfile.NamedTemporaryFile(dir="/tmp") as planted:  # a folder of the system that everybody can write
        path = Path(planted.name)
        path.chmod(0o666)
        give_away(path)
        pull(path, "oci-archive").ok()
        state = path.stat()
        assert (state.st_uid, state.st_mode & 0o022) == (os.geteuid(), 0)


@pytest.mark.parametrize("kind", FORMATS[1:])
def test_an_archive_of_the_folders_own_user_stays_theirs(pull: Pull, tmp_path: Path, give_away: GiveAway, kind: str) -> None:
    folder = tmp_path / "folder"
    path = Path(images.write_files(folder, {"app": b"before"})) / "app"
    path.chmod(0o664)
    give_away(folder, path)
    owner = path.stat().st_uid
    pull(path, kind).ok()
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (owner, 0o664)


# SELinux and chattr, as far as they can be tried on every host


@pytest.mark.parametrize("front", ["module"])
def test_t59_the_context_is_set_on_the_open_file(pull: Pull, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels: dict[int, bytes] = {}

    def get(file: int, name: str) -> bytes:
        assert (type(file), name) == (int, "security.selinux")
        return labels.get(os.fstat(file).st_ino, b"system_u:object_r:default_t:s0:c1,c2\0")

    monkeypatch.setattr(os, "getxattr", get)
    monkeypatch.setattr(os, "setxattr", lambda file, name, label: labels.update({os.fstat(file).st_ino: label}))
    monkeypatch.setattr(RegistryModule, "selinux_enabled", lambda module: True)
    monkeypatch.setattr(RegistryModule, "selinux_mls_enabled", lambda module: True)
    monkeypatch.setattr(RegistryModule, "selinux_context", lambda module, path: [""] * 4)  # for what Ansible tells of the path
    monkeypatch.setattr(RegistryModule, "selinux_default_context", lambda module, path, mode=0: [None] * 4)
    for changed in (True, False):
        assert pull(tmp_path / "app.tar", "oci-archive", setype="container_file_t").ok().changed is changed
    assert labels == {(tmp_path / "app.tar").stat().st_ino: b"system_u:object_r:container_file_t:s0:c1,c2\0"}


def test_t59_attributes_are_set_on_the_open_file(pull: Pull, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags: dict[int, bytes] = {}
    really = fcntl.ioctl

    def ioctl(file: int, call: int, data: t.Any = 0) -> t.Any:
        if call & 0xFF00 != ord("f") << 8:
            return really(file, call, data)
        node = os.fstat(file).st_ino
        if os.uname().machine in ("x86_64", "aarch64"):
            assert call in (0x80086601, 0x40086602)  # as linux/fs.h has FS_IOC_GETFLAGS and FS_IOC_SETFLAGS there
        if call & 0xFF == 1:
            return flags.get(node, (0x80000).to_bytes(4, "little") + bytes(len(data) - 4))
        flags[node] = data
        return data

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    for attributes, changed, value in (("+A", True, 0x80080), ("+A", False, 0x80080), ("=d", True, 0x80040), ("-d", True, 0x80000)):
        assert pull(tmp_path / "app.tar", "oci-archive", attributes=attributes).ok().changed is changed
        assert int.from_bytes(flags[(tmp_path / "app.tar").stat().st_ino][:4], "little") == value
    assert "not a file attribute" in pull(tmp_path / "app.tar", "oci-archive", attributes="+Z").msg


def test_the_number_of_an_owner_may_end_with_a_line_break(pull: Pull, tmp_path: Path) -> None:
    owner, group = f"{os.geteuid()}\n", f" {os.getegid()}"
    assert pull(tmp_path / "app", "oci-layout", owner=owner, group=group).ok().changed
