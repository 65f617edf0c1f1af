# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of an artifact on disk: complete or absent, unchanged where they are right, and chosen among what is attached."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import artifacts, tars
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
Pull = t.Callable[..., Result]


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    """Where files go; it is not there yet."""
    return tmp_path / "files"


@pytest.fixture
def pull(registry: FakeRegistry, run_module: RunModule, dest: Path) -> Pull:
    """Pull ``app:1`` unless told otherwise."""

    def run(check: bool = False, **options: t.Any) -> Result:
        named = {} if "subject" in options else {"name": "app:1"}
        return run_module("registry_artifact_pull", registry.args(**{**named, "dest": str(dest), **options}), check=check, diff=True)

    return run


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_files_come_to_their_titles_and_a_second_run_downloads_nothing(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    digest = artifacts.artifact(registry, "1", artifacts.file(registry, "a.txt"), artifacts.file(registry, "sub/dir/b", b""))
    predicted = pull(check=True).ok()
    assert not dest.exists()
    result = pull().ok()
    assert _files(dest) == {"a.txt": b"text", "sub/dir/b": b""}
    assert (result["digest"], result["downloaded_bytes"], result["artifact_type"]) == (digest, 4, "application/vnd.example")
    for key in ("files", "diff", "downloaded_bytes", "artifacts", "changed"):
        assert predicted[key] == result[key]
    assert [file["path"] for file in result["files"]] == [str(dest / "a.txt"), str(dest / "sub" / "dir" / "b")]
    registry.clear()
    again = pull().ok()
    assert not again.changed
    assert registry.counts() == {"get_manifest": 1}


def test_a_file_that_was_changed_is_put_right_and_keeps_its_mode(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    artifacts.artifact(registry, "1", artifacts.file(registry, "a.txt"), artifacts.file(registry, "b.txt", b"other"))
    pull().ok()
    (dest / "a.txt").write_bytes(b"mine")
    (dest / "a.txt").chmod(0o600)
    result = pull().ok()
    assert [file["changed"] for file in result["files"]] == [True, False]
    assert result["downloaded_bytes"] == 4
    assert _files(dest) == {"a.txt": b"text", "b.txt": b"other"}
    assert stat.S_IMODE((dest / "a.txt").stat().st_mode) == 0o600


def test_only_some_titles(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    artifacts.artifact(registry, "1", artifacts.file(registry, "a"), artifacts.file(registry, "b", b"b"))
    pull(include=["b"]).ok()
    assert _files(dest) == {"b": b"b"}
    assert "it has: 'a', 'b'" in pull(include=["c"]).failure("not_found").msg


@pytest.mark.parametrize("title", [None, ""])
def test_files_without_a_title_are_listed_and_not_pulled(registry: FakeRegistry, pull: Pull, dest: Path, title: str | None) -> None:
    layer = artifacts.file(registry, title)
    artifacts.artifact(registry, "1", layer)
    result = pull().ok()
    assert not result.changed
    assert not dest.exists()
    assert [item["digest"] for item in result["artifacts"][0]["skipped_layers"]] == [layer["digest"]]
    assert any("no file with a title" in text for text in result.warnings)


@pytest.mark.parametrize(("annotations", "requests"), [({"title": "app", "version": "1.4.2"}, 3), ({}, 4)])
def test_a_chart_that_helm_pushed_is_pulled_under_the_names_that_helm_gives_it(
    registry: FakeRegistry, pull: Pull, dest: Path, annotations: dict[str, str], requests: int
) -> None:
    artifacts.chart(registry, {"name": "app", "version": "1.4.2"}, **annotations)
    result = pull().ok()
    assert _files(dest) == {"app-1.4.2.tgz": b"chart", "app-1.4.2.tgz.prov": b"prov"}
    assert result["artifacts"][0]["skipped_layers"] == []
    assert not result.warnings
    assert len(registry.log()) == requests
    assert not pull().ok().changed
    pull(include=["app-1.4.2.tgz"]).ok()


@pytest.mark.parametrize("config", [{"name": "../outside", "version": "1"}, {"name": "/etc/x", "version": "1"}])
def test_t71_a_chart_does_not_choose_where_it_goes(registry: FakeRegistry, pull: Pull, dest: Path, config: dict[str, str]) -> None:
    artifacts.chart(registry, config)
    pull().failure("invalid_response")
    artifacts.chart(registry, {}, title=config["name"], version="1")
    pull().failure("invalid_response")
    assert not dest.exists()


def test_a_chart_that_states_no_name_is_not_pulled(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    artifacts.chart(registry, {"name": "app"})
    assert any("no file with a title" in text for text in pull().ok().warnings)
    assert not dest.exists()


@pytest.mark.parametrize("mode", ["0640", "u=rw,g=r,o="])
def test_modes_are_those_of_the_task(registry: FakeRegistry, pull: Pull, dest: Path, mode: str) -> None:
    tar = tars.tar_bytes([("d/run", b"x")])
    artifacts.artifact(registry, "1", artifacts.file(registry, "a"), artifacts.folder(registry, "d", tar))
    dest.mkdir(mode=0o700)
    pull(mode=mode).ok()
    modes = {name: stat.S_IMODE((dest / name).stat().st_mode) for name in ("", "a", "d", "d/run")}
    assert modes == {"": 0o700, "a": 0o640, "d": 0o750, "d/run": 0o640}
    assert not pull(mode=mode).ok().changed
    assert pull(mode="0600", check=True).ok().changed
    (dest / "a").chmod(0o644)
    assert pull(mode=mode).ok().changed
    assert stat.S_IMODE((dest / "a").stat().st_mode) == 0o640


def test_a_folder_that_we_packed_comes_back_and_is_compared_without_a_download(
    registry: FakeRegistry, run_module: RunModule, pull: Pull, dest: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "bin" / "run").write_bytes(b"#!/bin/sh\n" * 1000)
    (source / "bin" / "run").chmod(0o755)
    (source / "link").symlink_to("bin/run")
    run_module("registry_artifact", registry.args(name="app:1", files=[{"path": str(source), "title": "the/place"}])).ok()
    result = pull().ok()
    place = dest / "the" / "place"
    assert _files(place) == {"bin/run": b"#!/bin/sh\n" * 1000, "link": b"#!/bin/sh\n" * 1000}
    assert os.access(place / "bin" / "run", os.X_OK)
    assert (place / "empty").is_dir()
    assert (place / "link").readlink() == Path("bin/run")
    assert result["files"][0]["changed"]
    registry.clear()
    assert not pull().ok().changed
    assert registry.counts() == {"get_manifest": 1}
    (place / "bin" / "run").chmod(0o644)
    assert pull().ok().changed
    assert os.access(place / "bin" / "run", os.X_OK)


def test_the_names_in_a_folder_are_not_read_for_each_file_anew(
    registry: FakeRegistry, run_module: RunModule, pull: Pull, dest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "folder"
    source.mkdir()
    for number in range(20):
        (source / str(number)).write_bytes(b"text")
    run_module("registry_artifact", registry.args(name="app:1", files=[str(source)])).ok()
    (dest / "folder").mkdir(parents=True)
    (dest / "folder" / ".ocitools-files-0123456789abcdef.tmp").write_bytes(b"left")
    folders = plugin("module_utils._local.disk").Folder
    names, read = folders.names, []

    def note(opened: t.Any) -> t.Any:
        read.append(opened.path)
        return names(opened)

    monkeypatch.setattr(folders, "names", note)
    pull().ok()
    assert sorted(os.listdir(dest / "folder")) == sorted(map(str, range(20)))
    assert len(read) < 5


def test_a_folder_of_another_program_is_compared_file_by_file(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    tar = tars.tar_bytes([("d/a", b"a" * 100), ("d/sub/b", b"b"), ("d/hard", tars.Link("d/a", hard=True)), ("d/soft", tars.Link("sub/b"))])
    artifacts.artifact(registry, "1", artifacts.folder(registry, "d", tar))
    pull().ok()
    assert _files(dest) == {"d/a": b"a" * 100, "d/hard": b"a" * 100, "d/soft": b"b", "d/sub/b": b"b"}
    (dest / "d" / "mine").write_bytes(b"mine")
    assert not pull().ok().changed
    (dest / "d" / "sub" / "b").write_bytes(b"x")
    predicted = pull(check=True).ok()
    assert predicted.changed
    assert (dest / "d" / "sub" / "b").read_bytes() == b"x"
    assert pull().ok()["diff"] == predicted["diff"]
    assert _files(dest)["d/sub/b"] == b"b"
    assert _files(dest)["d/mine"] == b"mine"


def test_titles_as_other_programs_write_them(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    tar = tars.tar_bytes([("./d/a", b"a")])
    artifacts.artifact(registry, "1", artifacts.file(registry, "./x"), artifacts.folder(registry, "./d", tar))
    assert [file["title"] for file in pull().ok()["files"]] == ["x", "d"]
    assert _files(dest) == {"d/a": b"a", "x": b"text"}
    assert not pull(include=["./x", "d"]).ok().changed
    artifacts.artifact(registry, "1", artifacts.file(registry, "./x"), artifacts.file(registry, "x", b"other"))
    pull().failure("invalid_response")


@pytest.mark.parametrize("select", ["single", "all"])
def test_the_whole_folder_is_unpacked_to_the_folder_itself(registry: FakeRegistry, pull: Pull, dest: Path, select: str) -> None:
    directory = tars.header(b"./", 0, b"5")
    tar = directory + tars.tar_bytes([("a.txt", b"a"), ("./sub/b", b"b"), ("soft", tars.Link("sub/b"))])
    image = registry.add_image("app", "image").digest
    digest = artifacts.attach(registry, image, artifacts.folder(registry, ".", tar)).digest
    options = {"subject": "app:image", "select": select}
    predicted = pull(check=True, **options).ok()
    result = pull(**options).ok()
    place = dest / digest if select == "all" else dest
    assert predicted["diff"] == result["diff"]
    assert result["files"][0]["path"] == str(place)
    assert _files(place) == {"a.txt": b"a", "soft": b"b", "sub/b": b"b"}
    assert not pull(**options).ok().changed
    (place / "mine").write_bytes(b"mine")
    (place / "mine").chmod(0o604)
    (place / "sub" / "b").write_bytes(b"other")
    assert pull(mode="0640", **options).ok().changed
    assert _files(place) == {"a.txt": b"a", "mine": b"mine", "soft": b"b", "sub/b": b"b"}
    modes = {name: stat.S_IMODE((place / name).stat().st_mode) for name in ("a.txt", "sub", "sub/b", "mine")}
    assert modes == {"a.txt": 0o640, "sub": 0o750, "sub/b": 0o640, "mine": 0o604}
    assert not pull(mode="0640", **options).ok().changed


def test_the_whole_folder_has_no_other_file_beside_it(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    artifacts.artifact(registry, "1", artifacts.folder(registry, ".", tars.tar_bytes([("a", b"a")])), artifacts.file(registry, "a"))
    assert "which is the whole folder" in pull().failure("invalid_response").msg
    assert not dest.exists()


def test_a_download_that_breaks_leaves_nothing_half_written(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    layer = artifacts.file(registry, "a", b"x" * 1000)
    artifacts.artifact(registry, "1", layer)
    registry.on("get_blob", times=None).flip()
    pull(retries=0).failure("digest_mismatch")
    assert list(dest.rglob("*")) == []


# Attached


def test_what_is_attached_is_found_by_its_type(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    image = registry.add_image("app", "1").digest
    artifacts.attach(registry, image, artifacts.file(registry, "sbom.json", b"parts"))
    artifacts.attach(registry, image, artifacts.file(registry, "report", b"bugs"), artifact_type="text/report")
    result = pull(subject="app:1", artifact_type="application/spdx+json").ok()
    assert _files(dest) == {"sbom.json": b"parts"}
    assert result["artifact_type"] == "application/spdx+json"
    missing = pull(subject="app:1", artifact_type="text/none").failure("not_found")
    assert "'application/spdx+json', 'text/report'" in missing.msg


def test_several_that_fit_are_listed_and_the_newest_can_be_taken(registry: FakeRegistry, pull: Pull, dest: Path) -> None:
    image = registry.add_image("app", "1").digest
    made = [
        artifacts.attach(registry, image, artifacts.file(registry, "s", str(year).encode()), created=f"{year}-05-06T07:08:09Z").digest
        for year in (2023, 2025, 2024)
    ]
    failure = pull(subject="app:1").failure("invalid_option")
    assert all(digest in failure.msg for digest in made)
    assert pull(subject="app:1", select="newest").ok()["digest"] == made[1]
    assert _files(dest) == {"s": b"2025"}
    pull(subject="app:1", select="all", dest=str(dest.parent / "all")).ok()
    assert _files(dest.parent / "all") == {f"{made[0]}/s": b"2023", f"{made[1]}/s": b"2025", f"{made[2]}/s": b"2024"}
    assert not pull(subject="app:1", select="all", dest=str(dest.parent / "all")).ok().changed
    artifacts.attach(registry, image, artifacts.file(registry, "s", b"?"))
    assert "have no valid time" in pull(subject="app:1", select="newest").failure("invalid_option").msg


def test_what_was_deleted_and_is_still_listed_is_passed_over(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry = make_registry("distribution2")  # its fallback tags are kept up by clients, and not all do that
    image = registry.add_image("app", "1").digest
    (tmp_path / "s").write_bytes(b"s")
    attach = registry.args(name="app", subject="app:1", files=[str(tmp_path / "s")], artifact_type="text/report")
    made = [run_module("registry_artifact", {**attach, "annotations": {"n": number}}).ok()["digest"] for number in "12"]
    options = registry.args(subject=f"app@{image}", dest=f"{tmp_path}/out", artifact_type="text/report")
    registry.remove_manifest("app", made[0])
    assert run_module("registry_artifact_pull", options).ok()["digest"] == made[1]
    registry.remove_manifest("app", made[1])
    assert "has no artifact attached to it." in run_module("registry_artifact_pull", options).failure("not_found").msg


def test_options_that_do_not_fit_are_refused_before_any_request(registry: FakeRegistry, pull: Pull, run_module: RunModule) -> None:
    for options in ({"select": "all"}, {"artifact_type": "a/b"}, {"dest": ""}):
        pull(**options).failure("invalid_option")
    run_module("registry_artifact_pull", registry.args(dest="x")).failure("invalid_option")
    run_module("registry_artifact_pull", registry.args(dest="x", name="a", subject="b")).failure("invalid_option")
    assert registry.log() == []


def test_an_index_is_no_artifact(registry: FakeRegistry, pull: Pull) -> None:
    registry.add_index("app", "1")
    assert "is an index" in pull().failure("invalid_response").msg
