#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_image_info
short_description: Get information about images in registries
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Reports whether images, indexes and artifacts exist, with their digests, manifests, platforms and layers. On request it also returns configs and
    referrers. It never downloads layers.
  - An image is reported missing only if the registry itself says so. Denied access, registry errors, and the status 404 or the page of a proxy are
    failures.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.read_only
options:
  name:
    description:
      - The images, C([registry/]repository[:tag][@digest]). Without tag and digest, the tag is V(latest). They are read in parallel.
      - If a name has a tag and a digest, the image with this digest is read. The module does not check whether the tag points to it.
      - An invalid name fails with the error kind V(invalid_reference) before any request, even with O(on_error=report).
    type: list
    elements: str
    required: true
    aliases: [image, names]
  details:
    description:
      - How much to read. V(digest) gets only digest, media type and size, by a HEAD request, which registries do not count as a pull. V(manifest) reads the
        manifest by a GET request. V(config) also reads the image config, and without O(platform) the configs of all images of an index.
      - With O(platform), V(digest) sends GET requests instead, since it has to read the index. A GET request is also sent for a missing image, and if the
        registry does not return all of these values for a HEAD request.
      - Image configs often contain secrets in environment variables. They are returned only with V(config).
    type: str
    choices: [digest, manifest, config]
    default: manifest
  platform:
    description:
      - Read the image of an index for this platform, C(os/arch[/variant]), instead of the index.
      - An image counts as missing if its index does not have the platform, or if it is a single image for another platform.
      - An invalid platform fails with the error kind V(invalid_option) before any request.
    type: str
  referrers:
    description:
      - Whether to list signatures, attestations and SBOMs that refer to the image, found through the referrers API or its fallback tag. With O(platform),
        they are those of the image for this platform.
      - If the API returns a web page or redirects to an untrusted host, the fallback tag is read, and a warning is given.
    type: bool
    default: false
  missing:
    description:
      - Whether a missing image is an error. V(ok) returns it with RV(images[].exists=false). V(fail) reads all images and then fails with the error kind
        V(not_found). The failed result also contains the return values.
    type: str
    choices: [ok, fail]
    default: ok
  on_error:
    description:
      - What to do if an image cannot be read. V(fail) fails the task without RV(images). V(report) returns the error in its entry and continues.
      - A missing image is not such an error. For this, see O(missing).
    type: str
    choices: [fail, report]
    default: fail
seealso:
  - plugin: ocitools.registry.registry_digest
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Check whether the release exists
  ocitools.registry.registry_image_info:
    name: registry.example.com/team/app:1.4.2
    details: digest
  register: release

- name: Read labels and platform of one image of an index
  ocitools.registry.registry_image_info:
    name: registry.example.com/team/app:1.4.2
    platform: linux/arm64
    details: config
  register: app

- name: Check many images, and list those that cannot be read
  ocitools.registry.registry_image_info:
    name: "{{ all_images }}"
    details: digest
    on_error: report
  register: survey
"""

RETURN = r"""
exists:
  description: Whether all images exist. V(false) also if it is unknown for one of them, because it could not be read. V(true) for an empty list.
  type: bool
  returned: success, and with O(missing=fail) if images are missing
missing:
  description: The names of the missing images. Images that could not be read are not among them.
  type: list
  elements: str
  returned: success, and with O(missing=fail) if images are missing
failed_names:
  description: The names of the images that have an RV(images[].error).
  type: list
  elements: str
  returned: with O(on_error=report)
images:
  description: One entry for each name, in order. Keys that do not apply are absent.
  type: list
  elements: dict
  returned: success, and with O(missing=fail) if images are missing
  contains:
    name:
      description: The name as given in O(name).
      type: str
      returned: always
    exists:
      description: Whether the image exists. V(false) also if it could not be read; RV(images[].error) is then set.
      type: bool
      returned: always
    registry:
      description: The registry, C(host[:port]). V(docker.io) for Docker Hub.
      type: str
      returned: always
    repository:
      description: The repository, without the registry.
      type: str
      returned: always
    tag:
      description: The tag. V(latest) if the name has neither tag nor digest, null if it has only a digest.
      type: str
      returned: always
    digest:
      description:
        - Digest of the manifest or index. With O(platform), that of the image for this platform.
        - If the image is missing or could not be read, the digest in its name, or null if the name has none.
      type: str
      returned: always
    media_type:
      description: Media type of the manifest or index.
      type: str
      returned: if the image exists
    size:
      description: Size of the manifest or index in bytes, without layers.
      type: int
      returned: if the image exists
    is_index:
      description: Whether it is an index (a multi-platform image).
      type: bool
      returned: if the image exists
    artifact_type:
      description: The artifact type.
      type: str
      returned: with O(details=manifest) or O(details=config) for an artifact, which is not a container image
    annotations:
      description: The annotations of the manifest or index.
      type: dict
      returned: with O(details=manifest) or O(details=config)
    subject:
      description: The manifest that this one refers to, with C(digest), C(size) and C(media_type).
      type: dict
      returned: with O(details=manifest) or O(details=config) for a manifest with a subject
    platforms:
      description: The images of an index, each with C(platform), C(digest), C(size) and C(media_type). Attestations and SOCI indexes are left out.
      type: list
      elements: dict
      returned: with O(details=manifest) or O(details=config) for an index
    manifest:
      description: The content of the manifest or index.
      type: dict
      returned: with O(details=manifest) or O(details=config)
    config_digest:
      description: The digest of the config.
      type: str
      returned: with O(details=manifest) or O(details=config) for a single image or artifact
    layers:
      description: The layers, each with C(digest), C(size) and C(media_type).
      type: list
      elements: dict
      returned: with O(details=manifest) or O(details=config) for a single image or artifact
    total_size:
      description: Size of config and layers in bytes. Content that is listed twice counts once.
      type: int
      returned: with O(details=manifest) or O(details=config) for a single image or artifact
    config:
      description: The image config. Empty for an artifact whose config is not a JSON object.
      type: dict
      returned: with O(details=config) for a single image or artifact
    configs:
      description: The configs of all images of an index, each with C(platform), C(digest) and C(config).
      type: list
      elements: dict
      returned: with O(details=config) for an index
    created:
      description: Creation time in the config.
      type: str
      returned: with O(details=config) for a single image whose config states it
    labels:
      description: The labels in the config. Empty if it has none.
      type: dict
      returned: with O(details=config) for a single image or artifact
    os:
      description: The operating system.
      type: str
      returned: with O(details=config) for a single image whose config states it
    architecture:
      description: The architecture.
      type: str
      returned: with O(details=config) for a single image whose config states it
    variant:
      description: The variant of the architecture.
      type: str
      returned: with O(details=config) for a single image whose config states it
    referrers:
      description: The manifests that refer to the image, each with C(digest), C(media_type), C(artifact_type), C(size) and C(annotations).
      type: list
      elements: dict
      returned: with O(referrers=true)
    error:
      description:
        - Why the image could not be read, with C(msg), C(kind), C(status), C(code), C(registry) and C(reference).
        - If only its referrers could not be listed, RV(images[].exists) is V(true) all the same.
      type: dict
      returned: with O(on_error=report), if the image or its referrers could not be read
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import image_info
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(image_info.OPTIONS, image_info.run)


if __name__ == "__main__":
    main()
