#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_copy
short_description: Copy images between repositories and registries
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Copies images, multi-platform indexes (also nested ones) and artifacts to another repository, in few requests. Skips blobs that the registry
    already has. Manifests are copied unchanged, so digests stay the same.
  - Within a registry, layers are mounted and not sent. Between registries, layers are streamed through the host that runs the task. Their digests are
    verified on the way, and they are never written to its disk.
  - Copies child images before their index, and tags last, so that no tag ever points to an incomplete image. You can run an interrupted copy again.
  - Leaves out layers that must not be distributed, and lists them.
extends_documentation_fragment:
  - ocitools.registry._two_registries
  - ocitools.registry._verify
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
options:
  src:
    description:
      - The image to copy, C([registry/]repository[:tag][@digest]). Without tag and digest, the tag is V(latest). With both, the digest is used.
      - An image that does not exist fails with the error kind V(not_found).
      - Set either O(src) and O(dest), or O(images).
    type: str
    aliases: [source]
  dest:
    description:
      - The image to copy to, C([registry/]repository[:tag]). Without a tag, only O(tags) are set. Without those, the copy gets the tag of O(src). If O(src)
        has only a digest, the copy has no tag. Required with O(src).
      - A digest is not allowed here, since the content determines the digest.
    type: str
    aliases: [destination]
  images:
    description:
      - Several images to copy in one task, instead of O(src) and O(dest). They are copied in parallel and share connections and tokens. A layer that
        several of them have is sent once.
      - An image that cannot be copied does not stop the others. Its entry in RV(images) gets an C(error), and the task fails at the end.
      - If three images in a row failed because a registry did not respond, and it has not responded for a minute, its other images fail without being
        tried. The status 502, 503 or 504 counts as no response.
      - Invalid names, two images for one tag, and a source that is also a destination in the list fail before any request.
    type: list
    elements: dict
    suboptions:
      src:
        description: The image to copy.
        type: str
        required: true
        aliases: [source]
      dest:
        description: The image to copy to.
        type: str
        required: true
        aliases: [destination]
      tags:
        description: Additional tags for this image, instead of O(tags). An empty list means none.
        type: list
        elements: raw
        aliases: [tag]
      platforms:
        description: The platforms of this image, instead of O(platforms). An empty list means all.
        type: list
        elements: str
        aliases: [platform]
  tags:
    description:
      - Additional tags for the copy. Quote them, since YAML reads C(1.10) as C(1.1). Anything but a string fails.
    type: list
    elements: raw
    aliases: [tag]
  platforms:
    description:
      - Copy only these platforms, C(os/arch[/variant]), of an index, with their attestations and SOCI indexes. The result is a new, smaller index with its own
        digest, and RV(digest_changed) is true.
      - A platform that is not in the index fails with the error kind V(not_found), and the message lists its platforms. A single image is copied unchanged
        if it is for that platform, and fails in the same way otherwise.
    type: list
    elements: str
    aliases: [platform]
  referrers:
    description:
      - Whether to copy signatures, attestations and SBOMs that refer to the image and its children. They are found through the referrers API or its
        fallback tag, and in the tags C(sha256-...) of cosign. Their own referrers are copied too.
      - If O(platforms) creates a smaller index, the referrers of the original index are not copied.
      - If the destination has no referrers API, its fallback tag is updated. Entries of others stay.
      - If the API returns a web page or redirects to an untrusted host, the fallback tag is read, and a warning is given.
    type: bool
    default: false
  existing:
    description:
      - What to do with a tag that points to another digest. V(overwrite) moves it, V(keep) leaves it, V(fail) fails with the error kind V(conflict) before
        anything of that image is written. A tag on the same digest is never a conflict.
      - This applies to the tags of signatures as well.
      - Some registries answer 403 for missing tags, which hides whether the tag exists. With V(overwrite) the tag is written anyway.
        With V(keep) and V(fail) the image fails with the error kind V(denied).
    type: str
    choices: [overwrite, keep, fail]
    default: overwrite
  expected_digest:
    description:
      - The digest that O(src) must have. Otherwise the task fails with the error kind V(precondition) before anything is written.
      - You cannot set it together with O(images).
    type: str
seealso:
  - module: ocitools.registry.registry_tag
  - module: ocitools.registry.registry_push
  - module: ocitools.registry.registry_image_info
"""

EXAMPLES = r"""
- name: Mirror a public image
  ocitools.registry.registry_copy:
    src: docker.io/library/alpine:3.20
    dest: registry.example.com/mirror/alpine
    dest_username: robot
    dest_password: "{{ vault_registry_password }}"

- name: Promote an image within a registry, if it is still what was tested, with its signatures
  ocitools.registry.registry_copy:
    src: registry.example.com/team/app:1.4.2-rc1
    dest: registry.example.com/release/app:1.4.2
    expected_digest: "{{ tested_digest }}"
    referrers: true

- name: Promote it only if the release key has signed it
  ocitools.registry.registry_copy:
    src: registry.example.com/team/app:1.4
    dest: registry.example.com/release/app
    verify:
      keys: [release.pub]

- name: Copy several images between two registries, with two sets of credentials
  ocitools.registry.registry_copy:
    src_registry: old.example.com
    src_username: reader
    src_password: "{{ vault_old_password }}"
    dest_registry: new.example.com/imported
    dest_username: writer
    dest_password: "{{ vault_new_password }}"
    images:
      - src: team/app:1.4.2
        dest: team/app
        tags: ["1.4", "latest"]
      - src: team/db:16
        dest: team/db
        platforms: [linux/amd64, linux/arm64]
  register: copied
"""

RETURN = r"""
digest:
  description: The digest of the copy.
  type: str
  returned: success, with O(src)
  sample: sha256:9c1c1f4d3ae5b1bb7c3f2c7f4e6f30db1eb0da5f3d8bbaac0bd43cf1ec4fbf2a
src_digest:
  description: The digest of the source.
  type: str
  returned: success, with O(src)
digest_changed:
  description: Whether the digests differ, because O(platforms) created a smaller index.
  type: bool
  returned: success, with O(src)
media_type:
  description: The media type of the copy.
  type: str
  returned: success, with O(src)
image:
  description: The copy with its digest, C(name@digest).
  type: str
  returned: success, with O(src)
size:
  description: Size in bytes of all manifests, configs and layers of the image. It is null if the digests showed that there was nothing to do.
  type: int
  returned: success, with O(src)
tagged_images:
  description: The tags that were written, C(name:tag). In check mode, those that would be written. If the task fails, those that were written before.
  type: list
  elements: str
  returned: success, and failure after the copy began, with O(src)
unchanged_images:
  description: The tags that already pointed to the digest.
  type: list
  elements: str
  returned: success, with O(src)
kept_images:
  description: The tags that were kept on another digest with O(existing=keep).
  type: list
  elements: str
  returned: success, with O(src)
previous:
  description: The digest that each tag pointed to before, or null. If the task fails, only for the tags in RV(tagged_images).
  type: dict
  returned: success, and failure after the copy began, with O(src)
uploaded_blobs:
  description:
    - The blobs that were sent, each with C(digest) and C(size). In check mode all missing blobs, even if they might be mounted.
  type: list
  elements: dict
  returned: success, with O(src)
mounted_blobs:
  description:
    - The blobs that the registry mounted from another of its repositories. Mounting does not show whether the blob existed before, so existing blobs may be
      listed here. Check mode lists them in RV(existing_blobs).
  type: list
  elements: dict
  returned: success, with O(src)
existing_blobs:
  description: The blobs that the repository already had. It is empty if the digests showed that there was nothing to do.
  type: list
  elements: dict
  returned: success, with O(src)
uploaded_bytes:
  description: Total size in bytes of the uploaded blobs, without those of referrers.
  type: int
  returned: success, with O(src)
mounted_bytes:
  description: Total size in bytes of the mounted blobs.
  type: int
  returned: success, with O(src)
existing_bytes:
  description: Total size in bytes of the blobs in RV(existing_blobs).
  type: int
  returned: success, with O(src)
skipped_layers:
  description:
    - Layers that were left out because they must not be distributed, each with C(digest), C(size) and C(media_type).
      It can be empty if no tag had to change, since the manifest need not be read then.
  type: list
  elements: dict
  returned: success, with O(src)
referrers:
  description: The referrers of the image. Their blobs and bytes are not counted in the other values.
  type: list
  elements: dict
  returned: success, with O(src) and O(referrers=true)
  contains:
    name:
      description: The digest, or the tag of a signature.
      type: str
      returned: always
    digest:
      description: The digest.
      type: str
      returned: always
    media_type:
      description: The media type.
      type: str
      returned: always
    artifact_type:
      description: The artifact type, or an empty string.
      type: str
      returned: always
    changed:
      description: Whether it was missing at the destination.
      type: bool
      returned: always
elapsed:
  description: Duration in seconds.
  type: float
  returned: success, with O(src)
images:
  description:
    - The result of each image, in order. It is also returned when the task fails because some images could not be copied.
    - Each entry has the values above.
  type: list
  elements: dict
  returned: with O(images)
  contains:
    src:
      description: The source as it was given.
      type: str
      returned: always
    dest:
      description: The destination as it was given.
      type: str
      returned: always
    changed:
      description: Whether anything was written, or in check mode would be.
      type: bool
      returned: always
    error:
      description: Why the image could not be copied, with the keys C(msg), C(kind), C(status), C(code), C(registry) and C(reference).
      type: dict
      returned: where it failed
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import copy
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(copy.OPTIONS, copy.run, copy.RULES)


if __name__ == "__main__":
    main()
