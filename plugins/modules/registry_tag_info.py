#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_tag_info
short_description: List the tags of a repository in a registry
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Lists all tags of a repository. You can select them by regular expressions, sort them by name or by version, and get details of each image.
  - Leaves out listed names that are not valid tags, such as C(1.0+1), and gives a warning for each. More than 1000 of them fail with the error kind
    V(invalid_response).
  - A repository is reported missing only if the registry itself says so. Denied access, registry errors and the page of a proxy are failures.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.read_only
options:
  name:
    description:
      - The repository, C([registry/]repository), without tag or digest.
      - An invalid name, or one with a tag or digest, fails with the error kind V(invalid_reference) before any request.
    type: str
    required: true
    aliases: [repository]
  include:
    description:
      - Regular expressions. Only tags that match one of them are listed. They may match anywhere in a tag, so anchor them with V(^) and V($).
      - Give a list, or a single expression as text. An invalid or empty expression fails with the error kind V(invalid_option) before any request.
      - An expression that takes more than 10 seconds, here and in O(exclude), fails with the error kind V(limit). Nested repetitions, such as
        V((\\d+\\.?\)+), can take that long.
    type: raw
    default: []
  exclude:
    description:
      - Regular expressions. Tags that match one of them are left out, even if they match O(include).
      - Give a list, or a single expression as text. An invalid or empty expression fails with the error kind V(invalid_option) before any request.
    type: raw
    default: []
  digests:
    description:
      - List only tags that point to one of these digests. An empty list matches no tag.
      - For a tag of a multi-platform image, this is the digest of the index, not of an image in it.
      - This takes one HEAD request for each tag that O(include), O(exclude) and O(ignore_digest_tags) select. It takes one GET request more for each of
        them if a digest has another algorithm than that of the registry.
      - An invalid digest fails with the error kind V(invalid_option) before any request.
    type: list
    elements: str
    version_added: 1.1.0
  sort:
    description:
      - The order of the tags. V(name) sorts by characters, upper case before lower case. V(version) sorts by version. V(registry) keeps the order of the
        registry.
      - A version is one or more numbers separated by dots, with or without a leading V(v). The numbers are compared as numbers, so V(1.9) comes before
        V(1.10). A missing number counts as V(0).
      - A suffix begins with C(-), C(_), C(.) or C(+). The word of a pre-release may also follow the numbers directly, as in V(1.0rc1).
      - Pre-releases come before their release, in the order C(dev), C(snapshot), C(nightly), C(canary), C(alpha) or C(a), C(beta) or C(b), C(milestone) or
        C(m), C(preview) or C(pre), C(rc) or C(cr), and then by their number. Any other suffix comes after the release, as in V(1.10-rc1), V(1.10),
        V(1.10-alpine).
      - Tags that are not versions, such as V(latest), come last, even with O(reverse=true).
      - Ranges of versions in other modules follow semantic versioning; see
        R(how the two differ, ansible_collections.ocitools.registry.docsite.guide_versions).
    type: str
    choices: [name, version, registry]
    default: name
  reverse:
    description:
      - Whether to reverse the order. With O(sort=version) the highest version comes first.
    type: bool
    default: false
  limit:
    description:
      - Highest number of tags to return, after sorting. RV(truncated) shows whether there are more. All tags are read from the registry all the same.
      - A number below 1 fails with the error kind V(invalid_option).
    type: int
  ignore_digest_tags:
    description:
      - Whether to leave out tags that belong to a digest, C(sha256-...), which store signatures, attestations and lists of referrers.
    type: bool
    default: true
  details:
    description:
      - What to read for each returned tag, in parallel. V(none) reads nothing. V(digest) sends a HEAD request for each tag, which registries do not count as
        a pull. V(manifest) reads the manifest. V(config) also reads the image config, or the configs of all images of an index.
      - Image configs often contain secrets in environment variables. They are returned only with V(config).
      - A tag that cannot be read fails the task. A tag that was deleted in the meantime has RV(images[].exists=false).
    type: str
    choices: [none, digest, manifest, config]
    default: none
  missing:
    description:
      - Whether a missing repository is an error. V(ok) returns RV(exists=false) and empty lists. V(fail) fails with the error kind V(not_found).
    type: str
    choices: [ok, fail]
    default: fail
seealso:
  - module: ocitools.registry.registry_image_info
  - module: ocitools.registry.registry_repository_info
"""

EXAMPLES = r"""
- name: List all tags of a repository
  ocitools.registry.registry_tag_info:
    name: registry.example.com/team/app
  register: app

- name: Find the newest release of 1.x, no pre-release
  ocitools.registry.registry_tag_info:
    name: registry.example.com/team/app
    include: ['^v?1\.\d+\.\d+$']
    sort: version
    reverse: true
    limit: 1
  register: newest

- name: Digests of all release candidates, if the repository exists
  ocitools.registry.registry_tag_info:
    name: registry.example.com/team/app
    include: ['-rc\d+$']
    details: digest
    missing: ok
  register: candidates

- name: All tags that the tested image has
  ocitools.registry.registry_tag_info:
    name: registry.example.com/team/app
    digests: ["{{ tested_digest }}"]
  register: names
"""

RETURN = r"""
exists:
  description: Whether the repository exists. Always V(true) with O(missing=fail), since the task fails otherwise.
  type: bool
  returned: success
tags:
  description: The tags, in the order of O(sort).
  type: list
  elements: str
  returned: success
  sample: ["1.9.0", "1.10.0-rc1", "1.10.0"]
total:
  description: Number of selected tags, including those that O(limit) left out.
  type: int
  returned: success
truncated:
  description: Whether O(limit) left out tags.
  type: bool
  returned: success
images:
  description:
    - One entry for each of RV(tags), in the same order. Empty with O(details=none).
    - The other keys are those of RV(ocitools.registry.registry_image_info#module:images) with the same O(details).
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The full name of the image, C(registry/repository:tag).
      type: str
      returned: always
    exists:
      description: Whether the image exists. V(false) if it was deleted after the tags were listed.
      type: bool
      returned: always
    tag:
      description: The tag.
      type: str
      returned: always
    digest:
      description: Digest of the manifest or index. Null if the image is missing.
      type: str
      returned: always
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import tag_info
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(tag_info.OPTIONS, tag_info.run)


if __name__ == "__main__":
    main()
