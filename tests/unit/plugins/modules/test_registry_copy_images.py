# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_copy with a list of images: what they share, what each reports, and that one does not stop the others."""

from __future__ import annotations

import threading
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between, digests, put, within
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def _pair(make: MakeRegistry, **options: t.Any) -> tuple[FakeRegistry, FakeRegistry]:
    return make(**options), make(**options)


def test_results_are_in_order_and_hold_what_a_single_copy_returns(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    added = {name: source.add_image(name, "1.0", seed=name) for name in ("a", "b", "c")}
    entries = [{"src": f"{name}:1.0", "dest": f"mirror/{name}", "tags": ["1.0", "1"]} for name in ("c", "a", "b")]
    result = run_module("registry_copy", between(source, destination, images=entries), diff=True).ok()
    assert result.changed is True
    assert [(image["src"], image["dest"], image["digest"]) for image in result["images"]] == [
        (f"{name}:1.0", f"mirror/{name}", added[name].digest) for name in ("c", "a", "b")
    ]
    single = run_module("registry_copy", between(source, destination, src="a:1.0", dest="single")).ok()
    own = {"failed", "invocation", "warnings", "deprecations"}
    assert set(result["images"][0]) - {"src", "dest"} == set(single.data) - own
    assert result["diff"]["after"] == {
        f"{destination.host}/mirror/{name}:{tag}": added[name].digest for name in "abc" for tag in ("1.0", "1")
    }
    assert set(result["diff"]["before"].values()) == {None}
    again = run_module("registry_copy", between(source, destination, images=entries)).ok()
    assert again.changed is False
    assert [image["changed"] for image in again["images"]] == [False] * 3


def test_connections_and_tokens_are_shared(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry, auth="token")
    for number in range(8):
        source.add_image("app", f"1.{number}")
    entries = [{"src": f"app:1.{number}", "dest": "app"} for number in range(8)]
    run_module("registry_copy", between(source, destination, images=entries)).ok()
    assert len(destination.tags("app")) == 8
    for registry in (source, destination):
        assert len(registry.named("token")) == 1
        assert registry.connections <= 2 * 4 + 1
    blobs = 8 * 3
    assert len(source.log()) + len(destination.log()) == 3 * blobs + 8 * 4 + 4


def test_no_more_requests_at_a_time_than_allowed(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    for number in range(12):
        source.add_image("app", f"1.{number}", layers=4)
    entries = [{"src": f"app:1.{number}", "dest": "app"} for number in range(12)]
    run_module("registry_copy", between(source, destination, images=entries, concurrency=3)).ok()
    assert source.peak <= 3
    assert destination.peak <= 2 * 3


def test_images_are_copied_side_by_side(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    for name in ("a", "b"):
        source.add_image(name, "1.0", seed=name)
    meeting = threading.Barrier(2, timeout=20)

    def meet(_request: t.Any) -> None:
        meeting.wait()

    destination.on("put_manifest", times=2).call(meet)
    entries = [{"src": f"{name}:1.0", "dest": name} for name in ("a", "b")]
    run_module("registry_copy", between(source, destination, images=entries)).ok()
    assert not meeting.broken


def test_one_at_a_time_where_that_is_wanted(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    for name in ("a", "b", "c"):
        source.add_image(name, "1.0", seed=name)
    entries = [{"src": f"{name}:1.0", "dest": name} for name in ("a", "b", "c")]
    run_module("registry_copy", between(source, destination, images=entries, concurrency=1)).ok()
    assert [line for line in destination.writes() if "/manifests/" in line] == [f"PUT /v2/{name}/manifests/1.0" for name in ("a", "b", "c")]


def test_a_layer_that_several_images_have_is_sent_once(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry, auth="token")
    contents = {name: put(source, name, images.image(layers=("base", name)), "1.0") for name in ("a", "b", "c")}
    base = contents["a"].document["layers"][0]["digest"]
    entries = [{"src": f"{name}:1.0", "dest": f"mirror/{name}"} for name in contents]
    result = run_module("registry_copy", between(source, destination, images=entries)).ok()
    sent = [image["dest"] for image in result["images"] if base in digests(image["uploaded_blobs"])]
    mounted = [image["dest"] for image in result["images"] if base in digests(image["mounted_blobs"])]
    assert (len(sent), len(mounted)) == (1, 2)
    assert [request.reference for request in source.named("get_blob")].count(base) == 1
    assert destination.gaps() == []


def test_a_layer_that_cannot_be_mounted_is_sent_to_each(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(mount="ignored")
    for name in ("a", "b"):
        put(source, name, images.image(layers=("base", name)), "1.0")
    entries = [{"src": f"{name}:1.0", "dest": f"mirror/{name}"} for name in ("a", "b")]
    result = run_module("registry_copy", between(source, destination, images=entries)).ok()
    assert [len(image["uploaded_blobs"]) for image in result["images"]] == [3, 3]
    assert destination.gaps() == []
    assert all(not destination.sessions(f"mirror/{name}") for name in ("a", "b"))


def test_several_tags_of_one_image_send_it_once(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    added = source.add_image("app", "1.0")
    for tag in ("1", "latest"):
        source.set_tag("app", tag, added.digest)
    entries = [{"src": f"app:{tag}", "dest": "app"} for tag in ("1.0", "1", "latest")]
    run_module("registry_copy", between(source, destination, images=entries)).ok()
    assert destination.tags("app") == dict.fromkeys(("1", "1.0", "latest"), added.digest)
    assert len(source.named("get_blob")) == len(destination.named("put_upload")) == 3


def test_the_same_entry_twice_is_done_once(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    source.add_image("app", "1.0")
    entry = {"src": "app:1.0", "dest": "app"}
    result = run_module("registry_copy", between(source, destination, images=[entry, entry])).ok()
    assert result["images"][0] == result["images"][1]
    assert len(destination.named("put_manifest")) == 1


def test_within_a_registry_everything_is_mounted(token_registry: FakeRegistry, run_module: RunModule) -> None:
    added = {name: token_registry.add_image(name, "1.0", seed=name) for name in ("a", "b")}
    entries = [{"src": f"{name}:1.0", "dest": f"copy/{name}"} for name in added]
    run_module("registry_copy", within(token_registry, images=entries)).ok()
    assert {name: token_registry.tags(f"copy/{name}")["1.0"] for name in added} == {name: image.digest for name, image in added.items()}
    assert token_registry.named("put_upload", "get_blob") == []


# Failures


def test_a_failure_does_not_stop_the_others_and_fails_the_task_at_the_end(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    added = {name: source.add_image(name, "1.0", seed=name) for name in ("a", "c", "e")}
    destination.on("put_manifest", path="/c/", times=None).answer(500)
    entries = [{"src": f"{name}:1.0", "dest": name} for name in "abcde"]
    result = run_module("registry_copy", between(source, destination, images=entries, retries=0), diff=True).failure("not_found")
    assert "3 of 5 images were not copied" in result.msg
    assert all(source.name(f"{name}:1.0") in result.msg for name in "bcd")
    found = [image.get("error", {}).get("kind") for image in result["images"]]
    assert found == [None, "not_found", "server", "not_found", None]
    assert set(result["images"][1]["error"]) == {"msg", "kind", "status", "code", "registry", "reference"}
    assert result["images"][2]["error"]["status"] == 500
    assert [image["changed"] for image in result["images"]] == [True, False, False, False, True]
    assert {name: destination.tags(name) for name in "ace"} == {"a": {"1.0": added["a"].digest}, "c": {}, "e": {"1.0": added["e"].digest}}
    assert result["diff"]["after"] == {destination.name(f"{name}:1.0"): added[name].digest for name in "ae"}


@pytest.mark.parametrize("as_list", [False, True])
def test_one_that_fails_half_way_tells_what_its_tags_were_on(make_registry: MakeRegistry, run_module: RunModule, as_list: bool) -> None:
    source, destination = _pair(make_registry)
    source.add_image("app", "1.0")
    old = destination.add_image("app", "1.0", seed="old").digest
    destination.on("put_manifest", path="1.2").answer(403, code="DENIED")
    entry = {"src": "app:1.0", "dest": "app", "tags": ["1.0", "1.2"]}
    options = between(source, destination, **({"images": [entry]} if as_list else entry))
    result = run_module("registry_copy", options).failure("denied")
    told = result["images"][0] if as_list else result.data
    assert told["previous"] == {"1.0": old}
    assert told["tagged_images"] == [destination.name("app:1.0")]


def test_a_layer_that_fails_for_one_image_is_sent_for_the_next(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    contents = {name: put(source, name, images.image(layers=("base", name)), "1.0") for name in ("a", "b")}
    base = contents["a"].document["layers"][0]["digest"]
    destination.on("put_upload", where=lambda request: request.argument("digest") == base).answer(403, code="DENIED")
    entries = [{"src": f"{name}:1.0", "dest": name} for name in ("a", "b")]
    result = run_module("registry_copy", between(source, destination, images=entries)).failure("denied")
    assert sorted("error" in image for image in result["images"]) == [False, True]
    assert destination.gaps() == []
    done = next(image for image in result["images"] if "error" not in image)
    assert base in digests(done["uploaded_blobs"])


@pytest.mark.parametrize(
    ("entries", "kind", "text"),
    [
        ([{"src": "App:1", "dest": "app"}], "invalid_reference", "upper-case"),
        ([{"src": "app:1", "dest": "app:a b"}], "invalid_reference", "blank"),
        ([{"src": "app:1", "dest": "app", "tags": [1.10]}], "invalid_reference", "Quote the tag"),
        ([{"src": "app:1", "dest": "app", "tags": 1.10}], "invalid_reference", "Quote the tag"),
        ([{"src": "app:1", "dest": "app", "platforms": ["arm64"]}], "invalid_option", "os/arch"),
        ([{"src": "app:1", "dest": "app@sha256:" + "0" * 64}], "invalid_reference", "digest"),
        ([{"src": "app:1", "dest": "x:1"}, {"src": "db:1", "dest": "x", "tags": ["1"]}], "invalid_option", "x:1"),
        ([{"src": "app:1"}], "invalid_option", "dest"),
        ([{"src": "app:1", "dest": "x", "name": "y"}], "invalid_option", "name"),
    ],
)
def test_bad_entries_fail_before_any_request(
    make_registry: MakeRegistry, run_module: RunModule, entries: list[dict[str, t.Any]], kind: str, text: str
) -> None:
    source, destination = _pair(make_registry)
    source.add_image("app", "1")
    good = {"src": "app:1", "dest": "good"}
    failure = run_module("registry_copy", between(source, destination, images=[good, *entries])).failure(kind)
    assert text in failure.msg
    assert source.log() == destination.log() == []


@pytest.mark.parametrize(
    "options",
    [{}, {"src": "app"}, {"dest": "app"}, {"src": "a", "dest": "b", "images": []}, {"images": [], "expected_digest": "sha256:" + "0" * 64}],
)
def test_options_that_do_not_go_together(registry: FakeRegistry, run_module: RunModule, options: dict[str, t.Any]) -> None:
    run_module("registry_copy", within(registry, **options)).failure("invalid_option")
    assert registry.log() == []


def test_an_empty_list_is_nothing_to_do(registry: FakeRegistry, run_module: RunModule) -> None:
    result = run_module("registry_copy", within(registry, images=[]), diff=True).ok()
    assert (result.changed, result["images"]) == (False, [])
    assert registry.log() == []


def test_an_empty_list_needs_no_registry_for_its_credentials(run_module: RunModule) -> None:
    assert run_module("registry_copy", {"images": [], "plain_http": True, "username": "u", "password": "pass"}).ok()["images"] == []


def test_options_of_the_task_are_for_entries_without_their_own(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    whole = [put(source, name, images.multi_arch(), "1.0") for name in ("a", "b", "c")][-1]
    entries: list[dict[str, t.Any]] = [
        {"src": "a:1.0", "dest": "a"},
        {"src": "b:1.0", "dest": "b", "tags": ["own"], "platforms": ["linux/arm64"]},
        {"src": "c:1.0", "dest": "c:all", "tags": [], "platforms": []},
    ]
    arguments = between(source, destination, images=entries, tags=["shared"], platforms=["linux/amd64"])
    result = run_module("registry_copy", arguments).ok()
    assert [list(image["previous"]) for image in result["images"]] == [["shared"], ["own"], ["all"]]
    kept = {name: destination.stored(name, tag).document["manifests"][0]["platform"] for name, tag in (("a", "shared"), ("b", "own"))}
    assert {name: platform["architecture"] for name, platform in kept.items()} == {"a": "amd64", "b": "arm64"}
    assert destination.tags("c") == {"all": whole.digest}


def test_check_mode_predicts_each_image(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry, auth="token")
    for name in ("a", "b"):
        source.add_image(name, "1.0", seed=name)
    destination.add_image("b", "1.0", seed="b")
    entries = [{"src": f"{name}:1.0", "dest": name} for name in ("a", "b")]
    result = run_module("registry_copy", between(source, destination, images=entries), check=True).ok()
    assert [image["changed"] for image in result["images"]] == [True, False]
    assert destination.writes() == []


def test_what_was_copied_counts_though_others_failed(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    source.add_image("a", "1.0")
    arguments = between(source, destination, images=[{"src": "a:1.0", "dest": "a"}, {"src": "b:1.0", "dest": "b"}])
    assert run_module("registry_copy", arguments, check=True).failure("not_found").changed is False
    assert run_module("registry_copy", arguments).failure("not_found").changed is True
    assert run_module("registry_copy", arguments).failure("not_found").changed is False


def test_an_image_whose_signature_is_refused_has_changed(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    added = source.add_image("a", "1.0")
    source.add_image("a", added.digest.replace(":", "-") + ".sig", seed="signature")
    destination.on("put_manifest", path=r"\.sig$", times=None).answer(403, code="DENIED")
    arguments = between(source, destination, images=[{"src": "a:1.0", "dest": "a"}], referrers=True, retries=0)
    result = run_module("registry_copy", arguments).failure("denied")
    assert result.changed is True
    assert [image["changed"] for image in result["images"]] == [True]
    assert set(destination.tags("a")) == {"1.0"}


def test_a_blob_that_a_repository_has_is_not_asked_for_there_again(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    for tag in ("1.0", "2.0"):
        source.add_image("app", tag, layers=[b"shared", tag.encode()], seed=tag)
    # A second mount of what is there makes a registry on files write its link anew, and refuse a manifest that is checked at that moment.
    entries = [{"src": f"app:{tag}", "dest": dest} for tag, dest in (("1.0", "one"), ("1.0", "other"), ("2.0", "one"))]
    run_module("registry_copy", between(source, destination, images=entries, concurrency=1)).ok()
    brought = [(request.repository, request.argument("mount")) for request in destination.named("mount")]
    assert len(brought) == len(set(brought)) == 3 + 3 + 2
