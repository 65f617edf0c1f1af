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
  - Copies images, multi-platform indexes (also nested ones) and artifacts to another repository, with the fewest requests and without sending a
    byte that is there. Manifests go over byte by byte as they are, so digests stay.
  - Within a registry layers are mounted, not sent. Between registries they are streamed through the host that runs the task, checked against their
    digests on the way, and never written to its disk.
  - Children go before their index and tags come last, so that no tag ever points to something incomplete. An interrupted copy can simply be run again.
  - Layers that may not be distributed are left out and listed.
extends_documentation_fragment:
  - ocitools.registry._two_registries
  - ocitools.registry._verify
  - ocitools.registry._registry
  - ocitools.registry._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  src:
    description:
      - The image to copy, C([registry/]repository[:tag][@digest]); without tag and digest the tag V(latest). With both, the digest decides.
      - An image that is absent fails with the error kind V(not_found).
    type: str
    aliases: [source]
  dest:
    description:
      - Where it goes, C([registry/]repository[:tag]). Without a tag O(tags) are the only tags, without those it takes the tag of O(src); of a
        source that is named by digest alone, the copy has no tag.
      - A digest here is refused, since digests follow from what is copied.
    type: str
    aliases: [destination]
  images:
    description:
      - Several images to copy in one task, instead of O(src) and O(dest). They are copied side by side and share connections and tokens, and a layer that
        several of them have is sent once.
      - An image that cannot be copied does not stop the others. Its entry in RV(images) has an C(error), and the task fails at the end.
      - Names that break the naming rules, two images for one tag, and an image that another one of the list is copied to, fail before any request.
    type: list
    elements: dict
    suboptions:
      src:
        description: The image to copy.
        type: str
        required: true
        aliases: [source]
      dest:
        description: Where it goes.
        type: str
        required: true
        aliases: [destination]
      tags:
        description: Further tags for this image, instead of those in O(tags); an empty list stands for none.
        type: list
        elements: raw
        aliases: [tag]
      platforms:
        description: The platforms of this image, instead of those in O(platforms); an empty list stands for all.
        type: list
        elements: str
        aliases: [platform]
  tags:
    description:
      - Further tags for the copy. Quote them; anything but a string is refused, since YAML reads C(1.10) as C(1.1).
    type: list
    elements: raw
    aliases: [tag]
  platforms:
    description:
      - Copy only these platforms, C(os/arch[/variant]), of an index, with their attestations. The result is a new, smaller index with a digest of its
        own, and RV(digest_changed) says so.
      - A platform that the index lacks fails with the error kind V(not_found); the message lists those that it has. A single image is copied as it is
        if it is for that platform, else it fails likewise.
    type: list
    elements: str
    aliases: [platform]
  referrers:
    description:
      - Also copy what refers to the image and its children (signatures, attestations, SBOMs), by the referrers API or the tag that stands in
        for it, the tags C(sha256-...) under which cosign keeps signatures, and what belongs to those.
      - Where the destination has no referrers API, that tag is kept up to date there; what others entered in it stays.
      - Where the API answers with a web page or leads to a host that is refused, the tag is read, and a warning tells of it.
    type: bool
    default: false
  existing:
    description:
      - What to do with a tag that is on another digest. V(overwrite) moves it, V(keep) leaves it, V(fail) fails with the error kind V(conflict) before
        anything of that image is written. A tag that is on the same digest is never a conflict.
      - It is so for the tags of signatures as well.
      - A registry that answers 403 for what is absent hides whether there is such a tag. With V(overwrite) it is written all the same.
    type: str
    choices: [overwrite, keep, fail]
    default: overwrite
  expected_digest:
    description:
      - The digest that O(src) must have. Where it has another one, the task fails with the error kind V(precondition) before anything is written.
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
  description: Whether they differ, since O(platforms) made a smaller index of it.
  type: bool
  returned: success, with O(src)
media_type:
  description: The media type of the copy.
  type: str
  returned: success, with O(src)
image:
  description: The copy by its digest, C(name@digest).
  type: str
  returned: success, with O(src)
size:
  description: Size in bytes of all manifests, configs and layers of the image; null where its digest alone told that there was nothing to do.
  type: int
  returned: success, with O(src)
tagged_images:
  description: The images that were written (in check mode, would be), C(name:tag).
  type: list
  elements: str
  returned: success, with O(src)
unchanged_images:
  description: The images that were on the digest already.
  type: list
  elements: str
  returned: success, with O(src)
kept_images:
  description: The images that stay on another digest, with O(existing=keep).
  type: list
  elements: str
  returned: success, with O(src)
previous:
  description: What each tag was on before, a digest or null.
  type: dict
  returned: success, with O(src)
uploaded_blobs:
  description:
    - The blobs that were sent, each with C(digest) and C(size). In check mode a blob that is missing, though it might be mounted.
  type: list
  elements: dict
  returned: success, with O(src)
mounted_blobs:
  description:
    - The blobs that the registry took from another of its repositories. Mounting does not tell whether one was there before; such a blob is listed
      here, too, and check mode, which asks, lists it in RV(existing_blobs).
  type: list
  elements: dict
  returned: success, with O(src)
existing_blobs:
  description: The blobs that were there already; empty where its digest alone told that there was nothing to do.
  type: list
  elements: dict
  returned: success, with O(src)
uploaded_bytes:
  description: How many bytes of blobs were sent.
  type: int
  returned: success, with O(src)
mounted_bytes:
  description: How many bytes of blobs were mounted.
  type: int
  returned: success, with O(src)
existing_bytes:
  description: How many bytes of blobs were skipped, since they were there already, as far as RV(existing_blobs) lists them.
  type: int
  returned: success, with O(src)
skipped_layers:
  description: Layers that may not be distributed and were left out, each with C(digest), C(size) and C(media_type).
  type: list
  elements: dict
  returned: success, with O(src)
referrers:
  description: What was copied with the image. What it needed to be sent is not counted in the other values.
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
      description: What kind of artifact it is, an empty string where it does not say.
      type: str
      returned: always
    changed:
      description: Whether it was missing.
      type: bool
      returned: always
elapsed:
  description: How long it took, in seconds.
  type: float
  returned: success, with O(src)
images:
  description:
    - What became of each image, in order, also when the task fails since some of them could not be copied.
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
      description: Whether anything was, or in check mode would be, written.
      type: bool
      returned: always
    error:
      description: Why it could not be copied, the keys C(msg), C(kind), C(status), C(code), C(registry) and C(reference).
      type: dict
      returned: where it failed
"""


from ..module_utils._tasks import copy
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(copy.OPTIONS, copy.run, copy.RULES)


if __name__ == "__main__":
    main()
