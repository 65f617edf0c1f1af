# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret leaves a task: not in results, warnings, tracebacks or the journal, whatever a registry does and however the task ends."""

from __future__ import annotations

import base64
import json
import sys
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible_collections.ocitools.registry.plugins.module_utils._core import secrets
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import KINDS
from ansible_collections.ocitools.registry.plugins.module_utils._http.transport import Transport
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule, assert_clean, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, Open, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

pytestmark = pytest.mark.usefixtures("one_authority")

PASSWORD = "c4nary/pass+w\u00f6rd=&"
LOGINS: dict[str, t.Callable[[], Open]] = {
    "basic": lambda: Basic("canary-user", PASSWORD),
    "token": lambda: TokenAuth({"canary-user": User(PASSWORD)}),
    "identity token": lambda: TokenAuth({"canary-user": User(identity_token="c4nary-identity/token+x==")}),
}


@pytest.fixture(autouse=True)
def journal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the modules write to the journal of the host."""
    lines: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "_log_to_syslog", lambda module, line: lines.append(str(line)))
    monkeypatch.setattr(basic, "has_journal", False)
    return lines


# T37: whatever the registry does


def _registries(make_registry: MakeRegistry) -> t.Iterator[tuple[str, FakeRegistry]]:
    logins = list(LOGINS)
    for number, (name, spoil) in enumerate(matrix.FAULTS.items()):
        registry = make_registry(auth=LOGINS[logins[number % len(logins)]]())
        matrix.fill(registry)
        if "echoes" in name:
            spoil(registry.on(times=None, optional=True, where=lambda request: request.endpoint != "token"))
        else:
            spoil(registry.on(times=None, optional=True, nth=2 + number % 3))
        yield name, registry


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of a second is the whole timeout."""
    original = Transport.__init__

    def make(transport: Transport, *args: t.Any, **options: t.Any) -> None:
        original(transport, *args, **options)
        transport.timeout = 0.2

    monkeypatch.setattr(Transport, "__init__", make)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("module", matrix.MODULES)
def test_t37_no_fault_of_a_registry_makes_a_module_tell_a_secret(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, journal: list[str], module: str
) -> None:
    for number, (name, registry) in enumerate(_registries(make_registry)):
        folder = tmp_path / str(number)
        folder.mkdir()
        options = registry.args(**matrix.task(module, registry, folder), retries=1)
        result = run_module(module, matrix.verbose(options), check=number % 4 == 3, diff=True)  # fails where a secret shows up
        assert_clean("\n".join(journal), *registry.secrets())
        assert "c4nary" not in result.text, (name, result.text)  # nor in letters that were read in another encoding
        assert not result.failed or result.error["kind"] in KINDS, (name, result.data)
        assert "Unexpected" not in result.msg, (name, result.msg)
        registry.close()


def test_t37_every_module_is_in_the_matrix(registry: FakeRegistry, tmp_path: Path) -> None:
    for module in matrix.MODULES:
        assert isinstance(matrix.task(module, registry, tmp_path), dict)


def _reveal(*_args: t.Any, **_options: t.Any) -> t.NoReturn:
    pair = base64.b64encode(f"canary-user:{PASSWORD}".encode()).decode()
    try:
        raise KeyError(f"Authorization: Basic {pair}")
    except KeyError as error:
        raise ValueError(f"the password {PASSWORD} is wrong") from error


@pytest.mark.parametrize("module", matrix.ONLINE)
def test_t37_an_unexpected_exception_tells_no_secret(
    make_registry: MakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, front: str
) -> None:
    registry = make_registry(auth=LOGINS["basic"]())
    monkeypatch.setattr(Transport, "attempt", _reveal)
    tracebacks = sys.modules.get("ansible.module_utils._internal._traceback")
    if tracebacks is not None:  # ansible-core 2.19 and newer show the text of exceptions where tracebacks are wanted
        monkeypatch.setattr(tracebacks, "_is_traceback_enabled", lambda event: True)
    result = run_module(module, matrix.verbose(registry.args(**matrix.task(module, registry, tmp_path)))).failure("server")
    assert result.msg == "Unexpected ValueError: the password ******** is wrong. This is a bug in the collection; please report it."
    assert front == "action" or "in _reveal" in result["exception"]


# T38: secrets learnt while the task runs


def test_t38_tokens_are_secrets_too(
    make_registry: MakeRegistry, run_module: RunModule, journal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(secrets, "_register", told.append)
    registry = make_registry(auth=TokenAuth({"canary-user": User(PASSWORD)}))
    registry.add_image("app", "1")
    registry.on("get_manifest").call(lambda request: None).then(
        lambda request: setattr(registry.style, "warning", f"your token is {registry.auth.secrets()[-1]}")
    )
    result = run_module("registry_image_info", registry.args(name=["app:1"])).ok()
    assert result.warnings == [f"The registry {registry.host} warns: your token is ********"]
    assert set(registry.secrets()) <= set(told)


def test_t38_secrets_of_auth_files_are_masked(make_registry: MakeRegistry, run_module: RunModule, home: Path) -> None:
    registry = make_registry(auth=LOGINS["basic"](), warning=f"I know {PASSWORD}")
    registry.add_image("app", "1")
    pair = base64.b64encode(f"canary-user:{PASSWORD}".encode()).decode()
    path = home / "auth.json"
    path.write_text(f'{{"auths": {{"{registry.host}": {{"auth": "{pair}"}}}}}}')
    path.chmod(0o600)
    result = run_module("registry_image_info", registry.args(credentials=False, name=["app:1"], auth_file=str(path))).ok()
    assert result.warnings == [f"The registry {registry.host} warns: I know ********"]


@pytest.mark.parametrize("password", ["abc", "sha"])
def test_t38_too_short_a_password_spoils_no_text(make_registry: MakeRegistry, run_module: RunModule, password: str) -> None:
    registry = make_registry(auth=Basic("user", "right-password"))
    result = run_module("registry_image_info", registry.args(name=["app:1"], password=password)).failure("unauthorized")
    assert "does not accept the credentials" in result.msg
    assert "fewer than four characters" in plugin("doc_fragments._registry").ModuleDocFragment.DOCUMENTATION


# T39: options


def _options(spec: dict[str, t.Any], prefix: str = "") -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    for name, option in spec.items():
        yield f"{prefix}{name}", option
        yield from _options(option.get("options") or {}, f"{prefix}{name}.")


@pytest.mark.parametrize("module", matrix.MODULES)
def test_t39_every_secret_option_is_masked_and_none_is_nested(module: str) -> None:
    spec = dict(_options(matrix.argument_spec(module)))
    secret = {name for name in spec if any(word in name for word in ("password", "token", "auth_config", "secret", "passphrase"))}
    assert {"password", "identity_token", "registry_token", "auth_config"} <= secret
    assert {name for name in secret if spec[name].get("no_log") is not True} == set()
    assert {name for name in secret if "." in name or spec[name].get("type") != ("raw" if name == "auth_config" else "str")} == set()
    assert all(spec[name].get("no_log") is False for name in spec if name.endswith("client_key"))


USER_INFO = "user:c4nary-in-a-name@"


@pytest.mark.parametrize(
    "options",
    [
        {"name": [f"{USER_INFO}reg.example/app:1"]},
        {"name": [f"https://{USER_INFO}reg.example/app:1"]},
        {"name": ["app:1"], "registry": f"{USER_INFO}reg.example"},
        {"name": ["app:1"], "registry": f"https://{USER_INFO}reg.example/team"},
        {"name": ["app:1"], "registry": "reg.example", "auth_hosts": [f"{USER_INFO}auth.example"]},
        {"name": ["app:1"], "registry": "user:p@c4nary-in-a-name@reg.example"},
        {"name": ["app:1"], "registry": "https://us er:c4nary-in-a-name@reg.example"},
        {"name": ["app:1"], "registry": "c4nary-in-a-name@reg.example"},
        {"name": ["https://c4nary-in-a-name@reg.example/app:1"]},
        {"name": ["https://user:c4nary-in-a-name and more@reg.example/app:1"]},
        {"name": [f"user:c4nary-in-a-name@reg.example/app@sha256:{'0' * 64}"]},
        {"name": ["app:1"], "registry": "reg.example", "allowed_hosts": ["https://user:p@c4nary-in-a-name@h"]},
        {"name": ["app:1"], "registry": "reg.example", "passwrod": "c4nary-in-a-name"},
        {"name": ["app:1"], "registry": "reg.example", "auth_file": '{"auths": {"a": {"password": "c4nary-in-a-name"}}}'},
        {"name": ["app:1"], "registry": "reg.example", "auth_file": {"auths": {"a": {"password": "c4nary-in-a-name"}}}},
        {"name": ["app:1", {"name": "app:2", "password": "c4nary-in-a-name"}], "registry": "reg.example"},
        {"name": ["app:1"], "url": {"registry": "reg.example", "password": "c4nary-in-a-name"}},
        {"name": ["app:1"], "registry": "reg.example", "ca_path": ["c4nary-in-a-name", {"a": "c4nary-in-a-name"}]},
        {"name": ["app:1"], "registry": "reg.example", "client_cert": "-----BEGIN PRIVATE KEY-----\nc4nary-in-a-name\n"},
        {"name": ["app:1"], "registry": "reg.example", "client_cert": "/x", "client_key": "-----BEGIN PRIVATE KEY----- c4nary-in-a-name"},
        {"name": ["app:1"], "registry": "reg.example", "timeout": "c4nary-in-a-name", "password": "c4nary-in-a-name"},
        {"name": ["app:1"], "registry": "reg.example", "password": {"a": "c4nary-in-a-name"}, "username": "u", "retries": -1},
        {"name": ["app:1"], "registry": "reg.example", "auth_config": {"auths": {"a": {"auth": "c4nary-in-a-name"}}}},
        {"name": ["app:1"], "registry": "reg.example", "auth_config": '{"auths": {"a": {"auth": "c4nary-in-a-name"'},
    ],
    ids=", ".join,
)
def test_t39_a_secret_in_the_wrong_place_is_refused_and_not_shown(
    run_module: RunModule, journal: list[str], options: matrix.Options
) -> None:
    result = run_module("registry_image_info", matrix.verbose(options))
    assert result.failed
    assert_clean(result.text, "c4nary-in-a-name")
    assert_clean("\n".join(journal), "c4nary-in-a-name")


def test_t39_a_misspelt_option_of_an_image_is_not_shown(run_module: RunModule, journal: list[str]) -> None:
    images = [{"src": "reg.example/app:1", "dest": "reg.example/copy", "passwd": "c4nary-in-a-name"}]
    result = run_module("registry_copy", matrix.verbose({"images": images}))
    assert result.failed
    assert_clean(result.text, "c4nary-in-a-name")
    assert_clean("\n".join(journal), "c4nary-in-a-name")


def test_t39_a_digest_behind_a_tag_is_no_user_information(registry: FakeRegistry, run_module: RunModule) -> None:
    added = registry.add_image("app", "1.4.2")
    result = run_module("registry_image_info", matrix.verbose(registry.args(name=[f"app:1.4.2@{added.digest}"]))).ok()
    assert result["images"][0]["tag"] == "1.4.2"
    assert result["invocation"]["module_args"]["name"] == [f"app:1.4.2@{added.digest}"]


def test_t39_the_environment_gives_credentials_that_are_masked(
    make_registry: MakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = make_registry(auth=LOGINS["basic"](), warning=f"I know {PASSWORD}")
    registry.add_image("app", "1")
    monkeypatch.setenv("OCITOOLS_REGISTRY", registry.host)
    monkeypatch.setenv("OCITOOLS_REGISTRY_USERNAME", "canary-user")
    monkeypatch.setenv("OCITOOLS_REGISTRY_PASSWORD", PASSWORD)
    assert "********" in run_module("registry_image_info", registry.args(credentials=False, name=["app:1"])).ok().warnings[0]


def test_t37_results_keys_and_differences_are_masked(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=Basic("user", "c4nary-tag"))
    registry.add_image("app", "c4nary-tag", config={"config": {"Labels": {"c4nary-tag": "the c4nary-tag"}}})
    options = matrix.verbose(registry.args(name="app:c4nary-tag", tags=["new-c4nary-tag"]))
    result = run_module("registry_tag", options, diff=True).ok()  # the fixture fails where the password shows up
    assert result["diff"]["after"] == {"new-********": result["digest"]}
    # The traceback of a warning quotes the line of this test that calls.
    options = matrix.verbose(registry.args(name=["app:c4nary-tag"], details="config"))
    labels = run_module("registry_image_info", options).ok()
    assert labels["images"][0]["labels"] == {"********": "the ********"}


def test_t37_every_way_out_of_a_module_is_one_of_ours() -> None:
    module = plugin("module_utils._tasks.module").RegistryModule
    assert {"exit_json", "fail_json", "warn", "deprecate", "log"} - {
        name for name in dir(module) if callable(getattr(module, name))
    } == set()
    for name in ("fail_json", "warn", "deprecate", "log", "_return_formatted"):
        assert getattr(module, name) is not getattr(basic.AnsibleModule, name)


@pytest.mark.parametrize("body", ['{"errors": [{"code": "UNKNOWN", "message": %s}]}', '{"message": %s}', "%s"])
def test_t37_the_signature_of_an_address_is_not_shown(registry: FakeRegistry, run_module: RunModule, body: str) -> None:
    registry.add_image("app", "1")
    told = 'Get "https://bucket.example.com/a/data?X-Amz-Expires=1200&X-Amz-Signature=0123abcd": dial tcp: no route'
    text = (body % (json.dumps(told) if "{" in body else told)).encode()
    registry.on("get_manifest").answer(400, {"Warning": f'299 - "{told}"'.replace('"https', "https").replace('":', ":")}, text)
    result = run_module("registry_image_info", registry.args(name=["app:1"]))
    shown = f"{result.msg} {result.warnings}"
    assert shown.count("https://bucket.example.com/a/data?...") == 2
    assert "dial tcp: no route" in shown
    assert "0123abcd" not in result.text
