# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names chosen by regular expressions."""

from __future__ import annotations

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.patterns import Selection, check_limit
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, parsed, quick, refusal
from hypothesis import given


@pytest.mark.parametrize(
    ("include", "exclude", "chosen"),
    [
        ([], [], ["1.0", "1.1-rc1", "latest"]),
        (["1"], [], ["1.0", "1.1-rc1"]),
        (["^1", "late"], ["rc"], ["1.0", "latest"]),
        ([], ["."], []),
        (["^0$"], [], []),
        (r"^\d{1,3}\.\d$", None, ["1.0"]),
    ],
)
def test_names_are_chosen(include: list[str] | str, exclude: list[str] | None, chosen: list[str]) -> None:
    selection = Selection.parse(include, exclude)
    assert [name for name in ("1.0", "1.1-rc1", "latest") if selection.has(name)] == chosen


@pytest.mark.parametrize("text", ["(", "*", "[a", "(?P<n>a", "a{2,1}", "\\", "", 1.1, None, ["a"]])
def test_text_that_is_no_expression_is_refused_with_its_option(text: object) -> None:
    assert "The option include" in refusal(Selection.parse, [text], [], kind="invalid_option").message
    assert "The option exclude" in refusal(Selection.parse, [], ["ok", text], kind="invalid_option").message


@quick
@given(hostile_text)
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    selection = parsed(Selection.parse, [text], [])
    assert selection is None or selection.has("1.0") in (True, False)


@pytest.mark.parametrize("limit", [None, 1, 1000])
def test_limits(limit: int | None) -> None:
    assert check_limit(limit) == limit


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    refusal(check_limit, limit, kind="invalid_option")
