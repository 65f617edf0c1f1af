# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headers that registries answer with."""

from __future__ import annotations

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http.headers import (
    MAX_WARNING,
    parse_content_range,
    parse_count,
    parse_next_link,
    parse_received,
    parse_warnings,
)
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, mixed, quick
from hypothesis import example, given
from hypothesis import strategies as st

HUGE = "9" * 19


@pytest.mark.parametrize(("value", "count"), [("0", 0), ("12", 12), ("0012", 12), ("9" * 18, int("9" * 18))])
def test_t26_a_count_of_bytes(value: str, count: int) -> None:
    assert parse_count(value) == count


@pytest.mark.parametrize("value", [None, "", " 1", "1\n", "-1", "+1", "1, 1", "1.0", "0x1", "1_0", "\u0661", "\u00b2", HUGE], ids=ascii)
def test_t26_what_is_no_count(value: str | None) -> None:
    assert parse_count(value) is None


@pytest.mark.parametrize(("value", "count"), [("0-0", 1), ("0-1999", 2000), ("bytes=0-1999", 2000), (" 0-9 ", 10)])
def test_the_range_of_an_upload(value: str, count: int) -> None:
    assert parse_received(value) == count


@pytest.mark.parametrize(
    "value", [None, "", "-", "0-", "0--1", "1-5", "5-0", "bytes 0-5", "bytes=0-5,7-9", "0-\u0665", "0-5\n6", f"0-{HUGE}"], ids=ascii
)
def test_what_is_no_range_of_an_upload(value: str | None) -> None:
    assert parse_received(value) is None


@pytest.mark.parametrize(("value", "first"), [("bytes 0-9/10", 0), ("bytes 5-9/10", 5), ("bytes 5-9/*", 5), (" bytes 7-7/8", 7)])
def test_t26_the_first_byte_of_a_part(value: str, first: int) -> None:
    assert parse_content_range(value) == first


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "bytes */10",
        "bytes 5-9",
        "5-9/10",
        "bytes=5-9/10",
        "bytes -5-9/10",
        "bytes 9-5/10",
        "bytes 5-9/10, bytes 0-4/10",
        f"bytes {HUGE}-9/10",
    ],
)
def test_t26_what_is_no_part(value: str | None) -> None:
    assert parse_content_range(value) is None


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, []),
        ("", []),
        ('299 - "This image is old"', ["This image is old"]),
        ('299 reg.example.com:443 "a", 299 - "b"', ["a", "b"]),
        ('199 - "stale", 299 - "b" "Wed, 21 Oct 2026 07:28:00 GMT"', ["b"]),
        ('299 - "say \\"no\\" to \\\\"', ['say "no" to \\']),
        ('299 - ""', [""]),
        ('299 - "not closed', []),
        ("299 - none", []),
        ('299 - "' + "x" * MAX_WARNING + '"', ["x" * MAX_WARNING]),
        ('299 - "' + "x" * (MAX_WARNING + 1) + '"', []),
        ('299 - "a", ' * 2000, ["a"] * 1489),
    ],
    ids=lambda value: str(value)[:40],
)
def test_t44_warnings_are_read(value: str | None, texts: list[str]) -> None:
    assert parse_warnings(value) == texts


@pytest.mark.parametrize(
    ("value", "link"),
    [
        ('</v2/a/tags/list?last=x&n=2>; rel="next"', "/v2/a/tags/list?last=x&n=2"),
        ("</x>; rel=next", "/x"),
        ("</x>;rel=NEXT", "/x"),
        ('</x>; title="a; rel=prev"; rel="next"', "/x"),
        ('</x>; title="a, <b>"; REL="next last"', "/x"),
        ('</x> ; rel = "next" ; type="application/json"', "/x"),
        ('</first>; rel="first", </x>; rel="next", </y>; rel="next"', "/x"),
        ('</prev>; rel=prev,</x>; rel="next"', "/x"),
        ("<https://evil.example/x>; rel=next", "https://evil.example/x"),
        ("/x; rel=next", "/x"),
        ("https://h/v2/r/tags/list?n=50&last=x; rel=next", "https://h/v2/r/tags/list?n=50&last=x"),
        ('"/x?last=a,b"; rel="next"', "/x?last=a,b"),
        ("</x>; rel='next'", "/x"),
    ],
)
def test_t18_the_next_page(value: str, link: str) -> None:
    assert parse_next_link(value) == link


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "nonsense",
        '<>; rel="next"',
        '</x>; rel="prev"',
        "</x>; rel=nextpage",
        '</x>; title="; rel=next"',
        '</x>; norel="next"',
        "</x>",
        "</style.css?v=2>; rel=preload; as=style",
        '</v2/a/tags/list?n=50>; rel="first self"',
        '</v2/>; rel="https://example.com/rels/root"',
        '</terms?v=2>; rel="terms-of-service"',
        '</v2/a/tags/list?last=a>; rel="current"',
        '<https://example.com/docs>; title="next"',
    ],
)
def test_t18_no_next_page(value: str | None) -> None:
    assert parse_next_link(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "</x> rel=next",
        "</x; rel=next",
        "/x>; rel=next",
        "/x y; rel=next",
        '</x>; rel="next',
        '</x>; rel="prev"; rel="next"',
        "rel=next; </x>",
        "</v2/a/tags/list?last=x&n=50>",
        "/y; rel=prev, /x; rel=next",
        "/v2/a/tags/list?last=x&n=50",
        "next=/v2/a/tags/list?last=x&n=50",
        '{"next": "/v2/a/tags/list?last=x&n=50"}',
        '</v2/a/tags/list?last=x&n=50>; rel=\\"next\\"',
        "</v2/a/tags/list?last=x&n=50>; rel",
        "</v2/a/tags/list?last=x&n=50>; rel=nextpage",
        "</v2/a/tags/list?last=x&n=50>; rel=next-page",
        '</v2/a/tags/list?last=x&n=50>; rel="following"',
        "</v2/a/tags/list/page/2>",
        '</v2/a/tags/list/page/2>; "next"',
        "</v2/_catalog/2>; rel=more",
        "/v2/a/tags/list?last=a;b&n=50; rel=next",
        '&lt;/v2/a/tags/list?last=x&gt;; rel="next"',
        '%3C/v2/a/tags/list?last=x%3E; rel="next"',
        "url=/v2/a/tags/list?last=x; rel=next",
        "[/v2/a/tags/list?last=x]; rel=next",
        f'<{"x" * 16384}>; rel="next"',
    ],
    ids=lambda value: str(value)[:40],
)
def test_t18_a_next_page_that_cannot_be_read_is_no_end(value: str) -> None:
    with pytest.raises(ValueError, match=r"it (is|has)"):
        parse_next_link(value)


# Properties


@quick
@given(st.one_of(hostile_text, mixed("bytes ", "bytes=", "0", "-", "10", "/", "*", HUGE)))
def test_t26_any_value_is_a_number_in_bounds_or_nothing(value: str) -> None:
    for parse in (parse_count, parse_received, parse_content_range):
        number = parse(value)
        assert number is None or 0 <= number <= 10**18


@quick
@given(st.one_of(hostile_text, mixed("<", ">", "; rel=", "next", '"', ",", "/x", "\\", "title=", most=20)))
@example('<>"' * 6000)
@example("<" * 20000)
@example("rel=" * 4000)
@example("rel=a " * 2700)
@example("a*" * 8000)
@example('a="' * 5000)
@example("x" * 16000 + ";")
@example("/;" + "a " * 8000)
@example("/" + ";a= " * 4000 + "!")
@example("/" + ";a " * 5000 + '"')
@example("/" + ";a= " * 4000 + '"')
@example("/" + ";a =  b  " * 1700 + '"')
def test_t18_any_link_is_read(value: str) -> None:
    try:
        link = parse_next_link(value)
    except ValueError:
        return
    assert link is None or link in value


@quick
@given(st.one_of(hostile_text, mixed("299 ", "- ", '"', "text", "\\", ", ", most=20)))
@example('299 - "' * 3000)
@example("299 " * 5000 + '"')
def test_t44_any_warning_is_read(value: str) -> None:
    assert all(len(text) <= MAX_WARNING for text in parse_warnings(value))
