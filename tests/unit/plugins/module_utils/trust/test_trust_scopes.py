# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No challenge of a registry gives a token more rights than the task needs."""

from __future__ import annotations

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.strangers import tokens
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

pytestmark = pytest.mark.usefixtures("one_authority")


@pytest.mark.parametrize("actions", ["pull,push,delete", "*", "delete"])
def test_t36_a_challenge_does_not_widen_a_token(guarded: FakeRegistry, connect: MakeClient, actions: str) -> None:
    wide = f'Bearer realm="{guarded.url}/token",service="registry.test",scope="repository:app:{actions}"'
    guarded.on("head_manifest", before_auth=True).answer(401, {"WWW-Authenticate": wide})
    connect(guarded, "app").get_digest("1")
    assert [request.query["scope"] for request in guarded.named("token")] == [["repository:app:pull"]]


def test_t36_a_challenge_gives_no_rights_to_other_repositories(guarded: FakeRegistry, connect: MakeClient) -> None:
    wide = f'Bearer realm="{guarded.url}/token",service="registry.test",scope="repository:other:pull,push,delete registry:catalog:*"'
    guarded.on("head_manifest", before_auth=True).answer(401, {"WWW-Authenticate": wide})
    connect(guarded, "app").with_actions("pull", "push", "delete").get_digest("1")
    (request,) = guarded.named("token")
    assert sorted(request.query["scope"]) == ["registry:catalog:*", "repository:app:pull,push,delete", "repository:other:pull"]


@pytest.mark.parametrize("query", ["?scope=repository:app:pull,push,delete", "?a=b&SCOPE=x", "?sco%70e="])
def test_t36_a_token_server_has_no_scope_of_its_own(guarded: FakeRegistry, run_module: RunModule, query: str) -> None:
    tokens(guarded).realm = f"{tokens(guarded).url}{query}"
    run_module("registry_image_info", guarded.args(name=["app:1"])).failure("untrusted_target")
    assert guarded.named("token") == []
