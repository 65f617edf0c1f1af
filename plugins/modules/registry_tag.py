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
  - Puts further tags on an image or index of the same repository, by its manifest alone. No layer is read or sent, the manifest
    goes back byte by byte as it came, so the digest stays.
  - A tag that is on the digest already costs one read and no write.
extends_documentation_fragment:
  - ocitools.registry._verify
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
      - The image as it is, C([registry/]repository[:tag][@digest]); without tag and digest the tag V(latest).
      - An image that is absent fails with the error kind V(not_found).
    type: str
    required: true
    aliases: [image]
  tags:
    description:
      - The tags that the image shall have, in the same repository. Quote them; anything but a string is refused, since YAML reads
        C(1.10) as C(1.1).
      - A name of another repository or registry is refused.
    type: list
    elements: raw
    required: true
    aliases: [tag, target_tags]
  existing:
    description:
      - What to do with a tag that is on another digest. V(overwrite) moves it, V(keep) leaves it and lists it in RV(kept_images), V(fail) fails
        with the error kind V(conflict) before anything is written. A tag that is on the same digest is never a conflict.
      - A registry that answers 403 for what is absent hides whether there is such a tag. With V(overwrite) it is written all the same.
    type: str
    choices: [overwrite, keep, fail]
    default: overwrite
    aliases: [existing_images]
  expected_digest:
    description:
      - The digest that O(name) must have, of an index the index's own.
      - Where it has another one, the task fails with the error kind V(precondition) before anything is
        written.
    type: str
  platform:
    description:
      - Tag the image for this platform, C(os/arch[/variant]), of an index instead of the index.
      - A platform that the index lacks fails with the error kind V(not_found); the message lists those that it has.
    type: str
seealso:
  - module: ocitools.registry.registry_copy
    description: Tags in other repositories and registries.
  - module: ocitools.registry.registry_tag_delete
  - module: ocitools.registry.registry_push
"""

EXAMPLES = r"""
- name: Release what was tested
  ocitools.registry.registry_tag:
    name: registry.example.com/team/app:1.4.2-rc1
    tags: ["1.4.2", "latest"]

- name: Release it only if it is still what was tested, and never move a release
  ocitools.registry.registry_tag:
    name: registry.example.com/team/app:1.4.2-rc1
    tags: ["1.4.2"]
    existing: fail
    expected_digest: "{{ tested_digest }}"
"""

RETURN = r"""
digest:
  description: The digest that the tags are on.
  type: str
  returned: success
  sample: sha256:9c1c1f4d3ae5b1bb7c3f2c7f4e6f30db1eb0da5f3d8bbaac0bd43cf1ec4fbf2a
media_type:
  description: The media type of the manifest or index.
  type: str
  returned: success
  sample: application/vnd.oci.image.index.v1+json
image:
  description: The image by its digest, C(name@digest).
  type: str
  returned: success
tagged_images:
  description: The images that were written (in check mode, would be), C(name:tag). Where the task fails, those that were written before.
  type: list
  elements: str
  returned: success, and failure after the image was looked at
unchanged_images:
  description: The images that were on the digest already.
  type: list
  elements: str
  returned: success
kept_images:
  description: The images that stay on another digest, with O(existing=keep).
  type: list
  elements: str
  returned: success
previous:
  description: What each tag was on before, a digest or null.
  type: dict
  returned: success
"""


from ..module_utils._tasks import tag
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(tag.OPTIONS, tag.run)


if __name__ == "__main__":
    main()
