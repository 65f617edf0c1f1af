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
      - An invalid name fails before any request.
    type: list
    elements: str
    required: true
    aliases: [image, names]
  details:
    description:
      - How much to read. V(digest) gets only the digest, by a HEAD request, which registries do not count as a pull. V(manifest) reads the manifest.
        V(config) also reads the image config, and without O(platform) the configs of all images of an index.
      - Image configs often contain secrets in environment variables. They are returned only with V(config).
    type: str
    choices: [digest, manifest, config]
    default: manifest
  platform:
    description:
      - Read the image of an index for this platform, C(os/arch[/variant]).
      - A platform that is not in the index counts as missing.
    type: str
  referrers:
    description:
      - Whether to list signatures, attestations and SBOMs that refer to the image, found through the referrers API or its fallback tag.
      - If the API returns a web page or redirects to an untrusted host, the fallback tag is read, and a warning is given.
    type: bool
    default: false
  missing:
    description:
      - Whether a missing image is an error. V(ok) returns it with RV(images[].exists=false). V(fail) fails with the error kind V(not_found).
    type: str
    choices: [ok, fail]
    default: ok
  on_error:
    description:
      - What to do if an image cannot be read. V(fail) fails the task. V(report) returns the error in its entry and continues.
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
  description: Whether all images are there.
  type: bool
  returned: success
missing:
  description: The names of those that are not.
  type: list
  elements: str
  returned: success
failed_names:
  description: The names of those that could not be looked at.
  type: list
  elements: str
  returned: with O(on_error=report)
images:
  description: One entry for each name, in order. Keys that do not apply are absent.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The name as it was given.
      type: str
      returned: always
    exists:
      description: Whether the image is there.
      type: bool
      returned: always
    registry:
      description: The registry's host, V(docker.io) for Docker Hub.
      type: str
      returned: always
    repository:
      description: The repository within the registry.
      type: str
      returned: always
    tag:
      description: The tag, null for a name with only a digest.
      type: str
      returned: always
    digest:
      description: The digest of what was asked for, null where it is missing.
      type: str
      returned: always
    media_type:
      description: The media type.
      type: str
      returned: when it exists
    size:
      description: Size of the manifest in bytes.
      type: int
      returned: when it exists
    is_index:
      description: Whether it is an index (a multi-platform image).
      type: bool
      returned: when it exists
    artifact_type:
      description: The type of an artifact that is no container image.
      type: str
      returned: for artifacts
    annotations:
      description: The annotations of the manifest or index.
      type: dict
      returned: with O(details=manifest) or O(details=config)
    subject:
      description: The manifest that this one refers to, with C(digest), C(size) and C(media_type).
      type: dict
      returned: for manifests with a subject
    platforms:
      description: The images of an index, each with C(platform), C(digest), C(size) and C(media_type).
      type: list
      elements: dict
      returned: for an index
    manifest:
      description: The manifest or index itself.
      type: dict
      returned: with O(details=manifest) or O(details=config)
    config_digest:
      description: The digest of the config.
      type: str
      returned: for a single image
    layers:
      description: The layers, each with C(digest), C(size) and C(media_type).
      type: list
      elements: dict
      returned: for a single image
    total_size:
      description: Size of config and layers in bytes.
      type: int
      returned: for a single image
    config:
      description: The image config.
      type: dict
      returned: with O(details=config) for a single image
    configs:
      description: The configs of all images of an index, each with C(platform), C(digest) and C(config).
      type: list
      elements: dict
      returned: with O(details=config) for an index
    created:
      description: When the image was made, as its config says.
      type: str
      returned: with O(details=config) for a single image whose config states it
    labels:
      description: The labels of the image.
      type: dict
      returned: with O(details=config) for a single image
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
      description: What refers to the image, each with C(digest), C(media_type), C(artifact_type), C(size) and C(annotations).
      type: list
      elements: dict
      returned: with O(referrers=true)
    error:
      description: Why the image could not be looked at, C(msg), C(kind), C(status), C(code), C(registry), C(reference).
      type: dict
      returned: with O(on_error=report), where it failed
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
