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
  - Deletes the tags that a policy does not keep. Everything that a decision needs is read first; any read that fails ends the task before anything is
    deleted.
  - What a kept tag needs is kept too. These are the tags of the images in its index, tags that refer to it, and the tags of its signatures,
    attestations and referrers (C(sha256-...)). A tag that shares its digest with a kept one is only taken off it.
  - An image whose age is unknown counts as new. That is one without a date, or with one before 2013, as builds write that are to be reproducible.
  - With a list of repositories all of them are read and planned before the first deletion. If one cannot be read, nothing is deleted anywhere.
  - Check mode returns the same plan, with the reason for every tag, and so does the diff.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  name:
    description:
      - The repository, C([registry/]repository). A tag or digest in it is refused.
      - A repository that does not exist fails with the error kind V(not_found).
      - Or a list of repositories, since version 1.1.0. An entry is a name, or a dictionary with C(name) and any of C(include), C(exclude), C(protect),
        C(keep_last), C(keep_within), C(keep_semver), C(sort) and C(method), which then count for that repository instead of the options below. The result
        has RV(repositories). Faults of all entries are told at once, before any request; a key without a value is one.
      - A repository in which a deletion fails does not stop the others, unless the registry gives no more answers. The task fails in the end.
    type: raw
    required: true
    aliases: [repository]
  include:
    description:
      - Regular expressions, matched anywhere in the tag. Only tags that one of them matches are judged and may be deleted. Without any, all are.
      - A list, or a single one as text. Something that is no regular expression, or an empty one, fails before any request, here and in the options
        below.
      - One that the tags keep busy for more than 10 seconds fails with the error kind V(limit), here and in the options below, and nothing is deleted. That
        takes a repetition within a repetition, such as V((\\d+\\.?\)+).
    type: raw
    default: []
  exclude:
    description:
      - Regular expressions. Tags that one of them matches are neither judged nor deleted, even if O(include) matches.
    type: raw
    default: []
  protect:
    description:
      - Regular expressions. Tags that one of them matches are never deleted, but count for O(keep_last).
    type: raw
    default: []
  keep_last:
    description:
      - Keep the tags on so many digests, the newest ones (or the highest ones with O(sort=version)) among the tags that are judged. Several tags on one
        digest count once.
      - Digests that are exactly as old as the last of them are kept too. Digests of unknown age are kept and do not count.
      - One of O(keep_last) and O(keep_within) is required; a tag stays if either keeps it. A policy whose values are null, as when a variable is
        empty, fails before any request.
    type: int
  keep_semver:
    description:
      - Keep the tags that are versions in this range, such as V(>=1.2 <2), V(~1.4) or V(1.x || ^3). They count for O(keep_last). Quote it.
      - A tag that is no semantic version is never in a range, and a pre-release only in one that names a pre-release; see
        R(how versions are read, ansible_collections.ocitools.registry.docsite.guide_versions).
      - It does not take the place of O(keep_last) and O(keep_within).
    type: raw
    version_added: 1.1.0
  keep_within:
    description:
      - Keep the tags of images that were made within this time, a number of hours, days, weeks or years, for example V(12h), V(30d), V(8w) or V(1y).
      - Anything else fails before any request.
    type: str
  sort:
    description:
      - V(created) ranks by the date in the image's config, or in the annotation C(org.opencontainers.image.created) if that is newer. An index is as old
        as its newest image, and of unknown age if one of its images is.
      - V(version) ranks by the tags as versions, C(1.10) above C(1.9). A digest has the rank of its highest tag. Tags that are no versions are kept.
    type: str
    choices: [created, version]
    default: created
  max_deletions:
    description:
      - More tags to delete than this fail the task with the error kind V(precondition) and nothing is deleted, in check mode too. The plan is returned.
      - Several repositories are counted together.
      - V(0) means no limit.
    type: int
    default: 100
  method:
    description:
      - How tags are deleted, see M(ocitools.registry.registry_tag_delete). With V(digest), manifests that no kept tag leads to are deleted with all
        their tags; other tags are deleted as with V(auto).
    type: str
    choices: [auto, tag, substitute, digest]
    default: auto
notes:
  - Tags that belong to an image by their name, such as C(sha256-....sig), are not ranked. They stay with their image, and go with it if O(include)
    and O(exclude) choose them. Those whose image is gone go too; those whose image is there without any tag stay.
  - For each tag one HEAD is sent, and for each digest whose age decides, its manifest and config are read; O(concurrency) of them at a time.
  - Digests are deleted one after another, since several registries cannot delete two at the same time. Reads and deletions by tag run in parallel.
    After the last deletion the tags are listed once more. A tag that should be gone and is listed is deleted again.
  - With O(method=digest), all tags are looked at before each batch of up to 50 deletions and after the last one, since somebody may move a tag that stays
    to a digest that goes. A tag that lost its manifest that way is put back, and the task fails with the error kind V(conflict) and names it.
    What refers to each digest is read first. Where it cannot be read, nothing is deleted.
  - Some registries list tags that have no manifest, as an interrupted deletion leaves them. They protect nothing, and one warning names them. Those that
    O(include) matches, and neither O(exclude), O(protect) nor O(keep_semver), are removed, see M(ocitools.registry.registry_tag_delete). Their digest
    in RV(plan) is null.
  - A listed name that no tag can have, such as V(1.0+1), is left alone, and one warning names it. What it is on is unknown, so O(method=digest)
    deletes only tags in that repository, and no manifest.
  - A tag that somebody moves after the plan was made is left alone and fails the task at its end with the error kind V(conflict).
  - The space of layers is freed by the registry's garbage collection, not by this module. Some garbage collectors take the untagged images of an index
    that is in use; this module keeps the tags on them.
  - To see what would happen, run it in check mode. The role P(ocitools.registry.retention#role) shows that before it deletes.
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
    protect:
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

- name: Look at what would go among the release candidates
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
  description: The tags that were deleted (in check mode, would be).
  type: list
  elements: str
  returned: once the plan is made
protected_by:
  description: Why each kept tag stays.
  type: dict
  returned: once the plan is made
  sample: {"1.4.2": "one of the last 10", "sha256-9c1c...sig": "it belongs to the image of the tag 1.4.2"}
plan:
  description: What becomes of each tag, in the order of their names.
  type: list
  elements: dict
  returned: once the plan is made
  contains:
    tag:
      description: The tag.
      type: str
      returned: always
    digest:
      description: The digest that it is on; null for a tag that has no manifest.
      type: str
      returned: always
    action:
      description: V(keep) or V(delete).
      type: str
      returned: always
    reason:
      description: Why.
      type: str
      returned: always
    created:
      description: When the image was made; null where it is unknown, or did not have to be read.
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


from ..module_utils._tasks import prune
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(prune.OPTIONS, prune.run)


if __name__ == "__main__":
    main()
