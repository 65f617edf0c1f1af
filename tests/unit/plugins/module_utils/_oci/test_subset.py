# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A smaller index: the platforms that were chosen, and all else as it was."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.manifest import Manifest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.platform import Platform
from ansible_collections.ocitools.registry.plugins.module_utils._oci.subset import Subset, reduce_index
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import quick, refusal
from hypothesis import given
from hypothesis import strategies as st

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7", "windows/amd64")


def reduce(content: images.Content, *platforms: str) -> Manifest:
    index = Manifest.parse(content.raw, content.media_type)
    return reduce_index(index, [Platform.parse(platform) for platform in platforms], "The image")


@pytest.mark.parametrize("docker", [False, True])
def test_only_what_was_chosen_stays_in_the_order_of_the_index(docker: bool) -> None:
    content = images.multi_arch(*PLATFORMS, docker=docker)
    smaller = reduce(content, "linux/arm", "linux/amd64")
    assert [str(child.platform) for child in smaller.children] == ["linux/amd64", "linux/arm/v7"]
    assert smaller.media_type == content.media_type
    assert smaller.document["manifests"] == [content.document["manifests"][0], content.document["manifests"][2]]


def test_attestations_stay_with_their_image() -> None:
    content = images.multi_arch("linux/amd64", "linux/arm64", attested=True)
    smaller = reduce(content, "linux/arm64")
    kept, attestation = smaller.children
    assert str(kept.platform) == "linux/arm64"
    assert attestation.annotations["vnd.docker.reference.digest"] == str(kept.digest)


def test_everything_else_is_untouched() -> None:
    children = [images.image(platform) for platform in PLATFORMS]
    content = images.index(*children, annotations={"org.example.note": "\u00e4 \U0001f600"}, subject=images.image())
    document = {**content.document, "x-unknown": {"deep": [1, 1.5, None]}}
    index = Manifest.parse(json.dumps(document).encode())
    smaller = reduce_index(index, [Platform.parse("linux/arm64")], "The image")
    assert smaller.document == {**document, "manifests": [document["manifests"][1]]}
    assert smaller.annotations == index.annotations
    assert smaller.subject == index.subject


def test_all_of_an_index_is_the_index_itself_byte_for_byte() -> None:
    content = images.multi_arch(attested=True)
    assert reduce(content, "linux/arm64", "linux/amd64").raw == content.raw


def test_two_names_of_one_platform_count_once() -> None:
    assert len(reduce(images.multi_arch(*PLATFORMS), "linux/arm64", "linux/aarch64", "linux/arm64/v8").children) == 1


def test_a_platform_that_the_index_lacks_is_refused() -> None:
    error = refusal(reduce, images.multi_arch(), "linux/amd64", "linux/s390x", kind="not_found")
    assert "it has: linux/amd64, linux/arm64" in error.message


class Source:
    """An image source that notes what it is asked for."""

    is_local = True

    def __init__(self, content: images.Content) -> None:
        self.root = Manifest.parse(content.raw, content.media_type)
        self.asked: list[t.Any] = []

    def manifest(self, descriptor: t.Any) -> Manifest:
        self.asked.append(descriptor)
        return self.root

    def open_blob(self, descriptor: t.Any) -> t.Any:
        self.asked.append(descriptor)

    def close(self) -> None:
        self.asked.append("close")


def test_a_subset_is_a_source_like_the_one_beneath() -> None:
    source = Source(images.multi_arch())
    subset = Subset(source, [Platform.parse("linux/amd64")], "The image")
    child = subset.root.children[0]
    assert subset.is_local
    assert subset.manifest(child) is source.root
    subset.open_blob(child)
    subset.close()
    assert source.asked == [child, child, "close"]


@quick
@given(st.lists(st.sampled_from(PLATFORMS), unique=True), st.booleans())
def test_what_was_chosen_is_what_is_there(platforms: list[str], attested: bool) -> None:
    smaller = reduce(images.multi_arch(*PLATFORMS, attested=attested), *platforms)
    assert {str(child.platform) for child in smaller.platforms} == set(platforms)
    assert len(smaller.children) == len(platforms) * (1 + attested)
