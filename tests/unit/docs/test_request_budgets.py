# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide on requests states for each operation how many it takes: counted here, with a token server, first contact included."""

from __future__ import annotations

import importlib
import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.docs.budget_world import CASES, N, World
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import HAS_CONTROLLER, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "docsite" / "rst" / "guide_requests.rst"
for _cases in ("budget_images", "budget_others"):
    importlib.import_module(f"ansible_collections.ocitools.registry.tests.unit.docs.{_cases}")


@pytest.fixture
def front() -> str:
    """One front is enough: both run the same task."""
    return "module"


def _rows() -> dict[str, str]:
    """Return the table of the guide: how many requests an operation takes."""
    text = GUIDE.read_text(encoding="utf-8")
    cells = re.findall(r"^   \* - (.+)\n     - (.+)\n     - ?(.*)$", text, re.MULTILINE)
    return {name: requests for name, requests, _notes in cells[1:]}


def _value(formula: str, **values: int) -> int:
    """Return what a formula such as ``N (3 B + 4) + 4`` is."""
    total = 0
    for sign, term in re.findall(r"([+-]?)\s*((?:[^+(]|\([^)]*\))+)", formula):
        product = 1
        for factor in re.findall(r"\([^)]*\)|\d+|[A-Z]", term):
            product *= _value(factor[1:-1], **values) if factor[0] == "(" else values[factor] if factor in values else int(factor)
        total += -product if sign == "-" else product
    return total


ROWS = _rows()


def test_every_operation_is_in_the_table_and_every_module_too() -> None:
    assert list(ROWS) == list(CASES)
    text = GUIDE.read_text(encoding="utf-8")
    assert [module for module in matrix.MODULES if f"``{module}``" not in text] == []


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if HAS_CONTROLLER or "registry_digest" not in name])
def test_an_operation_takes_the_requests_that_the_guide_states(
    make_registry: t.Callable[..., FakeRegistry], run_module: RunModule, run_lookup: t.Any, tmp_path: Path, name: str
) -> None:
    for blobs in (2, 4) if "B" in ROWS[name] else (2,):
        folder = tmp_path / str(blobs)
        folder.mkdir()
        world = World(make_registry, run_module, run_lookup, folder, blobs)
        act = CASES[name](world)
        world.count()
        act()
        assert world.count() == _value(ROWS[name], B=blobs, N=N), [world.registry.log(), world.other.log()]
