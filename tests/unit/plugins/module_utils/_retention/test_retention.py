# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of registry_prune over facts, without a registry."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._oci.digest_tags import digest_key, owner_digest, owner_key
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest
from ansible_collections.ocitools.registry.plugins.module_utils._retention.dependencies import ManifestLinks, settle
from ansible_collections.ocitools.registry.plugins.module_utils._retention.policy import Policy, parse_created

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
OPTIONS: dict[str, t.Any] = {"include": [], "exclude": [], "protect": [], "keep_last": None, "keep_within": None, "sort": "created"}


def policy(**options: t.Any) -> Policy:
    return Policy.parse({**OPTIONS, **options})


def digest(name: str) -> Digest:
    return Digest.of(name.encode())


def days(count: float) -> datetime:
    """The date that is so many days before now."""
    return NOW - timedelta(days=count)


def kept(made: Policy, ages: t.Mapping[str, float | None], same: t.Mapping[str, str] | None = None) -> set[str]:
    """Return the tags that stay; ``ages`` in days, None for unknown, ``same`` puts a tag on the digest of another."""
    tags = {tag: digest((same or {}).get(tag, tag)) for tag in ages}
    dates = {tags[tag]: None if age is None else days(age) for tag, age in ages.items()}
    verdicts = made.judge(tags, dates, NOW)
    return {tag for tag, verdict in verdicts.items() if verdict is not None and verdict.keep}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("2026-05-06T07:08:09Z", datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)),
        ("2026-05-06T07:08:09.123456789Z", datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)),
        ("2026-05-06t07:08:09z", datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)),
        ("2026-05-06T07:08:09+02:00", datetime(2026, 5, 6, 5, 8, 9, tzinfo=timezone.utc)),
        ("2026-06-01T12:00:00Z", datetime(2026, 6, 1, 12, tzinfo=timezone.utc)),
        ("1970-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:01Z", None),
        ("1980-01-01T00:00:01Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("2012-12-31T23:59:59Z", None),
        ("2026-06-03T00:00:00Z", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-05-06T24:00:00Z", None),
        ("2026-05-06T07:08:09", None),
        ("2026-05-06", None),
        ("2026-05-06T07:08:09Z\n", None),
        ("\u0662026-05-06T07:08:09Z", None),
        ("", None),
        (None, None),
        (1770000000, None),
        ({}, None),
    ],
)
def test_dates_that_can_be_believed(text: t.Any, made: datetime | None) -> None:
    assert parse_created(text, NOW) == made


def test_the_newest_stay() -> None:
    ages = {"a": 1, "b": 2, "c": 3, "d": 4}
    assert kept(policy(keep_last=2), ages) == {"a", "b"}
    assert kept(policy(keep_last=9), ages) == {"a", "b", "c", "d"}


def test_digests_count_not_tags() -> None:
    ages = {"a": 1, "a-too": 1, "b": 2, "c": 3}
    assert kept(policy(keep_last=2), ages, {"a-too": "a"}) == {"a", "a-too", "b"}


def test_as_old_as_the_last_one_kept() -> None:
    assert kept(policy(keep_last=1), {"a": 5, "b": 5, "c": 6}) == {"a", "b"}


def test_unknown_ages_stay_and_take_no_place() -> None:
    ages = {"a": None, "b": None, "c": 1, "d": 2, "e": 3}
    assert kept(policy(keep_last=2), ages) == {"a", "b", "c", "d"}
    assert kept(policy(keep_within="36h"), ages) == {"a", "b", "c"}


def test_either_keeps() -> None:
    ages = {"a": 40, "b": 50, "c": 60}
    assert kept(policy(keep_last=1, keep_within="45d"), ages) == {"a"}
    assert kept(policy(keep_last=1, keep_within="8w"), ages) == {"a", "b"}
    assert kept(policy(keep_last=3, keep_within="1h"), ages) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("span", "age", "stays"), [("12h", 0.5, True), ("12h", 0.51, False), ("30d", 30, True), ("2w", 14.1, False), ("1y", 364, True)]
)
def test_spans(span: str, age: float, stays: bool) -> None:
    assert kept(policy(keep_within=span), {"a": age}) == ({"a"} if stays else set())


def test_names_choose() -> None:
    ages = {"v1": 9, "v2": 8, "v2-rc1": 7, "latest": 6}
    assert kept(policy(keep_last=1, include=["^v"]), ages) == {"latest", "v2-rc1"}
    assert kept(policy(keep_last=1, include=["^v"], exclude=["-rc"]), ages) == {"latest", "v2-rc1", "v2"}
    assert kept(policy(keep_last=1, include=["1$", "2$"]), ages) == {"latest", "v2-rc1"}
    assert kept(policy(keep_last=1, exclude=["."]), ages) == set(ages)


def test_what_is_protected_counts() -> None:
    ages = {"a": 1, "b": 2, "c": 3}
    assert kept(policy(keep_last=1, protect=["^a$"]), ages) == {"a"}
    assert kept(policy(keep_last=1, protect=["^c$"]), ages) == {"a", "c"}
    assert kept(policy(keep_last=1, protect=["."]), ages) == {"a", "b", "c"}


def test_versions() -> None:
    ages = {"1.9": 1, "1.10": 2, "v1.11-rc1": 3, "1.8": 0, "latest": 4, "main": 5}
    assert kept(policy(keep_last=2, sort="version"), ages) == {"v1.11-rc1", "1.10", "latest", "main"}
    assert kept(policy(keep_last=1, sort="version", keep_within="1h"), ages) == {"v1.11-rc1", "1.8", "latest", "main"}


def test_a_digest_has_the_rank_of_its_highest_version() -> None:
    ages = {"1.0": 1, "3.0": 1, "2.0": 2, "edge": 1}
    assert kept(policy(keep_last=1, sort="version"), ages, {"3.0": "1.0", "edge": "1.0"}) == {"1.0", "3.0", "edge"}


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"keep_last": 2}, "abc"),
        ({"keep_last": 3}, ""),
        ({"keep_last": 3, "keep_within": "1d"}, ""),
        ({"keep_within": "1d"}, "abc"),
        ({"keep_within": "1d", "protect": ["1"]}, "bc"),
        ({"keep_last": 2, "protect": ["1"]}, "abc"),
        ({"keep_last": 1, "include": ["1", "2"]}, "ab"),
        ({"keep_last": 1, "sort": "version"}, ""),
        ({"keep_last": 1, "sort": "version", "keep_within": "1d"}, "ab"),
    ],
)
def test_only_dates_that_decide_are_read(options: dict[str, t.Any], needed: str) -> None:
    tags = {"1": digest("a"), "2": digest("b"), "3": digest("c"), f"sha256-{'0' * 64}.sig": digest("d")}
    assert policy(**options).dates_needed(tags) == {digest(name) for name in needed}


@pytest.mark.parametrize(
    "options",
    [
        {"keep_last": 0},
        {"keep_last": -1},
        *({"keep_within": text} for text in ("30", "d", "0d", "-1d", "1.5d", "1m", "1month", "123456d", "30 d", "\u0663d", "")),
        {"keep_last": 1, "include": ["("]},
        {"keep_last": 1, "exclude": ["*"]},
        {"keep_last": 1, "protect": ["[z-a]"]},
    ],
    ids=str,
)
def test_options_that_make_no_policy(options: dict[str, t.Any]) -> None:
    with pytest.raises(RegistryError) as caught:
        policy(**options)
    assert caught.value.kind == "invalid_option"


# Tags that belong to others


@pytest.mark.parametrize(
    ("tag", "key"),
    [
        (f"sha256-{'a' * 64}", f"sha256-{'a' * 64}"),
        (f"sha256-{'a' * 64}.sig", f"sha256-{'a' * 64}"),
        (f"sha256-{'a' * 64}.att", f"sha256-{'a' * 64}"),
        (f"sha512-{'b' * 64}", f"sha512-{'b' * 64}"),
        (f"sha512-{'b' * 128}.sbom", f"sha512-{'b' * 64}"),
        (f"sha256-{'A' * 64}", ""),
        (f"sha256-{'a' * 63}", ""),
        (f"sha256-{'a' * 65}", ""),
        (f"md5-{'a' * 64}", ""),
        ("latest", ""),
    ],
)
def test_tags_that_belong_to_a_digest(tag: str, key: str) -> None:
    assert owner_key(tag) == key


def test_keys_are_those_of_the_digests() -> None:
    image = digest("image")
    assert owner_key(f"{digest_key(image)}.sig") == digest_key(image)
    assert owner_digest(f"{digest_key(image)}.sig") == image
    long = Digest.of(b"image", "sha512")
    assert owner_key(f"sha512-{long.hex}.sig") == digest_key(long)
    assert owner_digest(f"sha512-{long.hex}.sig") is None


def settled(tags: dict[str, Digest], manifests: dict[Digest, ManifestLinks], gone: t.Container[str] = (), **options: t.Any) -> set[str]:
    """Return the tags that stay when those called ``old...`` are not worth keeping."""
    made = policy(keep_within="1d", protect=["^(?!old|sha)"], **options)
    verdicts = made.judge(tags, dict.fromkeys(tags.values(), days(9)), NOW)
    return {tag for tag, verdict in settle(tags, verdicts, manifests, gone).verdicts.items() if verdict.keep}


def signature(name: str, suffix: str = ".sig") -> str:
    return digest_key(digest(name)) + suffix


def test_signatures_stay_and_go_with_their_image() -> None:
    tags = {tag: digest(tag) for tag in ("new", "old", signature("new"), signature("old"), signature("old", ".att"), signature("nowhere"))}
    assert settled(tags, {}) == {"new", signature("new"), signature("nowhere")}
    assert settled(tags, {}, {signature("nowhere")}) == {"new", signature("new")}


def test_signatures_of_signatures_and_of_children() -> None:
    chain = [signature("child")]
    chain.append(signature(chain[0]))
    tags = {tag: digest(tag) for tag in ("new", "old", *chain)}
    for index in ("new", "old"):
        manifests = {digest(index): ManifestLinks(children=(digest("child"),))}
        assert settled(tags, manifests) == ({"new", *chain} if index == "new" else {"new"})


def test_signatures_that_were_not_chosen_stay() -> None:
    tags = {tag: digest(tag) for tag in ("new", "old", signature("old"))}
    assert settled(tags, {}, include=["^old"]) == {"new", signature("old")}


def test_children_of_kept_indexes_stay() -> None:
    manifests = {
        digest("new"): ManifestLinks(children=(digest("inner"),), indexes=(digest("inner"),)),
        digest("inner"): ManifestLinks(children=(digest("old-arm"),)),
        digest("old"): ManifestLinks(children=(digest("old-amd"),)),
    }
    tags = {tag: digest(tag) for tag in ("new", "old", "old-arm", "old-amd")}
    assert settled(tags, manifests) == {"new", "old-arm"}


def test_what_refers_to_a_kept_image_stays_and_so_does_what_that_needs() -> None:
    manifests = {
        digest("old-sbom"): ManifestLinks(subject=digest("new"), children=(digest("old-part"),)),
        digest("old-of-old"): ManifestLinks(subject=digest("old")),
        digest("old-of-sbom"): ManifestLinks(subject=digest("old-sbom")),
    }
    tags = {tag: digest(tag) for tag in ("new", "old", "old-sbom", "old-part", "old-of-old", "old-of-sbom")}
    assert settled(tags, manifests) == {"new", "old-sbom", "old-part", "old-of-sbom"}


def test_what_an_orphan_needs_stays() -> None:
    fallback = signature("nowhere", "")
    manifests = {digest(fallback): ManifestLinks(children=(digest("old"),))}
    tags = {tag: digest(tag) for tag in ("new", "old", fallback, signature("old"))}
    assert settled(tags, manifests) == set(tags)


def test_a_digest_shared_with_a_kept_tag() -> None:
    assert settled({"new": digest("same"), "old": digest("same")}, {}) == {"new"}


class Counted(dict[Digest, ManifestLinks]):
    """Manifests that count how often they are looked at."""

    asked = 0

    def get(self, key: Digest, default: t.Any = None) -> t.Any:
        self.asked += 1
        return super().get(key, default)


@pytest.mark.parametrize("beginning", ["new", "old"])
@pytest.mark.parametrize("signed", [False, True], ids=["referrers", "signatures"])
def test_a_long_chain_is_not_walked_through_again_and_again(beginning: str, signed: bool) -> None:
    length = 2000
    names = [beginning]
    for _link in range(length):
        names.append(signature(names[-1]) if signed else f"old-{len(names)}")
    tags = {tag: digest(tag) for tag in reversed(names)}
    manifests = (
        Counted() if signed else Counted({digest(tag): ManifestLinks(subject=digest(below)) for below, tag in zip(names, names[1:])})
    )
    assert len(settled(tags, manifests)) == (length + 1 if beginning == "new" else 0)
    assert manifests.asked < 12 * length


def test_children_that_many_tags_share_are_walked_through_once() -> None:
    children = tuple(digest(f"child-{number}") for number in range(500))
    manifests = Counted({digest(f"old-{number}"): ManifestLinks(children=children) for number in range(500)})
    manifests[digest("new")] = ManifestLinks(children=tuple(manifests))
    tags = {"new": digest("new"), **{f"old-{number}": digest(f"old-{number}") for number in range(500)}}
    assert settled(tags, manifests) == set(tags)
    assert manifests.asked < 12 * 1000
