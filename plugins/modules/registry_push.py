#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_push
short_description: Push an image from a file or directory to a registry
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Pushes an image or multi-platform index from an OCI layout directory, an OCI archive, a C(docker save) archive or a C(dir:) directory of C(skopeo) and
    C(podman), in few requests. Skips blobs that the registry already has.
  - Verifies the digest of each blob. Blobs under 4 MiB are verified before they are sent. Larger ones are verified while they are sent, and the last part
    is sent only if the digest is right, so that the registry never stores a corrupt blob. Check mode reads and verifies every blob that would be sent.
  - Pushes child images before the index, and tags last, so that no tag ever points to an incomplete image.
  - You can run an interrupted push again. Blobs that arrived are not sent again.
  - For a layout or OCI archive, C(changed) compares the digest of the manifest, which covers every byte. A C(docker save) archive has no manifest, and
    tools compress differently. It is unchanged if the tag points to an image with the same config and a layer for each digest in the config. Layers that
    are not compressed in the registry must have these digests. The content of compressed layers is not read again.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
options:
  path:
    description:
      - Path of the image on the host that runs the task. It is an OCI layout directory, an OCI archive, a C(docker save) archive, or a directory that
        C(skopeo copy) writes for C(dir:) and C(podman save) with C(--format docker-dir). Archives may be compressed with gzip, bzip2, xz or zstd. The type
        is detected from the content, not from the file name.
      - If C(index.json) lists one image for each platform, without names, it is the multi-platform index itself and is pushed unchanged.
      - Symbolic links in a directory are followed if they stay in it. A link that leads out fails with the error kind V(invalid_source).
      - A compressed archive, or a compressed layer in it, may unpack to 3 GiB or to 1100 times its size, whichever is more. More than that fails with the
        error kind V(limit) before any content is sent. If you trust the archive, decompress it first.
      - zstd requires Python 3.14 or the Python package zstandard. Otherwise the task fails with the error kind V(missing_library).
      - A path that does not exist or cannot be read fails with the error kind V(local_io). A file without an image, or a truncated one, fails with
        V(invalid_source), and content with a wrong digest with V(digest_mismatch).
    type: path
    required: true
    aliases: [src, load_path, input]
  name:
    description:
      - The image to push to, C([registry/]repository[:tag][@digest]). Without a tag, only O(tags) are set. Without both, the tag is V(latest).
      - If the name has a digest and the image has another one, the task fails with the error kind V(precondition).
    type: str
    required: true
    aliases: [image]
  source_name:
    description:
      - The image of O(path) to push, by its C(org.opencontainers.image.ref.name), its name in the archive, or its digest. In archives with C(manifest.json)
        the digest of the config works too.
      - Required only if O(path) has several images. Without it, or with an empty value, the task then fails, and C(error.choices) of the result lists the
        names.
        M(ocitools.registry.registry_archive_info) also lists them.
    type: str
  tags:
    description:
      - Additional tags for the image. Quote them, since YAML reads C(1.10) as C(1.1). Anything but a string fails.
      - Names inside the archive are never used as tags.
    type: list
    elements: raw
    default: []
    aliases: [tag]
  platforms:
    description:
      - Push only these platforms, C(os/arch[/variant]), of an index. The result is a new, smaller index with a digest of its own.
      - A platform that is not in the index fails with the error kind V(not_found), and the message lists the platforms of the index. A single image is
        pushed unchanged if it is for that platform, and fails in the same way otherwise.
    type: list
    elements: str
    default: []
    aliases: [platform]
  existing:
    description:
      - What to do with a tag that points to another digest. V(overwrite) moves it, V(keep) leaves it, and V(fail) fails with the error kind V(conflict)
        before anything is written.
      - Some registries answer 403 for missing tags, which hides whether the tag exists. With V(overwrite) the tag is written anyway.
        With V(keep) and V(fail) the task fails with the error kind V(denied).
    type: str
    choices: [overwrite, keep, fail]
    default: overwrite
  mount_from:
    description:
      - Other repositories of the same registry that may have the layers. The registry then mounts them from there, and they are not sent.
      - Each is the full path after the host. The prefix of O(registry) is not added.
      - A repository that cannot be read is not an error. The layers are then sent.
    type: list
    elements: str
    default: []
  compression:
    description:
      - Compression of the layers of a C(docker save) archive, which are uncompressed in the archive.
      - With V(gzip), the compressed layers are written to Ansible's temporary folder (C(ansible_remote_tmp)) before they are sent. It needs space for all of
        them.
    type: str
    choices: [gzip, none]
    default: gzip
  chunk_size:
    description:
      - Size of upload chunks in bytes. V(0) sends each blob in one request, and in chunks only if the registry refuses that or the connection breaks
        repeatedly.
      - A negative number fails.
    type: int
    default: 0
seealso:
  - module: ocitools.registry.registry_tag
  - module: ocitools.registry.registry_image_info
"""

EXAMPLES = r"""
- name: Push the image that the build wrote
  ocitools.registry.registry_push:
    path: app.tar
    name: registry.example.com/team/app:1.4.2-rc1

- name: Push one image of a layout to two tags, and never move them
  ocitools.registry.registry_push:
    path: build/layout
    source_name: 1.4.2
    name: registry.example.com/team/app
    tags: ["1.4.2", "1.4"]
    existing: fail
"""

RETURN = r"""
digest:
  description: The digest of the image or index.
  type: str
  returned: success
  sample: sha256:9c1c1f4d3ae5b1bb7c3f2c7f4e6f30db1eb0da5f3d8bbaac0bd43cf1ec4fbf2a
media_type:
  description: The media type of the image or index.
  type: str
  returned: success
image:
  description: The image with its digest, C(name@digest).
  type: str
  returned: success
size:
  description: Size in bytes of all manifests, configs and layers of the image.
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
  description: The tags that were kept on another digest with O(existing=keep).
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
elapsed:
  description: Duration in seconds.
  type: float
  returned: success
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import push
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(push.OPTIONS, push.run)


if __name__ == "__main__":
    main()
