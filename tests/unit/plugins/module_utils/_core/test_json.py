# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON that somebody else wrote: read in bounds, or refused in words."""

from __future__ import annotations

import json
import sys
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.json import MAX_DEPTH, load_object, load_value
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import mixed, parsed, quick, refusal
from ansible_collections.ocitools.registry.tests.unit.registry.canary import assert_clean
from hypothesis import given
from hypothesis import strategies as st

LIMIT = 1024 * 1024
SECRET = "pa55-w0rd&Canary"

plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
few = st.lists(plain, max_size=3) | st.dictionaries(st.text(max_size=4), plain, max_size=3)
documents = st.dictionaries(st.text(max_size=4), plain | few | st.lists(few, max_size=3), max_size=4)


def load(raw: bytes) -> dict[str, t.Any]:
    return load_object(raw, LIMIT, "The document")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "at character 0"),
        (b" \n", "at character 2"),
        (b"{", "at character 1"),
        (b"[]", "not a JSON object"),
        (b'"{}"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}{}", "at character 2"),
        (b'{"a": 1,}', "at character"),
        (b"{'a': 1}", "at character 1"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b'{"a": [-Infinity]}', "-Infinity"),
        (b'{"a": 1e400}', "too large"),
        (b'{"a": -1e999999999}', "too large"),
        (b'{"a": 0.' + b"1" * 200 + b"}", "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too long"),
        (b'{"a": 1, "a": 1}', "key twice"),
        (b'{"x": [{"a": 1, "\\u0061": 2}]}', "key twice"),
        (b'\xef\xbb\xbf{"a": 1}', "BOM"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "at character"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "UTF-8"),
        (b'{"a": "\x00"}', "control character"),
        (b'{"a": "\\x41"}', "escape"),
        (b"[" * 100_000, "deeper"),
        (b'{"a":' * 100_000, "deeper"),
        (b'{"a":' * MAX_DEPTH + b"{}" + b"}" * MAX_DEPTH, "deeper"),
    ],
)
def test_t17_a_document_is_refused_in_words(raw: bytes, said: str) -> None:
    error = refusal(load, raw, kind="invalid_response")
    assert error.message.startswith("The document cannot be read as JSON: ")
    assert said in error.message


def test_t17_a_document_over_the_limit_is_no_json_error() -> None:
    assert load_object(b'{"a": 1}', 8, "The document") == {"a": 1}
    assert "limit of 8 bytes" in refusal(load_object, b'{"a": 1} ', 8, "The document", kind="limit").message


@pytest.mark.parametrize("item", [b"1", b"[]", b"{}", b'{"a":1}'])
def test_t17_a_document_holds_so_many_values_and_no_more(item: bytes) -> None:
    many = b'{"a":[' + b",".join([item] * 300_000) + b"]}"
    assert "250000 values" in refusal(load_object, many, 10 * LIMIT, "The document", kind="limit").message
    assert len(load(b'{"a":[' + b",".join([item] * 100_000) + b"]}")["a"]) == 100_000


@pytest.mark.parametrize("inner", [b"1", b"{}", b"[]", b'"text"'])
def test_t17_what_is_just_deep_enough_is_read(inner: bytes) -> None:
    depth = MAX_DEPTH - (inner in (b"{}", b"[]"))
    raw = b'{"a":' + b"[" * (depth - 1) + inner + b"]" * (depth - 1) + b"}"
    assert load(raw) == json.loads(raw)
    refusal(load, b'{"a":' + b"[" * depth + inner + b"]" * depth + b"}", kind="invalid_response")


def test_t17_depth_does_not_depend_on_how_deep_the_caller_is() -> None:
    def call(left: int) -> object:
        return call(left - 1) if left else refusal(load, b"[" * 500, kind="invalid_response")

    call(sys.getrecursionlimit() // 2)


def test_numbers_are_what_they_say() -> None:
    assert load(b'{"a": [0, -7, 9007199254740993, 1.5, -0.0, 1e300, true]}') == {"a": [0, -7, 9007199254740993, 1.5, 0.0, 1e300, True]}


def test_any_value_can_be_asked_for() -> None:
    assert load_value(b"[1]", LIMIT, "The list") == [1]


@pytest.mark.parametrize(
    "raw", [f'{{"password": "{SECRET}", }}', f'{{"password": "{SECRET}", "password": 1}}', f'{{"{SECRET}": NaN}}', f"{SECRET}"]
)
def test_t37_the_error_shows_nothing_of_the_document(raw: str) -> None:
    error = refusal(load_object, raw.encode(), LIMIT, "The auth file", "credentials", kind="credentials")
    assert_clean(error.message, SECRET)


@quick
@given(documents)
def test_what_is_written_is_read_back(document: dict[str, t.Any]) -> None:
    assert load(json.dumps(document).encode()) == document


@quick
@given(
    st.one_of(
        st.binary(max_size=60),
        mixed('{"a":', "[", "]", "}", '"', "1e9", "NaN", "\\u", "123", "null", most=20).map(
            lambda text: text.encode("utf-8", "surrogatepass")
        ),
    )
)
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    document = parsed(load, raw)
    assert document is None or document == json.loads(raw.decode())
