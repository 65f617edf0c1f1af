# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return: plain types, and of a registry's text only what can be shown."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.manifest import Manifest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest, Reference
from ansible_collections.ocitools.registry.plugins.module_utils._registry.results import (
    config_result,
    manifest_result,
    printable,
    referrer_result,
    tagging_result,
    transfer_result,
)
from ansible_collections.ocitools.registry.plugins.module_utils._registry.transfer import PushPlan, Transferred
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, is_plain, quick
from hypothesis import given
from hypothesis import strategies as st

LIMIT = 16384
IMAGE = Reference.parse("quay.io/org/app:1")
OTHER = Digest.of(b"other")


def parse(content: images.Content) -> Manifest:
    return Manifest.parse(content.raw, content.media_type)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("two\n\tlines  and blanks ", "two\n\tlines  and blanks "),
        ("{{ lookup('pipe', 'id') }}", "{{ lookup('pipe', 'id') }}"),
        ("\u00e4 \u4e2d \U0001f600", "\u00e4 \u4e2d \U0001f600"),
        ("\x1b[31mred\x1b[0m", " [31mred [0m"),
        ("a\0b\rc\x7fd\x9be", "a b c d e"),
        ("right\u202eleft\u200b\ufeff", "right left  "),
        ("half\ud800 of a pair", "half  of a pair"),
        ("bytes\udcff", "bytes "),
        ("tag\U000e0041", "tag "),
    ],
)
def test_t43_text_is_shown_without_control_characters(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["x" * LIMIT, "x" * (LIMIT + 1), "x" * 1_000_000, "\x1b" * 1_000_000], ids=["fits", "one more", "a megabyte", "of escapes"]
)
def test_t43_long_text_is_cut(text: str) -> None:
    shown = printable(text)
    assert len(shown) == LIMIT
    assert shown.endswith("..." if len(text) > LIMIT else "xxx")


def test_t43_keys_and_all_that_is_nested_are_shown_so_too() -> None:
    document = {"a\x1b": [{"b\n": "c\0"}, None, True, 5, 1.5, ["\x1b"]]}
    assert printable(document) == {"a ": [{"b\n": "c "}, None, True, 5, 1.5, [" "]]}


def test_t43_a_manifest_with_hostile_text_is_shown_in_plain_text() -> None:
    document = images.image(annotations={"org.example\x1b": "\x1b[2J\ud800"}).document
    document["layers"][0]["mediaType"] = "layer\x1b[31m"
    document["artifactType"] = "type\u202e"
    shown = manifest_result(Manifest.parse(json.dumps(document).encode()))
    assert shown["annotations"] == {"org.example ": " [2J "}
    assert shown["layers"][0]["media_type"] == "layer [31m"
    assert shown["artifact_type"] == "type "
    assert json.dumps(shown, ensure_ascii=False).isprintable()


def test_an_image_and_an_index_are_told() -> None:
    content = images.image(subject=images.artifact())
    shown = manifest_result(parse(content))
    assert shown["digest"] == content.digest
    assert shown["size"] == content.size
    assert shown["is_index"] is False
    assert shown["manifest"] == content.document
    assert shown["subject"]["digest"] == images.artifact().digest
    assert shown["config_digest"] == content.document["config"]["digest"]
    assert [layer["digest"] for layer in shown["layers"]] == [layer["digest"] for layer in content.document["layers"]]
    assert shown["total_size"] == sum(len(blob) for blob in content.blobs.values())
    index = images.multi_arch(attested=True)
    shown = manifest_result(parse(index))
    assert [entry["platform"] for entry in shown["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert not {"layers", "config_digest", "subject", "artifact_type"} & set(shown)


@pytest.mark.parametrize(
    ("config", "labels"),
    [
        ({"config": {"Labels": {"a": "b\x1b"}}}, {"a": "b "}),
        ({"config": {"Labels": None}}, {}),
        ({"config": {"Labels": ["a"]}}, {}),
        ({"config": {}}, {}),
        ({"config": None}, {}),
        ({"config": []}, {}),
        ({}, {}),
    ],
)
def test_labels_of_a_config_whatever_its_shape(config: dict[str, t.Any], labels: dict[str, str]) -> None:
    shown = config_result({**config, "os": "linux", "architecture": "arm64"})
    assert shown["labels"] == labels
    assert (shown["os"], shown["architecture"]) == ("linux", "arm64")
    assert not {"variant", "created"} & shown.keys()


def test_referrers_are_told_in_plain_text() -> None:
    content = images.artifact(images.image(), "application/vnd.example.sbom")
    document = images.index(content, annotations=None).document
    document["manifests"][0]["annotations"] = {"note": "\x1b"}
    shown = referrer_result(Manifest.parse(json.dumps(document).encode()).children)
    assert shown == [
        {
            "digest": content.digest,
            "size": content.size,
            "media_type": content.media_type,
            "artifact_type": "application/vnd.example.sbom",
            "annotations": {"note": " "},
        }
    ]


def test_tags_are_told_by_what_became_of_them() -> None:
    root = parse(images.image()).descriptor()
    before = {"moved": OTHER, "new": None, "same": root.digest, "kept": OTHER, str(root.digest): None}
    after: dict[str, Digest | None] = {
        "moved": root.digest,
        "new": root.digest,
        "same": root.digest,
        "kept": OTHER,
        str(root.digest): root.digest,
    }
    assert tagging_result(IMAGE, root, before, after) == {
        "digest": str(root.digest),
        "media_type": root.media_type,
        "image": f"quay.io/org/app@{root.digest}",
        "tagged_images": ["quay.io/org/app:moved", "quay.io/org/app:new"],
        "unchanged_images": ["quay.io/org/app:same"],
        "kept_images": ["quay.io/org/app:kept"],
        "previous": {"moved": str(OTHER), "new": None, "same": str(root.digest), "kept": str(OTHER)},
    }


def test_a_transfer_is_told_with_each_blob_once() -> None:
    content = images.image(foreign=True)
    root = parse(content)
    config, first, second, foreign = root.blobs
    done = Transferred()
    for how, blob in (("uploaded", config), ("mounted", first), ("existing", second)):
        done.add(how, blob)
    shown = transfer_result(IMAGE, PushPlan(root, {"1": None}, {"1": root.digest}), done)
    assert [shown[f"{how}_blobs"] for how in ("uploaded", "mounted", "existing")] == [
        [{"digest": str(blob.digest), "size": blob.size}] for blob in (config, first, second)
    ]
    assert shown["uploaded_bytes"] == config.size
    assert shown["size"] == len(root.raw) + config.size + first.size + second.size
    assert [layer["digest"] for layer in shown["skipped_layers"]] == [str(foreign.digest)]


@quick
@given(
    st.recursive(
        hostile_text | st.integers() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile_text, inner, max_size=3),
        max_leaves=6,
    )
)
def test_t43_whatever_a_registry_says_can_be_shown(value: t.Any) -> None:
    shown = printable(value)
    assert is_plain(json.dumps(shown, ensure_ascii=False).encode().decode())
    assert printable(shown) == shown
