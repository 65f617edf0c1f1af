# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a registry wants credentials, the message names an option that this task takes for that registry."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

USER, PASSWORD = "robot", "c4nary-of-the-robot"
Fill = t.Callable[[FakeRegistry, FakeRegistry], tuple[str, dict[str, t.Any]]]


def _plain(*registries: FakeRegistry) -> dict[str, t.Any]:
    return {"src_plain_http": True, "dest_plain_http": True, "use_auth_file": False, "timeout": 10, "retries": 0}


def _of_role(host: str) -> dict[str, t.Any]:
    """Return what the filter auth_config makes of a role's variable."""
    return {"auths": {host: {"username": USER, "password": PASSWORD}}, "givenAs": "mirror_credentials"}


def _copy(first: FakeRegistry, second: FakeRegistry) -> dict[str, t.Any]:
    return {"src": first.name("app:1"), "dest": second.name("app:1"), **_plain()}


def _sync(first: FakeRegistry, second: FakeRegistry) -> dict[str, t.Any]:
    return {"images": [first.name("app:1")], "dest_registry": second.host, **_plain()}


def _many(first: FakeRegistry, second: FakeRegistry) -> dict[str, t.Any]:
    return {
        "images": [second.name("app:1"), {"src": first.name("app:1"), "dest": "other"}],
        "dest_registry": f"{second.host}/mirror",
        **_plain(),
    }


def _within(first: FakeRegistry, second: FakeRegistry) -> dict[str, t.Any]:
    return {**_copy(first, first), "dest": first.name("other:1")}


def _index(first: FakeRegistry, second: FakeRegistry) -> dict[str, t.Any]:
    options = {key: value for key, value in _plain().items() if not key.startswith("dest_")}
    return {"name": second.name("index:1"), "images": [first.name("app:1")], "registry": second.host, "plain_http": True, **options}


CASES: dict[str, tuple[str, t.Callable[..., dict[str, t.Any]], str]] = {
    "the source of a copy": ("registry_copy", _copy, "src_"),
    "the source of a sync": ("registry_sync", _sync, "src_"),
    "a copy within a registry": ("registry_copy", _within, ""),
    "the source of an index": ("registry_index", _index, "src_"),
}


@pytest.mark.parametrize("auth", ["basic", "token"])
@pytest.mark.parametrize("case", CASES)
def test_the_options_that_are_advised_are_those_that_help(make_registry: MakeRegistry, run_module: RunModule, case: str, auth: str) -> None:
    first, second = make_registry(auth=auth), make_registry()
    first.add_image("app", "1")
    module, options, prefix = CASES[case]
    task = options(first, second)
    failure = run_module(module, task).failure("unauthorized")
    assert f"set {prefix}username and {prefix}password" in failure.msg
    login = first.args()
    run_module(module, {**task, f"{prefix}username": login["username"], f"{prefix}password": login["password"]}).ok()


@pytest.mark.parametrize("auth", ["basic", "token"])
@pytest.mark.parametrize(("module", "options"), [("registry_copy", _copy), ("registry_sync", _sync)])
def test_the_side_of_the_destination_is_advised(
    make_registry: MakeRegistry, run_module: RunModule, module: str, options: t.Callable[..., dict[str, t.Any]], auth: str
) -> None:
    first, second = make_registry(), make_registry(auth=auth)
    first.add_image("app", "1")
    failure = run_module(module, options(first, second)).failure("unauthorized")
    assert "set dest_username and dest_password" in failure.msg


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_for_one_of_several_sources_only_auth_config_is_advised(make_registry: MakeRegistry, run_module: RunModule, auth: str) -> None:
    first, second = make_registry(auth=auth), make_registry()
    first.add_image("app", "1")
    second.add_image("app", "1")
    failure = run_module("registry_sync", _many(first, second)).failure("unauthorized")
    assert f"give its user name and password in auth_config, under {first.host}" in failure.msg
    assert not re.search(r"set \w*username", failure.msg)
    login = {key: first.args()[key] for key in ("username", "password")}
    run_module("registry_sync", {**_many(first, second), "auth_config": {"auths": {first.host: login}}}).ok()
    failure = run_module("registry_sync", {**_many(first, second), "auth_config": {"auths": {second.host: login}}}).failure("unauthorized")
    assert f"add its user name and password to auth_config, under {first.host}" in failure.msg


def test_names_of_several_registries_are_advised_auth_config(make_registry: MakeRegistry, run_module: RunModule) -> None:
    first, second = make_registry(auth="basic"), make_registry()
    names = [first.name("app:1"), second.name("app:1")]
    options = {"name": names, "plain_http": True, "retries": 0}
    failure = run_module("registry_image_info", options).failure("unauthorized")
    assert f"give its user name and password in auth_config or an auth_file, under {first.host}" in failure.msg


def test_the_variable_of_a_role_is_named_as_the_role_names_it(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=Basic(USER, PASSWORD))
    registry.add_image("app", "1")
    options = {"name": [registry.name("app:1")], "plain_http": True, "retries": 0, "use_auth_file": False}
    failure = run_module("registry_image_info", {**options, "auth_config": _of_role("reg.example.com")}).failure("unauthorized")
    assert f"add its user name and password to mirror_credentials, under {registry.host}" in failure.msg
    run_module("registry_image_info", {**options, "auth_config": _of_role(registry.host)}).ok()


@pytest.mark.parametrize(("prefix", "options"), [("dest_", {}), ("src_", {"dest_plain_http": True})])
def test_the_side_that_does_not_speak_tls_is_advised(
    make_registry: MakeRegistry, run_module: RunModule, prefix: str, options: dict[str, t.Any]
) -> None:
    first, second = make_registry(), make_registry()
    first.add_image("app", "1")
    task = {"src": first.name("app:1"), "dest": second.name("app:1"), "retries": 0, "timeout": 10, **options}
    failure = run_module("registry_copy", task).failure("tls")
    assert f"set {prefix}plain_http: true" in failure.msg


@pytest.mark.parametrize("given", ["http://reg.example.com", "me@reg.example.com"])
def test_a_base_that_is_wrong_names_the_options_of_its_side(run_module: RunModule, given: str) -> None:
    failure = run_module("registry_sync", {"images": ["quay.io/app:1"], "dest_registry": given}).failure("invalid_reference")
    assert "dest_plain_http: true" in failure.msg or "dest_username and dest_password" in failure.msg
