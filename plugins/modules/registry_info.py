#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_info
short_description: Get information about a registry
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Checks that a registry is up and that the credentials work. Returns the authentication scheme, the end of the certificate's validity and the remaining
    rate limit. With O(push_to) it also checks whether the credentials may push to a repository.
  - If the registry does not accept the credentials, the task fails with the error kind V(unauthorized) or V(denied). If the registry cannot be reached, the
    task fails with the error kind V(network), V(timeout) or V(tls).
  - Without credentials, a registry that requires them is not an error. RV(authenticated) is then V(false).
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.read_only
options:
  registry:
    description:
      - The registry, C(host[:port][/prefix]). A prefix selects the credentials, if an auth file or O(auth_config) has an entry for it, and O(push_to) is
        below it.
      - Credentials and a client certificate of the task are for this host.
      - An invalid host fails with O(registry) named in the message. A host that is not a registry fails with the error kind V(invalid_response).
    type: str
    required: true
    aliases: [registry_url, url]
  push_to:
    description:
      - A repository, relative to O(registry), without tag or digest. RV(can_push) shows whether the credentials may push to it.
      - An invalid name, or one with a tag or digest, fails with the error kind V(invalid_reference) before any request.
      - The module opens an upload and cancels it at once, without content. This takes two more requests, and those for tokens. Some registries create an
        empty repository for it.
      - In check mode nothing is opened, and RV(can_push) is null.
    type: str
    version_added: 1.1.0
seealso:
  - module: ocitools.registry.registry_repository_info
"""

EXAMPLES = r"""
- name: Check that the registry is up and accepts the credentials
  ocitools.registry.registry_info:
    registry: registry.example.com
    username: robot
    password: "{{ vault_registry_password }}"
  register: registry
  failed_when: registry is failed or not registry.authenticated

- name: Get the end of the certificate's validity, even if the certificate is not trusted
  ocitools.registry.registry_info:
    registry: registry.example.com
    validate_certs: false
  register: registry

- name: Check before a build that its image can be pushed
  ocitools.registry.registry_info:
    registry: registry.example.com
    push_to: team/app
    username: ci
    password: "{{ vault_registry_password }}"
  register: target
  failed_when: target is failed or target.can_push is false
"""

RETURN = r"""
reachable:
  description: Always V(true). The task fails if the registry cannot be reached.
  type: bool
  returned: success
authenticated:
  description:
    - Whether the registry required credentials and accepted those of the task. It is V(false) without credentials, and if the registry requires none.
    - It does not show what the credentials may do. To find out whether they may push to a repository, use O(push_to).
  type: bool
  returned: success
auth_scheme:
  description: Authentication scheme of the registry, usually V(bearer) or V(basic). Null if it requires no credentials.
  type: str
  returned: success
  sample: bearer
realm:
  description: With V(bearer), the URL of the token server. With V(basic), the realm of the registry. Null if it requires no credentials.
  type: str
  returned: success
  sample: https://auth.example.com/token
api_version:
  description: Content of the header C(Docker-Distribution-Api-Version) of the registry. Null if it sends none.
  type: str
  returned: success
  sample: registry/2.0
tls:
  description: Certificate of the registry, even if it was not verified. Null with O(plain_http=true).
  type: dict
  returned: success
  contains:
    subject:
      description: Subject of the certificate.
      type: str
      returned: always
      sample: O=Example, CN=registry.example.com
    issuer:
      description: Issuer of the certificate.
      type: str
      returned: always
      sample: O=Example, CN=Example Authority
    not_after:
      description: End of its validity, in UTC.
      type: str
      returned: always
      sample: "2026-12-31T23:59:59Z"
can_push:
  description:
    - Whether the registry opened an upload to O(push_to). It is V(false) if the registry denies it, accepts no uploads, or does not have the repository.
    - Null in check mode. Other errors, such as a rate limit, fail the task.
  type: bool
  returned: with O(push_to)
  version_added: 1.1.0
push_error:
  description: Why RV(can_push) is V(false), with RV(push_error.msg) and the keys of C(error) of a failed task. Null otherwise.
  type: dict
  returned: with O(push_to)
  version_added: 1.1.0
  contains:
    msg:
      description: Why the registry does not accept the push, in one sentence.
      type: str
      returned: always
    kind:
      description: The error kind, for example V(denied).
      type: str
      returned: always
rate_limit:
  description:
    - The pull limit that the registry reports. Null if it reports none. Docker Hub reports it for the credentials, or without credentials for the IP
      address. Reading the limit does not count as a pull.
  type: dict
  returned: success
  contains:
    limit:
      description: Number of allowed pulls. Null if the registry reports only the other number.
      type: int
      returned: always
      sample: 100
    remaining:
      description: Number of remaining pulls. Null if the registry reports only the other number.
      type: int
      returned: always
      sample: 87
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import info
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(info.OPTIONS, info.run)


if __name__ == "__main__":
    main()
