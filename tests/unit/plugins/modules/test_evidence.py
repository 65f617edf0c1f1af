# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Absent, or there, is only said on evidence: a proxy's 404 is no absence, and a sign-in page is no image."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pushes import image, layout
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]

_JSON = {"Content-Type": "application/json"}
PROXIES: dict[str, tuple[dict[str, str], bytes]] = {
    "go": ({"Content-Type": "text/plain; charset=utf-8"}, b"404 page not found\n"),
    "empty": ({}, b""),
    "kong": (_JSON, b'{"message":"no Route matched with those values"}'),
    "spring": (_JSON, b'{"timestamp":"2026-01-01T00:00:00Z","status":404,"error":"Not Found","path":"/v2/"}'),
    "nginx_ingress": ({"Content-Type": "text/plain"}, b"default backend - 404"),
    "listed": (_JSON, b'{"errors":[{"status":404,"message":"Not Found"}]}'),
    "codes_of_others": (_JSON, b'{"code":"MANIFEST_UNKNOWN","message":"no"}'),
}


@pytest.fixture(params=sorted(PROXIES))
def stranger(request: pytest.FixtureRequest, registry: FakeRegistry) -> FakeRegistry:
    """Return a host that answers 404 to everything, in the words of a proxy."""
    headers, body = PROXIES[request.param]
    for endpoint in ("base", "head_manifest", "get_manifest", "list_tags", "head_blob", "catalog", "delete_manifest"):
        registry.on(endpoint, times=None, optional=True).answer(404, headers, body)
    return registry


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("registry_image_info", {"name": ["app:1"]}),
        ("registry_image_info", {"name": ["app:1"], "details": "digest"}),
        ("registry_image_info", {"name": [f"app@sha256:{'0' * 64}"], "details": "digest"}),
        ("registry_tag_info", {"name": "app", "missing": "ok"}),
        ("registry_tag_delete", {"name": "app:1"}),
        ("registry_tag_delete", {"name": "app", "tags": ["1", "2"]}),
        ("registry_tag_delete", {"name": f"app@sha256:{'0' * 64}", "method": "digest"}),
        ("registry_repository_info", {"unsupported": "ok"}),
        ("registry_tag", {"name": "app:1", "tags": ["2"]}),
    ],
)
def test_t34_a_404_of_something_else_than_a_registry_is_no_absence(
    stranger: FakeRegistry, run_module: RunModule, module: str, options: dict[str, t.Any]
) -> None:
    failure = run_module(module, stranger.args(**options)).failure("invalid_response")
    assert "does not look like a registry" in failure.msg
    assert "check host, port and path prefix" in failure.msg
    assert stranger.counts()["base"] == 1


def test_a_push_to_something_else_than_a_registry_is_not_foreseen(stranger: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    arguments = stranger.args(path=layout(tmp_path, image("a")), name="app:1")
    assert "does not look like a registry" in run_module("registry_push", arguments, check=True).failure("invalid_response").msg


@pytest.mark.parametrize("code", ["404", "route_not_found", "not-found", "resource.missing"])
def test_a_gateways_errors_do_not_show_a_registry(make_registry: MakeRegistry, run_module: RunModule, code: str) -> None:
    registry = make_registry()
    body = f'{{"errors":[{{"code":"{code}","title":"Not Found"}}]}}'.encode()
    registry.on("base", times=None, optional=True).answer(404, _JSON, body)
    registry.on("head_manifest", times=None).answer(404)
    registry.on("get_manifest").answer(404, _JSON, body)
    registry.on("get_manifest", times=None, optional=True).answer(404)
    result = run_module(
        "registry_image_info", registry.args(name=["app:1", "app:2"], on_error="report", details="digest", concurrency=1)
    ).ok()
    assert result["missing"] == []
    assert result["failed_names"] == ["app:1", "app:2"]


def test_what_another_host_answers_does_not_show_a_registry(
    make_registry: MakeRegistry, run_module: RunModule, names: dict[str, str]
) -> None:
    registry, sign_in = make_registry(missing="empty"), make_registry()
    registry.on("base", times=None).redirect(f"http://{sign_in.host}/v2/", 302)
    names["localhost"] = "127.0.0.1"
    arguments = registry.args(name=["app:1"], allowed_hosts=[sign_in.host])
    run_module("registry_image_info", arguments).failure("invalid_response")


@pytest.mark.parametrize("form", sorted(PROXIES))
def test_a_bare_404_of_a_registry_is_an_absence(make_registry: MakeRegistry, run_module: RunModule, form: str) -> None:
    registry = make_registry(missing="empty")
    for endpoint in ("head_manifest", "get_manifest"):
        registry.on(endpoint, times=None, optional=True).answer(404, *PROXIES[form])
    names = [f"app:{number}" for number in range(3)]
    result = run_module("registry_image_info", registry.args(name=names, details="digest", concurrency=1)).ok()
    assert result["missing"] == names
    assert registry.counts() == {"head_manifest": 3, "get_manifest": 3, "base": 1}


@pytest.mark.parametrize(
    ("status", "headers", "body", "known"),
    [
        (200, {"Content-Type": "text/html", "Docker-Distribution-API-Version": "registry/2.0"}, b"true", True),
        (200, {"Content-Type": "text/plain"}, b"{}", True),
        (200, {"Content-Type": "application/json"}, b"", True),
        (401, {"WWW-Authenticate": 'Basic realm="r"'}, b"", True),
        (401, {}, b"", False),
        (200, {"Content-Type": "text/plain"}, b"It works!", False),
        (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>", False),
        (200, {"Content-Type": "text/html"}, b"true", False),
        (200, {}, b"", False),
        (500, {}, b"", False),
    ],
)
def test_the_root_tells_a_registry(
    make_registry: MakeRegistry, run_module: RunModule, status: int, headers: dict[str, str], body: bytes, known: bool
) -> None:
    registry = make_registry(missing="empty")
    registry.on("base", times=None).answer(status, headers, body)
    result = run_module("registry_image_info", registry.args(name=["app:1"], retries=0))
    assert (not result.failed and result["missing"] == ["app:1"]) == known
    assert result.failed != known


def test_who_has_asked_for_a_token_is_not_asked_whether_it_is_a_registry(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth="token", missing="empty")
    result = run_module("registry_image_info", registry.args(name=["app:1"], details="digest")).ok()
    assert result["missing"] == ["app:1"]
    assert registry.log() == ["HEAD /v2/app/manifests/1", "GET /token", "HEAD /v2/app/manifests/1", "GET /v2/app/manifests/1"]


def test_who_has_served_a_manifest_is_not_asked_whether_it_is_a_registry(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(missing="empty")
    registry.add_image("app", "1")
    result = run_module("registry_image_info", registry.args(name=["app:1", "app:2"], concurrency=1)).ok()
    assert (result["missing"], registry.counts()) == (["app:2"], {"get_manifest": 2})


# Sign-in pages


@pytest.mark.parametrize("digest", [True, False])
@pytest.mark.parametrize("redirected", [True, False])
def test_t34_a_sign_in_page_is_no_image(make_registry: MakeRegistry, run_module: RunModule, digest: bool, redirected: bool) -> None:
    registry, portal = make_registry(), make_registry()
    added = registry.add_image("app", "1")
    for endpoint in ("head_manifest", "get_manifest"):
        if redirected:
            registry.on(endpoint, times=None).redirect(f"{portal.url}/v2/app/manifests/sign-in")
            portal.on(endpoint, times=None).html(200, "Sign in")
        else:
            registry.on(endpoint, times=None).html(200, "Sign in")
    options = registry.args(name=[f"app@{added.digest}" if digest else "app:1"], details="digest", allowed_hosts=[portal.host])
    assert "web page" in run_module("registry_image_info", options).failure("invalid_response").msg


def test_a_push_does_not_take_a_sign_in_page_for_its_image(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = image("a")
    registry.on("head_manifest", times=None).html(200, "Sign in")
    arguments = registry.args(path=layout(tmp_path, content), name=f"app@{content.digest}")
    assert run_module("registry_push", arguments).ok().changed
    assert registry.manifest("app", content.digest) is not None


def test_a_push_does_not_take_a_sign_in_page_for_its_blob(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = image("a")
    registry.style.mount = "404"
    registry.on("head_blob", times=None).answer(200, {"Content-Type": "text/html", "Transfer-Encoding": "chunked"}, b"")
    run_module("registry_push", registry.args(path=layout(tmp_path, content), name="app:1")).ok()
    assert registry.gaps() == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", ""])
def test_a_head_without_a_type_counts_by_its_digest_alone(registry: FakeRegistry, run_module: RunModule, content_type: str) -> None:
    added = registry.add_image("app", "1")
    registry.on("head_manifest", times=2).answer(200, {"Content-Type": content_type, "Docker-Content-Digest": f"sha256:{'0' * 64}"})
    result = run_module("registry_image_info", registry.args(name=[f"app@{added.digest}"], details="digest")).ok()
    assert result["images"][0]["media_type"] == images.OCI_MANIFEST
    assert registry.counts()["get_manifest"] == 1
    run_module("registry_tag", registry.args(name=f"app@{added.digest}", tags=["2"])).ok()


@pytest.mark.parametrize("name", ["app:1", "app@{digest}"])
def test_a_head_without_a_length_does_not_tell_an_empty_manifest(registry: FakeRegistry, run_module: RunModule, name: str) -> None:
    added = registry.add_image("app", "1")
    registry.on("head_manifest").headers({"Content-Length": "0"})
    result = run_module("registry_image_info", registry.args(name=[name.format(digest=added.digest)], details="digest")).ok()
    assert result["images"][0]["size"] == len(added.raw)


def test_a_page_in_place_of_a_list_is_called_one(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("list_tags").html(200, "Sign in")
    assert "web page" in run_module("registry_tag_info", registry.args(name="app")).failure("invalid_response").msg


# What is absent is named


def test_what_is_absent_is_named(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    digest = f"sha256:{'1' * 64}"
    for name, words in {"app:2": "no tag 2 in app", f"app@{digest}": f"no manifest {digest} in app"}.items():
        assert words in run_module("registry_image_info", registry.args(name=[name], missing="fail")).failure("not_found").msg
    assert "no repository other" in run_module("registry_tag_info", registry.args(name="other")).failure("not_found").msg


def test_a_blob_that_the_registry_lacks_is_named(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    digest = f"sha256:{'1' * 64}"
    body = b'{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry","detail":{"digest":"%s"}}]}' % digest.encode()
    registry.on("put_manifest", times=None).answer(404, {"Content-Type": "application/json"}, body)
    arguments = registry.args(path=layout(tmp_path, image("a")), name="app:1")
    assert f"no blob {digest} in app" in run_module("registry_push", arguments).failure("not_found").msg


def test_the_reasons_of_others_are_shown(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.on("get_manifest").answer(429, {"Content-Type": "application/json"}, b'{"message":"Too many login attempts. Please wait."}')
    failure = run_module("registry_image_info", registry.args(name=["app:1"], retries=0)).failure("rate_limited")
    assert "Too many login attempts" in failure.msg
