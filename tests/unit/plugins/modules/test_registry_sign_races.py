# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signers that write cosign's tag at the same time, and what others keep there: nothing that was seen is lost in silence."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import signing
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
MINE, THEIRS, THIRD = signing.make_key(), signing.make_key(), signing.make_key()
IMAGE_CONFIG = {
    "architecture": "",
    "os": "",
    "author": "me",
    "history": [{"comment": "first"}],
    "rootfs": {"type": "layers", "diff_ids": []},
}


def _sign(registry: FakeRegistry, run_module: RunModule) -> Result:
    return run_module("registry_sign", registry.args(name="app:1", signing_key=signing.private_pem(MINE)))


def _verify(registry: FakeRegistry, run_module: RunModule, *keys: t.Any) -> Result:
    pems = [signing.pem_of(key) for key in keys]
    return run_module("registry_verify", registry.args(name=["app:1"], keys=pems, require="all", formats=["cosign"]))


def _stored(registry: FakeRegistry, identifier: str) -> dict[str, t.Any]:
    stored = registry.manifest("app", identifier)
    assert stored is not None
    return dict(json.loads(stored.raw))


def _tag(digest: str) -> str:
    return f"{digest.replace(':', '-')}.sig"


@pytest.mark.parametrize("moment", ["before the tag is read", "between the reads", "while blobs are sent", "right after"])
def test_t66_who_signs_at_the_same_time_loses_nothing(registry: FakeRegistry, run_module: RunModule, moment: str) -> None:
    digest = registry.add_image("app", "1").digest

    def hook(request: object) -> None:
        signing.add_simple(registry, digest, THEIRS)

    tag = _tag(digest)
    if moment == "right after":
        registry.on("put_manifest", path=tag).then(hook)
    elif moment == "while blobs are sent":
        registry.on("put_upload").call(hook)
    else:
        registry.on("get_manifest", path=tag, nth=1 if moment.startswith("before") else 2).call(hook)
    result = _sign(registry, run_module).ok()
    assert result["signed_digests"] == [digest]
    _verify(registry, run_module, MINE, THEIRS).ok()
    assert not _sign(registry, run_module).ok().changed


def test_t66_signatures_that_were_seen_come_back(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1").digest
    signing.add_simple(registry, digest, THIRD)
    registry.on("put_manifest", path=_tag(digest)).then(lambda request: signing.add_simple(registry, digest, THEIRS))
    _sign(registry, run_module).ok()
    _verify(registry, run_module, MINE, THEIRS, THIRD).ok()


def test_t66_a_tag_that_is_overwritten_each_time_is_a_conflict(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1").digest
    registry.on("put_manifest", path=_tag(digest), times=None).then(lambda request: signing.add_simple(registry, digest, THEIRS))
    failure = _sign(registry, run_module).failure("conflict")
    assert failure["signed_digests"] == []
    assert "was overwritten by somebody else each time" in failure.msg
    assert len(registry.named("put_manifest")) == 5


def test_t66_a_refusal_of_the_registry_is_not_repeated(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1").digest
    registry.on("put_manifest", path=_tag(digest), times=None).answer(409)
    _sign(registry, run_module).failure("conflict")
    assert len(registry.named("put_manifest")) == 1


@pytest.mark.parametrize("config", [IMAGE_CONFIG, None])
def test_what_others_keep_beside_the_signatures_stays(
    registry: FakeRegistry, run_module: RunModule, config: dict[str, t.Any] | None
) -> None:
    image = registry.add_image("app", "1")
    digest = image.digest
    signing.add_simple(registry, digest, THEIRS)
    kind = "application/vnd.oci.empty.v1+json" if config is None else signing.OCI_CONFIG
    more = {
        "config": registry.add_blob("app", json.dumps(config or {}).encode(), kind),
        "annotations": {"keep": "me"},
        "subject": {"mediaType": image.media_type, "digest": digest, "size": len(image.raw)},
        "x-unknown": 1,
    }
    before = {**_stored(registry, _tag(digest)), **more}
    registry.add_manifest("app", before, tag=_tag(digest))
    _sign(registry, run_module).ok()
    _verify(registry, run_module, MINE, THEIRS).ok()
    after = _stored(registry, _tag(digest))
    assert len(after["layers"]) == 2
    assert {**after, "layers": None, "config": None} == {**before, "layers": None, "config": None}
    if config is None:
        assert after["config"] == before["config"]
    else:
        kept = json.loads(registry.blob("app", after["config"]["digest"]))
        assert kept["author"] == "me"
        assert kept["history"] == [{"comment": "first"}, {"created": "0001-01-01T00:00:00Z"}]
        assert kept["rootfs"]["diff_ids"] == [layer["digest"] for layer in after["layers"]]


@pytest.mark.parametrize("fault", ["it is missing", "it is no JSON"])
def test_a_config_that_is_damaged_keeps_nobody_from_signing(registry: FakeRegistry, run_module: RunModule, fault: str) -> None:
    digest = registry.add_image("app", "1").digest
    signing.add_simple(registry, digest, THEIRS)
    document = _stored(registry, _tag(digest))
    document["config"] = registry.add_blob("app", b"no JSON", signing.OCI_CONFIG)
    registry.add_manifest("app", document, tag=_tag(digest))
    if fault == "it is missing":
        registry.remove_blob("app", document["config"]["digest"])
    _sign(registry, run_module).ok()
    _verify(registry, run_module, MINE, THEIRS).ok()


def test_no_layers_are_an_empty_list_as_go_writes_it(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1").digest
    config = registry.add_blob("app", b"{}", signing.OCI_CONFIG)
    document = {"schemaVersion": 2, "mediaType": signing.OCI_MANIFEST, "config": config, "layers": None}
    registry.add_manifest("app", document, tag=_tag(digest))
    _sign(registry, run_module).ok()
    _verify(registry, run_module, MINE).ok()


@pytest.mark.parametrize("stale", [1, 4, 12])
def test_a_registry_that_shows_a_signature_late_is_waited_for(
    registry: FakeRegistry, run_module: RunModule, waits: list[float], stale: int
) -> None:
    tag = f"{registry.add_image('app', '1').digest.replace(':', '-')}.sig"
    left, writes = [stale], list[t.Any]()
    registry.on("put_manifest", path=tag, times=None).then(writes.append)

    def is_stale(_request: t.Any) -> bool:
        left[0] -= bool(writes)
        return bool(writes) and left[0] >= 0

    for endpoint in ("head_manifest", "get_manifest"):
        registry.on(endpoint, path=tag, times=None, optional=True, where=is_stale).answer(404)
    assert _sign(registry, run_module).ok().changed
    assert len(writes) == 1
    assert waits
    left[0] = 0
    assert _verify(registry, run_module, MINE).ok()["verified"]


@pytest.mark.parametrize("module", ["registry_sign", "registry_artifact"])
@pytest.mark.parametrize("moment", ["before the tag is read", "right after", "each time"])
def test_t66_who_writes_the_list_of_referrers_at_the_same_time_loses_nothing(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, module: str, moment: str
) -> None:
    registry.style.referrers = False
    digest = registry.add_image("app", "1").digest
    other = registry.add_referrer("app", digest).stored
    tag = digest.replace(":", "-")

    def overwrite(request: object) -> None:
        index = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [other.descriptor()],
            "annotations": {"time": str(len(registry.log()))},
        }
        registry.add_manifest("app", index, OCI_INDEX, tag=tag)

    if moment == "before the tag is read":
        registry.on("put_manifest", path="sha256:").then(overwrite)
    else:
        registry.on("put_manifest", path=tag, times=None if moment == "each time" else 1).then(overwrite)
    (tmp_path / "sbom").write_text("{}", encoding="utf-8")
    options: dict[str, dict[str, t.Any]] = {
        "registry_sign": {"name": "app:1", "signing_key": signing.private_pem(MINE), "format": "bundle"},
        "registry_artifact": {"name": "app", "subject": "app:1", "files": [str(tmp_path / "sbom")], "artifact_type": "a/b"},
    }
    result = run_module(module, registry.args(**options[module]))
    listed = {entry["digest"] for entry in _stored(registry, tag)["manifests"]}
    if moment == "each time":
        assert "was overwritten by somebody else each time that a referrer was added" in result.failure("conflict").msg
    else:
        result.ok()
        assert other.digest in listed
        assert len(listed) == 2
    again = run_module(module, registry.args(**options[module]))
    assert again.failed == (moment == "each time")
    assert not again.changed or again.failed


@pytest.mark.parametrize("form", ["cosign", "bundle", "artifact"])
@pytest.mark.parametrize("times", [1, 8, 1000])
def test_t66_who_has_read_the_tag_before_may_write_it_a_moment_later(
    registry: FakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str, times: int
) -> None:
    registry.style.referrers = False
    digest = registry.add_image("app", "1").digest
    signing.add_simple(registry, digest, THEIRS)
    tag = _tag(digest) if form == "cosign" else digest.replace(":", "-")
    index: dict[str, t.Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    theirs = _stored(registry, tag) if form == "cosign" else index
    pauses: list[float] = []

    def write_late(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) <= times:
            registry.add_manifest("app", {**theirs, "annotations": {"time": str(len(pauses))}}, theirs["mediaType"], tag=tag)

    monkeypatch.setattr(plugin("module_utils._http.retry").Retry.__init__, "__defaults__", (write_late,))
    if form == "artifact":
        (tmp_path / "sbom").write_text("{}", encoding="utf-8")
        options: dict[str, t.Any] = {"name": "app", "subject": "app:1", "files": [str(tmp_path / "sbom")], "artifact_type": "a/b"}
        result = run_module("registry_artifact", registry.args(**options))
    else:
        result = run_module("registry_sign", registry.args(name="app:1", signing_key=signing.private_pem(MINE), format=form))
    if times == 1000:
        assert "was overwritten by somebody else each time" in result.failure("conflict").msg
    elif form == "artifact":
        assert [entry["digest"] for entry in _stored(registry, tag)["manifests"]] == [result.ok()["digest"]]
    else:
        result.ok()
        _verify(registry, run_module, MINE, THEIRS).ok()
    assert sum(pauses) == (2 if times == 1 else 5)


@pytest.mark.parametrize("status", [200, 403, 418])
def test_a_list_of_referrers_that_cannot_be_read_keeps_nobody_from_signing(
    registry: FakeRegistry, run_module: RunModule, status: int
) -> None:
    digest = registry.add_image("app", "1").digest
    registry.on("referrers", times=None).answer(status, {"Content-Type": OCI_INDEX}, b'{"manifests": 3}')
    result = run_module("registry_sign", registry.args(name="app:1", signing_key=signing.private_pem(MINE), format="bundle")).ok()
    assert result["signed_digests"] == [digest]
    assert len(registry.named("referrers")) == 1
