#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_pull
short_description: Pull an image from a registry to a file or directory
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Pulls an image, a multi-platform index or an artifact to an OCI layout directory, an OCI archive or a C(docker save) archive. It needs no container
    engine and unpacks nothing.
  - Verifies the digest of each blob while it writes it to a file that only its owner can read. The image becomes visible when it is complete. After a
    failure, the previous content of O(path) is still there, and no temporary files are left.
  - Verifies existing blobs and does not download them again. If a pull to a layout is interrupted, even by a power failure, run the task again to
    continue it.
  - An unchanged image takes one request, which registries do not count as a pull, and none if you name it by its digest. This applies to
    O(format=oci-layout) and O(format=oci-archive) without O(platforms). Otherwise the manifest is read. With O(format=docker-archive) the manifest of the
    image for the platform is read too.
extends_documentation_fragment:
  - ocitools.registry._verify
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
  - ansible.builtin.files
options:
  name:
    description:
      - The image, C([registry/]repository[:tag][@digest]). Without tag and digest, the tag is V(latest).
      - An image that does not exist fails with the error kind V(not_found) and changes nothing.
    type: str
    required: true
    aliases: [image]
  path:
    description:
      - Path to pull to on the host that runs the task. It is a directory for V(oci-layout), and a file for the archives. It may be, or lie behind, a
        symbolic link. Links inside a layout fail.
      - A symbolic link of another user is not followed if it is in a folder that others can write to. It fails with the error kind V(local_io). If you
        trust the link, use the path that it leads to.
      - Its parent folder must exist. If it cannot be written, the task fails with the error kind V(local_io). The message has the path and the reason, such
        as a full disk, a missing permission or a path of the wrong type.
      - A directory that is neither empty nor a layout fails. A file of another kind is replaced.
      - Two tasks must not write to one path at the same time, unless both use O(append=true). A task whose files another one has removed from a layout
        fails with the error kind V(conflict).
    type: path
    required: true
    aliases: [dest, archive_path]
  format:
    description:
      - V(oci-layout) is a directory in which images share their common blobs. Nothing is converted, and all digests stay the same.
      - V(oci-archive) is a layout in one tar file. The same image always gives the same bytes.
      - V(docker-archive) is an archive for C(docker load) and C(podman load). It contains one image. Its layers are decompressed and verified against the
        config of the image. For an index, set O(platforms) to one platform.
      - With V(docker-archive), an artifact, or an image with layers that are encrypted or must not be distributed, fails with the error kind
        V(unsupported). A layer that does not match the config fails with V(digest_mismatch). A layer that unpacks to more than 3 GiB, or 1100 times the
        size of all layers if that is more, fails with V(limit). So does a layer that needs more than 80 MiB of memory to decompress.
      - With V(docker-archive), layers compressed with zstd require Python 3.14 or the Python package zstandard. Otherwise the task fails with the error
        kind V(missing_library).
    type: str
    choices: [oci-layout, oci-archive, docker-archive]
    default: oci-layout
  platforms:
    description:
      - Pull only these platforms, C(os/arch[/variant]), of an index. The result is a new, smaller index with its own digest. With
        O(format=docker-archive), which requires one platform, it is the image for that platform.
      - A platform that is not in the index fails with the error kind V(not_found), and the message lists its platforms. A single image is
        pulled as it is, and fails in the same way if it is not for each of them.
    type: list
    elements: str
    default: []
    aliases: [platform]
  append:
    description:
      - Whether to keep the other images of the layout. With V(false), the layout contains only this image afterwards. Blobs of other images are removed,
        and files that are not part of a layout stay.
      - An image with the same name is replaced, but its blobs stay. A layout whose C(index.json) cannot be read fails with the error kind
        V(invalid_source).
      - A layout contains at most 10,000 images. One more fails with the error kind V(limit).
      - V(true) fails with the error kind V(invalid_option) if O(format) is an archive.
    type: bool
    default: false
  mode:
    description:
      - The permissions of the archive, or of all files of the layout. Quote a number, or write it with a leading zero.
      - The directories of a layout also get the permission to enter wherever this gives the permission to read.
      - By default, a replaced archive keeps its permissions and its owner, and new files follow the umask. An archive of another user in a folder that all
        users can write to, such as C(/tmp), is replaced by a new file.
      - An invalid value fails with the error kind V(invalid_option).
  unsafe_writes:
    description:
      - Has no effect. A file that cannot be replaced by renaming, such as a mount point, fails with the error kind V(local_io).
notes:
  - In a layout and an OCI archive, the image has two annotations. C(org.opencontainers.image.ref.name) is its tag, which C(skopeo), C(umoci) and C(oras)
    use as its name (C(oci:path:tag)). C(io.containerd.image.name) is its full name, which distinguishes images of several repositories with the same tag.
    An image that is pulled by its digest has only the second one. M(ocitools.registry.registry_push) accepts either as O(ignore:source_name).
  - An image with Docker's media types is stored unchanged in a layout or an OCI archive. C(podman load) and M(ocitools.registry.registry_push) can read it.
    C(skopeo) can read it only if it is the only image and you give no tag. C(umoci) cannot read it.
  - Layers that must not be distributed are never downloaded from elsewhere. They are left out and listed in RV(skipped_layers).
  - Ansible adds C(size), C(mode), C(owner) and so on of O(path) to the result.
seealso:
  - module: ocitools.registry.registry_push
  - module: ocitools.registry.registry_copy
"""

EXAMPLES = r"""
- name: Pull an image with all its platforms to a directory
  ocitools.registry.registry_pull:
    name: registry.example.com/team/app:1.4.2
    path: app

- name: Add an image to those in a directory that goes into a closed network
  ocitools.registry.registry_pull:
    name: registry.example.com/team/app:1.4.2
    path: images
    append: true

- name: Make an archive of one platform for docker load, readable by its owner only
  ocitools.registry.registry_pull:
    name: registry.example.com/team/app:1.4.2
    path: app.tar
    format: docker-archive
    platforms: [linux/amd64]
    mode: "0600"
"""

RETURN = r"""
digest:
  description:
    - The digest of the image or index, as the registry has it. With O(platforms) it is that of the smaller index, or with O(format=docker-archive) that of
      the image for the platform.
  type: str
  returned: success
  sample: sha256:9c1c1f4d3ae5b1bb7c3f2c7f4e6f30db1eb0da5f3d8bbaac0bd43cf1ec4fbf2a
path:
  description: The O(path).
  type: str
  returned: success
format:
  description: The O(format).
  type: str
  returned: success
image_size:
  description: Size in bytes of all manifests, configs and layers of the image, as they are in the registry.
  type: int
  returned: success
downloaded_blobs:
  description: The blobs that were downloaded, each with C(digest) and C(size). In check mode, those that would be. For an archive it is all or none.
  type: list
  elements: dict
  returned: success
existing_blobs:
  description: The blobs that already existed and were verified.
  type: list
  elements: dict
  returned: success
downloaded_bytes:
  description: Total size in bytes of the downloaded blobs. In check mode, of those that would be downloaded.
  type: int
  returned: success
skipped_layers:
  description: Layers that were left out because they must not be distributed, each with C(digest), C(size) and C(media_type).
  type: list
  elements: dict
  returned: success
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import pull
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(pull.OPTIONS, pull.run, pull.RULES)


if __name__ == "__main__":
    main()
