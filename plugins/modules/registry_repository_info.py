#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_repository_info
short_description: List the repositories of a registry
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Lists the repositories of a registry, or those under a prefix, from the registry's catalog.
  - The catalog is not part of the OCI distribution specification. Most self-hosted registries have it. Docker Hub and GitHub do not, and others show it
    to administrators only.
  - Leaves out listed names that are not valid repository names, and gives a warning for each. More than 1000 of them fail with the error kind
    V(invalid_response).
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.read_only
options:
  registry:
    description:
      - The registry, C(host[:port][/prefix]). With a prefix, only repositories under it are listed.
      - Credentials and a client certificate of the task are for this host.
      - An invalid host or prefix fails with O(registry) named in the message.
    type: str
    required: true
    aliases: [registry_url, url]
  prefix:
    description:
      - List only the repositories under this prefix, which is appended to that of O(registry). It consists of whole parts of a
        name. V(team) matches V(team) and V(team/app), but not V(team-a/app).
      - An invalid prefix fails with the error kind V(invalid_reference) before any request.
    type: str
  include:
    description:
      - Regular expressions. Only repositories whose name in RV(relative_names) matches one of them are listed. They may match anywhere in the name, so
        anchor them with V(^) and V($).
      - Give a list, or a single expression as text. An invalid or empty expression fails with the error kind V(invalid_option) before any request.
      - An expression that takes more than 10 seconds, here and in O(exclude), fails with the error kind V(limit). Nested repetitions, such as
        V((\\d+\\.?\)+), can take that long.
    type: raw
    default: []
  exclude:
    description:
      - Regular expressions. Repositories whose name in RV(relative_names) matches one of them are left out, even if they match O(include).
      - Give a list, or a single expression as text. An invalid or empty expression fails with the error kind V(invalid_option) before any request.
    type: raw
    default: []
  limit:
    description:
      - Highest number of repositories to return, of those that the other options select, in the registry's order. RV(truncated) shows whether there are
        more.
      - A number below 1 fails with the error kind V(invalid_option).
    type: int
  unsupported:
    description:
      - Whether a registry without a catalog is an error. V(fail) fails with the error kind V(unsupported). V(ok) returns RV(supported=false) and empty
        lists.
      - A registry that denies access to its catalog always fails, with the error kind V(unauthorized) or V(denied). Docker Hub does so too, but it counts as
        a registry without a catalog.
    type: str
    choices: [fail, ok]
    default: fail
seealso:
  - module: ocitools.registry.registry_tag_info
"""

EXAMPLES = r"""
- name: List the repositories of a team
  ocitools.registry.registry_repository_info:
    registry: registry.example.com
    prefix: team
  register: team

- name: List their tags
  ocitools.registry.registry_tag_info:
    name: "{{ item }}"
  loop: "{{ team.repositories }}"
  register: tags

- name: Show how many tags each of them has
  ansible.builtin.debug:
    msg: "{{ item.item }} has {{ item.total }} tags"
  loop: "{{ tags.results }}"
  loop_control:
    label: "{{ item.item }}"

- name: List the repositories if the registry has a catalog
  ocitools.registry.registry_repository_info:
    registry: registry.example.com
    exclude: ['^cache/']
    limit: 1000
    unsupported: ok
  register: found
"""

RETURN = r"""
repositories:
  description: The full names of the repositories, C(registry/repository), in the registry's order.
  type: list
  elements: str
  returned: success
  sample: ["registry.example.com/team/app", "registry.example.com/team/db"]
relative_names:
  description:
    - The same repositories in the same order, without O(registry) and O(prefix). Use them in tasks whose O(registry) is both of them together, such as
      C(registry.example.com/team).
    - For a repository with exactly the name of the prefix, this is an empty string.
  type: list
  elements: str
  returned: success
  sample: ["app", "db"]
supported:
  description: Whether the registry has a catalog. Always V(true) with O(unsupported=fail), since the task fails otherwise.
  type: bool
  returned: success
truncated:
  description: Whether O(limit) left out repositories.
  type: bool
  returned: success
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import repository_info
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(repository_info.OPTIONS, repository_info.run)


if __name__ == "__main__":
    main()
