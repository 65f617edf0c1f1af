# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_extract: images that want to write elsewhere, exhaust or lie, folders with traps, and tasks that are killed."""

from __future__ import annotations

import os
import signal
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.filesystems import Member, file, folder, hard, layer, link, tree
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, Result, RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import header, member, pax_record
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Extract = t.Callable[..., Result]


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    """The folder to extract to; beside it is a file that nobody may touch."""
    (tmp_path / "victim").write_text("untouched", encoding="ascii")
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def extract(registry: FakeRegistry, run_module: RunModule, dest: Path) -> t.Iterator[Extract]:
    """Extract all of an image with these layers, which are not compressed; the file beside the folder must stay as it is."""

    def run(*layers: bytes, diff: bool = False, **options: t.Any) -> Result:
        if layers:
            registry.add_image("app", "1", list(layers))
        return run_module(
            "registry_extract", registry.args(**{"name": "app:1", "dest": str(dest), "paths": ["/"], "retries": 0, **options}), diff=diff
        )

    yield run
    assert sorted(place.name for place in dest.parent.iterdir()) == ["out", "victim"]
    assert (dest.parent / "victim").read_text(encoding="ascii") == "untouched"


# Names and links that lead out


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([file("../victim", "x")], {"victim": "0644 x"}),
        ([file("a/../../victim", "x")], {"victim": "0644 x"}),
        ([file("/victim", "x")], {"victim": "0644 x"}),
        ([link("a", ".."), file("a/victim", "x")], {"victim": "0644 x"}),
        ([link("a", "../.."), hard("h", "a/victim")], {}),
        ([hard("h", "../victim")], {}),
        ([link("l", "../victim"), hard("h", "l")], {}),
        ([file(".wh..wh.plnk", "x"), file(".wh.", "x")], {}),
    ],
)
def test_t73_nothing_is_written_outside(extract: Extract, dest: Path, members: list[Member], expected: dict[str, str]) -> None:
    extract(layer(*members)).ok()
    assert {name: what for name, what in tree(dest).items() if not what.startswith("->")} == expected
    for place in dest.rglob("*"):
        assert Path(os.path.realpath(place)).is_relative_to(dest)


def test_t73_a_link_planted_in_an_earlier_layer_leads_nowhere(extract: Extract, dest: Path) -> None:
    extract(layer(link("etc", str(dest.parent))), layer(file("etc/victim", "x"))).ok()
    assert not (dest.parent / "victim").is_symlink()


@pytest.mark.parametrize("trap", ["d", "d/e", "d/e/x"])
def test_t73_links_below_the_folder_are_not_written_through(
    extract: Extract, dest: Path, tmp_path_factory: pytest.TempPathFactory, trap: str
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "x").write_text("mine", encoding="ascii")
    (dest / trap).parent.mkdir(parents=True, exist_ok=True)
    (dest / trap).symlink_to(elsewhere / "x" if trap.endswith("x") else elsewhere)
    result = extract(layer(folder("d"), folder("d/e"), file("d/e/x", "new")))
    if trap.endswith("x"):
        assert (dest / trap).read_bytes() == b"new"
    else:
        result.failure("local_io")
    assert tree(elsewhere) == {"x": "0644 mine"}


def test_t73_what_is_in_the_way_is_told_before_anything_is_written(extract: Extract, dest: Path) -> None:
    (dest / "b" / "x").mkdir(parents=True)
    before = tree(dest)
    assert str(dest / "b" / "x") in extract(layer(file("a"), file("b/x"))).failure("local_io").msg
    assert tree(dest) == before


def test_t73_devices_pipes_and_whatever_else_are_skipped_and_listed(extract: Extract, dest: Path) -> None:
    kinds = {"null": tarfile.CHRTYPE, "disk": tarfile.BLKTYPE, "pipe": tarfile.FIFOTYPE, "odd": b"Z"}
    result = extract(layer(*(Member(name, kind=kind) for name, kind in kinds.items()), hard("h", "null"), file("x"))).ok()
    assert [entry["path"] for entry in result["skipped_files"]] == ["/disk", "/h", "/null", "/odd", "/pipe"]
    assert tree(dest) == {"x": "0644 "}


def test_t73_the_record_cannot_be_written_by_an_image(extract: Extract, dest: Path) -> None:
    for name in (".ocitools-extract.json", f".ocitools-extract-{'0' * 16}.tmp/x", f".ocitools-record-{'0' * 16}.tmp"):
        extract(layer(file(name, "{}"), file("x"))).failure("invalid_option")
        extract(paths=["/x"], dest=str(dest / name.partition("/")[0])).failure("invalid_option")
    assert list(dest.iterdir()) == []


# Layers that lie, exhaust, or are none


def _damaged(*members: bytes) -> bytes:
    return b"".join(members) + bytes(1024)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"no tar at all", "invalid_source"),
        (header(b"a", 1000), "invalid_source"),
        (_damaged(header(b"a", b"\xff" * 12)), "invalid_source"),
        (_damaged(member(b"x", pax_record(b"GNU.sparse.major", b"1"), b"x"), member(b"a", b"1")), "invalid_source"),
        (_damaged(member(b"x", pax_record(b"path", b"a" * 5000), b"x"), member(b"a", b"1")), "limit"),
        (_damaged(member(b"x", pax_record(b"path", b"a/" * 300 + b"b"), b"x"), member(b"a", b"1")), "limit"),
        (_damaged(header(b"a", 2 << 20, b"x")), "limit"),
    ],
)
def test_t73_a_layer_that_is_none_writes_nothing(extract: Extract, dest: Path, raw: bytes, kind: str) -> None:
    extract(layer(file("good", "x")), raw).failure(kind)
    assert list(dest.iterdir()) == []


def test_t73_a_layer_is_whole_before_any_of_its_files_is_seen(extract: Extract, registry: FakeRegistry, dest: Path) -> None:
    registry.add_image("app", "1", [layer(file("a", "x"), file("b", os.urandom(4000)))])
    registry.on("get_blob").flip(-30)
    extract().failure("digest_mismatch")
    assert list(dest.iterdir()) == []


def test_t73_a_layer_does_not_unpack_for_ever(extract: Extract, monkeypatch: pytest.MonkeyPatch, dest: Path) -> None:
    monkeypatch.setattr(plugin("module_utils._local.compression"), "FREE", 1 << 20)
    monkeypatch.setattr(plugin("module_utils._local.compression"), "MOST_RATIO", 10)
    assert "unpacks to more than" in extract(layer(file("a", bytes(8 << 20)))).failure("limit").msg
    assert list(dest.iterdir()) == []


@pytest.mark.parametrize("content", [images.artifact(), images.image(foreign=True), images.encrypted()])
def test_what_has_no_file_system_is_refused(extract: Extract, registry: FakeRegistry, content: images.Content) -> None:
    for raw in content.blobs.values():
        registry.add_blob("app", raw)
    registry.add_manifest("app", content.raw, content.media_type, "1")
    extract().failure("unsupported")


def test_t73_links_round_corners_do_not_take_for_ever(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin("module_utils._local.image_tree"), "_MOST_STEPS", 1000)
    members = [link(f"l{number}", "/".join(["d/.."] * 300 + [f"l{number + 1}"])) for number in range(30)]
    extract(layer(folder("d"), *members)).failure("limit")


# Memory


def _peak(start_module: t.Callable[..., Process], registry: FakeRegistry, tmp_path: Path, **options: t.Any) -> float:
    status = tmp_path / "status"
    given = {"name": "app:1", "dest": f"{tmp_path}/out/", **options}
    start_module("registry_extract", registry.args(**given), status=status).wait(120).ok()
    return next(int(line.split()[1]) for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:")) / 1024


def test_t73_a_large_file_takes_no_more_memory(registry: FakeRegistry, start_module: t.Callable[..., Process], tmp_path: Path) -> None:
    registry.add_image("app", "1", [layer(file("large", bytes(160 << 20)), file("small", "x"))])
    assert _peak(start_module, registry, tmp_path, paths=["/large"]) < 100
    assert (tmp_path / "out" / "large").stat().st_size == 160 << 20


def test_t73_a_layer_of_200000_files_takes_no_more_memory(
    registry: FakeRegistry, start_module: t.Callable[..., Process], tmp_path: Path
) -> None:
    raw = b"".join(header(b"usr/share/d%d/f%d" % (number // 100, number)) for number in range(200_000))
    registry.add_image("app", "1", [raw + member(b"usr/share/wanted", b"here") + bytes(1024)])
    assert _peak(start_module, registry, tmp_path, paths=["/usr/share/wanted", "/usr/share/d7/*"], strip=2) < 100
    assert len(tree(tmp_path / "out")) == 102


# Ends from outside


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_t73_a_task_that_is_ended_leaves_each_file_old_or_new(
    registry: FakeRegistry, start_module: t.Callable[..., Process], extract: Extract, dest: Path, ending: signal.Signals
) -> None:
    (dest / "a").write_text("old", encoding="ascii")
    registry.add_image("app", "1", [layer(file("b", "new")), layer(file("a", "new"))])
    hold = registry.on("get_blob", nth=2).hold()
    process = start_module("registry_extract", registry.args(name="app:1", dest=str(dest), paths=["/"]))
    hold.wait()
    os.kill(process.pid, ending)
    hold.release()
    process.wait_for_end()
    assert (dest / "a").read_text(encoding="ascii") == "old"
    assert not (dest / "b").exists()
    extract().ok()
    assert tree(dest) == {"a": "0644 new", "b": "0644 new"}
    assert sorted(place.name for place in dest.iterdir()) == [".ocitools-extract.json", "a", "b"]


def test_t73_a_failure_half_way_is_a_change(extract: Extract, monkeypatch: pytest.MonkeyPatch, dest: Path) -> None:
    staging = plugin("module_utils._local.staging").Staging
    place = staging.place
    placed: list[str] = []

    def fail(self: t.Any, name: str, folder: t.Any, wanted: str) -> None:
        if placed:
            raise plugin("module_utils._local.disk").disk_error(wanted, OSError(28, "No space left on device"))
        placed.append(wanted)
        place(self, name, folder, wanted)

    monkeypatch.setattr(staging, "place", fail)
    result = extract(layer(file("a", "1"), file("b", "2")), diff=True).failure("local_io")
    assert result.changed
    assert list(result["diff"]["after"]) == [f"{dest}/a"]  # as in the result of a task that goes on: what was done
    assert "files" not in result.data
    assert tree(dest) == {"a": "0644 1"}
    monkeypatch.setattr(staging, "place", place)
    assert [entry["changed"] for entry in extract().ok()["files"]] == [False, True]


# Options


@pytest.mark.parametrize("options", [{"mode": "0999"}, {"owner": "nobody-of-that-name"}, {"strip": -1}, {"platform": "x"}, {"dest": ""}])
def test_wrong_options_are_refused_before_anything_is_asked(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, options: t.Any
) -> None:
    given = {"name": "app:1", "dest": f"{tmp_path}/out/", "paths": ["/x"], **options}
    run_module("registry_extract", registry.args(**given)).failure("invalid_option")
    assert registry.log() == []


def test_strip_leaves_every_file_a_path_of_its_own(extract: Extract) -> None:
    assert (
        "would both get the path 'x'" in extract(layer(file("a/x"), file("b/x")), paths=["/a", "/b"], strip=1).failure("invalid_option").msg
    )
    for above in (file("b/x"), link("b/x", "y")):
        members = [file("a/x/y"), above, file("b/y")]
        assert "would both get the path 'x'" in extract(layer(*members), paths=["/a", "/b"], strip=1).failure("invalid_option").msg
    extract(layer(file("a/x"), file("b/x")))
    assert "removes all" in extract(paths=["/a"], strip=2).failure("invalid_option").msg
