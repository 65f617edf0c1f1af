# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_extract: what lies on the disk afterwards, what was asked of the registry, and what a rerun does."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.filesystems import (
    Member,
    file,
    folder,
    gone,
    hard,
    layer,
    link,
    opaque,
    tree,
)
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Extract = t.Callable[..., Result]
Layers = t.Sequence[t.Sequence[Member]]

BASE = (
    folder("usr"),
    folder("usr/bin"),
    file("usr/bin/app", "one", 0o755),
    file("usr/bin/tool", "tool", 0o4755),
    file("etc/app.conf", "c"),
)


@pytest.fixture
def extract(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> Extract:
    """Extract from app:1, which has the layers."""

    def run(layers: Layers | None = None, check: bool = False, diff: bool = False, dest: str = "out/", **options: t.Any) -> Result:
        if layers is not None:
            registry.add_image("app", "1", [layer(*members) for members in layers])
        registry.clear()
        given = {"name": "app:1", "dest": f"{tmp_path}/{dest}", **options}
        return run_module("registry_extract", registry.args(**given), check=check, diff=diff)

    return run


def _blobs(registry: FakeRegistry) -> int:
    return registry.counts().get("get_blob", 0)


# Which files, and where


def test_a_single_file_is_the_destination_itself(extract: Extract, tmp_path: Path) -> None:
    result = extract([BASE], paths=["/usr/bin/app"], dest="app").ok()
    assert (tmp_path / "app").read_bytes() == b"one"
    assert result["files"] == [{"path": f"{tmp_path}/app", "source": "/usr/bin/app", "size": 3, "mode": "0755", "changed": True}]
    (tmp_path / "there").mkdir()
    for dest in ("there", "new/"):
        extract(paths=["/usr/bin/app"], dest=dest, strip=2).ok()
        assert (tmp_path / dest / "app").read_bytes() == b"one"


@pytest.mark.parametrize(
    ("paths", "strip", "expected"),
    [
        (["/usr/bin"], 0, ["usr", "usr/bin", "usr/bin/app", "usr/bin/tool"]),
        (["usr/bin/"], 2, ["app", "tool"]),
        (["/usr/*/t*"], 1, ["bin", "bin/tool"]),
        (["/**/app*"], 0, ["etc", "etc/app.conf", "usr", "usr/bin", "usr/bin/app"]),
        (["/etc/app.conf", "/usr/bin/[a-b]??"], 0, ["etc", "etc/app.conf", "usr", "usr/bin", "usr/bin/app"]),
        (["/"], 0, ["etc", "etc/app.conf", "usr", "usr/bin", "usr/bin/app", "usr/bin/tool"]),
    ],
)
def test_paths_and_globs(extract: Extract, tmp_path: Path, paths: list[str], strip: int, expected: list[str]) -> None:
    extract([BASE], paths=paths, strip=strip).ok()
    assert list(tree(tmp_path / "out")) == expected


@pytest.mark.parametrize("paths", [["/usr/bin/none"], ["/none/*"], ["/usr/bin/app/x"], ["/usr/bin/app", "/none"]])
def test_what_the_image_lacks_is_not_found(extract: Extract, tmp_path: Path, paths: list[str]) -> None:
    assert "has no /" in extract([BASE], paths=paths).failure("not_found").msg
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("paths", [[], [""], ["/a/../b"], [1], ["/a\0"], [{"path": "/a"}]])
def test_what_is_no_path_is_refused(extract: Extract, registry: FakeRegistry, paths: list[t.Any]) -> None:
    extract([BASE], paths=paths).failure("invalid_option")
    assert registry.log() == []


# Layers


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([[file("d/a", "1"), file("d/b", "1")], [file("d/a", "2")]], {"d/a": "0644 2", "d/b": "0644 1"}),
        ([[file("d/a"), file("d/b")], [gone("d/a")]], {"d/b": "0644 "}),
        ([[file("d/a"), file("d/e/b")], [opaque("d"), file("d/c")]], {"d/c": "0644 "}),
        ([[file("d/a"), file("d/e/b")], [file("d/c"), opaque("d")]], {"d/c": "0644 "}),
        ([[file("d/a", "1")], [gone("d/a"), file("d/a", "2")]], {"d/a": "0644 2"}),
        ([[file("d/a", "1")], [gone("d")], [file("d/b", "3")]], {"d/b": "0644 3"}),
        ([[file("d/a/x")], [file("d/a", "now a file")]], {"d/a": "0644 now a file"}),
        ([[file("d/a")], [folder("d/a"), file("d/a/x")]], {"d/a": "0755 /", "d/a/x": "0644 "}),
        ([[file("d/a", "1"), hard("d/h", "d/a")], [file("d/a", "2")]], {"d/a": "0644 2", "d/h": "0644 1"}),
        ([[file("elsewhere", "1")], [hard("d/h", "elsewhere")]], {"d/h": "0644 1"}),
        ([[file("lib/x", "old"), link("d", "lib")], [file("d/x", "new")]], {"d/x": "0644 new"}),
        ([[link("d", "real"), folder("real")], [file("real/x", "1")], [file("d/x", "2")]], {"d/x": "0644 2"}),
        ([[link("d", "/srv/data"), file("srv/data/x", "1")], [folder("d"), file("d/y", "2")]], {"d/y": "0644 2"}),
        ([[file("d/x", "1"), file("d/x", "2")]], {"d/x": "0644 2"}),
    ],
)
def test_layers_lie_upon_each_other(extract: Extract, tmp_path: Path, layers: Layers, expected: dict[str, str]) -> None:
    extract(layers, paths=["/d"]).ok()
    assert tree(tmp_path / "out") == {"d": "0755 /", **expected}


def test_no_more_layers_are_read_than_it_takes(extract: Extract, registry: FakeRegistry) -> None:
    layers: Layers = [[folder("d"), file("d/a", "1"), file("d/b")], [folder("d"), file("d/a", "2")], [folder("d"), file("d/c")]]
    for path, count in (("/d/c", 1), ("/d/a", 2), ("/d/b", 3), ("/d", 3)):
        result = extract(layers, paths=[path], dest=f"out{count}/", strip=1).ok()
        assert _blobs(registry) == count
        assert result["downloaded_bytes"] > 0


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_layers_of_every_compression(registry: FakeRegistry, extract: Extract, tmp_path: Path, compression: str) -> None:
    from ansible_collections.ocitools.registry.tests.unit.plugins import images

    content = images.image(layers=[layer(*BASE)], compression=compression)
    for digest, raw in content.blobs.items():
        assert registry.add_blob("app", raw)["digest"] == digest
    registry.add_manifest("app", content.raw, content.media_type, "1")
    extract(paths=["/usr/bin/app"], dest="app").ok()
    assert (tmp_path / "app").read_bytes() == b"one"


# Links


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([file("d/a", "1"), link("d/l", "a")], "-> a"),
        ([file("d/e/a", "1"), link("d/l", "e/../e/a")], "-> e/a"),
        ([file("d/a", "1"), link("d/l", "/d/a")], "-> a"),
        ([file("d/a", "1"), link("d/l", "../d/a")], "-> a"),
        ([file("x/a", "1"), link("d/l", "/x/a")], "0644 1"),
        ([file("x/a", "1"), link("d/l", "../../../x/a")], "0644 1"),
        ([file("x/[a]*", "1"), link("d/l", "/x/[a]*")], "0644 1"),
        ([file("x/a", "1"), link("y", "x"), link("d/l", "/y/a")], "0644 1"),
        ([link("d/l", "/nowhere")], None),
        ([link("d/l", "nowhere")], "-> nowhere"),
        ([link("d/l", "l")], "-> l"),
        ([file("x/a"), link("d/l", "/x")], None),
        ([link("d/l", "../../../../etc/passwd")], None),
        ([file("d/m/n/x"), link("d/s", "m/n"), link("d/l", "s/../../..")], None),
    ],
)
def test_links_lead_nowhere_outside(extract: Extract, tmp_path: Path, members: list[Member], expected: str | None) -> None:
    result = extract([[folder("d"), *members]], paths=["/d"]).ok()
    found = tree(tmp_path / "out").get("d/l")
    assert found == expected
    assert [entry["path"] for entry in result["skipped_files"]] == ([] if expected else ["/d/l"])
    for place in (tmp_path / "out").rglob("*"):
        assert Path(os.path.realpath(place)).is_relative_to(tmp_path / "out")
    assert not extract(paths=["/d"]).ok().changed


def test_a_path_may_be_a_link_and_lead_through_one(extract: Extract, registry: FakeRegistry, tmp_path: Path) -> None:
    layers = [
        [folder("usr"), folder("usr/bin"), file("usr/bin/busybox", "b", 0o755), link("bin", "usr/bin"), link("usr/bin/sh", "/bin/busybox")]
    ]
    extract(layers, paths=["/bin/sh"], dest="sh").ok()
    assert tree(tmp_path)["sh"] == "0755 b"
    assert _blobs(registry) == 2
    assert not extract(paths=["/bin/sh"], dest="sh").ok().changed
    assert registry.log() == ["HEAD /v2/app/manifests/1"]


def test_a_link_that_was_replaced_above_is_not_followed(extract: Extract, tmp_path: Path) -> None:
    layers = [[file("old/x", "old"), link("a", "old")], [gone("a"), file("a/x", "new")]]
    extract(layers, paths=["/a/x"], dest="x").ok()
    assert (tmp_path / "x").read_bytes() == b"new"


def test_a_layer_that_names_a_file_through_a_link(extract: Extract, tmp_path: Path) -> None:
    layers = [[folder("usr"), folder("usr/bin"), file("usr/bin/x", "old"), link("bin", "usr/bin")], [file("bin/x", "new")]]
    extract(layers, paths=["/usr/bin/x"], dest="x").ok()
    assert (tmp_path / "x").read_bytes() == b"new"


# Modes and owners


def test_set_id_bits_are_dropped_unless_asked_for(extract: Extract, tmp_path: Path) -> None:
    extract([BASE], paths=["/usr/bin/tool"], dest="tool").ok()
    assert tree(tmp_path)["tool"] == "0755 tool"
    extract(paths=["/usr/bin/tool"], dest="tool", mode="u=rwx,go=").ok()
    assert tree(tmp_path)["tool"] == "0700 tool"
    result = extract(paths=["/usr/bin/tool"], dest="tool", keep_set_id=True)
    if os.geteuid():
        result.failure("invalid_option")
    else:
        assert tree(tmp_path)["tool"] == "4755 tool"


def test_a_mode_is_for_all_files_and_folders_can_be_entered(extract: Extract, tmp_path: Path) -> None:
    extract([BASE], paths=["/usr"], mode="0640").ok()
    assert tree(tmp_path / "out") == {"usr": "0750 /", "usr/bin": "0750 /", "usr/bin/app": "0640 one", "usr/bin/tool": "0640 tool"}
    assert not extract(paths=["/usr"], mode="0640").ok().changed
    assert extract(paths=["/usr"], mode="0644").ok().changed


def test_a_directory_that_exists_keeps_its_mode(extract: Extract, tmp_path: Path) -> None:
    (tmp_path / "out" / "usr").mkdir(parents=True)
    (tmp_path / "out" / "usr").chmod(0o700)
    extract([[folder("usr", 0o755), folder("usr/shut", 0o555), file("usr/shut/x")]], paths=["/usr"]).ok()
    assert tree(tmp_path / "out") == {"usr": "0700 /", "usr/shut": "0555 /", "usr/shut/x": "0644 "}
    (tmp_path / "out" / "usr" / "shut").chmod(0o755)


# Reruns, check mode, diff


def test_a_rerun_reads_no_layer_and_puts_right_what_was_changed(extract: Extract, registry: FakeRegistry, tmp_path: Path) -> None:
    extract([BASE], paths=["/usr"]).ok()
    assert not extract(paths=["/usr"]).ok().changed
    assert registry.log() == ["HEAD /v2/app/manifests/1"]
    whole = tree(tmp_path / "out")
    app = tmp_path / "out" / "usr" / "bin" / "app"
    other = tmp_path / "link"
    other.symlink_to("tool")
    spoils: list[t.Callable[[], object]] = [
        lambda: app.write_bytes(b"two"),
        lambda: app.chmod(0o700),
        app.unlink,
        lambda: os.replace(other, app),
    ]
    for spoil in spoils:
        spoil()
        result = extract(paths=["/usr"], diff=True).ok()
        assert [entry["path"] for entry in result["files"] if entry["changed"]] == [str(app)]
        assert list(result["diff"]["after"]) == [str(app)]
        assert tree(tmp_path / "out") == whole
    extract([[*BASE, file("usr/new", "n")]], paths=["/usr"]).ok()
    assert "usr/new" in tree(tmp_path / "out")


def test_without_the_record_files_are_compared(extract: Extract, registry: FakeRegistry, tmp_path: Path) -> None:
    extract([BASE], paths=["/usr"]).ok()
    record = tmp_path / "out" / ".ocitools-extract.json"
    for content in (None, b"{", b"[]", b'{"x": 1}', record.read_bytes().replace(b"sha256", b"sha")):
        record.unlink()
        if content is not None:
            record.write_bytes(content)
        assert not extract(paths=["/usr"]).ok().changed
    before = record.read_bytes()
    record.chmod(0o666)
    extract(paths=["/usr"]).ok()
    assert _blobs(registry) == 1
    assert record.read_bytes() == before


def test_several_extractions_share_a_folder(extract: Extract, registry: FakeRegistry, tmp_path: Path) -> None:
    extract([BASE], paths=["/usr/bin/app"], dest="app").ok()
    extract(paths=["/usr/bin/tool"], dest="tool").ok()
    for name in ("app", "tool"):
        assert not extract(paths=[f"/usr/bin/{name}"], dest=name).ok().changed
        assert registry.log() == ["HEAD /v2/app/manifests/1"]
    assert sorted(place.name for place in tmp_path.iterdir()) == [".ocitools-extract.json", "app", "tool"]


def test_check_mode_is_exact_and_writes_nothing(extract: Extract, tmp_path: Path) -> None:
    predicted = extract([BASE], paths=["/usr"], check=True, diff=True).ok()
    assert not list(tmp_path.iterdir())
    real = extract(paths=["/usr"], diff=True).ok()
    for key in ("changed", "files", "skipped_files", "digest", "downloaded_bytes", "diff"):
        assert predicted[key] == real[key]
    assert set(real["diff"]["after"]) == {f"{tmp_path}/out/{name}" for name in ("usr", "usr/bin", "usr/bin/app", "usr/bin/tool")}
    assert not extract(paths=["/usr"], check=True).ok().changed


def test_the_platform_of_the_host_is_chosen_from_an_index(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    added = registry.add_index("multi", "1", platforms=["linux/amd64", "linux/arm64", "linux/arm/v7"])
    options: dict[str, t.Any] = {"name": "multi:1", "dest": f"{tmp_path}/out/", "paths": ["/"]}
    result = run_module("registry_extract", registry.args(**options, platform="linux/arm64")).ok()
    assert result["digest"] == added.digest
    assert registry.log().count(f"GET /v2/multi/manifests/{added.children['linux/arm64'].digest}") == 1
    run_module("registry_extract", registry.args(**options, platform="linux/s390x")).failure("not_found")
