# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_login: what is in the auth file afterwards, who can read it, and what the registry is asked before."""

from __future__ import annotations

import base64
import json
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.auth_files import pair
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

pytestmark = pytest.mark.usefixtures("one_authority")

LOGIN: dict[str, t.Any] = {"username": "robot", "password": "c4nary-password"}
ENTRY = pair("robot", "c4nary-password")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The auth file of a test, in containers' form."""
    return tmp_path / "auth.json"


def _auths(path: Path) -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", json.loads(path.read_text(encoding="utf-8"))["auths"])


def _write(path: Path, document: t.Any) -> bytes:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    path.write_bytes(raw)
    path.chmod(0o600)
    return raw


@pytest.fixture
def offline(run_module: RunModule, path: Path) -> t.Callable[..., t.Any]:
    """Run the module without asking a registry."""

    def run(registry: str = "reg.example", **options: t.Any) -> t.Any:
        check, diff = options.pop("check", False), options.pop("diff", False)
        given = {"registry": registry, "auth_file": str(path), "check_credentials": False, **LOGIN, **options}
        return run_module("registry_login", {key: value for key, value in given.items() if value is not None}, check=check, diff=diff)

    return run


# What is written


def test_a_new_file_is_its_owners_alone(offline: t.Callable[..., t.Any], path: Path) -> None:
    result = offline().ok()
    assert (result.changed, result["auth_file"], result["entry"], result["authenticated"]) == (True, str(path), "reg.example", None)
    assert _auths(path) == {"reg.example": ENTRY}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not offline().ok().changed
    assert sorted(file.name for file in path.parent.iterdir()) == ["auth.json", "auth.json.lock"]


def test_new_folders_are_their_owners_alone(offline: t.Callable[..., t.Any], tmp_path: Path) -> None:
    path = tmp_path / "new" / ".docker" / "config.json"
    offline(auth_file=str(path)).ok()
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)] == [0o700, 0o700]


@pytest.mark.parametrize(
    ("name", "document", "key"),
    [
        ("config.json", {}, "https://index.docker.io/v1/"),
        ("auth.json", {}, "docker.io"),
        ("pull.json", {"auths": {"https://index.docker.io/v1/": pair("a", "b")}}, "https://index.docker.io/v1/"),
    ],
)
def test_docker_hub_has_the_key_that_the_programs_look_for(
    offline: t.Callable[..., t.Any], tmp_path: Path, name: str, document: t.Any, key: str
) -> None:
    path = tmp_path / name
    _write(path, document)
    for spelling in ("docker.io", "index.docker.io", "https://index.docker.io/v1/"):
        assert offline(spelling, auth_file=str(path)).ok()["entry"] == key
    assert _auths(path) == {key: ENTRY}


def test_an_identity_token_is_written_so_that_all_programs_find_it(offline: t.Callable[..., t.Any], path: Path) -> None:
    offline(username=None, password=None, identity_token="c4nary-token").ok()
    assert _auths(path) == {"reg.example": {"auth": base64.b64encode(b"<token>:").decode(), "identitytoken": "c4nary-token"}}


def test_all_the_rest_keeps_its_meaning(offline: t.Callable[..., t.Any], path: Path) -> None:
    raw = b"""{"HttpHeaders": {"X": "\\ud83d\\u00e9"}, "n": [1.10, 1E+5, 123456789012345678901234567890, -0.0, true, null], "credHelpers": {"h.example": "x"},
        "auths": {"z.example": {"auth": "eg=="}, "reg.example": {"auth": "b2xkOm9sZA==", "email": "a@b", "identitytoken": "old"}, "a.example/ns": {}}}"""
    _write(path, raw)
    offline().ok()
    text = path.read_text(encoding="ascii")
    for number in ("1.10", "1E+5", "123456789012345678901234567890", "-0.0"):
        assert f"\t{number}" in text
    before, after = json.loads(raw), json.loads(text)
    before["auths"]["reg.example"] = {**ENTRY, "email": "a@b"}
    assert after == before
    assert list(after["auths"]) == ["z.example", "reg.example", "a.example/ns"]


def test_no_old_password_stays_under_another_spelling(offline: t.Callable[..., t.Any], path: Path) -> None:
    old = pair("old", "old")
    spellings = ["https://reg.example", "https://reg.example/v1/", "REG.example", "reg.example/v2/"]
    kept = {"reg.example/team": old, "reg.example:5000": old}
    _write(path, {"auths": {**dict.fromkeys(spellings, old), **kept}})
    offline().ok()
    assert _auths(path) == {**kept, "reg.example": ENTRY}
    offline(state="absent", username=None, password=None).ok()
    assert _auths(path) == kept


def test_a_namespace_has_credentials_of_its_own_but_not_in_dockers_file(
    offline: t.Callable[..., t.Any], path: Path, tmp_path: Path
) -> None:
    assert offline("reg.example/team").ok()["entry"] == "reg.example/team"
    assert _auths(path) == {"reg.example/team": ENTRY}
    assert "leave out /team" in offline("reg.example/team", auth_file=str(tmp_path / "config.json")).failure("invalid_option").msg


def test_absent_needs_no_credentials_and_makes_no_file(offline: t.Callable[..., t.Any], path: Path) -> None:
    none = {"username": None, "password": None, "state": "absent"}
    assert not offline(**none).ok().changed
    assert not list(path.parent.iterdir())
    _write(path, {"auths": {"reg.example": ENTRY}})
    assert offline(**none).ok().changed
    assert _auths(path) == {}


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io"])
def test_absent_takes_the_tokens_of_docker_hub_as_well(offline: t.Callable[..., t.Any], path: Path, key: str) -> None:
    tokens = {f"https://index.docker.io/v1/{name}-token": pair("robot", "token") for name in ("access", "refresh")}
    kept = {"docker.io/team": ENTRY, "reg.example": ENTRY}
    _write(path, {"auths": {key: ENTRY, **tokens, **kept}})
    offline(state="absent").ok()
    assert set(_auths(path)) == {"docker.io/team", *tokens, key}
    assert offline("docker.io", state="absent").ok().changed
    assert _auths(path) == {"docker.io/team": ENTRY}
    _write(path, {"auths": tokens})
    assert offline("docker.io", state="absent").ok().changed
    assert not offline("docker.io", state="absent").ok().changed
    assert _auths(path) == {}


@pytest.mark.parametrize("missing", ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"])
def test_without_auth_file_it_is_where_podman_would_write(
    offline: t.Callable[..., t.Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    where = {
        "REGISTRY_AUTH_FILE": (tmp_path / "a" / "mine.json", "a/mine.json"),
        "DOCKER_CONFIG": (tmp_path / "b", "b/config.json"),
        "XDG_RUNTIME_DIR": (tmp_path / "c", "c/containers/auth.json"),
    }
    variable = missing
    monkeypatch.setenv(variable, str(where[variable][0]))
    assert offline(auth_file=None).ok()["auth_file"] == str(tmp_path / where[variable][1])
    assert _auths(tmp_path / where[variable][1]) == {"reg.example": ENTRY}


# The registry is asked first


def test_what_is_written_is_read_by_the_other_modules(make_registry: MakeRegistry, run_module: RunModule, path: Path) -> None:
    users = {"robot": User("c4nary-password"), "machine": User(identity_token="c4nary-identity-token")}
    registry = make_registry(auth=TokenAuth(users))
    registry.add_image("app", "1")
    for credentials in (LOGIN, {"identity_token": "c4nary-identity-token"}):
        options = registry.args(credentials=False, auth_file=str(path))
        registry.clear()
        login = run_module("registry_login", {**options, **credentials}).ok()
        assert (login.changed, login["authenticated"], login.warnings) == (True, True, [])
        assert registry.log() in (["GET /v2/", "GET /token", "GET /v2/"], ["GET /v2/", "POST /token", "GET /v2/"])
        run_module("registry_image_info", {**options, "name": ["app:1"]}).ok()


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_wrong_credentials_are_not_written(make_registry: MakeRegistry, run_module: RunModule, path: Path, auth: str) -> None:
    registry = make_registry(auth=auth)
    raw = _write(path, {"auths": {registry.host: pair("old", "old")}})
    options = registry.args(credentials=False, auth_file=str(path), username="robot", password="c4nary-wrong")
    for check in (True, False):
        result = run_module("registry_login", options, check=check, diff=True).failure("unauthorized")
        assert not result.changed
    assert path.read_bytes() == raw
    assert [file.name for file in path.parent.iterdir()] == ["auth.json"]


def test_a_registry_that_is_open_to_anybody_proves_nothing(registry: FakeRegistry, run_module: RunModule, path: Path) -> None:
    result = run_module("registry_login", registry.args(auth_file=str(path), **LOGIN)).ok()
    assert (result["authenticated"], len(result.warnings)) == (False, 1)
    assert "allows anonymous access" in result.warnings[0]
    assert registry.log() == ["GET /v2/"]


def test_nothing_is_sent_where_nobody_wants_to_know(registry: FakeRegistry, run_module: RunModule, path: Path) -> None:
    run_module("registry_login", registry.args(auth_file=str(path), check_credentials=False, **LOGIN)).ok()
    run_module("registry_login", registry.args(auth_file=str(path), state="absent")).ok()
    assert registry.log() == []


def test_credentials_of_the_environment_are_those_of_the_task(
    offline: t.Callable[..., t.Any], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCITOOLS_REGISTRY", "reg.example")
    monkeypatch.setenv("OCITOOLS_REGISTRY_USERNAME", "robot")
    monkeypatch.setenv("OCITOOLS_REGISTRY_PASSWORD", "c4nary-password")
    offline(username=None, password=None).ok()
    assert _auths(path) == {"reg.example": ENTRY}


# Check mode and diff


def test_check_mode_predicts_and_shows_no_secret(offline: t.Callable[..., t.Any], path: Path) -> None:
    predicted = offline(check=True, diff=True).ok()
    assert not list(path.parent.iterdir())
    assert offline(diff=True).ok()["diff"] == predicted["diff"]
    assert predicted["diff"]["after"] == {"reg.example": "user name robot and a password"}
    again = offline(check=True, diff=True, password="c4nary-other").ok()
    assert again["diff"]["before"] == {"reg.example": "other credentials"}
    for result in (predicted, again):
        for secret in ("c4nary-password", "c4nary-other", ENTRY["auth"]):
            assert secret not in result.text
