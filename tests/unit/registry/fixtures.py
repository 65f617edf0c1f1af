# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of all unit tests; tests/unit/registry/README.md shows how to use them."""

from __future__ import annotations

import os
import socket
import typing as t
from pathlib import Path

import pytest

from ....plugins.module_utils._http import retry
from ....plugins.module_utils._registry.client import RegistryClient
from ....plugins.module_utils._registry.connections import ConnectionOptions, Connections
from ..plugins import harness
from .auth import Basic, Open, TokenAuth
from .evil import Evil
from .fake import FakeRegistry
from .proxy import Proxy

if t.TYPE_CHECKING:
    from .tls import Authority

harness.plugin(
    "module_utils._registry.connections"
)  # imported once, with all below it, and not again in each process that a test runner forks

MakeRegistry = t.Callable[..., FakeRegistry]
_AUTHS: dict[str, t.Callable[[], Open]] = {"": Open, "basic": Basic, "token": TokenAuth}
_AMBIENT = (
    "REGISTRY_AUTH_FILE",
    "DOCKER_CONFIG",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an environment without proxies, auth files and trust of the machine."""
    folder = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name in _AMBIENT or name.lower().endswith("_proxy") or name.startswith("OCITOOLS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Host names with their addresses: ``names["registry.test"] = "127.0.0.1"``, several with blanks between them.

    Any other name is unknown: no test looks one up.
    """
    known = {"localhost": "127.0.0.1"}
    real = socket.getaddrinfo

    def look_up(host: t.Any, port: t.Any, *args: t.Any, **options: t.Any) -> t.Any:
        found: list[t.Any] = []
        for address in [None] if host is None else known.get(host, host).split():
            if address is not None and not address.replace(".", "").isdigit() and ":" not in address:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            found += real(address, port, *args, **options)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were to be waited between attempts, in order; nothing is really waited for."""
    waited: list[float] = []
    monkeypatch.setattr(retry.Retry.__init__, "__defaults__", (waited.append,))
    return waited


@pytest.fixture
def made() -> list[FakeRegistry]:
    """All registries of the test."""
    return []


@pytest.fixture
def make_registry(made: list[FakeRegistry], request: pytest.FixtureRequest) -> t.Iterator[MakeRegistry]:
    """Make a registry: ``make_registry("distribution2", auth="token", tls=True, page_size=2)``.

    ``style``: a preset or ``Style``; ``auth``: "basic", "token" or an object; ``tls``, ``mtls`` (client certificates wanted),
    ``hosts`` (names in its certificate); the rest are switches of the style. What a test did not expect fails it at its end.
    """

    def make(
        style: t.Any = "full", auth: str | Open = "", tls: bool = False, mtls: bool = False, hosts: t.Sequence[str] = (), **switches: t.Any
    ) -> FakeRegistry:
        context = path = None
        if tls or mtls:
            authority: Authority = request.getfixturevalue("ca")
            context, path = authority.context(*hosts, client_certs=mtls), authority.path
        registry = FakeRegistry(style, _AUTHS[auth]() if isinstance(auth, str) else auth, context, path, **switches)
        made.append(registry)
        return registry

    yield make
    for registry in made:
        registry.close()
    for registry in made:
        registry.verify()


@pytest.fixture
def registry(make_registry: MakeRegistry) -> FakeRegistry:
    """An open registry over http that can do everything."""
    return make_registry()


@pytest.fixture
def token_registry(make_registry: MakeRegistry) -> FakeRegistry:
    """A registry with a token server."""
    return make_registry(auth="token")


@pytest.fixture
def guarded(make_registry: MakeRegistry) -> FakeRegistry:
    """A registry with a token server and one image, ``app:1``."""
    made_registry = make_registry(auth="token")
    made_registry.add_image("app", "1")
    return made_registry


@pytest.fixture
def make_evil(made: list[FakeRegistry], request: pytest.FixtureRequest) -> t.Iterator[t.Callable[..., Evil]]:
    """Make a host that must never be shown a secret of any registry of the test: ``make_evil(tls=True)``."""
    hosts: list[Evil] = []

    def make(tls: bool = False) -> Evil:
        host = Evil(request.getfixturevalue("ca").context() if tls else None)
        host.watch(lambda: [secret for registry in made for secret in registry.secrets()])
        hosts.append(host)
        return host

    yield make
    for host in hosts:
        host.close()
        host.verify()


@pytest.fixture
def evil(make_evil: t.Callable[..., Evil]) -> Evil:
    """A host over http that must never be shown a secret of any registry of the test."""
    return make_evil()


@pytest.fixture
def abroad(evil: Evil, names: dict[str, str]) -> str:
    """The evil host as ``evil.example:port``, at an address that any registry might send us to."""
    names["evil.example"], names["93.184.216.34"] = "93.184.216.34", "127.0.0.1"
    return f"evil.example:{evil.server.port}"


@pytest.fixture
def make_proxy() -> t.Iterator[t.Callable[..., Proxy]]:
    """Make a forward proxy: ``make_proxy("user", "password")``."""
    proxies: list[Proxy] = []

    def make(user: str = "", password: str = "") -> Proxy:
        proxies.append(Proxy(user, password))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()
        proxy.verify()


@pytest.fixture
def proxy(make_proxy: t.Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """A forward proxy that the environment names for everything."""
    made_proxy = make_proxy()
    for name, value in made_proxy.environ().items():
        monkeypatch.setenv(name, value)
    return made_proxy


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority."""
    from .tls import Authority

    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def one_authority(ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust in one certificate authority instead of the machine's many, which take longer to read than a test takes."""
    monkeypatch.setenv("SSL_CERT_FILE", ca.path)


@pytest.fixture
def connect() -> t.Iterator[t.Callable[..., RegistryClient]]:
    """Return a client for a registry, scoped to the segments."""
    opened: list[Connections] = []

    def make(registry: FakeRegistry, *segments: str, **options: t.Any) -> RegistryClient:
        connections = Connections(ConnectionOptions.parse(registry.args(**options)))
        opened.append(connections)
        return RegistryClient(connections.connection(registry.host)).with_segment(*segments)

    yield make
    for connections in opened:
        connections.close()


_IN_WORKER = [pytest.param("action", marks=pytest.mark.worker)] if harness.HAS_CONTROLLER else []


@pytest.fixture(params=["module", *_IN_WORKER])
def front(request: pytest.FixtureRequest) -> str:
    """How a task is run: as a module, and in Ansible's worker."""
    return str(request.param)


@pytest.fixture
def run_module(front: str, made: list[FakeRegistry], tmp_path_factory: pytest.TempPathFactory) -> harness.RunModule:
    """Run a task in this process: ``run_module("registry_tag", registry.args(name="app:1", tags=["2"]), check=True)``.

    A test that takes it runs twice, once with each front. The output is searched for the secrets of all registries of the test each time.
    """
    run_front = harness.run_action if front == "action" else harness.run_module

    def run(name: str, args: t.Mapping[str, t.Any], check: bool = False, diff: bool = False) -> harness.Result:
        result = run_front(name, args, check, diff, tmp_path_factory.mktemp("module"))
        harness.assert_clean(result.text, *(secret for registry in made for secret in registry.secrets()))
        return result

    return run


@pytest.fixture
def start_module(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[t.Callable[..., harness.Process]]:
    """Start a module in a process of its own: ``start_module(name, args, env={}, hide=["requests"])``; see ``harness.start_module``."""
    started: list[harness.Process] = []

    def start(name: str, args: t.Mapping[str, t.Any], **options: t.Any) -> harness.Process:
        started.append(harness.start_module(name, args, tmp_path_factory.mktemp("module"), **options))
        return started[-1]

    yield start
    for process in started:
        process.end()


@pytest.fixture
def run_module_process(start_module: t.Callable[..., harness.Process]) -> t.Callable[..., harness.Result]:
    """Run a module in a process of its own to its end."""

    def run(name: str, args: t.Mapping[str, t.Any], **options: t.Any) -> harness.Result:
        return start_module(name, args, **options).wait()

    return run


@pytest.fixture
def run_lookup() -> t.Callable[..., list[t.Any]]:
    """Run the lookup: ``run_lookup(["app:1.0"], **registry.args())``."""
    return harness.run_lookup
