#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_sync
short_description: Make a registry, or a directory to carry, hold what a list of images says
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Mirrors images from any registries to one, by names or by rules that choose among the tags of repositories, or carries them in a directory to
    where no network leads.
  - What is there already is not sent again. Digests stay as they are, unless O(platforms) makes smaller indexes.
  - Lists of tags are read first, and two images for one tag are refused before anything is written. Then the images are copied side by side. One that
    fails does not stop the others; the task fails at the end and RV(failed_names) lists the failures. The next run has only those left to do, also
    after a run that was killed.
  - A list of N images that are all there costs 2 N requests, and a token for each repository on each side. It costs N where the source is named by
    its digest or is a directory. An image with O(platforms) costs one request more, for its index. Lists of tags (one for each repository of which
    tags are chosen), O(referrers) and O(extra=delete) come on top.
extends_documentation_fragment:
  - ocitools.registry._verify
  - ocitools.registry._two_registries
  - ocitools.registry._registry
  - ocitools.registry._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  images:
    description:
      - The images. Each is a name, C([registry/]repository[:tag][@digest]), or a dictionary with C(src) and any of C(dest), C(tags), C(platforms),
        C(referrers), C(include), C(exclude), C(semver), C(newest) and C(sort).
      - C(dest) is the C(repository[:tag]) below O(dest_registry); without it the path stays as it is in the source. C(tags) are further tags, which
        take the place of the source's tag where C(dest) has none. C(platforms) and C(referrers) take the place of the options O(platforms) and
        O(referrers).
      - With C(include), C(exclude), C(semver) or C(newest), C(src) is a repository of which tags are chosen, those that fit all of them. Tags such as
        C(sha256-....sig) are never chosen, they belong to other images; see O(referrers).
      - C(include) and C(exclude) are regular expressions, matched anywhere in the tag.
      - C(semver) is a range of semantic versions, such as C(>=1.2 <2), C(~1.4), C(^2) or C(1.x), alternatives with C(||). Tags that are no version
        never fit, and pre-releases only where the range names one.
      - C(newest) is how many of the chosen tags to take. C(sort) says which are the newest, V(version) (the default) or V(created). With V(created)
        the manifest and config of every tag that fits is read; an image whose date cannot be told counts as newest. With O(src_dir) it must be V(version).
      - Everything that is wrong in the list is told at once, before any request.
      - Required unless O(src_dir) is given, of which it then chooses images by their names.
    type: list
    elements: raw
  dest_registry:
    description:
      - The registry to fill, C(host[:port][/prefix]). One of O(dest_registry) and O(dest_dir) is required.
    type: str
  dest_dir:
    description:
      - A directory to export to, made where it is missing. It gets one OCI layout for each repository, and the list C(images.yml) with the C(name),
        C(path), C(digest), C(size) and C(platforms) of each image, and with what refers to it.
      - Images that left the list stay in the layouts, but C(images.yml) does not name them any more.
      - Hosts that divide a list by O(shard) each need a directory of their own.
    type: path
  src_dir:
    description:
      - A directory that an export has written, here or by the role C(mirror) of release 1.0; no other source is asked. Without O(images) all of it is
        brought, to where the list of the export says.
      - Every image is held against the digest in C(images.yml), every manifest and layer against its own.
      - A C(images.yml) of more than 16 MiB is refused, and so is YAML that no export writes, such as aliases.
      - Also an archive of C(docker save) or an OCI archive or layout, with one image or many. Where an image in it has no full name, name it in
        O(images) by what it is called there, and give its C(dest).
    type: path
  keep_host:
    description:
      - Whether the source's host becomes a part of the path at the destination, so C(docker.io/library/alpine) instead of C(library/alpine). A V(:)
        in it becomes V(-).
    type: bool
    default: false
  platforms:
    description:
      - Only these platforms of indexes, C(os/arch[/variant]), with their attestations, where an image does not say otherwise.
      - A part of an index is an index with another digest than the source's. Whoever deploys by digest takes RV(images[].digest), not the digest from
        outside, and signatures of the whole index do not fit it. RV(images[].digest_changed) tells.
    type: list
    elements: str
    default: []
  referrers:
    description:
      - Whether what refers to an image (signatures, attestations, SBOMs) comes along, where an image does not say otherwise; as in
        M(ocitools.registry.registry_copy). An export carries it too, and an import brings all that was carried.
    type: bool
    default: false
  empty:
    description:
      - What to do where a repository of which tags are chosen has none, or where none fits. V(fail) counts the entry as failed, V(ok) goes on.
      - Some registries do not know a repository without tags; with V(ok) that is fine too.
    type: str
    choices: [fail, ok]
    default: fail
  existing:
    description:
      - What to do with a tag at the destination that is on another digest. V(overwrite) moves it, V(keep) leaves it, V(fail) fails that image with
        the error kind V(conflict).
    type: str
    choices: [overwrite, keep, fail]
    default: overwrite
  extra:
    description:
      - What to do with further tags at the destination, in repositories of which tags were chosen. V(delete) deletes those that the list does not
        account for, as M(ocitools.registry.registry_prune) does, with its safeguards; what belongs to images that stay is kept.
      - Nothing is deleted in a repository where an image failed, or for which an entry chose no tag. Not with
        O(dest_dir) or O(src_dir).
    type: str
    choices: [keep, delete]
    default: keep
  max_deletions:
    description:
      - Delete nothing at all where O(extra=delete) would delete more tags than this in the whole task, and fail with the error kind V(precondition).
        V(0) means no limit.
    type: int
    default: 100
  min_remaining:
    description:
      - How many pulls to leave to others at a source that limits them and tells what is left (C(RateLimit-Remaining), as Docker Hub does). Before
        fewer would be left, images fail with the error kind V(rate_limited). Images that are there already cost no pull.
    type: int
    default: 0
  shard:
    description:
      - Do only a part of the list, so that several hosts can divide it. The parts go by the repository at the destination, the same one is always in
        the same part, whatever else is in the list.
      - Two images for one tag are refused whichever part they are in.
    type: dict
    suboptions:
      index:
        description: Which part, from 0.
        type: int
        required: true
      count:
        description: How many parts there are.
        type: int
        required: true
notes:
  - The credentials of several sources are given in O(auth_config) or O(auth_file). O(src_username) and O(dest_username), and what goes with them, are
    for one registry.
seealso:
  - module: ocitools.registry.registry_copy
  - module: ocitools.registry.registry_prune
  - ref: ansible_collections.ocitools.registry.docsite.guide_air_gap
    description: Images across an air gap
  - ref: ansible_collections.ocitools.registry.docsite.guide_moving
    description: Moving to another registry
"""

EXAMPLES = r"""
- name: Mirror some images, and of one repository the two newest releases of version 1
  ocitools.registry.registry_sync:
    dest_registry: registry.example.com/mirror
    dest_username: robot
    dest_password: "{{ vault_registry_password }}"
    images:
      - docker.io/library/alpine:3.20
      - src: quay.io/org/app
        semver: 1.x
        newest: 2
        platforms: [linux/amd64]
      - src: quay.io/org/db:16
        dest: databases/postgres
        tags: ["16", stable]
        referrers: true

- name: Keep a mirror of all releases exactly as the source is, and leave ten pulls to others
  ocitools.registry.registry_sync:
    dest_registry: registry.example.com/mirror
    dest_username: robot
    dest_password: "{{ vault_registry_password }}"
    extra: delete
    min_remaining: 10
    images:
      - src: docker.io/org/app
        include: ['^v?\d+\.\d+']

- name: Export images to a directory that is carried inside
  ocitools.registry.registry_sync:
    dest_dir: carried
    referrers: true
    images:
      - quay.io/org/app:1.2
      - quay.io/org/db:16

- name: Import them inside
  ocitools.registry.registry_sync:
    src_dir: carried
    dest_registry: registry.example.com/mirror
    dest_username: robot
    dest_password: "{{ vault_registry_password }}"

- name: Push what docker save has put into one archive
  ocitools.registry.registry_sync:
    src_dir: bundle.tar
    dest_registry: registry.example.com/team
    dest_username: robot
    dest_password: "{{ vault_registry_password }}"
"""

RETURN = r"""
images:
  description:
    - What became of each image, in the order of the list, also when the task fails since some of them could not be copied. An entry that chooses tags
      has one for each of them.
    - Each has the values below, and of those of M(ocitools.registry.registry_copy) all but the lists of blobs.
  type: list
  elements: dict
  returned: when the list is right
  contains:
    name:
      description: The image as a full name; the repository where no tag could be chosen.
      type: str
      returned: always
    dest:
      description: Where it goes, C(registry/repository:tag), or the path of its layout.
      type: str
      returned: always
    changed:
      description: Whether anything was, or in check mode would be, written.
      type: bool
      returned: always
    digest:
      description: The digest at the destination.
      type: str
      returned: where it did not fail
    src_digest:
      description: The digest at the source.
      type: str
      returned: where it did not fail
    digest_changed:
      description: Whether they differ, since O(platforms) made a smaller index of it.
      type: bool
      returned: where it did not fail
    media_type:
      description: The media type; null where its name alone told that there was nothing to do.
      type: str
      returned: where it did not fail
    size:
      description: Size in bytes of all manifests, configs and layers; null where its digest alone told that there was nothing to do.
      type: int
      returned: where it did not fail
    uploaded_bytes:
      description: How many bytes of blobs were sent, or written to the directory.
      type: int
      returned: where it did not fail
    mounted_bytes:
      description: How many bytes of blobs the registry took from another of its repositories.
      type: int
      returned: where it did not fail
    existing_bytes:
      description: How many bytes of blobs were there already, as far as that had to be found out.
      type: int
      returned: where it did not fail
    tagged_images:
      description: The images that were written, C(name:tag).
      type: list
      elements: str
      returned: where it did not fail
    unchanged_images:
      description: The images that were on the digest already.
      type: list
      elements: str
      returned: where it did not fail
    kept_images:
      description: The images that stay on another digest, with O(existing=keep).
      type: list
      elements: str
      returned: where it did not fail
    previous:
      description: What each tag was on before, a digest or null.
      type: dict
      returned: where it did not fail
    skipped_layers:
      description: Layers that may not be distributed and were left out, each with C(digest), C(size) and C(media_type).
      type: list
      elements: dict
      returned: where it did not fail
    referrers:
      description: What came along, each with C(name), C(digest), C(media_type), C(artifact_type) and C(changed).
      type: list
      elements: dict
      returned: where referrers come along
    elapsed:
      description: How long it took, in seconds.
      type: float
      returned: where it did not fail
    error:
      description: Why it failed, the keys C(msg), C(kind), C(status), C(code), C(registry) and C(reference).
      type: dict
      returned: where it failed
failed_names:
  description: The names of the images, and of the repositories, that failed.
  type: list
  elements: str
  returned: when the list is right
deleted_tags:
  description: The tags that O(extra=delete) deleted, or in check mode would delete, C(registry/repository:tag).
  type: list
  elements: str
  returned: when the list is right
summary:
  description: Counts of all images.
  type: dict
  returned: when the list is right
  contains:
    images:
      description: How many images there are, with the entries that failed before they were any.
      type: int
      returned: always
    unchanged:
      description: How many were as they should be.
      type: int
      returned: always
    copied:
      description: How many were, or would be, written.
      type: int
      returned: always
    failed:
      description: How many failed.
      type: int
      returned: always
    bytes_sent:
      description: Bytes of blobs that were sent.
      type: int
      returned: always
    bytes_mounted:
      description: Bytes of blobs that were mounted.
      type: int
      returned: always
    bytes_existing:
      description: Bytes of blobs that were there already, as far as that had to be found out.
      type: int
      returned: always
"""


from ..module_utils._tasks import sync
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(sync.OPTIONS, sync.run, sync.RULES)


if __name__ == "__main__":
    main()
