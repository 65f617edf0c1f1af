# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of threats names tests that exist, and every threat has one of its own number."""

from __future__ import annotations

import re
from pathlib import Path

COLLECTION = Path(__file__).resolve().parents[3]
ROWS = re.findall(r"^\| (\d+)\. .*\| (.*) \|$", (COLLECTION / "SECURITY.md").read_text(encoding="utf-8"), re.MULTILINE)
NOT_USED = 33  # a feature of registries that the client does without


def _tests() -> set[str]:
    """The names of all unit tests."""
    files = (COLLECTION / "tests" / "unit").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)}


def test_every_threat_is_in_the_table() -> None:
    numbers = [int(number) for number, _names in ROWS]
    assert numbers == sorted(set(numbers))
    assert {int(number) for name in _tests() for number in re.findall(r"^test_t(\d\d)_", name)} - {NOT_USED} <= set(numbers)


def test_the_table_names_tests_that_exist() -> None:
    known = _tests()
    for number, cell in ROWS:
        names = re.findall(r"`(\w+)`", cell)
        assert names, f"threat {number} names no test"
        assert set(names) <= known, f"threat {number} names a test that does not exist"
        assert int(number) == NOT_USED or all(name.startswith(f"test_t{int(number):02}_") for name in names)
