# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that read from one registry and write to another; name it before the fragment ``_registry``."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that are for one side only, and what options without a prefix mean there."""

    DOCUMENTATION = r"""
options:
  registry:
    description:
      - The base, C(host[:port][/prefix]), of the names of sources without O(src_registry) and of destinations without O(dest_registry).
        Names that begin with a host stand for themselves.
      - O(username), O(password), O(identity_token), O(registry_token), O(client_cert), O(client_key) and O(plain_http) are for its host.
      - Without it they are for the only host that all images are in. Where the images are in several, a task that gives one of them fails before
        any request, unless the forms for both sides are given as well.
      - Something that is no host, or a prefix that breaks the naming rules, fails with O(registry) named in the message.
    type: str
    aliases: [registry_url, url]
  plain_http:
    description:
      - Speak HTTP instead of HTTPS with the host that O(registry) names, without it with the only host that all images are in.
        Never chosen silently, not even for localhost. For one of two registries use O(src_plain_http) or O(dest_plain_http).
      - Credentials sent over it to another host than this one give a warning.
      - A registry that speaks TLS fails with the error kind V(network) or V(invalid_response).
    type: bool
    default: false
  src_registry:
    description:
      - The base of the names of sources, C(host[:port][/prefix]). With it they are relative to it and nothing is guessed; a path may begin with
        the name of a host, as in a mirror of several registries. Without it, O(registry) is the base.
    type: str
  dest_registry:
    description:
      - The base of the names of destinations, C(host[:port][/prefix]). With it they are relative to it and nothing is guessed; a path may begin with
        the name of a host, as in a mirror of several registries. Without it, O(registry) is the base.
    type: str
  src_username:
    description:
      - User name for the registry that is copied from, together with O(src_password). It never reaches the other registry.
      - Credentials for one side fail before any request where the images on that side are in several registries.
    type: str
  dest_username:
    description:
      - User name for the registry that is copied to, together with O(dest_password). It never reaches the other registry.
      - Credentials for one side fail before any request where the images on that side are in several registries.
    type: str
  src_password:
    description: Password or access token for O(src_username).
    type: str
  dest_password:
    description: Password or access token for O(dest_username).
    type: str
  src_identity_token:
    description: An OAuth2 refresh token for the registry that is copied from.
    type: str
  dest_identity_token:
    description: An OAuth2 refresh token for the registry that is copied to.
    type: str
  src_registry_token:
    description: A ready bearer token for the registry that is copied from.
    type: str
  dest_registry_token:
    description: A ready bearer token for the registry that is copied to.
    type: str
  src_validate_certs:
    description: Whether the TLS certificate of the registry that is copied from is verified; without it, O(validate_certs) holds.
    type: bool
    aliases: [src_tls_verify]
  dest_validate_certs:
    description: Whether the TLS certificate of the registry that is copied to is verified; without it, O(validate_certs) holds.
    type: bool
    aliases: [dest_tls_verify]
  src_ca_path:
    description: The authorities to trust for the registry that is copied from; without it, O(ca_path) holds.
    type: path
  dest_ca_path:
    description: The authorities to trust for the registry that is copied to; without it, O(ca_path) holds.
    type: path
  src_client_cert:
    description: Path of a PEM client certificate for the registry that is copied from.
    type: path
  dest_client_cert:
    description: Path of a PEM client certificate for the registry that is copied to.
    type: path
  src_client_key:
    description: Path of the PEM key of O(src_client_cert). Without O(src_client_cert) it fails.
    type: path
  dest_client_key:
    description: Path of the PEM key of O(dest_client_cert). Without O(dest_client_cert) it fails.
    type: path
  src_plain_http:
    description: Speak HTTP instead of HTTPS with the registry that is copied from.
    type: bool
  dest_plain_http:
    description: Speak HTTP instead of HTTPS with the registry that is copied to.
    type: bool
notes:
  - Options without a prefix that are not for one registry (O(auth_config), O(auth_file), O(timeout) and the like) hold for both sides.
  - There are no environment variables for one side; the variables below are used for the host that they name, on whichever side it is.
"""
