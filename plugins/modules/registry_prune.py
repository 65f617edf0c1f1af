#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_prune
short_description: Delete the old tags of repositories and keep what the others need
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Deletes the tags that a policy does not keep. The module first reads everything that its decisions need. If any read fails, nothing is deleted.
  - Keeps everything that a kept tag needs. These are the tags of the images in its index, tags that refer to it, and the tags of its signatures,
    attestations and referrers (C(sha256-...)). If a tag shares its digest with a kept tag, only the tag is deleted.
  - An image of unknown age counts as new. Its age is unknown if it has no date, one before 2013, as reproducible builds write, or one more than
    a day in the future.
  - A tag whose manifest has a media type that is not supported, such as Docker's schema 1, stays and does not count.
  - With a list of repositories, the module plans all of them before the first deletion. If one cannot be read, nothing is deleted anywhere.
  - Check mode returns the same plan, with the reason for every tag, and so does the diff.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
options:
  name:
    description:
      - The repository, C([registry/]repository). A name with a tag or digest fails.
      - A repository that does not exist fails with the error kind V(not_found).
      - It can also be a list of repositories, since version 1.1.0. An entry is a name, or a dictionary with C(name) and any of C(include), C(exclude),
        C(protect), C(keep_last), C(keep_within), C(keep_semver), C(sort) and C(method), which then apply to that repository instead of the options of the
        task. The result has RV(repositories). Errors in all entries are reported at once, before any request. A key without a value is an error.
      - A failed deletion in one repository does not stop the others, unless the registry stops answering. The task fails at the end.
    type: raw
    required: true
    aliases: [repository]
  include:
    description:
      - Regular expressions, matched anywhere in the tag. The policy applies only to tags that match one of them. By default it applies to all tags.
      - Give a list, or a single expression as text. An invalid or empty expression fails before any request, here and in O(exclude)
        and O(protect).
      - An expression that takes more than 10 seconds fails with the error kind V(limit), here and in O(exclude) and O(protect), and nothing is
        deleted. Nested repetitions, such as V((\\d+\\.?\)+), can take that long.
    type: raw
    default: []
  exclude:
    description:
      - Regular expressions. The policy does not apply to tags that match one of them, even if they match O(include). They are not deleted and do not count.
    type: raw
    default: []
  protect:
    description:
      - Regular expressions. Tags that match one of them are never deleted, but count for O(keep_last).
    type: raw
    default: []
  keep_last:
    description:
      - Number of newest digests whose tags are kept. With O(sort=version) it is the number of highest versions. Several tags on one digest count once.
      - Digests of exactly the same age as the last of them are kept too. Digests of unknown age are kept and do not count.
      - A number below 1 fails with the error kind V(invalid_option).
      - O(keep_last) or O(keep_within) is required. A tag stays if either of them keeps it. A policy with only null values, for example from an unset
        variable, fails before any request.
    type: int
  keep_semver:
    description:
      - Keep the tags that are versions in this range, such as V(>=1.2 <2), V(~1.4) or V(1.x || ^3). They count for O(keep_last). Quote it.
      - A tag that is not a semantic version is never in a range. A pre-release is only in a range that names a pre-release. See
        R(how versions are read, ansible_collections.ocitools.registry.docsite.guide_versions).
      - O(keep_last) or O(keep_within) is still required.
      - An invalid range, a number or an empty value fails before any request.
    type: raw
    version_added: 1.1.0
  keep_within:
    description:
      - Keep the tags of images that were created within this time. Give hours, days, weeks or years, for example V(12h), V(30d), V(8w) or V(1y).
      - Any other form fails before any request.
    type: str
  sort:
    description:
      - V(created) ranks by the date in the image's config, or in the annotation C(org.opencontainers.image.created) if that is newer. An index is as old
        as its newest image, and of unknown age if one of its images is.
      - V(version) ranks by the tags as versions, C(1.10) above C(1.9). A digest has the rank of its highest tag. Tags that are not versions are kept.
    type: str
    choices: [created, version]
    default: created
  max_deletions:
    description:
      - Highest number of tags to delete. If the plan has more, the task fails with the error kind V(precondition), also in check mode. Nothing is deleted,
        and the plan is returned.
      - Several repositories are counted together.
      - V(0) means no limit.
    type: int
    default: 100
  method:
    description:
      - How to delete tags. See M(ocitools.registry.registry_tag_delete). With V(digest), manifests that no kept tag needs are deleted with all their
        tags. Other tags are deleted as with V(auto).
    type: str
    choices: [auto, tag, substitute, digest]
    default: auto
notes:
  - Tags that belong to an image by their name, such as C(sha256-....sig), are not ranked. They are kept with their image, and deleted with it if O(include)
    and O(exclude) select them. If their image exists without any tag, they are kept. If it no longer exists, they are deleted, unless they list a manifest
    that a kept tag points to. In a repository with nothing but such tags all are kept, since their images may be in another repository.
  - It sends one HEAD request for each tag, and reads manifest and config of each digest whose age matters, O(concurrency) at a time.
  - Digests are deleted one after another, since several registries cannot delete two at the same time. Reads and deletions by tag run in parallel.
    After the last deletion the tags are listed once more. A tag that should be gone and is listed is deleted again.
  - With O(method=digest), all tags are looked at before each batch of up to 50 deletions and after the last one, since somebody may move a kept tag to
    a digest that is deleted. A tag that lost its manifest that way is restored, and the task fails with the error kind V(conflict) and names it.
    If a tag that stays disappears together with its digest, somebody else has deleted it, and a warning names it. If a deleted index lists that digest,
    the registry may have deleted it, and the task ends with the error kind V(conflict).
    The referrers of each digest are read first. If they cannot be read, nothing is deleted.
  - Some registries list tags without a manifest, for example after an interrupted deletion. They protect nothing, and one warning names them. They are
    deleted if they match O(include), and neither O(exclude), O(protect) nor O(keep_semver). See M(ocitools.registry.registry_tag_delete). Their
    digest in RV(plan) is null.
  - A listed name that is not a valid tag, such as V(1.0+1), is kept, and one warning names it. Its digest is unknown, so O(method=digest) then deletes
    only tags in that repository, and no manifests.
  - A tag that somebody moves after the plan was made is kept, and the task fails at its end with the error kind V(conflict).
  - This module does not free the disk space of layers. The registry's garbage collection does. Some garbage collectors delete untagged images of an index
    that is in use. This module keeps the tags on such images.
  - Run it in check mode for a preview. The role P(ocitools.registry.retention#role) shows the plan before it deletes.
seealso:
  - module: ocitools.registry.registry_tag_delete
  - module: ocitools.registry.registry_tag_info
"""

EXAMPLES = r"""
- name: Keep the ten newest builds, whatever was built within 30 days, and all releases
  ocitools.registry.registry_prune:
    name: registry.example.com/team/app
    exclude:
      - ^latest$
      - ^v?\d+\.\d+\.\d+$
    keep_last: 10
    keep_within: 30d

- name: Keep three builds in two repositories, and all of 1.4 in one of them
  ocitools.registry.registry_prune:
    name:
      - registry.example.com/org/app
      - name: registry.example.com/team/app
        keep_semver: "~1.4"
    keep_last: 3
    max_deletions: 20
  register: pruned

- name: Preview which release candidates would be deleted
  ocitools.registry.registry_prune:
    name: registry.example.com/team/app
    include:
      - -rc\d+$
    keep_last: 3
    sort: version
    max_deletions: 0
  check_mode: true
  register: candidates

- name: Show the reasons
  ansible.builtin.debug:
    msg: "{{ candidates.plan }}"
"""

RETURN = r"""
kept:
  description: The tags that stay.
  type: list
  elements: str
  returned: once the plan is made
deleted:
  description: The tags that were deleted. In check mode, those that would be deleted.
  type: list
  elements: str
  returned: once the plan is made
protected_by:
  description: Why each kept tag stays.
  type: dict
  returned: once the plan is made
  sample: {"1.4.2": "one of the last 10", "sha256-9c1c...sig": "it belongs to the image of the tag 1.4.2"}
plan:
  description: What happens to each tag, sorted by name.
  type: list
  elements: dict
  returned: once the plan is made
  contains:
    tag:
      description: The tag.
      type: str
      returned: always
    digest:
      description: The digest that it points to, or null for a tag without a manifest.
      type: str
      returned: always
    action:
      description: V(keep) or V(delete).
      type: str
      returned: always
    reason:
      description: The reason.
      type: str
      returned: always
    created:
      description: When the image was created. It is null if that is unknown or did not have to be read.
      type: str
      returned: always
failed_tags:
  description: The tags (with O(method=digest), the digests) that could not be deleted, each with the reason; empty on success.
  type: dict
  returned: once the plan is made
overview:
  description: With a list in O(name), for each repository by its full name why each tag goes (C(delete)) or stays (C(keep)), as planned.
  type: dict
  returned: with a list in O(name), once the plans are made
  version_added: 1.1.0
  sample: {"registry.example.com/team/app": {"delete": {"1.0": "not one of the last 3"}, "keep": {"1.4": "one of the last 3"}}}
repositories:
  description:
    - With a list in O(name), one entry for each repository, in order. Besides the keys here it has RV(kept), RV(deleted), RV(protected_by), RV(plan) and
      RV(failed_tags), which are not at the top then.
  type: list
  elements: dict
  returned: with a list in O(name), once the plans are made
  version_added: 1.1.0
  contains:
    name:
      description: The full name of the repository.
      type: str
      returned: always
    changed:
      description: Whether tags were deleted there (in check mode, would be).
      type: bool
      returned: always
    error:
      description: Why its deletions failed, with C(msg), C(kind), C(status), C(code), C(registry) and C(reference).
      type: dict
      returned: where they failed
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import prune
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(prune.OPTIONS, prune.run)


if __name__ == "__main__":
    main()
