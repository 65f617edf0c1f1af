# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_login: files that it does not write to, other programs that write at the same time, and what reads it afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.auth_files import pair
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import quick
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("one_authority")

LOGIN = {"registry": "reg.example", "check_credentials": False, "username": "robot", "password": "c4nary-password"}


def _options(path: Path, **options: t.Any) -> dict[str, t.Any]:
    return {**LOGIN, "auth_file": str(path), **options}


# Credential stores


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    ("document", "is_refused"),
    [
        ({"credsStore": "desktop"}, True),
        ({"credHelpers": {"reg.example": "ecr-login"}}, True),
        ({"credHelpers": {"https://reg.example/v2/": "ecr-login"}}, True),
        ({"credHelpers": {"other.example": "ecr-login"}}, False),
        ({"credHelpers": {"reg.example": ""}, "credsStore": "desktop"}, False),  # Docker's way to say that the file itself is the store
        ({"credsStore": ""}, False),
    ],
)
def test_t74_a_credential_store_is_not_passed_by(
    run_module: RunModule, tmp_path: Path, document: dict[str, t.Any], is_refused: bool, state: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document), encoding="ascii")
    result = run_module("registry_login", _options(path, state=state))
    if is_refused:
        assert "credential store" in result.failure("credentials").msg
        assert json.loads(path.read_text(encoding="ascii")) == document
    else:
        result.ok()


# Files that are none


def _link(path: Path) -> None:
    (path.parent / "real.json").write_text("{}", encoding="ascii")
    path.symlink_to("real.json")


SPOILT: dict[str, t.Callable[[Path], object]] = {
    "a link": _link,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "no JSON": lambda path: path.write_bytes(b'{"auths": c4nary'),
    "a list": lambda path: path.write_bytes(b"[]"),
    "no UTF-8": lambda path: path.write_bytes(b'{"\xff": 1}'),
    "UTF-16": lambda path: path.write_bytes('{"auths": {}}'.encode("utf-16")),
    "a key twice": lambda path: path.write_bytes(b'{"auths": {}, "auths": {}}'),
    "a key in another case": lambda path: path.write_bytes(b'{"Auths": {}}'),
    "auths that are a list": lambda path: path.write_bytes(b'{"auths": [1]}'),
    "auths that are an empty list": lambda path: path.write_bytes(b'{"auths": []}'),
    "auths that are an empty text": lambda path: path.write_bytes(b'{"auths": ""}'),
    "helpers that are false": lambda path: path.write_bytes(b'{"credHelpers": false}'),
    "helpers that are a text": lambda path: path.write_bytes(b'{"credHelpers": "x"}'),
}


def _state(path: Path) -> tuple[int, ...]:
    """Return what writing to a file changes, and reading it does not."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@pytest.mark.parametrize("kind", SPOILT)
def test_t74_what_is_no_auth_file_is_left_alone(run_module: RunModule, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "auth.json"
    SPOILT[kind](path)
    before = _state(path)
    for check in (True, False):
        result = run_module("registry_login", _options(path), check=check).failure("credentials")
        assert str(path) in result.msg
        assert "c4nary" not in result.msg
    assert _state(path) == before
    assert {file.name for file in tmp_path.iterdir()} <= {"auth.json", "real.json"}


def test_t74_a_file_too_large_is_no_auth_file(run_module: RunModule, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_bytes(b" " * (1 << 20) + b"{}")
    run_module("registry_login", _options(path)).failure("limit")


@pytest.mark.parametrize("check", [False, True])
def test_t74_a_file_that_no_task_could_read_is_not_written(run_module: RunModule, tmp_path: Path, check: bool) -> None:
    path = tmp_path / "config.json"
    before = json.dumps({"auths": {"other.example": {"auth": pair("robot", "secret")}}, "note": "x" * (1024 * 1024 - 150)})
    path.write_text(before, encoding="ascii")
    failed = run_module("registry_login", _options(path), check=check).failure("limit")
    assert "would be larger than the limit of 1048576 bytes" in failed.msg
    assert path.read_text(encoding="ascii") == before


@pytest.mark.parametrize(
    "change", [{"username": "a:b"}, {"password": "c4nary\0"}, {"registry_token": "x" * 20, "username": None, "password": None}]
)
def test_t74_credentials_that_no_file_can_hold_are_refused(run_module: RunModule, tmp_path: Path, change: dict[str, t.Any]) -> None:
    options = {key: value for key, value in _options(tmp_path / "auth.json", **change).items() if value is not None}
    run_module("registry_login", options).failure("invalid_option")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["auth_file", "password", "identity_token"])
def test_an_empty_option_is_an_unset_variable(run_module: RunModule, tmp_path: Path, option: str) -> None:
    assert "is empty" in run_module("registry_login", _options(tmp_path / "auth.json", **{option: ""})).failure("invalid_option").msg


def test_no_credentials_is_said(run_module: RunModule, tmp_path: Path) -> None:
    options = {"registry": "reg.example", "auth_file": str(tmp_path / "auth.json")}
    assert "no credentials to write" in run_module("registry_login", options).failure("invalid_option").msg


@pytest.mark.parametrize("user", ["user", "password", "registry", "information", "c4nary-token"])
@pytest.mark.parametrize("form", ["{}@reg.example", "https://{}@reg.example", "someone:{}@reg.example/team"])
def test_user_information_is_hidden_in_a_sentence_that_stays_whole(run_module: RunModule, tmp_path: Path, user: str, form: str) -> None:
    result = run_module("registry_login", _options(tmp_path / "auth.json", registry=form.format(user))).failure("invalid_reference")
    sentence = "The option registry contains user information before '@': use the options username and password instead."
    assert result.msg == sentence
    assert user not in result.text.replace(sentence, "") or not user.startswith("c4nary")


def test_sections_that_are_null_are_empty(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "auth.json").write_text('{"auths": null, "credHelpers": null}', encoding="ascii")
    assert run_module("registry_login", _options(tmp_path / "auth.json")).ok().changed


def test_an_empty_file_is_an_auth_file(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "auth.json").touch(0o600)
    assert run_module("registry_login", _options(tmp_path / "auth.json")).ok().changed


def test_a_file_keeps_its_permissions_and_an_open_one_is_warned_of(run_module: RunModule, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text("{}", encoding="ascii")
    path.chmod(0o640)
    result = run_module("registry_login", _options(path)).ok()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [text for text in result.warnings if "by other users" in text] == result.warnings != []


# Several at a time


def test_t74_a_lock_of_another_program_is_waited_for_but_not_for_ever(
    run_module: RunModule, start_module: t.Callable[..., Process], tmp_path: Path
) -> None:
    path = tmp_path / "auth.json"
    with (tmp_path / "auth.json.lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        result = start_module("registry_login", _options(path, timeout=1)).wait()
        assert "locked by another program" in result.failure("local_io").msg
    assert not path.exists()
    run_module("registry_login", _options(path)).ok()


def test_root_leaves_no_lock_that_the_owner_of_the_file_cannot_take(run_module: RunModule, tmp_path: Path) -> None:
    path, owner = tmp_path / "auth.json", os.geteuid() or 65534
    path.write_text("{}", encoding="ascii")
    os.chown(path, owner, -1)
    run_module("registry_login", _options(path)).ok()
    assert [place.stat().st_uid for place in sorted(tmp_path.iterdir())] == [owner, owner]


def test_t74_of_many_logins_at_a_time_none_is_lost(start_module: t.Callable[..., Process], tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    started = [start_module("registry_login", _options(path, registry=f"reg{number}.example")) for number in range(6)]
    with ThreadPoolExecutor() as pool:
        assert all(result.ok().changed for result in pool.map(lambda process: process.wait(), started))
    assert sorted(json.loads(path.read_text(encoding="ascii"))["auths"]) == [f"reg{number}.example" for number in range(6)]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["auth.json", "auth.json.lock"]


def test_t74_what_a_killed_login_left_behind_goes(run_module: RunModule, tmp_path: Path) -> None:
    left = tmp_path / ".ocitools-auth-0123456789abcdef.tmp"
    left.write_text("c4nary", encoding="ascii")
    run_module("registry_login", _options(tmp_path / "auth.json")).ok()
    assert not left.exists()


def test_check_mode_gives_the_warning_of_a_file_that_others_can_read(run_module: RunModule, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text("{}", encoding="ascii")
    path.chmod(0o644)
    expected = run_module("registry_login", _options(path), check=True).ok()
    result = run_module("registry_login", _options(path)).ok()
    assert expected.warnings == result.warnings
    assert any("other users" in text for text in result.warnings)
    assert not run_module("registry_login", _options(path)).ok().warnings


# Other readers


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)
_HOSTS = st.sampled_from(["reg.example", "reg.example:5000", "docker.io", "localhost", "[::1]:5000"])


@quick
@given(host=_HOSTS, username=_TEXTS.filter(lambda text: ":" not in text and text != "<token>"), password=_TEXTS, dockers=st.booleans())
def test_what_is_written_is_what_our_own_keychain_reads(host: str, username: str, password: str, dockers: bool) -> None:
    documents, keychain = plugin("module_utils._http.auth_document"), plugin("module_utils._http.keychain")
    credentials = plugin("module_utils._http.credentials").Credentials(username, password)
    document = documents.AuthDocument(json.dumps({"auths": {"other.example": pair("a", "b")}, "x": 1.5}).encode(), "The file")
    changed = document.with_entry(document.key(host, "", dockers), credentials)
    read = keychain.AuthFile(changed.content, "The file")
    assert read.find(host, "team/app", lambda *_args: (1, b"")) == credentials
    again = documents.AuthDocument(changed.content, "The file")
    assert not again.with_entry(again.key(host, "", dockers), credentials).differs
    without = again.without_entry(again.key(host, "", dockers))
    assert json.loads(without.content) == {"auths": {"other.example": pair("a", "b")}, "x": 1.5}
    assert not re.search(r"[0-9a-f]{32}", changed.content.decode().replace(pair(username, password)["auth"], ""))
