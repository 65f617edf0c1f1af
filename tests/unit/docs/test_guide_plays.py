# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every play in a guide is run as it stands there, but for the names of hosts.

A guide gives each play a file name, in the line before it, and other files too that the plays need. A test here prepares registries,
reads the guide, runs its plays and looks at what the reader would look at; ``tell`` sees to it that none is left out, and that each
message in the guide (a block of ``text``) was seen.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import LOGIN, RST, MakeRegistry, Tell, blocks, guarded, telling
from ansible_collections.ocitools.registry.tests.unit.plugins import images

GUIDES = sorted(path.stem for path in RST.glob("guide_*.rst"))

pytestmark = pytest.mark.usefixtures("one_authority")
tell = pytest.fixture(telling)


def test_every_play_has_a_name_and_is_told() -> None:
    stories = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_guide_plays*.py")]
    told = [guide for story in stories for guide in re.findall(r'tell\("(guide_\w+)"', story)]
    plays = {guide: [block for block in blocks(guide) if block.is_play] for guide in GUIDES}
    assert [block.text for found in plays.values() for block in found if not block.file] == []
    assert sorted(guide for guide, found in plays.items() if found) == sorted(set(told))


def test_authentication(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
    reader = tell("guide_authentication", {"reg.example.com": registry})
    pushed = images.image()
    images.write_oci_archive(reader.folder / "app.tar", {"1.4.2": pushed})
    assert reader.play("release.yml", **LOGIN).changed == 1
    assert registry.tags("team/app") == {"1.4.2": pushed.digest}


def test_retention(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
    for number in range(12):
        registry.add_image("team/app", f"b{number:02}", config={"created": f"2020-01-{number + 1:02}T00:00:00Z"})
    registry.add_image("team/base", "only")
    reader = tell("guide_retention", {"registry.example.com": registry})
    assert reader.play("retention.yml", **LOGIN).changed == 0
    assert len(registry.tags("team/app")) == 12
    assert reader.play("retention.yml", apply="true", **LOGIN).changed > 0
    assert sorted(registry.tags("team/app")) == [f"b{number:02}" for number in range(2, 12)]
    assert set(registry.tags("team/base")) == {"only"}
    for number in range(3):
        registry.add_image("team/app", f"1.{number}.0", config={"created": f"2021-01-{number + 1:02}T00:00:00Z"})
    registry.set_tag("team/app", "latest", registry.add_image("team/app", "b99", config={"created": "2019-01-01T00:00:00Z"}).digest)
    reader.play("prune.yml", **LOGIN)
    releases = {f"1.{number}.0" for number in range(3)}  # newer than all builds, and not among the ten
    assert set(registry.tags("team/app")) == {f"b{number:02}" for number in range(2, 12)} | releases | {"latest"}


def test_promote(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
    old = registry.add_image("release/app", "1.4", config={"author": "the last release"}).digest
    reader = tell("guide_promote", {"registry.example.com": registry})
    reader.play("test.yml", fails=True, **LOGIN)
    tested = registry.add_image("team/app", "1.4.2-rc1").digest
    reader.play("test.yml", **LOGIN)
    reader.play("promote.yml", fails=True, **LOGIN)  # nobody is there who could say yes
    reader.play("promote.yml", fails=True, approved="false", **LOGIN)
    assert registry.tags("release/app") == {"1.4": old}
    shown = reader.play("promote.yml", "--check", "--diff", approved="true", **LOGIN).output
    assert old in shown
    assert tested in shown
    assert registry.tags("release/app") == {"1.4": old}
    assert reader.play("promote.yml", approved="true", **LOGIN).changed > 0
    assert registry.tags("release/app") == {"1.4": tested, "1.4.2": tested}
    previous = yaml.safe_load((reader.folder / "previous.yml").read_text(encoding="utf-8"))
    assert previous == {"previous": {"1.4": old, "1.4.2": None}}
    assert reader.play("promote.yml", approved="true", **LOGIN).changed == 0
    assert reader.play("rollback.yml", **LOGIN).changed > 0
    assert registry.tags("release/app") == {"1.4": old, "1.4.2": tested}
    (reader.folder / "previous.yml").write_text("previous: {'1.4': null}\n", encoding="utf-8")
    reader.play("rollback.yml", fails=True, **LOGIN)
    registry.add_image("team/app", "1.4.2-rc1", config={"author": "somebody else"})
    failed = reader.play("promote.yml", approved="true", fails=True, **LOGIN)
    assert f"not the expected {tested}: nothing was copied." in failed.output
    assert registry.tags("release/app") == {"1.4": old, "1.4.2": tested}
