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
  - Pushes files and folders of the host that runs the task as an OCI artifact, in the format of C(oras push) and C(oras attach). C(oras pull),
    M(ocitools.registry.registry_artifact_pull), Helm, Flux and others can read it. None of these programs is needed.
  - With O(subject), attaches the artifact to an image, for example an SBOM or a report. M(ocitools.registry.registry_image_info) lists attached artifacts
    with its option C(referrers).
  - The same files always give the same digest, so a second run reports no change and uploads nothing. Archives of folders contain no owners and no times.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
options:
  name:
    description:
      - Where to push the artifact, C([registry/]repository[:tag]). Without a tag, only O(tags) are set. Without both, the tag is V(latest), or with
        O(subject) the artifact gets no tag.
      - A digest is not allowed here, since the content determines the digest.
    type: str
    required: true
    aliases: [image]
  tags:
    description:
      - Additional tags for the artifact. Quote them, since YAML reads C(1.10) as C(1.1). Anything but a string fails.
    type: list
    elements: raw
    default: []
    aliases: [tag]
  files:
    description:
      - The files and folders to push, in this order. Each is a path on the host that runs the task, or a dictionary with C(path) and the following keys.
      - C(title) is the name of the file when the artifact is pulled. The default is the last part of the path. A title may contain slashes, but must
        be a relative path without C(..), control characters, characters that change the direction of text, and other invisible characters. An invalid
        title, or one that is used twice, fails with the error kind V(invalid_option).
      - C(media_type) is the media type of the file. As with ORAS, the default is C(application/vnd.oci.image.layer.v1.tar) for files and
        C(application/vnd.oci.image.layer.v1.tar+gzip) for folders.
      - A folder becomes a tar archive, compressed with gzip and annotated so that ORAS unpacks it. Symbolic links in it are kept. A link that leads out of
        the folder, a device, a pipe or a name that is not UTF-8 fails with the error kind V(invalid_source). All other names are allowed.
      - The archive of a folder is written to Ansible's temporary folder (C(ansible_remote_tmp)) before it is sent. Files are sent from where they are.
      - Required unless you set O(subject) or O(config).
    type: list
    elements: raw
    default: []
  artifact_type:
    description:
      - The type of the artifact, a media type. Without this option, and with the empty config, it is
        C(application/vnd.unknown.artifact.v1).
      - A value that is not a media type fails with the error kind V(invalid_option).
    type: str
  config:
    description:
      - The config of the artifact, which some programs require, for example Helm. By default the artifact has the empty config.
    type: dict
    suboptions:
      path:
        description: Path of a file that contains the config, up to 8 MiB. Set either this or O(config.content). An empty value of either fails.
        type: path
      content:
        description: The config itself. A string is used as it is. A dictionary or list is converted to JSON.
        type: raw
      media_type:
        description: Media type of the config. With V(application/vnd.oci.empty.v1+json), the empty config, the content must be C({}).
        type: str
        default: application/vnd.unknown.config.v1+json
  annotations:
    description:
      - Annotations of the artifact. Values are strings, so quote numbers. Any other value fails with the error kind V(invalid_option).
    type: dict
    default: {}
  created:
    description:
      - Creation time of the artifact, for the annotation C(org.opencontainers.image.created), a time of RFC 3339 such as
        V(2026-01-31T12:00:00Z). By default the artifact has none, so that a second run gives the same digest.
      - Any other value fails with the error kind V(invalid_option), as does a time that does not exist.
    type: str
  subject:
    description:
      - The image, index or artifact to attach this artifact to, as a name, C(repository[:tag][@digest]), or as a digest. It must be in the same repository.
      - If the registry has no referrers API, the module updates the tag that replaces it, and keeps the other entries of that tag.
        It reads the tag again a second later. If another task has overwritten it in the meantime, the module adds its entry again.
      - A subject that does not exist fails with the error kind V(not_found), one in another repository with V(invalid_reference).
      - A tag of the artifact that points to the subject fails with the error kind V(invalid_option), since it would no longer point to the subject.
    type: str
notes:
  - For an artifact that exists, the task sends one HEAD request for each tag. Without tags, it sends one for the digest and reads the list of referrers.
    With O(subject) it sends one more HEAD request.
seealso:
  - module: ocitools.registry.registry_artifact_pull
  - module: ocitools.registry.registry_image_info
"""

EXAMPLES = r"""
- name: Push a configuration file and a folder
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
  description: Digest of the artifact.
  type: str
  returned: success
  sample: sha256:9c1c1f4d3ae5b1bb7c3f2c7f4e6f30db1eb0da5f3d8bbaac0bd43cf1ec4fbf2a
media_type:
  description: Media type of the manifest.
  type: str
  returned: success
image:
  description: The artifact with its digest, C(name@digest).
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
  description: Always empty, since existing tags are moved.
  type: list
  elements: str
  returned: success
previous:
  description: The digest that each tag pointed to before, or null.
  type: dict
  returned: success
uploaded_blobs:
  description: The blobs that were uploaded, each with C(digest) and C(size). In check mode, all missing blobs, even if the registry could mount them.
  type: list
  elements: dict
  returned: success
mounted_blobs:
  description: The blobs that the registry mounted from another repository.
  type: list
  elements: dict
  returned: success
existing_blobs:
  description: The blobs that the repository already had.
  type: list
  elements: dict
  returned: success
uploaded_bytes:
  description: Total size in bytes of the uploaded blobs.
  type: int
  returned: success
mounted_bytes:
  description: Total size in bytes of the mounted blobs.
  type: int
  returned: success
existing_bytes:
  description: Total size in bytes of the blobs that the repository already had.
  type: int
  returned: success
skipped_layers:
  description: Always empty, as in the result of M(ocitools.registry.registry_push).
  type: list
  elements: dict
  returned: success
artifact_type:
  description: The artifact type. Without one, the media type of the config.
  type: str
  returned: success
subject:
  description: Digest of what the artifact is attached to. Null without O(subject).
  type: str
  returned: success
files:
  description: The files in the artifact, each with C(title), C(digest), C(size) and C(media_type). For a folder, these are the values of its archive.
  type: list
  elements: dict
  returned: success
elapsed:
  description: Duration in seconds.
  type: float
  returned: success
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import artifact
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(artifact.OPTIONS, artifact.run)


if __name__ == "__main__":
    main()
