# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup against the fake registry with a token server."""

from __future__ import annotations

import typing as t

from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def test_digests_in_order_within_the_budget(token_registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    added = [token_registry.add_image("app", tag).digest for tag in ("1", "2")]
    other = token_registry.add_image("db", "1").digest
    assert run_lookup(["app:2", "db:1", "app:1"], **token_registry.args()) == [added[1], other, added[0]]
    assert len(token_registry.log()) == 3 + 1 + 2


def test_options_from_variables(token_registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    added = token_registry.add_image("app", "1")
    options = token_registry.args()
    variables = {f"ocitools_registry_{name}": options.pop(name) for name in ("username", "password")}
    assert run_lookup(["app:1"], variables, **options) == [added.digest]
