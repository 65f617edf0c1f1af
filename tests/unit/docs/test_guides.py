# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays and tasks in the guides use modules, roles and options that there are."""

from __future__ import annotations

import ast
import importlib
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.plugins import doc_fragments
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import KINDS
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import blocks

COLLECTION = Path(__file__).resolve().parents[3]
GUIDES = sorted((COLLECTION / "docs" / "docsite" / "rst").glob("*.rst"))
PREFIX = "ocitools.registry."
Task = dict[str, t.Any]


def _documentation(path: Path) -> dict[str, t.Any]:
    """The YAML of DOCUMENTATION in a plugin or fragment."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
            return t.cast("dict[str, t.Any]", yaml.safe_load(ast.literal_eval(node.value)))
    raise AssertionError(f"{path} has no DOCUMENTATION")


def _fragment(name: str, section: str) -> dict[str, t.Any]:
    """The YAML of a section of one of our fragments, which may be put together by code."""
    made = importlib.import_module(f"ansible_collections.ocitools.registry.plugins.doc_fragments.{name}")
    return t.cast("dict[str, t.Any]", yaml.safe_load(getattr(made.ModuleDocFragment, section.upper() or "DOCUMENTATION")))


def _options(module: str) -> set[str]:
    """The names of all options of a module, those of its fragments and aliases among them."""
    documentation = _documentation(COLLECTION / "plugins" / "modules" / f"{module}.py")
    parts = [documentation]
    for fragment in documentation["extends_documentation_fragment"]:
        if fragment.startswith(PREFIX):
            parts.append(_fragment(*fragment.removeprefix(PREFIX).partition(".")[::2]))
        else:
            parts.append(_documentation(Path(doc_fragments.__path__[0], f"{fragment.rpartition('.')[2]}.py")))
    names: set[str] = set()
    for part in parts:
        for name, option in (part.get("options") or {}).items():
            names.update([name, *option.get("aliases", [])])
    return names


def _variables(role: str) -> set[str]:
    """The names of all variables of a role."""
    specs = yaml.safe_load((COLLECTION / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return set(specs["argument_specs"]["main"]["options"])


def _entries(guide: Path) -> t.Iterator[Task]:
    """Yield the plays and tasks of a guide."""
    for block in blocks(guide.stem):
        content = yaml.safe_load(block.text) if block.language in ("yaml", "yaml+jinja") else None
        yield from content if isinstance(content, list) else []


def _parts(entry: Task) -> t.Iterator[Task]:
    """Yield a play, task or block and all that is in it."""
    yield entry
    for key in ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always"):
        for part in entry.get(key, []):
            yield from _parts(part)


def _roles(guide: Path) -> t.Iterator[tuple[str, set[str]]]:
    """Yield the roles that a guide uses, and the names of what stands beside them."""
    for part in (part for entry in _entries(guide) for part in _parts(entry)):
        yield from ((use["role"], {*use, *use.get("vars", {})}) for use in part.get("roles", []))
        for action in ("ansible.builtin.include_role", "ansible.builtin.import_role"):
            if action in part:
                yield part[action]["name"], set(part.get("vars", {}))


def _tasks(guide: Path) -> t.Iterator[tuple[str, Task]]:
    """Yield module names and arguments in a guide, those of module_defaults among them."""
    for entry in _entries(guide):
        for name, arguments in entry.get("module_defaults", {}).items():
            yield name.removeprefix("group/"), arguments
        for task in _parts(entry):
            yield from ((key, value) for key, value in task.items() if key.startswith(PREFIX))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_uses_options_that_there_are(guide: Path) -> None:
    for name, arguments in _tasks(guide):
        module = name.removeprefix(PREFIX)
        known = _options("registry_image_info" if module == "registry" else module)
        assert set(arguments) <= known, f"{guide.name}: {name} has no option {set(arguments) - known}"


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_uses_variables_of_roles_that_there_are(guide: Path) -> None:
    for name, beside in _roles(guide):
        role = name.removeprefix(PREFIX)
        given = {name for name in beside if name.startswith(f"{role}_")}
        assert given <= _variables(role), f"{guide.name}: {role} has no variable {given - _variables(role)}"


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_no_block_of_a_guide_has_a_caption_with_which_github_drops_it(guide: Path) -> None:
    assert ":caption:" not in guide.read_text(encoding="utf-8")


def test_every_guide_is_in_the_table_of_contents() -> None:
    sections = yaml.safe_load((COLLECTION / "docs" / "docsite" / "extra-docs.yml").read_text(encoding="utf-8"))["sections"]
    assert sorted(name for section in sections for name in section["toctree"]) == [path.stem for path in GUIDES]


def test_every_kind_of_error_is_explained_and_listed() -> None:
    guide = (COLLECTION / "docs" / "docsite" / "rst" / "guide_errors.rst").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^``(\w+)``\n  \S", guide.partition("The kinds\n---")[2], re.MULTILINE)) == KINDS
    notes = " ".join(_documentation(COLLECTION / "plugins" / "doc_fragments" / "_registry.py")["notes"])
    assert tuple(re.findall(r"V\((\w+)\)", notes)) == KINDS


def test_the_readme_lists_every_guide() -> None:
    readme = (COLLECTION / "README.md").read_text(encoding="utf-8")
    assert [guide.name for guide in GUIDES if f"/{guide.name})" not in readme] == []
