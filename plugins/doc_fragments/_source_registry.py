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
      - The registry, C(host[:port][/prefix]), that O(name) is resolved below, and the names of sources without O(src_registry). Names that begin with a
        host are used as they are.
      - O(username), O(password), O(identity_token), O(registry_token), O(client_cert), O(client_key) and O(plain_http) are for its host.
      - If you do not set it, they are for the one host that all images share. If the images are in several registries, a task with one of these
        options fails before any request, unless you also set the option with the prefix C(src_). They are then for the host of O(name).
      - An invalid host or prefix fails with O(registry) named in the message.
    type: str
    aliases: [registry_url, url]
  plain_http:
    description:
      - Whether to use HTTP instead of HTTPS with the host of O(registry), or with the one host that all images share. The collection never falls
        back to HTTP on its own, not even for localhost. For the registry of the sources use O(src_plain_http).
      - Sending credentials over HTTP to another host than this one gives a warning.
      - If the registry expects TLS, the task fails. The error kind depends on how the registry answers.
    type: bool
    default: false
  src_registry:
    description:
      - The registry, C(host[:port][/prefix]), that names of sources are resolved below. C(docker.io) and C(library/) are then
        never added. The default is O(registry).
      - Names that begin with a host are resolved below it as well, as in a mirror of several registries. With V(mirror.example.com), the name
        V(quay.io/org/app) means C(mirror.example.com/quay.io/org/app). A name that begins with this registry itself, or with C(host:port), fails.
    type: str
  src_username:
    description:
      - User name for sources in another registry than that of O(name). Requires O(src_password). It is never sent to the registry of O(name).
      - Without credentials for the sources, those without the prefix C(src_) are used if they are for that registry. See O(registry).
      - If such sources are in several registries, credentials for them fail before any request.
    type: str
  src_password:
    description: Password or access token for O(src_username).
    type: str
  src_identity_token:
    description: OAuth2 refresh token for the registry of the sources.
    type: str
  src_registry_token:
    description: Bearer token for the registry of the sources.
    type: str
  src_validate_certs:
    description: Whether to verify the TLS certificate of the registry of the sources. The default is O(validate_certs).
    type: bool
    aliases: [src_tls_verify]
  src_ca_path:
    description: Certificate authorities to trust for the registry of the sources. The default is O(ca_path).
    type: path
  src_client_cert:
    description: Path of a PEM client certificate for the registry of the sources. The default is O(client_cert) if that is for this registry.
    type: path
  src_client_key:
    description: Path of the PEM key of O(src_client_cert), which it requires.
    type: path
  src_plain_http:
    description: Whether to use HTTP instead of HTTPS with the registry of the sources. The default is O(plain_http) if that is for this
      registry, and V(false) otherwise.
    type: bool
notes:
  - Options that are not for one registry, such as O(auth_config), O(auth_file) and O(timeout), apply to the sources as well.
  - There are no environment variables for the sources. The variables below are used for the host that they name, on either side.
"""
