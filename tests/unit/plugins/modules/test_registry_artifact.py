# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files pushed as an artifact: the bytes that ORAS makes, attached artifacts, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import os
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
TIME = "2024-05-06T07:08:09Z"
# What ``oras push`` 1.2.0 and 1.3.3 made of hello.txt ("hello" and a line feed) with this time, and ``oras attach`` to an image.
ORAS_PUSHED = (
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.unknown.artifact.v1",'
    '"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",'
    '"size":2,"data":"e30="},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar",'
    '"digest":"sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03","size":6,'
    '"annotations":{"org.opencontainers.image.title":"hello.txt"}}],%s"annotations":{"org.opencontainers.image.created":"2024-05-06T07:08:09Z"}}'
)


@pytest.fixture
def hello(tmp_path: Path) -> str:
    """A small file."""
    path = tmp_path / "hello.txt"
    path.write_text("hello\n", encoding="ascii")
    return str(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program, a link and an empty folder in it."""
    path = tmp_path / "folder"
    (path / "bin").mkdir(parents=True)
    (path / "empty").mkdir()
    (path / "bin" / "run").write_bytes(b"#!/bin/sh\n")
    (path / "bin" / "run").chmod(0o750)
    (path / "näme.txt").write_bytes(b"x" * 700)
    (path / "link").symlink_to("bin/run")
    return path


def _members(registry: FakeRegistry, result: t.Any) -> tuple[dict[str, t.Any], list[tarfile.TarInfo]]:
    document = json.loads(registry.stored("app", result["digest"]).raw)
    layer = document["layers"][0]
    raw = gzip.decompress(registry.blob("app", layer["digest"]))
    assert layer["annotations"]["io.deis.oras.content.digest"] == f"sha256:{hashlib.sha256(raw).hexdigest()}"
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        members = archive.getmembers()
    end = max(member.offset_data + member.size + -member.size % 512 for member in members)
    assert raw[end:] == bytes(1024), "ORAS takes the digest of an archive up to its end, without what may fill it up"
    return layer, members


def test_a_file_becomes_the_manifest_that_oras_makes(registry: FakeRegistry, run_module: RunModule, hello: str) -> None:
    options = registry.args(name="app:1", files=[hello], created=TIME)
    result = run_module("registry_artifact", options).ok()
    assert registry.stored("app", "1").raw.decode() == ORAS_PUSHED % ""
    assert registry.blob("app", result["files"][0]["digest"]) == b"hello\n"
    assert result["artifact_type"] == "application/vnd.unknown.artifact.v1"
    assert [file["title"] for file in result["files"]] == ["hello.txt"]
    registry.clear()
    again = run_module("registry_artifact", options).ok()
    assert not again.changed
    assert registry.counts() == {"head_manifest": 1}


def test_a_file_is_attached_as_oras_does_it(registry: FakeRegistry, run_module: RunModule, hello: str) -> None:
    image = registry.add_image("app", "1")
    options = registry.args(name="app", subject="app:1", artifact_type="application/spdx+json", files=[hello], created=TIME)
    result = run_module("registry_artifact", options).ok()
    subject = f'"subject":{{"mediaType":"{image.media_type}","digest":"{image.digest}","size":{image.size}}},'
    expected = (ORAS_PUSHED % subject).replace("application/vnd.unknown.artifact.v1", "application/spdx+json")
    assert registry.stored("app", result["digest"]).raw.decode() == expected
    assert result["subject"] == image.digest
    assert registry.tags("app") == {"1": image.digest}
    found = run_module("registry_image_info", registry.args(name=["app:1"], referrers=True)).ok()["images"][0]["referrers"]
    assert [(item["digest"], item["artifact_type"]) for item in found] == [(result["digest"], "application/spdx+json")]
    registry.clear()
    assert not run_module("registry_artifact", {**options, "subject": image.digest}).ok().changed
    assert registry.counts() == {"head_manifest": 2, "referrers": 1}


def test_what_was_stored_but_never_listed_is_listed_by_the_next_run(make_registry: MakeRegistry, run_module: RunModule, hello: str) -> None:
    registry = make_registry(referrers=False)
    image = registry.add_image("app", "1")
    options = registry.args(name="app", subject=image.digest, artifact_type="application/spdx+json", files=[hello])
    registry.on("put_manifest", nth=2).answer(403, code="DENIED")
    run_module("registry_artifact", options).failure("denied")
    assert run_module("registry_artifact", options, check=True).ok().changed
    result = run_module("registry_artifact", options).ok()
    assert result.changed
    found = run_module("registry_image_info", registry.args(name=["app:1"], referrers=True)).ok()["images"][0]["referrers"]
    assert [item["digest"] for item in found] == [result["digest"]]
    assert not run_module("registry_artifact", options).ok().changed


def test_a_folder_becomes_an_archive_that_oras_unpacks(registry: FakeRegistry, run_module: RunModule, folder: Path) -> None:
    result = run_module("registry_artifact", registry.args(name="app:1", files=[{"path": str(folder), "title": "the/place"}])).ok()
    layer, members = _members(registry, result)
    assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    assert layer["annotations"]["io.deis.oras.content.unpack"] == "true"
    found = {member.name: (member.type, member.mode, member.size, member.linkname, member.mtime, member.uid) for member in members}
    assert found == {
        "the/place": (tarfile.DIRTYPE, 0o755, 0, "", 0, 0),
        "the/place/bin": (tarfile.DIRTYPE, 0o755, 0, "", 0, 0),
        "the/place/bin/run": (tarfile.REGTYPE, 0o755, 10, "", 0, 0),
        "the/place/empty": (tarfile.DIRTYPE, 0o755, 0, "", 0, 0),
        "the/place/link": (tarfile.SYMTYPE, 0o777, 0, "bin/run", 0, 0),
        "the/place/näme.txt": (tarfile.REGTYPE, 0o644, 700, "", 0, 0),
    }


def test_a_folder_has_the_same_bytes_whenever_it_was_written(registry: FakeRegistry, run_module: RunModule, folder: Path) -> None:
    options = registry.args(name="app:1", files=[f"{folder}/"])
    run_module("registry_artifact", options).ok()
    os.utime(folder / "bin" / "run", (1, 1))
    (folder / "näme.txt").chmod(0o600)
    assert not run_module("registry_artifact", options).ok().changed
    (folder / "new").touch()
    assert run_module("registry_artifact", options, check=True).ok().changed


def test_a_helm_chart_has_the_types_that_helm_wants(registry: FakeRegistry, run_module: RunModule, hello: str) -> None:
    chart = {"path": hello, "media_type": "application/vnd.cncf.helm.chart.content.v1.tar+gzip"}
    config = {"media_type": "application/vnd.cncf.helm.config.v1+json", "content": {"name": "app", "version": "1.4.2", "apiVersion": "v2"}}
    result = run_module("registry_artifact", registry.args(name="charts/app:1.4.2", files=[chart], config=config)).ok()
    document = json.loads(registry.stored("charts/app", "1.4.2").raw)
    assert "artifactType" not in document
    assert document["config"]["mediaType"] == config["media_type"]
    assert json.loads(registry.blob("charts/app", document["config"]["digest"])) == config["content"]
    assert [layer["mediaType"] for layer in document["layers"]] == [chart["media_type"]]
    assert result["artifact_type"] == config["media_type"]


def test_the_tag_of_a_chart_is_not_its_version_where_that_has_a_plus(registry: FakeRegistry, run_module: RunModule, hello: str) -> None:
    options = registry.args(name="app:1.4.2+build.7", files=[hello])
    assert "write '_' for '+', as Helm does" in run_module("registry_artifact", options).failure("invalid_reference").msg


def test_check_mode_predicts_and_writes_nothing(registry: FakeRegistry, run_module: RunModule, hello: str, folder: Path) -> None:
    options = registry.args(name="app:1", files=[hello, str(folder)], tags=["2"])
    predicted = run_module("registry_artifact", options, check=True, diff=True).ok()
    assert registry.writes() == []
    done = run_module("registry_artifact", options, diff=True).ok()
    for key in ("digest", "tagged_images", "previous", "diff", "files", "size", "uploaded_blobs"):
        assert predicted[key] == done[key]


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("/etc/passwd", "is an absolute path"),
        ("../x", "'..'"),
        ("a/../../x", "'..'"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        (".", "'.'"),
        *[(f"a{char}b", "control character") for char in "\n\0\x1b\x9b\u202e\u2066\u2028\u200b\ufeff"],
        ("x" * 256, "255 bytes"),
    ],
)
def test_titles_that_name_another_place_are_refused(
    registry: FakeRegistry, run_module: RunModule, hello: str, title: str, words: str
) -> None:
    files = [{"path": hello, "title": title}]
    assert words in run_module("registry_artifact", registry.args(name="app:1", files=files)).failure("invalid_option").msg
    assert registry.log() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"files": []}, "at least one file"),
        ({"artifact_type": "sbom"}, "'sbom', which is not a media type"),
        ({"files": [{"path": "x", "media_type": "a/b c"}]}, "media_type of entry 1 of files"),
        ({"files": [{"path": "x", "colour": "hush-hush-secret"}]}, "entry 1 of files has 'colour'"),
        ({"files": ["a/x", "b/x"]}, "used twice"),
        ({"files": [{"path": "a", "title": "x"}, {"path": "b", "title": "x/y"}]}, "which is the title of another file"),
        ({"created": "yesterday"}, "not a time of RFC 3339"),
        *[({"created": f"2026-{time}"}, "not a time of RFC 3339") for time in ("99-99T99:99:99Z", "02-30T10:00:00Z", "01-31T24:00:00Z")],
        *[
            ({"created": f"2026-01-31T{time}"}, "not a time of RFC 3339")
            for time in ("10:60:00Z", "10:00:00", "10:00:00+24:00", "10:00:00-01:60")
        ],
        ({"created": ""}, "created is empty, so a variable seems to be empty"),
        ({"artifact_type": ""}, "artifact_type is empty, so a variable seems to be empty"),
        ({"config": {"content": ""}}, "content of config is empty, so a variable seems to be empty"),
        ({"config": {"path": ""}}, "path of config is empty, so a variable seems to be empty"),
        ({"config": {"content": {}, "media_type": ""}}, "media_type of config is empty, so a variable seems to be empty"),
        ({"config": {"content": "x", "media_type": "application/vnd.oci.empty.v1+json"}}, "whose only content is {}"),
        ({"files": [""]}, "path of entry 1 of files is empty, so a variable seems to be empty"),
        ({"subject": "app:1"}, "app:1 points to the subject"),
        ({"subject": "app:2", "tags": ["2"]}, "app:2 points to the subject"),
        ({"subject": "app", "tags": ["latest"]}, "app:latest points to the subject"),
        ({"subject": f"app:1@sha256:{'0' * 64}"}, "app:1 points to the subject"),
        ({"created": TIME, "annotations": {"org.opencontainers.image.created": TIME}}, "leave one out"),
        ({"annotations": {"version": 1.1}}, "which is not a string"),
        ({"config": {"content": "{}", "path": "x"}}, "either path or content"),
        ({"config": {}}, "either path or content"),
        *(({"config": {"content": {"x": number}}}, "contains .nan or .inf") for number in (math.nan, math.inf)),
    ],
)
def test_wrong_options_are_refused_before_any_request(
    registry: FakeRegistry, run_module: RunModule, hello: str, changes: dict[str, t.Any], words: str
) -> None:
    result = run_module("registry_artifact", registry.args(**{"name": "app:1", "files": [hello], **changes})).failure("invalid_option")
    assert words in result.msg
    assert "hush-hush-secret" not in result.text
    assert registry.log() == []


def test_a_subject_elsewhere_and_an_absent_one(registry: FakeRegistry, run_module: RunModule, hello: str) -> None:
    options = registry.args(name="app", files=[hello])
    run_module("registry_artifact", {**options, "subject": "other:1"}).failure("invalid_reference")
    assert registry.log() == []
    run_module("registry_artifact", {**options, "subject": "app:none"}).failure("not_found")
    assert registry.writes() == []


def test_no_tag_is_moved_away_from_the_subject(registry: FakeRegistry, run_module: RunModule, hello: str) -> None:
    image = registry.add_image("app", "1")
    registry.set_tag("app", "stable", image.digest)
    for subject in (image.digest, "app:1", f"app@{image.digest}"):
        options = registry.args(name="app:stable", subject=subject, files=[hello])
        for check in (True, False):
            assert "app:stable points to the subject" in run_module("registry_artifact", options, check=check).failure("invalid_option").msg
    assert registry.writes() == []
    options["name"] = "app:sbom"
    run_module("registry_artifact", options).ok()
    assert not run_module("registry_artifact", options).ok().changed


def test_an_artifact_with_the_empty_config_says_what_it_is(registry: FakeRegistry, run_module: RunModule, hello: str) -> None:
    config = {"content": {}, "media_type": "application/vnd.oci.empty.v1+json"}
    options = registry.args(name="app:1", files=[hello])
    plain = run_module("registry_artifact", options).ok()
    assert run_module("registry_artifact", {**options, "config": config}).ok()["digest"] == plain["digest"]
    run_module("registry_artifact", {**options, "config": config, "artifact_type": "a/b"}).ok()
    assert json.loads(registry.stored("app", "1").raw)["artifactType"] == "a/b"


@pytest.mark.parametrize(("given", "stored"), [("2024-02-29 23:59:59.5+05:30", "2024-02-29T23:59:59.5+05:30"), (TIME, TIME)])
def test_the_time_of_creation_is_an_annotation(registry: FakeRegistry, run_module: RunModule, hello: str, given: str, stored: str) -> None:
    run_module("registry_artifact", registry.args(name="app:1", files=[hello], created=given)).ok()
    assert json.loads(registry.stored("app", "1").raw)["annotations"] == {"org.opencontainers.image.created": stored}


def test_links_out_of_a_folder_and_pipes_are_refused(registry: FakeRegistry, run_module: RunModule, folder: Path) -> None:
    options = registry.args(name="app:1", files=[str(folder)])
    (folder / "bin" / "out").symlink_to("../../secret")
    assert "leads out of the folder" in run_module("registry_artifact", options).failure("invalid_source").msg
    (folder / "bin" / "out").unlink()
    os.mkfifo(folder / "pipe")
    assert "not a file, folder or link" in run_module("registry_artifact", options).failure("invalid_source").msg
    assert registry.writes() == []


def test_a_file_that_is_absent_is_told(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    assert missing in run_module("registry_artifact", registry.args(name="app:1", files=[missing])).failure("local_io").msg
