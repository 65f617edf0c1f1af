# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_image_info with details=config: what is no config of an image does not fail those that are."""

from __future__ import annotations

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import put
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

IMAGE = images.image()


def with_config(raw: bytes, media_type: str) -> images.Content:
    """An image with another config."""
    document = IMAGE.document
    document["config"] = {"mediaType": media_type, "digest": images.digest_of(raw), "size": len(raw)}
    manifest = images.to_json(document)
    blobs = {**IMAGE.blobs, images.digest_of(raw): raw}
    return images.Content(manifest, IMAGE.media_type, {images.digest_of(manifest): (IMAGE.media_type, manifest)}, blobs)


@pytest.mark.parametrize("raw", [b"", b"no JSON", b"[1]", b"\xff\xfe", b'{"a":1,"a":2}', b"[" * 9_000_000], ids=range(6))
@pytest.mark.parametrize("media_type", ["application/vnd.example.config.v1+json", "application/octet-stream", "application/json"])
def test_a_config_of_an_unknown_type_fails_no_list_of_images(
    registry: FakeRegistry, run_module: RunModule, raw: bytes, media_type: str
) -> None:
    put(registry, "app", "1", IMAGE)
    put(registry, "odd", "1", with_config(raw, media_type))
    result = run_module("registry_image_info", registry.args(name=["odd:1", "app:1"], details="config")).ok()
    odd, app = result["images"]
    assert (odd["exists"], odd["config"], odd["labels"]) == (True, {}, {})
    assert (app["architecture"], app["created"]) == ("amd64", "2026-01-01T00:00:00Z")


def test_a_config_of_an_unknown_type_that_is_an_object_is_returned(registry: FakeRegistry, run_module: RunModule) -> None:
    put(registry, "chart", "1", with_config(b'{"name":"chart"}', "application/vnd.cncf.helm.config.v1+json"))
    assert run_module("registry_image_info", registry.args(name=["chart:1"], details="config")).ok()["images"][0]["config"] == {
        "name": "chart"
    }


def test_a_config_of_an_image_that_is_damaged_is_an_error(registry: FakeRegistry, run_module: RunModule) -> None:
    put(registry, "app", "1", with_config(b"no JSON", images.OCI_CONFIG))
    assert run_module("registry_image_info", registry.args(name=["app:1"], details="config")).error["kind"] == "invalid_response"
