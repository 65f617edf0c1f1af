#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_verify
short_description: Verify signatures of images in a registry
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Verifies that images are signed with keys, or with certificates of authorities, that you trust. Reads signatures of cosign and notation, and needs
    neither program.
  - Verifies the digest of the image against the digest in the signed text. A tag is resolved once. Deploy RV(images[].image), which contains the digest
    that was verified.
  - Other modules have the option O(ocitools.registry.registry_copy#module:verify), which verifies images before anything is written.
  - For each image, the module sends one HEAD request, and two GET requests for cosign's tag and the list of referrers. A signature under the tag takes one
    GET request more, and a signature in the list two.
requirements:
  - cryptography >= 36
extends_documentation_fragment:
  - ocitools.registry._verify.policy
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.read_only
options:
  name:
    description:
      - The images, C([registry/]repository[:tag][@digest]). Without tag and digest, the tag is V(latest).
      - An image that does not exist fails with the error kind V(not_found).
    type: list
    elements: str
    required: true
    aliases: [image, names]
  unverified:
    description:
      - What to do if an image is not verified. V(fail) fails the task with the error kind V(unverified). V(report) only reports it in RV(verified) and
        RV(images).
      - The task always fails if the registry cannot be read or if an image does not exist. The other images are verified all the same, and RV(images) contains
        them.
    type: str
    choices: [fail, report]
    default: fail
seealso:
  - module: ocitools.registry.registry_sign
  - module: ocitools.registry.registry_copy
"""

EXAMPLES = r"""
- name: Deploy only what the release key has signed
  ocitools.registry.registry_verify:
    name: registry.example.com/team/app:1.4
    keys: [release.pub]
  register: app

- name: Show the image that was verified, with its digest
  ansible.builtin.debug:
    msg: "{{ app.images[0].image }}"

- name: Report which images the build signed with notation and a certificate of our own authority
  ocitools.registry.registry_verify:
    name: [registry.example.com/team/app:1.4, registry.example.com/team/db:16]
    formats: [notation]
    certificate_authorities: [authority.pem]
    identities: ["^CN=build-[0-9]+,O=Example,C=DE$"]
    unverified: report
"""

RETURN = r"""
verified:
  description: Whether all images are verified.
  type: bool
  returned: when the images were checked
unverified_names:
  description: Names of the images that are not verified, or that cannot be read, as the task gives them.
  type: list
  elements: str
  returned: when the images were checked
images:
  description: One entry for each name, in order.
  type: list
  elements: dict
  returned: when the images were checked
  contains:
    name:
      description: Name of the image, as the task gives it.
      type: str
    registry:
      description: The host of the registry.
      type: str
    repository:
      description: The repository.
      type: str
    tag:
      description: The tag. Null if the name has only a digest.
      type: str
    digest:
      description: The digest whose signatures were verified. Null if the image cannot be read.
      type: str
    image:
      description: The image with that digest, C(registry/repository@digest). Null if the image cannot be read.
      type: str
    verified:
      description: Whether the image has the required signatures.
      type: bool
    reason:
      description: Why the image is not verified. Null if it is.
      type: str
    signatures:
      description: The signatures that were found.
      type: list
      elements: dict
      contains:
        digest:
          description: The signed digest. With O(recursive) it can be that of an image in the index.
          type: str
        format:
          description: V(cosign) or V(notation).
          type: str
        key:
          description: Fingerprint of the key, C(SHA256:) and the hash of its DER form. Null if the signature is by none of O(keys).
          type: str
        subject:
          description: Subject of the signer's certificate. Null if no certificate was verified.
          type: str
        verified:
          description: Whether the signature counts.
          type: bool
        reason:
          description: Why the signature does not count. Null if it does.
          type: str
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import verify
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(verify.OPTIONS, verify.run)


if __name__ == "__main__":
    main()
