# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_extract: members of layers that are odd or that no system takes, and odd things that are in the way."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.filesystems import file, folder, gone, hard, layer, link, tree
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, Result, RunModule, plugin, run_module
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import killed_before_each_change
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import header, member, pax_record
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Extract = t.Callable[..., Result]


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    """The folder to extract to."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def extract(registry: FakeRegistry, run_module: RunModule, dest: Path) -> Extract:
    """Extract all of app:1, which has the layer."""

    def run(raw: bytes | None = None, **options: t.Any) -> Result:
        if raw is not None:
            registry.add_image("app", "1", [raw])
        return run_module("registry_extract", registry.args(**{"name": "app:1", "dest": str(dest), "paths": ["/"], **options}))

    return run


@pytest.mark.parametrize(
    ("raw", "expected", "skipped"),
    [
        (member(b"a", b"1", b"7"), {"a": "0644 1"}, []),
        (header(b"l", 0, b"2", b""), {}, ["/l"]),
        (layer(hard("h", ".wh.x"), file(".wh.x")), {}, ["/h"]),
        (layer(hard("h", "h")), {}, ["/h"]),
        (layer(link("l", "/etc/passwd"), hard("h", "l")), {"h": "-> etc/passwd", "l": "-> etc/passwd"}, []),
        (member(b"x", pax_record(b"comment", b"1") + pax_record(b"mtime", b"1"), b"g") + member(b"a", b"1"), {"a": "0644 1"}, []),
        (member(b"././@LongLink", b"n" * 200 + b"\0", b"L") + member(b"short", b"1"), {"n" * 200: "0644 1"}, []),
        (member(b"././@LongLink", b"../" * 100 + b"x\0", b"K") + header(b"l", 0, b"2", b"short"), {"l": "-> x"}, []),
        (header(b"a", b"\x80" + (3).to_bytes(11, "big")) + b"abc" + bytes(509), {"a": "0644 abc"}, []),
        (member(b"x", pax_record(b"size", b"3"), b"x") + header(b"a", 0) + b"abc" + bytes(509), {"a": "0644 abc"}, []),
        (header(b"l", 512, b"2", b"a") + member(b"a", b"1"), {"a": "0644 1", "l": "-> a"}, []),
        *((header(b"n", 512, kind) + member(b"a", b"1"), {"a": "0644 1"}, ["/n"]) for kind in (b"3", b"4", b"6")),
        (header(b"d", 512, b"5") + member(b"a", b"1"), {"a": "0644 1", "d": "0644 /"}, []),
        (header(b"h", 512, b"1", b"a") + member(b"a", b"1") + header(b"b", 9, b"1", b"a"), dict.fromkeys("abh", "0644 1"), []),
        (header(b"d/", 512, b"\0") + member(b"a", b"1"), {"a": "0644 1", "d": "0644 /"}, []),
        (member(b"d/", b"content") + member(b"a", b"1"), {"a": "0644 1", "d": "0644 /"}, []),
        (header(b"a", magic=b"ustar  \0", prefix=b"d/sub"), {"d": "0755 /", "d/sub": "0755 /", "d/sub/a": "0644 "}, []),
        (header(b"a", magic=b"ustar  \0", prefix=b"00000000000\0" * 2), {"a": "0644 "}, []),
    ],
)
def test_t73_odd_members_are_what_tar_takes_them_for(
    extract: Extract, dest: Path, raw: bytes, expected: dict[str, str], skipped: list[str]
) -> None:
    result = extract(raw + bytes(1024)).ok()
    assert tree(dest) == expected
    assert [entry["path"] for entry in result["skipped_files"]] == skipped
    assert not extract().ok().changed


OLD_SPARSE = (
    header(b"sp", 3, b"S", magic=b"ustar  \0", prefix=bytes(137) + b"\1") + (bytes(504) + b"\1" + bytes(7)) + bytes(512) + bytes(512)
)
PAX_SPARSE = member(
    b"x", pax_record(b"GNU.sparse.major", b"1") + pax_record(b"GNU.sparse.name", b"sp") + pax_record(b"path", b"GNUSparse.0/sp"), b"x"
) + member(b"short", b"1\n0\n1\n")


@pytest.mark.parametrize("sparse", [OLD_SPARSE, PAX_SPARSE], ids=["old", "pax"])
def test_a_sparse_file_is_refused_only_where_it_is_wanted(registry: FakeRegistry, extract: Extract, dest: Path, sparse: bytes) -> None:
    raw = member(b"a", b"1") + sparse + member(b"b", b"2") + bytes(1024)
    extract(raw, paths=["/a", "/b"]).ok()
    assert tree(dest) == {"a": "0644 1", "b": "0644 2"}
    for path in ("/", "/sp", "/s*"):
        assert "'sp' is a sparse file" in extract(raw, paths=[path]).failure("invalid_source").msg
    for above in (gone("sp"), file("sp", "3")):
        registry.add_image("app", "1", [raw, layer(above)])
        extract().ok()
    assert tree(dest) == {"a": "0644 1", "b": "0644 2", "sp": "0644 3"}


def test_what_aufs_keeps_for_itself_is_not_extracted(extract: Extract, dest: Path) -> None:
    members = [
        *(folder("d"), file("d/x", "1"), folder(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", "2"), folder(".wh..wh.orph")),
        *(file(".wh..wh.aufs"), file("d/.wh.gone/y", "no"), hard("h", ".wh..wh.plnk/1.2"), link("d/l", "/.wh..wh.plnk/1.2")),
    ]
    extract(layer(*members)).ok()
    assert tree(dest) == {"d": "0755 /", "d/x": "0644 1", "d/l": "0644 2", "h": "0644 2"}
    extract(layer(*members), paths=["/*", "/*/*"]).ok()
    assert tree(dest) == {"d": "0755 /", "d/x": "0644 1", "d/l": "0644 2", "h": "0644 2"}
    for path in ("/.wh..wh.plnk/1.2", "/.wh.*", "/d/.wh.gone"):
        extract(paths=[path]).failure("not_found")


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (header(b"a", b"\x80" + (1 << 70).to_bytes(11, "big")), "invalid_source"),
        (header(b"a", b"-0000000100\0"), "invalid_source"),
        (member(b"x", pax_record(b"size", b"-3"), b"x") + member(b"a", b"1"), "invalid_source"),
        (member(b"x", pax_record(b"path", b"../x"), b"g") + member(b"a", b"1"), "invalid_source"),
        (member(b"x", pax_record(b"size", b"3"), b"g") + member(b"a", b"1"), "invalid_source"),
        (member(b"a", b"1", b"S"), "invalid_source"),
        (member(b"x", pax_record(b"path", b"p" * 256), b"x") + member(b"a", b"1"), "limit"),
        (member(b"x", pax_record(b"path", "é".encode() * 128), b"x") + member(b"a", b"1"), "limit"),
    ],
)
def test_t73_members_that_no_system_takes_write_nothing(extract: Extract, dest: Path, raw: bytes, kind: str) -> None:
    extract(raw + bytes(1024)).failure(kind)
    assert list(dest.iterdir()) == []


@pytest.mark.parametrize("filling", [0, 1, 511])
def test_a_layer_without_its_end_is_read_as_engines_do(extract: Extract, dest: Path, filling: int) -> None:
    raw = member(b"a", b"1") + member(b"b", b"2")  # as umoci insert writes it
    extract(raw[: len(raw) - 511 + filling]).ok()
    assert tree(dest) == {"a": "0644 1", "b": "0644 2"}
    assert "is truncated" in extract(raw[:-512]).failure("invalid_source").msg


@pytest.mark.parametrize("uid", [b"99999999999999", b"4294967295"])
def test_t73_owners_that_no_system_has_are_refused_where_they_are_wanted(extract: Extract, dest: Path, uid: bytes) -> None:
    raw = member(b"x", pax_record(b"uid", uid), b"x") + member(b"a", b"1") + bytes(1024)
    extract(raw, keep_ownership=True).failure("invalid_option" if os.geteuid() else "invalid_source")
    assert list(dest.iterdir()) == []
    extract().ok()
    assert tree(dest) == {"a": "0644 1"}


def test_t73_no_pipe_or_device_of_the_host_is_replaced(extract: Extract, dest: Path) -> None:
    os.mkfifo(dest / "a")
    assert "a device, a pipe or a socket" in extract(layer(file("a", "1"))).failure("local_io").msg
    assert (dest / "a").is_fifo()


@pytest.mark.parametrize(
    ("name", "path", "place"),
    [
        ("file", "/a", "file"),
        ("file/", "/a", None),
        ("file", "/d", None),
        ("link", "/a", "file"),
        ("link/", "/a", None),
        ("folder", "/a", "folder/a"),
        ("folder/", "/d", "folder/d/x"),
        ("way", "/a", "folder/a"),
        ("way/", "/a", "folder/a"),
        ("lost", "/a", "nowhere"),
        ("lost/", "/d", "nowhere/d/x"),
        ("new", "/a", "new"),
        ("new/", "/a", "new/a"),
        ("new", "/d", "new/d/x"),
        ("new/deep", "/a", None),
        ("pipe", "/a", None),
    ],
)
def test_dest_is_a_file_or_a_folder_also_behind_a_link(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, name: str, path: str, place: str | None
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    os.mkfifo(tmp_path / "pipe")
    for link_name, target in (("link", "file"), ("way", "folder"), ("lost", "nowhere")):
        (tmp_path / link_name).symlink_to(target)
    before = sorted(tmp_path.rglob("*"))
    registry.add_image("app", "1", [layer(file("a", "new"), file("d/x", "new"))])
    args = registry.args(name="app:1", dest=f"{tmp_path}/{name}", paths=[path])
    result = run_module("registry_extract", args)
    if place is None:
        result.failure("local_io")
        assert sorted(tmp_path.rglob("*")) == before
        assert (tmp_path / "file").read_bytes() == b"old"
        return
    assert [entry["path"] for entry in result.ok()["files"]] == [str(tmp_path / place)]
    assert (tmp_path / place).read_bytes() == b"new"
    assert not run_module("registry_extract", args).ok().changed


def test_t73_a_task_that_is_killed_before_any_change_leaves_each_file_old_or_new(
    registry: FakeRegistry, start_module: t.Callable[..., Process], tmp_path: Path
) -> None:
    registry.add_image("app", "1", [layer(folder("d", 0o755), file("d/a", "new"), file("b", "new"), link("l", "d/a"))])
    wanted = {"d": "0755 /", "d/a": "0644 new", "b": "0644 new", "l": "-> d/a"}

    def prepare(dest: Path) -> dict[str, t.Any]:
        (dest / "b").write_text("old", encoding="ascii")
        return registry.args(name="app:1", dest=str(dest), paths=["/"])

    for dest, args in killed_before_each_change(start_module, "registry_extract", prepare, tmp_path, least=7):
        found = {name: what for name, what in tree(dest).items() if not name.startswith(".ocitools")}
        assert found.pop("b") in ("0644 old", "0644 new")
        assert found.keys() <= wanted.keys()
        assert {name: what for name, what in found.items() if name != "d"}.items() <= wanted.items()
        run_module("registry_extract", args, False, False, tmp_path).ok()
        assert tree(dest) == wanted
        assert sorted(os.listdir(dest)) == [".ocitools-extract.json", "b", "d", "l"]


def test_of_many_paths_that_are_missing_a_message_tells_how_many_more_there_are(extract: Extract) -> None:
    failed = extract(layer(file("a", "1")), paths=[f"/none/{number:02}" for number in range(25)]).failure("not_found")
    assert failed.msg.endswith(":1 has no " + ", ".join(f"/none/{number:02}" for number in range(20)) + " and 5 more.")


@pytest.mark.parametrize("keeps_ownership", [True, False])
def test_links_belong_to_the_owner_as_files_do(extract: Extract, dest: Path, keeps_ownership: bool) -> None:
    owner = 0 if os.geteuid() else 1234
    options = {"owner": str(owner or os.geteuid()), "keep_ownership": keeps_ownership and not os.geteuid()}
    extract(layer(file("a", "1"), link("l", "a")), **options).ok()
    assert [(dest / name).lstat().st_uid for name in ("a", "l")] == [owner or os.geteuid()] * 2
    assert not extract(**options).ok().changed


def test_what_would_go_to_another_file_system_is_told_before_anything_is_written(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1", [layer(file("proc/ocitools/test", "1"))])
    args = registry.args(name="app:1", dest="/", paths=["/proc/ocitools"])
    assert "/proc is on another file system" in run_module("registry_extract", args, check=True).failure("local_io").msg


def test_two_tasks_at_a_time_do_not_take_each_others_files_for_leftovers(
    extract: Extract, dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = plugin("module_utils._local.staging")
    lock = fcntl.flock
    begun: list[int] = []

    def another_one_begins(descriptor: int, operation: int) -> None:
        if not begun:
            begun.append(descriptor)
            with contextlib.closing(plugin("module_utils._local.disk").Folder(os.open(dest, os.O_RDONLY), str(dest))) as folder:
                staging.Staging(folder, "extract").close()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", another_one_begins)
    extract(layer(file("a", "1"))).ok()
    assert tree(dest) == {"a": "0644 1"}


@pytest.mark.parametrize("fault", ["in the way", "locked"])
def test_a_record_that_cannot_be_written_is_no_failure(extract: Extract, dest: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(plugin("module_utils._local.extraction_record"), "_PATIENCE", 0)
    if fault == "in the way":  # in a shared folder such as /tmp, so is one of another user
        (dest / ".ocitools-extract.json" / "sub").mkdir(parents=True)
    with contextlib.closing(plugin("module_utils._local.disk").Folder(os.open(dest, os.O_RDONLY), "")) as folder:
        if fault == "locked":
            fcntl.flock(folder.descriptor, fcntl.LOCK_EX)
        result = extract(layer(file("a", "1"))).ok()
    assert result.changed
    assert (dest / "a").read_bytes() == b"1"
    assert [text for text in result.warnings if "record of the extracted files was not written" in text] == result.warnings != []
    assert not extract().ok().changed


def test_a_record_that_is_full_forgets_what_was_written_longest_ago(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin("module_utils._local.extraction_record"), "_MOST", 2000)
    registry.add_image("app", "1", [layer(*(file(f"v{number}/{name}", "x") for number in range(3) for name in "abcde"))])
    args = [registry.args(name="app:1", dest=f"{tmp_path}/out/", paths=[f"/v{number}"]) for number in range(3)]
    for options in args:
        run_module("registry_extract", options).ok()
        assert run_module("registry_extract", options).ok()["downloaded_bytes"] == 0
    assert run_module("registry_extract", args[0]).ok()["downloaded_bytes"] > 0


def test_what_a_host_of_another_kind_has_extracted_counts_for_nothing(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add_index("multi", "1", platforms=["linux/amd64", "linux/arm64"])
    args = registry.args(name="multi:1", dest=f"{tmp_path}/out/", paths=["/"])
    found = set()
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    for machine in ("x86_64", "aarch64"):
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        assert run_module("registry_extract", args).ok().changed
        assert not run_module("registry_extract", args).ok().changed
        found.add((tmp_path / "out" / "file.txt").read_bytes())
    assert len(found) == 2
