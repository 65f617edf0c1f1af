# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event source for Event-Driven Ansible: an event for each tag that is created, moved or deleted in a registry."""

from __future__ import annotations

import importlib
import sys
import typing as t
from pathlib import Path

DOCUMENTATION = r"""
---
short_description: Watch tags in OCI and Docker registries
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Checks tags at an interval and puts an event for each tag that was created, moved to another digest, or deleted since the last check.
  - The first check only records what is there. It puts no events for existing tags.
  - A check sends one HEAD request for each tag, and one or two requests more for a tag that does not exist. Registries with a token server
    also get one token request for each repository. No manifests or layers are downloaded.
  - An error is an event too, and never ends the source. The source puts it once, not at every check, until the registry answers again or the
    kind of error changes.
  - When a registry limits requests, or does not answer, the check ends early. The source then doubles the time to the next check, up to five
    minutes, or waits as long as the registry asks for, but not longer than a day.
  - Each check reads auth files and requests new tokens, so renewed credentials work without a restart.
  - Text of a registry in an event is never a template. Where it has C({{), the event has C({ {).
  - Only options that can never work, such as an invalid image name or an unknown option, end the source. It then ends before any request.
requirements:
  - ansible-core >= 2.16 and requests >= 2.25.1 in the Python that runs ansible-rulebook
options:
  images:
    description:
      - The images to watch, C([registry/]repository[:tag]). The default tag is C(latest). A name with a digest is refused.
      - Set either O(images) or O(repository).
    type: list
    elements: str
  repository:
    description:
      - The repository whose tags are watched, C([registry/]repository). Each check also reads its list of tags.
      - Tags for signatures and other attachments (C(sha256-...)) are left out. At most 10000 tags can be watched.
    type: str
  include:
    description: Regular expressions. Watch only tags of O(repository) in which one of them is found.
    type: list
    elements: str
    default: []
  exclude:
    description: Regular expressions. Leave out tags of O(repository) in which one of them is found.
    type: list
    elements: str
    default: []
  semver:
    description:
      - A range of semantic versions, such as C(>=1.2 <2) or C(~1.4). Watch only tags of O(repository) in it.
      - A pre-release is in a range only if the range names one. Quote the range.
    type: str
  interval:
    description: Seconds between two checks, from 1 to 86400. The source varies each pause by up to ten percent.
    type: int
    default: 60
  registry:
    description: The registry, C(host[:port][/prefix]), that image names are relative to. It is also the host that the credentials are for.
    type: str
    aliases: [registry_url, url]
  username:
    description: User name, together with O(password).
    type: str
  password:
    description: Password or access token of O(username).
    type: str
  identity_token:
    description: OAuth2 refresh token, in place of O(username) and O(password).
    type: str
  registry_token:
    description: Bearer token that is sent as it is.
    type: str
  auth_config:
    description: Content of an auth file, as a dictionary or as JSON.
    type: raw
  auth_file:
    description: Path of a Docker C(config.json) or containers C(auth.json). Without it, the usual places are searched.
    type: path
    aliases: [authfile, config_path]
  use_auth_file:
    description: Whether auth files are used.
    type: bool
    default: true
  auth_hosts:
    description: Additional token servers that may get the credentials.
    type: list
    elements: str
    default: []
  allowed_hosts:
    description: Hosts with private addresses that the registry may redirect to.
    type: list
    elements: str
    default: []
  validate_certs:
    description: Whether to verify the TLS certificate of the registry.
    type: bool
    default: true
    aliases: [tls_verify, tlsverify]
  ca_path:
    description: Path of a PEM file or directory with the certificate authorities to trust.
    type: path
    aliases: [ca_cert, cacert_path, tls_ca_cert]
  client_cert:
    description: Path of a PEM client certificate.
    type: path
    aliases: [cert_path, tls_client_cert]
  client_key:
    description: Path of the PEM key of O(client_cert).
    type: path
    aliases: [key_path, tls_client_key]
  plain_http:
    description: Use HTTP instead of HTTPS.
    type: bool
    default: false
  timeout:
    description: Seconds without progress after which a request fails, from 1 to 86400.
    type: int
    default: 60
  retries:
    description: Number of retries after temporary errors within a check, from 0 to 100.
    type: int
    default: 4
  concurrency:
    description: Number of requests at a time to one registry, from 1 to 64.
    type: int
    default: 6
    aliases: [jobs]
"""

EXAMPLES = r"""
- name: Deploy when a tag moves
  hosts: all
  sources:
    - name: Watch the production tag
      ocitools.registry.registry_tags:
        images: [registry.example.com/team/app:production]
        interval: 30
  rules:
    - name: Deploy the new image by its digest
      condition: event.change == "moved" or event.change == "created"
      action:
        run_playbook:
          name: deploy.yml
          extra_vars:
            app_image: "{{ event.image }}"
    - name: Report trouble with the registry
      condition: event.error is defined
      action:
        print_event:
          pretty: true

- name: Watch all release tags of a repository
  hosts: localhost
  sources:
    - ocitools.registry.registry_tags:
        repository: registry.example.com/team/app
        semver: ">=1.0"
        auth_file: /etc/registry/auth.json
  rules:
    - name: Show new releases
      condition: event.change == "created"
      action:
        debug:
          msg: "{{ event.tag }} is {{ event.digest }}"
"""

RETURN = r"""
change:
  description: What happened to the tag, V(created), V(moved) or V(deleted).
  type: str
  returned: for changes
name:
  description: The image with its tag, C(registry/repository:tag).
  type: str
  returned: for changes
tag:
  description: The tag.
  type: str
  returned: for changes
image:
  description: The image with its digest, C(registry/repository@digest). It is null for a deleted tag.
  type: str
  returned: for changes
digest:
  description: The digest that the tag points to now. It is null for a deleted tag.
  type: str
  returned: for changes
previous_digest:
  description: The digest that the tag pointed to before. It is null for a created tag.
  type: str
  returned: for changes
msg:
  description: What went wrong and what you can do about it.
  type: str
  returned: for errors
error:
  description: The facts of the error, C(kind), C(status), C(code), C(registry) and C(reference), as failed tasks of this collection return them.
  type: dict
  returned: for errors
"""

_FILE = Path(__file__).absolute()
_COLLECTIONS = _FILE.parents[6]  # the folder ansible_collections that this collection is installed in
_SHARED = "ansible_collections.ocitools.registry.plugins.plugin_utils._tag_events"


def _load_shared_code() -> t.Any:
    """Import the code that this source shares with the modules: ansible-rulebook runs this file by its path, outside of any package."""
    if str(_COLLECTIONS.parent) not in sys.path:
        sys.path.append(str(_COLLECTIONS.parent))
    package = importlib.import_module("ansible_collections")
    if str(_COLLECTIONS) not in package.__path__:
        package.__path__.append(str(_COLLECTIONS))  # the Python package "ansible" has a folder of this name too, which hides others
    return importlib.import_module(_SHARED)


async def main(queue: t.Any, args: dict[str, t.Any]) -> None:
    """Watch tags and put an event into the queue for each change and each error.

    Args:
        queue: The queue of ansible-rulebook.
        args: The options of the source.

    """
    await _load_shared_code().watch_tags(queue, args)
