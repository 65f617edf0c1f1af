#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_artifact
short_description: Push files to a registry as an OCI artifact
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Pushes files and folders of the host that runs the task as an OCI artifact, in the form of ORAS (C(oras push), C(oras attach)), so that C(oras pull),
    M(ocitools.registry.registry_artifact_pull), Helm, Flux and others can read it. Neither of these programs is needed.
  - With O(subject) the artifact is attached to an image, for example an SBOM or a report. M(ocitools.registry.registry_image_info) finds it with C(referrers).
  - The same files give the same bytes, so a second run is unchanged and sends no file. The names of owners and the times of files are left out.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  name:
    description:
      - Where the artifact goes, C([registry/]repository[:tag]). Without a tag, O(tags) are the only tags. Without both it is V(latest), and with
        O(subject) it is stored by its digest alone.
      - A digest here is refused, since it follows from the content.
    type: str
    required: true
    aliases: [image]
  tags:
    description:
      - Further tags for the artifact. Quote them, since YAML reads C(1.10) as C(1.1). Anything but a string fails.
    type: list
    elements: raw
    default: []
    aliases: [tag]
  files:
    description:
      - The files and folders, in this order. Each is a path on the host that runs the task, or a dictionary with C(path) and further keys.
      - C(title) is the name under which the file is written when the artifact is pulled, without it the last part of the path. It may hold slashes, but
        must be a name below a folder; anything else is refused with the error kind V(invalid_option), and so are two files with one title.
      - C(media_type) is the media type of the file. Without it, files get C(application/vnd.oci.image.layer.v1.tar) as ORAS does it, folders
        C(application/vnd.oci.image.layer.v1.tar+gzip).
      - A folder becomes a tar archive, compressed by gzip and marked so that ORAS unpacks it. Links in it stay links; one that leads out of the folder, a
        device or a pipe fails with the error kind V(invalid_source).
      - Needed unless O(subject) or O(config) is set.
    type: list
    elements: raw
    default: []
  artifact_type:
    description:
      - The type of the artifact, a media type. Without it and without O(config) it is C(application/vnd.unknown.artifact.v1).
      - Something that is no media type fails with the error kind V(invalid_option).
    type: str
  config:
    description:
      - The config of the artifact, which some programs want, Helm among them. Without it the artifact has the empty config.
    type: dict
    suboptions:
      path:
        description: The file that holds the config, of 8 MiB at most. Either this or O(config.content) is needed.
        type: path
      content:
        description: The config itself, text, or a dictionary or list that is written as JSON.
        type: raw
      media_type:
        description: The media type of the config.
        type: str
        default: application/vnd.unknown.config.v1+json
  annotations:
    description:
      - Annotations of the artifact, texts by name.
    type: dict
    default: {}
  created:
    description:
      - The time to state as C(org.opencontainers.image.created), for example V(2026-01-31T12:00:00Z). Without it none is stated, so that a second run
        is unchanged.
    type: str
  subject:
    description:
      - The image, index or artifact to attach this one to, in the same repository, as a name, C(repository[:tag][@digest]), or a digest.
      - Where the registry has no referrers API, the tag that stands in for it is kept up to date; what others entered in it stays.
      - A subject that is absent fails with the error kind V(not_found), one in another repository with V(invalid_reference).
    type: str
notes:
  - For an artifact that is there already, the task sends one HEAD for each tag. Without tags, it sends one for its digest and reads the list of referrers. With
    O(subject) it sends one more.
seealso:
  - module: ocitools.registry.registry_artifact_pull
  - module: ocitools.registry.registry_image_info
"""

EXAMPLES = r"""
- name: Keep a configuration file and a folder in the registry
  ocitools.registry.registry_artifact:
    name: registry.example.com/team/settings:1.4.2
    files:
      - settings.json
      - path: build/templates
        title: templates
    artifact_type: application/vnd.example.settings

- name: Attach an SBOM to an image
  ocitools.registry.registry_artifact:
    name: registry.example.com/team/app
    subject: registry.example.com/team/app:1.4.2
    artifact_type: application/spdx+json
    files:
      - path: app.spdx.json
        media_type: application/spdx+json

- name: Push a Helm chart
  ocitools.registry.registry_artifact:
    name: registry.example.com/charts/app:1.4.2
    config:
      media_type: application/vnd.cncf.helm.config.v1+json
      content:
        apiVersion: v2
        name: app
        version: 1.4.2
    files:
      - path: app-1.4.2.tgz
        media_type: application/vnd.cncf.helm.chart.content.v1.tar+gzip
"""

RETURN = r"""
digest:
  description: The digest of the manifest of the artifact.
  type: str
  returned: success
  sample: sha256:9c1c1f4d3ae5b1bb7c3f2c7f4e6f30db1eb0da5f3d8bbaac0bd43cf1ec4fbf2a
media_type:
  description: Its media type.
  type: str
  returned: success
image:
  description: The artifact by its digest, C(name@digest).
  type: str
  returned: success
size:
  description: Size in bytes of the manifest, the config and the files.
  type: int
  returned: success
tagged_images:
  description: The tags that were written, C(name:tag). In check mode, those that would be written.
  type: list
  elements: str
  returned: success
unchanged_images:
  description: The tags that already pointed to the digest.
  type: list
  elements: str
  returned: success
kept_images:
  description: Always empty, since tags are moved.
  type: list
  elements: str
  returned: success
previous:
  description: The digest that each tag pointed to before, or null.
  type: dict
  returned: success
uploaded_blobs:
  description: The blobs that were sent, each with C(digest) and C(size). In check mode a blob that is missing, though it might be mounted.
  type: list
  elements: dict
  returned: success
mounted_blobs:
  description: The blobs that the registry took from another of its repositories.
  type: list
  elements: dict
  returned: success
existing_blobs:
  description: The blobs that were there already.
  type: list
  elements: dict
  returned: success
uploaded_bytes:
  description: Total size in bytes of the blobs that were sent.
  type: int
  returned: success
mounted_bytes:
  description: Total size in bytes of the blobs that were mounted.
  type: int
  returned: success
existing_bytes:
  description: How many bytes of blobs were skipped, since they were there already.
  type: int
  returned: success
skipped_layers:
  description: Always empty, as in the result of M(ocitools.registry.registry_push).
  type: list
  elements: dict
  returned: success
artifact_type:
  description: The artifact type, or without one the media type of the config.
  type: str
  returned: success
subject:
  description: The digest of what the artifact is attached to, null without O(subject).
  type: str
  returned: success
files:
  description: The files in the artifact, each with C(title), C(digest), C(size) and C(media_type); of a folder those of its archive.
  type: list
  elements: dict
  returned: success
elapsed:
  description: Duration in seconds.
  type: float
  returned: success
"""


from ..module_utils._tasks import artifact
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(artifact.OPTIONS, artifact.run)


if __name__ == "__main__":
    main()
