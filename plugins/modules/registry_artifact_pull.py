#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_artifact_pull
short_description: Pull the files of an OCI artifact from a registry
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Writes the files of an OCI artifact, as M(ocitools.registry.registry_artifact), ORAS (C(oras push), C(oras attach)) and others make them, below a folder of
    the host that runs the task.
  - Each file is checked against its digest while it is written beside its place, and renamed when it is complete. A file that is there with the
    right content is not downloaded.
  - A folder that ORAS or M(ocitools.registry.registry_artifact) packed is unpacked. Where the folder is there and the archive is one of
    M(ocitools.registry.registry_artifact), both are compared without a download; else the archive is downloaded and compared file by file, in check
    mode too. Files that the archive does not have stay.
  - A file without a title has no name, and is not pulled; RV(artifacts) lists it.
extends_documentation_fragment:
  - ocitools.registry._verify
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  name:
    description:
      - The artifact, C([registry/]repository[:tag][@digest]); without tag and digest the tag V(latest). Either this or O(subject) is needed.
      - An artifact that is absent fails with the error kind V(not_found).
    type: str
    aliases: [image]
  subject:
    description:
      - The image to which the artifact is attached, C([registry/]repository[:tag][@digest]).
    type: str
  artifact_type:
    description:
      - Of what is attached to O(subject), only artifacts of this type. Where there is none, the task fails with the error kind V(not_found) and
        lists the types that there are.
    type: str
  select:
    description:
      - What to pull where several artifacts that are attached to O(subject) fit. V(single) fails with the error kind V(invalid_option) and lists them.
      - V(newest) takes the one with the latest C(org.opencontainers.image.created), and fails in the same way if one has no time or two have the same.
      - V(all) pulls each of them into a folder of its own below O(dest), which is named by its digest.
    type: str
    choices: [single, newest, all]
    default: single
  dest:
    description:
      - The folder for the files on the host that runs the task. It is made where it is not there; the folder that it is in must exist.
      - It may be a symbolic link or lie behind one, but not behind one of another user in a folder that others can write. No link below it is followed;
        one in the place of a file is replaced.
      - What cannot be written fails with the error kind V(local_io).
    type: path
    required: true
  include:
    description:
      - The titles of the files to pull, without it all. A title that the artifact does not have fails with the error kind V(not_found).
    type: list
    elements: str
    default: []
  mode:
    description:
      - The permissions of the files, and of unpacked folders with what is in them; folders can be entered by those who may read them. Without it, new files
        get those that the umask gives, and in unpacked folders the files that were executable are executable.
      - Where it takes that right away, the archive of such a folder is downloaded by each run, to be compared.
      - It does not change O(dest) itself. It is written as for the module C(ansible.builtin.file).
  owner:
    description: The owner of the files, and of unpacked folders with what is in them.
  group:
    description: The group of the files, and of unpacked folders with what is in them.
notes:
  - A title that is a path in full, leads out of O(dest) or holds characters that cannot be shown fails with the error kind V(invalid_response), and so do two
    files for one place. An archive with such names, with links that lead out of its folder, or with devices fails with V(invalid_source). Both are found before
    anything of that artifact, or of that folder, is written. Modes that let a file run as its owner (set-id) are never set.
  - An archive may unpack to 3 GiB, or to 1100 times its size where that is more.
  - For an artifact that is there already, the task reads its manifest, and for O(subject) one HEAD and the list of referrers more.
seealso:
  - module: ocitools.registry.registry_artifact
  - module: ocitools.registry.registry_image_info
"""

EXAMPLES = r"""
- name: Put the settings in place
  ocitools.registry.registry_artifact_pull:
    name: registry.example.com/team/settings:1.4.2
    dest: settings
    mode: "0640"

- name: Fetch the newest SBOM of an image
  ocitools.registry.registry_artifact_pull:
    subject: registry.example.com/team/app:1.4.2
    artifact_type: application/spdx+json
    select: newest
    dest: sbom
"""

RETURN = r"""
dest:
  description: The folder, as the task names it.
  type: str
  returned: success
digest:
  description: The digest of the artifact; null with several.
  type: str
  returned: success
  sample: sha256:9c1c1f4d3ae5b1bb7c3f2c7f4e6f30db1eb0da5f3d8bbaac0bd43cf1ec4fbf2a
artifact_type:
  description: Its artifact type, or without one the media type of its config; null with several.
  type: str
  returned: success
artifacts:
  description: The artifacts that were pulled, each with C(digest), C(artifact_type), C(annotations), C(files), and C(skipped_layers), those that were not
    pulled.
  type: list
  elements: dict
  returned: success
files:
  description: The files and folders of all artifacts, each with C(title), C(path), C(digest), C(size), C(media_type), and C(changed), whether it was
    (in check mode, would be) written.
  type: list
  elements: dict
  returned: success
downloaded_bytes:
  description: How many bytes of files and archives were (in check mode, would be) downloaded.
  type: int
  returned: success
elapsed:
  description: How long it took, in seconds.
  type: float
  returned: success
"""


from ..module_utils._tasks import artifact_pull
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(artifact_pull.OPTIONS, artifact_pull.run, artifact_pull.RULES)


if __name__ == "__main__":
    main()
