# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_extract: globs that lead through links of directories, and what is laid down where several paths meet."""

from __future__ import annotations

import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.filesystems import Member, file, folder, gone, hard, layer, link, tree
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Extract = t.Callable[..., Result]
Layers = t.Sequence[t.Sequence[Member]]

USR = (
    folder("usr"),
    folder("usr/bin"),
    file("usr/bin/ls", "ls"),
    file("usr/bin/cat", "cat"),
    folder("usr/bin/deep"),
    file("usr/bin/deep/x", "x"),
)
BIN = {"bin": "0755 /", "bin/ls": "0644 ls"}
DEEP = {"bin": "0755 /", "bin/deep": "0755 /", "bin/deep/x": "0644 x"}
REAL = {"usr": "0755 /", "usr/bin": "0755 /", "usr/bin/ls": "0644 ls"}


@pytest.fixture
def extract(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> Extract:
    """Extract from an image with these layers to the folder out; a second run changes nothing and reads no layer."""

    def run(layers: Layers, *paths: str) -> Result:
        registry.add_image("app", "1", [layer(*members) for members in layers])
        args = registry.args(name="app:1", dest=f"{tmp_path}/out/", paths=list(paths))
        result = run_module("registry_extract", args)
        if not result.failed:
            registry.clear()
            again = run_module("registry_extract", args).ok()
            assert not again.changed
            assert registry.log() == ["HEAD /v2/app/manifests/1"]
        return result

    return run


@pytest.mark.parametrize(
    ("layers", "path", "expected"),
    [
        ([[*USR, link("bin", "usr/bin")]], "/bin/l*", BIN),
        ([[*USR, link("bin", "/usr/bin")]], "/bin/l*", BIN),
        ([[*USR, link("bin", "usr/../usr/./bin/")]], "/bin/l?", BIN),
        ([[link("bin", "usr/bin"), link("usr/bin", "../real"), folder("usr"), file("real/ls", "ls")]], "/bin/l*", BIN),
        ([[link("bin", "b"), link("b", "/c"), link("c", "usr/bin"), *USR]], "/bin/[l]s", BIN),
        ([[link("bin", "usr/bin")], USR], "/bin/l*", BIN),
        ([USR, [link("bin", "usr/bin")]], "/bin/l*", BIN),
        ([USR, [link("bin", "none")], [gone("bin"), link("bin", "usr/bin")]], "/bin/l*", BIN),
        ([[*USR, file("usr/bin/lost"), link("bin", "usr/bin")], [gone("usr/bin/lost")]], "/bin/l*", BIN),
        ([[*USR, file("usr/bin/lost"), link("bin", "usr/bin")], [gone("bin/lost"), file("bin/ls", "ls")]], "/bin/l*", BIN),
        ([[file("usr/[b]/ls", "ls"), file("usr/b/ls", "no"), link("bin", "usr/[b]")]], "/bin/l*", BIN),
        ([[*USR, link("bin", "usr/bin")]], "/b*/ls", BIN),
        ([[*USR, link("bin", "usr/bin")]], "/*/ls", BIN),
        ([[*USR, link("bin", "usr/bin")]], "/bin/**/x", DEEP),
        ([[*USR, link("bin", "usr/bin")]], "/bin/**/deep", DEEP),
        ([[*USR, link("bin", "usr/bin")]], "/bin/d*/**", DEEP),
        ([[*USR, link("bin", "usr/bin")]], "/**/bin/l*", {**BIN, **REAL}),
        ([[*USR, link("bin", "usr/bin")]], "/**/ls", REAL),
        (
            [[*USR, link("d", "usr/bin")]],
            "/d/**",
            {"d": "0755 /", "d/cat": "0644 cat", "d/deep": "0755 /", "d/deep/x": "0644 x", "d/ls": "0644 ls"},
        ),
        ([[file("a/x", "1"), link("a/l", "x"), link("b", "a")]], "/b/*", {"b": "0755 /", "b/x": "0644 1", "b/l": "-> x"}),
        ([[file("a/x", "1"), file("y", "2"), link("a/l", "/y"), link("b", "a")]], "/b/l*", {"b": "0755 /", "b/l": "0644 2"}),
        (
            [[file("opt/app-1/bin/x", "1"), link("opt/app", "app-1")]],
            "/opt/app/bin/*",
            {"opt": "0755 /", "opt/app": "0755 /", "opt/app/bin": "0755 /", "opt/app/bin/x": "0644 1"},
        ),
    ],
)
def test_globs_follow_links_of_directories_inside_the_image(
    extract: Extract, tmp_path: Path, layers: Layers, path: str, expected: dict[str, str]
) -> None:
    result = extract(layers, path).ok()
    assert tree(tmp_path / "out") == expected
    assert result["skipped_files"] == []


@pytest.mark.parametrize(("path", "count"), [("/**/bin/l*", 1), ("/**/*/l*", 1), ("/**", 1), ("/usr/bin/*", 1), ("/bin/l*", 2)])
def test_a_layer_is_read_again_only_for_what_a_link_shows_to_be_needed(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, path: str, count: int
) -> None:
    registry.add_image("app", "1", [layer(*USR, link("bin", "usr/bin"), link("usr/bin/sh", "ls"))])
    run_module("registry_extract", registry.args(name="app:1", dest=f"{tmp_path}/out/", paths=[path])).ok()
    assert registry.counts()["get_blob"] == count


@pytest.mark.parametrize(
    ("members", "paths"),
    [
        ([*USR, link("bin", "usr/bin")], ["/", "/bin/ls"]),
        ([*USR, link("bin", "usr/bin")], ["/bin/l*", "/**"]),
        ([*USR, link("bin", "usr/bin")], ["/*/**"]),
        ([*USR, link("bin", "b"), link("b", "usr/bin")], ["/*", "/bin/deep/x"]),
    ],
)
def test_what_lies_behind_a_link_that_is_extracted_is_not_extracted_twice(
    extract: Extract, tmp_path: Path, members: list[Member], paths: list[str]
) -> None:
    extract([members], *paths).ok()
    found = tree(tmp_path / "out")
    assert found["bin"] in ("-> usr/bin", "-> b")
    assert {name: what for name, what in found.items() if not what.startswith("->")} == {
        member.name: "0755 /" if member.kind == b"5" else f"0644 {member.content.decode()}" for member in USR
    }


def test_a_link_that_a_path_names_itself_is_followed_whatever_globs_find(extract: Extract, tmp_path: Path) -> None:
    extract([[file("usr/lib/x", "1"), link("lib", "usr/lib")]], "/lib", "/li*").ok()
    assert tree(tmp_path / "out") == {"lib": "0755 /", "lib/x": "0644 1"}


@pytest.mark.parametrize("path", ["/loop/*", "/none/*", "/a/*", "/*/l/x"])
def test_a_glob_behind_a_link_to_nothing_is_not_found(extract: Extract, path: str) -> None:
    members = [link("loop", "loop"), link("none", "nowhere/at/all"), link("a", "b"), link("b", "a"), file("l", "1")]
    extract([members], path).failure("not_found")


def test_t73_globs_through_links_do_not_take_for_ever(extract: Extract, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    members = [folder("d"), *(link(f"d/l{number}", ".") for number in range(30)), file("d/x", "1")]
    monkeypatch.setattr(plugin("module_utils._local.image_tree"), "_MOST_BEHIND_LINKS", 10_000)
    assert "too many names behind symbolic links" in extract([members], "/d" + "/*" * 20 + "/x").failure("limit").msg
    extract([members], "/d/l1/l2/x*").ok()
    assert (tmp_path / "out" / "d" / "l1" / "l2" / "x").read_bytes() == b"1"


# Names that only look like globs, and hard links


@pytest.mark.parametrize("path", ["/bin/[", "/bin/[!", "/bin/[]"])
def test_a_bracket_that_nothing_closes_stands_for_itself(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, path: str) -> None:
    registry.add_image("app", "1", [layer(file(path[1:], "1"))])
    for paths in ([path], [path, path, f"/{path}"]):
        run_module("registry_extract", registry.args(name="app:1", dest=f"{tmp_path}/file", paths=paths)).ok()
        assert (tmp_path / "file").read_bytes() == b"1"


@pytest.mark.parametrize(
    "layers",
    [
        [[file("usr/bin/app", "1"), link("bin", "usr/bin"), hard("h", "bin/app")]],
        [[file("usr/bin/app", "1"), link("b", "usr/bin"), link("bin", "b"), hard("h", "bin/app")], [gone("b")]],
        [[file("a", "1")], [hard("h", "a"), gone("a")]],
        [[file("a", "1")], [gone("a"), hard("h", "a")]],
        [[file("d/a", "1")], [hard("h", "d/a"), gone("d")], [file("d/a", "2")]],
        [[file("a", "1")], [hard("b", "a"), gone("a")], [hard("h", "b"), gone("b")]],
        [[file("a", "1")], [hard("g", "a"), hard("h", "g"), gone("a"), gone("g")]],
        [[hard("h", "a"), file("a", "1")]],
        [[hard("h", "g"), hard("g", "usr/a"), file("usr/a", "1")], [gone("usr"), gone("g")]],
    ],
)
def test_a_hard_link_has_the_content_that_it_was_made_for(extract: Extract, tmp_path: Path, layers: Layers) -> None:
    for path in ("/h", "/[h]"):
        extract(layers, path).ok()
        assert tree(tmp_path / "out") == {"h": "0644 1"}


@pytest.mark.parametrize(
    ("member", "kind", "words"),
    [
        (hard("d/x", "nowhere"), "invalid_source", "is a hard link to a file that is not in the image"),
        (Member("d/x", kind=tarfile.CHRTYPE), "unsupported", "is a device, a pipe or a socket"),
        (Member("d/x", kind=tarfile.FIFOTYPE), "unsupported", "is a device, a pipe or a socket"),
        (link("d/x", ""), "invalid_source", "is a link with an invalid target"),
    ],
)
def test_what_cannot_be_extracted_fails_where_a_path_names_it(
    extract: Extract, tmp_path: Path, member: Member, kind: str, words: str
) -> None:
    layers = [[member, link("l", "d/x"), file("d/y", "1")]]
    for path in ("/d/x", "/l"):
        result = extract(layers, "/d/y", path).failure(kind)
        assert result.msg.startswith(f"{path} of ")
        assert words in result.msg
        assert not list(tmp_path.iterdir())
    for path in ("/d", "/d/*"):
        assert [entry["path"] for entry in extract(layers, path).ok()["skipped_files"]] == ["/d/x"]


# Where a single file goes, and what is remembered of nothing


@pytest.mark.parametrize(("dest", "strip", "place"), [("d/", 0, "app"), ("d/", 1, "bin/app"), ("d/", 2, "app"), ("d/", 3, None)])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_single_file_in_a_folder_has_its_name_or_the_path_that_strip_leaves(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, dest: str, strip: int, place: str | None, is_there: bool
) -> None:
    registry.add_image("app", "1", [layer(*USR, file("usr/bin/app", "1"))])
    if is_there:
        (tmp_path / "d").mkdir()
        dest = dest.rstrip("/")
    args = registry.args(name="app:1", dest=f"{tmp_path}/{dest}", paths=["/usr/bin/app"], strip=strip)
    result = run_module("registry_extract", args)
    if place is None:
        assert "removes all of '/usr/bin/app'" in result.failure("invalid_option").msg
        return
    assert [entry["path"] for entry in result.ok()["files"]] == [f"{tmp_path}/d/{place}"]
    assert (tmp_path / "d" / place).read_bytes() == b"1"
    assert not run_module("registry_extract", args).ok().changed


@pytest.mark.parametrize(
    ("members", "path", "strip"),
    [
        ([Member("d/p", kind=tarfile.FIFOTYPE)], "/d/*", 0),
        ([link("d/b", "/nowhere")], "/d/b*", 0),
        ([folder("d")], "/d", 1),
        ([Member("p", kind=tarfile.FIFOTYPE)], "/", 0),
    ],
)
@pytest.mark.parametrize("is_there", [False, True])
def test_that_nothing_was_extracted_is_remembered(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, members: list[Member], path: str, strip: int, is_there: bool
) -> None:
    if is_there:
        (tmp_path / "out").mkdir()
    registry.add_image("app", "1", [layer(*members)])
    args = registry.args(name="app:1", dest=f"{tmp_path}/out/", paths=[path], strip=strip)
    first = run_module("registry_extract", args).ok()
    assert not first.changed
    assert (tmp_path / "out").exists() is is_there
    registry.clear()
    assert run_module("registry_extract", args).ok()["skipped_files"] == first["skipped_files"]
    assert registry.log() == ["HEAD /v2/app/manifests/1"]
