# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_copy when something breaks: on the source, on the destination, in the middle, and what it costs the host."""

from __future__ import annotations

import hashlib
import os
import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.fanout import Cancellation, Cancelled
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Reference
from ansible_collections.ocitools.registry.plugins.module_utils._registry.connections import ConnectionOptions, Connections
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between, digests, put, within
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

StartModule = t.Callable[..., Process]

BIG = 192 * 1024 * 1024  # more than the module may ever hold
MOST_MEMORY = 150 * 1024  # in KiB


def _pair(make: MakeRegistry, **options: t.Any) -> tuple[FakeRegistry, FakeRegistry]:
    return make(**options), make(**options)


# The source


def test_a_token_is_renewed_while_an_upload_waits_for_its_bytes(make_registry: MakeRegistry, start_module: StartModule) -> None:
    auth = TokenAuth(users={"user": User(identity_token="the-identity-token")})
    registry = make_registry(auth=auth, mount="ignored")
    layer = os.urandom(6 * 1024 * 1024)
    put(registry, "app", images.image(layers=[layer], compression=""), "1")
    broken = registry.on("get_blob", images.digest_of(layer))
    broken.then(lambda request: auth.expire_all()).truncate(3 * 1024 * 1024, reset=True)
    process = start_module("registry_copy", within(registry, src="app:1", dest="copy", concurrency=1))
    process.wait().ok()
    assert registry.tags("copy") == registry.tags("app")


def test_a_source_that_is_not_there(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry, auth="token")
    failure = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).failure("not_found")
    assert (failure.error["registry"], failure.error["reference"]) == (source.host, f"{source.host}/app:1.0")
    assert destination.writes() == []


@pytest.mark.parametrize(("status", "kind"), [(401, "unauthorized"), (403, "denied"), (500, "server"), (503, "server")])
def test_a_source_that_cannot_be_read_is_not_absent(make_registry: MakeRegistry, run_module: RunModule, status: int, kind: str) -> None:
    source, destination = _pair(make_registry)
    added = destination.add_image("app", "1.0")
    source.on("get_manifest", times=None, optional=True).answer(status)
    source.on("head_manifest", times=None, optional=True).answer(status)
    failure = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", retries=1)).failure(kind)
    assert failure.error["registry"] == source.host
    assert destination.tags("app") == {"1.0": added.digest}


def test_a_layer_that_breaks_off_is_read_on(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    content = put(source, "app", images.image(layers=[images.layer_tar("large", 3 * 1024 * 1024)], compression=""), "1.0")
    layer = content.document["layers"][0]["digest"]
    source.on("get_blob", path=layer).truncate(1_000_000)
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert destination.tags("app") == {"1.0": content.digest}
    ranges = [request.headers.get("Range") for request in source.named("get_blob") if request.reference == layer]
    assert len(ranges) == 2
    assert re.fullmatch(r"bytes=[1-9]\d*-", ranges[1])
    assert [len(destination.named("put_upload")), destination.blob("app", layer)] == [2, content.blobs[layer]]


@pytest.mark.parametrize("fault", ["flip", "short"])
def test_a_layer_that_is_not_what_its_digest_says_is_not_stored(make_registry: MakeRegistry, run_module: RunModule, fault: str) -> None:
    source, destination = _pair(make_registry)
    content = put(source, "app", images.image(layers=("a",)), "1.0")
    layer = content.document["layers"][0]["digest"]
    rule = source.on("get_blob", path=layer, times=None)
    rule.flip(5) if fault == "flip" else rule.body(content.blobs[layer][:-1])
    failure = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).failure("digest_mismatch")
    assert layer in failure.msg
    assert source.host in failure.msg
    assert not destination.has_blob("app", layer)
    assert destination.tags("app") == {}
    assert destination.sessions("app") == []


def test_of_a_layer_that_goes_on_behind_its_end_only_the_layer_is_stored(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    content = put(source, "app", images.image(layers=("a",)), "1.0")
    source.on("get_blob", times=2).append(b"more")
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert {digest: destination.blob("app", digest) for digest in content.blobs} == content.blobs


def test_a_manifest_that_is_not_what_its_digest_says_is_refused(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    put(source, "app", images.multi_arch(), "1.0")
    source.on("get_manifest", nth=2).append(b"\n")
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", concurrency=1)).failure("digest_mismatch")
    assert destination.writes() == []


@pytest.mark.parametrize(
    "document",
    [
        {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [], "layers": [], "config": {}},
        {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "Manifests": []},
        {"schemaVersion": 1, "name": "app", "tag": "1.0", "fsLayers": []},
    ],
)
def test_a_manifest_that_can_be_read_in_two_ways_is_refused(
    make_registry: MakeRegistry, run_module: RunModule, document: dict[str, t.Any]
) -> None:
    source, destination = _pair(make_registry)
    source.add_manifest("app", document, images.OCI_INDEX, "1.0")
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app"))
    assert result.failed
    assert result.error["kind"] in ("invalid_response", "unsupported")
    assert destination.writes() == []


def test_what_an_index_lists_that_is_no_manifest_is_copied_as_a_blob(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(validates=False)
    strange = source.add_blob("app", b"something else", "application/vnd.example.strange")
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [strange]}
    source.add_manifest("app", document, images.OCI_INDEX, "1.0")
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert destination.blob("app", strange["digest"]) == b"something else"


def test_redirects_of_layers_are_followed_without_credentials(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(auth="token", blob_redirect=True), make_registry(auth="token")
    added = source.add_image("app", "1.0")
    allowed = [source.storage.host]
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", allowed_hosts=allowed)).ok()
    assert destination.tags("app") == {"1.0": added.digest}


def test_tokens_that_end_in_the_middle_are_renewed(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry, auth="token")
    added = source.add_image("app", "1.0", layers=3)

    source.on("get_blob", times=2).then(lambda request: source.auth.expire_all())
    destination.on("mount", times=2).then(lambda request: destination.auth.expire_all())
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app", concurrency=1)).ok()
    assert destination.tags("app") == {"1.0": added.digest}
    assert (len(source.named("token")), len(destination.named("token"))) == (3, 3)


# The destination


def test_an_upload_that_breaks_off_is_begun_again(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    content = put(source, "app", images.image(layers=[images.layer_tar("large", 3 * 1024 * 1024)], compression=""), "1.0")
    destination.on("put_upload", where=lambda request: content.document["layers"][0]["digest"] in request.target).reset_in_body(1_000_000)
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert destination.tags("app") == {"1.0": content.digest}
    assert destination.gaps() == []


def test_a_registry_that_takes_only_small_bodies_gets_chunks(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(body_limit=2 * 1024 * 1024, chunk_limit=2 * 1024 * 1024)
    content = put(source, "app", images.image(layers=[images.layer_tar("large", 3 * 1024 * 1024)], compression=""), "1.0")
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    assert destination.tags("app") == {"1.0": content.digest}
    assert destination.counts()["patch_upload"] >= 2


def test_an_interrupted_copy_sends_only_what_is_missing(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    content = put(source, "app", images.multi_arch(), "1.0")
    destination.on("put_manifest", nth=2).answer(403, code="DENIED")
    arguments = between(source, destination, src="app:1.0", dest="app", concurrency=1)
    run_module("registry_copy", arguments).failure("denied")
    assert destination.tags("app") == {}
    source.clear()
    result = run_module("registry_copy", arguments).ok()
    assert (result["uploaded_blobs"], source.named("get_blob")) == ([], [])
    assert destination.tags("app") == {"1.0": content.digest}


def test_an_interrupted_copy_within_a_registry_that_does_not_mount_sends_no_large_blob_twice(
    make_registry: MakeRegistry, run_module: RunModule
) -> None:
    registry = make_registry(mount="ignored")
    content = put(registry, "app", images.image(layers=[images.layer_tar("large", 5 * 1024 * 1024)], compression=""), "1.0")
    registry.on("put_manifest").answer(403, code="DENIED")
    arguments = within(registry, src="app:1.0", dest="copy")
    run_module("registry_copy", arguments).failure("denied")
    result = run_module("registry_copy", arguments).ok()
    assert result["uploaded_bytes"] < 1024 * 1024
    assert content.document["layers"][0]["digest"] in digests(result["existing_blobs"])
    assert registry.sessions("copy") == []


def test_a_blob_that_was_deleted_under_its_manifest_is_sent_again(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    added = source.add_image("app", "1.0")
    run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).ok()
    gone = added.layers[0]["digest"]
    destination.remove_blob("app", gone)
    result = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app:2.0")).ok()
    assert digests(result["uploaded_blobs"]) == {gone}
    assert destination.gaps() == []


def test_a_registry_that_refuses_to_move_a_tag_says_so(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(immutable_tags="different")
    source.add_image("app", "1.0", seed="new")
    old = destination.add_image("app", "1.0", seed="old")
    failure = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).failure("conflict")
    assert "immutable" in failure.msg
    assert destination.tags("app") == {"1.0": old.digest}


def test_a_tag_that_somebody_else_moves_meanwhile_is_a_conflict(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(put_digest="off")
    source.add_image("app", "1.0")
    other = destination.add_image("app", "other")
    destination.on("put_manifest").then(lambda request: destination.set_tag("app", "1.0", other.digest))
    failure = run_module("registry_copy", between(source, destination, src="app:1.0", dest="app")).failure("conflict")
    assert other.digest in failure.msg


def test_a_mount_that_the_token_does_not_allow_is_streamed(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("harbor", auth="token")
    added = registry.add_image("staging/app", "1.0")
    result = run_module("registry_copy", within(registry, src="staging/app:1.0", dest="release/app")).ok()
    assert len(result["uploaded_blobs"]) == 3
    assert registry.tags("release/app") == {"1.0": added.digest}


# What it costs the host


def _add_big_layer(registry: FakeRegistry) -> str:
    """Put an image with one layer of ``BIG`` bytes into a registry, never held in memory; return the digest of the layer."""
    blob = registry.store.new_blob()
    for number in range(BIG // (1024 * 1024)):
        blob.append(hashlib.sha256(str(number).encode()).digest() * (1024 * 32))
    layer = {"mediaType": images.OCI_LAYER, "digest": blob.digest(), "size": blob.size}
    registry.store.get("app").blobs[blob.digest()] = blob
    config = registry.add_blob("app", b"{}", images.OCI_CONFIG)
    document = {"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "config": config, "layers": [layer]}
    registry.add_manifest("app", document, images.OCI_MANIFEST, "1.0")
    return str(layer["digest"])


def _status(pid: int, file: str, name: str) -> int:
    match = re.search(rf"^{name}:\s*(\d+)", Path(f"/proc/{pid}/{file}").read_text(encoding="ascii"), re.MULTILINE)
    assert match is not None
    return int(match.group(1))


def test_a_layer_larger_than_memory_passes_through_and_touches_no_disk(make_registry: MakeRegistry, start_module: StartModule) -> None:
    source, destination = make_registry(), make_registry(keep="hash")
    digest = _add_big_layer(source)
    end = destination.on("put_manifest").hold()
    process = start_module("registry_copy", between(source, destination, src="app:1.0", dest="app", timeout=60))
    end.wait()
    memory = _status(process.pid, "status", "VmHWM")
    written = _status(process.pid, "io", "write_bytes")
    files = [os.readlink(link) for link in Path(f"/proc/{process.pid}/fd").iterdir()]
    end.release()
    result = process.wait().ok()
    assert result["uploaded_bytes"] > BIG
    assert destination.has_blob("app", digest)
    assert memory < MOST_MEMORY
    assert written < 1024 * 1024
    assert [name for name in files if name.startswith("/") and not name.startswith("/dev/") and ".so." not in name] == []


def test_a_copy_that_is_stopped_leaves_no_upload_behind(make_registry: MakeRegistry) -> None:
    source, destination = _pair(make_registry)
    content = put(source, "app", images.image(layers=[images.layer_tar("large", 8 * 1024 * 1024)], compression=""), "1.0")
    stop = Cancellation()
    source.on("get_blob", path=content.document["layers"][0]["digest"]).then(lambda request: stop.set())
    reader, writer = (
        Connections(ConnectionOptions(registry=registry.host, plain_http=True)).client(
            Reference.parse("app:1.0", registry.host), "pull", "push"
        )
        for registry in (source, destination)
    )
    with pytest.raises(Cancelled):
        reader.copy_image("1.0", writer.with_options(cancellation=stop))
    assert destination.tags("app") == {}
    assert destination.sessions("app") == []
