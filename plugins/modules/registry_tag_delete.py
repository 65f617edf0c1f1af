#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_tag_delete
short_description: Delete tags from a registry, and nothing but the tags
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Deletes tags. Other tags of the same digest stay, and so does the manifest; what happened is checked afterwards.
  - An absent tag is fine, nothing is changed then.
  - A tag that the registry lists although it has no manifest is not absent, but left over from an interrupted deletion. It is repaired, which means that
    the smallest valid manifest is pushed to the tag and deleted by its digest.
  - Several tags are deleted in parallel, once the first of them has gone well. Digests are deleted one after another, since several registries cannot
    delete two at the same time. A tag that cannot be deleted does not keep the others from it; the
    task fails at the end and RV(failed_tags) tells why.
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
      - C([registry/]repository:tag), or C([registry/]repository) together with O(tags). V(latest) is never assumed.
      - C([registry/]repository@digest) is taken only with O(method=digest).
    type: str
    required: true
    aliases: [image]
  tags:
    description:
      - The tags to delete; of an empty list, none. Quote them; anything but a string is refused.
      - Giving them together with a tag in O(name), or neither, fails before any request.
    type: list
    elements: raw
    aliases: [tag]
  expected_digest:
    description:
      - The digest that each of the tags must have. A tag on another digest fails the task with the error kind V(precondition) before anything is
        deleted.
      - A tag that somebody moves after it was looked at is left alone where that can be seen in time, and fails with the error kind V(conflict).
    type: str
  method:
    description:
      - V(auto) deletes by tag, and by V(substitute) where the registry refuses that.
      - V(tag) sends the registry's own deletion by tag and nothing else. A registry that has none fails with the error kind V(unsupported).
      - V(substitute) points the tag at the same manifest with blanks behind it, which gives it a digest of its own, and deletes that digest. At every
        moment the tag, if it exists, pulls the same image; where the deletion fails the tag is put back, and where the task is killed in between
        the next run finishes it. It needs a registry with deletion enabled, which is checked first, and refuses manifests that refer to another one.
      - V(digest) deletes the manifest and with it every tag on it, which are listed in RV(also_deleted_tags). It is refused with the error kind
        V(precondition) where an index that a tag reaches needs the manifest.
    type: str
    choices: [auto, tag, substitute, digest]
    default: auto
notes:
  - Where the registry removes more than it was asked for, that is put back as far as it is known, nothing further is deleted, and the task fails with
    the error kind V(unsupported) and says so. A manifest whose last tag was deleted may go, as registries do that keep no manifest without a tag. It is
    listed in RV(also_deleted_manifests).
  - Some registries delete later than they answer. The task waits for as long as O(timeout) says. If the tag is still there then, the task fails with the
    error kind V(conflict), and the deletion may still happen.
  - The registries of GitHub and Docker Hub have no deletion by this protocol; the message names their own way.
  - Deleting by tag takes seven requests, V(substitute) nine, and V(auto) eleven where it has to try both, all checks included. Several tags cost one
    listing of the tags more. An absent tag takes four.
  - The space of layers is freed by the registry's garbage collection, not by this module. The guide to retention tells what each registry does.
seealso:
  - module: ocitools.registry.registry_prune
  - module: ocitools.registry.registry_tag
"""

EXAMPLES = r"""
- name: Remove the release candidate, keep the release on the same digest
  ocitools.registry.registry_tag_delete:
    name: registry.example.com/team/app
    tags: ["1.4.2-rc1"]

- name: Remove the tags of a branch that was merged
  ocitools.registry.registry_tag_delete:
    name: registry.example.com/team/app
    tags:
      - feature-login
      - feature-login-debug

- name: Remove a tag only if nobody moved it
  ocitools.registry.registry_tag_delete:
    name: registry.example.com/team/app:1.4.2-rc1
    expected_digest: "{{ candidate.images[0].digest }}"
"""

RETURN = r"""
deleted_tags:
  description: The tags that were deleted (in check mode, would be).
  type: list
  elements: str
  returned: success
absent_tags:
  description: The tags that were not there, or were gone before their turn came.
  type: list
  elements: str
  returned: success
also_deleted_tags:
  description: Tags that were not named but were on a digest that was deleted.
  type: list
  elements: str
  returned: success
also_deleted_manifests:
  description: The digests of manifests that the registry deleted along with their last tag. In check mode the list is empty, since only the deletion shows it.
  type: list
  elements: str
  returned: success
digests:
  description: The digest that each deleted tag was on; null for a tag that had no manifest.
  type: dict
  returned: success
methods:
  description:
    - How each tag was deleted, V(tag), V(substitute), V(digest), or V(repair) for a tag that was listed without a manifest.
    - In check mode V(auto) where the registry would have to be tried.
  type: dict
  returned: success
failed_tags:
  description: The tags (with O(method=digest), the digests) that could not be deleted, each with the reason; empty on success.
  type: dict
  returned: always after the tags were looked at
"""


from ..module_utils._tasks import tag_delete
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(tag_delete.OPTIONS, tag_delete.run)


if __name__ == "__main__":
    main()
