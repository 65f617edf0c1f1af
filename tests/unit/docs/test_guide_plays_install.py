# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of the guide about programs out of images, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import LOGIN, RST, MakeRegistry, Tell, guarded, telling
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.filesystems import file, folder, layer, tree

pytestmark = pytest.mark.usefixtures("one_authority")
tell = pytest.fixture(telling)


def test_install_a_binary(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
    registry.add_image("team/exporter", "1.4.2", [layer(folder("usr"), folder("usr/bin"), file("usr/bin/exporter", "program", 0o4755))])
    registry.add_image("team/site", "2", [layer(file("srv/www/index.html", "home"), file("srv/www/css/site.css", "style"))])
    reader = tell("guide_install_binary", {"registry.example.com": registry})
    (reader.folder / "bin").mkdir()
    given: dict[str, t.Any] = {
        **LOGIN,
        "prefix": str(reader.folder),
        "site": str(reader.folder / "site"),
        "program_owner": str(os.getuid()),
        "restart": ["touch", str(reader.folder / "restarted")],
    }
    words = ["-e", json.dumps(given), "-c", "local", "-i", "localhost,"]
    for changed in (2, 0):
        assert reader.play("install.yml", *words).changed == changed
    program = reader.folder / "bin" / "exporter"
    assert tree(program.parent) == {"exporter": "0755 program"}
    assert (reader.folder / "restarted").exists()
    program.write_text("spoilt", encoding="ascii")
    assert reader.play("install.yml", *words).changed == 2
    assert reader.play("site.yml", *words).changed == 1
    assert reader.play("site.yml", *words).changed == 0
    assert set(tree(reader.folder / "site")) == {"css", "css/site.css", "index.html"}


def test_the_guide_for_people_from_other_tools_names_what_there_is() -> None:
    text = (RST / "guide_coming_from.rst").read_text(encoding="utf-8")
    named = set(re.findall(r"registry_\w+", text)) - {"registry_digest"}
    assert named <= set(matrix.MODULES)
    left_out = set(matrix.MODULES) - named
    assert left_out == set(), "each module replaces something that people use"
