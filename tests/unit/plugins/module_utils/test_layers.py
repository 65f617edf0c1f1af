# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of module_utils: who may import whom, held against the imports that there are."""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[4] / "plugins" / "module_utils"

# From the lowest layer to the highest. A file imports from the layers below its own and, in its own, from what stands before it.
LAYERS = (
    "_errors _scrub _secrets _json _reference _versions _digest_tags _platform _manifest _challenge _headers _fanout _patterns _certificate",
    (
        "_image_source _files _tar _compression _compressed_file _archive _saved_layers _selection _oci_layout _docker_archive _source _subset "
        "_image_content _held _disk _layout_writer _tar_writer _archive_writer _docker_writer _credential_helper _credentials"
    ),
    "_origin _tls _connections _transport _retry _auth _exchange",
    "_api _listing _referrers",
    "_download _upload_body _ways _sending _upload _transfer _deletion_refusal _deletion _results _retention _needs",
    ("_client _connection _two_registries _images _probe _contents _deletions _deletion_plan _companions _copy _pull _prune"),
    "_module _push _copies",
)
ORDER = [name for layer in LAYERS for name in layer.split()]
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
    assert sorted(set(FILES) - set(ORDER)) == [], "give these files a layer in LAYERS"
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
