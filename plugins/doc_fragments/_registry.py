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
      - The base of image names, C(host[:port][/prefix]). With it, names are relative to it and nothing is guessed.
      - A name that begins with this registry, or with any C(host:port), fails then; leave out one of the two. With a prefix,
        so does a name that begins with anything that looks like a host, such as C(quay.io/org/db).
      - C(https://) and a trailing slash are dropped, and so is the path C(/v2/) or C(/v1/) of an address that you paste from
        C(docker login). C(host/v2) with neither stays a prefix.
      - Credentials and a client certificate that the task gives are for this host. Without this option they are for the one
        host that all names of the task share; a task whose names reach several fails before any request.
      - Something that is no host, or a prefix that breaks the naming rules, fails with O(registry) named in the message. So does an
        empty value.
    type: str
    aliases: [registry_url, url]
  username:
    description:
      - User name for the registry or its token server, together with O(password).
      - One of O(username) with O(password), O(identity_token) and O(registry_token) can be given; more than one fails.
      - A user name without password, or the reverse, fails. So does empty text in any option for credentials, which a variable that is not set
        leaves behind.
    type: str
  password:
    description:
      - Password or access token for O(username). It reaches the registry and its token server and nothing else.
      - A wrong one fails with the error kind V(unauthorized).
      - Passwords of fewer than four characters cannot be masked in text without masking ordinary words.
    type: str
  identity_token:
    description:
      - An OAuth2 refresh token, which Docker keeps as C(identitytoken). The token server exchanges it for access tokens.
      - A registry that wants user name and password instead fails with the error kind V(unauthorized).
    type: str
  registry_token:
    description:
      - A ready bearer token, which Docker keeps as C(registrytoken). It is sent as it is; nothing renews it.
      - An expired one fails with the error kind V(unauthorized).
    type: str
  auth_config:
    description:
      - The content of an auth file, for the credentials of several registries without a file. It is a dictionary with C(auths), C(credHelpers) or
        C(credsStore) as keys, or the same as JSON text.
      - Its passwords, tokens and C(auth) values are masked; its hosts and user names are not.
      - Text that is no auth file, or has an entry for the host with something else than credentials, fails with the error kind V(credentials); the text
        itself is never shown. An entry with nothing in it stands for no credentials, and empty text fails.
    type: raw
  auth_file:
    description:
      - Path of a Docker C(config.json) or containers C(auth.json) on the host that runs the task.
      - Without it, E(REGISTRY_AUTH_FILE), C($DOCKER_CONFIG/config.json), C($XDG_RUNTIME_DIR/containers/auth.json)
        (C(/run/containers/$UID/auth.json) where that variable is unset), C(~/.config/containers/auth.json)
        and C(~/.docker/config.json) are looked through in this order until one knows the host.
      - In a file, a credential helper for the host comes first, then the most specific entry of C(auths), then C(credsStore).
      - A file named here that does not exist, cannot be read or is no auth file fails with the error kind V(credentials), and so
        does a credential helper that fails.
    type: path
    aliases: [authfile, config_path]
  use_auth_file:
    description:
      - Whether auth files are used at all. With V(false) only what the task or the environment says counts, else access is anonymous.
    type: bool
    default: true
  auth_hosts:
    description:
      - Further token servers, C(host[:port]), also with C(https://) before it, that may be sent the credentials of the
        registry.
      - The registry's own host, hosts of its own domain, and the token servers of Docker Hub, GitLab and DigitalOcean need no entry. Any
        other token server that a registry names fails with the error kind V(untrusted_target) and the line to add here.
    type: list
    elements: str
    default: []
  allowed_hosts:
    description:
      - Further hosts, C(host[:port]), also with C(https://) before it, that blobs may be redirected to or uploaded to although their
        address is private. They never get credentials.
      - Without an entry such a target fails with the error kind V(untrusted_target) and the line to add here.
    type: list
    elements: str
    default: []
  validate_certs:
    description:
      - Whether the TLS certificate of the registry is verified. V(false) gives one warning; anybody on the way can then read the
        credentials.
    type: bool
    default: true
    aliases: [tls_verify, tlsverify]
  ca_path:
    description:
      - Path of a PEM file (or a directory prepared by C(openssl rehash)) with the authorities to trust, instead of all others.
      - Without it, C(/etc/containers/certs.d) and C(/etc/docker/certs.d) of the host, then E(SSL_CERT_FILE) or
        E(REQUESTS_CA_BUNDLE), then the system's store are used.
      - A file that does not exist or holds no certificate fails before any request.
    type: path
    aliases: [ca_cert, cacert_path, tls_ca_cert]
  client_cert:
    description:
      - Path of a PEM client certificate for mutual TLS; it may hold the key as well.
      - A file that does not exist, or does not fit its key, fails before any request.
    type: path
    aliases: [cert_path, tls_client_cert]
  client_key:
    description:
      - Path of the PEM key of O(client_cert), without passphrase. Without O(client_cert) it fails.
    type: path
    aliases: [key_path, tls_client_key]
  plain_http:
    description:
      - Speak HTTP instead of HTTPS. Never chosen silently, not even for localhost.
      - Credentials sent over it to another host than this one give a warning.
      - A registry that speaks TLS fails with the error kind V(network) or V(invalid_response).
    type: bool
    default: false
  timeout:
    description:
      - Seconds without progress before an attempt is given up, from 1 to 86400. Progress is a connection, or at least 1 KiB a second.
      - When all attempts are used up, the task fails with the error kind V(timeout).
    type: int
    default: 60
  retries:
    description:
      - Further attempts after a failure that may pass (a broken connection, status 408, 425, 429, 500, 502, 503, 504), from 0 to 100.
      - A C(Retry-After) of up to 60 seconds is waited for; a longer one fails at once with the error kind V(rate_limited).
    type: int
    default: 4
  concurrency:
    description:
      - How many requests at a time are sent to one registry, from 1 to 64. A registry that limits requests may need fewer.
    type: int
    default: 6
    aliases: [jobs]
requirements:
  - requests >= 2.25.1 on the host that runs the task
notes:
  - The environment variables E(OCITOOLS_REGISTRY) (the host they are for) with E(OCITOOLS_REGISTRY_USERNAME) and
    E(OCITOOLS_REGISTRY_PASSWORD), or E(OCITOOLS_REGISTRY_IDENTITY_TOKEN), or E(OCITOOLS_REGISTRY_TOKEN) are used when the task
    gives no credentials, and only for that host. Keep them out of the task keyword C(environment), which Ansible writes into a command line.
  - Paths, auth files and the environment are those of the host that runs the task (of the controller for lookups).
  - A failed task returns RV(ignore:error), a dictionary of C(kind), C(status), C(code), C(registry) and C(reference); what is unknown is
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
