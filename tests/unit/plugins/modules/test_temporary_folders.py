# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that have no folder for temporary files, as containers with a read-only root and full disks: one result says so."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import artifacts, harness, images, tars
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Run = t.Callable[[str, dict[str, t.Any]], harness.Result]


@pytest.fixture
def run_without_folder(front: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a task where a file is at the place of the folder."""
    place = tmp_path / "file"
    place.write_text("no folder", encoding="ascii")

    def run(name: str, args: dict[str, t.Any]) -> harness.Result:
        if front == "module":
            monkeypatch.setattr(harness, "module_arguments", lambda args, *_rest: {**args, "_ansible_remote_tmp": str(place)})
            return harness.run_module(name, args, False, False, tmp_path)
        from ansible import constants

        monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(place))
        return harness.run_action(name, args, False, False, place)

    return run


@pytest.mark.parametrize("name", ["registry_push", "registry_artifact_pull", "registry_artifact"])
def test_a_host_without_a_folder_for_temporary_files_is_told(
    registry: FakeRegistry, run_without_folder: Run, tmp_path: Path, name: str
) -> None:
    tar = tars.tar_bytes([("run", b"new")])
    artifacts.artifact(registry, "1", artifacts.folder(registry, "a", tar), artifacts.folder(registry, "b", tar))
    for folder in ("a", "b"):
        (tmp_path / "there" / folder).mkdir(parents=True)
    options: dict[str, dict[str, t.Any]] = {
        "registry_push": {"name": "app:2", "path": images.write_docker_archive(tmp_path / "image.tar", {"app:1": images.image()})},
        "registry_artifact_pull": {"name": "app:1", "dest": str(tmp_path / "there")},
        "registry_artifact": {"name": "app:2", "files": [str(tmp_path / "there" / "a"), str(tmp_path / "there" / "b")]},
    }
    failure = run_without_folder(name, registry.args(**options[name])).failure("local_io")
    assert not failure.changed
    assert failure.msg.startswith("The host that runs the task has no folder for temporary files: ")
    assert "Not a directory" in failure.msg
    assert failure.msg.endswith("; set the variable ansible_remote_tmp to a folder that the user of the task can write.")
    assert registry.writes() == []
