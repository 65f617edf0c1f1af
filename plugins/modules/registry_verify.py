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
  - Verifies that images are signed by keys, or by certificates of authorities, that you name. It reads signatures that cosign and notation make,
    and needs neither of these programs.
  - What is verified is the digest that the image has, against the digest that the signed text names. A tag is resolved once; deploy RV(images[].image),
    which is pinned to what was verified.
  - Other modules have the same as the option O(ocitools.registry.registry_copy#module:verify), which verifies before anything is written.
  - An image costs a HEAD, a GET of cosign's tag, a GET of the list of referrers, and two GETs for each signature.
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
      - What to do when an image is not verified. V(fail) fails with the error kind V(unverified); V(report) tells it in RV(verified) and RV(images).
      - A registry that cannot be read fails in both cases.
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

- name: Show the image that was verified, by its digest
  ansible.builtin.debug:
    msg: "{{ app.images[0].image }}"

- name: Which images have a signature of notation, by the build of our own authority?
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
  returned: when all images were looked at
unverified_names:
  description: The names, as they were given, of the images that are not verified.
  type: list
  elements: str
  returned: when all images were looked at
images:
  description: One entry for each name, in order.
  type: list
  elements: dict
  returned: when all images were looked at
  contains:
    name:
      description: The name as it was given.
      type: str
    registry:
      description: The host of the registry.
      type: str
    repository:
      description: The repository.
      type: str
    tag:
      description: The tag; null where the name has only a digest.
      type: str
    digest:
      description: The digest whose signatures were verified.
      type: str
    image:
      description: The image by that digest, C(registry/repository@digest).
      type: str
    verified:
      description: Whether the signatures that are required are there.
      type: bool
    reason:
      description: Why the image is not verified, null where it is.
      type: str
    signatures:
      description: The signatures that were found.
      type: list
      elements: dict
      contains:
        digest:
          description: The digest that the signature was found for, that of the image or, with O(recursive), of a child.
          type: str
        format:
          description: V(cosign) or V(notation).
          type: str
        key:
          description: The fingerprint of the key, C(SHA256:) and the hash of its DER form; null where none of O(keys) has signed.
          type: str
        subject:
          description: The subject of the signer's certificate, null without one that was verified.
          type: str
        verified:
          description: Whether the signature counts.
          type: bool
        reason:
          description: Why it does not count, null where it does.
          type: str
"""


from ..module_utils._tasks import verify
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(verify.OPTIONS, verify.run)


if __name__ == "__main__":
    main()
