#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_sign
short_description: Sign images in a registry
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Signs an image or index with your key, as C(cosign sign --key) does, and stores the signature in the repository of the image. It does not need the
    cosign program. C(cosign verify --key) accepts the signature with C(--insecure-ignore-tlog), since the module writes to no transparency log.
  - Does nothing if the image already has a signature with the same key, format and annotations.
  - Signatures that are already there are kept. A registry cannot prevent two tasks from writing the tag C(sha256-*.sig), or a tag for referrers, at the same
    time. So the module reads the tag again afterwards, and once more a second later, and adds what is missing. If that fails repeatedly, the error kind is
    V(conflict).
  - Signs a digest, not a tag. A tag is resolved once. To sign exactly the image that you tested, use its digest, C(registry/repository@sha256:...).
  - Keyless signing with Fulcio and Rekor is not supported. Neither are keys in hardware tokens or in a cloud.
requirements:
  - cryptography >= 36
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
options:
  name:
    description:
      - The image, C([registry/]repository[:tag][@digest]). Without tag and digest, the tag is V(latest).
      - An image that does not exist fails with the error kind V(not_found).
    type: str
    required: true
    aliases: [image]
  signing_key:
    description:
      - The private key, as PEM text in the form PKCS#8 or as the path of a file on the host that runs the task. Keep the text in a vault. Required.
      - Supported are ECDSA on P-256, P-384 and P-521, RSA with 2048 bits or more, and Ed25519.
      - Encrypted keys that C(cosign generate-key-pair) creates are not supported. Create a key with
        C(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -out key.pem). To use it with cosign as well, convert it with
        C(cosign import-key-pair --key key.pem).
      - A file that cannot be read fails with the error kind V(local_io). A key that cannot be used fails with V(invalid_option).
    type: str
  passphrase:
    description: Passphrase of O(signing_key), if the key is encrypted. A wrong one fails with the error kind V(invalid_option), and so does one
      for a key that is not encrypted.
    type: str
  format:
    description:
      - The format of the signature. V(cosign) is simple signing under the tag C(sha256-*.sig), which all versions of cosign read. V(bundle) is a bundle of
        version 0.3, stored as a referrer as cosign 3 does. cosign 2 does not look for bundles by default.
    type: str
    choices: [cosign, bundle]
    default: cosign
  annotations:
    description: Annotations to add to the signed text, like C(cosign sign -a). Values are strings, so quote numbers. Any other value fails with the
      error kind V(invalid_option).
    type: dict
    default: {}
  recursive:
    description: Whether to sign each image of an index as well, each with its own signature.
    type: bool
    default: false
seealso:
  - module: ocitools.registry.registry_verify
"""

EXAMPLES = r"""
- name: Sign the digest that was tested
  ocitools.registry.registry_sign:
    name: "registry.example.com/team/app@{{ tested_digest }}"
    signing_key: "{{ vault_signing_key }}"
    passphrase: "{{ vault_signing_passphrase }}"
    annotations:
      pipeline: "1234"

- name: Sign an index and each of its images with a bundle
  ocitools.registry.registry_sign:
    name: registry.example.com/team/app:1.4
    signing_key: release.pem
    format: bundle
    recursive: true
"""

RETURN = r"""
digest:
  description: Digest of the image.
  type: str
  returned: when the image was read
image:
  description: The image with its digest, C(registry/repository@digest).
  type: str
  returned: when the image was read
key:
  description: Fingerprint of the public key, C(SHA256:) and the hash of its DER form.
  type: str
  returned: when the image was read
format:
  description: Format of the signature, the value of O(format).
  type: str
  returned: when the image was read
signed_digests:
  description: Digests that the task signed. In check mode, those that it would sign. If the task fails, those that it signed before the failure.
  type: list
  elements: str
  returned: when the image was read
unchanged_digests:
  description: Digests that already had such a signature.
  type: list
  elements: str
  returned: when the image was read
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import sign
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(sign.OPTIONS, sign.run)


if __name__ == "__main__":
    main()
