# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The src_ options of modules that read from other registries than the one that they write to; name it before the fragment ``_registry``."""

from __future__ import annotations


class ModuleDocFragment:
    """Options for the registry that sources are in, where it is not the one of the destination."""

    DOCUMENTATION = r"""
options:
  registry:
    description:
      - The base, C(host[:port][/prefix]), of O(name) and of sources without O(src_registry). Names that begin with a host stand for themselves.
      - O(username), O(password), O(identity_token), O(registry_token), O(client_cert), O(client_key) and O(plain_http) are for its host.
      - If you do not set it, they are for the one host that all images share. If the images are in several registries, a task with one of these
        options fails before any request, unless you set the option for the sources as well. They are then for the host of O(name).
      - An invalid host or prefix fails with O(registry) named in the message.
    type: str
    aliases: [registry_url, url]
  plain_http:
    description:
      - Speak HTTP instead of HTTPS with the host that O(registry) names, without it with the only host that all images are in.
        Never chosen silently, not even for localhost. For the registry of the sources use O(src_plain_http).
      - Credentials sent over it to another host than this one give a warning.
      - A registry that speaks TLS fails with the error kind V(network) or V(invalid_response).
    type: bool
    default: false
  src_registry:
    description:
      - The registry, C(host[:port][/prefix]), that names of sources are resolved below. Docker Hub defaults are then off. The default is O(registry).
    type: str
  src_username:
    description:
      - User name for the registry of sources that are in another registry than O(name), together with O(src_password). It never reaches the
        registry of O(name).
      - The task fails before any request where such sources are in several registries.
    type: str
  src_password:
    description: Password or access token for O(src_username).
    type: str
  src_identity_token:
    description: An OAuth2 refresh token for the registry of the sources.
    type: str
  src_registry_token:
    description: A ready bearer token for the registry of the sources.
    type: str
  src_validate_certs:
    description: Whether the TLS certificate of the registry of the sources is verified; without it, O(validate_certs) holds.
    type: bool
    aliases: [src_tls_verify]
  src_ca_path:
    description: The authorities to trust for the registry of the sources; without it, O(ca_path) holds.
    type: path
  src_client_cert:
    description: Path of a PEM client certificate for the registry of the sources.
    type: path
  src_client_key:
    description: Path of the PEM key of O(src_client_cert). Without O(src_client_cert) it fails.
    type: path
  src_plain_http:
    description: Speak HTTP instead of HTTPS with the registry of the sources.
    type: bool
notes:
  - Options without a prefix that are not for one registry (O(auth_config), O(auth_file), O(timeout) and the like) hold for sources as well.
  - There are no environment variables for the sources; the variables below are used for the host that they name.
"""
