#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_preflight
short_description: Check images and credentials before a deployment
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Checks all images and platforms of a list, and all credentials, in parallel. It can also check whether the credentials may push,
    and whether the images are signed.
  - It continues after a problem and reports all problems. It pulls nothing. With O(verify), images that are not verified are a problem in the report.
  - The role P(ocitools.registry.preflight#role) prints the report and fails at the end.
extends_documentation_fragment:
  - ocitools.registry._verify
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.read_only
options:
  images:
    description:
      - The images, each a name, C([registry/]repository[:tag][@digest]), or a dictionary with C(name) and C(platforms). The list may be empty.
      - Errors in all entries are reported at once, with the error kind V(invalid_option), before any request. An invalid image name is not such an error. It
        is in RV(report.unknown), and the other images are checked.
    type: list
    elements: raw
    required: true
  platforms:
    description: The platforms, C(os/arch[/variant]), that every image must have, unless it has C(platforms) of its own.
    type: list
    elements: raw
    default: []
  push_to:
    description:
      - Repositories that the credentials must be able to push to. The module opens an upload to each and cancels it at once; some registries create an
        empty repository for that. In check mode nothing is opened, and RV(report.push_refused) is empty.
    type: list
    elements: raw
  problems:
    description:
      - Whether problems are an error. V(fail) fails the task, with the error kind V(precondition) and the report in the result. V(report) only reports.
    type: str
    choices: [fail, report]
    default: fail
notes:
  - Every host under C(auths) of O(auth_config) is checked, even if no image is from it.
  - It takes a HEAD request for an image, or with platforms a GET request for the image and one for each platform. It also takes two requests for each of
    the credentials and of O(push_to), and tokens.
seealso:
  - module: ocitools.registry.registry_image_info
  - module: ocitools.registry.registry_info
"""

EXAMPLES = r"""
- name: Make sure that everything is there before the upgrade
  ocitools.registry.registry_preflight:
    images:
      - registry.example.com/team/app:1.4.2
      - name: registry.example.com/team/db:16
        platforms: [linux/amd64]
    push_to: [registry.example.com/team/release]

- name: Only report
  ocitools.registry.registry_preflight:
    images: "{{ all_images }}"
    problems: report
  register: preflight
"""

RETURN = r"""
passed:
  description: Whether there is no problem.
  type: bool
  returned: once everything was looked for
report:
  description: What was found.
  type: dict
  returned: once everything was looked for
  contains:
    looked_for:
      description: How many images were looked for, one for each platform.
      type: int
      returned: always
    missing:
      description: The images, or their platforms, that are missing.
      type: list
      elements: str
      returned: always
      sample: ["registry.example.com/team/db:16 for linux/arm64"]
    unknown:
      description: What could not be told, each with the reason.
      type: list
      elements: str
      returned: always
    credentials:
      description: The hosts whose credentials do not work, each with the reason.
      type: list
      elements: str
      returned: always
    push_refused:
      description: The repositories that the credentials may not push to, each with the reason.
      type: list
      elements: str
      returned: with O(push_to)
    unverified:
      description: The images that are not signed as they must be, each with the reason.
      type: list
      elements: str
      returned: with O(verify)
"""


from ..module_utils._tasks import preflight
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(preflight.OPTIONS, preflight.run)


if __name__ == "__main__":
    main()
