# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletions in repositories that list what no tag can be: tags without a manifest, and names that break the rules."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.deletions import delete, fill, moving, prune, visible
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

# Ghosts


def haunt(registry: FakeRegistry, *tags: str) -> None:
    """List these tags without a manifest."""
    for tag in tags:
        registry.set_tag("app", tag, "sha256:" + "1" * 64)


@pytest.mark.parametrize("method", ["auto", "digest"])
def test_a_ghost_that_no_option_names_fails_no_prune(make_registry: MakeRegistry, run_module: RunModule, method: str) -> None:
    registry = make_registry("distribution2")
    fill(registry)
    haunt(registry, "ghost", "9.0")
    predicted = prune(run_module, registry, check=True, method=method).ok()
    result = prune(run_module, registry, method=method).ok()
    assert len(result.warnings) == 1
    assert "9.0, ghost" in result.warnings[0]
    assert result["plan"] == predicted["plan"]
    assert result["kept"] == ["7.0", "8.0"]
    assert visible(registry) == ["7.0", "8.0", "9.0", "ghost"]


def test_a_ghost_that_include_names_is_repaired(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    fill(registry)
    haunt(registry, "0.1", "0.2", "ghost")
    options: dict[str, t.Any] = {"include": [r"^\d"], "protect": ["^0.2$"]}
    predicted = prune(run_module, registry, check=True, **options).ok()
    assert registry.writes() == []
    result = prune(run_module, registry, **options).ok()
    assert result["deleted"] == predicted["deleted"] == ["0.1", "1.0", "2.0", "3.0", "4.0", "5.0", "6.0"]
    assert result["plan"][0] == {"tag": "0.1", "digest": None, "action": "delete", "reason": "it has no manifest", "created": None}
    assert visible(registry) == ["0.2", "7.0", "8.0", "ghost"]
    assert len(result.warnings) == 1


@pytest.mark.parametrize("style", ["full", "distribution2", "distribution3"])
@pytest.mark.parametrize("method", ["auto", "digest", "substitute"])
def test_a_ghost_is_not_said_to_be_absent(make_registry: MakeRegistry, run_module: RunModule, style: str, method: str) -> None:
    registry = make_registry(style)
    before = fill(registry)
    haunt(registry, "ghost")
    options: dict[str, t.Any] = {"tags": ["ghost", "1.0", "never"], "method": method}
    predicted = delete(run_module, registry, check=True, **options).ok()
    assert registry.writes() == []
    result = delete(run_module, registry, **options).ok()
    for key in ("changed", "deleted_tags", "absent_tags", "digests", "diff"):
        assert result[key] == predicted[key]
    assert result["deleted_tags"] == ["1.0", "ghost"]
    assert result["absent_tags"] == ["never"]
    assert result["methods"]["ghost"] == predicted["methods"]["ghost"] == "repair"
    assert result["digests"] == {"1.0": before["1.0"], "ghost": None}
    assert visible(registry) == sorted(set(before) - {"1.0"})
    assert set(registry.manifests("app")) == set(before.values()) - ({before["1.0"]} if method == "digest" else set())
    registry.clear()
    assert delete(run_module, registry, **options).ok().changed is False
    assert registry.writes() == []


def test_for_absent_tags_the_list_is_read_once(registry: FakeRegistry, run_module: RunModule) -> None:
    fill(registry)
    delete(run_module, registry, tags=["a", "b", "c"]).ok()
    assert registry.counts()["list_tags"] == 1
    registry.clear()
    result = run_module("registry_tag_delete", registry.args(name="never", tags=["a", "b"])).ok()
    assert result["absent_tags"] == ["a", "b"]
    assert registry.counts()["list_tags"] == 1


def test_a_tag_that_somebody_sets_is_no_ghost_any_more(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    tags = fill(registry)
    haunt(registry, "ghost")
    registry.on("delete_manifest").call(moving(registry, "ghost", tags["1.0"]))
    delete(run_module, registry, tags=["ghost"]).failure("conflict")
    assert registry.tags("app")["ghost"] == tags["1.0"]
    assert [line for line in registry.writes() if line.startswith("PUT")] == []


def test_a_ghost_stays_where_nothing_is_deleted(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2", delete_by_digest=False)
    fill(registry)
    haunt(registry, "ghost")
    before = registry.tags("app")
    result = delete(run_module, registry, tags=["ghost"]).failure("unsupported")
    assert "The tag was not changed" in result.msg
    assert registry.tags("app") == before


def test_a_ghost_that_cannot_be_repaired_is_said(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2", delete_leaves_tags=True)
    fill(registry)
    haunt(registry, "ghost")
    result = delete(run_module, registry, tags=["ghost"]).failure("conflict")
    assert "ghost" in result.msg


# Names that no tag can have


@pytest.mark.parametrize("method", ["auto", "digest", "tag"])
def test_a_name_that_breaks_the_rules_protects_what_it_may_be_on(registry: FakeRegistry, run_module: RunModule, method: str) -> None:
    tags = fill(registry)
    registry.set_tag("app", "1.0+1", tags["1.0"])
    result = prune(run_module, registry, method=method).ok()
    assert len(result["deleted"]) == 6
    assert len([text for text in result.warnings if "1.0+1" in text]) == 1
    assert registry.tags("app")["1.0+1"] == tags["1.0"]
    assert registry.gaps() == []
    assert not [line for line in registry.log() if "1.0+1" in line]


@pytest.mark.parametrize("method", ["auto", "digest", "tag", "substitute"])
@pytest.mark.parametrize("tags", [["1.0"], ["1.0", "2.0", "never"]])
def test_a_name_that_breaks_the_rules_fails_no_deletion(
    registry: FakeRegistry, run_module: RunModule, method: str, tags: list[str]
) -> None:
    before = fill(registry)
    registry.set_tag("app", "1.0+1", before["3.0"])
    delete(run_module, registry, tags=tags, method=method).ok()
    assert registry.tags("app")["1.0+1"] == before["3.0"]
    assert "1.0" not in registry.tags("app")
