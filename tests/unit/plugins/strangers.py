# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with names of their own for tests of trust, and the ways in which a registry may send a client to one of them."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import check_error
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import open_layout
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth
from ansible_collections.ocitools.registry.tests.unit.registry.evil import Evil
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded

Names = dict[str, str]
PUBLIC = "93.184.216.34"
PRIVATE = "10.1.2.3"
CHANNELS = ("redirect", "blob", "realm", "location", "link")


def tokens(registry: FakeRegistry) -> TokenAuth:
    """Return the token server of a registry."""
    assert isinstance(registry.auth, TokenAuth)
    return registry.auth


def assert_no_authorization(evil: Evil) -> None:
    """Raise where the host was sent any credentials, or nothing at all."""
    assert evil.requests
    sent = [request.line() for request in evil.requests if {"Authorization", "Cookie", "Proxy-Authorization"} & _names(request)]
    assert sent == []


def _names(request: Recorded) -> set[str]:
    return {name.title() for name, _value in request.headers.pairs}


def place(names: Names, host: str, port: int, address: str = PUBLIC) -> str:
    """Give ``host`` the ``address``, which leads to this machine all the same; return ``host:port``."""
    names[host] = address
    names[address] = "127.0.0.1"
    return f"{host}:{port}"


def send_to(registry: FakeRegistry, channel: str, url: str, times: int | None = None) -> None:
    """Have the registry name ``url``: as a redirect of a manifest or a blob, as realm, as address of an upload, as next page."""
    if channel == "redirect":
        registry.on("get_manifest", times=times).redirect(url)
    elif channel == "blob":
        registry.on("get_blob", times=times).redirect(url)
    elif channel == "realm":
        quoted = url.replace("\\", "\\\\").replace('"', '\\"')
        challenge = {"WWW-Authenticate": f'Bearer realm="{quoted}",service="x",scope="repository:app:pull"'}
        registry.on("get_manifest", times=times, before_auth=True).answer(401, challenge)
    elif channel == "location":
        registry.on("mount", times=times).answer(202, {"Location": url})
    else:
        registry.on("list_tags", times=times).headers({"Link": f'<{url}>; rel="next"'})


def follow(client: RegistryClient, channel: str, folder: Path) -> None:
    """Do what makes the client read what ``send_to`` has the registry say; the image ``app:1`` must be there."""
    if channel in ("redirect", "realm"):
        client.get_manifest("1")
    elif channel == "blob":
        client.get_image_config("1")
    elif channel == "location":
        source = open_layout(images.write_layout(folder / "layout", {"2": images.image(layers=["one"])}))
        try:
            client.push_image("2", source)
        finally:
            source.close()
    else:
        client.list_tags()


def refused(client: RegistryClient, channel: str, folder: Path) -> RegistryError:
    """Return the error with which the client refuses to follow; it is one clear sentence."""
    try:
        follow(client, channel, folder)
    except RegistryError as error:
        check_error(error)
        return error
    raise AssertionError(f"the client followed the {channel}")
