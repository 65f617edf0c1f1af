# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options of every module and of the lookup."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that say which registry, whose credentials, and how to connect."""

    DOCUMENTATION = r"""
options:
  registry:
    description:
      - The registry, C(host[:port][/prefix]), that image names are resolved below. Without it, a name that does not begin with a
        registry is an image of Docker Hub. C(app), for example, is C(docker.io/library/app).
      - If you set this option, names that include the registry or another C(host:port) fail. With a prefix, names that begin with anything that looks
        like a host, such as C(quay.io/org/db), fail as well. Without a prefix, C(quay.io/org/db) is a repository of this registry, as in a mirror of
        several registries.
      - C(https://) and a trailing slash are removed, and so is the path C(/v2/) or C(/v1/) of an address that you copy from C(docker login). C(host/v2)
        without either stays a prefix.
      - Credentials and a client certificate of the task are for this host. If you do not set this option, they are for the one host that all names of
        the task share. If the names are in several registries, the task fails before any request.
      - An invalid host or prefix, or an empty value, fails with O(registry) named in the message.
    type: str
    aliases: [registry_url, url]
  username:
    description:
      - User name for the registry or its token server. Requires O(password).
      - Set only one of O(username) with O(password), O(identity_token) and O(registry_token).
      - An empty value in any option for credentials, certificates or keys fails, so that an unset variable does not go unnoticed.
    type: str
  password:
    description:
      - Password or access token of O(username). It is sent to the registry and its token server only.
      - A wrong password fails with the error kind V(unauthorized).
      - Passwords with fewer than four characters are not masked in output, since that would mask ordinary words.
    type: str
  identity_token:
    description:
      - OAuth2 refresh token, which Docker stores as C(identitytoken). The token server exchanges it for access tokens.
      - A registry that requires a user name and password instead fails with the error kind V(unauthorized).
    type: str
  registry_token:
    description:
      - Bearer token, which Docker stores as C(registrytoken). It is sent unchanged and never renewed.
      - An expired token fails with the error kind V(unauthorized).
    type: str
  auth_config:
    description:
      - The content of an auth file, as a dictionary with the keys C(auths), C(credHelpers) or C(credsStore), or as JSON text. Use it to pass credentials
        for several registries without a file. It comes before auth files.
      - Its passwords, tokens and C(auth) values are masked in output. Its hosts and user names are not.
      - Content that is not an auth file, or an invalid entry for the host, fails with the error kind V(credentials). The content is never shown.
      - An entry without any credentials is skipped, and the next source is used. Empty text fails.
    type: raw
  auth_file:
    description:
      - Path of a Docker C(config.json) or containers C(auth.json) on the host that runs the task.
      - By default, the file that E(REGISTRY_AUTH_FILE) names is used, and no other. If that variable is unset, C($DOCKER_CONFIG/config.json),
        C($XDG_RUNTIME_DIR/containers/auth.json) (C(/run/containers/$UID/auth.json) if that variable is unset), C(~/.config/containers/auth.json)
        and C(~/.docker/config.json) are searched in this order. The first file that has credentials for the host is used.
      - In a file, a credential helper for the host comes first, then the most specific entry of C(auths), then C(credsStore).
      - If you set this option or E(REGISTRY_AUTH_FILE), and the file does not exist, the task fails with the error kind V(credentials). So does any file
        that cannot be read or is not an auth file, and a failing credential helper.
    type: path
    aliases: [authfile, config_path]
  use_auth_file:
    description:
      - Whether to use auth files. With V(false), credentials come only from the task or the environment. Without any, access is anonymous.
    type: bool
    default: true
  auth_hosts:
    description:
      - Additional token servers, C(host[:port]), that may receive the credentials of the registry. C(https://) before the host is allowed.
      - The registry's own host, hosts in its domain, and the token servers of Docker Hub, GitLab and DigitalOcean need no entry. Any other token
        server that a registry names fails with the error kind V(untrusted_target). The message contains the entry to add.
    type: list
    elements: str
    default: []
  allowed_hosts:
    description:
      - Additional hosts, C(host[:port]), that the registry may redirect blobs to, or have them uploaded to, although their address is private.
        C(https://) before the host is allowed. They never receive credentials.
      - Without an entry, such a host fails with the error kind V(untrusted_target). The message contains the entry to add.
    type: list
    elements: str
    default: []
  validate_certs:
    description:
      - Whether to verify the TLS certificate of the registry. V(false) gives a warning, since anybody on the network path can then read the credentials.
    type: bool
    default: true
    aliases: [tls_verify, tlsverify]
  ca_path:
    description:
      - Path of a PEM file (or of a directory prepared by C(openssl rehash)) with the certificate authorities to trust. No others are trusted then.
      - By default, the first of these that is set or exists is used - the C(*.crt) files in the folder of the host in C(/etc/containers/certs.d) or
        C(/etc/docker/certs.d), the file of E(SSL_CERT_FILE), the file of E(REQUESTS_CA_BUNDLE), the system's certificate store.
      - A file that does not exist or contains no certificate, or a directory that is not prepared, fails before any request.
    type: path
    aliases: [ca_cert, cacert_path, tls_ca_cert]
  client_cert:
    description:
      - Path of a PEM client certificate for mutual TLS. The file may also contain the key.
      - By default, the C(*.cert) file with its C(*.key) file in the folder of the host in C(/etc/containers/certs.d) or C(/etc/docker/certs.d) is used.
      - A file that does not exist, or does not match its key, fails before any request.
    type: path
    aliases: [cert_path, tls_client_cert]
  client_key:
    description:
      - Path of the PEM key of O(client_cert), without a passphrase. Requires O(client_cert).
    type: path
    aliases: [key_path, tls_client_key]
  plain_http:
    description:
      - Whether to use HTTP instead of HTTPS. The collection never falls back to HTTP on its own, not even for localhost.
      - Sending credentials over HTTP to another host than this one gives a warning.
      - If the registry expects TLS, the task fails. The error kind depends on how the registry answers.
    type: bool
    default: false
  timeout:
    description:
      - Seconds without progress after which an attempt fails, from 1 to 86400. Progress is a connection, or at least 1 KiB per second.
      - After the last attempt the task fails with the error kind V(timeout).
    type: int
    default: 60
  retries:
    description:
      - Number of retries of each request after temporary errors, from 0 to 100. Temporary errors are timeouts, refused and broken connections, and the
        status codes 408, 425, 429, 500, 502, 503 and 504.
      - The task waits as long as C(Retry-After) asks, up to 60 seconds. A longer time fails at once with the error kind V(rate_limited).
    type: int
    default: 4
  concurrency:
    description:
      - Number of parallel requests to one registry, from 1 to 64. Reduce it for a registry that limits requests.
    type: int
    default: 6
    aliases: [jobs]
requirements:
  - requests >= 2.25.1 on the host that runs the task
notes:
  - If the task sets no user name or token, credentials are read from the environment variables E(OCITOOLS_REGISTRY) (the host that they are for) with
    E(OCITOOLS_REGISTRY_USERNAME) and E(OCITOOLS_REGISTRY_PASSWORD), or E(OCITOOLS_REGISTRY_IDENTITY_TOKEN), or E(OCITOOLS_REGISTRY_TOKEN). They are
    used for that host only, and come before O(auth_config) and auth files. Do not set them with the task keyword C(environment), which Ansible writes
    into a command line.
  - Paths, auth files and the environment are those of the host that runs the task. For lookups that is the controller.
  - In a task, a relative path is relative to the folder of the playbook for local connections, and to the user's home folder on other hosts.
  - A failed task returns RV(ignore:error), a dictionary of C(kind), C(status), C(code), C(registry) and C(reference). Unknown values are
    null. The kinds are V(invalid_reference), V(invalid_option), V(not_found), V(unauthorized), V(denied), V(credentials),
    V(untrusted_target), V(unsupported), V(conflict), V(precondition), V(rate_limited), V(timeout), V(tls), V(network),
    V(digest_mismatch), V(unverified), V(invalid_source), V(invalid_response), V(limit), V(local_io), V(missing_library) and V(server).
"""

    LOOKUP = r"""
options:
  registry:
    vars:
      - name: ocitools_registry_registry
  username:
    vars:
      - name: ocitools_registry_username
  password:
    vars:
      - name: ocitools_registry_password
  identity_token:
    vars:
      - name: ocitools_registry_identity_token
  registry_token:
    vars:
      - name: ocitools_registry_registry_token
  auth_config:
    vars:
      - name: ocitools_registry_auth_config
  auth_file:
    vars:
      - name: ocitools_registry_auth_file
  use_auth_file:
    vars:
      - name: ocitools_registry_use_auth_file
  auth_hosts:
    vars:
      - name: ocitools_registry_auth_hosts
  allowed_hosts:
    vars:
      - name: ocitools_registry_allowed_hosts
  validate_certs:
    vars:
      - name: ocitools_registry_validate_certs
  ca_path:
    vars:
      - name: ocitools_registry_ca_path
  client_cert:
    vars:
      - name: ocitools_registry_client_cert
  client_key:
    vars:
      - name: ocitools_registry_client_key
  plain_http:
    vars:
      - name: ocitools_registry_plain_http
  timeout:
    vars:
      - name: ocitools_registry_timeout
  retries:
    vars:
      - name: ocitools_registry_retries
  concurrency:
    vars:
      - name: ocitools_registry_concurrency
"""
