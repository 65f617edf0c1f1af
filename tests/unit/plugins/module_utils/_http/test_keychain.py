# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where credentials are looked for: entries, helpers and files in their order, nothing read twice, nothing left behind."""

from __future__ import annotations

import json
import os
import socket
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http.credentials import Credentials
from ansible_collections.ocitools.registry.plugins.module_utils._http.keychain import AuthFile, Keychain
from ansible_collections.ocitools.registry.tests.unit.plugins.auth_files import NOT_FOUND, Helpers, answer, pair
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import refusal
from ansible_collections.ocitools.registry.tests.unit.registry.canary import assert_clean

SECRET = "pa55-w0rd&Canary"
HOST = "reg.example.com"
HUB = "https://index.docker.io/v1/"


def user(found: Credentials | None) -> str | None:
    return found.username if found else None


def look_up(document: t.Any, host: str, repository: str, helpers: Helpers | None = None) -> str | None:
    return user(AuthFile(json.dumps(document).encode(), "The auth file").find(host, repository, helpers or Helpers()))


@pytest.mark.parametrize(
    ("repository", "expected"),
    [("a/b/c", "abc"), ("a/b", "ab"), ("a/b/d", "ab"), ("a/b/c/d", "abc"), ("a/x", "host"), ("ab", "host"), ("", "host"), ("a", "host")],
)
def test_the_most_specific_entry_counts(repository: str, expected: str) -> None:
    entries = {HOST: "host", f"{HOST}/a/b": "ab", f"{HOST}/a/b/c": "abc", "other.example.com/a/b/c": "other", f"{HOST}:5000": "port"}
    assert look_up({"auths": {key: pair(name, SECRET) for key, name in entries.items()}}, HOST, repository) == expected


@pytest.mark.parametrize(
    "document",
    [
        {HOST: {"username": "somebody", "password": SECRET}},
        {"auths": {HOST: {"user": "somebody", "password": SECRET}}},
        {"auths": {HOST: {"username": "somebody", "password": ""}}},
        {"auths": {HOST: {"password": SECRET}}},
        {"auths": {HOST: {"username": {"name": "somebody"}}}},
    ],
)
def test_what_a_task_gives_is_complete_or_refused(document: dict[str, t.Any]) -> None:
    keychain = Keychain(json.dumps(document), None, False, {})
    message = refusal(keychain.find, HOST, "app", kind="credentials").message
    assert "auth_config" in message
    assert "username" in message or "auths" in message or HOST in message
    assert_clean(message, SECRET)


@pytest.mark.parametrize("document", [{}, {"auths": {}}, {"auths": {HOST: {}}}, {"auths": {HOST: {"username": "", "password": ""}}}])
def test_a_task_may_give_no_credentials(document: dict[str, t.Any]) -> None:
    assert Keychain(json.dumps(document), None, False, {}).find(HOST, "app") is None


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_entries_for_one_host_the_one_that_is_written_so_counts(turned: bool) -> None:
    for exact, other in ((HOST, f"https://{HOST}/v1/"), ("docker.io", HUB)):
        entries = {exact: pair("exact", SECRET), other: pair("other", SECRET)}
        ordered = dict(reversed(entries.items())) if turned else entries
        assert look_up({"auths": ordered}, exact, "a/b") == "exact"
        assert look_up({"auths": {**ordered, exact: {}}}, exact, "a/b") == "other"


@pytest.mark.parametrize(
    ("document", "expected", "asked"),
    [
        ({"credHelpers": {HOST: "one"}}, "one", ["one"]),
        ({"credHelpers": {HOST: "one"}, "auths": {HOST: pair("entry", SECRET)}, "credsStore": "two"}, "one", ["one"]),
        ({"credHelpers": {HOST: "none"}, "auths": {HOST: pair("entry", SECRET)}, "credsStore": "two"}, "entry", ["none"]),
        ({"credHelpers": {HOST: "none"}, "auths": {HOST: {}}, "credsStore": "two"}, "two", ["none", "two"]),
        ({"credHelpers": {HOST: ""}, "auths": {HOST: pair("entry", SECRET)}}, "entry", []),
        ({"credHelpers": {"other.example.com": "one"}, "credsStore": "two"}, "two", ["two"]),
        ({"auths": {HOST: {}}, "credsStore": "two"}, "two", ["two"]),
        ({"auths": {HOST: pair("entry", SECRET)}, "credsStore": "two"}, "entry", []),
        ({"credHelpers": {HOST: "none"}, "credsStore": "none"}, None, ["none"]),
        ({"credsStore": ""}, None, []),
    ],
)
def test_t13_helpers_and_entries_are_asked_in_order(document: t.Any, expected: str | None, asked: list[str]) -> None:
    helpers = Helpers(one=answer("one", SECRET), two=answer("two", SECRET), none=NOT_FOUND)
    assert look_up(document, HOST, "a/b", helpers) == expected
    assert helpers.asked == [(f"docker-credential-{name}", f"{HOST}\n".encode()) for name in asked]


def test_t13_a_helper_that_fails_is_not_passed_over() -> None:
    document = {"credHelpers": {HOST: "broken"}, "auths": {HOST: pair("entry", SECRET)}, "credsStore": "one"}
    for helpers in (Helpers(broken=(1, SECRET.encode()), one=answer("one", SECRET)), Helpers(one=answer("one", SECRET))):
        error = refusal(look_up, document, HOST, "a", helpers, kind="credentials")
        assert_clean(error.message, SECRET)


def test_t13_helpers_know_docker_hub_by_its_old_address() -> None:
    helpers = Helpers(one=answer("one", SECRET))
    assert look_up({"credHelpers": {HUB: "one"}}, "docker.io", "library/app", helpers) == "one"
    assert helpers.asked == [("docker-credential-one", f"{HUB}\n".encode())]


def test_t13_a_helper_is_asked_for_each_registry_once() -> None:
    helpers = Helpers(one=answer("one", SECRET))
    known = AuthFile(b'{"credsStore": "one"}', "The auth file")
    for repository in ("a", "b", "c/d"):
        assert known.find(HOST, repository, helpers) == Credentials("one", SECRET)
    known.find("other.example.com", "a", helpers)
    assert [server for _program, server in helpers.asked] == [f"{HOST}\n".encode(), b"other.example.com\n"]


# Files


@dataclass
class Heard:
    """What a keychain told: secrets and warnings."""

    secrets: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def keychain(
    environ: dict[str, str],
    heard: Heard | None = None,
    config: t.Any = None,
    file: t.Any = None,
    use: bool = True,
    helpers: Helpers | None = None,
) -> Keychain:
    heard = heard or Heard()
    text = None if config is None else json.dumps(config)
    return Keychain(text, file and str(file), use, environ, helpers or Helpers(), heard.secrets.append, heard.warnings.append)


def write(path: Path, name: str, host: str = HOST) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"auths": {host: pair(name, SECRET)}}))
    path.chmod(0o600)
    return path


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """All files that are looked into, each with an entry that bears its name."""
    return {
        "docker config": write(tmp_path / "docker" / "config.json", "docker config"),
        "run": write(tmp_path / "run" / "containers" / "auth.json", "run"),
        "home config": write(tmp_path / "home" / ".config" / "containers" / "auth.json", "home config"),
        "home docker": write(tmp_path / "home" / ".docker" / "config.json", "home docker"),
        "named": write(tmp_path / "named.json", "named"),
    }


def test_files_are_looked_into_in_order(tmp_path: Path, places: dict[str, Path]) -> None:
    environ = {"HOME": str(tmp_path / "home"), "DOCKER_CONFIG": str(tmp_path / "docker"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    assert user(keychain({**environ, "REGISTRY_AUTH_FILE": str(places["named"])}).find(HOST, "a")) == "named"
    for name in ("docker config", "run", "home config", "home docker"):
        assert user(keychain(environ).find(HOST, "a")) == name
        places[name].unlink()
    assert keychain(environ).find(HOST, "a") is None


def test_a_file_that_does_not_know_the_host_gives_way_to_the_next(tmp_path: Path, places: dict[str, Path]) -> None:
    environ = {"HOME": str(tmp_path / "home"), "DOCKER_CONFIG": str(tmp_path / "docker")}
    write(places["docker config"], "other", "other.example.com")
    known = keychain(environ)
    assert user(known.find(HOST, "a")) == "home config"
    assert user(known.find("other.example.com", "a")) == "other"


def test_a_file_that_is_named_is_the_only_one(tmp_path: Path, places: dict[str, Path]) -> None:
    environ = {"HOME": str(tmp_path / "home"), "REGISTRY_AUTH_FILE": str(places["run"])}
    write(places["named"], "other", "other.example.com")
    assert keychain(environ, file=places["named"]).find(HOST, "a") is None
    assert user(keychain(environ).find(HOST, "a")) == "run"


def test_text_of_the_task_comes_before_files(tmp_path: Path, places: dict[str, Path]) -> None:
    environ = {"HOME": str(tmp_path / "home")}
    config = {"auths": {"other.example.com": pair("text", SECRET)}}
    known = keychain(environ, config=config)
    assert user(known.find("other.example.com", "a")) == "text"
    assert user(known.find(HOST, "a")) == "home config"
    assert keychain(environ, config=config, use=False).find(HOST, "a") is None
    assert user(keychain(environ, config=config, use=False).find("other.example.com", "a")) == "text"
    error = refusal(Keychain(f"\ud800{SECRET}", None, False, {}).find, HOST, "a", kind="credentials")
    assert error.message.startswith("The option auth_config cannot be read")
    assert_clean(error.message, SECRET)


def test_t38_secrets_are_told_as_soon_as_they_are_known(tmp_path: Path, places: dict[str, Path]) -> None:
    heard = Heard()
    known = keychain({"HOME": str(tmp_path / "home")}, heard)
    known.find(HOST, "a")
    known.find(HOST, "a")
    assert heard.secrets == list(Credentials("home config", SECRET).secrets())


@pytest.mark.parametrize(
    ("mode", "open_to_others"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o620, True), (0o644, True)]
)
def test_t13_a_file_that_is_open_to_others_is_told_once(places: dict[str, Path], mode: int, open_to_others: bool) -> None:
    places["named"].chmod(mode)
    heard = Heard()
    known = keychain({}, heard, file=places["named"])
    for repository in ("a", "b"):
        known.find(HOST, repository)
    assert len(heard.warnings) == open_to_others
    assert all(str(places["named"]) in text for text in heard.warnings)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_folder(path: Path) -> None:
    path.mkdir()


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_large(path: Path) -> None:
    path.write_bytes(b" " * (1024 * 1024) + b"{}")


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_folder, make_loop, make_device, make_large])
@pytest.mark.parametrize("named", [False, True])
def test_t13_what_is_no_auth_file_is_refused_and_never_waited_for(tmp_path: Path, make: t.Callable[[Path], None], named: bool) -> None:
    path = tmp_path / ".docker" / "config.json"
    path.parent.mkdir()
    make(path)
    known = keychain({"HOME": str(tmp_path)}, file=path if named else None)
    assert str(path) in refusal(known.find, HOST, "a").message


@pytest.mark.parametrize("path", ["/no/such/file", "/dev/null/file", "", "\0", "\ud800"], ids=ascii)
def test_only_a_file_that_is_named_must_be_there(path: str) -> None:
    assert keychain({"HOME": "/no/such/home"}).find(HOST, "a") is None
    assert keychain({"HOME": "/dev/null"}).find(HOST, "a") is None
    if path:
        refusal(keychain({}, file=path).find, HOST, "a", kind="credentials")


def test_t14_nothing_is_written(tmp_path: Path, places: dict[str, Path]) -> None:
    def snapshot() -> dict[str, tuple[int, int, bytes]]:
        files = (path for path in tmp_path.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    environ = {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run"), "DOCKER_CONFIG": str(tmp_path / "docker")}
    places["run"].write_text(json.dumps({"credsStore": "one"}))
    before = snapshot()
    known = keychain(environ, helpers=Helpers(one=answer("one", SECRET)))
    for host in (HOST, "other.example.com", "docker.io"):
        assert known.find(host, "a") is not None
    assert snapshot() == before
