#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_archive_info
short_description: List the images in an archive or layout
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Lists the images in an OCI layout, an OCI archive or an archive of C(docker save), with their names, digests, platforms and sizes.
  - Needs no registry and sends no requests. Reads everything that M(ocitools.registry.registry_push) can push.
  - The connection options are accepted, so that C(module_defaults) for the action group work. They have no effect.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.read_only
options:
  path:
    description:
      - The OCI layout directory, C(dir:) directory or archive, on the host that runs the task. An archive may be compressed with gzip, bzip2, xz or zstd.
      - zstd requires Python 3.14 or the Python package zstandard. Otherwise the task fails with the error kind V(missing_library).
      - A path without an image fails with the error kind V(invalid_source). A path that cannot be read fails with V(local_io).
    type: path
    required: true
    aliases: [src, load_path, input]
seealso:
  - module: ocitools.registry.registry_push
  - module: ocitools.registry.registry_image_info
"""

EXAMPLES = r"""
- name: List the images of a release bundle
  ocitools.registry.registry_archive_info:
    path: bundle.tar
  register: bundle

# The names must be full names of images, such as those that docker save writes. See images[].names for others.
- name: Push every image of the bundle that has a name to another registry
  ocitools.registry.registry_push:
    path: bundle.tar
    source_name: "{{ item }}"
    name: "{{ item | ocitools.registry.image_name(registry='mirror.example.com') }}"
  loop: "{{ bundle.images | map(attribute='names') | select | map('first') }}"
"""

RETURN = r"""
images:
  description: One entry for each image, in the order of the archive.
  type: list
  elements: dict
  returned: success
  contains:
    names:
      description:
        - The names of the image, for O(ocitools.registry.registry_push#module:source_name). In an OCI layout a name is often only a tag, such as V(1.4).
        - Empty for an image without a name. For such an image use RV(images[].digest), or RV(images[].config_digest) if that is null.
      type: list
      elements: str
      returned: always
      sample: ["registry.example.com/team/app:1.4"]
    digest:
      description:
        - Digest of the manifest or index. Null for an image of a C(docker save) archive that has no manifest for it, or none with compressed layers.
          M(ocitools.registry.registry_push) then creates the manifest.
      type: str
      returned: always
    config_digest:
      description: Digest of the config. Null for an index.
      type: str
      returned: always
    media_type:
      description: Media type of the manifest or index. Null if RV(images[].digest) is null.
      type: str
      returned: always
    is_index:
      description: Whether it is a multi-platform image.
      type: bool
      returned: always
    platforms:
      description:
        - The platforms, C(os/arch[/variant]), that the index or the config states. Empty for an artifact.
        - An archive of an index may lack the images of some of them. If M(ocitools.registry.registry_push) sends only one image of such an index without
          O(ocitools.registry.registry_push#module:platforms), the other platforms that the archive has follow the platform of that image.
      type: list
      elements: str
      returned: always
      sample: [linux/amd64, linux/arm64]
    size:
      description:
        - Size in bytes of the manifests that are in the archive and of the configs and layers that they list, each counted once.
        - If RV(images[].digest) is null, size in bytes of the config and of the layers as they are in the archive.
      type: int
      returned: always
    created:
      description: Creation time in the config. For an index, that of its first image. Null if the config has none, or if that image is not in the archive.
      type: str
      returned: always
    labels:
      description: Labels in the config. For an index, those of its first image. Empty if there are none.
      type: dict
      returned: always
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import archive_info
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(archive_info.OPTIONS, archive_info.run)


if __name__ == "__main__":
    main()
