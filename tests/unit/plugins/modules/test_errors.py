# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user reads when something is wrong: one sentence that says what to do, and the facts behind it."""

from __future__ import annotations

import json
import platform
import socket
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.auth_files import pair
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]


def _look(run_module: RunModule, name: str, **options: t.Any) -> Result:
    return run_module("registry_image_info", {"name": [name], "missing": "fail", "retries": 0, **options})


def _facts(result: Result, kind: str, *words: str) -> dict[str, t.Any]:
    failure = result.failure(kind)
    assert set(failure["error"]) == {"kind", "status", "code", "registry", "reference"}
    assert "\n" not in failure["msg"]
    assert failure["msg"].endswith(".")
    for word in words:
        assert word in failure["msg"]
    return t.cast("dict[str, t.Any]", failure["error"])


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_an_unknown_host(run_module: RunModule) -> None:
    error = _facts(_look(run_module, "registry.invalid/app:1"), "network", "registry.invalid", "cannot be resolved")
    assert error["registry"] == "registry.invalid"


def test_a_closed_port(run_module: RunModule) -> None:
    host = f"localhost:{_closed_port()}"
    _facts(_look(run_module, f"{host}/app:1"), "network", host, "refuses connections")


def test_a_registry_whose_certificate_is_not_trusted(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(tls=True)
    _facts(_look(run_module, f"{registry.host}/app:1"), "tls", registry.host, "ca_path")
    assert registry.log() == []


def test_a_registry_that_speaks_plain_http(registry: FakeRegistry, run_module: RunModule) -> None:
    _facts(_look(run_module, f"{registry.host}/app:1"), "tls", registry.host, "plain_http: true")
    assert registry.log() == []


def test_a_registry_that_speaks_tls_only(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(tls=True)
    _look(run_module, f"{registry.host}/app:1", plain_http=True).failure("network")


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_a_wrong_password(make_registry: MakeRegistry, run_module: RunModule, auth: str) -> None:
    registry = make_registry(auth=auth)
    registry.add_image("app", "1")
    result = run_module("registry_image_info", {**registry.args(name=["app:1"]), "password": "not-the-password"})
    assert _facts(result, "unauthorized", registry.host, "credentials")["registry"] == registry.host
    assert "not-the-password" not in result.text


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_no_credentials(make_registry: MakeRegistry, run_module: RunModule, auth: str) -> None:
    registry = make_registry(auth=auth)
    registry.add_image("app", "1")
    _facts(run_module("registry_image_info", registry.args(credentials=False, name=["app:1"])), "unauthorized", "set username and password")


def test_a_wrong_password_for_one_repository_is_not_a_missing_one(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="basic")
    entry = {f"{registry.host}/team": pair("user", "not-the-password")}
    options = registry.args(credentials=False, name=["team/app:1"], auth_config=json.dumps({"auths": entry}))
    _facts(run_module("registry_image_info", options), "unauthorized", "does not accept the credentials")


def test_no_permission(registry: FakeRegistry, run_module: RunModule) -> None:
    added = registry.add_image("app", "1")
    registry.on("put_manifest").answer(403, code="DENIED")
    error = _facts(run_module("registry_tag", registry.args(name="app:1", tags=["2"])), "denied", "permission", "set username and password")
    assert (error["status"], error["code"], error["reference"]) == (403, "DENIED", f"{registry.host}/app:2")
    assert registry.tags("app") == {"1": added.digest}


def test_a_platform_that_is_not_there_names_its_image(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_index("app", "1", platforms=["linux/amd64"])
    for details in ("manifest", "config"):
        options = registry.args(name=["app:1"], missing="fail", platform="linux/s390x", details=details)
        error = _facts(run_module("registry_image_info", options), "not_found", "s390x")
        assert (error["registry"], error["reference"]) == (registry.host, f"{registry.host}/app:1")
    copy = registry.args(src=f"{registry.host}/app:1", dest=f"{registry.host}/copy", platforms=["linux/s390x"])
    error = _facts(run_module("registry_copy", copy), "not_found", "s390x")
    assert (error["registry"], error["reference"]) == (registry.host, f"{registry.host}/app:1")


def test_a_missing_image_and_a_missing_repository(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    for name in ("app:2", "absent:1"):
        error = _facts(_look(run_module, name, **registry.args()), "not_found", f"{registry.host}/{name}")
        assert (error["status"], error["reference"]) == (404, f"{registry.host}/{name}")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "empty"),
        ("reg.example.com/App:1", "lower case"),
        ("reg.example.com/a//b:1", "empty part"),
        ("reg.example.com/../b:1", "'..'"),
        ("reg.example.com/app:1.0 beta", "blank"),
        ("reg.example.com/app:-1", "tag"),
        ("reg.example.com/app@sha256:abc", "64"),
        ("reg.example.com/app@md5:abc", "sha256"),
        ("http://reg.example.com/app:1", "plain_http: true"),
        ("reg.example.com:99999/app:1", "port"),
        ("user:hunter22@reg.example.com/app:1", "options username and password"),
    ],
)
def test_a_bad_name(run_module: RunModule, name: str, word: str) -> None:
    result = _look(run_module, name)
    _facts(result, "invalid_reference", word)
    assert "hunter22" not in result.msg


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("page", [False, True])
def test_a_fault_of_the_registry(registry: FakeRegistry, run_module: RunModule, waits: list[float], status: int, page: bool) -> None:
    registry.add_image("app", "1")
    rule = registry.on("get_manifest", times=3)
    rule.html(status) if page else rule.answer(status)
    result = run_module("registry_image_info", registry.args(name=["app:1"], retries=2))
    assert _facts(result, "server", str(status))["status"] == status
    assert len(waits) == 2
    assert "<" not in result.msg


def test_a_web_page_instead_of_a_registry(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(missing="html")
    _facts(run_module("registry_image_info", registry.args(name=["app:1"])), "invalid_response", "web page")


def test_a_rate_limit_that_is_too_long_says_how_long(registry: FakeRegistry, run_module: RunModule, waits: list[float]) -> None:
    registry.add_image("app", "1")
    registry.on("get_manifest").answer(429, headers={"Retry-After": "3600"})
    _facts(run_module("registry_image_info", registry.args(name=["app:1"])), "rate_limited", "3600 seconds")
    assert waits == []


@pytest.mark.parametrize("module", ["registry_image_info", "registry_push", "registry_tag", "registry_tag_delete"])
def test_requests_is_missing(registry: FakeRegistry, run_module_process: t.Callable[..., Result], tmp_path: Path, module: str) -> None:
    path = images.write_layout(tmp_path / "layout", {"1": images.image()})
    options: dict[str, dict[str, t.Any]] = {
        "registry_image_info": {"name": ["app:1"]},
        "registry_push": {"name": "app:1", "path": path},
        "registry_tag": {"name": "app:1", "tags": ["2"]},
        "registry_tag_delete": {"name": "app:1"},
    }
    result = run_module_process(module, registry.args(**options[module]), hide=["requests"])
    _facts(result, "missing_library", "requests", "install", platform.node(), sys.executable, "ansible_python_interpreter")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"username": "u"}, "username without password"),
        ({"password": "some-password"}, "password without username"),
        ({"username": "u", "password": "some-password", "registry_token": "some-token"}, "several credentials"),
        ({"identity_token": "some-token", "registry_token": "other-token"}, "several credentials"),
        ({"client_key": "/nowhere"}, "sets client_key without client_cert"),
        ({"ca_path": "/nowhere"}, "/nowhere"),
        ({"client_cert": "/nowhere"}, "/nowhere"),
        ({"timeout": 0}, "timeout"),
        ({"retries": -1}, "retries"),
        ({"auth_hosts": ["bad host"]}, "auth_hosts"),
    ],
)
def test_options_that_do_not_fit(run_module: RunModule, options: dict[str, t.Any], words: str) -> None:
    _facts(_look(run_module, "localhost:1/app:1", **options), "invalid_option", words)


def test_one_set_of_credentials_for_several_registries(registry: FakeRegistry, run_module: RunModule) -> None:
    names = [f"{registry.host}/app:1", "other.example.com/app:1"]
    result = run_module("registry_image_info", {"name": names, "username": "user", "password": "some-password", "plain_http": True})
    _facts(result, "invalid_option", "other.example.com", registry.host, "auth_file", "auth_config")
    assert registry.log() == []


def test_an_auth_file_that_is_missing(run_module: RunModule) -> None:
    _facts(_look(run_module, "localhost:1/app:1", auth_file="/nowhere/auth.json"), "credentials", "/nowhere/auth.json", "does not exist")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_for_another_host(make_registry: MakeRegistry, run_module: RunModule, host: str) -> None:
    registry = make_registry(tls=True, hosts=["elsewhere.test"])
    registry.add_image("app", "1")
    port = registry.host.rpartition(":")[2]
    options = {**registry.args(), "registry": f"{host}:{port}"}
    _facts(run_module("registry_image_info", {**options, "name": ["app:1"]}), "tls", host)
    assert registry.log() == []


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("registry_push", {"path": "/nowhere", "tags": 1.10}),
        ("registry_tag", {"tags": 1.10}),
        ("registry_tag", {"tag": 20261124}),
        ("registry_tag_delete", {"tag": 1.10}),
    ],
)
def test_a_number_in_place_of_a_list_of_tags_is_refused(
    registry: FakeRegistry, run_module: RunModule, module: str, options: dict[str, t.Any]
) -> None:
    failure = run_module(module, registry.args(name="app", **options)).failure("invalid_reference")
    assert "Quote the tag" in failure.msg
    assert registry.requests == []


def test_a_dictionary_that_a_template_made_text_is_refused_with_a_way_out(registry: FakeRegistry, run_module: RunModule) -> None:
    known = str({"auths": {registry.host: {"username": "ci", "password": "s3cret-of-ci"}}})
    result = run_module("registry_image_info", registry.args(name=["app:1"], auth_config=known))
    assert "to_json" in result.failure("credentials").msg
    assert "s3cret-of-ci" not in result.stdout
    assert registry.requests == []


@pytest.mark.parametrize("page", [False, True])
def test_plain_http_to_a_registry_that_speaks_tls(registry: FakeRegistry, run_module: RunModule, page: bool) -> None:
    rule = registry.on("get_manifest")
    rule.html(400, "The plain HTTP request was sent to HTTPS port") if page else rule.answer(400)
    _facts(run_module("registry_tag", registry.args(name="app:1", tags=["2"], retries=0)), "invalid_response", "leave out plain_http")


@pytest.mark.parametrize("module", ["registry_tag", "registry_tag_delete", "registry_copy"])
def test_an_expected_digest_that_is_empty_is_no_check_left_out(registry: FakeRegistry, run_module: RunModule, module: str) -> None:
    registry.add_image("app", "1")
    own: dict[str, dict[str, t.Any]] = {"registry_tag": {"name": "app:1", "tags": ["2"]}, "registry_tag_delete": {"name": "app:1"}}
    options = own.get(module, {"src": registry.name("app:1"), "dest": registry.name("app:2")})
    given = registry.args(expected_digest="", **options)
    if module == "registry_copy":
        given.pop("registry")
    _facts(run_module(module, given), "invalid_option", "expected_digest is empty")
    assert registry.log() == []


@pytest.mark.parametrize("module", ["registry_pull", "registry_push"])
def test_an_empty_path_is_not_the_working_directory(registry: FakeRegistry, run_module: RunModule, module: str) -> None:
    _facts(run_module(module, registry.args(name="app:1", path="")), "invalid_option", "path is empty")
    assert registry.log() == []


@pytest.mark.parametrize(
    ("registry_option", "words"),
    [
        ("", "registry is empty"),
        ("reg.example.com/app:1", "registry is not host"),
        ("u:p@reg.example.com", "registry contains user information before '@'"),
    ],
)
def test_a_registry_that_is_none_is_named_by_its_option(run_module: RunModule, registry_option: str, words: str) -> None:
    _facts(_look(run_module, "app:1", registry=registry_option), "invalid_reference", words)
    for side in ("src", "dest"):
        options = {"src": "a.example.com/a:1", "dest": "b.example.com/a:1", side: "a:1", f"{side}_registry": registry_option}
        _facts(run_module("registry_copy", options), "invalid_reference", f"{side}_{words}")
