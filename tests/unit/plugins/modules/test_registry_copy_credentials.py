# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_copy: whose credentials, certificates and http go to which of two registries."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between, side, within
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule, assert_clean
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, Open, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

AUTHS: dict[str, t.Callable[[str], Open]] = {
    "basic": lambda name: Basic(f"{name}-user", f"p4ss/of+{name}"),
    "token": lambda name: TokenAuth({f"{name}-user": User(f"p4ss/of+{name}")}),
    "identity": lambda name: TokenAuth({f"{name}-user": User(f"p4ss/of+{name}", identity_token=f"identity.{name}.token")}),
}


class Pair:
    """Two registries that keep every byte that came in."""

    def __init__(self, make: MakeRegistry, source: Open, destination: Open, **options: t.Any) -> None:
        self.source, self.destination = make(auth=source, **options), make(auth=destination, **options)
        for registry in (self.source, self.destination):
            registry.server.copy = bytearray()
        self.added = self.source.add_image("app", "1.0")

    def arguments(self, **options: t.Any) -> dict[str, t.Any]:
        """Return the options of the copy without any credentials."""
        sides = {**side("src", self.source, False), **side("dest", self.destination, False)}
        return {"timeout": 10, **sides, "src": "app:1.0", "dest": "app", **options}

    def assert_apart(self) -> None:
        """Hold all that each registry was sent against the secrets of the other."""
        assert_clean(bytes(self.source.server.copy or b""), *self.destination.secrets())
        assert_clean(bytes(self.destination.server.copy or b""), *self.source.secrets())

    def assert_copied(self) -> None:
        """Make sure that the image arrived, and no secret where it does not belong."""
        assert self.destination.tags("app") == {"1.0": self.added.digest}
        self.assert_apart()


@pytest.mark.parametrize("destination", sorted(AUTHS))
@pytest.mark.parametrize("source", sorted(AUTHS))
def test_two_registries_with_two_passwords(make_registry: MakeRegistry, run_module: RunModule, source: str, destination: str) -> None:
    pair = Pair(make_registry, AUTHS[source]("source"), AUTHS[destination]("destination"))
    run_module("registry_copy", between(pair.source, pair.destination, src="app:1.0", dest="app")).ok()
    pair.assert_copied()
    assert {request.user for request in pair.source.requests if request.user} == {"source-user"} - ({""} if source == "basic" else set())


@pytest.mark.parametrize("wrong", ["src", "dest"])
def test_a_wrong_password_fails_on_its_own_side(make_registry: MakeRegistry, run_module: RunModule, wrong: str) -> None:
    pair = Pair(make_registry, AUTHS["token"]("source"), AUTHS["token"]("destination"))
    arguments = between(pair.source, pair.destination, src="app:1.0", dest="app", **{f"{wrong}_password": "another one"})
    failure = run_module("registry_copy", arguments).failure("unauthorized")
    assert failure.error["registry"] == (pair.source if wrong == "src" else pair.destination).host
    assert_clean(failure.text, "another one")
    assert pair.destination.tags("app") == {}
    pair.assert_apart()


def test_each_side_falls_back_on_the_auth_file_alone(make_registry: MakeRegistry, run_module: RunModule) -> None:
    pair = Pair(make_registry, AUTHS["basic"]("source"), AUTHS["basic"]("destination"))
    own = {f"src_{name}": value for name, value in pair.source.auth.credentials().items()}
    known = {pair.destination.host: pair.destination.auth.credentials(), pair.source.host: {"username": "x", "password": "stale-entry"}}
    arguments = pair.arguments(**own, auth_config=json.dumps({"auths": known}))
    run_module("registry_copy", arguments).ok()
    pair.assert_copied()
    assert_clean(bytes(pair.source.server.copy or b""), "stale-entry")


@pytest.mark.parametrize("owner", ["source", "destination"])
def test_plain_credentials_are_for_the_host_that_registry_names(make_registry: MakeRegistry, run_module: RunModule, owner: str) -> None:
    auth = AUTHS["token"](owner)
    pair = Pair(make_registry, *((auth, Open()) if owner == "source" else (Open(), auth)))
    named: FakeRegistry = getattr(pair, owner)
    run_module("registry_copy", pair.arguments(**auth.credentials(), registry=f"{named.host}/whatever")).ok()
    pair.assert_copied()


def test_plain_credentials_that_nothing_assigns_fail_before_any_request(make_registry: MakeRegistry, run_module: RunModule) -> None:
    auth = AUTHS["token"]("source")
    pair = Pair(make_registry, auth, Open())
    failure = run_module("registry_copy", pair.arguments(**auth.credentials())).failure("invalid_option")
    assert all(word in failure.msg for word in ("registry", "src_username", "dest_username", "auth_file", "auth_config"))
    assert pair.source.log() == pair.destination.log() == []


def test_plain_credentials_that_both_sides_override_are_never_sent(make_registry: MakeRegistry, run_module: RunModule) -> None:
    pair = Pair(make_registry, AUTHS["basic"]("source"), AUTHS["basic"]("destination"))
    plain = {"username": "somebody", "password": "plain-password"}
    run_module("registry_copy", between(pair.source, pair.destination, src="app:1.0", dest="app", **plain)).ok()
    pair.assert_copied()
    for registry in (pair.source, pair.destination):
        assert_clean(bytes(registry.server.copy or b""), "plain-password")


def test_plain_credentials_serve_a_single_registry(token_registry: FakeRegistry, run_module: RunModule) -> None:
    added = token_registry.add_image("app", "1.0")
    arguments = within(token_registry, src="app:1.0", dest="copy")
    del arguments["registry"]
    run_module("registry_copy", arguments).ok()
    assert token_registry.tags("copy") == {"1.0": added.digest}
    assert len(token_registry.named("token")) == 1


def test_two_users_of_one_registry_stay_apart(make_registry: MakeRegistry, run_module: RunModule) -> None:
    users = {"reader": User("p4ss/reader", {"app": "pull"}), "writer": User("p4ss/writer", {"copy": "pull,push"})}
    registry = make_registry(auth=TokenAuth(users))
    added = registry.add_image("app", "1.0")
    credentials = {"src_username": "reader", "src_password": "p4ss/reader", "dest_username": "writer", "dest_password": "p4ss/writer"}
    sides = {**side("src", registry, False), **side("dest", registry, False)}
    result = run_module("registry_copy", {**sides, **credentials, "src": "app:1.0", "dest": "copy"}).ok()
    assert registry.tags("copy") == {"1.0": added.digest}
    assert len(result["uploaded_blobs"]) == 3  # the writer may not mount what it may not read
    for request in registry.requests:
        if request.endpoint in ("get_blob", "get_manifest"):
            assert request.user in ("", "reader")


def test_the_environment_is_for_the_host_that_it_names(
    make_registry: MakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair(make_registry, AUTHS["basic"]("source"), AUTHS["basic"]("destination"))
    monkeypatch.setenv("OCITOOLS_REGISTRY", pair.destination.host)
    for name, value in pair.destination.auth.credentials().items():
        monkeypatch.setenv(f"OCITOOLS_REGISTRY_{name.upper()}", value)
    own = {f"src_{name}": value for name, value in pair.source.auth.credentials().items()}
    run_module("registry_copy", pair.arguments(**own)).ok()
    pair.assert_copied()


@pytest.mark.parametrize("half", ["src_username", "dest_password"])
def test_half_of_a_pair_is_named(make_registry: MakeRegistry, run_module: RunModule, half: str) -> None:
    pair = Pair(make_registry, Open(), Open())
    failure = run_module("registry_copy", pair.arguments(**{half: "only this"})).failure("invalid_option")
    assert half in failure.msg
    assert pair.source.log() == pair.destination.log() == []


def test_credentials_of_one_side_are_for_one_registry(make_registry: MakeRegistry, run_module: RunModule) -> None:
    pair = Pair(make_registry, Open(), Open())
    other = make_registry()
    names = [{"src": pair.source.name("app:1.0"), "dest": "a"}, {"src": other.name("app:1.0"), "dest": "b"}]
    arguments = {"images": names, "dest_registry": pair.destination.host, "src_username": "user", "src_password": "password"}
    failure = run_module("registry_copy", arguments).failure("invalid_option")
    assert pair.source.host in failure.msg
    assert other.host in failure.msg
    assert pair.source.log() == other.log() == pair.destination.log() == []


# TLS and http


def test_each_side_has_its_own_trust_and_certificate(make_registry: MakeRegistry, run_module: RunModule, ca: t.Any) -> None:
    source, destination = make_registry(mtls=True), make_registry(tls=True)
    added = source.add_image("app", "1.0")
    certificate = {f"src_{name}": path for name, path in ca.client_files().items()}
    arguments = {"src": source.name("app:1.0"), "dest": destination.name("app"), "src_ca_path": ca.path, **certificate}
    run_module("registry_copy", arguments).failure("tls")
    result = run_module("registry_copy", {**arguments, "dest_validate_certs": False}).ok()
    assert destination.tags("app") == {"1.0": added.digest}
    assert [warning for warning in result.warnings if "not verified" in warning] == [
        f"The TLS certificate of {destination.host} is not verified, because validate_certs is false."
    ]


def test_a_key_without_its_certificate_is_named(make_registry: MakeRegistry, run_module: RunModule) -> None:
    pair = Pair(make_registry, Open(), Open())
    failure = run_module("registry_copy", pair.arguments(dest_client_key="/key.pem")).failure("invalid_option")
    assert "dest_client_cert" in failure.msg


def test_trust_without_a_prefix_is_for_both(make_registry: MakeRegistry, run_module: RunModule, ca: t.Any) -> None:
    source, destination = make_registry(tls=True), make_registry(tls=True)
    added = source.add_image("app", "1.0")
    run_module("registry_copy", {"src": source.name("app:1.0"), "dest": destination.name("app"), "ca_path": ca.path}).ok()
    assert destination.tags("app") == {"1.0": added.digest}


def test_http_is_for_the_side_that_it_is_said_of(make_registry: MakeRegistry, run_module: RunModule, ca: t.Any) -> None:
    source, destination = make_registry(), make_registry(tls=True)
    added = source.add_image("app", "1.0")
    arguments = {"src": source.name("app:1.0"), "dest": destination.name("app"), "ca_path": ca.path}
    run_module("registry_copy", arguments).failure("tls")
    destination.clear()
    failure = run_module("registry_copy", {**arguments, "plain_http": True}).failure("invalid_option")
    assert "src_plain_http and dest_plain_http" in failure.msg
    assert destination.log() == []
    run_module("registry_copy", {**arguments, "plain_http": True, "registry": source.host}).ok()
    assert run_module("registry_copy", {**arguments, "src_plain_http": True}).ok().changed is False
    assert destination.tags("app") == {"1.0": added.digest}
