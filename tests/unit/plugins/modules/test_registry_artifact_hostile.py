# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts that want to write elsewhere, or more than anybody wants: refused, with nothing written outside of the folder."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import artifacts, tars
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Pull = t.Callable[..., Result]


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    """The folder, with something beside it that nobody may write to."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    (tmp_path / "dest").mkdir()
    return tmp_path / "dest"


@pytest.fixture
def pull(registry: FakeRegistry, run_module: RunModule, dest: Path) -> t.Iterator[Pull]:
    """Pull ``app:1``; afterwards nothing may have changed outside."""

    def run(**options: t.Any) -> Result:
        return run_module("registry_artifact_pull", registry.args(name="app:1", dest=str(dest), **options))

    yield run
    assert sorted(os.listdir(dest.parent)) == ["dest", "outside"]
    assert os.listdir(dest.parent / "outside") == ["secret"]
    assert (dest.parent / "outside" / "secret").read_bytes() == b"secret"


@pytest.mark.parametrize(
    "title",
    [
        "/tmp/x",
        "../outside/secret",
        "a/../../outside/secret",
        ".",
        "./",
        "..",
        "./..",
        "./../x",
        "/.",
        "/./x",
        "a/",
        "a//b",
        "x\n",
        "\x1b[2J",
        "x" * 300,
    ],
)
def test_t71_titles_that_lead_elsewhere_are_refused(registry: FakeRegistry, pull: Pull, dest: Path, title: str) -> None:
    artifacts.artifact(registry, "1", artifacts.file(registry, "good"), artifacts.file(registry, title, b"bad"))
    result = pull().failure("invalid_response")
    assert "\x1b" not in result.msg
    assert os.listdir(dest) == []


def test_t71_two_files_for_one_place_are_refused(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    for titles in (("a", "a"), ("a", "a/b")):
        artifacts.artifact(registry, "1", *(artifacts.file(registry, title, str(number).encode()) for number, title in enumerate(titles)))
        pull().failure("invalid_response")
    assert os.listdir(dest) == []


def test_t71_no_link_below_the_folder_is_followed(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    artifacts.artifact(registry, "1", artifacts.file(registry, "sub/secret"), artifacts.file(registry, "link"))
    (dest / "sub").symlink_to(dest.parent / "outside")
    pull().failure("local_io")
    (dest / "sub").unlink()
    (dest / "link").symlink_to(dest.parent / "outside" / "secret")
    pull().ok()
    assert not (dest / "link").is_symlink()
    assert (dest / "link").read_bytes() == b"text"


def test_t71_no_pipe_or_device_of_the_host_is_replaced(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    tar = tars.tar_bytes([("d/a", b"1"), ("d/l", tars.Link("a"))])
    artifacts.artifact(registry, "1", artifacts.file(registry, "a"), artifacts.folder(registry, "d", tar))
    (dest / "d").mkdir()
    for name in ("a", "d/a", "d/l"):
        os.mkfifo(dest / name)
        assert "a device, a pipe or a socket" in pull().failure("local_io").msg
        assert (dest / name).is_fifo()
        (dest / name).unlink()


@pytest.mark.parametrize("name", ["a", "d/a", "d/l"])
def test_a_folder_in_the_way_is_told_before_anything_is_written(registry: FakeRegistry, pull: Pull, dest: Path, name: str) -> None:
    tar = tars.tar_bytes([("d/a", b"1"), ("d/l", tars.Link("a"))])
    artifacts.artifact(registry, "1", artifacts.file(registry, "a"), artifacts.folder(registry, "d", tar))
    (dest / name).mkdir(parents=True)
    before = sorted(dest.rglob("*"))
    assert f"{dest / name} is a folder, but has to be a " in pull().failure("local_io").msg
    assert sorted(dest.rglob("*")) == before


def test_t71_a_layer_that_is_longer_or_other_than_stated_is_never_put_there(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    for fault in ("size", "content"):
        layer = artifacts.file(registry, "a", b"x" * 5000)
        if fault == "size":
            layer["size"] = 10
        else:
            registry.store.get("app").blobs[layer["digest"]] = registry.store.new_blob(b"y" * 5000)
        artifacts.artifact(registry, "1", layer)
        pull(retries=0).failure("digest_mismatch")
        assert os.listdir(dest) == []


_BAD: dict[str, list[tuple[str, bytes | tars.Link]]] = {
    "a path in full": [("/d/x", b"bad")],
    "a way up": [("d/../../outside/secret", b"bad")],
    "beside the folder": [("other/x", b"bad")],
    "the folder is a link": [("d", tars.Link("/etc"))],
    "the folder is a file": [("d", b"bad")],
    "a link in full": [("d/a", tars.Link("/etc/passwd"))],
    "a link out": [("d/a", tars.Link("../../outside"))],
    "a link out through a link": [("d/x/up", tars.Link("..")), ("d/out", tars.Link("x/up/../../outside"))],
    "a file through a link": [("d/a", tars.Link("b")), ("d/a/x", b"bad")],
    "a hard link out": [("d/a", tars.Link("/etc/passwd", hard=True))],
    "a hard link to nothing": [("d/a", tars.Link("d/none", hard=True))],
    "a name twice": [("d/a", b"1"), ("d/a", b"2")],
    "a name that is not UTF-8": [("d/\udcff", b"bad")],
}


@pytest.mark.parametrize("fault", list(_BAD))
def test_t72_archives_that_lead_out_of_their_folder_are_refused(registry: FakeRegistry, pull: Pull, dest: Path, fault: str) -> None:
    tar = tars.tar_bytes([("d/good", b"good"), *_BAD[fault]] if not fault.startswith("the folder") else _BAD[fault])
    artifacts.artifact(registry, "1", artifacts.folder(registry, "d", tar))
    result = pull().failure("invalid_source")
    assert "\x1b" not in result.msg
    assert os.listdir(dest) == []


@pytest.mark.parametrize(
    "member",
    [
        ("/x", b"bad"),
        ("..", b"bad"),
        ("../outside/secret", b"bad"),
        ("sub/../../outside/secret", b"bad"),
        (".", tars.Link("/etc")),
        (".", b"bad"),
        ("/", tars.Link("/etc")),
        ("a", tars.Link("/etc/passwd")),
        ("a", tars.Link("../outside")),
        ("sub/a", tars.Link("../../outside")),
        ("a", tars.Link("../outside/secret", hard=True)),
    ],
)
def test_t72_nor_out_of_the_whole_folder(registry: FakeRegistry, pull: Pull, dest: Path, member: tuple[str, bytes | tars.Link]) -> None:
    artifacts.artifact(registry, "1", artifacts.folder(registry, ".", tars.tar_bytes([("good", b"good"), member])))
    pull().failure("invalid_source")
    assert os.listdir(dest) == []


@pytest.mark.parametrize("kind", [b"3", b"4", b"6", b"S", b"7"])
def test_t72_devices_pipes_and_sparse_files_are_refused(registry: FakeRegistry, pull: Pull, dest: Path, kind: bytes) -> None:
    artifacts.artifact(registry, "1", artifacts.folder(registry, "d", tars.header(b"d/x", 0, kind) + bytes(1024)))
    pull().failure("invalid_source")
    assert os.listdir(dest) == []


def test_t72_no_bit_that_lets_a_file_run_as_its_owner_is_set(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    member = bytearray(tars.header(b"d/x", 0))
    member[100:108] = b"0006777\0"
    member[148:156] = b" " * 8
    member[148:156] = b"%06o\0 " % sum(member)
    artifacts.artifact(registry, "1", artifacts.folder(registry, "d", bytes(member) + bytes(1024)))
    pull().ok()
    assert (dest / "d" / "x").stat().st_mode & 0o7000 == 0
    assert os.access(dest / "d" / "x", os.X_OK)


def test_t72_an_archive_that_is_not_what_is_stated_is_refused(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    tar = tars.tar_bytes([("d/x", b"x")])
    artifacts.artifact(registry, "1", artifacts.folder(registry, "d", tar, digest=f"sha256:{'0' * 64}"))
    pull().failure("digest_mismatch")
    artifacts.artifact(registry, "1", artifacts.folder(registry, "d", tar[:600]))
    pull().failure("invalid_source")
    odd = artifacts.file(registry, "d", b"no archive")
    odd["annotations"]["io.deis.oras.content.unpack"] = "true"
    artifacts.artifact(registry, "1", odd)
    pull().failure("unsupported")
    assert os.listdir(dest) == []


def test_t72_a_size_that_is_none_ends_the_task(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    for size in (b"\xff" * 12, b"-0000000100\0"):
        artifacts.artifact(registry, "1", artifacts.folder(registry, "d", tars.header(b"d/x", size) + bytes(1024)))
        pull().failure("invalid_source")
    assert os.listdir(dest) == []


def test_a_folder_of_zeros_is_compared_and_then_written(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin("module_utils._local.compression"), "FREE", 1 << 20)
    size = 8 << 20
    artifacts.artifact(registry, "1", artifacts.folder(registry, "d", tars.tar_bytes([("d/disk", bytes(size))])))
    path = tmp_path / "files" / "d" / "disk"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(size - 1) + b"1")
    assert run_module("registry_artifact_pull", registry.args(name="app:1", dest=str(tmp_path / "files"))).ok().changed
    assert path.read_bytes() == bytes(size)
