#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_index
short_description: Create a multi-platform image from several images
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Creates one index with several images, each for another platform, as C(docker buildx imagetools create) and C(docker manifest push) do. It needs no
    builder and no container engine.
  - The index lists the images by digest. Images in other repositories and registries are copied first. Within a registry their layers are mounted.
  - The same images give the same bytes, so a second run is unchanged and writes nothing.
extends_documentation_fragment:
  - ocitools.registry._source_registry
  - ocitools.registry._verify
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
options:
  name:
    description:
      - The index to push, C([registry/]repository[:tag]). Without a tag, only O(tags) are set. Without both, the tag is V(latest).
      - A digest is not allowed here, since the images determine the digest.
    type: str
    required: true
    aliases: [image]
  images:
    description:
      - The images in the index, in this order. Each is a name, C([registry/]repository[:tag][@digest]), or a dictionary with C(name) and further keys.
      - C(platform) is the platform, C(os/arch[/variant]), that the index states for the image. Without it, the platform is read from the config of the
        image. An image whose config states none fails with the error kind V(invalid_option). C(os.version) and C(os.features) are read from the config too, if
        it states the same C(os) and C(architecture). With a C(platform), they are read for Windows only.
      - C(annotations) is a dictionary of annotations for the entry of the image in the index.
      - An index in the list adds its images, including attestations. With C(platform), it adds only the image for that platform, also from an index
        within that index. Without C(platform), an index within it is added as an index.
      - Two different images for one platform fail with the error kind V(invalid_option). The same image is added once, even if the list contains it several
        times. Images with different versions of Windows (C(os.version)) are for different platforms.
      - An image that does not exist fails with the error kind V(not_found). Unknown keys and values that are not strings fail before any request.
    type: list
    elements: raw
    required: true
  tags:
    description:
      - Additional tags for the index. Quote them, since YAML reads C(1.10) as C(1.1). Anything but a string fails.
    type: list
    elements: raw
    default: []
    aliases: [tag]
  annotations:
    description:
      - Annotations of the index itself. Values are strings, so quote numbers. Any other value fails with the error kind V(invalid_option).
      - With O(children=append) they are added to those of the existing index.
    type: dict
    default: {}
  children:
    description:
      - V(exact) creates an index with O(images) only.
      - V(append) adds them to the index of the first tag. If the index already has an image for the platform, the new image replaces it and its
        attestations. If the tag points to a single image, that image becomes the first entry. A missing tag is not an error.
      - V(append) never replaces an image with another C(os.version). A Windows image with a newer patch is added, and the older one is kept. To remove the
        older one, list all images and use V(exact).
      - With V(append) the tag is read again right before it is written. If somebody else moved it, the images are added to its new content. If that happens
        twice, the task fails with the error kind V(conflict).
    type: str
    choices: [exact, append]
    default: exact
  media_type:
    description:
      - V(oci) creates an OCI image index. V(docker) creates a manifest list of Docker, which cannot have annotations.
        If the index or one of its entries has any, the task fails with the error kind V(invalid_option).
      - V(auto) creates a manifest list if all images have Docker's media types and there are no annotations, and an OCI image index otherwise.
        With O(children=append), an existing OCI image index stays an OCI image index.
    type: str
    choices: [auto, oci, docker]
    default: auto
notes:
  - For an index that is up to date, the task sends one HEAD request for each tag, and reads the manifest of each image. It reads
    the config as well, unless the entry has a C(platform) that is not for Windows.
seealso:
  - module: ocitools.registry.registry_copy
  - module: ocitools.registry.registry_tag
  - module: ocitools.registry.registry_image_info
"""

EXAMPLES = r"""
- name: Combine the images of two build jobs into one multi-platform image
  ocitools.registry.registry_index:
    name: registry.example.com/team/app:1.4.2
    images:
      - registry.example.com/team/app:1.4.2-amd64
      - registry.example.com/team/app:1.4.2-arm64
    tags: ["1.4", "latest"]

- name: Set a platform that the build did not state, and annotations
  ocitools.registry.registry_index:
    registry: registry.example.com/team
    name: app:1.4.2
    images:
      - name: app:1.4.2-amd64
      - name: app-arm:1.4.2
        platform: linux/arm/v6
        annotations:
          com.example.board: raspberry-pi-1
    annotations:
      org.opencontainers.image.version: "1.4.2"

- name: Add an image for another platform to an existing index
  ocitools.registry.registry_index:
    name: registry.example.com/team/app:1.4.2
    images:
      - registry.example.com/builds/app:1.4.2-riscv64
    children: append
"""

RETURN = r"""
digest:
  description: The digest of the index.
  type: str
  returned: success
  sample: sha256:9c1c1f4d3ae5b1bb7c3f2c7f4e6f30db1eb0da5f3d8bbaac0bd43cf1ec4fbf2a
media_type:
  description: Media type of the index.
  type: str
  returned: success
image:
  description: The image with its digest, C(name@digest).
  type: str
  returned: success
size:
  description: Size in bytes of the index and of all its manifests, configs and layers.
  type: int
  returned: success
tagged_images:
  description: The tags that were written, C(name:tag). In check mode, those that would be written.
  type: list
  elements: str
  returned: success
unchanged_images:
  description: The tags that already pointed to the digest.
  type: list
  elements: str
  returned: success
kept_images:
  description: Always empty, since existing tags are moved.
  type: list
  elements: str
  returned: success
previous:
  description: The digest that each tag pointed to before, or null.
  type: dict
  returned: success
uploaded_blobs:
  description: The blobs that were uploaded, each with C(digest) and C(size). In check mode, all missing blobs, even if the registry could mount them.
  type: list
  elements: dict
  returned: success
mounted_blobs:
  description: The blobs that the registry mounted from another repository.
  type: list
  elements: dict
  returned: success
existing_blobs:
  description: The blobs that the repository already had.
  type: list
  elements: dict
  returned: success
uploaded_bytes:
  description: Total size in bytes of the uploaded blobs.
  type: int
  returned: success
mounted_bytes:
  description: Total size in bytes of the mounted blobs.
  type: int
  returned: success
existing_bytes:
  description: Total size in bytes of the blobs that the repository already had.
  type: int
  returned: success
skipped_layers:
  description: Layers that were left out because they must not be distributed, each with C(digest), C(size) and C(media_type).
  type: list
  elements: dict
  returned: success
platforms:
  description: The platforms in the index and in the indexes within it, each with C(platform), C(digest), C(size) and C(media_type).
  type: list
  elements: dict
  returned: success
elapsed:
  description: Duration in seconds.
  type: float
  returned: success
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import index
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(index.OPTIONS, index.run)


if __name__ == "__main__":
    main()
