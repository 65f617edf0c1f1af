#!/usr/bin/python
# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_extract
short_description: Extract files of an image to a host
version_added: 1.1.0
author: The ocitools.registry authors (@ocitools)
description:
  - Lays files and directories of an image down on the host that runs the task. No container engine is needed, and the image is not stored.
  - Layers are read from the top down and no more of them than it takes. Each is checked against its digest before any of its files becomes visible.
    Layers may be compressed by gzip or zstd or not at all.
  - Whiteouts and opaque directories are obeyed. A file is put in its place when all files are complete. After a failure or an interruption each file
    is the old one or the new one.
  - Nothing is written outside of O(dest), whatever the image holds.
  - Files that the image does not have, or does not have any more, are left alone.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._verify
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
    details:
      - Downloads the layers that it must read to know what would change, and writes nothing.
  diff_mode:
    support: full
    details:
      - Lists the files and directories that change.
options:
  name:
    description:
      - The image, C([registry/]repository[:tag][@digest]); without tag and digest the tag V(latest).
      - An image that is absent fails with the error kind V(not_found), an artifact that is no image with V(unsupported).
    type: str
    required: true
    aliases: [image]
  paths:
    description:
      - Files and directories of the image, as paths from its root on. A directory stands for all that is below it, V(/) for the whole image.
      - C(*), C(?) and C([...]) match within one part of a path, C(**) any number of parts.
      - A path may lead through symbolic links, which are followed inside the image, and may be one.
      - A path that the image lacks fails with the error kind V(not_found).
    type: list
    elements: raw
    required: true
  dest:
    description:
      - The directory to extract to, on the host that runs the task. Each file lies below it under its path in the image, without the first O(strip) parts.
      - A single file goes to O(dest) itself where O(dest) is no directory and does not end in a slash.
      - The directory that O(dest) is in must exist. Symbolic links below O(dest) are not written through; the task fails with the error kind V(local_io).
      - A symbolic link of another user on the way to O(dest), in a folder that others can write, is refused too.
    type: path
    required: true
  strip:
    description:
      - Number of leading parts that paths of the image lose below O(dest). With V(2), V(/usr/share/doc) becomes C(doc).
      - Two files that would get the same path fail with the error kind V(invalid_option).
    type: int
    default: 0
  platform:
    description:
      - The platform, C(os/arch[/variant]), to choose from an index. Without it, that of the host that runs the task is chosen.
      - A single image is taken as it is unless this option is set; then it must be for that platform.
      - A platform that the image lacks fails with the error kind V(not_found).
    type: str
  keep_ownership:
    description:
      - Give files and directories the numbers of the owner and group that they have in the image. Only root can do that.
      - Without it they belong to the user of the task, or to O(owner) and O(group).
    type: bool
    default: false
  keep_set_id:
    description:
      - Keep the bits of the mode that let a program run as its owner or group. Only root can do that. Without it they are dropped.
    type: bool
    default: false
  mode:
    description:
      - The permissions of all files. A number needs quotes or a leading zero. New directories get the permission to enter wherever the number gives the
        permission to read.
      - Without it, files and new directories have the permissions that they have in the image. Directories that exist keep theirs.
  unsafe_writes:
    description:
      - Has no effect. A file that cannot be replaced by renaming, such as a mount point, fails with the error kind V(local_io).
notes:
  - The file C(.ocitools-extract.json) in O(dest), or beside the file that O(dest) is, remembers what was extracted. While the name stands for the same digest,
    a rerun compares the files with it and downloads no layer. A file that was changed is put right. You can remove the record at any time.
  - In directories, a symbolic link that leads to something within what is extracted stays one; an absolute one becomes relative. Of a link that leads
    elsewhere the file that it leads to is written in its place. Other links are skipped.
  - Hard links become files of their own. Devices, pipes and sockets are skipped. Extended attributes, among them file capabilities, are not written.
  - A layer is read a second time where a link leads to a file that was not wanted under its own name, or where a layer is inconsistent.
  - An unchanged image costs one request, and none where it is named by its digest. Otherwise its manifest is read, for an index that of the image too, and then
    the layers.
  - Files wait in the folder C(.ocitools-extract-*.tmp) in O(dest) until all are complete, so O(dest) needs space for them twice. The folder of a task that was
    killed is removed by the next one.
  - A layer may unpack to 3 GiB, or 1100 times its size where that is more. The task keeps at most 100 MB in memory, which is enough for the results
    of tens of thousands of files. More fails with the error kind V(limit).
seealso:
  - module: ocitools.registry.registry_pull
"""

EXAMPLES = r"""
- name: Install a file of an image
  ocitools.registry.registry_extract:
    name: registry.example.com/team/app:1.4.2
    paths: [/file.txt]
    dest: app.txt
    mode: "0755"

- name: Extract all text files at any depth, of the image for one platform
  ocitools.registry.registry_extract:
    name: registry.example.com/team/app:1.4.2
    paths: ["/**/*.txt"]
    dest: app-files/
    platform: linux/arm64

- name: See what would be extracted of an image
  ocitools.registry.registry_extract:
    name: registry.example.com/team/app:1.4.2
    paths: [/]
    dest: app-files/
  check_mode: true
  diff: true
"""

RETURN = r"""
files:
  description: The files and symbolic links that are there now, in the order of their paths.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: The path on the host.
      type: str
      returned: always
      sample: /usr/local/bin/app
    source:
      description: The path in the image.
      type: str
      returned: always
      sample: /app/bin/app
    size:
      description: The size in bytes, 0 for a symbolic link.
      type: int
      returned: always
      sample: 1048576
    mode:
      description: The permissions.
      type: str
      returned: always
      sample: "0755"
    changed:
      description: Whether it was written, or would be in check mode.
      type: bool
      returned: always
skipped_files:
  description: What was not extracted, such as devices.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: The path in the image.
      type: str
      returned: always
      sample: /dev/null
    reason:
      description: Why it was not extracted.
      type: str
      returned: always
      sample: a device, a pipe or a socket
digest:
  description: The digest that the name stands for, of an index if it is one.
  type: str
  returned: success
  sample: sha256:1f4e2a8d5b0e7b6a8d3c3f0e0d1c2b3a49586776655443322110ffeeddccbbaa
downloaded_bytes:
  description: The size of the layers that were downloaded.
  type: int
  returned: success
  sample: 3408729
"""


from ..module_utils._tasks import extract
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(extract.OPTIONS, extract.run, extract.RULES)


if __name__ == "__main__":
    main()
