#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_tag
short_description: Set tags on an image in a registry
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Adds tags to an image or index in its repository. It uploads the unchanged manifest under each tag and transfers no layers, so the digest stays
    the same.
  - A tag that already points to the digest takes one read and no write.
extends_documentation_fragment:
  - ocitools.registry._verify
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
options:
  name:
    description:
      - The existing image, C([registry/]repository[:tag][@digest]). Without tag and digest, the tag is V(latest).
      - An image that does not exist fails with the error kind V(not_found).
    type: str
    required: true
    aliases: [image]
  tags:
    description:
      - The tags to set, in the same repository. Quote them, since YAML reads C(1.10) as C(1.1). Anything but a string
        fails.
      - Write only the tags. An image name, such as C(registry/repository:tag), fails.
    type: list
    elements: raw
    required: true
    aliases: [tag, target_tags]
  existing:
    description:
      - What to do with a tag that points to another digest. V(overwrite) moves it, V(keep) leaves it and lists it in RV(kept_images), V(fail) fails
        with the error kind V(conflict) before anything is written. A tag on the same digest is never a conflict.
      - Some registries answer 403 for missing tags, which hides whether the tag exists. With V(overwrite) the tag is written anyway.
        With V(keep) and V(fail) the task fails with the error kind V(denied).
    type: str
    choices: [overwrite, keep, fail]
    default: overwrite
    aliases: [existing_images]
  expected_digest:
    description:
      - The digest that O(name) must have. For an index it is the digest of the index itself.
      - Otherwise the task fails with the error kind V(precondition) before anything is written.
    type: str
  platform:
    description:
      - Tag the image of an index for this platform, C(os/arch[/variant]), instead of the index.
      - A platform that is not in the index fails with the error kind V(not_found), and the message lists its platforms.
    type: str
seealso:
  - module: ocitools.registry.registry_copy
    description: Tags in other repositories and registries.
  - module: ocitools.registry.registry_tag_delete
  - module: ocitools.registry.registry_push
"""

EXAMPLES = r"""
- name: Release the tested image
  ocitools.registry.registry_tag:
    name: registry.example.com/team/app:1.4.2-rc1
    tags: ["1.4.2", "latest"]

- name: Release it only if it is still the tested image, and never move a release
  ocitools.registry.registry_tag:
    name: registry.example.com/team/app:1.4.2-rc1
    tags: ["1.4.2"]
    existing: fail
    expected_digest: "{{ tested_digest }}"
"""

RETURN = r"""
digest:
  description: The digest that the tags point to.
  type: str
  returned: success
  sample: sha256:9c1c1f4d3ae5b1bb7c3f2c7f4e6f30db1eb0da5f3d8bbaac0bd43cf1ec4fbf2a
media_type:
  description: The media type of the manifest or index.
  type: str
  returned: success
  sample: application/vnd.oci.image.index.v1+json
image:
  description: The image with its digest, C(name@digest).
  type: str
  returned: success
tagged_images:
  description: The tags that were written, C(name:tag). In check mode, those that would be written. If the task fails, those that were written before.
  type: list
  elements: str
  returned: success, and failure after the image was looked at
unchanged_images:
  description: The tags that already pointed to the digest.
  type: list
  elements: str
  returned: success
kept_images:
  description: The tags that were kept on another digest with O(existing=keep).
  type: list
  elements: str
  returned: success
previous:
  description:
    - The digest that each tag pointed to before, or null. If the task fails, only for tags in RV(tagged_images), RV(unchanged_images) and RV(kept_images).
  type: dict
  returned: success, and failure after the image was looked at
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import tag
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(tag.OPTIONS, tag.run)


if __name__ == "__main__":
    main()
