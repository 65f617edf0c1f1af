# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of module_utils: who may import whom, held against the imports that there are."""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[4] / "plugins" / "module_utils"

# From the lowest layer to the highest. A file imports from the layers below its own and, in its own, from what stands before it.
LAYERS = (
    "_errors _scrub _secrets _json _reference _platform _manifest _challenge _headers _fanout",
    "_image_source _files _tar _compression _compressed_file _archive _saved_layers _selection _oci_layout _docker_archive _source _subset "
    "_credential_helper _credentials",
    "_origin _tls _connections _transport _retry _auth _exchange",
    "_api _listing _referrers",
    "_download _upload_body _sending _upload _transfer _deletion _results _retention",
    "_client _connection _images _deletion_plan _copy _pull _prune",
    "_module _push",
)
ORDER = [name for layer in LAYERS for name in layer.split()]
LAYER_OF = {name: number for number, layer in enumerate(LAYERS) for name in layer.split()}
FILES = sorted(path.stem for path in FOLDER.glob("*.py"))


def imports(name: str) -> t.Iterator[tuple[str, ast.AST]]:
    """Yield every module that a file imports anywhere, those of its own folder with a leading dot."""
    for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (("." * node.level + str(entry), node) for entry in names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module), node


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_from_below(name: str) -> None:
    assert name in LAYER_OF, f"{name} has no layer yet: give it one in LAYERS"
    for imported, _node in imports(name):
        assert not imported.startswith(".."), f"{name} imports {imported}: module_utils stands alone"
        if imported.startswith("."):
            below = imported[1:]
            assert ORDER.index(below) < ORDER.index(name), f"{name} imports {below}, which is not below it"


@pytest.mark.parametrize("name", FILES)
def test_libraries_have_one_door_each(name: str) -> None:
    roots = {imported.partition(".")[0] for imported, _node in imports(name) if not imported.startswith(".")}
    assert not (roots & {"requests", "urllib3"}) or name == "_connections"
    assert "ansible" not in roots or name in ("_module", "_secrets")


def test_only_the_glue_knows_ansible_modules() -> None:
    assert [name for name in FILES if "AnsibleModule" in (FOLDER / f"{name}.py").read_text(encoding="utf-8")] == ["_module"]


def test_no_name_stands_twice() -> None:
    assert len(ORDER) == len(LAYER_OF)
