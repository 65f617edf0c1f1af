# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_preflight: everything that is wrong is in one report, and nothing hides the rest."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import signing
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def _fill(registry: FakeRegistry) -> None:
    registry.add_image("app", "1")
    registry.add_index("app", "multi", platforms=["linux/amd64", "linux/arm64"])


def _check(run_module: RunModule, registry: FakeRegistry, check: bool = False, **options: t.Any) -> Result:
    return run_module("registry_preflight", registry.args(**{"problems": "report", **options}), check=check)


def _config(*registries: FakeRegistry, **changes: str) -> dict[str, t.Any]:
    return {"auths": {one.host: {**one.auth.credentials(), **changes} for one in registries}}


def test_all_is_there(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry)
    images = ["app:multi", {"name": "app:1", "platforms": ["linux/amd64"]}, {"name": "app:1", "platforms": []}]
    result = _check(run_module, registry, images=images, platforms=["linux/amd64", "linux/arm64"], problems="fail").ok()
    assert result["report"] == {"looked_for": 4, "missing": [], "unknown": [], "credentials": []}
    assert (result["passed"], result.changed, registry.writes()) == (True, False, [])


def test_an_empty_list_of_images_is_fine(registry: FakeRegistry, run_module: RunModule) -> None:
    assert _check(run_module, registry, images=[]).ok()["report"]["looked_for"] == 0


def test_a_single_image_costs_one_head(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry)
    _check(run_module, registry, images=["app:1"]).ok()
    assert registry.counts() == {"head_manifest": 1}
    registry.clear()
    _check(run_module, registry, images=["app:multi"], platforms=["linux/amd64", "linux/arm64"]).ok()
    assert registry.counts() == {"get_manifest": 3}


def test_every_problem_is_in_the_report(make_registry: MakeRegistry, run_module: RunModule) -> None:
    good, bad = make_registry(auth=Basic("user", "first-password")), make_registry(auth=Basic("user", "other-password"))
    _fill(good)
    config = {"auths": {good.host: good.auth.credentials(), bad.host: {"username": "user", "password": "not-the-one"}}}
    images = [good.name(name) for name in ("app:multi", "app:1", "app:absent")] + [bad.name("app:1"), f"{good.host}/UP:1"]
    options = {"images": images, "platforms": ["linux/arm64"], "auth_config": config, "plain_http": True, "use_auth_file": False}
    result = run_module("registry_preflight", {**options, "problems": "report"}).ok()
    report = result["report"]
    assert report["looked_for"] == 5
    assert report["missing"] == [good.name("app:1 for linux/arm64"), good.name("app:absent for linux/arm64")]
    assert [line.partition(": ")[0] for line in report["unknown"]] == [f"{good.host}/UP:1", bad.name("app:1")]
    assert "invalid name" in report["unknown"][0]
    assert [line.partition(": ")[0] for line in report["credentials"]] == [bad.host]
    assert result["passed"] is False
    failed = run_module("registry_preflight", options).failure("precondition")
    # Which of two checks with the refused password comes first, and which hears that it was refused before, is a matter of time.
    assert failed["report"]["missing"] == report["missing"]
    assert [len(failed["report"][key]) for key in ("unknown", "credentials")] == [2, 1]
    assert "2 images are missing, 2 checks failed, 1 login does not work" in failed.msg


def test_a_registry_that_is_down_does_not_hide_the_others(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry)
    options = registry.args(registry=None, images=["127.0.0.1:1/app:1", registry.name("app:1"), registry.name("app:2")], retries=0)
    report = run_module("registry_preflight", {**options, "problems": "report"}).ok()["report"]
    assert report["missing"] == [registry.name("app:2")]
    assert len(report["unknown"]) == 1
    assert report["unknown"][0].startswith("127.0.0.1:1/app:1: ")


FAULTS: list[t.Any] = [
    5,
    {"nam": "x"},
    {"name": "x", "platform": "linux/amd64"},
    {"name": "x", "platforms": "linux/amd64"},
    {"name": "x", "platforms": [""]},
]


def test_all_faults_of_the_lists_are_told_at_once(registry: FakeRegistry, run_module: RunModule) -> None:
    options: dict[str, t.Any] = {
        "images": ["app:1", *FAULTS, {"name": "y", "platforms": ["arm"]}],
        "platforms": ["nowhere", 7],
        "push_to": [3],
    }
    result = _check(run_module, registry, **options).failure("invalid_option")
    for number in range(2, 8):
        assert f"entry {number} of images" in result.msg
    assert "entry 1 of images" not in result.msg
    assert result.msg.count("option platforms") == 2
    assert "push_to" in result.msg
    assert registry.log() == []


def test_a_secret_in_an_unknown_key_is_masked(registry: FakeRegistry, run_module: RunModule) -> None:
    result = _check(
        run_module, registry, images=[{"name": "x", "passwort": "c4nary-of-an-entry"}, "user:c4nary-of-a-name@reg.example.com/UP:1"]
    )
    assert "c4nary" not in result.text


# Pushing


def test_where_the_credentials_may_not_push_is_told(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=TokenAuth({"user": User(grants={"app": "pull", "team/*": "pull,push,delete"})}))
    options: dict[str, t.Any] = {"images": [], "push_to": ["team/one", "app", "UP", "team/two:1"]}
    report = _check(run_module, registry, **options).ok()["report"]
    assert [line.partition(": ")[0] for line in report["push_refused"]] == ["app"]
    assert [line.partition(": ")[0] for line in report["unknown"]] == ["UP", "team/two:1"]
    assert registry.sessions("team/one") == []
    registry.clear()
    report = _check(run_module, registry, check=True, **options).ok()["report"]
    assert report["push_refused"] == []
    assert registry.writes() == []


# Credentials


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_credentials_that_work_are_tried_and_not_told(make_registry: MakeRegistry, run_module: RunModule, auth: str) -> None:
    registry = make_registry(auth=auth)
    result = run_module("registry_preflight", registry.args(credentials=False, images=[], auth_config=_config(registry))).ok()
    assert result["report"]["credentials"] == []
    assert "GET /v2/" in registry.log()


def test_credentials_for_a_path_are_tried(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="basic")
    config = {"auths": {f"{registry.host}/team": {"username": "user", "password": "not-the-one"}}}
    report = _check(run_module, registry, images=[], username=None, password=None, auth_config=config).ok()["report"]
    assert [line.partition(": ")[0] for line in report["credentials"]] == [f"{registry.host}/team"]


# Signatures


def test_an_image_that_nobody_signed_is_told(registry: FakeRegistry, run_module: RunModule) -> None:
    _fill(registry)
    verify = {"keys": [signing.KEYS["p256"]]}
    report = _check(run_module, registry, images=["app:1", "app:absent"], verify=verify).ok()["report"]
    assert [line.partition(": ")[0] for line in report["unverified"]] == ["app:1"]
    assert report["missing"] == ["app:absent"]
