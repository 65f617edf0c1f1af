# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks in the guides use modules and options that there are."""

from __future__ import annotations

import ast
import re
import textwrap
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.ocitools.registry.plugins.module_utils._errors import KINDS

COLLECTION = Path(__file__).resolve().parents[3]
GUIDES = sorted((COLLECTION / "docs" / "docsite" / "rst").glob("*.rst"))
PREFIX = "ocitools.registry."
BLOCK = re.compile(r"^\.\. code-block:: yaml(?:\+jinja)?\n\n((?:    .*\n|\n)+)", re.MULTILINE)

Task = dict[str, t.Any]


def _documentation(path: Path) -> dict[str, t.Any]:
    """The YAML of DOCUMENTATION in a plugin or fragment."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
            return t.cast("dict[str, t.Any]", yaml.safe_load(ast.literal_eval(node.value)))
    raise AssertionError(f"{path} has no DOCUMENTATION")


def _options(module: str) -> set[str]:
    """The names of all options of a module, those of its fragments and aliases among them."""
    documentation = _documentation(COLLECTION / "plugins" / "modules" / f"{module}.py")
    parts = [documentation]
    for fragment in documentation["extends_documentation_fragment"]:
        name = fragment.removeprefix(PREFIX).partition(".")[0]
        parts.append(_documentation(COLLECTION / "plugins" / "doc_fragments" / f"{name}.py"))
    names: set[str] = set()
    for part in parts:
        for name, option in (part.get("options") or {}).items():
            names.update([name, *option.get("aliases", [])])
    return names


def _tasks(path: Path) -> t.Iterator[tuple[str, Task]]:
    """Yield module names and arguments in a guide, those of module_defaults among them."""
    for block in BLOCK.findall(path.read_text(encoding="utf-8")):
        for entry in yaml.safe_load(textwrap.dedent(block)):
            for name, arguments in entry.get("module_defaults", {}).items():
                yield name.removeprefix("group/"), arguments
            for task in entry.get("tasks") or entry.get("block") or [entry]:
                yield from ((key, value) for key, value in task.items() if key.startswith(PREFIX))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_uses_what_there_is(guide: Path) -> None:
    tasks = list(_tasks(guide))
    assert tasks
    for name, arguments in tasks:
        module = name.removeprefix(PREFIX)
        known = _options("registry_image_info" if module == "registry" else module)
        assert set(arguments) <= known, f"{guide.name}: {name} has no option {set(arguments) - known}"


def test_every_guide_is_in_the_table_of_contents() -> None:
    sections = yaml.safe_load((COLLECTION / "docs" / "docsite" / "extra-docs.yml").read_text(encoding="utf-8"))["sections"]
    assert sorted(name for section in sections for name in section["toctree"]) == [path.stem for path in GUIDES]


def test_every_kind_of_error_is_explained_and_listed() -> None:
    guide = (COLLECTION / "docs" / "docsite" / "rst" / "guide_errors.rst").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^``(\w+)``\n  \S", guide.partition("The kinds\n---")[2], re.MULTILINE)) == KINDS
    notes = " ".join(_documentation(COLLECTION / "plugins" / "doc_fragments" / "_registry.py")["notes"])
    assert tuple(re.findall(r"V\((\w+)\)", notes)) == KINDS
