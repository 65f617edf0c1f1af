# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another user has in a shared folder, under names that would pass for what a killed task left behind, is in nobody's way."""

from __future__ import annotations

import hashlib
import os
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import artifacts
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import start_module
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

LABELS = ("files", "auth", "record", "extract", hashlib.sha256(b"image.tar").hexdigest()[:16])


@pytest.fixture
def shared() -> t.Iterator[Path]:
    """A folder in which everybody can make files, and nobody can remove those of others."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o1777)
        yield Path(name)


def _plant(shared: Path, owner: int) -> None:
    for label in LABELS:
        names = [shared / f".ocitools-{label}-{number:016x}.tmp" for number in range(3)]
        names[0].write_text("planted", encoding="ascii")
        names[1].symlink_to("/etc/passwd")
        (names[2] / "sub").mkdir(parents=True)
        for name in names:
            os.chown(name, owner, -1, follow_symlinks=False)


@pytest.mark.parametrize("user", [0, 65534])
def test_t74_files_of_another_user_are_not_taken_for_leftovers(registry: FakeRegistry, shared: Path, user: int) -> None:
    is_root = not os.geteuid()
    _plant(shared, (65534 if user == 0 else 0) if is_root else -1)
    artifacts.artifact(registry, "1", artifacts.file(registry, "a"))
    registry.add_image("app", "2")
    login = {"registry": "reg.example", "username": "robot", "password": "c4nary-password", "check_credentials": False}
    tasks: list[tuple[str, dict[str, t.Any]]] = [
        ("registry_artifact_pull", registry.args(name="app:1", dest=str(shared))),
        ("registry_extract", registry.args(name="app:2", dest=f"{shared}/file", paths=["/file.txt"])),
        ("registry_login", {**login, "auth_file": f"{shared}/auth.json"}),
        ("registry_pull", registry.args(name="app:2", path=f"{shared}/image.tar", format="oci-archive")),
    ]
    env = {"AS_USER": str(user)} if is_root and user else {}
    for module, options in tasks:
        with tempfile.TemporaryDirectory() as tmpdir:
            os.chown(tmpdir, user if is_root else -1, -1)
            result = start_module(module, {**options, "use_auth_file": False}, Path(tmpdir), env=env).wait().ok()
        assert result.changed
        assert not [text for text in result.warnings if "planted" in text or "not written" in text]
