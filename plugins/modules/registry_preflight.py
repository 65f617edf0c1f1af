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
  - Checks all images and platforms of a list, and all credentials of O(auth_config), in parallel. It can also check whether the credentials may push,
    and whether the images are signed.
  - It continues after a problem and reports all problems. It downloads no layers. With O(verify), images that are not verified are a problem in the report.
  - The role P(ocitools.registry.preflight#role) prints the report and fails at the end.
extends_documentation_fragment:
  - ocitools.registry._verify
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.read_only
options:
  images:
    description:
      - The images, each a name, C([registry/]repository[:tag][@digest]), or a dictionary with C(name) and, optionally, C(platforms). The list may be empty.
      - Entries of another form fail with the error kind V(invalid_option) before any request, all in one message. An invalid image name does not fail. It
        is listed in RV(report.unknown), and the other images are checked.
    type: list
    elements: raw
    required: true
  platforms:
    description:
      - The platforms, C(os/arch[/variant]), that every image must have. Entries of O(images) with C(platforms) override this, also with an empty list.
      - A single image must be for each of the platforms.
      - An invalid platform fails with the error kind V(invalid_option) before any request.
    type: list
    elements: raw
    default: []
  push_to:
    description:
      - Repositories, C([registry/]repository), that the credentials must be able to push to. The module opens an upload to each and cancels it at once. Some
        registries create an empty repository for it. In check mode nothing is opened, and RV(report.push_refused) is empty.
      - A name that is invalid or has a tag or digest does not fail at once. It is listed in RV(report.unknown).
    type: list
    elements: raw
  problems:
    description:
      - What to do if there are problems. V(fail) fails the task with the error kind V(precondition), with the report in the result. V(report) only reports
        them.
    type: str
    choices: [fail, report]
    default: fail
notes:
  - Every host under C(auths) of O(auth_config) is checked, even if no image is from it. Empty entries are not checked. A registry that requires no credentials
    does not check them, which is not a problem.
  - Other credentials, such as O(username) with O(password) or those in auth files, are only checked by reading O(images) and by O(push_to). If the registry
    does not accept them, the images are listed in RV(report.unknown).
  - For each image, the module sends one HEAD request, or with platforms one GET request for the image and one for each platform. It sends two requests for
    each host of O(auth_config) and each repository of O(push_to). A missing image, tokens and O(verify) take additional requests.
seealso:
  - module: ocitools.registry.registry_image_info
  - module: ocitools.registry.registry_info
"""

EXAMPLES = r"""
- name: Check images and push rights before an upgrade
  ocitools.registry.registry_preflight:
    images:
      - registry.example.com/team/app:1.4.2
      - name: registry.example.com/team/db:16
        platforms: [linux/amd64]
    push_to: [registry.example.com/team/release]

- name: Report problems without failing
  ocitools.registry.registry_preflight:
    images: "{{ all_images }}"
    problems: report
  register: preflight
"""

RETURN = r"""
passed:
  description: Whether there are no problems.
  type: bool
  returned: when all checks were made
msg:
  description: The number of problems of each type, and the first problem.
  type: str
  returned: if there are problems
report:
  description: The problems.
  type: dict
  returned: when all checks were made
  contains:
    looked_for:
      description: Number of images that the module looked for, including those in RV(report.unknown). An image with platforms counts once for each platform.
      type: int
      returned: always
    missing:
      description: Images, or platforms of images, that do not exist. If an image with platforms does not exist, it is listed once for each platform.
      type: list
      elements: str
      returned: always
      sample: ["registry.example.com/team/db:16 for linux/arm64"]
    unknown:
      description: Images, platforms, signatures and push rights that could not be checked, each with the reason.
      type: list
      elements: str
      returned: always
    credentials:
      description: Hosts of O(auth_config) whose credentials do not work, or that cannot be reached, each with the reason.
      type: list
      elements: str
      returned: always
    push_refused:
      description: Repositories that the credentials may not push to, each with the reason.
      type: list
      elements: str
      returned: with O(push_to)
    unverified:
      description: Images that O(verify) did not verify, each with the reason.
      type: list
      elements: str
      returned: with O(verify)
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import preflight
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(preflight.OPTIONS, preflight.run)


if __name__ == "__main__":
    main()
