# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses are judged at each connection: names with several, names that move, and addresses that a proxy would be asked for."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._http.address_guard import AddressGuard
from ansible_collections.ocitools.registry.plugins.module_utils._http.origin import Origin, Trust
from ansible_collections.ocitools.registry.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.ocitools.registry.plugins.module_utils._registry.connections import ConnectionOptions, Connections
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.strangers import (
    PRIVATE,
    PUBLIC,
    Names,
    place,
    refused,
    send_to,
    tokens,
)
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Headers
from ansible_collections.ocitools.registry.tests.unit.registry.proxy import Proxy
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

pytestmark = pytest.mark.usefixtures("one_authority")

METADATA, LOOPBACK, STORAGE = "169.254.169.254", "127.0.0.1", "10.9.8.7"


def _at(registry: FakeRegistry, host: str, **options: t.Any) -> RegistryClient:
    """Return a client for the registry under the name ``host``."""
    connections = Connections(ConnectionOptions.parse(registry.args(registry=host, **options)))
    return RegistryClient(connections.connection(host)).with_segment("app")


def _name(names: Names, registry: FakeRegistry, addresses: str) -> str:
    """Give the registry a name with these addresses, all of which lead to it."""
    names.update(dict.fromkeys(addresses.split(), "127.0.0.1"))
    names["reg.example"] = addresses
    return f"reg.example:{registry.server.port}"


# T47: names with several addresses, and names that move


TRANSLATED = "64:ff9b::5db8:d823"  # a public address of IPv4, as a host without IPv4 reaches it


def test_t47_a_host_without_ipv4_reaches_public_registries_and_their_storage() -> None:
    lookup = {"reg.example": [TRANSLATED, PUBLIC], "storage.example": [TRANSLATED], "inner.example": ["64:ff9b::a00:1"]}
    guard = AddressGuard(Trust(Origin("https", "reg.example", 443)), lambda host, _port: lookup[host])
    assert guard.named("reg.example", 443) == [TRANSLATED, PUBLIC]
    assert guard.strange("storage.example", 443) == [TRANSLATED]
    with pytest.raises(RegistryError, match="does not have a public address"):
        guard.strange("inner.example", 443)


@pytest.mark.parametrize("channel", ["redirect", "realm", "location"])
@pytest.mark.parametrize("addresses", [f"{PUBLIC} {PRIVATE}", f"{PRIVATE} {PUBLIC}", f"{PRIVATE} {METADATA}"])
def test_t47_a_registry_with_some_private_addresses_opens_no_inner_ones(
    guarded: FakeRegistry, evil: Evil, names: Names, tmp_path: Path, channel: str, addresses: str
) -> None:
    host = _name(names, guarded, addresses)
    tokens(guarded).anonymous = {"*": "*"}
    inner = place(names, "inner.example", evil.server.port, STORAGE)
    send_to(guarded, channel, f"http://{inner}/x")
    client = _at(guarded, host, username=None, password=None, auth_hosts=[tokens(guarded).url.split("/")[2]])
    error = refused(client, channel, tmp_path)
    assert error.kind == "untrusted_target"
    assert f"add {inner} to allowed_hosts" in error.message
    evil.assert_untouched()


def test_t47_a_registry_that_was_private_and_is_not_any_more_opens_no_inner_address(
    registry: FakeRegistry, evil: Evil, names: Names, run_module: RunModule
) -> None:
    registry.add_image("app", "1")
    host = _name(names, registry, PRIVATE)
    inner = place(names, "inner.example", evil.server.port, STORAGE)
    registry.on("get_blob").redirect(f"http://{inner}/x").then(lambda request: names.update({"reg.example": f"{PRIVATE} {PUBLIC}"}))
    run_module("registry_image_info", registry.args(registry=host, name=["app:1"], details="config")).failure("untrusted_target")
    evil.assert_untouched()


@pytest.mark.parametrize(
    ("before", "after", "reached"),
    [
        (PUBLIC, PRIVATE, False),
        (PUBLIC, METADATA, False),
        (PUBLIC, "100.100.100.200", False),
        (PUBLIC, LOOPBACK, False),
        (PRIVATE, METADATA, False),
        (PRIVATE, LOOPBACK, False),
        (PRIVATE, PUBLIC, False),
        (LOOPBACK, METADATA, False),
        (METADATA, "169.254.170.2", False),
        (PUBLIC, "93.184.216.35", True),
        (PRIVATE, "192.168.3.4", True),
        (LOOPBACK, "127.0.0.2", True),
        (f"{PUBLIC} {PRIVATE}", PRIVATE, False),
        (f"{PRIVATE} {PUBLIC}", PUBLIC, False),
        (PUBLIC, f"{PRIVATE} {PUBLIC}", True),
    ],
)
def test_t47_a_registry_whose_name_moves_to_another_kind_of_address_is_not_followed(
    registry: FakeRegistry, names: Names, run_module: RunModule, before: str, after: str, reached: bool
) -> None:
    registry.add_image("app", "1", config={"config": {"Labels": {"team": "blue"}}})
    host = _name(names, registry, before)
    names.update({address: address if address.startswith("127.") else "127.0.0.1" for address in after.split()})
    names["127.0.0.2"] = "127.0.0.1"
    rule = registry.on("get_manifest").headers({"Connection": "close"}).close()
    rule.then(lambda request: names.update({"reg.example": after}))
    result = run_module("registry_image_info", registry.args(registry=host, name=["app:1"], details="config"))
    if reached:
        assert result.ok()["images"][0]["labels"] == {"team": "blue"}
    else:
        assert "reg.example has changed to another kind of address" in result.failure("untrusted_target").msg
        assert registry.log() == ["GET /v2/app/manifests/1"]


def test_t47_a_public_registry_is_not_sought_at_this_machine(registry: FakeRegistry, names: Names, run_module: RunModule) -> None:
    host = _name(names, registry, f"{PUBLIC} {METADATA} {LOOPBACK}")
    names[PUBLIC] = "127.0.0.9"  # where nobody listens
    run_module("registry_image_info", registry.args(registry=host, name=["app:1"], retries=0)).failure("network")
    assert registry.log() == []


def test_t47_nor_does_a_host_that_is_allowed_move(make_registry: MakeRegistry, names: Names, run_module: RunModule) -> None:
    registry = make_registry()
    registry.add_image("app", "1")
    registry.add_image("app", "2")
    storage = place(names, "storage.example", registry.storage.port)
    names[METADATA] = "127.0.0.1"
    registry.on("get_blob", where=lambda request: request.server == "registry", times=None).call(
        lambda request: Answer(307, Headers([("Location", f"http://{storage}{request.target}")]))
    )
    moved = registry.on("get_blob", where=lambda request: request.server == "storage").headers({"Connection": "close"}).close()
    moved.then(lambda request: names.update({"storage.example": METADATA}))
    options = registry.args(name=["app:1", "app:2"], details="config", allowed_hosts=[storage], concurrency=1)
    assert (
        "storage.example has changed to another kind of address"
        in run_module("registry_image_info", options).failure("untrusted_target").msg
    )
    assert len([request for request in registry.requests if request.server == "storage"]) == 1


# T48: addresses behind a proxy


@pytest.mark.parametrize("channel", ["redirect", "realm", "location"])
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "0.0.0.0",
        "[::1]",
        "[fd00:ec2::254]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "localhost",
        "registry.localhost",
        "localhost.localdomain",
        "ip6-loopback",
    ],
)
def test_t48_a_proxy_is_not_asked_for_an_inner_address(
    guarded: FakeRegistry, proxy: Proxy, tmp_path: Path, channel: str, host: str
) -> None:
    for server in (guarded.host, tokens(guarded).url.split("/")[2]):
        proxy.routes[f"reg.example:{server.split(':')[1]}"] = server
    tokens(guarded).anonymous = {"*": "*"}
    send_to(guarded, channel, f"http://{host}:8080/x")
    client = _at(
        guarded,
        f"reg.example:{guarded.server.port}",
        username=None,
        password=None,
        auth_hosts=[tokens(guarded).url.split("/")[2]],
    )
    error = refused(client, channel, tmp_path)
    assert error.kind == "untrusted_target"
    assert f"add {host}:8080 to allowed_hosts" in error.message
    assert ":8080" not in " ".join(proxy.log())


@pytest.mark.parametrize(("storage", "asked"), [("93.184.216.34:8080", True), ("10.9.8.7:8080", True), ("storage.example:8080", True)])
@pytest.mark.parametrize("registry_at", [PUBLIC, PRIVATE, "reg.example"])
def test_t48_a_proxy_is_asked_for_what_is_allowed(
    make_registry: MakeRegistry, proxy: Proxy, run_module: RunModule, storage: str, asked: bool, registry_at: str
) -> None:
    registry = make_registry()
    registry.add_image("app", "1", config={"config": {"Labels": {"team": "blue"}}})
    proxy.routes[f"{registry_at}:5000"] = registry.host
    proxy.routes[storage] = registry.storage.host
    registry.on("get_blob", where=lambda request: request.server == "registry", times=None).call(
        lambda request: Answer(307, Headers([("Location", f"http://{storage}{request.target}")]))
    )
    options = registry.args(registry=f"{registry_at}:5000", name=["app:1"], details="config")
    if storage.startswith("10.") and registry_at != PRIVATE:
        run_module("registry_image_info", options).failure("untrusted_target")
        options["allowed_hosts"] = [storage]
    assert run_module("registry_image_info", options).ok()["images"][0]["labels"] == {"team": "blue"}
    assert any(storage in line for line in proxy.log()) is asked


def test_t48_what_is_reached_without_the_proxy_is_judged_by_its_address(
    guarded: FakeRegistry, evil: Evil, proxy: Proxy, names: Names, connect: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1,.example")
    send_to(guarded, "blob", f"http://{place(names, 'inner.example', evil.server.port, STORAGE)}/x")
    assert refused(connect(guarded, "app"), "blob", tmp_path).kind == "untrusted_target"
    evil.assert_untouched()
    assert proxy.log() == []
