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
  - Pulls the files of an OCI artifact into a folder of the host that runs the task. Reads artifacts of M(ocitools.registry.registry_artifact), of ORAS
    (C(oras push), C(oras attach)) and of other tools.
  - Downloads each file to a temporary file in the same folder, verifies its digest, and renames it. A file that already has the right content is not
    downloaded.
  - Unpacks folders that M(ocitools.registry.registry_artifact) or ORAS packed. An existing folder from M(ocitools.registry.registry_artifact) is
    compared without a download.
  - Archives of other programs contain times, owners or other permissions, so the module cannot tell from the files whether they are the same. If the folder
    exists, it downloads the archive in every run, also in check mode, and compares it file by file. RV(downloaded_bytes) then contains its size, even
    if nothing is changed. The same happens if the folder contains files that the archive does not contain. Those files are kept.
  - A folder with the title C(.), as C(oras push REF .) packs it, is unpacked into O(dest) itself. Such an artifact must not have other files.
    C(./) at the beginning of a title is ignored.
  - Helm charts get the names that C(helm pull) gives them, for example V(app-1.4.2.tgz) and V(app-1.4.2.tgz.prov).
  - Any other file without a title, or with an empty one, has no name and is not pulled. RV(artifacts) lists such files under C(skipped_layers).
extends_documentation_fragment:
  - ocitools.registry._verify
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._attributes.check_and_diff
  - ansible.builtin.files
options:
  name:
    description:
      - The artifact, C([registry/]repository[:tag][@digest]). Without tag and digest, the tag is V(latest).
      - Exactly one of O(name) and O(subject) is required.
      - An artifact that does not exist fails with the error kind V(not_found).
    type: str
    aliases: [image]
  subject:
    description:
      - The image whose attached artifacts to pull, C([registry/]repository[:tag][@digest]). Use O(artifact_type) and O(select) to select some of them.
      - With O(verify), each artifact to pull must have a valid signature of its own. The signatures of O(subject) are not verified.
      - An image that does not exist fails with the error kind V(not_found).
    type: str
  artifact_type:
    description:
      - Only pull artifacts of this type. Requires O(subject).
      - If O(subject) has none of this type, the task fails with the error kind V(not_found), and the message lists the types that it has.
    type: str
  select:
    description:
      - What to pull if several artifacts attached to O(subject) match. V(single) fails with the error kind V(invalid_option), and the message lists them.
      - V(newest) pulls the artifact with the latest C(org.opencontainers.image.created). It fails in the same way if one of them has no valid time, or if
        two have the same time.
      - V(all) pulls each artifact into its own folder below O(dest), with its digest as the name, even if there is only one.
      - V(newest) and V(all) require O(subject).
    type: str
    choices: [single, newest, all]
    default: single
  dest:
    description:
      - The folder for the files, on the host that runs the task. It is created if it does not exist. Its parent folder must exist.
      - O(dest) may be a symbolic link or lie behind one, unless the link belongs to another user and is in a folder that others can write to. Symbolic
        links below O(dest) are not followed. A link in the place of a file is replaced.
      - A file that cannot be written fails with the error kind V(local_io).
    type: path
    required: true
  include:
    description:
      - Titles of the files to pull. By default all files are pulled. A title that the artifact does not have fails with the error kind V(not_found).
    type: list
    elements: str
    default: []
  mode:
    description:
      - The permissions of the files, and of unpacked folders with their content, in the same form as for the module C(ansible.builtin.file). Folders also
        get the permission to enter wherever this gives the permission to read.
      - By default, new files have the permissions that the umask allows. Executable files in unpacked folders stay executable, also with a symbolic mode
        such as V(u=rwX,go=rX).
      - If the permissions remove the right to execute such files, every run downloads the archive of their folder to compare it.
      - The permissions of O(dest) itself do not change. Of a folder with the title C(.), only what the archive contains gets the permissions, folders in
        it with their content.
      - An invalid value fails with the error kind V(invalid_option).
  owner:
    description: The owner of the files, and of unpacked folders with their content.
  group:
    description: The group of the files, and of unpacked folders with their content.
  unsafe_writes:
    description:
      - Has no effect. A file that cannot be replaced by renaming, such as a mount point, fails with the error kind V(local_io).
notes:
  - A title must not be an absolute path, lead out of O(dest), or contain control characters, characters that change the direction of text or other invisible
    characters. Such a title, and two files with the same path, fail with the error kind V(invalid_response). In an archive, paths must not be absolute, lead
    out of its folder or be other than UTF-8. Such paths, links that lead out of the folder, and devices fail with V(invalid_source). All other names are
    allowed in archives.
    These errors are found before anything of that artifact, or of that folder, is written. The set-user-ID and set-group-ID bits are never set.
  - An archive is downloaded to Ansible's temporary folder (C(ansible_remote_tmp)) and unpacked from there. It may unpack to 3 GiB, or to 1100 times its size
    if that is more.
  - For files that are up to date, the task reads only the manifest of the artifact. With O(subject) it also sends one HEAD request and reads the list of
    referrers.
seealso:
  - module: ocitools.registry.registry_artifact
  - module: ocitools.registry.registry_image_info
"""

EXAMPLES = r"""
- name: Pull a configuration file and a folder
  ocitools.registry.registry_artifact_pull:
    name: registry.example.com/team/settings:1.4.2
    dest: settings
    mode: "0640"

- name: Pull a Helm chart as app-1.4.2.tgz
  ocitools.registry.registry_artifact_pull:
    name: registry.example.com/charts/app:1.4.2
    dest: charts

- name: Pull the newest SBOM of an image
  ocitools.registry.registry_artifact_pull:
    subject: registry.example.com/team/app:1.4.2
    artifact_type: application/spdx+json
    select: newest
    dest: sbom
"""

RETURN = r"""
dest:
  description: The folder, as in O(dest).
  type: str
  returned: success
digest:
  description: Digest of the artifact. Null for several artifacts.
  type: str
  returned: success
  sample: sha256:9c1c1f4d3ae5b1bb7c3f2c7f4e6f30db1eb0da5f3d8bbaac0bd43cf1ec4fbf2a
artifact_type:
  description: Type of the artifact. Without one, the media type of the config. Null for several artifacts.
  type: str
  returned: success
artifacts:
  description: The pulled artifacts, each with C(digest), C(artifact_type), C(annotations), C(files) and C(skipped_layers), the files that were not pulled.
  type: list
  elements: dict
  returned: success
files:
  description:
    - The files and folders of all artifacts, each with C(title), C(path), C(digest), C(size), C(media_type) and C(changed).
    - C(changed) is whether the task wrote it, or in check mode would write it.
  type: list
  elements: dict
  returned: success
downloaded_bytes:
  description: Total size in bytes of the files and archives that the task downloaded. In check mode, those that it would download.
  type: int
  returned: success
elapsed:
  description: Duration in seconds.
  type: float
  returned: success
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import artifact_pull
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(artifact_pull.OPTIONS, artifact_pull.run, artifact_pull.RULES)


if __name__ == "__main__":
    main()
