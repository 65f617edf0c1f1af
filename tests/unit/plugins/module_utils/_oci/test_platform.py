# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Platforms: how they are written, and which image serves which."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.platform import Platform
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, mixed, parsed, quick, refusal
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("linux/amd64", "linux/amd64"),
        ("Linux/X86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64/v8"),
        ("linux/ARM/V6", "linux/arm/v6"),
        (" windows/amd64 ", "windows/amd64"),
    ],
)
def test_a_platform_is_written_in_one_way(text: str, shown: str) -> None:
    assert str(Platform.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "linux",
        "linux/",
        "/amd64",
        "linux/amd64/",
        "linux/arm/v7/x",
        "linux//v7",
        "linux/am d64",
        "linux/amd64\0",
        "l\u0131nux/amd64",
        "linux/" + "x" * 65,
        "all",
        "*/*",
    ],
)
def test_what_is_no_platform_is_refused(text: str) -> None:
    assert "linux/arm64" in refusal(Platform.parse, text, kind="invalid_option").message


@pytest.mark.parametrize(
    ("there", "wanted", "fits"),
    [
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64/v9", "linux/arm64", False),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v6", "linux/arm", False),
        ("linux/arm", "linux/arm/v6", False),
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64/v3", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v3", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/amd64", "linux/arm64", False),
    ],
)
def test_an_image_serves_a_platform(there: str, wanted: str, fits: bool) -> None:
    assert Platform.parse(there).satisfies(Platform.parse(wanted)) is fits


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"os": "linux", "architecture": "arm64", "variant": "v8"}, "linux/arm64/v8"),
        ({"os": "linux", "architecture": "amd64", "os.version": "10", "os.features": ["x"]}, "linux/amd64"),
        ({"os": "linux", "architecture": "amd64", "variant": None}, "linux/amd64"),
        ({"os": "linux", "architecture": "amd64", "variant": "\x1b[31m"}, "linux/amd64"),
        ({"os": "", "architecture": ""}, None),
        ({"os": "linux"}, None),
        ({"os": 5, "architecture": "amd64"}, None),
        ({"os": "li/nux", "architecture": "amd64"}, None),
        (None, None),
        ("linux/amd64", None),
        ([], None),
    ],
)
def test_a_document_states_a_platform_or_none(document: t.Any, expected: str | None) -> None:
    platform = Platform.from_document(document)
    assert (None if platform is None else str(platform)) == expected


@quick
@given(mixed("linux", "/", "x86_64", "arm64", "v8", "ARM", "Windows"))
def test_a_platform_is_parsed_or_refused_and_read_back_the_same(text: str) -> None:
    platform = parsed(Platform.parse, text)
    if platform is not None:
        assert Platform.parse(str(platform)) == platform
        assert platform.satisfies(platform)


@quick
@given(
    st.dictionaries(
        st.sampled_from(["os", "architecture", "variant"]), st.sampled_from(["linux", "arm64", "v8", "", None, 1, []]) | hostile_text
    )
)
def test_t43_a_platform_out_of_a_document_is_plain_text(document: t.Any) -> None:
    platform = Platform.from_document(document)
    if platform is not None:
        assert str(platform).isascii()
        assert str(platform).isprintable()
        assert Platform.parse(str(platform)) == platform
