# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of parsers share: quick and repeatable property tests, hostile text, and what a refusal must look like."""

from __future__ import annotations

import string
import typing as t
import unicodedata

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import KINDS, RegistryError
from hypothesis import settings
from hypothesis import strategies as st

Value = t.TypeVar("Value")

quick = settings(deadline=None, max_examples=100, database=None, derandomize=True)

# Letters that fold or case into ASCII, digits of other scripts, blanks of all kinds, half of a pair, and what URLs and headers are made of.
_HOSTILE = "\0\r\n\t\x1b\x7f\x85\xa0\u2028\u202e\u0131\u017f\u212a\u0661\u00b2\ud800\udcff\U000e0041" + string.punctuation + " aZ019"
hostile_text = st.one_of(st.text(max_size=60), st.text(_HOSTILE, max_size=60))


def mixed(*fragments: str, most: int = 12) -> st.SearchStrategy[str]:
    """Text put together of ``fragments`` with hostile characters between them: what nearly is right."""
    return st.lists(st.one_of(st.sampled_from(fragments), st.sampled_from(_HOSTILE)), max_size=most).map("".join)


def refusal(call: t.Callable[..., object], *args: t.Any, kind: str = "", **options: t.Any) -> RegistryError:
    """Return the error that ``call`` must raise, which is of ``kind`` and one printable sentence."""
    with pytest.raises(RegistryError) as caught:
        call(*args, **options)
    check_error(caught.value)
    assert not kind or caught.value.kind == kind, caught.value.message
    return caught.value


def parsed(call: t.Callable[..., Value], *args: t.Any, **options: t.Any) -> Value | None:
    """Return what ``call`` makes of its arguments, None where it refuses them; any other exception fails the test."""
    try:
        return call(*args, **options)
    except RegistryError as error:
        check_error(error)
        return None


def check_error(error: RegistryError) -> None:
    """Hold an error against what every error must be."""
    assert error.kind in KINDS
    assert error.message.endswith((".", "!")), error.message
    assert error.message.isprintable(), ascii(error.message)
    assert len(error.message) < 1500


def is_plain(text: str) -> bool:
    """Tell whether text leaves terminals and the direction of lines alone; joiners stand within words of some languages."""
    return not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in text if char not in "\u200c\u200d")
