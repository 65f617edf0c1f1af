# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of the guides to multi-platform images and to files in a registry."""

from __future__ import annotations

import json

import pytest
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import LOGIN, MakeRegistry, Tell, guarded, telling

pytestmark = pytest.mark.usefixtures("one_authority")
tell = pytest.fixture(telling)


def test_multi_platform(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
    reader = tell("guide_multi_platform", {"registry.example.com": registry})
    reader.play("index.yml", fails=True, **LOGIN)
    assert registry.tags("team/app") == {}
    digests = [registry.add_image("builds/app", f"1.4.2-{name}", platform=f"linux/{name}").digest for name in ("amd64", "arm64", "riscv64")]
    assert reader.play("index.yml", **LOGIN).changed == 2
    assert reader.play("index.yml", **LOGIN).changed == 0
    made = registry.tags("team/app")
    assert made["1.4.2"] == made["latest"]
    assert (reader.folder / "digest.txt").read_text(encoding="utf-8") == f"{registry.host}/team/app@{made['latest']}\n"
    assert reader.play("append.yml", **LOGIN).changed == 1
    index = json.loads(registry.stored("team/app", "1.4.2").raw)
    assert [entry["digest"] for entry in index["manifests"]] == digests
    assert registry.tags("team/app")["latest"] == made["latest"]
    assert reader.play("append.yml", **LOGIN).changed == 0


def test_artifacts(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
    reader = tell("guide_artifacts", {"registry.example.com": registry})
    for name, text in (
        ("settings.json", "{}"),
        ("templates/a.j2", "a"),
        ("app.spdx.json", "{}"),
        ("app/Chart.yaml", "name: app\nversion: 1.4.2\n"),
        ("app-1.4.2.tgz", "chart"),
    ):
        (reader.folder / name).parent.mkdir(exist_ok=True)
        (reader.folder / name).write_text(text, encoding="utf-8")
    registry.add_image("team/app", "1.4.2")
    assert reader.play("push.yml", **LOGIN).changed == 1
    assert reader.play("push.yml", **LOGIN).changed == 0

    (reader.folder / "inventory.yml").write_text("web:\n  hosts:\n    web1:\n", encoding="utf-8")
    web = ("-i", "inventory.yml", "-e", "ansible_connection=local", "-e", f"folder={reader.folder}/pulled")
    first = reader.play("pull.yml", *web, **LOGIN)
    assert "The configuration changed." in first.output
    pulled = reader.folder / "pulled"
    assert (pulled / "templates" / "a.j2").read_text(encoding="utf-8") == "a"
    again = reader.play("pull.yml", *web, **LOGIN)
    assert again.changed == 0
    (pulled / "settings.json").write_text("changed", encoding="utf-8")
    assert reader.play("pull.yml", *web, **LOGIN).changed == 1
    assert (pulled / "settings.json").read_text(encoding="utf-8") == "{}"

    assert reader.play("attach.yml", "--check", **LOGIN).changed == 1
    assert reader.play("attach.yml", **LOGIN).changed == 2
    assert reader.play("attach.yml", **LOGIN).changed == 0
    assert (reader.folder / "sbom" / "app.spdx.json").read_text(encoding="utf-8") == "{}"
    assert reader.play("chart.yml", **LOGIN).changed == 1
    assert json.loads(registry.stored("charts/app", "1.4.2").raw)["config"]["mediaType"] == "application/vnd.cncf.helm.config.v1+json"
