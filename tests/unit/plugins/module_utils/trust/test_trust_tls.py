# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire: never plain http by itself, one TLS policy for a client and all that it talks to, and nothing of the environment but proxies."""

from __future__ import annotations

import socket
import ssl
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, MakeRegistry, kind_of
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, assert_clean
from ansible_collections.ocitools.registry.tests.unit.plugins.strangers import Names, place, tokens
from ansible_collections.ocitools.registry.tests.unit.registry.body import Body
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Headers, Recorded
from ansible_collections.ocitools.registry.tests.unit.registry.proxy import Proxy
from ansible_collections.ocitools.registry.tests.unit.registry.tls import Authority
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer, Channel

MakeProxy = t.Callable[..., Proxy]


@pytest.fixture
def other(tmp_path: Path) -> Authority:
    """An authority that nobody trusts."""
    folder = tmp_path / "other"
    folder.mkdir()
    return Authority(folder)


def _look(run_module: RunModule, name: str, **options: t.Any) -> Result:
    return run_module("registry_image_info", {"name": [name], "details": "digest", "retries": 0, "timeout": 10, **options})


# T9: plain http


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "registry.local", "127.0.0.1.evil.example", "10.1.2.3"])
def test_t09_nothing_falls_back_to_http(registry: FakeRegistry, names: Names, run_module: RunModule, host: str) -> None:
    registry.add_image("app", "1")
    name = f"{place(names, host, registry.server.port, '127.0.0.1')}/app:1"
    credentials = {"username": "somebody", "password": "some-password"}
    result = _look(run_module, name, **credentials)
    assert result.error["kind"] in ("tls", "network")  # a server that is fast to leave resets the connection
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        _look(run_module, f"{host}:{closed.getsockname()[1]}/app:1", **credentials).failure("network")
    assert registry.log() == []


@pytest.mark.parametrize("auth", ["basic", "token"])
@pytest.mark.parametrize(
    ("host", "warned"), [("127.0.0.1", False), ("localhost", False), ("reg.example", True), ("localhost.example", True)]
)
def test_t09_credentials_in_the_open_are_told_once(
    make_registry: MakeRegistry, names: Names, run_module: RunModule, auth: str, host: str, warned: bool
) -> None:
    registry = make_registry(auth=auth)
    registry.add_image("app", "1")
    options = registry.args(registry=place(names, host, registry.server.port, "127.0.0.1"), name=["app:1", "app:1"])
    if auth == "token":
        tokens(registry).realm = f"http://{host}:{tokens(registry).url.split(':')[2]}"
    result = run_module("registry_image_info", options).ok()
    expected = [
        f"The credentials for {host}:{registry.server.port} are sent over plain HTTP, so anybody on the network path can read them."
    ]
    assert result.warnings == (expected if warned else [])


@pytest.mark.parametrize("host", ["proxy.example", "localhost"])
def test_t09_a_proxy_on_the_network_carries_them_in_the_open_also_for_this_machine(
    make_registry: MakeRegistry, proxy: Proxy, names: Names, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    names["proxy.example"] = "127.0.0.1"
    monkeypatch.setenv("http_proxy", f"http://{host}:{proxy.server.port}")
    registry = make_registry(auth="basic")
    registry.add_image("app", "1")
    result = run_module("registry_image_info", registry.args(name=["app:1"])).ok()
    assert proxy.log()
    assert ["over plain HTTP" in text for text in result.warnings] == ([] if host == "localhost" else [True])


# T10: TLS


def test_t10_ca_path_and_the_environment_in_their_order(
    make_registry: MakeRegistry, ca: Authority, other: Authority, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = make_registry(tls=True)
    registry.add_image("app", "1")
    name = registry.name("app:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", other.path)
    _look(run_module, name, ca_path=ca.path).ok()
    _look(run_module, name).failure("tls")
    _look(run_module, name, validate_certs=False).ok()
    monkeypatch.setenv("SSL_CERT_FILE", ca.path)
    _look(run_module, name).ok()
    _look(run_module, name, ca_path=other.path).failure("tls")


def test_t10_what_one_client_does_not_verify_the_next_one_does(make_registry: MakeRegistry, connect: MakeClient, other: Authority) -> None:
    registry = make_registry(tls=True)
    registry.add_image("app", "1")
    connect(registry, "app", validate_certs=False).get_manifest("1")
    assert kind_of(lambda: connect(registry, "app", ca_path=other.path, retries=0).get_manifest("1")) == "tls"
    connect(registry, "app").get_manifest("1")


def test_t10_without_verification_there_is_one_warning(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(tls=True, auth="basic")
    registry.add_image("app", "1")
    result = run_module("registry_image_info", registry.args(name=["app:1"], ca_path=None, validate_certs=False)).ok()
    assert result.warnings == [f"The TLS certificate of {registry.host} is not verified, because validate_certs is false."]
    assert result.stderr == ""


def test_t10_the_token_server_is_held_to_the_same_policy(
    make_registry: MakeRegistry, make_evil: t.Callable[..., Evil], other: Authority, run_module: RunModule
) -> None:
    registry = make_registry(auth="token", tls=True)
    impostor = Evil(other.context())
    impostor.watch(registry.secrets)
    tokens(registry).realm = f"{impostor.url}/token"
    run_module("registry_image_info", registry.args(name=["app:1"], retries=0)).failure("tls")
    assert impostor.requests == []
    impostor.close()
    impostor.verify()


class _Watcher(Evil):
    """Notes the client certificate of each request."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context)
        self.shown: list[t.Any] = []

    def _handle(self, request: Recorded, body: Body, channel: Channel) -> Answer:
        self.shown.append(t.cast(ssl.SSLSocket, channel.sock).getpeercert())
        return super()._handle(request, body, channel)


@pytest.mark.parametrize("allowed", [True, False])
def test_t10_a_client_certificate_is_shown_to_the_registry_and_to_no_other_host(
    make_registry: MakeRegistry, ca: Authority, names: Names, connect: MakeClient, allowed: bool
) -> None:
    registry = make_registry(auth="token", mtls=True)  # its token server wants the certificate as well
    registry.add_image("app", "1")
    context = ca.context("storage.example", client_certs=True)
    context.verify_mode = ssl.CERT_OPTIONAL
    storage = _Watcher(context)
    host = place(names, "storage.example", storage.server.port)
    registry.on("get_blob").redirect(f"https://{host}/x")
    client = connect(registry, "app", **ca.client_files(), allowed_hosts=[host] if allowed else [])
    assert kind_of(lambda: client.get_image_config("1")) == "digest_mismatch"
    storage.close()
    storage.verify()
    assert storage.shown == [None]


# T11: the environment


def test_t11_netrc_is_not_read(make_registry: MakeRegistry, home: Path, run_module: RunModule) -> None:
    registry = make_registry(auth="basic")
    netrc = home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login user password p4ss/w+rd=basic\ndefault login user password p4ss/w+rd=basic\n")
    netrc.chmod(0o600)
    run_module("registry_image_info", registry.args(credentials=False, name=["app:1"])).failure("unauthorized")
    assert {request.scheme for request in registry.requests} == {""}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("variable", ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_t11_a_proxy_with_credentials(
    make_registry: MakeRegistry, make_proxy: MakeProxy, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, tls: bool, variable: str
) -> None:
    registry = make_registry(auth="token", tls=tls)
    registry.add_image("app", "1")
    proxy = make_proxy("proxy-user", "pr@xy/pass+word")
    for url in (registry.url, tokens(registry).url):
        proxy.routes[url.split("/")[2]] = f"127.0.0.1:{url.split('/')[2].rpartition(':')[2]}"
    monkeypatch.setenv(variable, proxy.url.replace("//", "//proxy-user:pr%40xy%2Fpass%2Bword@"))
    result = run_module("registry_image_info", registry.args(name=["app:1"], details="digest")).ok()
    assert_clean(result.text, "pr@xy/pass+word")
    used = variable == "ALL_PROXY" or (variable == "HTTPS_PROXY") == tls
    assert bool(proxy.requests) is used
    assert [request.line() for request in registry.requests if "Proxy-Authorization" in request.headers] == []


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("login", ["proxy-user:wrong%40pass%2Fword@", "proxy-user:wrong@pass@", ""])
def test_t11_the_password_of_a_proxy_is_never_shown(
    make_registry: MakeRegistry, make_proxy: MakeProxy, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, tls: bool, login: str
) -> None:
    registry = make_registry(tls=tls)
    proxy = make_proxy("proxy-user", "right-password")
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, proxy.url.replace("//", f"//{login}"))
    result = run_module("registry_image_info", registry.args(name=["app:1"], retries=0))
    assert result.failed
    assert "proxy" in result.msg.lower()
    assert_clean(result.text, "wrong@pass/word", "wrong@pass")
    assert registry.log() == []


@pytest.mark.parametrize(
    "proxy",
    [
        "http://user:pr[xy-pass@127.0.0.1:1",
        "socks5h://user:prxy-pass@127.0.0.1:1",
        "http://user:pr\u2100xy-pass@h:1",
        "http://:1",
        "http://prxy-pass#@h:1",
    ],
)
def test_t11_a_proxy_of_no_use_is_said_and_not_shown(
    registry: FakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    result = run_module("registry_image_info", registry.args(name=["app:1"])).failure("invalid_option")
    assert "proxy in the environment is invalid" in result.msg
    assert "xy-pass" not in result.text
    assert registry.log() == []


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("127.0.0.1", True),
        ("127.0.0.0/8", True),
        ("other.example,127.0.0.1", True),
        ("*", True),
        ("other.example", False),
        ("10.0.0.0/8", False),
    ],
)
def test_t11_no_proxy_is_obeyed(
    registry: FakeRegistry, proxy: Proxy, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, no_proxy: str, direct: bool
) -> None:
    registry.add_image("app", "1")
    monkeypatch.setenv("no_proxy", no_proxy)
    run_module("registry_image_info", registry.args(name=["app:1"], details="digest")).ok()
    assert bool(proxy.requests) is not direct


def test_t11_the_proxy_of_each_hop_is_its_own(
    make_registry: MakeRegistry, proxy: Proxy, names: Names, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = make_registry(blob_redirect=True)
    registry.add_image("app", "1")
    host = place(names, "reg.example", registry.server.port, "127.0.0.1")
    monkeypatch.setenv("no_proxy", f"other.example,{host}")
    options = registry.args(registry=host, name=["app:1"], details="config", allowed_hosts=[registry.storage.host])
    run_module("registry_image_info", options).ok()
    (line,) = proxy.log()
    assert line.startswith(f"GET {registry.storage.url}/v2/app/blobs/")


# T12: cookies


def test_t12_no_cookie_is_kept(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token")
    registry.add_image("app", "1")
    for path in ("/v2/", "/token"):
        registry.on(path=path, times=None, before_auth=True).headers({"Set-Cookie": "session=of-the-registry; Path=/"})
    run_module("registry_tag", registry.args(name="app:1", tags=["2"])).ok()
    assert len(registry.requests) > 3
    assert [request.line() for request in registry.requests if "Cookie" in request.headers] == []


def test_t12_a_redirect_sets_no_cookie_either(guarded: FakeRegistry, evil: Evil, abroad: str, connect: MakeClient) -> None:
    evil.answer = lambda request: Answer(302, Headers([("Set-Cookie", "a=b; Domain=example"), ("Location", f"http://{abroad}/again")]))
    guarded.on("get_blob").redirect(f"http://{abroad}/x")
    assert kind_of(lambda: connect(guarded, "app").get_image_config("1")) == "invalid_response"
    assert [request.line() for request in evil.requests if "Cookie" in request.headers] == []
