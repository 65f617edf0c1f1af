# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges of semantic versions: what npm's and Masterminds' give, the public grammar, and what is refused."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.versions import VersionRange
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, mixed, parsed, quick, refusal
from hypothesis import given
from hypothesis import strategies as st

# The range, the versions in it, and after a slash those that are not. npm's and Masterminds' agree on all of these.
FACTS = """
1.2.3            : 1.2.3 v1.2.3 / 1.2.4 1.2.2 2.2.3 1.2.3-rc1 latest
=1.2.3           : 1.2.3 / 1.2.4 1.2.3-rc.1
v1.2.3           : 1.2.3 v1.2.3 / 1.3.0
1.2              : 1.2.0 1.2.99 / 1.1.9 1.3.0 2.2.0 1.2.0-rc1
1                : 1.0.0 1.99.7 / 0.9.9 2.0.0 1.0.0-beta
=1.2             : 1.2.0 1.2.7 / 1.3.0 1.1.0
1.x              : 1.0.0 1.2.3 v1.9.9 / 0.9.0 2.0.0 1.5.0-alpha
1.2.x            : 1.2.0 1.2.42 / 1.3.0 1.1.42
1.X              : 1.4.0 / 2.4.0
1.*              : 1.4.0 / 2.0.0
1.2.*            : 1.2.4 / 1.3.0
1.x.x            : 1.2.3 / 2.2.3
*                : 0.0.0 0.0.1 1.0.0 v99.99.99 / 1.0.0-rc1 latest main 1.2.3.4
x                : 3.2.1 / 3.2.1-0
X                : 3.2.1 / nightly
>1.2.3           : 1.2.4 1.3.0 2.0.0 / 1.2.3 1.2.2 1.3.0-rc1
>1.2             : 1.3.0 2.0.0 / 1.2.0 1.2.99 1.1.0
>1               : 2.0.0 10.0.0 / 1.0.0 1.99.0
>=1.2.3          : 1.2.3 1.2.4 2.0.0 / 1.2.2 1.2.3-rc1 0.9.9
>=1.2            : 1.2.0 1.10.0 2.0.0 / 1.1.99 1.2.0-rc1
>=1              : 1.0.0 3.0.0 / 0.99.99
<2.0.0           : 1.99.99 0.0.1 / 2.0.0 2.0.1 2.0.0-rc1
<2               : 1.9.9 / 2.0.0 2.0.0-alpha
<1.2             : 1.1.9 0.1.0 / 1.2.0 1.2.9
<=2.0.0          : 2.0.0 1.0.0 / 2.0.1 2.0.0-rc1
<=1.2            : 1.2.0 1.2.99 / 1.3.0
<=1              : 1.99.99 / 2.0.0
>= 1.2.0         : 1.2.0 / 1.1.0
> 1.2.0          : 1.2.1 / 1.2.0
< 1.2.0          : 1.1.9 / 1.2.0
~ 1.2.0          : 1.2.9 / 1.3.0
^ 1.2.0          : 1.3.0 / 2.0.0
>=1.2 <2         : 1.2.0 1.99.0 / 1.1.0 2.0.0 1.9.0-rc1
>=1.2.0 <1.4.0   : 1.2.0 1.3.9 / 1.4.0 1.1.9
>1.2.0 <=1.4.0   : 1.2.1 1.4.0 / 1.2.0 1.4.1
>=1.2.0  <1.2.3  : 1.2.2 / 1.2.3
>2 <1            : / 1.0.0 1.5.0 3.0.0
~1.2.3           : 1.2.3 1.2.9 / 1.2.2 1.3.0 1.2.9-rc1
~1.2             : 1.2.0 1.2.9 / 1.3.0 1.1.9
~1.4             : 1.4.0 1.4.5 / 1.5.0
~1               : 1.0.0 1.9.9 / 2.0.0 0.9.9
~0               : 0.0.1 0.9.9 / 1.0.0
~0.2             : 0.2.9 / 0.3.0
~0.2.3           : 0.2.3 0.2.9 / 0.2.2 0.3.0
~>1.2            : 1.2.9 / 1.3.0
~>1.2.3          : 1.2.9 / 1.2.2 1.3.0
~1.x             : 1.9.9 / 2.0.0
~1.2.x           : 1.2.9 / 1.3.0
^1.2.3           : 1.2.3 1.9.0 / 1.2.2 2.0.0 1.9.0-rc1 2.0.0-rc1
^1.2             : 1.2.0 1.9.9 / 1.1.9 2.0.0
^2               : 2.0.0 2.9.9 / 1.9.9 3.0.0
^0.2.3           : 0.2.3 0.2.9 / 0.2.2 0.3.0 1.2.3
^0.2             : 0.2.0 0.2.9 / 0.1.9 0.3.0
^0.0.3           : 0.0.3 / 0.0.2 0.0.4 0.1.0
^0.0             : 0.0.0 0.0.9 / 0.1.0
^0               : 0.0.0 0.9.9 / 1.0.0
^1.x             : 1.0.0 1.9.9 / 2.0.0
^0.x             : 0.9.9 / 1.0.0
^0.0.x           : 0.0.9 / 0.1.0
1.2 - 1.4        : 1.2.0 1.3.7 1.4.9 / 1.1.9 1.5.0
1.2.3 - 2.3.4    : 1.2.3 2.3.4 / 1.2.2 2.3.5
1.2.3 - 2.3      : 2.3.9 / 2.4.0
1.2.3 - 2        : 2.9.9 / 3.0.0
1 - 2            : 1.0.0 2.9.9 / 0.9.9 3.0.0
^1 || ^3         : 1.5.0 3.5.0 / 2.0.0 4.0.0
1.2.3 || 1.2.5   : 1.2.3 1.2.5 / 1.2.4
1.2||2.4         : 1.2.7 2.4.0 / 1.3.0 2.5.0
<1 || >=2 <3     : 0.5.0 2.5.0 / 1.5.0 3.0.0
~1.2 || ~1.4 || 9: 1.2.1 1.4.1 9.9.9 / 1.3.1 8.0.0
1.2 - 1.4 || ^3  : 1.3.0 3.9.0 / 2.0.0
1.2.3-rc.1       : 1.2.3-rc.1 v1.2.3-rc.1 / 1.2.3 1.2.3-rc.2
>=1.2.3-rc.1     : 1.2.3-rc.1 1.2.3-rc.2 1.2.3-rc.10 1.2.3 1.4.0 / 1.2.3-beta 1.2.3-alpha.9 1.2.2
>1.2.3-rc.1      : 1.2.3-rc.2 1.2.3 / 1.2.3-rc.1 1.2.3-rc.0
>=1.2.3-0        : 1.2.3-0 1.2.3-1 1.2.3-alpha 1.2.3 / 1.2.2 1.2.2-rc1
^1.2.3-beta.2    : 1.2.3-beta.2 1.2.3-beta.4 1.2.3 1.9.0 / 1.2.3-beta.1 1.2.3-alpha 2.0.0
~1.2.3-beta.2    : 1.2.3-beta.2 1.2.3 1.2.9 / 1.2.3-beta.1 1.3.0
^0.0.3-beta      : 0.0.3-beta 0.0.3-pr.2 0.0.3 / 0.0.4 0.0.3-alpha
>=1.0.0-alpha <1.0.0-beta : 1.0.0-alpha 1.0.0-alpha.1 / 1.0.0-beta 1.0.0
^1 || 2.0.0-rc1  : 1.2.0 2.0.0-rc1 / 2.0.0 1.2.0-rc1
""".strip().splitlines()

# Where the two differ, or only one knows the form: the collection's reading, which the guide states.
CHOICES = """
>=1              : 1.2 1 v2 16.4 20240131 / 0.9
1.2              : 1.2 / 1 1.1
>=1.0.0-0        : 1.5.0-rc1 2.0.0-alpine 1.0.0 / 0.9.0-rc1
>=1-0            : 1.5.0-rc1 / 0.9.0
>=1.0.0-0 <2     : 1.5.0-rc1 / 2.0.0-rc1 2.0.0
^1.2.3-0         : 1.9.0-rc1 / 2.0.0-rc1
~1.2-0           : 1.2.7-rc1 / 1.3.0-rc1
>=1.2, <1.5      : 1.3.0 / 1.5.0
>=1.2,<1.5       : 1.3.0 / 1.5.0
^1 !=1.3.5       : 1.3.4 1.3.6 / 1.3.5
^1, !=1.3        : 1.2.0 1.4.0 / 1.3.0 1.3.9
^1 !=1.3.0-rc1   : 1.3.0 / 1.3.0-rc1 1.3.0-rc2
=>1.2            : 1.2.0 / 1.1.0
=<1.2            : 1.2.9 / 1.3.0
^1 1.2 - 1.4     : 1.3.0 / 1.1.0 1.5.0
1.2.3            : 1.2.3+build.5 V1.2.3 / 1.2.3_5
>*               : / 1.0.0
<*               : / 1.0.0
""".strip().splitlines()


def _pairs(lines: t.Sequence[str]) -> t.Iterator[tuple[str, str, bool]]:
    for line in lines:
        text, _colon, versions = line.partition(":")
        inside, _slash, outside = versions.partition("/")
        for tags, is_in in ((inside, True), (outside, False)):
            yield from ((text.strip(), tag, is_in) for tag in tags.split())


PAIRS = list(_pairs(FACTS))


@pytest.mark.parametrize(("text", "tag", "is_in"), [*PAIRS, *_pairs(CHOICES)])
def test_a_range_has_what_npm_and_masterminds_say(text: str, tag: str, is_in: bool) -> None:
    assert VersionRange.parse(text).has(tag) is is_in


def test_the_table_has_two_hundred_facts() -> None:
    assert len(set(PAIRS)) == len(PAIRS) >= 200


@pytest.mark.parametrize(
    "tag",
    [
        "latest",
        "main",
        "",
        "v",
        "1.",
        ".1",
        "1.2.3.4",
        "01.2.3",
        "1.02.3",
        "1.2.3-01",
        "1.2.3-",
        "1.2.3-a..b",
        "1.2.3_1",
        "1rc1",
        " 1.2.3",
        "1.2.3\n",
    ],
)
def test_what_is_no_semantic_version_is_in_no_range(tag: str) -> None:
    assert not any(VersionRange.parse(text).has(tag) for text in ("*", ">=0.0.0-0", "!=9", f"* || {tag.strip() or 1}") if _is_range(text))


def _is_range(text: str) -> bool:
    return parsed(VersionRange.parse, text) is not None


REFUSED = """>=1 ||;|| 1;1 || || 2;1.2 -;- 1;a;latest;01.2;1.02;>=<1;1.2.3.4;>=1,,<2;,1;1,;=>=1;1.2 - >=1;>1 - 2;!1;==1;1.2-1.4;>=;^;1..2;1.2.3-;
1.2.3-01;1.2.3 | 1.3;>=1.2 and <2;1.2.3_4;\u0661.0.0;1.2.3-\u00e9""".replace("\n", "").split(";")


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_range_is_refused_by_the_name_of_its_option(text: str) -> None:
    error = refusal(VersionRange.parse, text, option="keep_semver", kind="invalid_option")
    assert error.message.startswith("The option keep_semver is ")


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_range_is_refused(text: str) -> None:
    assert "is empty" in refusal(VersionRange.parse, text, kind="invalid_option").message


@pytest.mark.parametrize("value", [1.1, 1, True, None, ["1.x"], {"a": "1"}])
def test_a_number_is_no_range_since_yaml_drops_its_zeros(value: t.Any) -> None:
    assert "YAML reads 1.10 as 1.1" in refusal(VersionRange.parse, value, kind="invalid_option").message


# The grammar of semver.org, as strategies.
_numeric = st.integers(0, 10**12).map(str)
_word = st.from_regex(r"\A[0-9]{0,3}[A-Za-z-][0-9A-Za-z-]{0,5}\Z")
_pre = st.lists(st.one_of(_numeric, _word), max_size=4)
_version = st.tuples(st.lists(st.integers(0, 3), min_size=3, max_size=3), _pre)


def _written(version: tuple[list[int], list[str]]) -> str:
    numbers, pre = version
    return ".".join(map(str, numbers)) + ("-" + ".".join(pre) if pre else "")


def _precedes(one: tuple[list[int], list[str]], other: tuple[list[int], list[str]]) -> bool:
    """Rule 11 of semver.org, word by word."""
    if one[0] != other[0]:
        return one[0] < other[0]
    if not one[1] or not other[1]:
        return bool(one[1]) and not other[1]
    for left, right in zip(one[1], other[1]):
        if left != right:
            if left.isdigit() and right.isdigit():
                return int(left) < int(right)
            return left.isdigit() if left.isdigit() != right.isdigit() else left < right
    return len(one[1]) < len(other[1])


@quick
@given(_version)
def test_every_version_of_the_grammar_is_one(version: tuple[list[int], list[str]]) -> None:
    text = _written(version)
    assert VersionRange.parse(f"={text}").has(text)
    assert VersionRange.parse("*").has(text) is not bool(version[1])
    assert VersionRange.parse(">=0.0.0-0").has(f"v{text}+build.1")


@quick
@given(_version, _version)
def test_comparisons_follow_the_precedence_of_semver(one: tuple[list[int], list[str]], other: tuple[list[int], list[str]]) -> None:
    gate = " >=0.0.0-0"  # names a pre-release, so that precedence alone decides
    bound, tag = _written(one), _written(other)
    pair = (one, other)
    is_later, is_earlier = _precedes(*pair), _precedes(*reversed(pair))
    assert VersionRange.parse(f">{bound}{gate}").has(tag) == is_later
    assert VersionRange.parse(f"<{bound}{gate}").has(tag) == is_earlier
    assert VersionRange.parse(f">={bound}{gate}").has(tag) != is_earlier
    assert VersionRange.parse(f"<={bound}{gate}").has(tag) != is_later


@quick
@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), _version)
def test_tilde_caret_and_wildcards_are_short_for_two_comparisons(numbers: list[int], version: tuple[list[int], list[str]]) -> None:
    written, tag = ".".join(map(str, numbers)), _written(version)
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    low = f">={major}.{minor}.{patch}"
    caret = f"{major + 1}.0.0" if major or len(numbers) == 1 else f"0.{minor + 1}.0" if minor or len(numbers) == 2 else f"0.0.{patch + 1}"
    tilde = f"{major + 1}.0.0" if len(numbers) == 1 else f"{major}.{minor + 1}.0"
    for short, end in ((f"^{written}", caret), (f"~{written}", tilde)):
        assert VersionRange.parse(short).has(tag) == VersionRange.parse(f"{low} <{end}").has(tag)
    if len(numbers) < 3:
        assert (
            VersionRange.parse(written).has(tag)
            == VersionRange.parse(f"~{written}").has(tag)
            == VersionRange.parse(f"{written}.x").has(tag)
        )


@quick
@given(st.one_of(hostile_text, mixed(">=", "1.2", " - ", "||", "x", "*", "~", "^", "-rc.1", ",", " ")), hostile_text)
def test_any_text_makes_a_range_or_one_clear_sentence(text: str, tag: str) -> None:
    made = parsed(VersionRange.parse, text)
    if made is not None:
        assert made.has(tag) in (True, False)
        assert not made.has("latest")


def test_a_long_range_and_a_long_tag_take_no_time() -> None:
    assert VersionRange.parse(" || ".join(["^1.2.3"] * 5000)).has("9.9.9") is False
    assert VersionRange.parse(">=1" + " " * 50_000 + "<2").has("1.0.0")
    refusal(VersionRange.parse, "1" * 50_000, kind="invalid_option")
    refusal(VersionRange.parse, "1.2.3-" + "0" * 50_000, kind="invalid_option")
    assert not VersionRange.parse("*").has("1." * 500_000)
