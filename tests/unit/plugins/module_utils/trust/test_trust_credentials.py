# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each registry gets its own credentials and never those of another, wherever they come from."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.auth_files import pair
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, assert_clean
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.canary import find_secrets
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

pytestmark = pytest.mark.usefixtures("one_authority")

Pair = tuple[FakeRegistry, FakeRegistry]


@pytest.fixture
def both(make_registry: MakeRegistry) -> Pair:
    """Two registries, each with a user and a password of its own."""
    registries = make_registry(auth=Basic("first", "c4nary-of-the-first")), make_registry(auth=Basic("second", "c4nary-of-the-second"))
    for registry in registries:
        registry.server.copy = bytearray()
        registry.add_image("app", "1")
    return registries


def _assert_apart(both: Pair) -> None:
    for registry, other in (both, both[::-1]):
        assert registry.server.copy
        assert find_secrets(bytes(registry.server.copy or b""), other.secrets()) == []


def _look(run_module: RunModule, *registries: FakeRegistry, **options: t.Any) -> Result:
    names = [registry.name("app:1") for registry in registries]
    return run_module("registry_image_info", {"name": names, "details": "digest", "plain_http": True, "timeout": 10, **options})


def _config(both: Pair, **more: t.Any) -> dict[str, t.Any]:
    auths = {registry.host: pair(*t.cast(Basic, registry.auth).credentials().values()) for registry in both}
    return {"auths": auths, **more}


@pytest.mark.parametrize("source", ["auth_config", "auth_file", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "~/.docker"])
def test_t13_each_registry_gets_its_own_entry(
    both: Pair, run_module: RunModule, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    text, options = json.dumps(_config(both)), {}
    path = {"DOCKER_CONFIG": tmp_path / "config.json", "~/.docker": home / ".docker" / "config.json"}.get(source, tmp_path / "auth.json")
    path.parent.mkdir(exist_ok=True)
    if source == "auth_config":
        options = {"auth_config": text}
    else:
        path.write_text(text)
        path.chmod(0o600)
        options = {"auth_file": str(path)} if source == "auth_file" else {}
        if source.isupper():
            monkeypatch.setenv(source, str(path.parent if source == "DOCKER_CONFIG" else path))
    assert _look(run_module, *both, **options).ok()["exists"] is True
    _assert_apart(both)


@pytest.mark.parametrize("given", ["task", "environment"])
def test_t13_credentials_for_one_registry_do_not_reach_the_other(
    both: Pair, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    options: dict[str, t.Any] = {}
    if given == "task":
        options = {**both[0].auth.credentials(), "src": both[1].name("app:1"), "dest": both[0].name("app:2"), "registry": both[0].host}
    else:
        monkeypatch.setenv("OCITOOLS_REGISTRY", both[0].host)
        monkeypatch.setenv("OCITOOLS_REGISTRY_USERNAME", "first")
        monkeypatch.setenv("OCITOOLS_REGISTRY_PASSWORD", "c4nary-of-the-first")
        options = {"src": both[1].name("app:1"), "dest": both[0].name("app:2")}
    result = run_module("registry_copy", {**options, "src_plain_http": True, "dest_plain_http": True}).failure("unauthorized")
    assert result.error["registry"] == both[1].host
    assert {request.scheme for request in both[1].requests} == {""}
    assert {request.user for request in both[0].requests} <= {"", "first"}
    _assert_apart(both)


def test_t13_a_copy_has_two_sets_of_credentials(both: Pair, run_module: RunModule) -> None:
    sides = {f"{side}_{name}": value for side, fake in zip(("src", "dest"), both) for name, value in fake.auth.credentials().items()}
    options = {**sides, "src": both[0].name("app:1"), "dest": both[1].name("app:2"), "src_plain_http": True, "dest_plain_http": True}
    run_module("registry_copy", options).ok()
    assert set(both[1].tags("app")) == {"1", "2"}
    _assert_apart(both)


def test_t13_an_environment_for_another_host_is_not_used(both: Pair, run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCITOOLS_REGISTRY", both[1].host)
    monkeypatch.setenv("OCITOOLS_REGISTRY_USERNAME", "second")
    monkeypatch.setenv("OCITOOLS_REGISTRY_PASSWORD", "c4nary-of-the-second")
    _look(run_module, both[0]).failure("unauthorized")
    _look(run_module, both[1]).ok()
    _assert_apart(both)


# Credential helpers


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[str, str], None]:
    """Put a credential helper on the PATH: ``install("name", "a line of shell")``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(name: str, line: str) -> None:
        path = folder / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o700)

    return make


Install = t.Callable[[str, str], None]


def test_t13_a_helper_serves_its_registry_and_no_other(both: Pair, run_module: RunModule, install: Install) -> None:
    answer = json.dumps({"Username": "first", "Secret": "c4nary-of-the-first"})
    install("vault", f'read host; [ "$host" = "{both[0].host}" ] && echo \'{answer}\'')
    config = json.dumps({"credHelpers": {both[0].host: "vault"}})
    _look(run_module, both[0], auth_config=config).ok()
    _look(run_module, both[1], auth_config=config).failure("unauthorized")
    _assert_apart(both)


def test_t13_a_store_is_asked_for_each_registry(both: Pair, run_module: RunModule, install: Install) -> None:
    cases = " ".join(
        f'{fake.host}) echo \'{{"Username": "{name}", "Secret": "c4nary-of-the-{name}"}}\' ;;'
        for fake, name in zip(both, ("first", "second"))
    )
    install("store", f'read host; case "$host" in {cases} esac')
    _look(run_module, *both, auth_config=json.dumps({"credsStore": "store"})).ok()
    _assert_apart(both)


@pytest.mark.parametrize(
    "line", ["echo c4nary-in-the-output; exit 1", "echo c4nary-in-the-output >&2; exit 3", 'echo \'{"Secret": "c4nary-in-the-output"}\'']
)
def test_t13_a_helper_that_fails_shows_nothing_of_its_output(both: Pair, run_module: RunModule, install: Install, line: str) -> None:
    install("broken", line)
    config = _config(both, credHelpers={both[0].host: "broken"})
    result = _look(run_module, both[0], auth_config=json.dumps(config)).failure("credentials")
    assert "broken" in result.msg
    assert_clean(result.text, "c4nary-in-the-output")
    assert both[0].log() == both[1].log() == []


@pytest.mark.parametrize("name", ["../broken", "a b", "x;id", "x\ny", ""])
def test_t13_only_a_plain_name_is_run(both: Pair, run_module: RunModule, install: Install, tmp_path: Path, name: str) -> None:
    install("broken", f"touch {tmp_path / 'was-run'}")
    config = _config(both, credHelpers={both[0].host: name})
    result = _look(run_module, both[0], auth_config=json.dumps(config))
    assert result.failed is bool(name)
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("how", ["<token> of a helper", "<token> in auth", "identitytoken"])
def test_t13_identity_tokens_are_known_in_all_their_forms(
    make_registry: MakeRegistry, run_module: RunModule, install: Install, how: str
) -> None:
    registry = make_registry(auth=TokenAuth({"robot": User(identity_token="c4nary-identity-token")}))
    registry.add_image("app", "1")
    install("vault", 'echo \'{"Username": "<token>", "Secret": "c4nary-identity-token"}\'')
    configs: dict[str, dict[str, t.Any]] = {
        "<token> of a helper": {"credHelpers": {registry.host: "vault"}},
        "<token> in auth": {"auths": {registry.host: pair("<token>", "c4nary-identity-token")}},
        "identitytoken": {"auths": {registry.host: {"identitytoken": "c4nary-identity-token"}}},
    }
    _look(run_module, registry, auth_config=json.dumps(configs[how])).ok()
    assert [request.method for request in registry.named("token")] == ["POST"]


def test_t13_a_registry_token_is_sent_as_it_is(guarded: FakeRegistry, run_module: RunModule) -> None:
    _look(run_module, guarded, **guarded.auth.credentials()).ok()
    token = guarded.secrets()[-1]
    guarded.clear()
    _look(run_module, guarded, auth_config=json.dumps({"auths": {guarded.host: {"registrytoken": token}}})).ok()
    assert guarded.log() == ["HEAD /v2/app/manifests/1"]
