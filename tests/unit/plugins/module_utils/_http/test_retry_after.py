# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retry-After: seconds or a date, whatever a registry writes there."""

from __future__ import annotations

import time

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http.retry import parse_retry_after
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, mixed, quick
from hypothesis import example, given
from hypothesis import strategies as st

NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the specification's own example


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 60 ", 60),
        ("007", 7),
        ("784111787", 10),
        ("784111787.5", 10.5),
        ("784111787000", 10),
        ("784111000000", 0),
        ("1.5", 1.5),
        ("784111000", 0),
        ("1000000000", 1e9),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10),
        ("Sun Nov  6 08:49:47 1994", 10),
        ("Sun, 06 Nov 1994 08:49:47 -0000", 10),
        ("Sun, 06 Nov 1994 08:49:47", 10),
        ("Sun, 06 Nov 1994 09:49:47 +0100", 10),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Sat, 06 Nov 2094 08:49:37 GMT", 3155760000),
    ],
)
def test_t24_seconds_and_dates_are_understood(value: str, seconds: float) -> None:
    assert parse_retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "-5",
        "+5",
        "1e9",
        "0x10",
        "5s",
        "1_0",
        "\u0665",
        "\u00b2",
        "5\n6",
        str(2**70),
        "soon",
        "NaN",
        "inf",
        "Sun, garbage, garbage",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 +9999",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\r\nX: y",
        "S\u00fcn, 06 Nov 1994 08:49:37 GMT",
    ],
    ids=ascii,
)
def test_t24_anything_else_says_nothing(value: str) -> None:
    assert parse_retry_after(value, NOW) is None


def test_t24_a_date_without_a_zone_is_no_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_retry_after("Sun Nov  6 08:49:47 1994", NOW) == 10
    finally:
        monkeypatch.undo()
        time.tzset()


@quick
@given(st.one_of(hostile_text, mixed("Sun", ", ", "06", " Nov ", "1994 ", "08:49:37", " GMT", "-", "+0000", "Sunday", "9999", most=9)))
@example("Sun, 06 Nov 9999 23:59:59 -2359")
@example("Sun, 06 Nov 1994 08:49:37 +99999999999999")
def test_t24_any_value_is_seconds_or_nothing(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds < 1e12
