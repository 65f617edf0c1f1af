# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random repositories, registries and faults against registry_prune and registry_tag_delete, held against what must always be so.

No kept tag changes what it pulls; nothing that a kept tag leads to is missing; check mode predicted it exactly; a rerun changes nothing.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from random import Random

from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.worlds import NAMES, Snapshot, World, build, worlds
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PATTERNS = ["^1", "^v?2", "^old", "e$", "e", "^sha256-", "rc"]
TRUSTY = ["full", "distribution2", "distribution3", "quay", "crane", "harbor"]
GREEDY = ["deletes_manifest", "removes_siblings"]  # ways of delete_by_tag that take more than the tag

model = settings(
    deadline=None, max_examples=60, database=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


# What happens to it


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with one request and that further attempts get over."""

    endpoint: str
    nth: int
    how: str

    def apply(self, registry: FakeRegistry) -> None:
        rule = registry.on(self.endpoint, nth=self.nth, optional=True)
        {"drop": rule.drop, "reset": rule.reset, "503": lambda: rule.answer(503), "429": lambda: rule.answer(429, {"Retry-After": "1"})}[
            self.how
        ]()


faults = st.lists(
    st.builds(
        Fault,
        endpoint=st.sampled_from(["list_tags", "head_manifest", "get_manifest", "get_blob", "put_manifest", "delete_manifest"]),
        nth=st.integers(1, 8),
        how=st.sampled_from(["drop", "reset", "503", "429"]),
    ),
    max_size=3,
)


def random_policy(seed: int) -> dict[str, t.Any]:
    """Return the options of registry_prune that this seed stands for."""
    chance = Random(seed)

    def few() -> list[str]:
        return chance.sample(PATTERNS, chance.choice([0, 0, 1]))

    spans = [None, None, None, "12h", "3d"]
    kept = [1, 1, 1, 2]
    return {
        "include": few() if chance.random() < 0.3 else [],
        "exclude": few(),
        "protect": few(),
        "sort": chance.choice(["created", "created", "version"]),
        "keep_last": chance.choice(kept),
        "keep_within": chance.choice(spans),
        **chance.choice([{}, {}, {"keep_last": None, "keep_within": chance.choice(["12h", "3d"])}]),
    }


policies = st.integers(0, 2**32).map(random_policy)
methods = st.sampled_from(["auto", "digest", "tag", "substitute", "digest"])


class Run:
    """A registry with a world in it, and modules run against it in check mode and in earnest."""

    def __init__(self, run_module: RunModule, registry: FakeRegistry, module: str, options: dict[str, t.Any]) -> None:
        self._run_module = run_module
        self.registry = registry
        self.module = module
        self.args = registry.args(name="app", **{key: value for key, value in options.items() if value is not None})

    def snapshot(self) -> Snapshot:
        return Snapshot.of(self.registry.store.get("app"))

    def check(self) -> Result:
        """Predict, and hold check mode to reading only."""
        before = self.snapshot()
        self.registry.clear()
        result = self._run_module(self.module, self.args, check=True, diff=True)
        assert self.registry.writes() == []
        assert self.snapshot() == before
        return result

    def act(self) -> Result:
        self.registry.clear()
        return self._run_module(self.module, self.args, diff=True)


def hold(before: Snapshot, after: Snapshot, doomed: t.Collection[str], finished: bool, companions: bool = True) -> None:
    """Hold what is there after a deletion of the tags ``doomed`` against what must always be so."""
    kept = set(before.tags) - set(doomed)
    assert {tag: after.tags.get(tag) for tag in kept} == {tag: before.tags[tag] for tag in kept}
    assert before.needs(kept, companions) <= set(after.documents)
    assert set(after.tags) <= set(before.tags)
    for tag in doomed:
        assert after.pulls(tag) is None if finished else after.pulls(tag) in (None, before.pulls(tag))


@model
@given(
    world=worlds,
    policy=policies,
    style=st.sampled_from([*TRUSTY, *GREEDY, *GREEDY]),
    method=methods,
    faulty=faults,
    refused=st.sampled_from(["", *NAMES]),
)
def test_prune(
    run_module: RunModule, world: World, policy: dict[str, t.Any], style: str, method: str, faulty: list[Fault], refused: str
) -> None:
    switches: dict[str, t.Any] = {"delete_by_tag": style} if style in GREEDY else {"immutable_tags": "off"}
    with FakeRegistry("full" if style in GREEDY else style, **switches) as registry:
        build(registry, world)
        run = Run(run_module, registry, "registry_prune", {**policy, "method": method, "max_deletions": 0})
        before = run.snapshot()
        predicted = run.check().ok()
        check_policy(before, world, policy, set(predicted["deleted"]))
        for fault in faulty:
            fault.apply(registry)
        stuck: list[bool] = []

        def is_refused(request: Recorded) -> bool:
            return bool(refused) and request.reference == refused and not stuck

        registry.on("delete_manifest", times=None, optional=True, where=is_refused).answer(409, code="TAG_IMMUTABLE")
        real = run.act()
        hold(before, run.snapshot(), predicted["deleted"], not real.failed)
        assert set(real["deleted"]) <= set(predicted["deleted"])
        for key in ("kept", "plan", "protected_by"):
            assert real[key] == predicted[key]
        if not real.failed:
            assert (real.changed, real["deleted"], real["diff"]) == (predicted.changed, predicted["deleted"], predicted["diff"])
        else:
            assert real["failed_tags"]
        stuck.append(True)
        middle = run.snapshot()
        again = run.act()
        hold(middle, run.snapshot(), predicted["deleted"], False)
        if not real.failed:
            assert again.ok().changed is False
            assert registry.writes() == []


def check_policy(before: Snapshot, world: World, policy: dict[str, t.Any], deleted: set[str]) -> None:
    """Hold what would be deleted against the plain words of the policy."""

    def matches(option: str, tag: str) -> bool:
        return any(re.search(pattern, tag) for pattern in policy[option])

    chosen = [tag for tag in before.tags if (not policy["include"] or matches("include", tag)) and not matches("exclude", tag)]
    assert deleted <= {tag for tag in chosen if not matches("protect", tag)}
    ranked = [tag for tag in chosen if not tag.startswith("sha256-")]
    if policy["sort"] == "version":
        assert not deleted & {tag for tag in ranked if not re.match("v?[0-9]", tag)}
    if policy["sort"] == "created" or policy["keep_within"]:
        made_of = len(world.ages) + len(world.indexes) + len(world.referrers)
        images = {tag: number % made_of for tag, number in world.tags.items() if number % made_of < len(world.ages)}
        assert not deleted & {tag for tag, number in images.items() if world.ages[number] is None}
    if policy["keep_last"]:
        left = {before.tags[tag] for tag in ranked if tag not in deleted}
        assert len(left) >= min(policy["keep_last"], len({before.tags[tag] for tag in ranked}))


@model
@given(
    world=worlds,
    chosen=st.lists(st.one_of(st.sampled_from([*NAMES, "never"]), st.integers(0, 99)), min_size=1, max_size=4, unique=True),
    style=st.sampled_from(TRUSTY),
    method=methods,
    faulty=faults,
)
def test_tag_delete(run_module: RunModule, world: World, chosen: list[str | int], style: str, method: str, faulty: list[Fault]) -> None:
    with FakeRegistry(style, immutable_tags="off") as registry:
        build(registry, world)
        there = sorted(registry.tags("app"))
        tags = list(dict.fromkeys(there[name % len(there)] if isinstance(name, int) else name for name in chosen))
        run = Run(run_module, registry, "registry_tag_delete", {"tags": tags, "method": method})
        before = run.snapshot()
        predicted = run.check()
        for fault in faulty:
            fault.apply(registry)
        real = run.act()
        if predicted.failed:
            assert (real.failed, real.error["kind"]) == (True, predicted.error["kind"])
            assert run.snapshot() == before
            return
        doomed = [*predicted["deleted_tags"], *predicted["also_deleted_tags"]]
        hold(
            before, run.snapshot(), doomed, not real.failed, companions=method != "digest"
        )  # a digest that is named goes, whatever it refers to
        if real.failed:
            assert real["failed_tags"]
            return
        for key in ("changed", "deleted_tags", "absent_tags", "also_deleted_tags", "digests", "diff"):
            assert real[key] == predicted[key]
        again = run.act().ok()
        assert again.changed is False
        assert again["absent_tags"] == tags
        assert registry.writes() == []
