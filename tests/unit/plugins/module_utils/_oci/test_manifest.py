# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests and indexes: what is told of them, and that nothing is taken which two readers could understand differently."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.manifest import MAX_DESCRIPTORS, MAX_MANIFEST, Descriptor, Manifest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.platform import Platform
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, parsed, quick, refusal
from hypothesis import given
from hypothesis import strategies as st

OCI_INDEX, OCI_MANIFEST = images.OCI_INDEX, images.OCI_MANIFEST
DOCKER_LIST, DOCKER_MANIFEST = images.DOCKER_LIST, images.DOCKER_MANIFEST
ZEROS = "sha256:" + "0" * 64
SIZE = {"mediaType": "application/octet-stream", "digest": ZEROS, "size": 1}
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


def parse(document: t.Any, media_type: str = "") -> Manifest:
    return Manifest.parse(json.dumps(document).encode(), media_type)


def image_with(**changes: t.Any) -> dict[str, t.Any]:
    return {**images.image().document, **changes}


def index_with(**changes: t.Any) -> dict[str, t.Any]:
    return {**images.multi_arch().document, **changes}


@pytest.mark.parametrize("docker", [False, True])
def test_an_image_says_what_it_has(docker: bool) -> None:
    content = images.image(docker=docker)
    manifest = Manifest.parse(content.raw, content.media_type)
    assert manifest.raw == content.raw
    assert str(manifest.digest) == content.digest
    assert manifest.media_type == (DOCKER_MANIFEST if docker else OCI_MANIFEST)
    assert not manifest.is_index
    assert manifest.artifact_type == ""
    assert [str(blob.digest) for blob in manifest.blobs] == list(content.blobs)
    assert manifest.descriptor().size == content.size


@pytest.mark.parametrize("docker", [False, True])
def test_an_index_says_what_it_has(docker: bool) -> None:
    content = images.multi_arch(docker=docker, attested=not docker)
    manifest = Manifest.parse(content.raw, content.media_type)
    assert manifest.media_type == (DOCKER_LIST if docker else OCI_INDEX)
    assert manifest.is_index
    assert manifest.config is None
    assert manifest.blobs == ()
    assert len(manifest.children) == (2 if docker else 4)
    assert [str(child.platform) for child in manifest.platforms] == ["linux/amd64", "linux/arm64"]
    assert all(child.is_manifest for child in manifest.children)


def test_an_artifact_tells_its_type() -> None:
    content = images.artifact(images.image())
    manifest = Manifest.parse(content.raw, content.media_type)
    assert manifest.artifact_type == "application/vnd.example.sbom"
    assert manifest.subject is not None
    assert str(manifest.subject.digest) == images.image().digest
    assert parse(image_with(config={**SIZE, "mediaType": "application/vnd.helm.config"})).artifact_type == "application/vnd.helm.config"


def test_each_blob_counts_once_in_order() -> None:
    layers = [{**SIZE, "digest": "sha256:" + digit * 64} for digit in "1213"]
    assert [blob.digest.hex[0] for blob in parse(image_with(config=SIZE, layers=layers)).blobs] == list("0123")


@pytest.mark.parametrize("media_type", ["", OCI_MANIFEST, f"{OCI_MANIFEST}; charset=utf-8", f" {OCI_MANIFEST} "])
def test_t16_parameters_of_the_content_type_do_not_count(media_type: str) -> None:
    assert parse(image_with(), media_type).media_type == OCI_MANIFEST


def test_t16_without_any_type_the_content_decides() -> None:
    for document, expected in ((image_with(), OCI_MANIFEST), (index_with(), OCI_INDEX)):
        del document["mediaType"]
        assert parse(document).media_type == expected


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        (image_with(manifests=[]), OCI_MANIFEST),
        (image_with(manifests=[]), OCI_INDEX),
        (image_with(manifests=None), ""),
        (image_with(mediaType=OCI_INDEX, manifests=[SIZE]), OCI_INDEX),
        (index_with(layers=[]), OCI_INDEX),
        (index_with(layers=None), OCI_INDEX),
        (index_with(config=SIZE), DOCKER_LIST),
        (index_with(mediaType=OCI_MANIFEST), OCI_MANIFEST),
        (image_with(mediaType=OCI_INDEX), OCI_INDEX),
        (image_with(), OCI_INDEX),
        (image_with(), DOCKER_MANIFEST),
        (image_with(), "text/plain"),
        (image_with(mediaType=""), OCI_INDEX),
        (image_with(mediaType=None), ""),
        (image_with(mediaType=[OCI_MANIFEST]), ""),
    ],
)
def test_t16_what_can_be_read_in_two_ways_is_refused(document: t.Any, media_type: str) -> None:
    refusal(parse, document, media_type, kind="invalid_response")


@pytest.mark.parametrize(
    "key",
    [
        "Layers",
        "LAYERS",
        "layer\u017f",
        "Config",
        "Manifests",
        "manife\u017fts",
        "MediaType",
        "mediatype",
        "SchemaVersion",
        "Subject",
        "fslayers",
        "ArtifactType",
        "Annotations",
    ],
)
def test_t16_a_key_in_another_case_is_refused(key: str) -> None:
    for document in (image_with(), index_with()):
        assert "read it in different ways" in refusal(parse, {**document, key: []}, kind="invalid_response").message


@pytest.mark.parametrize("key", ["Digest", "DIGEST", "dige\u017ft", "Size", "\u017fize", "MediaType", "Platform", "Annotations"])
def test_t16_a_descriptors_key_in_another_case_is_refused(key: str) -> None:
    for document in (image_with(layers=[{**SIZE, key: 1}]), image_with(config={**SIZE, key: 1}), index_with(manifests=[{**SIZE, key: 1}])):
        assert "read it in different ways" in refusal(parse, document, kind="invalid_response").message


@pytest.mark.parametrize("key", ["Architecture", "OS", "o\u017f", "Variant", "OS.Version"])
def test_t55_a_platforms_key_in_another_case_is_refused(key: str) -> None:
    platform = {"os": "linux", "architecture": "amd64", key: "arm64"}
    assert (
        "read it in different ways"
        in refusal(parse, index_with(manifests=[{**SIZE, "platform": platform}]), kind="invalid_response").message
    )


def test_t16_a_key_that_comes_twice_is_refused() -> None:
    raw = images.image().raw
    refusal(Manifest.parse, raw[:-1] + b',"layers":[]}', kind="invalid_response")
    refusal(Manifest.parse, raw.replace(b'"size":', b'"size":1,"size":', 1), kind="invalid_response")


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        ({"schemaVersion": 1, "name": "app", "fsLayers": [], "history": []}, ""),
        ({"schemaVersion": 1, "fsLayers": []}, "application/json"),
        ({"schemaVersion": 2, "fsLayers": []}, OCI_MANIFEST),
        (image_with(schemaVersion=1), OCI_MANIFEST),
        ("not even an object", SCHEMA1),
        ({}, "application/vnd.docker.distribution.manifest.v1+json; charset=utf-8"),
    ],
)
def test_t16_schema_1_is_named(document: t.Any, media_type: str) -> None:
    assert "schema 1" in refusal(parse, document, media_type, kind="unsupported").message


@pytest.mark.parametrize("media_type", ["application/json", "application/vnd.oci.artifact.manifest.v1+json", "text/html", "\x1b[31mred"])
def test_t43_another_type_is_told_without_control_characters(media_type: str) -> None:
    document = image_with()
    del document["mediaType"]
    refusal(parse, document, media_type, kind="unsupported")
    refusal(parse, {**document, "mediaType": media_type}, kind="unsupported")
    refusal(parse, {**document, "mediaType": media_type}, "text/\u202eplain", kind="invalid_response")


@pytest.mark.parametrize("size", [True, False, None, "1", 1.0, -1, 2**53 + 1, 2**62, [], {}])
def test_t17_a_size_is_a_number_of_bytes(size: t.Any) -> None:
    assert "size" in refusal(parse, image_with(layers=[{**SIZE, "size": size}]), kind="invalid_response").message
    assert parse(image_with(layers=[{**SIZE, "size": 2**53}, {**SIZE, "size": 0}])).layers[0].size == 2**53


@pytest.mark.parametrize("digest", [None, 1, "", "sha256:../../x", "@" + ZEROS, ZEROS.upper(), "md5:" + "0" * 32, ZEROS + "\n", "x" * 2000])
def test_t07_a_descriptors_digest_is_one(digest: t.Any) -> None:
    for document in (image_with(config={**SIZE, "digest": digest}), index_with(manifests=[{**SIZE, "digest": digest}])):
        assert "digest" in refusal(parse, document, kind="invalid_response").message


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("config", [None, []]),
        ("layers", [{}, "none", [None], [[]]]),
        ("layers", [[{**SIZE, "mediaType": 5}], [{**SIZE, "annotations": {"a": None}}], [{**SIZE, "artifactType": {}}]]),
        ("subject", [ZEROS]),
        ("annotations", [["a"], {"a": 1}, "x"]),
        ("mediaType", ["x" * 1001]),
    ],
)
def test_parts_of_another_shape_are_refused(key: str, values: list[t.Any]) -> None:
    for value in values:
        refusal(parse, image_with(**{key: value}), kind="invalid_response")


def test_parts_that_are_missing_are_refused() -> None:
    for key in ("config", "layers"):
        document = image_with()
        del document[key]
        refusal(parse, document, OCI_MANIFEST, kind="invalid_response")
    refusal(parse, {"schemaVersion": 2, "mediaType": OCI_INDEX}, kind="invalid_response")


def test_null_is_an_empty_list() -> None:
    assert parse(image_with(layers=None)).layers == ()
    assert parse(index_with(manifests=None, annotations=None)).children == ()


def test_t17_an_index_has_so_many_children_and_no_more() -> None:
    assert len(parse(index_with(manifests=[SIZE] * MAX_DESCRIPTORS)).children) == MAX_DESCRIPTORS
    refusal(parse, index_with(manifests=[SIZE] * (MAX_DESCRIPTORS + 1)), kind="limit")
    refusal(parse, image_with(layers=[SIZE] * (MAX_DESCRIPTORS + 1)), kind="limit")


def test_t17_a_manifest_has_so_many_bytes_and_no_more() -> None:
    raw = images.image().raw
    assert Manifest.parse(raw + b" " * (MAX_MANIFEST - len(raw))).layers
    refusal(Manifest.parse, raw + b" " * (MAX_MANIFEST - len(raw) + 1), kind="limit")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_bytes_are_held_against_the_digest_that_was_asked_for(algorithm: str) -> None:
    raw = images.image().raw
    digest = Digest.of(raw, algorithm)
    assert Manifest.parse(raw, OCI_MANIFEST, digest).digest == digest
    error = refusal(Manifest.parse, raw + b"\n", OCI_MANIFEST, digest, kind="digest_mismatch")
    assert str(digest) in error.message


@pytest.mark.parametrize(
    ("media_type", "foreign"),
    [
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", True),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", True),
        ("application/vnd.oci.image.layer.v1.tar+gzip", False),
    ],
)
def test_t05_foreign_layers_are_known(media_type: str, foreign: bool) -> None:
    layer = Descriptor.parse({**SIZE, "mediaType": media_type, "urls": ["https://elsewhere.example/"]}, "The layer")
    assert layer.is_foreign is foreign


def test_a_platform_is_found_or_the_others_are_named() -> None:
    manifest = Manifest.parse(images.multi_arch("linux/amd64", "linux/arm64/v8", "linux/arm/v6", attested=True).raw)
    assert str(manifest.child(Platform.parse("linux/aarch64"), "The image").platform) == "linux/arm64/v8"
    error = refusal(manifest.child, Platform.parse("linux/s390x"), "quay.io/app:1", kind="not_found")
    assert error.message == "quay.io/app:1 has no image for the platform linux/s390x; it has: linux/amd64, linux/arm64/v8, linux/arm/v6."
    assert "it has: none." in refusal(parse(index_with(manifests=[])).child, Platform("a", "b"), "It", kind="not_found").message


# Properties

_VALUES: st.SearchStrategy[t.Any] = hostile_text | st.sampled_from(
    [None, True, -1, 2**60, 1.5, "", OCI_MANIFEST, OCI_INDEX, SCHEMA1, [], [{}], {}, [SIZE], SIZE, "\ud800"]
)
_KEYS = st.sampled_from([*images.image().document, "manifests", "subject", "annotations", "artifactType", "fsLayers", "Layers"])
_PARTS = st.sampled_from(["mediaType", "digest", "size", "platform", "annotations", "artifactType", "urls", "Size"])


@quick
@given(
    st.sampled_from([images.image().document, images.multi_arch(attested=True).document]),
    st.dictionaries(_KEYS, _VALUES, max_size=3),
    st.dictionaries(_PARTS, _VALUES, max_size=2),
    st.sampled_from(["", OCI_MANIFEST, OCI_INDEX, DOCKER_LIST]) | hostile_text,
)
def test_t16_any_document_is_parsed_or_refused(document: t.Any, changes: t.Any, part: t.Any, media_type: str) -> None:
    changed = {**document, **changes}
    for key in ("layers", "manifests"):
        if part and isinstance(changed.get(key), list):
            changed[key] = [*changed[key], {**SIZE, **part}]
    manifest = parsed(parse, changed, media_type)
    if manifest is not None:
        assert manifest.raw == json.dumps(changed).encode()
        assert manifest.is_index == ("manifests" in changed)
        assert Manifest.parse(manifest.raw, manifest.media_type, manifest.digest) == manifest
        assert all(0 <= item.size <= 2**53 for item in (*manifest.blobs, *manifest.children))


@quick
@given(st.binary(max_size=80), hostile_text)
def test_any_bytes_are_parsed_or_refused(raw: bytes, media_type: str) -> None:
    assert parsed(Manifest.parse, raw, media_type) is None
