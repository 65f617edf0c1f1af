# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that no module can use: paths that no file can have, and variables that are empty."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

NO_PATH = {
    "registry_pull": "path",
    "registry_push": "path",
    "registry_extract": "dest",
    "registry_artifact_pull": "dest",
    "registry_login": "auth_file",
}


@pytest.mark.parametrize("module", NO_PATH)
def test_a_path_that_no_file_can_have_is_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, module: str) -> None:
    matrix.fill(registry)
    task = {**registry.args(), **matrix.task(module, registry, tmp_path), NO_PATH[module]: f"{tmp_path}/a\0b"}
    failed = run_module(module, task)
    assert failed.failed
    assert failed["error"]["kind"] in ("invalid_option", "invalid_source", "local_io")
    assert re.search("NUL|embedded null", failed.msg)


@pytest.mark.parametrize("option", ["platform", "ca_path", "client_cert", "client_key"])
def test_an_option_whose_variable_is_empty_is_not_left_out(registry: FakeRegistry, run_module: RunModule, option: str) -> None:
    registry.add_image("app", "1")
    tasks: dict[str, dict[str, t.Any]] = {"registry_image_info": {"name": ["app:1"]}, "registry_tag": {"name": "app:1", "tags": ["2"]}}
    for module, options in tasks.items():
        assert run_module(module, registry.args(**{**options, option: ""})).failure("invalid_option")
    assert registry.log() == []
