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
  - Deletes tags. Other tags on the same digest stay, and so does the manifest. The result is checked afterwards.
  - A tag that does not exist is not an error and changes nothing.
  - An interrupted deletion can leave a tag that the registry lists although it has no manifest. To repair it, the module pushes the smallest
    valid manifest to the tag and deletes that by its digest.
  - Deletes several tags in parallel after the first one has succeeded. Digests are deleted one after another, since some registries cannot delete two at
    the same time. A tag that cannot be deleted does not stop the others. The task fails at the end, and RV(failed_tags) has the reasons.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
options:
  name:
    description:
      - The tag to delete, C([registry/]repository:tag), or C([registry/]repository) together with O(tags). There is no default tag.
      - C([registry/]repository@digest) is allowed only with O(method=digest).
    type: str
    required: true
    aliases: [image]
  tags:
    description:
      - The tags to delete. An empty list deletes nothing. Quote them. Anything but a string fails.
      - Set either a tag in O(name) or this option. Both, or neither, fails before any request.
    type: list
    elements: raw
    aliases: [tag]
  expected_digest:
    description:
      - The digest that each of the tags must have. A tag on another digest fails the task with the error kind V(precondition) before anything is
        deleted.
      - If somebody moves a tag during the task and the module notices in time, the tag is kept and fails with the error kind V(conflict).
    type: str
  method:
    description:
      - V(auto) deletes by tag, and uses V(substitute) if the registry refuses that.
      - V(tag) uses only the registry's own deletion by tag. A registry without it fails with the error kind V(unsupported).
      - V(substitute) uploads the manifest with trailing spaces to the tag, which gives it a new digest, and deletes that digest. Whenever the tag exists,
        it pulls the same image. If the deletion fails, the tag is restored. If the task is killed in between, the next run finishes it. The registry must
        have deletion enabled, which is checked first. A manifest that refers to another one (C(subject)) fails with the
        error kind V(unsupported).
      - V(digest) deletes the manifest and with it every tag on it, which are listed in RV(also_deleted_tags). If a tagged index needs the manifest, the
        task fails with the error kind V(precondition).
    type: str
    choices: [auto, tag, substitute, digest]
    default: auto
notes:
  - If the registry removes more than requested, the module restores what it knows, deletes nothing else, and fails with the error kind V(unsupported).
    Some registries keep no manifest without a tag. A manifest that they remove with its last tag is listed in RV(also_deleted_manifests).
  - Some registries delete asynchronously. The task waits up to O(timeout). If the tag still exists then, the task fails with the error kind V(conflict),
    and the deletion may still happen.
  - The registries of GitHub and Docker Hub do not support deletion through this protocol. The message names their own way.
  - Deleting by tag takes seven requests, V(substitute) nine, and V(auto) eleven if it has to try both, including all checks. Several tags take one more
    list of the tags. A tag that does not exist takes four.
  - The registry's garbage collection frees the disk space of layers, not this module. The guide to retention explains what each registry does.
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
  description: The tags that were deleted. In check mode, those that would be deleted. If the task fails, those that it deleted before.
  type: list
  elements: str
  returned: once the tags were looked at
absent_tags:
  description: The tags that did not exist, or were gone before their turn.
  type: list
  elements: str
  returned: once the tags were looked at
also_deleted_tags:
  description: Tags that you did not name but that were on a deleted digest.
  type: list
  elements: str
  returned: once the tags were looked at
also_deleted_manifests:
  description: The digests of manifests that the registry deleted along with their last tag. In check mode the list is empty, since only the deletion shows
    it.
  type: list
  elements: str
  returned: once the tags were looked at
  version_added: 1.1.0
digests:
  description: The digest that each deleted tag pointed to, or null for a tag without a manifest.
  type: dict
  returned: once the tags were looked at
methods:
  description:
    - How each tag was deleted, V(tag), V(substitute), V(digest), or V(repair) for a tag that was listed without a manifest.
    - In check mode V(auto) where the registry would have to be tried.
  type: dict
  returned: once the tags were looked at
failed_tags:
  description: The tags (with O(method=digest), the digests) that could not be deleted, each with the reason; empty on success.
  type: dict
  returned: once the tags were looked at
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import tag_delete
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(tag_delete.OPTIONS, tag_delete.run)


if __name__ == "__main__":
    main()
