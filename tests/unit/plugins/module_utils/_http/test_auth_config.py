# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task gives to log in with: empty text is no credentials of others, auth_config is text or a dictionary, names are no secrets."""

from __future__ import annotations

import base64
import json
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http import keychain
from ansible_collections.ocitools.registry.plugins.module_utils._http.auth_config import auth_config_secrets
from ansible_collections.ocitools.registry.plugins.module_utils._http.keychain import Keychain
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

PASSWORD = "c4nary/pass+word=&"


@pytest.fixture
def registry(make_registry: MakeRegistry, home: Path) -> FakeRegistry:
    """A registry whose credentials are in the auth file of this host."""
    made = make_registry(auth=Basic("deploy-user", PASSWORD))
    matrix.fill(made)
    pair = base64.b64encode(f"deploy-user:{PASSWORD}".encode()).decode()
    path = home / ".docker" / "config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"auths": {made.host: {"auth": pair}}}))
    path.chmod(0o600)
    return made


def auths(registry: FakeRegistry, **entry: str) -> dict[str, t.Any]:
    return {"auths": {registry.host: entry or {"username": "deploy-user", "password": PASSWORD}}}


# T60: empty text is given


@pytest.mark.parametrize("name", ["username", "password", "identity_token", "registry_token", "auth_config", "auth_file"])
@pytest.mark.parametrize("text", ["", " \n"])
def test_t60_an_empty_option_does_not_use_the_credentials_of_others(
    registry: FakeRegistry, run_module: RunModule, name: str, text: str
) -> None:
    more = {"password": PASSWORD} if name == "username" else {"username": "deploy-user"} if name == "password" else {}
    result = run_module("registry_image_info", registry.args(credentials=False, name=["app:1"], **more, **{name: text}))
    assert f"The option {name} is empty: an unset variable?" in result.failure("invalid_option").msg
    assert registry.log() == []


@pytest.mark.parametrize("name", ["username", "password", "identity_token", "registry_token", "registry"])
@pytest.mark.parametrize("side", ["", "src_", "dest_"])
def test_t60_an_empty_option_of_a_side_is_refused(registry: FakeRegistry, run_module: RunModule, name: str, side: str) -> None:
    options = {"src": registry.name("app:1"), "dest": registry.name("copy:1"), f"{side}{name}": ""}
    result = run_module("registry_copy", {**registry.args(credentials=False), **options})
    assert f"The option {side}{name} is empty" in result.msg
    assert result.error["kind"] in ("invalid_option", "invalid_reference")
    assert registry.log() == []


@pytest.mark.parametrize("name", ["USERNAME", "PASSWORD", "IDENTITY_TOKEN", "TOKEN", ""])
def test_t60_an_empty_variable_of_the_environment_is_refused(
    registry: FakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in (("", registry.host), ("_USERNAME", "u"), ("_PASSWORD", "p4ssword")):
        monkeypatch.setenv(f"OCITOOLS_REGISTRY{variable}", value)
    empty = f"OCITOOLS_REGISTRY_{name}".rstrip("_")
    monkeypatch.setenv(empty, "")
    result = run_module("registry_image_info", registry.args(credentials=False, name=["app:1"])).failure("credentials")
    assert f"The environment variable {empty} is empty" in result.msg
    assert registry.log() == []


@pytest.mark.parametrize("given", [{"password": None, "username": None}, {"auth_config": {"auths": {}}}, {"auth_config": '{"auths": {}}'}])
def test_t60_what_is_not_given_or_knows_no_host_leaves_it_to_the_auth_file(
    registry: FakeRegistry, run_module: RunModule, given: dict[str, t.Any]
) -> None:
    run_module("registry_image_info", registry.args(credentials=False, name=["app:1"], **given)).ok()


@pytest.mark.parametrize("entry", [{"username": "", "password": ""}, {"auth": None}, {}, None])
def test_t60_an_entry_with_nothing_in_it_leaves_it_to_the_auth_file(registry: FakeRegistry, run_module: RunModule, entry: t.Any) -> None:
    config = {"auths": {registry.host: entry}}
    run_module("registry_image_info", registry.args(credentials=False, name=["app:1"], auth_config=config)).ok()


# auth_config, text or dictionary


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("encoded", [False, True])
def test_auth_config_is_text_or_a_dictionary(registry: FakeRegistry, run_module: RunModule, as_text: bool, encoded: bool) -> None:
    pair = base64.b64encode(f"deploy-user:{PASSWORD}".encode()).decode()
    config: t.Any = auths(registry, auth=pair) if encoded else auths(registry)
    config = json.dumps(config) if as_text else config
    options = registry.args(credentials=False, name=["app:1"], auth_config=config, use_auth_file=False)
    result = run_module("registry_image_info", matrix.verbose(options)).ok()
    assert PASSWORD not in result.text
    assert pair not in result.text


def test_user_names_in_auth_config_are_not_masked(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("deploy-user/app", "1")
    options = registry.args(credentials=False, name=["deploy-user/app:1"], auth_config=auths(registry))
    result = run_module("registry_image_info", options).ok()
    assert result["images"][0]["name"] == "deploy-user/app:1"
    assert result["images"][0]["repository"] == "deploy-user/app"
    assert result.warnings == []


@pytest.mark.parametrize("value", [[], 5, True, ["a"]])
def test_auth_config_of_another_type_is_refused(registry: FakeRegistry, run_module: RunModule, value: t.Any) -> None:
    options = registry.args(credentials=False, name=["app:1"], auth_config=value)
    assert "as a dictionary or as JSON text" in run_module("registry_image_info", options).failure("credentials").msg


def test_secrets_of_auth_config_are_all_but_names() -> None:
    pair = base64.b64encode(b"user:inner-secret").decode()
    config = {
        "auths": {
            "h": {"username": "user", "email": "e", "auth": pair},
            "i": {"identitytoken": "ident"},
            "j": "oddly",
            "k": {"passwrod": "p"},
        },
        "credHelpers": {"l": "helper"},
        "credsStore": "store",
    }
    wanted = {pair, "inner-secret", "ident", "oddly", "p"}
    assert set(auth_config_secrets(config)) == wanted
    assert set(auth_config_secrets(json.dumps(config))) == wanted
    assert set(auth_config_secrets('{"auths": {"a": {"password": "cut off"')) == {'{"auths": {"a": {"password": "cut off"', "cut off"}


# Where podman writes without XDG_RUNTIME_DIR


def test_the_auth_file_below_run_is_found_where_no_variable_names_the_folder(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keychain, "_RUN", str(tmp_path))
    path = tmp_path / str(os.getuid()) / "auth.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"auths": {"reg.example": {"username": "from-run", "password": PASSWORD}}}))
    path.chmod(0o600)
    for environ, expected in (({}, "from-run"), ({"XDG_RUNTIME_DIR": str(home / "other")}, None)):
        found = Keychain(None, None, True, {"HOME": str(home), **environ}).find("reg.example", "app")
        assert (found.username if found else None) == expected


# A line break at the end


@pytest.mark.parametrize("name", ["identity_token", "registry_token"])
def test_a_line_break_at_the_end_of_a_token_is_named(registry: FakeRegistry, run_module: RunModule, name: str) -> None:
    options = registry.args(credentials=False, name=["app:1"], **{name: "c4nary.tok\n"})
    result = run_module("registry_image_info", options).failure("invalid_option")
    assert name in result.msg
    assert "ends with a line break" in result.msg
    assert registry.log() == []


@pytest.mark.parametrize("login", [Basic, lambda user, password: TokenAuth({user: User(password)})])
@pytest.mark.parametrize("name", ["username", "password"])
def test_a_line_break_at_the_end_of_a_refused_password_is_named(
    make_registry: MakeRegistry, run_module: RunModule, name: str, login: t.Callable[[str, str], Basic]
) -> None:
    registry = make_registry(auth=login("deploy-user", PASSWORD))
    given = registry.args(name=["app:1"])
    result = run_module("registry_image_info", {**given, name: f"{given[name]}\n"}).failure("unauthorized")
    assert f"the {'user name' if name == 'username' else name} ends with a line break" in result.msg
