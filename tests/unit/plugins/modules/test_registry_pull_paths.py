# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_pull to paths that are not as they should be: planted links, damaged files, folders and files in the way."""

from __future__ import annotations

import errno
import os
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import (
    content_of,
    index_of,
    make_arguments,
    put,
    tree,
)
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

FORMATS = ["oci-layout", "oci-archive", "docker-archive"]
StartModule = t.Callable[..., Process]
OLD = images.image(layers=["base", "old"])


@pytest.fixture
def arguments(registry: FakeRegistry, tmp_path: Path) -> t.Callable[..., dict[str, t.Any]]:
    """The options of a pull of app:1.0 to "app", one request at a time."""
    return make_arguments(registry, tmp_path / "app")


# Planted and damaged


@pytest.mark.parametrize("folder", ["blobs", "blobs/sha256"])
def test_a_folder_that_is_a_link_is_not_followed(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any, folder: str
) -> None:
    put(registry, "app", "1.0", OLD)
    images.write_layout(tmp_path / "app", {"other": images.image(layers=["other"])})
    (tmp_path / "app" / folder).rename(tmp_path / "elsewhere")
    (tmp_path / "app" / folder).symlink_to(tmp_path / "elsewhere")
    before = tree(tmp_path)
    for check in (True, False):
        failed = run_module("registry_pull", arguments(), check=check).failure("local_io")
        assert str(tmp_path / "app" / folder) in failed.msg
    assert tree(tmp_path) == before
    assert "get_blob" not in registry.counts()


def test_files_that_are_links_are_replaced_and_what_they_point_to_stays(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any
) -> None:
    put(registry, "app", "1.0", OLD)
    run_module("registry_pull", arguments()).ok()
    before = tree(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    for name in [*(f"blobs/{digest.replace(':', '/')}" for digest in OLD.files), "index.json"]:
        target = tmp_path / "elsewhere" / name.replace("/", "-")
        (tmp_path / "app" / name).rename(target)
        (tmp_path / "app" / name).symlink_to(target)
    elsewhere = tree(tmp_path / "elsewhere")
    run_module("registry_pull", arguments(append=True)).failure("invalid_source")
    assert run_module("registry_pull", arguments(mode="0600")).ok().changed is True
    assert {name: raw for name, raw in tree(tmp_path).items() if not name.startswith("elsewhere")} == before
    assert tree(tmp_path / "elsewhere") == elsewhere
    assert {stat.S_IMODE(item.stat().st_mode) for item in (tmp_path / "elsewhere").iterdir()} == {0o644}


def test_a_marker_that_is_a_link_is_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any) -> None:
    put(registry, "app", "1.0", OLD)
    images.write_layout(tmp_path / "app", OLD)
    (tmp_path / "app" / "oci-layout").rename(tmp_path / "marker")
    (tmp_path / "app" / "oci-layout").symlink_to(tmp_path / "marker")
    run_module("registry_pull", arguments()).failure("invalid_source")


@pytest.mark.parametrize("damage", ["flipped", "short", "long", "empty", "fifo", "missing"])
def test_damaged_blobs_are_replaced(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any, damage: str) -> None:
    put(registry, "app", "1.0", OLD)
    run_module("registry_pull", arguments()).ok()
    before = tree(tmp_path)
    spoilt = sorted(OLD.blobs)[0]
    file = tmp_path / "app" / "blobs" / spoilt.replace(":", "/")
    raw = file.read_bytes()
    file.unlink()
    if damage == "fifo":
        os.mkfifo(file)
    elif damage != "missing":
        file.write_bytes({"flipped": bytes([raw[0] ^ 1]) + raw[1:], "short": raw[:-1], "long": raw + b"x", "empty": b""}[damage])
    registry.clear()
    result = run_module("registry_pull", arguments(), diff=True).ok()
    assert [blob["digest"] for blob in result["downloaded_blobs"]] == [spoilt]
    assert [request.reference for request in registry.named("get_blob")] == [spoilt]
    assert result["diff"]["before"] == {str(tmp_path / "app"): f"{OLD.digest} (incomplete)"}
    assert tree(tmp_path) == before


def test_a_damaged_manifest_is_read_again(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any) -> None:
    content = put(registry, "app", "1.0", images.multi_arch())
    run_module("registry_pull", arguments()).ok()
    before = tree(tmp_path)
    for digest in content.manifests:
        (tmp_path / "app" / "blobs" / digest.replace(":", "/")).write_bytes(b"{}")
        result = run_module("registry_pull", arguments()).ok()
        assert result.changed is True
        assert result["downloaded_blobs"] == []
        assert tree(tmp_path) == before


def test_an_index_that_cannot_be_read_is_replaced_but_not_added_to(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any
) -> None:
    put(registry, "app", "1.0", OLD)
    run_module("registry_pull", arguments()).ok()
    for text in (b"", b"{", b"[]", b'{"manifests": [{}]}'):
        (tmp_path / "app" / "index.json").write_bytes(text)
        run_module("registry_pull", arguments(append=True)).failure("invalid_source")
        assert run_module("registry_pull", arguments()).ok()["downloaded_blobs"] == []
        assert [entry["digest"] for entry in index_of(tmp_path / "app")] == [OLD.digest]


def test_a_layout_of_another_version_is_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any) -> None:
    put(registry, "app", "1.0", OLD)
    images.write_layout(tmp_path / "app", OLD)
    (tmp_path / "app" / "oci-layout").write_bytes(b'{"imageLayoutVersion":"2.0.0"}')
    run_module("registry_pull", arguments()).failure("unsupported")


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_private_is_never_open_to_others(
    registry: FakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, arguments: t.Any, kind: str
) -> None:
    given: list[int] = []

    def spy(function: t.Callable[..., None]) -> t.Callable[..., None]:
        def call(target: t.Any, mode: int = 0o777, **options: t.Any) -> None:
            given.append(mode)
            function(target, mode, **options)

        return call

    put(registry, "app", "1.0", OLD)
    for name in ("chmod", "fchmod", "mkdir"):
        monkeypatch.setattr(os, name, spy(getattr(os, name)))
    run_module("registry_pull", arguments(kind, mode="0400")).ok()
    assert given
    assert not any(mode & 0o077 for mode in given)


# Wrong paths


def refused(run_module: RunModule, options: dict[str, t.Any], *words: str) -> Result:
    """Run a pull that fails because of its path, in check mode as well."""
    run_module("registry_pull", options, check=True).failure("local_io")
    failed = run_module("registry_pull", options).failure("local_io")
    for word in (options["path"], *words):
        assert word in failed.msg
    return failed


@pytest.mark.parametrize("kind", FORMATS)
def test_a_folder_that_does_not_exist_is_not_made(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any, kind: str
) -> None:
    refused(run_module, arguments(kind, path=str(tmp_path / "no" / "app")), "does not exist", "Create it first")
    assert list(tmp_path.iterdir()) == []
    assert registry.log() == []


def test_a_folder_with_other_content_is_no_layout(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "letter.txt").write_text("dear", encoding="utf-8")
    refused(run_module, arguments(), "other content")
    assert list(tree(tmp_path / "app")) == ["letter.txt"]
    assert registry.log() == []


def test_an_empty_folder_becomes_a_layout_and_a_link_to_it_stays(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, arguments: t.Any
) -> None:
    put(registry, "app", "1.0", OLD)
    (tmp_path / "real").mkdir()
    (tmp_path / "app").symlink_to("real")
    assert run_module("registry_pull", arguments()).ok().changed is True
    assert (tmp_path / "app").is_symlink()
    assert content_of(tmp_path / "real") == OLD.files


def test_a_file_is_no_layout(run_module: RunModule, tmp_path: Path, arguments: t.Any) -> None:
    (tmp_path / "app").write_text("text", encoding="utf-8")
    refused(run_module, arguments(), "is a file")


@pytest.mark.parametrize("kind", FORMATS[1:])
def test_a_folder_or_a_fifo_is_no_archive(run_module: RunModule, tmp_path: Path, arguments: t.Any, kind: str) -> None:
    refused(run_module, arguments(kind, path=str(tmp_path)), "is a folder")
    os.mkfifo(tmp_path / "app")
    refused(run_module, arguments(kind), "no regular file")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_downloaded(
    registry: FakeRegistry, run_module: RunModule, arguments: t.Any, kind: str
) -> None:
    put(registry, "app", "1.0", OLD)
    with pytest.raises(OSError, match="/sys/kernel/app") as refusal:
        os.mkdir("/sys/kernel/app")
    failed = run_module("registry_pull", arguments(kind, path="/sys/kernel/app")).failure("local_io")
    assert "Writing /sys/kernel/app failed" in failed.msg
    assert ("read-only" if refusal.value.errno == errno.EROFS else "permi") in failed.msg.lower()  # containers have it read-only
    assert "get_blob" not in registry.counts()


def test_an_owner_that_does_not_exist_is_told_before_anything_is_downloaded(
    registry: FakeRegistry, run_module: RunModule, arguments: t.Any, tmp_path: Path
) -> None:
    put(registry, "app", "1.0", OLD)
    failed = run_module("registry_pull", arguments(owner="nobody-of-this-name"))
    assert failed.failed
    assert "nobody-of-this-name" in failed.text
    assert "get_blob" not in registry.counts()
    assert list(tmp_path.iterdir()) == []
