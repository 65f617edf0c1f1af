#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_image_info
short_description: Look at images in registries
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Tells of images, indexes and artifacts whether they are there, their digests, manifests, platforms, layers and, when asked for, configs and
    referrers. Layers are never downloaded.
  - An image is reported absent only where the registry itself says so. Denied access, a fault of the registry, and the status 404 or the page of a
    proxy are failures.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.read_only
options:
  name:
    description:
      - The images, C([registry/]repository[:tag][@digest]); without tag and digest the tag V(latest). They are looked up in parallel.
      - A name that breaks the naming rules fails before any request.
    type: list
    elements: str
    required: true
    aliases: [image, names]
  details:
    description:
      - How much to find out. V(digest) asks only for the digest (a HEAD, which registries do not count as a pull), V(manifest) reads the manifest,
        V(config) reads the image config as well; of an index without O(platform) those of all its images.
      - Image configs often hold secrets in their environment variables; they are returned only with V(config).
    type: str
    choices: [digest, manifest, config]
    default: manifest
  platform:
    description:
      - Look at the image for this platform, C(os/arch[/variant]), of an index.
      - A platform that the index lacks counts as missing.
    type: str
  referrers:
    description:
      - Also list what refers to the image (signatures, attestations, SBOMs), by the referrers API or the tag that stands in for it.
      - Where the API answers with a web page or leads to a host that is refused, the tag is read, and a warning tells of it.
    type: bool
    default: false
  missing:
    description:
      - What an absent image is. V(ok) reports it with RV(images[].exists=false), V(fail) fails with the error kind V(not_found).
    type: str
    choices: [ok, fail]
    default: ok
  on_error:
    description:
      - What an image is that cannot be looked at. V(fail) fails the task, V(report) puts the error into its entry and goes on.
    type: str
    choices: [fail, report]
    default: fail
seealso:
  - plugin: ocitools.registry.registry_digest
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Is the release there?
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

- name: Look at many images, and list those that cannot be read
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


from ..module_utils._tasks import image_info
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(image_info.OPTIONS, image_info.run)


if __name__ == "__main__":
    main()
