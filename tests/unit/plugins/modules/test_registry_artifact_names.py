# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and sizes of files in artifacts: all that a file can have in folders, and as titles those that show what they are."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

NAMES = ["mnt-my\\x2ddisk.mount", "Screenshot 1.00\u202fPM.png", "a\u3000b", "a\u200db", "a\nb\x1b[2J", "-", " ", "a:b*?", "\u202e"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_may_have_any_names(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder" / name).mkdir(parents=True)
    (tmp_path / "folder" / name / name).write_bytes(b"x")
    (tmp_path / "folder" / "link").symlink_to(f"{name}/{name}")
    run_module("registry_artifact", registry.args(name="app:1", files=[str(tmp_path / "folder")])).ok()
    options = registry.args(name="app:1", dest=str(tmp_path / "dest"))
    assert run_module("registry_artifact_pull", options).ok().changed
    assert (tmp_path / "dest" / "folder" / name / name).read_bytes() == b"x"
    assert os.readlink(tmp_path / "dest" / "folder" / "link") == f"{name}/{name}"
    registry.clear()
    assert not run_module("registry_artifact_pull", options).ok().changed
    assert registry.counts() == {"get_manifest": 1}


@pytest.mark.parametrize("name", NAMES[:4])
def test_a_title_may_have_the_characters_of_all_languages(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    result = run_module("registry_artifact", registry.args(name="app:1", files=[str(tmp_path / name)])).ok()
    assert result["files"][0]["title"] == name
    options = registry.args(name="app:1", dest=str(tmp_path / "dest"), include=[name])
    assert run_module("registry_artifact_pull", options).ok()["files"][0]["path"] == str(tmp_path / "dest" / name)
    assert (tmp_path / "dest" / name).read_bytes() == b"x"
    assert not run_module("registry_artifact_pull", options).ok().changed


def test_a_name_that_is_not_utf_8_is_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "folder" / "a\udcff").mkdir(parents=True)
    result = run_module("registry_artifact", registry.args(name="app:1", files=[str(tmp_path / "folder")])).failure("invalid_source")
    assert "is not UTF-8: rename the file" in result.msg
    assert registry.log() == []


def test_a_folder_may_lie_deeper_than_calls_can_be_nested(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    inner = tmp_path.joinpath("folder", *"d" * 480)
    inner.mkdir(parents=True)
    (inner / "file").write_bytes(b"x")
    options = registry.args(name="app:1", files=[str(tmp_path / "folder")])
    assert run_module("registry_artifact", options).ok().changed
    assert not run_module("registry_artifact", options).ok().changed


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024, 4096, 1024 * 1024])
def test_files_of_all_sizes_are_in_a_folder_and_so_is_what_follows_them(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, size: int
) -> None:
    (tmp_path / "folder" / "d").mkdir(parents=True)
    files = {"a": b"a", "b": bytes(size), "c": b"c", "d/e": bytes(size), "f": bytes(size)}
    for name, content in files.items():
        (tmp_path / "folder" / name).write_bytes(content)
    run_module("registry_artifact", registry.args(name="app:1", files=[str(tmp_path / "folder")])).ok()
    options = registry.args(name="app:1", dest=str(tmp_path / "dest"))
    run_module("registry_artifact_pull", options).ok()
    assert {name: (tmp_path / "dest" / "folder" / name).read_bytes() for name in files} == files
    registry.clear()
    assert not run_module("registry_artifact_pull", options).ok().changed
    assert registry.counts() == {"get_manifest": 1}


@pytest.mark.parametrize(
    "options", [{"files": ["/proc/version"]}, {"files": ["/proc/sys/kernel/random"]}, {"config": {"path": "/proc/version"}}]
)
def test_a_file_that_states_no_size_is_not_taken_for_an_empty_one(registry: FakeRegistry, run_module: RunModule, options: t.Any) -> None:
    result = run_module("registry_artifact", registry.args(name="app:1", **options)).failure("invalid_source")
    assert "states a size of 0" in result.msg
    assert registry.log() == []
