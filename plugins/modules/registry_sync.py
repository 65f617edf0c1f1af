#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_sync
short_description: Mirror a list of images to a registry or a directory
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Mirrors images from any registries to one registry, by name or by rules that select tags. It can also export them to a directory, and import that
    directory where there is no network connection to the sources.
  - Skips images and blobs that the destination already has. Digests stay the same, unless O(platforms) makes a smaller index.
  - Reads the lists of tags first. Two images for the same tag fail before anything is written. Then images are copied in parallel. If an image fails, the
    task continues with the others, fails at the end, and lists the failures in RV(failed_names). The next run copies only what is missing, even if the task
    was killed.
  - If three images in a row failed because a registry did not respond, and it has not responded for a minute, its other images fail without being tried.
    The status 502, 503 or 504 counts as no response.
  - For N images that are up to date, the module sends 2 N requests, and requests one token for each repository on each side. It sends N requests if the
    source is a digest or a directory. An image with O(platforms) takes one more request for its index. Reading the list of tags, O(referrers) and
    O(extra=delete) take additional requests.
extends_documentation_fragment:
  - ocitools.registry._verify
  - ocitools.registry._two_registries
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
options:
  images:
    description:
      - The images to mirror. Each is a name, C([registry/]repository[:tag][@digest]), or a dictionary with C(src) and the following keys.
      - C(dest) is the C(repository[:tag]) below O(dest_registry). The default is the path of the source.
      - C(tags) are additional tags. If C(dest) has no tag, they replace the tag of the source.
      - With O(dest_dir), C(dest) and C(tags) do not change the layouts. The export records them for the import.
      - C(platforms) and C(referrers) override the options O(platforms) and O(referrers) for this entry.
      - With C(include), C(exclude), C(semver) or C(newest), C(src) is a repository. The tags that meet all of these conditions are mirrored. Tags of
        signatures and the like, such as C(sha256-....sig), are never selected. Use O(referrers) for them.
      - C(include) and C(exclude) are lists of regular expressions, which match anywhere in the tag. A tag must match at least one in C(include), and none
        in C(exclude).
      - C(semver) is a range of semantic versions, such as C(>=1.2 <2), C(~1.4), C(^2) or C(1.x). Separate alternatives with C(||). Tags that are not
        versions never match. Pre-releases match only if the range names one.
      - C(newest) is how many of the selected tags to mirror, the newest ones. C(sort), which requires it, defines which are the newest,
        V(version) (the default) or V(created). For V(created) the module reads the manifest and config of every selected tag. An image without a valid
        date counts as newest. With O(src_dir), C(sort) must be V(version).
      - All errors in the list are reported at once, before any request.
      - Required, unless O(src_dir) is set. With O(src_dir) it selects images by name. By default all images are imported.
    type: list
    elements: raw
  dest_registry:
    description:
      - The registry to mirror to, C(host[:port][/prefix]). Set exactly one of O(dest_registry) and O(dest_dir).
    type: str
  dest_dir:
    description:
      - The directory to export to. It is created if it does not exist.
      - It gets an OCI layout for each repository, and the file C(images.yml). That file lists the C(name), C(path), C(digest), C(size) and C(platforms) of
        each image, and its referrers.
      - Images that are no longer in O(images) stay in the layouts, but C(images.yml) does not list them.
      - A layout contains at most 10,000 images. Further images of its repository fail with the error kind V(limit).
      - If several hosts share a list with O(shard), each needs a directory of its own.
    type: path
  src_dir:
    description:
      - The directory to import from. It was exported with O(dest_dir), or by the role P(ocitools.registry.mirror#role) of release 1.0. No other source is
        used. Requires O(dest_registry), and excludes O(src_registry).
      - Without O(images), all images are imported, to the names that the export recorded.
      - Every image is verified against its digest in C(images.yml), and every manifest and layer against its own digest. Check mode does this as well,
        so it finds what was damaged on the way.
      - With O(verify), the signatures must be in the export as well. Export with O(referrers=true).
      - An C(images.yml) of more than 16 MiB fails, and so does YAML that an export does not write, such as aliases.
      - An archive of C(docker save), an OCI archive or an OCI layout is allowed as well. If an image in it has no full name, or shares it with
        another image, list it in O(images) with its name in the archive, or its digest, and with C(dest). Layers of C(docker save) are compressed in
        Ansible's temporary folder (C(ansible_remote_tmp)) first.
    type: path
  keep_host:
    description:
      - Whether to add the host of the source to the path at the destination, for example C(docker.io/library/alpine) instead of C(library/alpine). A C(:)
        in the host becomes C(-). It has no effect with O(dest_dir).
    type: bool
    default: false
  platforms:
    description:
      - Only mirror these platforms of multi-platform images, C(os/arch[/variant]), with their attestations and SOCI indexes. Entries of O(images) can
        override this.
      - An index with fewer platforms has another digest than the source, and signatures of the source do not match it. RV(images[].digest_changed) shows
        this. To deploy by digest, use RV(images[].digest).
      - An image without one of the platforms fails with the error kind V(not_found).
    type: list
    elements: str
    default: []
  referrers:
    description:
      - Whether to mirror the referrers of images as well (signatures, attestations, SBOMs), as M(ocitools.registry.registry_copy) does. Entries of
        O(images) can override this.
      - An export with V(true) includes them. An import always brings those that were exported, for the platforms that it imports. From a layout or archive
        of another tool, it brings those that are in it if this is V(true).
    type: bool
    default: false
  empty:
    description:
      - What to do if a repository has no tags, or if no tag matches. V(fail) counts the entry as failed. V(ok) ignores it.
      - V(ok) also ignores a repository that does not exist, since some registries do not know a repository without tags.
    type: str
    choices: [fail, ok]
    default: fail
  existing:
    description:
      - What to do if a tag at the destination points to another digest. V(overwrite) moves the tag. V(keep) leaves it. V(fail) fails that image with the
        error kind V(conflict).
      - V(keep) and V(fail) fail with O(dest_dir), since an export lists what the sources have now.
    type: str
    choices: [overwrite, keep, fail]
    default: overwrite
  extra:
    description:
      - What to do with other tags at the destination, in repositories for which an entry selects tags. V(delete) deletes the tags that the list does not
        include, with the safeguards of M(ocitools.registry.registry_prune). Whatever the remaining images need is kept.
      - Nothing is deleted in a repository if one of its images failed, or if an entry selected no tag.
      - If the first deleted tag disappears from the source as well, the destination is the same repository under another name. The tag is then restored,
        and the task fails with the error kind V(conflict).
      - V(delete) fails with O(dest_dir). With O(src_dir), it requires entries in O(images) that select tags, and deletes nothing in a repository of
        which the export could not export an image. If the directory lacks an image of O(images), nothing is deleted in the repository that its C(dest)
        names, without C(dest) nothing at all.
    type: str
    choices: [keep, delete]
    default: keep
  max_deletions:
    description:
      - The maximum number of tags that O(extra=delete) may delete in the task. If there are more, nothing is deleted, and the task fails with the error
        kind V(precondition). V(0) means no limit.
    type: int
    default: 100
  min_remaining:
    description:
      - The number of pulls to leave unused at a source that limits pulls and reports the remaining ones in C(RateLimit-Remaining), such as Docker Hub.
        Images that would use them fail with the error kind V(rate_limited). Images that are up to date do not use pulls, but for the manifests
        that O(platforms), O(referrers), O(verify) or C(sort=created) must read.
      - With V(0), the module does not check the limit.
    type: int
    default: 0
  shard:
    description:
      - Only mirror a part of the list, so that several hosts can share it. The repository at the destination decides the part. The same repository is
        always in the same part, whatever else is in the list.
      - Two images for the same tag fail, even if another part contains them.
    type: dict
    suboptions:
      index:
        description: The part to mirror, from 0 to one less than O(shard.count).
        type: int
        required: true
      count:
        description: The number of parts.
        type: int
        required: true
notes:
  - A task can mirror about 15,000 images. If the results of more images would take too much memory, it fails with the error kind V(limit) before it copies
    anything. Split the list, for example with O(shard).
  - For credentials of several sources, use O(auth_config) or O(auth_file). Options such as O(src_username) and O(dest_username) are for one registry on
    each side.
seealso:
  - module: ocitools.registry.registry_copy
  - module: ocitools.registry.registry_prune
  - ref: ansible_collections.ocitools.registry.docsite.guide_air_gap
    description: Images across an air gap
  - ref: ansible_collections.ocitools.registry.docsite.guide_moving
    description: Moving to another registry
"""

EXAMPLES = r"""
- name: Mirror images, and the two newest releases of version 1 of a repository
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

- name: Mirror all releases, delete tags that the source no longer has, and leave ten pulls unused
  ocitools.registry.registry_sync:
    dest_registry: registry.example.com/mirror
    dest_username: robot
    dest_password: "{{ vault_registry_password }}"
    extra: delete
    min_remaining: 10
    images:
      - src: docker.io/org/app
        include: ['^v?\d+\.\d+']

- name: Export images to a directory
  ocitools.registry.registry_sync:
    dest_dir: carried
    referrers: true
    images:
      - quay.io/org/app:1.2
      - quay.io/org/db:16

- name: Import the directory on the other side of an air gap
  ocitools.registry.registry_sync:
    src_dir: carried
    dest_registry: registry.example.com/mirror
    dest_username: robot
    dest_password: "{{ vault_registry_password }}"

- name: Push all images of a docker save archive
  ocitools.registry.registry_sync:
    src_dir: bundle.tar
    dest_registry: registry.example.com/team
    dest_username: robot
    dest_password: "{{ vault_registry_password }}"
"""

RETURN = r"""
images:
  description:
    - The result for each image, in the order of the list, even if some images failed. An entry that selects tags has one result for each tag.
    - Each has the values below. They are those of M(ocitools.registry.registry_copy) without the lists of blobs.
  type: list
  elements: dict
  returned: when the list is valid
  contains:
    name:
      description: Full name of the image, or what an archive calls it. If no tag could be selected, the repository.
      type: str
      returned: always
    dest:
      description:
        - The destination, C(registry/repository:tag), or the path of the layout. If no tag could be selected, without the tag.
        - Null for an image that O(src_dir) does not have, or has without a full name, unless its entry has C(dest).
      type: str
      returned: always
    changed:
      description: Whether the task wrote anything, or in check mode would write it.
      type: bool
      returned: always
    digest:
      description: Digest at the destination.
      type: str
      returned: when the image did not fail
    src_digest:
      description: Digest at the source.
      type: str
      returned: when the image did not fail
    digest_changed:
      description: Whether the two digests differ, because O(platforms) made a smaller index.
      type: bool
      returned: when the image did not fail
    media_type:
      description: Media type. Null if the digest in the name showed that there was nothing to do.
      type: str
      returned: when the image did not fail
    size:
      description: Size in bytes of all manifests, configs and layers. Null if the digests showed that there was nothing to do.
      type: int
      returned: when the image did not fail
    uploaded_bytes:
      description: Total size in bytes of the blobs that were uploaded, or written to the directory. The blobs of referrers are not counted.
      type: int
      returned: when the image did not fail
    mounted_bytes:
      description: Total size in bytes of the mounted blobs.
      type: int
      returned: when the image did not fail
    existing_bytes:
      description: Total size in bytes of the blobs that the destination already had, as far as the module had to check them.
      type: int
      returned: when the image did not fail
    image:
      description: The image at the destination with its digest, C(name@digest).
      type: str
      returned: when the image did not fail, with O(dest_registry)
    tagged_images:
      description: The tags that were written, C(name:tag). In check mode, those that would be written.
      type: list
      elements: str
      returned: when the image did not fail, with O(dest_registry)
    unchanged_images:
      description: The tags that already pointed to the digest.
      type: list
      elements: str
      returned: when the image did not fail, with O(dest_registry)
    kept_images:
      description: The tags that were kept on another digest with O(existing=keep).
      type: list
      elements: str
      returned: when the image did not fail, with O(dest_registry)
    previous:
      description: The digest that each tag pointed to before, or null.
      type: dict
      returned: when the image did not fail, with O(dest_registry)
    skipped_layers:
      description:
        - Layers that were left out because they must not be distributed, each with C(digest), C(size) and C(media_type).
          It can be empty if no tag had to change, since the manifest need not be read then.
      type: list
      elements: dict
      returned: when the image did not fail
    referrers:
      description: The mirrored referrers, each with C(name), C(digest), C(media_type), C(artifact_type) and C(changed).
      type: list
      elements: dict
      returned: with referrers, unless the image failed
    elapsed:
      description: Duration in seconds.
      type: float
      returned: when the image did not fail, with O(dest_registry)
    error:
      description: Why the image failed, with the keys C(msg), C(kind), C(status), C(code), C(registry) and C(reference).
      type: dict
      returned: when the image failed
failed_names:
  description: Names of the images and repositories that failed.
  type: list
  elements: str
  returned: when the list is valid
deleted_tags:
  description: The tags that O(extra=delete) deleted, C(registry/repository:tag). In check mode, those that it would delete.
  type: list
  elements: str
  returned: when the list is valid
summary:
  description: Counts over all images.
  type: dict
  returned: when the list is valid
  contains:
    images:
      description: Number of images, including entries that failed before their tags were selected.
      type: int
      returned: always
    unchanged:
      description: Number of images that were up to date.
      type: int
      returned: always
    copied:
      description: Number of images that were written. In check mode, those that would be written.
      type: int
      returned: always
    failed:
      description: Number of images that failed.
      type: int
      returned: always
    bytes_sent:
      description: Total size in bytes of the uploaded blobs, without those of referrers.
      type: int
      returned: always
    bytes_mounted:
      description: Total size in bytes of the mounted blobs.
      type: int
      returned: always
    bytes_existing:
      description: Total size in bytes of the blobs that the destination already had, as far as the module had to check them.
      type: int
      returned: always
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import sync
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(sync.OPTIONS, sync.run, sync.RULES)


if __name__ == "__main__":
    main()
