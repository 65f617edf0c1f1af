# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many pulls are left: several threads, of which one asks."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._http.pull_limit import PullLimit


def test_who_asks_lets_others_note_what_they_hear_meanwhile() -> None:
    limit = PullLimit("reg.example.com")
    limit.least = 1

    def ask() -> None:
        other = threading.Thread(target=limit.note, args=("2;w=21600",), daemon=True)
        other.start()
        other.join(10)
        assert not other.is_alive(), "the answer of another request is never noted while this one waits for it"

    limit.take(ask)
    with pytest.raises(RegistryError, match="allows 1 more pulls, and min_remaining keeps 1"):
        limit.take(ask)


def test_all_threads_wait_for_the_one_that_asks() -> None:
    limit, asked = PullLimit("reg.example.com"), threading.Barrier(4, timeout=10)
    limit.least = 1
    refused: list[str] = []

    def ask() -> None:
        asked.wait()
        limit.note("2")

    def take() -> None:
        if threading.current_thread() is not first:
            asked.wait()
        try:
            limit.take(ask)
        except RegistryError as error:
            refused.append(error.kind)

    first = threading.Thread(target=take)
    others = [threading.Thread(target=take) for _number in range(3)]
    for thread in (first, *others):
        thread.start()
    for thread in (first, *others):
        thread.join(10)
    assert refused == ["rate_limited"] * 3
