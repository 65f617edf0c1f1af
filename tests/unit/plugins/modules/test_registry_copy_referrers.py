# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_copy with referrers: signatures, attestations and SBOMs go along, however a registry keeps them."""

from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest
from ansible_collections.ocitools.registry.plugins.module_utils._registry.referrers import signature_tags
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between, put, within
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def _list_in_tag(registry: FakeRegistry, repository: str, subject: str, *referrers: images.Content) -> None:
    """Enter referrers in the tag that stands in for the referrers API."""
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [referrer.descriptor() for referrer in referrers]}
    registry.add_manifest(repository, document, images.OCI_INDEX, subject.replace(":", "-"))


def _listed(run_module: RunModule, registry: FakeRegistry, repository: str, subject: str) -> set[str]:
    """Return the referrers that a reader finds."""
    name = f"{repository}@{subject}"
    info = run_module("registry_image_info", registry.args(name=[name], referrers=True)).ok()["images"][0]
    return {entry["digest"] for entry in info["referrers"]}


@pytest.mark.parametrize("destination_api", [True, False])
@pytest.mark.parametrize("source_api", [True, False])
def test_referrers_go_along_recursively(
    make_registry: MakeRegistry, run_module: RunModule, source_api: bool, destination_api: bool
) -> None:
    source, destination = make_registry(referrers=source_api), make_registry(referrers=destination_api)
    content = put(source, "app", images.multi_arch(), "1.0")
    child = images.image("linux/arm64", ("base", "app-linux-arm64"))
    sbom = put(source, "app", images.artifact(content))
    signature = put(source, "app", images.artifact(sbom, "application/vnd.example.signature", b"signature of the list"))
    child_sbom = put(source, "app", images.artifact(child, data=b"parts of the child"))
    if not source_api:
        for subject, referrer in ((content, sbom), (sbom, signature), (child, child_sbom)):
            _list_in_tag(source, "app", subject.digest, referrer)
    destination.guard_closure()
    arguments = between(source, destination, src="app:1.0", dest="mirror/app", referrers=True)
    predicted = run_module("registry_copy", arguments, check=True, diff=True).ok()
    assert destination.writes() == []
    result = run_module("registry_copy", arguments, diff=True).ok()
    assert [entry["digest"] for entry in result["referrers"]] == [sbom.digest, child_sbom.digest, signature.digest]
    assert result["referrers"][0]["artifact_type"] == "application/vnd.example.sbom"
    assert (predicted["diff"], predicted["referrers"]) == (result["diff"], result["referrers"])
    assert result["diff"]["after"][f"{destination.host}/mirror/app@{signature.digest}"] == signature.digest
    for subject, referrer in ((content, sbom), (sbom, signature), (child, child_sbom)):
        assert _listed(run_module, destination, "mirror/app", subject.digest) == {referrer.digest}
        assert destination.stored("mirror/app", referrer.digest).raw == referrer.raw
    destination.clear()
    again = run_module("registry_copy", arguments).ok()
    assert again.changed is False
    assert [entry["changed"] for entry in again["referrers"]] == [False] * 3
    assert destination.writes() == []


def test_without_the_option_nothing_goes_along(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    added = source.add_image("app", "1.0")
    source.add_referrer("app", added.digest)
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert "referrers" not in result
    assert destination.manifests("app") == [added.digest]


@pytest.mark.parametrize("within_one", [True, False])
def test_tags_of_signatures_go_along(make_registry: MakeRegistry, run_module: RunModule, within_one: bool) -> None:
    source = make_registry()
    destination = source if within_one else make_registry()
    content = put(source, "app", images.multi_arch(), "1.0")
    child = content.document["manifests"][0]["digest"]
    tags = {
        content.digest.replace(":", "-") + suffix: images.artifact(data=suffix.encode()) for suffix in (".sig", ".att", ".sbom", ".new")
    }
    tags[child.replace(":", "-") + ".sig"] = images.artifact(data=b"of the child")
    signed = tags[content.digest.replace(":", "-") + ".sig"]
    tags[signed.digest.replace(":", "-") + ".sig"] = images.artifact(data=b"of the signature")
    other = put(source, "app", images.image(layers=("other",)), "2.0")
    put(source, "app", images.artifact(data=b"of another image"), other.digest.replace(":", "-") + ".sig")
    for tag, artifact in tags.items():
        put(source, "app", artifact, tag)
    options = {"src": "app:1.0", "dest": "mirror/app", "referrers": True}
    arguments = within(source, **options) if within_one else between(source, destination, **options)
    result = run_module("registry_copy", arguments).ok()
    assert destination.tags("mirror/app") == {"1.0": content.digest, **{tag: artifact.digest for tag, artifact in tags.items()}}
    assert {entry["name"] for entry in result["referrers"]} == set(tags)
    assert run_module("registry_copy", arguments).ok().changed is False
    assert source.counts()["list_tags"] == 2


def test_the_tags_of_a_repository_are_listed_once_for_all_images(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    added = {tag: source.add_image("app", tag) for tag in ("1", "2", "3")}
    for image in added.values():
        put(source, "app", images.artifact(data=image.digest.encode()), image.digest.replace(":", "-") + ".sig")
    entries = [{"src": f"app:{tag}", "dest": "app"} for tag in added]
    result = run_module("registry_copy", between(source, destination, images=entries, referrers=True)).ok()
    assert [len(image["referrers"]) for image in result["images"]] == [1, 1, 1]
    assert source.counts()["list_tags"] == 1
    assert len(destination.tags("app")) == 6


@pytest.mark.parametrize("existing", ["overwrite", "keep", "fail"])
def test_a_signature_of_the_destination_is_as_safe_as_any_tag(make_registry: MakeRegistry, run_module: RunModule, existing: str) -> None:
    source, destination = make_registry(), make_registry()
    content = images.image()
    tag = content.digest.replace(":", "-") + ".sig"
    theirs, ours = images.artifact(data=b"theirs"), images.artifact(data=b"ours")
    put(source, "app", content, "1.0")
    put(source, "app", theirs, tag)
    put(destination, "app", ours, tag)
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", referrers=True, existing=existing))
    if existing == "fail":
        result.failure("conflict")
        assert destination.writes() == []
    else:
        result.ok()
        assert destination.tags("app") == {"1.0": content.digest, tag: ours.digest if existing == "keep" else theirs.digest}


def test_nothing_goes_along_with_an_image_that_is_not_copied(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    added = source.add_image("app", "1.0", seed="new")
    source.add_referrer("app", added.digest)
    old = destination.add_image("app", "1.0", seed="old")
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", referrers=True, existing="keep")).ok()
    assert (result.changed, result["referrers"]) == (False, [])
    assert destination.manifests("app") == [old.digest]


def test_what_others_entered_in_the_list_stays(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(referrers=False)
    content = put(source, "app", images.image(), "1.0")
    sbom = put(source, "app", images.artifact(content))
    other = put(destination, "app", images.artifact(content, "application/vnd.example.other", b"entered before"))
    _list_in_tag(destination, "app", content.digest, other)
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", referrers=True)).ok()
    assert _listed(run_module, destination, "app", content.digest) == {sbom.digest, other.digest}


def test_images_that_run_beside_each_other_lose_no_entry_of_the_list(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(referrers=False)
    content = put(source, "app", images.image(), "1.0")
    source.set_tag("app", "latest", content.digest)
    sboms = [put(source, "app", images.artifact(content, data=f"parts list {number}".encode())) for number in range(4)]
    entries = [{"src": f"app:{tag}", "dest": "app"} for tag in ("1.0", "latest")]
    run_module("registry_copy", between(source, destination, images=entries, referrers=True)).ok()
    assert _listed(run_module, destination, "app", content.digest) == {sbom.digest for sbom in sboms}


def test_a_copy_that_was_cut_off_before_the_list_is_made_whole(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(referrers=False)
    content = put(source, "app", images.image(), "1.0")
    sbom = put(source, "app", images.artifact(content))
    arguments = between(source, destination, src="app:1.0", dest="app", referrers=True, retries=0)
    fallback = content.digest.replace(":", "-")
    destination.on("put_manifest", path=fallback).answer(500)
    run_module("registry_copy", arguments).failure("server")
    assert destination.manifest("app", sbom.digest) is not None
    result = run_module("registry_copy", arguments).ok()
    assert result.changed is True
    assert _listed(run_module, destination, "app", content.digest) == {sbom.digest}
    assert run_module("registry_copy", arguments).ok().changed is False


def test_an_artifact_with_a_subject_is_listed_with_it(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(referrers=False)
    content = put(source, "app", images.image(), "1.0")
    sbom = put(source, "app", images.artifact(content), "sbom")
    put(destination, "app", content, "1.0")
    arguments = between(source, destination, src="app:sbom", dest="app", retries=0)
    destination.on("put_manifest", path="sha256-").answer(500)
    run_module("registry_copy", arguments).failure("server")
    assert "sbom" not in destination.tags("app")
    run_module("registry_copy", arguments).ok()
    assert destination.tags("app")["sbom"] == sbom.digest
    assert _listed(run_module, destination, "app", content.digest) == {sbom.digest}


def test_an_index_whose_children_have_a_subject(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(referrers=False)
    content = images.image()
    sbom = images.artifact(content)
    put(source, "app", images.index(content, sbom), "1.0")
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert _listed(run_module, destination, "app", content.digest) == {sbom.digest}


def test_entries_of_the_list_that_were_deleted_are_passed_over(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(referrers=False), make_registry()
    content = put(source, "app", images.image(), "1.0")
    _list_in_tag(source, "app", content.digest, images.artifact(content))
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", referrers=True)).ok()
    assert result["referrers"] == []


def test_a_tag_in_place_of_the_list_that_is_none_is_no_list(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(referrers=False), make_registry()
    content = put(source, "app", images.image(), "1.0")
    put(source, "app", images.artifact(data=b"no list"), content.digest.replace(":", "-"))
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", referrers=True)).ok()
    assert result["referrers"] == []
    assert list(destination.tags("app")) == ["1.0"]


def test_referrers_of_the_whole_index_do_not_follow_a_part_of_it(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry()
    content = put(source, "app", images.multi_arch(), "1.0")
    child = images.image("linux/arm64", ("base", "app-linux-arm64"))
    put(source, "app", images.artifact(content))
    own = put(source, "app", images.artifact(child, data=b"of the child"))
    arguments = between(source, destination, src="app:1.0", dest="app", referrers=True, platforms=["linux/arm64"])
    result = run_module("registry_copy", arguments).ok()
    assert [entry["digest"] for entry in result["referrers"]] == [own.digest]


def test_pages_of_referrers_are_read_to_the_end(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(referrers_page=2), make_registry()
    added = source.add_image("app", "1.0")
    expected = {source.add_referrer("app", added.digest, data=f"signature {number}".encode()).digest for number in range(5)}
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", referrers=True)).ok()
    assert {entry["digest"] for entry in result["referrers"]} == expected


def test_the_requests_for_referrers_are_counted(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(auth="token"), make_registry(auth="token")
    added = source.add_image("app", "1.0")
    source.add_referrer("app", added.digest)
    arguments: dict[str, t.Any] = between(source, destination, src="app:1.0", dest="app", referrers=True)
    run_module("registry_copy", arguments).ok()
    blobs = 3 + 2
    assert source.counts() == {"get_manifest": 3, "token": 1, "list_tags": 1, "referrers": 2, "get_blob": blobs}
    assert destination.counts() == {"head_manifest": 4, "token": 1, "referrers": 1, "mount": blobs, "put_upload": blobs, "put_manifest": 2}
    source.clear()
    destination.clear()
    run_module("registry_copy", arguments).ok()
    assert source.counts() == {"get_manifest": 3, "token": 1, "list_tags": 1, "referrers": 2}
    assert destination.counts() == {"head_manifest": 3, "token": 1, "referrers": 1}


def test_the_signatures_of_many_digests_among_many_tags_are_found_at_once() -> None:
    digests = [Digest.of(b"%d" % number) for number in range(2000)]
    signed = [f"sha256-{digest.hex}.{kind}" for digest in digests[:2] for kind in ("att", "sig")]
    tags = sorted([*signed, f"sha256-{digests[0].hex}", *(f"s{number:07}" for number in range(200_000))])
    start = time.process_time()
    assert [tag for digest in digests for tag in signature_tags(digest, tags)] == signed
    assert time.process_time() - start < 2
