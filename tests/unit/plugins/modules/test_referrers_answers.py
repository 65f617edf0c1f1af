# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What registries answer in place of a list of referrers, and tags in place of one that are none."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest
from ansible_collections.ocitools.registry.plugins.module_utils._registry.referrers import list_by_api
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, kind_of
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.faults import Rule


def _filled(make_registry: MakeRegistry, **switches: t.Any) -> tuple[FakeRegistry, str, str]:
    """Return a registry with an image, and the digests of that and of what the fallback tag lists for it."""
    registry = make_registry(**switches)
    subject = registry.add_image("app", "1").digest
    referrer = registry.add_referrer("app", subject)
    entry = {"mediaType": referrer.media_type, "digest": referrer.digest, "size": len(referrer.raw)}
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [entry]}
    registry.add_manifest("app", document, images.OCI_INDEX, subject.replace(":", "-"))
    return registry, subject, referrer.digest


def _look(run_module: RunModule, registry: FakeRegistry) -> Result:
    return run_module("registry_image_info", registry.args(name=["app:1"], referrers=True, retries=0))


def _found(result: Result) -> list[str]:
    return [entry["digest"] for entry in result["images"][0]["referrers"]]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream", ""])
def test_an_index_under_any_type_is_a_list_of_referrers(make_registry: MakeRegistry, run_module: RunModule, content_type: str) -> None:
    registry, _subject, referrer = _filled(make_registry)
    registry.remove_tag("app", next(tag for tag in registry.tags("app") if tag.startswith("sha256-")))
    registry.on("referrers").headers({"Content-Type": content_type})
    result = _look(run_module, registry).ok()
    assert (_found(result), result.warnings) == ([referrer], [])


@pytest.mark.parametrize("status", [404, 405, 406, 501])
def test_no_referrers_api_leads_to_the_tag(make_registry: MakeRegistry, run_module: RunModule, status: int) -> None:
    registry, _subject, referrer = _filled(make_registry)
    registry.on("referrers").answer(status)
    result = _look(run_module, registry).ok()
    assert (_found(result), result.warnings) == ([referrer], [])


PAGES: dict[str, t.Callable[[Rule], t.Any]] = {
    "page": lambda rule: rule.html(200, "Sign in"),
    "text": lambda rule: rule.answer(200, {"Content-Type": "text/plain"}, b"ok"),
    "json": lambda rule: rule.answer(200, {"Content-Type": "application/json"}, b'{"status":"log in"}'),
    "private": lambda rule: rule.redirect("http://127.0.0.2:9/login"),
    "scheme": lambda rule: rule.redirect("ftp://example.com/"),
    "no content": lambda rule: rule.answer(204),
    "accepted": lambda rule: rule.answer(202, {"Content-Type": "application/json"}, b"{}"),
    "a redirect to nowhere": lambda rule: rule.answer(302),
}


@pytest.mark.parametrize("instead", sorted(PAGES))
def test_a_page_in_place_of_referrers_is_one_warning(make_registry: MakeRegistry, run_module: RunModule, instead: str) -> None:
    registry, subject, referrer = _filled(make_registry)
    registry.set_tag("app", "2", subject)
    PAGES[instead](registry.on("referrers", times=None))
    result = run_module("registry_image_info", registry.args(name=["app:1", "app:2"], referrers=True, retries=0)).ok()
    assert [[entry["digest"] for entry in image["referrers"]] for image in result["images"]] == [[referrer]] * 2
    assert [registry.host in warning and "tags" in warning for warning in result.warnings] == [True]


@pytest.mark.parametrize("instead", sorted(PAGES))
def test_a_copy_takes_what_the_tag_lists_where_the_api_shows_a_page(
    make_registry: MakeRegistry, run_module: RunModule, instead: str
) -> None:
    (source, _subject, referrer), destination = _filled(make_registry), make_registry()
    PAGES[instead](source.on("referrers", times=None))
    result = run_module("registry_copy", between(source, destination, src="app:1", dest="app", referrers=True, retries=0)).ok()
    assert [entry["digest"] for entry in result["referrers"]] == [referrer]


def test_who_must_know_all_referrers_takes_no_page_for_none(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry, subject, _referrer = _filled(make_registry)
    registry.on("referrers").html(200, "Sign in")
    assert kind_of(lambda: list_by_api(connect(registry, "app").api, Digest.parse(subject))) == "invalid_response"


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_fault_or_a_refusal_is_not_no_referrers(make_registry: MakeRegistry, run_module: RunModule, status: int) -> None:
    registry, _subject, _referrer = _filled(make_registry)
    registry.on("referrers", times=None).answer(status)
    assert _look(run_module, registry).failed


def test_a_list_of_referrers_that_can_be_read_in_two_ways_is_refused(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry, _subject, _referrer = _filled(make_registry)
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [], "Manifests": []}
    registry.on("referrers").body(json.dumps(document).encode())
    _look(run_module, registry).failure("invalid_response")


@pytest.mark.parametrize("status", [404, 200])
def test_a_lost_page_of_referrers_is_not_the_end(make_registry: MakeRegistry, run_module: RunModule, status: int) -> None:
    registry, subject, _referrer = _filled(make_registry, referrers_page=1)
    registry.add_referrer("app", subject, data=b"another")
    registry.on("referrers", nth=2).html(status)
    _look(run_module, registry).failure("invalid_response")


# Tags that are no list


@pytest.mark.parametrize("index", [True, False])
def test_a_tag_that_is_the_image_itself_lists_nothing(make_registry: MakeRegistry, run_module: RunModule, index: bool) -> None:
    source, destination = make_registry(referrers=False), make_registry()
    added = source.add_index("app", "1", platforms=["linux/amd64", "linux/arm64"]) if index else source.add_image("app", "1")
    source.set_tag("app", added.digest.replace(":", "-"), added.digest)
    assert _found(_look(run_module, source).ok()) == []
    result = run_module("registry_copy", between(source, destination, src="app:1", dest="app", referrers=True)).ok()
    assert result["referrers"] == []


@pytest.mark.parametrize("index", [True, False])
def test_a_signature_is_not_entered_among_the_children_of_its_image(
    make_registry: MakeRegistry, run_module: RunModule, index: bool
) -> None:
    source, destination = make_registry(), make_registry(referrers=False)
    added = source.add_index("app", "1", platforms=["linux/amd64", "linux/arm64"]) if index else source.add_image("app", "1")
    referrer = source.add_referrer("app", added.digest)
    run_module("registry_copy", between(source, destination, src="app:1", dest="app")).ok()
    tag = added.digest.replace(":", "-")
    destination.set_tag("app", tag, added.digest)
    arguments = between(source, destination, src="app:1", dest="app", referrers=True)
    run_module("registry_copy", arguments).ok()
    entries = json.loads(destination.stored("app", tag).raw)["manifests"]
    assert [entry["digest"] for entry in entries] == [referrer.digest]
    assert run_module("registry_copy", arguments).ok().changed is False


def test_what_the_tag_lists_twice_is_one_referrer(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry, subject, referrer = _filled(make_registry, referrers=False)
    tag = subject.replace(":", "-")
    document = json.loads(registry.stored("app", tag).raw)
    registry.add_manifest("app", {**document, "manifests": document["manifests"] * 2}, images.OCI_INDEX, tag)
    assert _found(_look(run_module, registry).ok()) == [referrer]
    options = registry.args(subject="app:1", dest=str(tmp_path / "out"))
    assert run_module("registry_artifact_pull", options).ok()["digest"] == referrer


def test_null_in_a_list_of_referrers_says_nothing(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry, subject, referrer = _filled(make_registry)
    entry = {"mediaType": images.OCI_MANIFEST, "digest": referrer, "size": 2, "artifactType": None, "annotations": None, "platform": None}
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [entry]}
    registry.on("referrers", subject).body(json.dumps(document).encode())
    result = _look(run_module, registry).ok()
    assert (_found(result), result.warnings) == ([referrer], [])
