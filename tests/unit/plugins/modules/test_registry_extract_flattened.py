# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_extract: the result is what one gets who unpacks layer upon layer, whatever the layers do to each other."""

from __future__ import annotations

import os
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.filesystems import Member, file, folder, gone, hard, layer, link, opaque
from ansible_collections.ocitools.registry.tests.unit.plugins.flattening import facts, make_layers, resolve, unpack
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Judge = t.Callable[..., tuple[Result, Path, Path]]

LAYERS: list[list[Member]] = [
    [
        *(folder(name) for name in ("usr", "usr/bin", "a", "a/b", "gone", "op", "op/sub", "op2", "dir2file")),
        *(folder("tmp", 0o1777), folder("shut", 0o500), folder("perm", 0o751)),
        *(file("usr/bin/app", "one", 0o755), file("usr/bin/wall", "wall", 0o755), file("shut/x", "x", 0o400)),
        *(link("bin", "usr/bin"), link("abs", "/usr/bin/app"), link("absdir", "/usr/bin"), link("chain", "/abs")),
        *(link("a/b/up", "../../usr/bin/app"), link("a/b/through", "../../bin/app"), link("a/b/absthrough", "/bin/app")),
        *(link("out", "../../../../etc/passwd"), link("dangling", "/none/here"), link("loop", "loop")),
        *(hard("hard", "usr/bin/app"), hard("hardlink", "abs"), file("replaced", "1"), hard("kept", "replaced")),
        *(file("gone/x"), file("op/old"), file("op/sub/x"), file("op2/old"), file("file2dir"), file("dir2file/x"), file("dot.wh.ok", "d")),
    ],
    [
        *(file("usr/bin/app", "two", 0o700), gone("gone"), file("op/new"), opaque("op"), opaque("op2"), file("op2/new")),
        *(folder("file2dir"), file("file2dir/y"), gone("dir2file"), file("dir2file", "now"), file("replaced", "2")),
        *(
            hard("hl2", "usr/bin/wall"),
            file("bin/viabin", "v"),
            folder("perm", 0o711),
            link("newabs", "/usr/bin/wall"),
            hard("hn", "newabs"),
        ),
    ],
    [
        *(file("absdir/deep", "through an absolute link"), gone("bin/viabin"), file("implicit/dir/file", "i")),
        *(file("usr/bin/app", "three", 0o711), gone("not/there"), folder("op"), file("op/third"), hard("late", "kept")),
    ],
]


@pytest.fixture
def judge(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> Judge:
    """Extract an image, and unpack its layers; return the result, the folder that it made, and the one to hold it against."""

    def run(members: t.Sequence[t.Sequence[Member]], *paths: str, **options: t.Any) -> tuple[Result, Path, Path]:
        layers = [layer(*content) for content in members]
        registry.add_image("app", "1", layers)
        args = registry.args(name="app:1", dest=f"{tmp_path}/found/", paths=list(paths), **options)
        result = run_module("registry_extract", args).ok()
        assert not run_module("registry_extract", args).ok().changed
        return result, tmp_path / "found", unpack(layers, tmp_path / "wanted")

    return run


def _resolved(root: Path, path: str) -> Path:
    found = resolve(root, path)
    assert found is not None
    return found


def _names(folder: Path) -> list[str]:
    return sorted(str(place.relative_to(folder)) for place in folder.rglob("*"))


def test_all_of_an_image_is_what_its_layers_make(judge: Judge) -> None:
    result, found, wanted = judge(LAYERS, "/")
    assert facts(found) == facts(wanted)
    assert result["skipped_files"] == []


@pytest.mark.parametrize("path", ["usr/bin", "a", "op", "op2", "file2dir", "implicit", "absdir", "bin", "shut"])
def test_a_part_of_an_image_is_what_its_layers_make(judge: Judge, path: str) -> None:
    _result, found, wanted = judge(LAYERS, f"/{path}")
    real = _resolved(wanted, path)
    for place in real.rglob("*"):
        here = found / path / place.relative_to(real)
        assert here.is_dir() or here.read_bytes() == _resolved(wanted, str(place.relative_to(wanted))).read_bytes()
    assert _names(found / path) == _names(real)


def test_absolute_links_lead_to_the_same_file_of_the_image_and_never_to_one_of_the_host(judge: Judge) -> None:
    _result, found, _wanted = judge(LAYERS, "/")
    texts = {name: os.readlink(found / name) for name in ("abs", "absdir", "chain", "newabs", "hardlink", "dangling", "out", "bin")}
    assert texts == {
        "abs": "usr/bin/app",
        "absdir": "usr/bin",
        "chain": "abs",
        "newabs": "usr/bin/wall",
        "hardlink": "usr/bin/app",
        "dangling": "none/here",
        "out": "etc/passwd",
        "bin": "usr/bin",
    }


def test_owners_and_set_id_bits_are_those_of_the_image_for_root(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    members = [
        Member("d", kind=tarfile.DIRTYPE, mode=0o2750, uid=1000, gid=1001),
        *(file("d/su", "s", 0o4755, uid=7, gid=8), Member("d/l", kind=tarfile.SYMTYPE, link="/d/su", uid=9, gid=10), hard("d/h", "d/su")),
    ]
    registry.add_image("app", "1", [layer(*members)])
    args = registry.args(name="app:1", dest=f"{tmp_path}/found/", paths=["/"], keep_ownership=True, keep_set_id=True)
    if os.geteuid():
        run_module("registry_extract", args).failure("invalid_option")
        return
    run_module("registry_extract", args).ok()
    states = [(tmp_path / "found" / name).lstat() for name in ("d", "d/su", "d/l", "d/h")]
    assert [(state.st_uid, state.st_gid) for state in states] == [(1000, 1001), (7, 8), (9, 10), (7, 8)]
    assert [f"{state.st_mode & 0o7777:o}" for state in states] == ["2750", "4755", "777", "4755"]


@pytest.mark.parametrize("seed", range(12))
def test_images_made_up_are_what_their_layers_make(judge: Judge, seed: int) -> None:
    members = make_layers(seed)
    result, found, wanted = judge(members, "/")
    assert {entry["reason"] for entry in result["skipped_files"]} <= {"a link that leads in a circle"}
    skipped = [entry["path"][1:] for entry in result["skipped_files"]]
    assert facts(found) == {name: fact for name, fact in facts(wanted).items() if name not in skipped}


@pytest.mark.parametrize(
    ("path", "layers"),
    [
        ("/lib", [[folder("usr"), folder("usr/lib"), link("lib", "usr/lib"), link("k", "/lib")], [file("k/x", "1")]]),
        ("/usr/*/x", [[folder("usr"), folder("usr/lib"), link("k", "usr/lib")], [file("k/x", "1")]]),
        ("/*/lib", [[folder("usr"), folder("usr/lib"), link("k", "usr/lib")], [file("k/x", "1")]]),
        ("/**/x", [[folder("usr"), folder("usr/lib"), link("k[a]", "usr/lib")], [file("k[a]/x", "1")]]),
        ("/usr", [[folder("usr"), folder("usr/lib"), link("k", "usr/lib")], [file("k/x", "1")], [gone("k")]]),
        ("/usr", [[folder("usr"), folder("usr/lib"), link("k", "usr/lib")], [file("k/x", "1"), link("k", "elsewhere")]]),
        ("/d", [[folder("d"), folder("usr"), link("d/l", "/usr/x"), link("k", "usr")], [file("k/x", "1")]]),
        ("/usr", [[folder("usr"), folder("usr/lib"), file("usr/lib/y", "0"), link("k", "usr/lib")], [gone("k/y"), file("k/x", "1")]]),
        ("/usr", [[folder("usr"), folder("usr/lib"), link("usr/lib/k", "."), link("usr/lib/m", "k")], [file("usr/lib/m/k/x", "1")]]),
    ],
)
def test_files_are_found_by_whatever_name_a_layer_gives_them(judge: Judge, path: str, layers: list[list[Member]]) -> None:
    result, found, _wanted = judge(layers, path)
    assert [place.read_bytes() for place in found.rglob("*") if place.is_file() and not place.name.startswith(".ocitools")] == [b"1"]
    assert [file["size"] for file in result["files"] if file["size"]] == [1]


def test_t73_names_through_links_do_not_take_for_ever(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin("module_utils._local.image_paths"), "_MOST_ALIASES", 100)
    members = [folder("a"), *(link(f"l{number}", "a") for number in range(101)), *(file(f"l{number}/x") for number in range(101))]
    registry.add_image("app", "1", [layer(*members)])
    args = registry.args(name="app:1", dest=f"{tmp_path}/found/", paths=["/a"])
    assert "more than 100 ways" in run_module("registry_extract", args).failure("limit").msg
