# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_push: what arrives, what is reported, and how many requests it takes."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._oci import image_source
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pushes import digests, image, layout
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]


# Sources


@pytest.mark.parametrize("kind", ["layout", "tar", "gzip", "bzip2", "xz", "docker"])
def test_every_kind_of_source_arrives_whole(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, kind: str) -> None:
    content = image("a", "b")
    if kind == "layout":
        path = layout(tmp_path, content)
    elif kind == "docker":
        path = images.write_docker_archive(tmp_path / "image", {"app:1.0": content})
    else:
        path = images.write_oci_archive(tmp_path / "image", {"1.0": content}, "" if kind == "tar" else kind)
    result = run_module("registry_push", registry.args(path=path, name="app:1.0")).ok()
    assert result.changed is True
    assert registry.tags("app") == {"1.0": result["digest"]}
    assert registry.gaps() == []
    if kind != "docker":
        assert result["digest"] == content.digest
        stored = registry.manifest("app", "1.0")
        assert stored is not None
        assert stored.raw == content.raw


@pytest.mark.parametrize(
    "content", [images.multi_arch(), images.multi_arch(docker=True), images.nested(), images.multi_arch(attested=True)]
)
def test_an_index_arrives_with_its_children_first(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, content: images.Content
) -> None:
    registry.guard_closure()
    result = run_module("registry_push", registry.args(path=layout(tmp_path, content), name="app:1.0", tags=["latest"])).ok()
    assert result["digest"] == content.digest
    assert registry.tags("app") == {"1.0": content.digest, "latest": content.digest}
    written = [line for line in registry.writes() if "/manifests/" in line]
    assert written[-2:] == ["PUT /v2/app/manifests/1.0", "PUT /v2/app/manifests/latest"]
    assert all("sha256:" in line for line in written[:-2])


# Check mode, diff, policy


def test_check_mode_predicts_and_sends_only_reads(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = image("a", "b")
    arguments = token_registry.args(path=layout(tmp_path, content), name="app:1.0", tags=["latest"])
    predicted = run_module("registry_push", arguments, check=True, diff=True).ok()
    assert token_registry.writes() == []
    assert all("push" not in str(request.scopes) for request in token_registry.named("token"))
    done = run_module("registry_push", arguments, diff=True).ok()
    for key in ("changed", "digest", "diff", "tagged_images", "unchanged_images", "previous", "size", "uploaded_bytes"):
        assert predicted[key] == done[key], key
    assert digests(predicted["uploaded_blobs"]) == digests(done["uploaded_blobs"])
    assert done["diff"]["before"] == {"1.0": None, "latest": None}
    assert done["diff"]["after"] == {"1.0": content.digest, "latest": content.digest}
    again = run_module("registry_push", arguments, check=True).ok()
    assert again.changed is False


def test_check_mode_tells_which_blobs_are_there(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    first = run_module("registry_push", registry.args(path=layout(tmp_path, image("a", "b")), name="app:1.0")).ok()
    path = images.write_layout(tmp_path / "second", {"2.0": image("a", "c")})
    predicted = run_module("registry_push", registry.args(path=path, name="app:2.0"), check=True).ok()
    done = run_module("registry_push", registry.args(path=path, name="app:2.0")).ok()
    assert digests(predicted["existing_blobs"]) == digests(done["existing_blobs"])
    assert digests(done["existing_blobs"]) < digests(first["uploaded_blobs"])


@pytest.mark.parametrize("existing", ["overwrite", "keep", "fail"])
def test_a_tag_on_another_digest(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, existing: str) -> None:
    other = registry.add_image("app", "1.0")
    content = image("a")
    result = run_module("registry_push", registry.args(path=layout(tmp_path, content), name="app:1.0", tags=["new"], existing=existing))
    if existing == "fail":
        assert "conflict" in result.failure("conflict")["error"]["kind"]
        assert registry.writes() == []
        return
    result.ok()
    kept = existing == "keep"
    assert registry.tags("app") == {"1.0": other.digest if kept else content.digest, "new": content.digest}
    assert result["kept_images"] == ([f"{registry.host}/app:1.0"] if kept else [])
    assert result["previous"] == {"1.0": other.digest, "new": None}


def test_a_name_with_the_wrong_digest_sends_nothing(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = layout(tmp_path, image("a"))
    name = f"app:1.0@{images.image('b').digest}"
    failure = run_module("registry_push", registry.args(path=path, name=name)).failure("precondition")
    assert "nothing was sent" in failure["msg"]
    assert registry.log() == []


def test_a_name_with_a_digest_alone_pushes_by_digest(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = image("a")
    arguments = registry.args(path=layout(tmp_path, content), name=f"app@{content.digest}")
    assert run_module("registry_push", arguments).ok().changed is True
    assert registry.tags("app") == {}
    stored = registry.manifest("app", content.digest)
    assert stored is not None
    assert stored.raw == content.raw
    assert run_module("registry_push", arguments).ok().changed is False


@pytest.mark.parametrize("write", [images.write_layout, images.write_docker_archive])
def test_a_single_image_goes_whole_where_it_is_for_the_platform(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, write: t.Callable[..., str]
) -> None:
    arguments = registry.args(path=write(tmp_path / "image", {"1.0": images.image("linux/arm64")}), name="app:1.0")
    failure = run_module("registry_push", {**arguments, "platforms": ["linux/amd64"]}).failure("not_found")
    assert failure.msg.endswith("image is not an image for the platform linux/amd64; it is for: linux/arm64.")
    assert registry.writes() == []
    result = run_module("registry_push", {**arguments, "platforms": ["linux/arm64/v8"]}).ok()
    assert registry.tags("app") == {"1.0": result["digest"]}


def test_platforms_make_a_smaller_index(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = images.multi_arch("linux/amd64", "linux/arm64", "linux/s390x", attested=True)
    arguments = registry.args(path=layout(tmp_path, content), name="app:1.0", platforms=["linux/arm64", "linux/s390x"])
    result = run_module("registry_push", arguments).ok()
    assert result["digest"] != content.digest
    info = run_module("registry_image_info", registry.args(name=["app:1.0"])).ok()["images"][0]
    assert [entry["platform"] for entry in info["platforms"]] == ["linux/arm64", "linux/s390x"]
    assert run_module("registry_push", arguments).ok().changed is False


def test_foreign_layers_are_left_out_and_listed(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = images.image(layers=["a"], foreign=True)
    result = run_module("registry_push", registry.args(path=layout(tmp_path, content), name="app:1.0")).ok()
    assert len(result["skipped_layers"]) == 1
    assert registry.tags("app") == {"1.0": content.digest}


@pytest.mark.parametrize("referrers", [True, False])
def test_a_referrer_is_listed_with_its_subject(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, referrers: bool) -> None:
    registry = make_registry(referrers=referrers)
    subject = image("a")
    run_module("registry_push", registry.args(path=layout(tmp_path, subject), name="app:1.0")).ok()
    artifact = images.artifact(subject)
    path = images.write_layout(tmp_path / "sbom", {"sbom": artifact})
    run_module("registry_push", registry.args(path=path, name="app:sbom")).ok()
    info = run_module("registry_image_info", registry.args(name=["app:1.0"], referrers=True)).ok()["images"][0]
    assert [entry["digest"] for entry in info["referrers"]] == [artifact.digest]


# Failures


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"name": "app:..bad"}, "invalid_reference"),
        ({"name": "App:1.0"}, "invalid_reference"),
        ({"name": "app:1.0@sha256:12"}, "invalid_reference"),
        ({"tags": [1.10]}, "invalid_reference"),
        ({"path": "/nowhere/at/all"}, "local_io"),
        ({"path": "/etc/hostname"}, "invalid_source"),
        ({"path": "/etc"}, "invalid_source"),
        ({"source_name": "missing"}, "invalid_source"),
        ({"platforms": ["linux"]}, "invalid_option"),
        ({"platforms": ["linux/arm64"]}, "not_found"),
        ({"chunk_size": -1}, "invalid_option"),
        ({"mount_from": ["../x"]}, "invalid_reference"),
        ({"concurrency": 0}, "invalid_option"),
    ],
)
def test_bad_input_fails_before_any_request(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, change: dict[str, t.Any], kind: str
) -> None:
    arguments = {"path": layout(tmp_path, image("a")), "name": "app:1.0", **change}
    failure = run_module("registry_push", registry.args(**arguments)).failure(kind)
    assert failure["msg"].endswith(".")
    assert registry.log() == []


def test_a_corrupt_blob_is_found_before_it_is_sent(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    content = image("a")
    path = layout(tmp_path, content)
    layer = content.document["layers"][0]["digest"]
    blob = Path(path) / "blobs" / layer.replace(":", "/")
    raw = blob.read_bytes()
    blob.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    failure = run_module("registry_push", registry.args(path=path, name="app:1.0")).failure("digest_mismatch")
    assert layer in failure["msg"]
    assert not registry.has_blob("app", layer)
    assert registry.tags("app") == {}
    assert registry.sessions("app") == []


def test_several_images_need_a_name(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = images.write_oci_archive(tmp_path / "two.tar", {"1.0": image("a"), "2.0": image("b")})
    failure = run_module("registry_push", registry.args(path=path, name="app:x")).failure("invalid_source")
    assert "1.0" in failure["msg"]
    assert "2.0" in failure["msg"]
    result = run_module("registry_push", registry.args(path=path, name="app:x", source_name="2.0")).ok()
    assert registry.tags("app") == {"x": image("b").digest}
    assert result["digest"] == image("b").digest


def test_a_blob_that_was_deleted_under_its_manifest_is_sent_again(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = layout(tmp_path, image("a", "b"))
    first = run_module("registry_push", registry.args(path=path, name="app:1.0")).ok()
    gone = first["uploaded_blobs"][0]["digest"]
    registry.remove_blob("app", gone)
    result = run_module("registry_push", registry.args(path=path, name="app:2.0")).ok()
    assert digests(result["uploaded_blobs"]) == {gone}
    assert registry.gaps() == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("MANIFEST_BLOB_UNKNOWN", "invalid_response"),
        ("BLOB_UNKNOWN", "not_found"),
        ("DIGEST_INVALID", "invalid_response"),
        ("MANIFEST_INVALID", "invalid_response"),
    ],
)
def test_a_registry_that_does_not_find_at_once_what_it_took_is_asked_again(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, code: str, kind: str
) -> None:
    registry.on("put_manifest").answer(400, code=code)
    pushed = image("a")
    result = run_module("registry_push", registry.args(path=layout(tmp_path, pushed), name="app:1.0")).ok()
    assert registry.tags("app") == {"1.0": result["digest"]} == {"1.0": pushed.digest}
    registry.on("put_manifest", times=None).answer(400, code=code)
    failure = run_module("registry_push", registry.args(path=layout(tmp_path, image("b")), name="app:2.0")).failure(kind)
    assert failure["error"]["code"] == code


def test_a_refused_name_is_not_told_as_any_refusal(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    for endpoint in ("mount", "start_upload"):
        registry.on(endpoint, times=None).answer(400, code="NAME_INVALID", message="Repository is read-only.")
    failure = run_module("registry_push", registry.args(path=layout(tmp_path, image("a")), name="app/debug:1.0")).failure(
        "invalid_response"
    )
    assert "does not accept the name of this repository; some accept none below another one" in failure["msg"]


def test_a_failed_push_leaves_the_tag_where_it_was(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    before = registry.add_image("app", "1.0")
    registry.on("put_manifest", times=None).answer(500)
    failure = run_module("registry_push", registry.args(path=layout(tmp_path, image("a")), name="app:1.0")).failure("server")
    assert failure["error"]["status"] == 500
    assert registry.tags("app") == {"1.0": before.digest}


def test_a_full_disk_of_the_registry_is_said(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry.on("put_upload", times=None).answer(507)
    path = layout(tmp_path, image("a"))
    failure = run_module("registry_push", registry.args(path=path, name="app:1.0")).failure("server")
    assert "disk is full" in failure["msg"]


def test_a_saved_image_goes_over_what_cannot_be_read(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    old = {"schemaVersion": 1, "name": "app", "tag": "1.0", "architecture": "amd64", "fsLayers": [], "history": [], "signatures": []}
    registry.add_manifest("app", old, "application/vnd.docker.distribution.manifest.v1+prettyjws", "1.0")
    path = images.write_docker_archive(tmp_path / "image.tar", {"1.0": images.image()})
    result = run_module("registry_push", registry.args(path=path, name="app:1.0")).ok()
    assert registry.tags("app") == {"1.0": result["digest"]}


def test_names_in_an_archive_are_shown_harmless(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    path = images.write_layout(tmp_path / "layout", {"\x1b[2J" + "x" * 9000: images.image(), "1.0": images.image(layers=["other"])})
    failure = run_module("registry_push", registry.args(path=path, name="app:1.0")).failure("invalid_source")
    assert "Choose one with source_name" in failure.msg
    assert "\x1b" not in failure.msg
    assert len(failure.msg) < 2000


def test_manifests_that_are_too_large_together_are_refused(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_source, "MAX_MANIFESTS", 1000)
    path = images.write_layout(tmp_path / "layout", {"1.0": images.multi_arch()})
    failure = run_module("registry_push", registry.args(path=path, name="app:1.0")).failure("limit")
    assert "larger than the limit of 1000 bytes together" in failure.msg
    assert registry.writes() == []
