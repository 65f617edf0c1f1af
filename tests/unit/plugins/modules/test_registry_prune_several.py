# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_prune with a list of repositories, and with a range of versions to keep."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

TAGS = ["1.0.0", "1.1.0", "1.2.0", "2.0.0-rc1", "2.0.0"]


def _fill(registry: FakeRegistry, *repositories: str) -> None:
    for repository in repositories:
        for number, tag in enumerate(TAGS):
            registry.add_image(repository, tag, 1, seed=f"{repository} {tag}", config={"created": f"2024-01-0{number + 1}T00:00:00Z"})


def _prune(run_module: RunModule, registry: FakeRegistry, check: bool = False, diff: bool = False, **options: t.Any) -> Result:
    return run_module("registry_prune", registry.args(**{"keep_last": 1, "sort": "version", **options}), check=check, diff=diff)


def test_several_repositories_each_by_its_policy(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry, "one", "team/two", "three")
    names: list[t.Any] = ["one", {"name": "team/two", "keep_last": 3}, {"name": "three", "include": ["rc"], "protect": ["^2"]}]
    predicted = _prune(run_module, registry, check=True, diff=True, name=names).ok()
    assert registry.writes() == []
    real = _prune(run_module, registry, diff=True, name=names).ok()
    assert real["repositories"] == predicted["repositories"]
    assert real["diff"] == predicted["diff"]
    one, two, three = real["repositories"]
    assert [entry["name"] for entry in (one, two, three)] == [registry.name(name) for name in ("one", "team/two", "three")]
    assert [entry["changed"] for entry in (one, two, three)] == [True, True, False]
    assert one["deleted"] == ["1.0.0", "1.1.0", "1.2.0", "2.0.0-rc1"]
    assert two["deleted"] == ["1.0.0", "1.1.0"]
    assert set(one) == {"name", "changed", "kept", "deleted", "protected_by", "plan", "failed_tags"}
    assert registry.name("one:1.0.0") in real["diff"]["before"]
    assert not {"kept", "deleted", "plan"} & set(real.data)
    assert (sorted(registry.tags("one")), sorted(registry.tags("three"))) == (["2.0.0"], sorted(TAGS))
    registry.clear()
    again = _prune(run_module, registry, name=names).ok()
    assert (again.changed, registry.writes()) == (False, [])


def test_max_deletions_counts_all_repositories_together(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry, "one", "two")
    for check in (True, False):
        result = _prune(run_module, registry, check=check, name=["one", "two"], max_deletions=7).failure("precondition")
        assert "8 tags of 2 repositories" in result.msg
        assert [len(entry["deleted"]) for entry in result["repositories"]] == ([4, 4] if check else [0, 0])
    assert registry.writes() == []
    assert _prune(run_module, registry, name=["one", "two"], max_deletions=8).ok().changed


def test_nothing_is_deleted_where_one_cannot_be_read(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry, "one")
    result = _prune(run_module, registry, name=["one", "absent"]).failure("not_found")
    assert "Nothing was deleted." in result.msg
    assert registry.writes() == []


def test_a_repository_that_fails_does_not_stop_the_others(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry, "one", "two")
    registry.on("delete_manifest", "/v2/one/", times=None).answer(403, code="DENIED")
    result = _prune(run_module, registry, name=["one", "two"], method="tag").failure("denied")
    one, two = result["repositories"]
    assert (one["deleted"], one["changed"], one["error"]["kind"]) == ([], False, "denied")
    assert (len(two["deleted"]), two["changed"], "error" in two) == (4, True, False)
    assert result.changed
    assert sorted(registry.tags("two")) == ["2.0.0"]


def test_all_faults_of_the_list_are_told_at_once(registry: FakeRegistry, run_module: RunModule) -> None:
    names = [
        *("UP", {"name": "app", "keep": 3}, 5, {"name": "app:1"}),
        *({"name": "x", "keep_semver": "nothing"}, {"name": "y", "sort": "size"}, {"name": "z", "protect": None}),
    ]
    result = _prune(run_module, registry, name=names)
    assert result.failed
    words = ("upper-case", "'keep', which", "is 5", "names a tag", "keep_semver", "sort", "protect of entry 7 of name has no value")
    for number, word in enumerate(words, 1):
        assert f"entry {number} of name" in result.msg
        assert word in result.msg
    assert registry.log() == []


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["app", "app"],
        [{"name": "app", "protect": None}],
        [{"name": "app", "keep_last": None, "keep_within": "1d"}],
        [{"name": "app", "keep_last": "many"}],
        [{"name": "app", "keep_last": True}],
        [{"name": "app", "keep_within": 30}],
        [{"include": ["x"]}],
        {"name": "app"},
        5,
    ],
)
def test_what_is_no_list_of_repositories_is_refused_before_any_request(registry: FakeRegistry, run_module: RunModule, names: t.Any) -> None:
    _prune(run_module, registry, name=names).failure("invalid_option")
    assert registry.log() == []


def test_a_secret_in_an_unknown_key_of_an_entry_is_masked(registry: FakeRegistry, run_module: RunModule) -> None:
    result = _prune(run_module, registry, name=[{"name": "app", "passwort": "c4nary-in-an-entry"}]).failure("invalid_option")
    assert "c4nary-in-an-entry" not in result.text


# Versions that stay


@pytest.mark.parametrize(
    ("kept", "deleted"),
    [("~1.1", ["1.0.0", "1.2.0", "2.0.0-rc1"]), (">=2.0.0-0", ["1.0.0", "1.1.0", "1.2.0"]), ("^1", ["2.0.0-rc1"]), ("9.x", TAGS[:4])],
)
def test_tags_in_the_range_stay(registry: FakeRegistry, run_module: RunModule, kept: str, deleted: list[str]) -> None:
    _fill(registry, "app")
    result = _prune(run_module, registry, name="app", keep_semver=kept).ok()
    assert result["deleted"] == deleted
    assert all(result["protected_by"][tag] in (f"in the range {kept}", "one of the last 1") for tag in result["kept"])


@pytest.mark.parametrize("value", ["", "latest", 1.1, ["^1"]])
def test_what_is_no_range_deletes_nothing(registry: FakeRegistry, run_module: RunModule, value: t.Any) -> None:
    _fill(registry, "app")
    assert "option keep_semver" in _prune(run_module, registry, name="app", keep_semver=value).failure("invalid_option").msg
    assert registry.log() == []


def test_a_range_does_not_take_the_place_of_a_policy(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry, "app")
    _prune(run_module, registry, name="app", keep_last=None, keep_semver=">=1").failure("invalid_option")
    assert registry.log() == []
