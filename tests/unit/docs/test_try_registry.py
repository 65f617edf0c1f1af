# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook try_registry: it passes where all works, and says what does not."""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import LOGIN, MakeRegistry, guarded
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import run_ansible
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

PLAYBOOK = "ocitools.registry.try_registry"
TASKS = Path(__file__).resolve().parents[3] / "playbooks" / "tasks"

pytestmark = pytest.mark.usefixtures("one_authority")


def _try(registry: FakeRegistry, folder: Path, address: str = "", **variables: t.Any) -> str:
    """Run the playbook; return its recap and what it reports."""
    login = {"username": "ci", "password": LOGIN["vault_registry_password"], "ansible_python_interpreter": sys.executable}
    given = json.dumps({"registry": address or registry.host, "prefix": "team/trial", **login, **variables})
    output = run_ansible("playbook", ["-e", given, PLAYBOOK], folder).stdout
    return output.rpartition("TASK [Report]")[2] or output


def test_a_registry_that_can_all_of_it_passes_and_keeps_no_tag(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = guarded(make_registry)
    report = _try(registry, tmp_path)
    assert re.search(r"changed=\d+ +unreachable=0 +failed=0 +skipped=0 +rescued=0", report), report
    assert f"{registry.host} works: push, tag, index, copy, pull, sync, artifact, sign, prune." in report
    names = ("app", "copied", "builds", "mirrored/team/trial/app", "imported/team/trial/app")
    assert all(registry.manifests(f"team/trial/{name}") and not registry.tags(f"team/trial/{name}") for name in names)


def test_a_registry_may_be_written_as_every_module_takes_it(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = guarded(make_registry)
    report = _try(registry, tmp_path, f"https://{registry.host}/mine/", parts=["push", "index", "sync"])
    assert "works: push, index, sync." in report
    for name in ("app", "mirrored/mine/team/trial/app", "imported/mine/team/trial/app"):
        assert registry.manifests(f"mine/team/trial/{name}")
        assert not registry.tags(f"mine/team/trial/{name}")


def test_check_mode_tries_nothing_and_says_so(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = guarded(make_registry)
    output = run_ansible("playbook", ["--check", "-e", f"registry={registry.host}", PLAYBOOK], tmp_path).stdout
    assert "Run the playbook without --check" in output
    assert registry.log() == []


def test_a_registry_that_cannot_be_used_at_all_ends_it_at_once(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = guarded(make_registry)
    output = _try(registry, tmp_path, password="wrong")
    assert "does not accept the credentials" in output, output
    assert "Make a temporary folder" not in output
    assert registry.writes() == []
    refused = _try(registry, tmp_path, username=None, password=None)
    assert f'"msg": "The token server {registry.host} requires credentials: set username and password' in refused, refused
    assert "Name your registry" in run_ansible("playbook", [PLAYBOOK], tmp_path).stdout


def test_what_a_registry_cannot_is_named_and_the_rest_is_tried(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = guarded(make_registry)
    registry.style.delete_by_tag, registry.style.delete_by_digest = "unsupported", False
    report = _try(registry, tmp_path, parts=["push", "tag", "push"], repositories=["app"])
    assert "tag: Delete one of them: " in report, report
    assert "push:" not in report


def test_a_loop_that_fails_says_why(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = guarded(make_registry)
    registry.on("put_upload", times=None).answer(403, code="DENIED", message="the quota is used up")
    report = _try(registry, tmp_path, parts=["push"], repositories=["app"])
    assert re.search(r'"push: Push two images: [^"]*the quota is used up', report), report


def test_every_part_is_tried() -> None:
    parts = {path.stem.removeprefix("try_") for path in TASKS.glob("try_*.yml")} - {"part", "clean"}
    (named,) = re.findall(r"parts: \[(.*)\]", (TASKS.parent / "try_registry.yml").read_text(encoding="utf-8"))
    assert parts == set(named.split(", "))
