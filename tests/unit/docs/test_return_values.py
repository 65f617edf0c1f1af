# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return is what their documentation says: each value, its type, and whether it may be null."""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Documented = dict[str, dict[str, t.Any]]

TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
    "float": (float, int),
}
OF_ANSIBLE = {"changed", "diff", "invocation", "warnings"}
OF_A_PATH = {"group", "mode", "owner", "secontext", "size", "state", "uid", "gid"}
COPY_OF_ONE = "with O(src)"


def _returned(module: str) -> Documented:
    tree = ast.parse((matrix.FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    texts = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}
    documented: Documented = yaml.safe_load(ast.literal_eval(texts["RETURN"]))
    if module == "registry_copy":  # each image has what the task returns for a single one
        documented["images"]["contains"].update({name: value for name, value in documented.items() if COPY_OF_ONE in value["returned"]})
    if module == "registry_tag_info":
        documented["images"]["contains"] = {**_returned("registry_image_info")["images"]["contains"], **documented["images"]["contains"]}
    return documented


def _faults(documented: Documented, values: dict[str, t.Any], where: str) -> t.Iterator[str]:
    for name, value in values.items():
        place = f"{where}{name}"
        if name not in documented:
            yield f"{place} is not documented"
            continue
        said = documented[name]
        if value is None:
            if "null" not in str(said["description"]).lower():
                yield f"{place} is null, which is not documented"
            continue
        if not isinstance(value, TYPES[said["type"]]) or isinstance(value, bool) != (said["type"] == "bool"):
            yield f"{place} is {value!r}, documented as {said['type']}"
        for entry in (value if isinstance(value, list) else [value]) if "contains" in said else ():
            yield from _faults(said["contains"], entry, f"{place}.")
    for name, said in documented.items():
        if name not in values and said.get("returned", "always") in ("always", "success"):
            yield f"{where}{name} is documented, and not returned"


@pytest.mark.parametrize("module", matrix.MODULES)
def test_values_are_returned_as_documented(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, module: str) -> None:
    matrix.fill(registry)
    task = {**registry.args(), **matrix.task(module, registry, tmp_path)}
    documented = _returned(module)
    for check in (True, False, False):  # what a run would do, what it does, and what there is left to do
        result = run_module(module, task, check=check).ok()
        left = OF_ANSIBLE | (OF_A_PATH if {"path", "dest"} & set(documented) else set())
        values = {name: value for name, value in result.data.items() if name not in left}
        assert list(_faults(documented, values, f"{module}: ")) == []


def test_each_image_of_a_list_is_returned_as_documented(registry: FakeRegistry, run_module: RunModule) -> None:
    matrix.fill(registry)
    images = [{"src": "app:1", "dest": "copy"}, {"src": "app:none", "dest": "copy"}]
    result = run_module("registry_copy", registry.args(images=images)).failure("not_found")
    for entry in result["images"]:
        assert list(_faults(_returned("registry_copy")["images"]["contains"], entry, "images: ")) == []
