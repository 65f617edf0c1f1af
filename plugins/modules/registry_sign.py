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
  - Signs an image or index with a key of yours, as C(cosign sign --key) does, and stores the signature beside the image. The program cosign is not
    needed; C(cosign verify --key) accepts the signature, with C(--insecure-ignore-tlog), since nothing is entered in a transparency log.
  - A signature by this key, in this format and with these annotations, that is there already is left alone.
  - The digest is what is signed. A tag is resolved once; name the digest that you tested, C(registry/repository@sha256:...), so that nothing else
    is signed.
  - Keyless signing (Fulcio, Rekor) and keys in hardware or in a cloud are not supported.
requirements:
  - cryptography >= 36
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
      - The image, C([registry/]repository[:tag][@digest]). Without tag and digest, the tag is V(latest).
      - An image that does not exist fails with the error kind V(not_found).
    type: str
    required: true
    aliases: [image]
  signing_key:
    description:
      - The private key, PEM text in PKCS#8 or the path of a file on the host that runs the task. Keep it in a vault.
      - ECDSA on P-256, P-384 and P-521, RSA from 2048 bits on, Ed25519.
      - cosign's own encrypted form is refused. Make the key with
        C(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -out key.pem); C(cosign import-key-pair --key key.pem) converts it for cosign.
      - Always needed, since keyless signing is not supported.
    type: str
  passphrase:
    description: The passphrase of an encrypted O(signing_key).
    type: str
  format:
    description:
      - Where and how the signature is kept. V(cosign) is simple signing under the tag C(sha256-*.sig), which all versions of cosign read.
        V(bundle) is a bundle of version 0.3 among the referrers, as cosign 3 makes it; cosign 2 does not look for it by itself.
    type: str
    choices: [cosign, bundle]
    default: cosign
  annotations:
    description: Annotations to put into the signed text, such as C(cosign sign -a) does. Values are text; quote numbers.
    type: dict
    default: {}
  recursive:
    description: Of an index sign each child, too, with a signature of its own.
    type: bool
    default: false
seealso:
  - module: ocitools.registry.registry_verify
"""

EXAMPLES = r"""
- name: Sign what was tested
  ocitools.registry.registry_sign:
    name: "registry.example.com/team/app@{{ tested_digest }}"
    signing_key: "{{ vault_signing_key }}"
    passphrase: "{{ vault_signing_passphrase }}"
    annotations:
      pipeline: "1234"

- name: Sign an index and each of its images by a bundle
  ocitools.registry.registry_sign:
    name: registry.example.com/team/app:1.4
    signing_key: release.pem
    format: bundle
    recursive: true
"""

RETURN = r"""
digest:
  description: The digest of the image.
  type: str
  returned: when the image was looked at
image:
  description: The image by that digest, C(registry/repository@digest).
  type: str
  returned: when the image was looked at
key:
  description: The fingerprint of the public key, C(SHA256:) and the hash of its DER form.
  type: str
  returned: when the image was looked at
format:
  description: The option O(format).
  type: str
  returned: when the image was looked at
signed_digests:
  description: The digests that were signed (in check mode, would be). Where the task fails, those that were signed before.
  type: list
  elements: str
  returned: when the image was looked at
unchanged_digests:
  description: The digests that were signed already.
  type: list
  elements: str
  returned: when the image was looked at
"""


from ..module_utils._tasks import sign
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(sign.OPTIONS, sign.run)


if __name__ == "__main__":
    main()
