#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_login
short_description: Add credentials for a registry to an auth file, or remove them
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Writes the credentials for a registry to an auth file of Docker, Podman, Buildah or skopeo, or removes them. No container engine is needed.
  - ORAS, Helm, crane and regctl read the file of Docker, C(~/.docker/config.json).
  - This is the only module of the collection that writes credentials. Tasks of this collection do not need it; they take credentials from their options.
  - Keeps other entries and unknown keys of the file. It writes a new file and renames it, so that readers see either the old file or the new one.
  - While it writes, it locks the file with the suffix C(.lock) beside the auth file, as Podman and skopeo do. It does not remove that file. If another
    program holds the lock for more than O(timeout) seconds, the task fails with the error kind V(local_io).
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
attributes:
  check_mode:
    support: full
    details:
      - Checks the credentials with the registry, unless O(check_credentials=false).
  diff_mode:
    support: full
    details:
      - Shows the user name, never a password or token.
options:
  registry:
    description:
      - The registry, C(host[:port]).
      - With a namespace or repository, as in V(registry.example.com/team), the credentials are for that part only. Docker does not support such entries, so
        this fails with its file.
    type: str
    required: true
    aliases: [registry_url, url]
  auth_file:
    description:
      - The file on the host that runs the task. A file with the name C(config.json) gets the format of Docker, any other the format of Podman.
      - By default it is the file that C(podman login) writes. It is E(REGISTRY_AUTH_FILE), C($DOCKER_CONFIG/config.json) or
        C($XDG_RUNTIME_DIR/containers/auth.json), the first one whose variable is set, and C(/run/containers/$UID/auth.json) if none is.
      - Docker, ORAS, Helm and regctl do not read that file, unless it is C($DOCKER_CONFIG/config.json).
      - Only the owner can read a new file and new parent folders. An existing file keeps its owner and permissions.
      - A file that names a credential store for the registry, under C(credsStore) or C(credHelpers), fails with the error kind V(credentials), since
        programs read the credentials from that store. So does a symbolic link, a file that cannot be read, and a file that is not an auth file.
    type: path
    aliases: [authfile, config_path]
  state:
    description:
      - V(present) writes the credentials, and replaces those that the file has for the registry.
      - V(absent) removes them, in every spelling of the registry in the file. It requires no credentials. Entries for namespaces are kept unless
        O(registry) names them. For Docker Hub it also removes the tokens that C(docker login) keeps in C(https://index.docker.io/v1/access-token)
        and C(https://index.docker.io/v1/refresh-token), as C(docker logout) does.
    type: str
    choices: [present, absent]
    default: present
  check_credentials:
    description:
      - Whether to check the credentials with the registry first. Wrong ones fail with the error kind V(unauthorized) and are not written.
      - A registry that allows anonymous access may not check credentials. The module then gives a warning.
      - With V(false) nothing is sent to the registry.
    type: bool
    default: true
  registry_token:
    description:
      - Fails with O(state=present), since such a token is only valid for minutes.
    type: str
notes:
  - The module writes the credentials of the task or of the environment. O(auth_config) and O(use_auth_file) have no effect.
  - The check takes two requests to the registry, and one to its token server if it has one.
seealso:
  - module: ocitools.registry.registry_info
"""

EXAMPLES = r"""
- name: Log in for Podman and skopeo, as the user of the task
  ocitools.registry.registry_login:
    registry: registry.example.com
    username: robot
    password: "{{ vault_registry_password }}"
    auth_file: ~/.config/containers/auth.json

- name: Log in for Docker, ORAS, Helm, crane and regctl
  ocitools.registry.registry_login:
    registry: registry.example.com
    username: robot
    password: "{{ vault_registry_password }}"
    auth_file: ~/.docker/config.json

- name: Log out
  ocitools.registry.registry_login:
    registry: registry.example.com
    auth_file: ~/.docker/config.json
    state: absent
"""

RETURN = r"""
auth_file:
  description: Path of the auth file.
  type: str
  returned: success
  sample: /home/deploy/.docker/config.json
registry:
  description: Host of the registry.
  type: str
  returned: success
  sample: registry.example.com
entry:
  description: Key of the entry in the file. For Docker Hub it is V(https://index.docker.io/v1/) in Docker's file and V(docker.io) in others.
  type: str
  returned: success
  sample: registry.example.com
authenticated:
  description: Whether the registry required the credentials and accepted them. Null if the module did not check them.
  type: bool
  returned: success
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import login
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(login.OPTIONS, login.run)


if __name__ == "__main__":
    main()
