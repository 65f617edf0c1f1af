# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role mirror, run by the real Ansible: the host of the source as a part of the path."""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import run_ansible
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]


def _mirror(folder: Path, *uses: dict[str, t.Any]) -> None:
    """Use the role so often in one play, with registries that speak HTTP."""
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {
            "ocitools.registry.registry_sync": {"src_plain_http": True, "dest_plain_http": True},
        },
        "tasks": [
            {"ansible.builtin.include_role": {"name": "ocitools.registry.mirror"}, "vars": {"mirror_keep_host": True, **use}}
            for use in uses
        ],
    }
    (folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    done = run_ansible("playbook", ["-i", "localhost,", "play.yml"], folder)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("base", "prefix"), [("{}/mirror", "mirror/"), ("https://{}/v2/", "")])
def test_a_host_kept_in_the_path_is_copied_and_imported_below_any_base(
    make_registry: MakeRegistry, tmp_path: Path, base: str, prefix: str
) -> None:
    source, direct, carried = (make_registry() for _number in range(3))
    digest = source.add_image("team/app", "1").digest
    images = {"mirror_images": [f"{source.host}/team/app:1"]}
    entry = {"mirror_images": [{"src": f"{source.host}/team/app:1", "dest": "quay.io/team/app:2"}], "mirror_dir": str(tmp_path / "carried")}
    _mirror(
        tmp_path,
        {**images, "mirror_dest_registry": base.format(direct.host)},
        {**entry, "mirror_mode": "export"},
        {
            "mirror_images": [],
            "mirror_dir": entry["mirror_dir"],
            "mirror_mode": "import",
            "mirror_dest_registry": base.format(carried.host),
        },
    )
    assert direct.tags(f"{prefix}{source.host.replace(':', '-')}/team/app") == {"1": digest}
    assert carried.tags(f"{prefix}quay.io/team/app") == {"2": digest}
