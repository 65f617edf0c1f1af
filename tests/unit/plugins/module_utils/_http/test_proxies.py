# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward proxies: for which hosts, and who is to blame when a request does not get through."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._http.origin import Target
from ansible_collections.ocitools.registry.plugins.module_utils._http.proxies import environ_proxy
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.listeners import full_house
from ansible_collections.ocitools.registry.tests.unit.registry.canary import assert_clean
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.proxy import Proxy

pytestmark = pytest.mark.usefixtures("one_authority")

PROXY = "http://proxy.example:3128"


def _ask(run_module: RunModule, scheme: str, **options: t.Any) -> Result:
    arguments = {"name": ["reg.example:5000/app:1"], "plain_http": scheme == "http", "retries": 0, "timeout": 5, **options}
    return run_module("registry_image_info", arguments)


def _assert_blamed(result: Result, proxy: str, kind: str = "network") -> None:
    failure = result.failure(kind)
    assert f"The proxy {proxy}" in failure.msg
    assert "reg.example:5000 " not in failure.msg.replace("on the way to reg.example:5000 ", "")


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    """How the registry is reached."""
    return str(request.param)


# Who is to blame


@pytest.mark.parametrize("proxy", ["127.0.0.1:1", "unknown.example:3128"])
def test_a_proxy_that_is_not_there_is_not_taken_for_the_registry(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, scheme: str, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://user:of-the-proxy@{proxy}")
    result = _ask(run_module, scheme)
    _assert_blamed(result, proxy)
    assert ("refuses connections" if "127" in proxy else "cannot be resolved") in result.msg
    assert_clean(result.text, "of-the-proxy")


def test_nor_is_one_that_is_silent(run_module: RunModule, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    with full_house() as port:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{port}")
        _assert_blamed(_ask(run_module, scheme, timeout=1), f"127.0.0.1:{port}", "timeout")


def test_nor_one_that_does_not_speak_tls(
    run_module: RunModule, proxy: Proxy, names: dict[str, str], monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    names["proxy.example"] = "127.0.0.1"
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, f"https://proxy.example:{proxy.server.port}")
    result = _ask(run_module, scheme)
    _assert_blamed(result, f"proxy.example:{proxy.server.port}")
    assert "does not use TLS" in result.msg


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (403, "does not allow connections"),
        (407, "requires a user name and password"),
        (502, "does not reach it"),
        (503, "does not reach it"),
    ],
)
def test_nor_is_its_refusal(run_module: RunModule, proxy: Proxy, scheme: str, status: int, advice: str) -> None:
    proxy.refusal = status
    result = _ask(run_module, scheme)
    _assert_blamed(result, proxy.server.host)
    assert advice in result.msg
    assert result.error["status"] == status


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({"X-Squid-Error": "ERR_ACCESS_DENIED 0"}, b"", "The proxy PROXY on the way to reg.example:5000 does not allow"),
        ({"X-Squid-Error": "ERR_ACCESS_DENIED 0"}, b'{"error": "denied"}', "The proxy PROXY on the way to reg.example:5000 does not allow"),
        (
            {"Content-Type": "text/plain"},
            b"Forbidden",
            "The proxy PROXY, or something behind it, on the way to reg.example:5000 does not allow",
        ),
        ({}, b"", "The proxy PROXY, or something behind it, on the way to reg.example:5000 does not allow"),
    ],
)
@pytest.mark.parametrize("details", ["digest", "config"])
def test_nor_is_a_refusal_of_any_form(
    registry: FakeRegistry, run_module: RunModule, proxy: Proxy, headers: dict[str, str], body: bytes, said: str, details: str
) -> None:
    proxy.routes["reg.example:5000"] = registry.host
    unmarked = {"Docker-Distribution-Api-Version": None, "Content-Length": None if details == "digest" else str(len(body)), **headers}
    rule = registry.on("head_manifest" if details == "digest" else "get_manifest", times=None)
    rule.answer(403, body=b"" if details == "digest" else body).headers(unmarked)
    result = _ask(run_module, "http", details=details).failure("network")
    assert said.replace("PROXY", proxy.server.host) in result.msg


@pytest.mark.parametrize(
    ("headers", "body"),
    [({"Docker-Distribution-Api-Version": "registry/2.0"}, b"no"), ({"Content-Type": "application/json"}, b'{"message": "no"}')],
)
def test_a_proxy_is_not_blamed_for_what_a_registry_shows(
    registry: FakeRegistry, run_module: RunModule, proxy: Proxy, headers: dict[str, str], body: bytes
) -> None:
    proxy.routes["reg.example:5000"] = registry.host
    registry.on("get_manifest", times=None).answer(403, headers, body)
    assert "proxy" not in _ask(run_module, "http", details="config").failure("denied").msg.lower()


def test_nor_is_the_token_server_blamed_that_it_does_not_reach(guarded: FakeRegistry, run_module: RunModule, proxy: Proxy) -> None:
    proxy.routes["reg.example:5000"] = guarded.host
    challenge = 'Bearer realm="http://auth.reg.example/token",service="x",scope="repository:app:pull"'
    guarded.on("get_manifest", before_auth=True).answer(401, {"WWW-Authenticate": challenge})
    result = _ask(run_module, "http", details="config", auth_hosts=["auth.reg.example"])
    assert f"The proxy {proxy.server.host}" in result.failure("network").msg
    assert "on the way to auth.reg.example does not reach it (502)" in result.msg


def test_a_proxy_is_not_blamed_for_what_the_registry_denies(registry: FakeRegistry, run_module: RunModule, proxy: Proxy) -> None:
    proxy.routes["reg.example:5000"] = registry.host
    registry.on("get_manifest").answer(403, code="DENIED")
    result = _ask(run_module, "http", details="config").failure("denied")
    assert "proxy" not in result.msg.lower()


def test_a_registry_that_asks_as_a_proxy_does_is_one_without_a_name(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("head_manifest").answer(407)
    result = run_module("registry_image_info", registry.args(name=["app:1"], details="digest")).failure("network")
    assert result.msg.startswith(f"A proxy on the way to {registry.host} requires a user name and password")


def test_a_connection_that_breaks_behind_a_proxy_names_both(make_registry: MakeRegistry, run_module: RunModule, proxy: Proxy) -> None:
    registry = make_registry()
    proxy.routes["reg.example:5000"] = registry.host
    registry.on("head_manifest").reset()
    result = _ask(run_module, "http", details="digest").failure("network")
    assert f"reg.example:5000, asked through the proxy {proxy.server.host}," in result.msg


# For which hosts


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("", "https://reg.example.com", False),
        (" , ,", "https://reg.example.com", False),
        ("*", "https://reg.example.com", True),
        ("other, *", "https://10.1.2.3", True),
        ("example.com", "https://example.com", True),
        ("example.com", "https://reg.example.com", True),
        ("EXAMPLE.com", "https://reg.example.com", True),
        ("example.com", "https://evilexample.com", False),
        ("example.com", "https://example.com.evil.org", False),
        (".example.com", "https://reg.example.com", True),
        (".example.com", "https://a.reg.example.com", True),
        (".example.com", "https://example.com", False),
        ("*.example.com", "https://reg.example.com", True),
        ("*.example.com", "https://a.reg.example.com", True),
        ("*.example.com", "https://example.com", False),
        ("*.example.com", "https://evilexample.com", False),
        ("*.example.com:5000", "https://reg.example.com:5000", True),
        ("*.example.com:5000", "https://reg.example.com", False),
        ("reg.*.com", "https://reg.example.com", False),
        ("reg.example.com:5000", "https://reg.example.com:5000", True),
        ("reg.example.com:5000", "https://a.reg.example.com:5000", True),
        ("reg.example.com:5000", "https://reg.example.com", False),
        ("reg.example.com:443", "https://reg.example.com", True),
        ("reg.example.com:80", "http://reg.example.com", True),
        ("reg.example.com:80", "https://reg.example.com", False),
        ("reg.example.com:", "https://reg.example.com:5000", True),
        ("other.org,reg.example.com", "https://reg.example.com", True),
        (" other.org , reg.example.com ", "https://reg.example.com", True),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("10.1.2.3", "https://10.1.2.3:5000", True),
        ("10.1.2.3:5000", "https://10.1.2.3:5000", True),
        ("10.1.2.3:5000", "https://10.1.2.3", False),
        ("10.1.2.3:443", "https://10.1.2.3", True),
        ("10.1.2.3", "https://10.1.2.30", False),
        ("1.2.3", "https://10.1.2.3", False),
        ("10.0.0.0/8", "https://10.1.2.3:5000", True),
        ("10.9.8.7/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/33", "https://10.1.2.3", False),
        ("10.0.0.0/8", "https://reg.example.com", False),
        ("example.com/8", "https://example.com", False),
        ("fd00::/8", "https://[fd00::1]:5000", True),
        ("fd00::/8", "https://[fe00::1]", False),
        ("::1", "https://[::1]:5000", True),
        ("[::1]", "https://[::1]:5000", True),
        ("[::1]:5000", "https://[::1]:5000", True),
        ("[::1]:5000", "https://[::1]", False),
        ("0:0:0:0:0:0:0:1", "https://[::1]", True),
        ("10.0.0.0/8", "https://[::ffff:10.1.2.3]", True),
        (":5000", "https://reg.example.com:5000", False),
        (".", "https://reg.example.com", False),
        ("*.", "https://reg.example.com", False),
        ("reg.example.com.", "https://reg.example.com", True),
        ("localhost", "https://localhost:5000", True),
    ],
)
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_no_proxy_is_read_as_other_tools_read_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, no_proxy: str, url: str, direct: bool
) -> None:
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv(variable, no_proxy)
    assert environ_proxy(Target.parse(url).origin) == (None if direct else PROXY)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HTTPS_PROXY": "http://a:1", "HTTP_PROXY": "http://b:1"}, "http://a:1"),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:1"}, "http://b:1"),
        ({"HTTPS_PROXY": "", "ALL_PROXY": "http://c:1"}, "http://c:1"),
        ({"https_proxy": "a:1"}, "http://a:1"),
        ({"https_proxy": " HTTP://A:1/ "}, "http://a:1"),
        ({"https_proxy": "http://a"}, "http://a:80"),
        ({"https_proxy": "https://[::1]"}, "https://[::1]:443"),
        ({"https_proxy": "user:pass%40word@a:1"}, "http://user:pass%40word@a:1"),
        ({"https_proxy": "http://user:pass@word@a:1"}, "http://user:pass%40word@a:1"),
        ({"https_proxy": "http://DOMAIN\\user:password@a:1"}, "http://DOMAIN%5Cuser:password@a:1"),
        ({"HTTP_PROXY": "http://b:1"}, None),
    ],
)
def test_the_proxy_is_that_of_the_scheme(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str | None) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert environ_proxy(Target.parse("https://reg.example.com").origin) == expected


@pytest.mark.parametrize(("no_proxy", "direct"), [("*.example", True), ("10.0.0.0/8,reg.example:PORT", True), ("reg.example:1", False)])
def test_no_proxy_holds_for_every_request(
    registry: FakeRegistry,
    proxy: Proxy,
    names: dict[str, str],
    run_module: RunModule,
    monkeypatch: pytest.MonkeyPatch,
    no_proxy: str,
    direct: bool,
) -> None:
    registry.add_image("app", "1")
    names["reg.example"] = "127.0.0.1"
    host = f"reg.example:{registry.server.port}"
    proxy.routes[host] = registry.host
    monkeypatch.setenv("no_proxy", no_proxy.replace("PORT", str(registry.server.port)))
    run_module("registry_image_info", registry.args(registry=host, name=["app:1"], details="config")).ok()
    assert len(proxy.requests) == (0 if direct else len(registry.requests))


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    ("form", "user"),
    [
        ("PROXY", ""),
        ("HTTP://PROXY/", ""),
        ("user:p%40ss@PROXY", "user"),
        ("http://user:p@ss@PROXY", "user"),
        ("http://DOMAIN\\user:p%40ss@PROXY", "DOMAIN\\user"),
    ],
)
def test_a_proxy_is_used_in_every_form(
    make_registry: MakeRegistry,
    make_proxy: t.Callable[..., Proxy],
    run_module: RunModule,
    monkeypatch: pytest.MonkeyPatch,
    tls: bool,
    form: str,
    user: str,
) -> None:
    registry = make_registry(tls=tls)
    registry.add_image("app", "1")
    proxy = make_proxy(user, "p@ss" if user else "")
    proxy.routes[registry.host] = f"127.0.0.1:{registry.server.port}"
    monkeypatch.setenv("ALL_PROXY", form.replace("PROXY", proxy.server.host))
    run_module("registry_image_info", registry.args(name=["app:1"], details="digest")).ok()
    assert len(proxy.requests) == 1
