# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags on what a repository has: which digest counts, and what is refused."""

from __future__ import annotations

import hashlib
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]


def _sha512(raw: bytes) -> str:
    return f"sha512:{hashlib.sha512(raw).hexdigest()}"


def test_the_expected_digest_is_that_of_the_name_not_of_the_platform(registry: FakeRegistry, run_module: RunModule) -> None:
    index = registry.add_index("app", "1", platforms=["linux/amd64", "linux/arm64"])
    child = index.children["linux/amd64"].digest
    options = registry.args(name="app:1", tags=["amd64"], platform="linux/amd64")
    result = run_module("registry_tag", {**options, "expected_digest": child}).failure("precondition")
    assert f"has the digest {index.digest}" in result.msg
    assert result.error["registry"] == registry.host
    assert run_module("registry_tag", {**options, "expected_digest": index.digest}).ok()["digest"] == child


def test_digests_of_two_algorithms_name_the_same_bytes(registry: FakeRegistry, run_module: RunModule) -> None:
    image = registry.add_image("app", "1")
    registry.set_tag("app", "2", image.digest)
    other = _sha512(image.raw)
    result = run_module("registry_tag", registry.args(name="app:1", tags=["2"], existing="fail", expected_digest=other)).ok()
    assert not result.changed
    assert run_module("registry_tag_delete", registry.args(name="app:2", expected_digest=other)).ok()["deleted_tags"] == ["2"]


def test_a_malformed_platform_is_refused_before_any_request(registry: FakeRegistry, run_module: RunModule) -> None:
    run_module("registry_tag", registry.args(name="app:1", tags=["2"], platform="linux")).failure("invalid_option")
    assert registry.log() == []


def test_another_repository_is_a_matter_of_registry_copy(registry: FakeRegistry, run_module: RunModule) -> None:
    result = run_module("registry_tag", registry.args(name="app:1", tags=["other/app:1"])).failure("invalid_reference")
    assert "registry_copy" in result.msg


@pytest.mark.parametrize("style", ["ecr", "harbor"])
def test_a_lost_answer_where_tags_cannot_be_changed(make_registry: MakeRegistry, run_module: RunModule, style: str) -> None:
    registry = make_registry(style, immutable_tags="always")
    digest = registry.add_image("app", "1").digest
    registry.on("put_manifest").drop()
    result = run_module("registry_tag", registry.args(name="app:1", tags=["2"])).ok()
    assert result.changed
    assert registry.tags("app") == {"1": digest, "2": digest}
