# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_extract: modes in symbols, and for a user who is not root files and folders that not even their owner may read."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.filesystems import Member, file, folder, layer, link, tree
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, start_module
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

ANOTHER = 65534
AsUser = t.Callable[..., Result]


@pytest.mark.parametrize(
    ("stated", "there", "expected"),
    [
        ("g=o,o=u", 0o740, 0o707),
        ("o=g,g=", 0o755, 0o705),
        ("u=rw,go=r", 0o755, 0o644),
        ("a-x", 0o777, 0o666),
        ("g+w", 0o4755, 0o775),
    ],
)
def test_a_mode_in_symbols_is_applied_once_to_that_of_the_image(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, stated: str, there: int, expected: int
) -> None:
    registry.add_image("app", "1", [layer(file("a", "1", there))])
    args = registry.args(name="app:1", dest=f"{tmp_path}/a", paths=["/a"], mode=stated)
    assert run_module("registry_extract", args).ok()["files"][0]["mode"] == f"{expected:04o}"
    for spoil in (None, 0o600, 0o777):
        if spoil is not None:
            (tmp_path / "a").chmod(spoil)
        assert run_module("registry_extract", args).ok().changed is (spoil is not None)
        assert tree(tmp_path) == {"a": f"{expected:04o} 1"}


@pytest.mark.parametrize(("stated", "expected"), [("u=rw,go=r", 0o755), ("u=rw,g=r,o=", 0o750), ("a-x", 0o755), ("u=rwX,go=", 0o700)])
def test_a_mode_in_symbols_leaves_folders_that_can_be_entered(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, stated: str, expected: int
) -> None:
    registry.add_image("app", "1", [layer(folder("d"), file("d/a", "1"))])
    args = registry.args(name="app:1", dest=f"{tmp_path}/out/", paths=["/d"], mode=stated)
    run_module("registry_extract", args).ok()
    assert stat.S_IMODE((tmp_path / "out" / "d").stat().st_mode) == expected
    assert not run_module("registry_extract", args).ok().changed


def _fail(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("call", ["fchown", "fchmod"])
def test_a_new_folder_whose_attributes_fail_is_not_taken_for_a_complete_one(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    registry.add_image("app", "1", [layer(folder("d"))])
    args = registry.args(name="app:1", dest=f"{tmp_path}/out/", paths=["/d"])
    with monkeypatch.context() as patch:
        patch.setattr(os, call, _fail)
        failure = run_module("registry_extract", args).failure("local_io")
    assert (failure.changed, list((tmp_path / "out").iterdir())) == (False, [])
    assert run_module("registry_extract", args).ok().changed
    assert stat.S_IMODE((tmp_path / "out" / "d").stat().st_mode) == 0o755


def test_a_disk_without_symbolic_links_is_told(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add_image("app", "1", [layer(file("d/a", "1"), link("d/l", "a"))])
    monkeypatch.setattr(os, "symlink", _fail)
    failure = run_module("registry_extract", registry.args(name="app:1", dest=f"{tmp_path}/out/", paths=["/d"])).failure("local_io")
    assert f"Writing {tmp_path}/out/d/l failed: Operation not permitted;" in failure.msg
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_gets_its_attributes_when_all_is_in_it(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    really = fcntl.ioctl

    def ioctl(file: int, call: int, data: t.Any = 0) -> t.Any:
        if call & 0xFFFF == ord("f") << 8 | 2:
            order.append(os.readlink(f"/proc/self/fd/{file}").removeprefix(f"{tmp_path}/out/"))
        return bytes(8) if call & 0xFF00 == ord("f") << 8 else really(file, call, data)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    registry.add_image("app", "1", [layer(folder("d", 0o555), file("d/a", "1"), folder("d/e"), file("d/e/b", "2"))])
    args = registry.args(name="app:1", dest=f"{tmp_path}/out/", paths=["/d"], attributes="+i")
    run_module("registry_extract", args).ok()
    assert order == ["d/a", "d/e/b", "d/e", "d"]
    assert stat.S_IMODE((tmp_path / "out" / "d").stat().st_mode) == 0o555


# What a user may do who is not root


@pytest.fixture
def home() -> t.Iterator[Path]:
    """A folder of a user who is not root."""
    with tempfile.TemporaryDirectory() as name:
        if not os.geteuid():
            os.chown(name, ANOTHER, ANOTHER)
        yield Path(name)
        _look(Path(name), keeps=False)


@pytest.fixture
def as_user(registry: FakeRegistry, home: Path) -> AsUser:
    """Extract all of an image with this layer, as a user who is not root."""

    def run(*members: Member, check: bool = False, **options: t.Any) -> Result:
        if members:
            registry.add_image("app", "1", [layer(*members)])
        registry.clear()
        args = registry.args(**{"name": "app:1", "dest": f"{home}/out/", "paths": ["/"], "use_auth_file": False, **options})
        env = {} if os.geteuid() else {"AS_USER": str(ANOTHER)}
        return start_module("registry_extract", args, home, check=check, env=env).wait()

    return run


def _look(place: Path, keeps: bool = True) -> dict[str, str]:
    """What lies below a folder, as in ``tree``, whatever its modes."""
    found = {}
    for below in sorted(place.iterdir()):
        mode = stat.S_IMODE(below.lstat().st_mode)
        if below.is_symlink():
            found[below.name] = f"-> {os.readlink(below)}"
            continue
        below.chmod(0o700)
        if below.is_dir():
            found.update({below.name: f"{mode:04o} /", **{f"{below.name}/{name}": what for name, what in _look(below, keeps).items()}})
        elif not below.name.startswith(".ocitools"):
            found[below.name] = f"{mode:04o} {below.read_text(encoding='ascii')}"
        if keeps:
            below.chmod(mode)
    return found


@pytest.mark.parametrize("mode", [0o000, 0o4111])
def test_a_file_that_its_owner_may_not_read(as_user: AsUser, registry: FakeRegistry, home: Path, mode: int) -> None:
    shown = f"{mode & 0o777:04o}"
    members = [folder("etc"), file("etc/open", "1")]
    assert as_user(*members, file("etc/shadow", "old", mode)).ok().changed
    assert not as_user().ok().changed
    assert registry.log() == ["HEAD /v2/app/manifests/1"]
    assert as_user(*members, file("etc/shadow", "new", mode), check=True).ok().changed
    assert as_user().ok().changed
    assert _look(home / "out") == {"etc": "0755 /", "etc/open": "0644 1", "etc/shadow": f"{shown} new"}
    assert not as_user().ok().changed
    (home / "out" / "etc" / "open").chmod(0o600)
    assert [entry["source"] for entry in as_user().ok()["files"] if entry["changed"]] == ["/etc/open"]
    (home / "out" / ".ocitools-extract.json").unlink()
    assert [entry["source"] for entry in as_user().ok()["files"] if entry["changed"]] == ["/etc/shadow"]
    assert not as_user().ok().changed


@pytest.mark.parametrize("mode", [0o555, 0o311, 0o400, 0o000])
def test_folders_that_their_owner_may_not_write_or_enter(as_user: AsUser, home: Path, mode: int) -> None:
    first = [folder("etc"), folder("etc/p", mode), file("etc/p/z", "1"), file("etc/p/same", "s"), folder("etc/p/q", mode)]
    assert as_user(*first).ok().changed
    assert not as_user().ok().changed
    second = [*first, file("etc/p/z", "2"), file("etc/p/n", "3"), file("etc/p/q/x", "4"), link("etc/p/q/l", "x"), folder("etc/p/r", mode)]
    wanted = {"etc": "0755 /", "etc/p": f"{mode:04o} /", "etc/p/n": "0644 3", "etc/p/q": f"{mode:04o} /", "etc/p/q/l": "-> x"}
    wanted.update({"etc/p/q/x": "0644 4", "etc/p/r": f"{mode:04o} /", "etc/p/same": "0644 s", "etc/p/z": "0644 2"})
    predicted = as_user(*second, check=True).ok()
    assert _look(home / "out") == {
        name: {"etc/p/z": "0644 1"}.get(name, what) for name, what in wanted.items() if name[6:] not in ("n", "q/l", "q/x", "r")
    }
    real = as_user().ok()
    assert real["files"] == predicted["files"]
    assert _look(home / "out") == wanted
    assert not as_user().ok().changed


def test_a_file_in_a_folder_that_its_owner_may_not_write_is_put_right(as_user: AsUser, home: Path) -> None:
    as_user(folder("p", 0o555), file("p/z", "1")).ok()
    (home / "out" / "p").chmod(0o755)
    (home / "out" / "p" / "z").unlink()
    (home / "out" / "p").chmod(0o555)
    assert as_user().ok().changed
    assert _look(home / "out") == {"p": "0555 /", "p/z": "0644 1"}


def test_what_is_in_the_way_where_the_user_may_not_look(as_user: AsUser, home: Path) -> None:
    as_user(folder("p", 0o000), folder("p/z"), file("p/z/x", "1")).ok()
    assert "p/z is a directory, but /p/z" in as_user(folder("p", 0o000), file("p/z", "2")).failure("local_io").msg
    assert _look(home / "out") == {"p": "0000 /", "p/z": "0755 /", "p/z/x": "0644 1"}
