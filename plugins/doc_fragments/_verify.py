# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as proof that an image is signed: options of registry_verify, suboptions of C(verify) elsewhere."""

from __future__ import annotations


class ModuleDocFragment:
    """The option C(verify), and in POLICY its suboptions as options."""

    DOCUMENTATION = r"""
options:
  verify:
    description:
      - Verify the signatures of the image before anything else is done with it. An image without a valid signature fails with the error kind
        V(unverified), and nothing is written or returned.
      - The tag is resolved once, and the digest that was verified is the one that is used, whatever happens to the tag meanwhile.
      - Signatures are looked for in the repository of the image, by its digest. They need the Python library cryptography, 36 or newer.
      - In check mode signatures are verified as well.
      - Where a module takes several images, each of them is verified; M(ocitools.registry.registry_index) also verifies what it appends to.
    type: dict
    version_added: 1.1.0
    suboptions:
      keys:
        description:
          - The public keys whose signatures count, each PEM text (C(-----BEGIN PUBLIC KEY-----)) or the path of a file on the host that runs the task.
          - ECDSA on P-256, P-384 and P-521, RSA from 2048 bits on (PKCS#1 v1.5 and PSS), Ed25519.
          - Bundles that C(cosign sign) makes with an Ed25519 key are in the form Ed25519ph, which cannot be verified. Its simple signing can be.
        type: list
        elements: str
        default: []
        aliases: [key]
      certificate_authorities:
        description:
          - The certificates of the authorities whose certificates count, each PEM text or the path of a file, which may hold several.
            They need O(verify.identities).
          - The system's store is never used. A certificate must be valid at this moment and be meant for signing code; revocation is not checked,
            and timestamps are not believed.
          - A certificate of a signer itself, listed here, is trusted as it is.
        type: list
        elements: str
        default: []
      identities:
        description:
          - For whom the certificate of a signer must be, for one of these. The exact text of its subject as RFC 4514 writes it, such as
            C(CN=build,O=Example,C=DE), or the exact text of a mail address, DNS name or URI in its SAN.
          - A text from C(^) to C($) is a regular expression, which the whole subject or name has to match.
          - A list of texts, or a single one.
        type: raw
      formats:
        description:
          - Which signatures count. V(cosign) is simple signing, under the tag C(sha256-*.sig) or as a referrer, and cosign's bundles of version 0.3
            as referrers. V(notation) is JWS envelopes as referrers, which need O(verify.certificate_authorities).
          - What needs Fulcio or Rekor (keyless signatures) counts as not verified. Entries of a transparency log are not read.
        type: list
        elements: str
        choices: [cosign, notation]
        default: [cosign, notation]
      require:
        description:
          - V(any) wants one valid signature. V(all) wants one by each of O(verify.keys) and one for each of O(verify.identities).
        type: str
        choices: [any, all]
        default: any
      annotations:
        description:
          - Annotations that the signed text must have, with exactly these values. They are what C(cosign sign -a) and C(notation sign -m) add.
        type: dict
        default: {}
      identity:
        description:
          - The repository, C(registry/repository), that the signed text must name, so that a signature made for another repository does not count.
          - Only cosign's simple signing names one; other signatures do not count then.
        type: str
      recursive:
        description:
          - Of an index verify each child, too, by signatures of its own. Without it the signature of an index speaks for its children, which it names
            by digest.
        type: bool
        default: false
"""

    # The same policy as options of their own: registry_verify has them at the top.
    POLICY = r"""
options:
  keys:
    description:
      - The public keys whose signatures count, each PEM text (C(-----BEGIN PUBLIC KEY-----)) or the path of a file on the host that runs the task.
      - ECDSA on P-256, P-384 and P-521, RSA from 2048 bits on (PKCS#1 v1.5 and PSS), Ed25519.
      - Bundles that C(cosign sign) makes with an Ed25519 key are in the form Ed25519ph, which cannot be verified. Its simple signing can be.
    type: list
    elements: str
    default: []
    aliases: [key]
  certificate_authorities:
    description:
      - The certificates of the authorities whose certificates count, each PEM text or the path of a file, which may hold several.
        They need O(identities).
      - The system's store is never used. A certificate must be valid at this moment and be meant for signing code; revocation is not checked,
        and timestamps are not believed.
      - A certificate of a signer itself, listed here, is trusted as it is.
    type: list
    elements: str
    default: []
  identities:
    description:
      - For whom the certificate of a signer must be, for one of these. The exact text of its subject as RFC 4514 writes it, such as
        C(CN=build,O=Example,C=DE), or the exact text of a mail address, DNS name or URI in its SAN.
      - A text from C(^) to C($) is a regular expression, which the whole subject or name has to match.
      - A list of texts, or a single one.
    type: raw
  formats:
    description:
      - Which signatures count. V(cosign) is simple signing, under the tag C(sha256-*.sig) or as a referrer, and cosign's bundles of version 0.3
        as referrers. V(notation) is JWS envelopes as referrers, which need O(certificate_authorities).
      - What needs Fulcio or Rekor (keyless signatures) counts as not verified. Entries of a transparency log are not read.
    type: list
    elements: str
    choices: [cosign, notation]
    default: [cosign, notation]
  require:
    description:
      - V(any) wants one valid signature. V(all) wants one by each of O(keys) and one for each of O(identities).
    type: str
    choices: [any, all]
    default: any
  annotations:
    description:
      - Annotations that the signed text must have, with exactly these values. They are what C(cosign sign -a) and C(notation sign -m) add.
    type: dict
    default: {}
  identity:
    description:
      - The repository, C(registry/repository), that the signed text must name, so that a signature made for another repository does not count.
      - Only cosign's simple signing names one; other signatures do not count then.
    type: str
  recursive:
    description:
      - Of an index verify each child, too, by signatures of its own. Without it the signature of an index speaks for its children, which it names
        by digest.
    type: bool
    default: false
"""
