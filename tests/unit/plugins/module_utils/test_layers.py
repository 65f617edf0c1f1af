# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of module_utils: who may import whom, held against the imports that there are."""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.plugins.layers import LAYERS

FOLDER = Path(__file__).resolve().parents[4] / "plugins" / "module_utils"
ORDER = [name for layer in LAYERS.values() for name in layer.split()]
FILES = sorted(path.stem for path in FOLDER.glob("*.py"))


def imports(name: str) -> t.Iterator[str]:
    """Yield every module that a file imports anywhere, those of its own folder with a leading dot."""
    for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ("." * node.level + str(entry) for entry in names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def test_every_file_has_one_layer() -> None:
    assert sorted(set(FILES) - set(ORDER)) == [], "give these files a layer in tests/unit/plugins/layers.py"
    assert len(ORDER) == len(set(ORDER))


def test_files_import_from_below() -> None:
    own = [(name, imported[1:]) for name in FILES for imported in imports(name) if imported.startswith(".")]
    assert [f"{name} imports {below}" for name, below in own if below not in ORDER or ORDER.index(below) >= ORDER.index(name)] == []


def test_libraries_have_one_door_each() -> None:
    doors: dict[str, set[str]] = {}
    for name in FILES:
        for imported in imports(name):
            doors.setdefault(imported.partition(".")[0], set()).add(name)
    assert doors["requests"] == doors["urllib3"] == {"_connections"}
    assert doors["ansible"] == {"_module", "_secrets"}


def test_only_the_glue_knows_ansible_modules() -> None:
    assert [name for name in FILES if "AnsibleModule" in (FOLDER / f"{name}.py").read_text(encoding="utf-8")] == ["_module"]
