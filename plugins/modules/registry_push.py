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
    C(podman), with the fewest requests and without sending a byte that is there.
  - Each blob is checked against its digest. One under 4 MiB is checked before it is sent; a larger one while it is sent, and its last part is sent only
    when the digest is right, so that a corrupt blob is never stored. Check mode reads and checks every blob that would be sent.
  - Children go before the index and tags come last, so that no tag ever points to something
    incomplete.
  - An interrupted push can simply be run again; what arrived is not sent a second time.
  - A layout or OCI archive is unchanged where the tag is on the digest of its manifest, which covers every byte. A C(docker save) archive has no
    manifest, and compression differs from tool to tool, so it is unchanged where the tag is on an image with the same config and a layer for each
    digest that the config states. The digests of layers that are not compressed are compared with it; what a compressed layer holds is
    not looked at again.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  path:
    description:
      - The image on the host that runs the task, an OCI layout directory, an OCI archive, a C(docker save) archive, or a directory as C(skopeo copy) writes
        it for C(dir:) and C(podman save) with C(--format docker-dir). Archives may be plain or compressed by gzip, bzip2, xz or zstd; what a file is, is
        found by looking at it, not by its name.
      - Where C(index.json) lists one image for each platform, without names, it is itself the multi-platform index, and is pushed as it is.
      - Symbolic links in a directory are followed as long as they stay in it. One that leads out fails with the error kind V(invalid_source).
      - A relative path begins in the folder of the playbook where the connection is local, and in the user's home folder on other hosts.
      - A compressed archive, or a compressed layer in it, may unpack to 3 GiB, or to 1100 times its size where that is more. One that unpacks to more fails
        with the error kind V(limit) before any content is sent; decompress it first where you trust it.
      - zstd needs Python 3.14 or the Python package zstandard; without, the task fails with the error kind V(missing_library).
      - A path that does not exist or cannot be read fails with the error kind V(local_io), one that holds no image or ends too early with
        V(invalid_source), one with content that does not have its digest with V(digest_mismatch).
    type: path
    required: true
    aliases: [src, load_path, input]
  name:
    description:
      - Where the image goes, C([registry/]repository[:tag][@digest]). Without a tag, O(tags) are the only tags; without both it is V(latest).
      - With a digest, the image must have that digest, else the task fails with the error kind V(precondition).
    type: str
    required: true
    aliases: [image]
  source_name:
    description:
      - Which image of O(path), by its C(org.opencontainers.image.ref.name), its name in the archive, or its digest, in archives with C(manifest.json) also
        that of its config.
      - Needed only where there are several. Without it the task fails, and C(error.choices) of the result lists the names to choose from. What is in a
        file or directory is told by M(ocitools.registry.registry_archive_info), too.
    type: str
  tags:
    description:
      - Further tags for the image. Quote them; anything but a string is refused, since YAML reads C(1.10) as C(1.1).
      - Names inside the archive are never used as tags.
    type: list
    elements: raw
    default: []
    aliases: [tag]
  platforms:
    description:
      - Push only these platforms, C(os/arch[/variant]), of an index. The result is a new, smaller index with a digest of its own.
      - A platform that the index lacks fails with the error kind V(not_found); the message lists those that it has. A single image is pushed as it is
        if it is for that platform, else it fails likewise.
    type: list
    elements: str
    default: []
    aliases: [platform]
  existing:
    description:
      - What to do with a tag that is on another digest. V(overwrite) moves it, V(keep) leaves it, V(fail) fails with the error kind V(conflict) before
        anything is written.
      - A registry that answers 403 for what is absent hides whether there is such a tag. With V(overwrite) it is written all the same.
    type: str
    choices: [overwrite, keep, fail]
    default: overwrite
  mount_from:
    description:
      - Other repositories of the same registry that may hold the layers; they are mounted from there instead of sent.
      - Each is the whole path after the host; the prefix of O(registry) is not put before it.
      - One that cannot be read is no error, the layers are sent then.
    type: list
    elements: str
    default: []
  compression:
    description:
      - How the layers of a C(docker save) archive are sent, which holds them uncompressed.
    type: str
    choices: [gzip, none]
    default: gzip
  chunk_size:
    description:
      - Size of upload chunks in bytes. V(0) sends each blob in one request, and in chunks only where the registry refuses that or the connection
        breaks again and again.
    type: int
    default: 0
seealso:
  - module: ocitools.registry.registry_tag
  - module: ocitools.registry.registry_image_info
"""

EXAMPLES = r"""
- name: Push what the build made
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
  description: Its media type.
  type: str
  returned: success
image:
  description: The image by its digest, C(name@digest).
  type: str
  returned: success
size:
  description: Size in bytes of all manifests, configs and layers of the image.
  type: int
  returned: success
tagged_images:
  description: The images that were written (in check mode, would be), C(name:tag).
  type: list
  elements: str
  returned: success
unchanged_images:
  description: The images that were on the digest already.
  type: list
  elements: str
  returned: success
kept_images:
  description: The images that stay on another digest, with O(existing=keep).
  type: list
  elements: str
  returned: success
previous:
  description: What each tag was on before, a digest or null.
  type: dict
  returned: success
uploaded_blobs:
  description: The blobs that were sent, each with C(digest) and C(size). In check mode a blob that is missing, though it might be mounted.
  type: list
  elements: dict
  returned: success
mounted_blobs:
  description: The blobs that the registry took from another of its repositories.
  type: list
  elements: dict
  returned: success
existing_blobs:
  description: The blobs that were there already.
  type: list
  elements: dict
  returned: success
uploaded_bytes:
  description: How many bytes of blobs were sent.
  type: int
  returned: success
mounted_bytes:
  description: How many bytes of blobs were mounted.
  type: int
  returned: success
existing_bytes:
  description: How many bytes of blobs were skipped, since they were there already.
  type: int
  returned: success
skipped_layers:
  description: Layers that may not be distributed and were left out, each with C(digest), C(size) and C(media_type).
  type: list
  elements: dict
  returned: success
elapsed:
  description: How long it took, in seconds.
  type: float
  returned: success
"""


from ..module_utils._tasks import push
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(push.OPTIONS, push.run)


if __name__ == "__main__":
    main()
