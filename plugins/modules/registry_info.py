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
  - Checks that a registry is up and that the credentials work. It needs no image. It returns the authentication scheme, the end of the certificate's
    validity and the remaining rate limit. With O(push_to) it also checks whether the credentials may push to a repository.
  - An unreachable registry and invalid credentials are failures with different error kinds.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.read_only
options:
  registry:
    description:
      - The registry, C(host[:port]). A path only selects the credentials, if an auth file or O(auth_config) has some for that path.
      - Credentials and a client certificate of the task are for this host.
      - An invalid host fails with O(registry) named in the message. A host that is not a registry fails with the error kind V(invalid_response).
    type: str
    required: true
    aliases: [registry_url, url]
  push_to:
    description:
      - A repository, relative to O(registry). RV(can_push) shows whether the credentials may push to it.
      - The module opens an upload to it and cancels it at once; it sends no content. That takes two more requests, and tokens. Some registries
        create an empty repository for it.
      - In check mode nothing is opened, and RV(can_push) is null.
    type: str
    version_added: 1.1.0
seealso:
  - module: ocitools.registry.registry_repository_info
"""

EXAMPLES = r"""
- name: Make sure that the registry is up and takes the credentials
  ocitools.registry.registry_info:
    registry: registry.example.com
    username: robot
    password: "{{ vault_registry_password }}"
  register: registry
  failed_when: registry is failed or not registry.authenticated

- name: See until when the certificate of a registry is valid, whoever signed it
  ocitools.registry.registry_info:
    registry: registry.example.com
    validate_certs: false
  register: registry

- name: Make sure before the build that its image can be pushed
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
  description: True, since a registry that cannot be reached is a failure.
  type: bool
  returned: success
authenticated:
  description:
    - Whether the registry asked for credentials and took those that are there for it. Without credentials it is V(false), and so it is where the registry
      asks for none.
    - What the credentials may do is told only of a single repository, see RV(can_push).
  type: bool
  returned: success
auth_scheme:
  description: How the registry wants to be authenticated to, null where it does not ask for it.
  type: str
  returned: success
  sample: bearer
realm:
  description: Where tokens are to be had (V(bearer)), or what the registry calls itself (V(basic)).
  type: str
  returned: success
  sample: https://auth.example.com/token
api_version:
  description: The version of the API as the registry states it, null where it does not.
  type: str
  returned: success
  sample: registry/2.0
tls:
  description: The registry's certificate, also where it was not verified; null with O(plain_http=true).
  type: dict
  returned: success
  contains:
    subject:
      description: Whose it is.
      type: str
      returned: always
      sample: O=Example, CN=registry.example.com
    issuer:
      description: Who signed it.
      type: str
      returned: always
      sample: O=Example, CN=Example Authority
    not_after:
      description: The end of its validity, in UTC.
      type: str
      returned: always
      sample: "2026-12-31T23:59:59Z"
can_push:
  description:
    - Whether the registry opened an upload to O(push_to). It is V(false) where the registry denies it, takes no uploads at all, or lacks the repository.
    - Null in check mode. Any other failure, such as a rate limit, fails the task.
  type: bool
  returned: with O(push_to)
  version_added: 1.1.0
push_error:
  description: Why RV(can_push) is V(false), with RV(push_error.msg) and the keys of C(error) of a failed task; null otherwise.
  type: dict
  returned: with O(push_to)
  version_added: 1.1.0
  contains:
    msg:
      description: What the registry said, and what to do.
      type: str
      returned: always
    kind:
      description: The error kind, for example V(denied).
      type: str
      returned: always
rate_limit:
  description:
    - How much may be asked within a time that the registry knows; null where it does not tell. Docker Hub tells it, for the credentials or the address
      that one comes from, and asking for it does not count.
  type: dict
  returned: success
  contains:
    limit:
      description: How many pulls are allowed.
      type: int
      returned: always
      sample: 100
    remaining:
      description: How many of them are left.
      type: int
      returned: always
      sample: 87
"""


from ..module_utils._tasks import info
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(info.OPTIONS, info.run)


if __name__ == "__main__":
    main()
