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
      - Verify the signatures of the image before using it. An image without a valid signature fails with the error kind
        V(unverified), and nothing is written or returned.
      - The tag is resolved once. The task then uses the digest that was verified, even if the tag moves in the meantime.
      - Signatures are read from the repository of the image. This requires the Python library cryptography 36 or newer.
      - Check mode verifies signatures as well.
      - With null, as from a variable without a value, nothing is verified, as if the option were left out. An empty dictionary or string fails.
      - M(ocitools.registry.registry_preflight) does not fail at once. It lists such an image in its report and continues.
      - If a module takes several images, it verifies each of them. M(ocitools.registry.registry_index) also verifies the image that it appends to, unless
        that contains only images which the task verifies anyway.
    type: dict
    version_added: 1.1.0
    suboptions:
      keys:
        description:
          - The public keys to trust, each as PEM text (C(-----BEGIN PUBLIC KEY-----)) or as the path of a file on the host that runs the task.
          - Supported are ECDSA on P-256, P-384 and P-521, RSA with 2048 bits or more (PKCS#1 v1.5 and PSS), and Ed25519.
          - Bundles that C(cosign sign) creates with an Ed25519 key use Ed25519ph and cannot be verified. Simple signing with such a key can.
          - Set this option, or O(verify.certificate_authorities) with O(verify.identities), or both.
          - A file that cannot be read fails with the error kind V(local_io). Anything else that is not a public key fails with V(invalid_option).
        type: list
        elements: str
        default: []
        aliases: [key]
      certificate_authorities:
        description:
          - The certificate authorities to trust, each as PEM text or as the path of a file, which may contain several certificates.
            Requires O(verify.identities).
          - The system's certificate store is never used. Certificates must be valid now and allow code signing. Revocation is not checked, and timestamps
            are not used.
          - The certificate of a signer in this list is trusted without an authority.
        type: list
        elements: str
        default: []
      identities:
        description:
          - The signers to trust, as one string or a list. The certificate of a signature must match one of them.
          - A string must be equal to the subject in the form of RFC 4514, such as C(CN=build,O=Example,C=DE), or to an email address, DNS name or URI in
            the SAN.
          - A string that starts with C(^) and ends with C($) is a regular expression that must match the whole subject or name.
          - Requires O(verify.certificate_authorities).
        type: raw
      formats:
        description:
          - The signature formats to accept.
          - V(cosign) is simple signing, under the tag C(sha256-*.sig) or as a referrer, and cosign bundles of version 0.3 as referrers.
          - V(notation) is JWS envelopes as referrers. It requires O(verify.certificate_authorities).
          - Keyless signatures, which need Fulcio or Rekor, count as not verified. Entries of a transparency log are ignored.
        type: list
        elements: str
        choices: [cosign, notation]
        default: [cosign, notation]
      require:
        description:
          - V(any) requires one valid signature. V(all) requires a valid signature for each of O(verify.keys) and each of O(verify.identities).
        type: str
        choices: [any, all]
        default: any
      annotations:
        description:
          - Annotations that the signature must contain, with exactly these values. C(cosign sign -a) and C(notation sign -m) add them.
        type: dict
        default: {}
      identity:
        description:
          - The repository, C(registry/repository), that the signature must name. A signature for another repository then does not count.
          - Only cosign's simple signing names a repository. With this option, other signatures do not count.
        type: str
      recursive:
        description:
          - Whether each image of an index must have its own valid signature, in addition to the index. By default the signature of the index is enough,
            since the index lists its images by digest.
        type: bool
        default: false
"""

    # The same policy as options of their own: registry_verify has them at the top.
    POLICY = r"""
options:
  keys:
    description:
      - The public keys to trust, each as PEM text (C(-----BEGIN PUBLIC KEY-----)) or as the path of a file on the host that runs the task.
      - Supported are ECDSA on P-256, P-384 and P-521, RSA with 2048 bits or more (PKCS#1 v1.5 and PSS), and Ed25519.
      - Bundles that C(cosign sign) creates with an Ed25519 key use Ed25519ph and cannot be verified. Simple signing with such a key can.
      - Set this option, or O(certificate_authorities) with O(identities), or both.
      - A file that cannot be read fails with the error kind V(local_io). Anything else that is not a public key fails with V(invalid_option).
    type: list
    elements: str
    default: []
    aliases: [key]
  certificate_authorities:
    description:
      - The certificate authorities to trust, each as PEM text or as the path of a file, which may contain several certificates.
        Requires O(identities).
      - The system's certificate store is never used. Certificates must be valid now and allow code signing. Revocation is not checked, and timestamps
        are not used.
      - The certificate of a signer in this list is trusted without an authority.
    type: list
    elements: str
    default: []
  identities:
    description:
      - The signers to trust, as one string or a list. The certificate of a signature must match one of them.
      - A string must be equal to the subject in the form of RFC 4514, such as C(CN=build,O=Example,C=DE), or to an email address, DNS name or URI in the
        SAN.
      - A string that starts with C(^) and ends with C($) is a regular expression that must match the whole subject or name.
      - Requires O(certificate_authorities).
    type: raw
  formats:
    description:
      - The signature formats to accept.
      - V(cosign) is simple signing, under the tag C(sha256-*.sig) or as a referrer, and cosign bundles of version 0.3 as referrers.
      - V(notation) is JWS envelopes as referrers. It requires O(certificate_authorities).
      - Keyless signatures, which need Fulcio or Rekor, count as not verified. Entries of a transparency log are ignored.
    type: list
    elements: str
    choices: [cosign, notation]
    default: [cosign, notation]
  require:
    description:
      - V(any) requires one valid signature. V(all) requires a valid signature for each of O(keys) and each of O(identities).
    type: str
    choices: [any, all]
    default: any
  annotations:
    description:
      - Annotations that the signature must contain, with exactly these values. C(cosign sign -a) and C(notation sign -m) add them.
    type: dict
    default: {}
  identity:
    description:
      - The repository, C(registry/repository), that the signature must name. A signature for another repository then does not count.
      - Only cosign's simple signing names a repository. With this option, other signatures do not count.
    type: str
  recursive:
    description:
      - Whether each image of an index must have its own valid signature, in addition to the index. By default the signature of the index is enough,
        since the index lists its images by digest.
    type: bool
    default: false
"""
