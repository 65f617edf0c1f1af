# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may keep: charged, given back, lent for a moment, and weighed."""

from __future__ import annotations

import gc
import json
import threading
import tracemalloc
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.budget import Budget, Kept, Once, weigh
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._core.fanout import fan_out
from ansible_collections.ocitools.registry.plugins.module_utils._oci.manifest import Manifest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import refused


def test_what_is_given_back_can_be_taken_again() -> None:
    budget = Budget(100)
    budget.take(60, "One")
    with refused("limit", "Two exceeds the memory limit"):
        budget.take(41, "Two")
    budget.take(40, "Three")
    budget.give_back(60)
    budget.take(60, "Four")


def test_what_is_dropped_is_given_back() -> None:
    budget = Budget(100)
    kept: Kept[int] | None = Kept([1])
    budget.hold(kept, 50, "One")
    budget.hold(kept, 50, "More of it")
    with refused("limit"):
        budget.take(1, "Two")
    kept = None
    gc.collect()
    budget.take(100, "Three")


def test_a_manifest_is_charged_while_somebody_has_it() -> None:
    raw = images.image().raw
    budget = Budget(20_000)
    manifest: Manifest | None = Manifest.parse(raw, budget=budget)
    with refused("limit", "The manifest exceeds the memory limit"):
        _all = [Manifest.parse(raw, budget=budget) for _number in range(100)]
    manifest = None
    gc.collect()  # the error of Python 3.9 has the list still
    for _number in range(100):
        manifest = Manifest.parse(raw, budget=budget)
    assert manifest is not None


def test_who_borrows_waits_for_those_before() -> None:
    budget = Budget(100)
    most = 0
    lent = 0
    lock = threading.Lock()

    def borrow(_number: int) -> None:
        nonlocal most, lent
        with budget.lend(40, "It"):
            with lock:
                lent += 40
                most = max(most, lent)
            with lock:
                lent -= 40

    fan_out(borrow, range(200), 16)
    assert 0 < most <= 100
    with refused("limit"), budget.lend(101, "It"):
        raise AssertionError


def test_what_is_lent_is_given_back_after_a_failure() -> None:
    budget = Budget(100)
    with pytest.raises(RegistryError), budget.lend(100, "It"):
        raise RegistryError("It failed.", "server")
    budget.take(100, "It")


@pytest.mark.parametrize(
    "document",
    [
        {"a": [{"": 0}] * 10_000},
        {"a": [[] for _number in range(10_000)]},
        {f"{number}": f"{number}" * 3 for number in range(10_000)},
        {"a": ["x" * 50] * 10_000},
        {"a": [1.5, 2**40] * 5_000},
        {"a": "\u00e9" * 100_000, "b": "\U0001f600" + "x" * 100_000},
        {"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": f"sha256:{n:064}", "size": n} for n in range(2000)]},
    ],
)
def test_documents_take_no_more_memory_than_is_charged(document: t.Any) -> None:
    for ascii_only in (True, False):
        raw = json.dumps(document, ensure_ascii=ascii_only).encode()
        tracemalloc.start()
        try:
            read = json.loads(raw)
            taken = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert taken * 0.7 < weigh(read)
        with refused("limit"), Budget(taken).parsing(raw, "It"):
            raise AssertionError


def test_a_value_is_made_once_however_many_ask() -> None:
    made: list[int] = []
    once: Once[int, int] = Once()

    def make() -> int:
        made.append(1)
        return len(made)

    assert set(fan_out(lambda _number: once.get(1, make), range(50), 8)) == {1}
    assert once.get(2, make) == 2


def test_a_failure_is_not_remembered() -> None:
    once: Once[int, int] = Once()

    def fail() -> int:
        raise RegistryError("It failed.", "server")

    with pytest.raises(RegistryError):
        once.get(1, fail)
    assert once.get(1, lambda: 5) == 5
