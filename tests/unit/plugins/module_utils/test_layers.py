# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of module_utils: who may import whom, held against the imports that there are."""

from __future__ import annotations

import ast
import re
import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.plugins.layers import LAYERS

FOLDER = Path(__file__).resolve().parents[4] / "plugins" / "module_utils"
FILES = sorted(path.relative_to(FOLDER) for path in FOLDER.rglob("*.py") if path.name != "__init__.py")


def imports(file: Path) -> t.Iterator[str]:
    """Yield every module that a file imports anywhere; those of this collection as a path below module_utils: "_core/errors"."""
    for node in ast.walk(ast.parse((FOLDER / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            folder = Path("/", file).parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = (
                [folder]
                if (FOLDER / folder.relative_to("/")).with_suffix(".py").is_file()
                else [folder / alias.name for alias in node.names]
            )
            yield from (str(name.relative_to("/")) for name in names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def own_imports(file: Path) -> t.Iterator[Path]:
    """Yield what a file imports of this collection."""
    return (Path(name) for name in imports(file) if "/" in name)


def test_every_file_has_one_place() -> None:
    listed = [Path(folder, f"{name}.py") for folder, layer in LAYERS.items() for name in layer.files.split()]
    assert sorted(listed) == FILES, "name each file once in tests/unit/plugins/layers.py"


def test_folders_import_from_below() -> None:
    wrong = [
        (file, name) for file in FILES for name in own_imports(file) if name.parts[0] not in (file.parts[0], *LAYERS[file.parts[0]].below)
    ]
    assert [f"{file} imports {name}" for file, name in wrong] == []


def test_files_of_a_folder_import_from_those_before_them() -> None:
    order = {folder: layer.files.split() for folder, layer in LAYERS.items()}
    own = [(file, name) for file in FILES for name in own_imports(file) if name.parts[0] == file.parts[0]]
    wrong = [(file, name) for file, name in own if order[file.parts[0]].index(name.name) >= order[file.parts[0]].index(file.stem)]
    assert [f"{file} imports {name}" for file, name in wrong] == []


def test_contributors_are_told_of_every_folder() -> None:
    guide = (FOLDER.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.findall(r"^- `(_[a-z]+)`:", guide, re.MULTILINE) == list(LAYERS)[::-1]


def test_libraries_have_one_door_each() -> None:
    doors: dict[str, set[str]] = {}
    for file in FILES:
        for imported in imports(file):
            doors.setdefault(imported.partition(".")[0], set()).add(str(file))
    assert doors["requests"] == doors["urllib3"] == {"_http/sockets.py"}
    assert doors["ansible"] == {"_tasks/module.py", "_core/secrets.py"}


def test_only_the_glue_knows_ansible_modules() -> None:
    assert [str(file) for file in FILES if "AnsibleModule" in (FOLDER / file).read_text(encoding="utf-8")] == ["_tasks/module.py"]
