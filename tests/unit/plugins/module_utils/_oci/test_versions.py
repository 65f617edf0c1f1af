# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of versions: what comes before what, and that it is an order at all."""

from __future__ import annotations

import itertools
import random
import string

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.versions import sort_by_version, version_key
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import quick
from hypothesis import given
from hypothesis import strategies as st

ORDERS = [
    "1.9 1.10 1.11 2 10",
    "v1.9 1.10 V1.11",
    "1.0-dev 1.0-SNAPSHOT 1.0-nightly.20240101 1.0-canary 1.0-alpha 1.0-alpha.2 1.0-b1 1.0-beta.11 1.0-M3 1.0-preview 1.0-rc 1.0-rc2 1.0-rc10 1.0",
    "2.0.0.CR1 2.0.0.Final",
    "3.0a1 3.0b2 3.0rc1 3.0",
    "1.2-rc1 1.2.0 1.2-alpine 1.2.0-debian 1.2.1",
    "1.10-rc1 v1.10 1.10-alpine 1.10.1-alpha",
    "1.0-rc1 1.0-rc1-alpine 1.0-rc2",
    "1.0 1.0-1 1.0-2 1.0-10 1.0-p1 1.0.1",
    "1.0-p2 1.0-p10",
    "20231231 20240101 20240101.1",
    "2024.01.31 2024.1.31-2 2024.02.01",
    "0 0.0.1 0.1",
    "1 1.0.1 1.1",
]


def _key(tag: str) -> bytes:
    """The key of a tag that is a version."""
    key = version_key(tag)
    assert key is not None, f"{tag} is a version"
    return key


NO_VERSIONS = [
    "latest",
    "main",
    "stable",
    "v",
    "vv1",
    "release-1.2",
    "3f2a1b9c",
    "1e",
    "1alpine",
    "1rcx",
    "-1",
    ".1",
    "a.1",
    "sha256-0",
    "",
    "_1",
]

tags = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=20)
versions = st.builds(
    lambda mark, numbers, suffix: f"{mark}{'.'.join(map(str, numbers))}{suffix}",
    st.sampled_from(["", "v"]),
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
    st.sampled_from(["", "-rc1", "rc2", "-rc.10", "-beta", "-alpine", "-alpine3.20", "-1", ".Final", "-rc1-alpine"]),
)


@pytest.mark.parametrize("line", ORDERS)
def test_order(line: str) -> None:
    expected = line.split()
    for earlier, later in itertools.combinations(expected, 2):
        assert _key(earlier) < _key(later), f"{earlier} comes before {later}"
    shuffled = list(expected)
    random.Random(line).shuffle(shuffled)
    assert sort_by_version(shuffled, str) == expected
    assert sort_by_version(shuffled, str, reverse=True) == expected[::-1]


@pytest.mark.parametrize("tag", NO_VERSIONS)
def test_what_is_no_version(tag: str) -> None:
    assert version_key(tag) is None


def test_what_is_no_version_is_last_in_both_directions() -> None:
    assert sort_by_version(["main", "2", "latest", "1"], str) == ["1", "2", "latest", "main"]
    assert sort_by_version(["main", "2", "latest", "1"], str, reverse=True) == ["2", "1", "main", "latest"]


def test_items_are_sorted_by_what_their_tag_is() -> None:
    assert sort_by_version([("b", "1.10"), ("a", "1.9")], lambda item: item[1]) == [("a", "1.9"), ("b", "1.10")]


@quick
@given(st.lists(st.one_of(versions, tags), max_size=12))
def test_sorting_does_not_depend_on_the_order_before(items: list[str]) -> None:
    ordered = sort_by_version(items, str)
    assert sorted(ordered) == sorted(items)
    assert sort_by_version(items[::-1], str) == ordered
    assert sort_by_version(ordered, str) == ordered
    known = [version_key(item) is not None for item in ordered]
    assert known == sorted(known, reverse=True)


@quick
@given(versions, versions)
def test_different_versions_are_never_equal(one: str, other: str) -> None:
    assert (version_key(one) == version_key(other)) == (one == other)


@quick
@given(st.lists(st.integers(0, 10**30), min_size=1, max_size=4), st.lists(st.integers(0, 10**30), min_size=1, max_size=4))
def test_plain_versions_are_ordered_as_their_numbers(one: list[int], other: list[int]) -> None:
    padded = [numbers + [0] * (4 - len(numbers)) for numbers in (one, other)]
    if padded[0] != padded[1]:
        keys = [_key(".".join(map(str, numbers))) for numbers in (one, other)]
        assert (keys[0] < keys[1]) == (padded[0] < padded[1])


@quick
@given(versions)
def test_a_pre_release_is_between_the_release_before_and_its_own(version: str) -> None:
    plain = version.lstrip("v").partition("-")[0].split("rc")[0].split(".F")[0]
    key = _key(f"{plain}-rc1")
    assert key < _key(plain) < _key(f"{plain}-alpine")
    assert _key(plain) < _key(f"{plain}.1-rc1")
