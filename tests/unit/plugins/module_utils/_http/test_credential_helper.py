# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential helpers: small programs on the PATH, asked with care."""

from __future__ import annotations

import json
import os
import select
import shlex
import time
import typing as t
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http.credential_helper import MAX_OUTPUT, ask_helper, run_helper
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import mixed, parsed, quick, refusal
from ansible_collections.ocitools.registry.tests.unit.registry.canary import assert_clean
from hypothesis import given
from hypothesis import strategies as st

HOST = "reg.example.com:5000"
SECRET = "pa55-w0rd&Canary"
QUOTED = shlex.quote(SECRET)
NOT_FOUND = "credentials not found in native keychain"
ANSWER = json.dumps({"ServerURL": HOST, "Username": "me", "Secret": SECRET})

Install = t.Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put helpers on a PATH of their own: ``install("name", "shell script")``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def make(name: str, script: str, shebang: str = "#!/bin/sh") -> None:
        program = folder / f"docker-credential-{name}"
        program.write_text(f"{shebang}\n{script}\n")
        program.chmod(0o755)

    return make


def say(text: str, code: int = 0) -> str:
    return f"cat >/dev/null; printf %s {shlex.quote(text)}; exit {code}"


def test_t13_a_helper_is_asked_for_the_registry_on_its_standard_input(install: Install, tmp_path: Path) -> None:
    install("fine", f'echo "$# $1" >{tmp_path}/arguments; cat >{tmp_path}/input; {say(ANSWER)[15:]}')
    assert ask_helper("fine", HOST) == ("me", SECRET)
    assert (tmp_path / "arguments").read_text() == "1 get\n"
    assert (tmp_path / "input").read_text() == f"{HOST}\n"


def test_t13_a_helper_need_not_read_what_it_is_asked(install: Install) -> None:
    install("deaf", f"exec <&-; {say(ANSWER)[15:]}")
    assert ask_helper("deaf", HOST) == ("me", SECRET)


def test_t13_an_identity_token_comes_as_it_is(install: Install) -> None:
    install("token", say(json.dumps({"Username": "<token>", "Secret": SECRET})))
    assert ask_helper("token", HOST) == ("<token>", SECRET)


@pytest.mark.parametrize("code", [0, 1])
def test_t13_not_found_is_no_error(install: Install, code: int) -> None:
    install("none", say(f"{NOT_FOUND}\n", code))
    assert ask_helper("none", HOST) is None


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (SECRET, 1, "failed with exit code 1"),
        (ANSWER, 2, "failed with exit code 2"),
        (f"error: {SECRET} {NOT_FOUND}", 1, "failed with exit code 1"),
        (SECRET, 0, "JSON"),
        (ANSWER[:-1], 0, "JSON"),
        (f"{ANSWER}{ANSWER}", 0, "JSON"),
        (f'{{"Username": "me", "Secret": "{SECRET}", "Secret": "x"}}', 0, "key twice"),
        ("", 0, "JSON"),
        ("null", 0, "JSON"),
        (json.dumps([SECRET]), 0, "JSON"),
        (json.dumps({"Username": "me", "Secret": ""}), 0, "no user name and secret"),
        (json.dumps({"Username": "", "Secret": SECRET}), 0, "no user name and secret"),
        (json.dumps({"Username": "me", "Secret": None, "Other": SECRET}), 0, "no user name and secret"),
        (json.dumps({"Username": "me", "Secret": [SECRET]}), 0, "no user name and secret"),
        (json.dumps({"Secret": SECRET}), 0, "no user name and secret"),
    ],
)
def test_t13_a_helper_that_fails_is_an_error_that_shows_nothing_of_its_output(install: Install, text: str, code: int, said: str) -> None:
    install("bad", f"printf %s {QUOTED} >&2; {say(text, code)}")
    error = refusal(ask_helper, "bad", HOST, kind="credentials")
    assert said in error.message
    assert "bad" in error.message
    assert_clean(error.message, SECRET)


@pytest.mark.parametrize(
    "script",
    [
        "sleep 600",
        "exec sleep 600 >&-",
        f"cat >/dev/null; printf %s {QUOTED}; sleep 600",
        "sleep 600 & sleep 600 & wait",
        "trap '' TERM HUP; sleep 600",
    ],
)
def test_t13_a_helper_that_hangs_is_ended_with_all_that_it_started(install: Install, tmp_path: Path, script: str) -> None:
    os.mkfifo(tmp_path / "alive")  # its end comes when the last process that holds it is gone
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    install("slow", f"exec 9>{tmp_path}/alive; {script}")
    started = time.monotonic()
    error = refusal(ask_helper, "slow", HOST, partial(run_helper, seconds=0.3), kind="credentials")
    assert "within 0.3 seconds" in error.message
    assert time.monotonic() - started < 60
    assert_clean(error.message, SECRET)
    assert select.select([alive], [], [], 60)[0]
    assert os.read(alive, 1) == b""
    os.close(alive)


@pytest.mark.parametrize(
    "script", [f"cat >/dev/null; while :; do echo {QUOTED}; done", f"cat >/dev/null; head -c {MAX_OUTPUT + 1} /dev/zero"]
)
def test_t13_no_more_than_64_kib_are_read(install: Install, script: str) -> None:
    install("loud", script)
    _code, output = run_helper("docker-credential-loud", b"x\n")
    assert MAX_OUTPUT < len(output) <= 2 * MAX_OUTPUT
    error = refusal(ask_helper, "loud", HOST, kind="credentials")
    assert "more than 65536 bytes" in error.message
    assert_clean(error.message, SECRET)


def test_t13_64_kib_are_read(install: Install) -> None:
    answer = json.dumps({"Username": "me", "Secret": SECRET})
    install("long", f"cat >/dev/null; printf %s {shlex.quote(answer)}; head -c {MAX_OUTPUT - len(answer)} /dev/zero | tr '\\0' ' '")
    assert ask_helper("long", HOST) == ("me", SECRET)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../evil",
        "a b",
        "a\n",
        "\n",
        ".",
        "..",
        ".hidden",
        "a/b",
        "/bin/true",
        "a;b",
        "$(id)",
        "a\0",
        "\u0131",
        "ecr\u2010login",
        "-x\t",
    ],
    ids=ascii,
)
def test_t13_a_name_that_no_helper_can_have_is_not_run(name: str) -> None:
    def run(program: str, server: bytes) -> tuple[int, bytes]:
        raise AssertionError(program)

    refusal(ask_helper, name, HOST, run, kind="credentials")


def test_t13_a_helper_that_is_missing_is_an_error_and_names_it(install: Install) -> None:
    assert "docker-credential-missing" in refusal(ask_helper, "missing", HOST, kind="credentials").message


@pytest.mark.parametrize("path", ["", ".", "bin", ":", "./bin:bin", "~/bin"])
def test_t13_only_absolute_folders_of_the_path_count(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    install("local", say(ANSWER))
    monkeypatch.chdir(tmp_path / "bin")
    monkeypatch.setenv("PATH", path)
    assert "PATH" in refusal(ask_helper, "local", HOST, kind="credentials").message
    monkeypatch.chdir(tmp_path)
    assert "PATH" in refusal(ask_helper, "local", HOST, kind="credentials").message


def test_t13_a_program_that_cannot_be_run_is_an_error(install: Install) -> None:
    install("odd", "", shebang="#!/no/such/interpreter")
    install("text", "", shebang="just text \0")
    for name in ("odd", "text"):
        refusal(ask_helper, name, HOST, kind="credentials")


def test_t13_helpers_do_not_see_the_secrets_of_the_environment(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCITOOLS_REGISTRY_PASSWORD", SECRET)
    monkeypatch.setenv("AWS_PROFILE", "wanted")
    install("env", f"env >{tmp_path}/env; {say(ANSWER)}")
    ask_helper("env", HOST)
    seen = (tmp_path / "env").read_text()
    assert "AWS_PROFILE=wanted" in seen
    assert_clean(seen, SECRET)


@quick
@given(
    mixed(NOT_FOUND, '{"Username": "', '"Secret": "', "me", '"', ",", "}", SECRET, most=16) | st.sampled_from([ANSWER, ANSWER + "\n"]),
    st.integers(0, 2),
)
def test_t13_any_output_is_an_answer_none_or_an_error(output: str, code: int) -> None:
    answer = parsed(ask_helper, "any", HOST, lambda program, server: (code, output.encode("utf-8", "surrogatepass")))
    assert answer is None or (code == 0 and all(answer))
