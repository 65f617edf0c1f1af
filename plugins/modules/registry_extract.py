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
  - Extracts files and directories of an image to the host that runs the task. It needs no container engine, and does not store the image.
  - Reads layers from the top down, and only as many as it needs. Each layer is verified against its digest before any of its files is written to
    O(dest). Layers may be uncompressed or compressed with gzip or zstd.
  - Deleted files (whiteouts) and opaque directories of layers are respected. Files are moved to O(dest) when all of them are complete. After a failure or
    an interruption, each file is either the old one or the new one.
  - Nothing is written outside of O(dest), whatever the image contains.
  - Files in O(dest) that are not in the image are kept, also those that a newer image no longer has.
extends_documentation_fragment:
  - ocitools.registry._registry
  - ocitools.registry._attributes
  - ocitools.registry._verify
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
    details:
      - Downloads the layers that it needs to find out what would change, but writes nothing.
  diff_mode:
    support: full
    details:
      - Lists the files and directories that change.
options:
  name:
    description:
      - The image, C([registry/]repository[:tag][@digest]). Without tag and digest, the tag is V(latest).
      - An image that does not exist fails with the error kind V(not_found). An artifact that is not an image fails with V(unsupported).
    type: str
    required: true
    aliases: [image]
  paths:
    description:
      - The files and directories to extract, as absolute paths in the image. A directory includes everything below it. V(/) is the whole image.
      - C(*), C(?) and C([...]) match within one part of a path. C(**) matches any number of parts.
      - Symbolic links on the path are followed inside the image, also in front of and behind the C(*) of a glob. C(**) does not go through symbolic links
        that it finds itself. The path itself may be a symbolic link.
      - A path that the image does not have fails with the error kind V(not_found). A path without glob characters fails with V(unsupported) if it
        is a device, a pipe or a socket, and with V(invalid_source) if it is a hard link to a file that the image does not have.
    type: list
    elements: raw
    required: true
  dest:
    description:
      - The directory to extract to, on the host that runs the task. Each file is written to its path in the image below O(dest), without the first O(strip)
        parts.
      - If O(paths) is the path of one file, without glob characters, the file is written to O(dest) itself. If O(dest) is a directory or ends with a
        slash, the file is written there under its own name, or with O(strip) to its path without the first parts.
      - The parent directory of O(dest) must exist. The task does not write through symbolic links below O(dest), and fails with the error kind V(local_io).
      - A symbolic link on the way to O(dest) fails as well if it belongs to another user and is in a directory that others can write to.
    type: path
    required: true
  strip:
    description:
      - Number of leading parts to remove from the paths. With V(2), V(/usr/share/doc) becomes C(doc) below O(dest).
      - With the default V(0), files keep their whole path in the image, except for a single file (see O(dest)).
      - Two files that would get the same path fail with the error kind V(invalid_option). So does a file whose whole path would be removed.
    type: int
    default: 0
  platform:
    description:
      - The platform to extract from a multi-platform image, C(os/arch[/variant]). The default is the platform of the host that runs the task, and on
        macOS Linux on the same processor.
      - A single-platform image is used as it is if you do not set this option. If you set it, the image must be for that platform.
      - A platform that the image does not have fails with the error kind V(not_found).
    type: str
  keep_ownership:
    description:
      - Whether files and directories get the numeric owner and group that they have in the image. Requires root.
      - By default they belong to the user of the task. O(owner) and O(group) take precedence in both cases.
    type: bool
    default: false
  keep_set_id:
    description:
      - Whether to keep the set-user-ID and set-group-ID bits. Requires root. By default these bits are removed.
    type: bool
    default: false
  mode:
    description:
      - The permissions of all files. Quote a number, or write it with a leading zero. A symbolic mode changes the permissions in the image. New directories
        also get the permission to enter wherever this gives the permission to read.
      - By default, files and new directories have the permissions that they have in the image. Existing directories keep theirs.
      - A new O(dest), and new directories that only lead to a path in O(paths), have the permissions that the umask allows.
      - An invalid value fails with the error kind V(invalid_option).
  owner:
    description:
      - The owner of the extracted files and of new directories. A new O(dest), and new directories that only lead to a path in O(paths), belong to the user
        of the task.
  group:
    description:
      - The group of the extracted files and of new directories, as for O(owner).
  unsafe_writes:
    description:
      - Has no effect. A file that cannot be replaced by renaming, such as a mount point, fails with the error kind V(local_io).
notes:
  - The module records what it extracted in the file C(.ocitools-extract.json) in O(dest). For a single file, or if it extracted nothing and O(dest) does not
    exist, that file is beside O(dest). As long as the name points to the same digest, the next run only compares the files with the record and downloads no
    layer.
    It restores files that were changed. You can delete the record at any time. If it cannot be written, for example because that of another user is in the
    same shared directory, the module gives a warning.
  - A user other than root may lack the permission to read an extracted file, or to look into an extracted directory, such as one with the permissions
    V(0000). There, the module compares only what the user can see, such as the size of the file, and relies on the record for the rest. Without a record
    of the same digest, it writes such files again. It writes in directories of the user without write permission too, and adds the permission while
    it writes there.
  - An unchanged image takes one request, and none if O(name) has a digest. Otherwise the module reads the manifest, for an index also the manifest of the
    platform, and then the layers.
  - A symbolic link in an extracted directory stays a link if its target is extracted as well. Absolute links become relative. If the target is a
    file that is not extracted, the file is written in place of the link. Other links are skipped.
  - Hard links become separate files. Devices, pipes and sockets in a directory, or found by a glob, are skipped. Extended
    attributes, including file capabilities, are not written. The modification time of a file is the time of its extraction.
  - A layer is read a second time if a link leads to a file that is not in O(paths), or if the layer is inconsistent.
    A sparse file fails with the error kind V(invalid_source) if it would be extracted.
  - Files are collected in the folder C(.ocitools-extract-*.tmp) in O(dest) until all are complete, so O(dest) needs space for the old and the new files. If
    a task is killed, the next one removes its folder. A file in a directory below O(dest) that is on another file system fails with the error kind
    V(local_io); extract it with a task of its own.
  - A layer may unpack to 3 GiB, or to 1100 times its size if that is more. The memory of a task is limited as well, which is enough
    for about 50,000 extracted files. The layers may contain many more. A task that needs more fails with the error kind V(limit); split it into several.
seealso:
  - module: ocitools.registry.registry_pull
"""

EXAMPLES = r"""
- name: Install a single file from an image
  ocitools.registry.registry_extract:
    name: registry.example.com/team/app:1.4.2
    paths: [/file.txt]
    dest: app.txt
    mode: "0755"

- name: Extract all text files of the image for one platform
  ocitools.registry.registry_extract:
    name: registry.example.com/team/app:1.4.2
    paths: ["/**/*.txt"]
    dest: app-files/
    platform: linux/arm64

- name: Show what would be extracted
  ocitools.registry.registry_extract:
    name: registry.example.com/team/app:1.4.2
    paths: [/]
    dest: app-files/
  check_mode: true
  diff: true
"""

RETURN = r"""
files:
  description: The extracted files and symbolic links, sorted by path.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: Path on the host.
      type: str
      returned: always
      sample: /usr/local/bin/app
    source:
      description: Path in the image.
      type: str
      returned: always
      sample: /app/bin/app
    size:
      description: Size in bytes. 0 for a symbolic link.
      type: int
      returned: always
      sample: 1048576
    mode:
      description: Permissions.
      type: str
      returned: always
      sample: "0755"
    changed:
      description: Whether the task wrote the file, or in check mode would write it.
      type: bool
      returned: always
skipped_files:
  description:
    - Entries of the image that were not extracted, such as devices.
    - The key is not C(skipped), since Ansible uses that for tasks that did not run.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: Path in the image.
      type: str
      returned: always
      sample: /dev/null
    reason:
      description: Why it was not extracted.
      type: str
      returned: always
      sample: a device, a pipe or a socket
digest:
  description: Digest of the image. For a multi-platform image, that of the index.
  type: str
  returned: success
  sample: sha256:1f4e2a8d5b0e7b6a8d3c3f0e0d1c2b3a49586776655443322110ffeeddccbbaa
downloaded_bytes:
  description: Total size in bytes of the downloaded layers.
  type: int
  returned: success
  sample: 3408729
"""


from ..module_utils._core.payload import compile_once

compile_once()

from ..module_utils._tasks import extract
from ..module_utils._tasks.module import run_module


def main() -> None:
    """Run the module."""
    run_module(extract.OPTIONS, extract.run, extract.RULES)


if __name__ == "__main__":
    main()
