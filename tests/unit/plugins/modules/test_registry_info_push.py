# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_info with push_to: whether the credentials may push, with nothing left behind."""

from __future__ import annotations

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def test_an_upload_is_opened_and_cancelled_and_leaves_nothing(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token")
    result = run_module("registry_info", registry.args(push_to="team/new")).ok()
    assert (result["can_push"], result["push_error"], result.changed) == (True, None, False)
    assert [line.partition(" ")[0] for line in registry.writes() if "uploads" in line][:2] == ["POST", "DELETE"]
    assert registry.counts()["start_upload"] == 1
    assert registry.sessions("team/new") == []


def test_a_user_who_may_only_read_cannot_push(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=TokenAuth({"user": User(grants={"team/*": "pull"})}))
    result = run_module("registry_info", registry.args(push_to="team/app")).ok()
    assert (result["authenticated"], result["can_push"]) == (True, False)
    assert result["push_error"]["kind"] in ("denied", "unauthorized")
    assert registry.sessions("team/app") == []


def test_check_mode_opens_no_upload(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token")
    result = run_module("registry_info", registry.args(push_to="team/new"), check=True).ok()
    assert (result["can_push"], result["push_error"]) == (None, None)
    assert registry.writes() == []


def test_without_push_to_nothing_is_said_of_pushing(registry: FakeRegistry, run_module: RunModule) -> None:
    result = run_module("registry_info", registry.args()).ok()
    assert "can_push" not in result
    assert registry.log() == ["GET /v2/"]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(403, "DENIED", "denied"), (405, "UNSUPPORTED", "unsupported"), (404, "NAME_UNKNOWN", "not_found")],
)
def test_a_refusal_is_no_failure_and_says_why(registry: FakeRegistry, run_module: RunModule, status: int, code: str, kind: str) -> None:
    registry.on("start_upload").answer(status, code=code, message="not here")
    result = run_module("registry_info", registry.args(push_to="team/app")).ok()
    assert result["can_push"] is False
    assert (result["push_error"]["kind"], result["push_error"]["status"]) == (kind, status)
    assert "team/app" in result["push_error"]["msg"]


def test_what_tells_neither_fails(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("start_upload").answer(429, {"Retry-After": "9999"})
    run_module("registry_info", registry.args(push_to="team/app")).failure("rate_limited")


def test_a_session_that_cannot_be_cancelled_is_left_to_expire(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("cancel_upload").answer(405, code="UNSUPPORTED")
    assert run_module("registry_info", registry.args(push_to="team/app")).ok()["can_push"] is True


@pytest.mark.parametrize("name", ["team/app:1", f"team/app@sha256:{'0' * 64}", "UP", "team//app", ""])
def test_push_to_takes_a_repository_and_nothing_is_sent_otherwise(registry: FakeRegistry, run_module: RunModule, name: str) -> None:
    run_module("registry_info", registry.args(push_to=name)).failure("invalid_reference")
    assert registry.log() == []
