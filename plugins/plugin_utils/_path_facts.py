# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AnsibleModule adds to the result of a module that returns a path."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
import typing as t


def add_path_facts(result: dict[str, t.Any]) -> None:
    """Add owner, group, mode, state and size of the file that ``path``, or else ``dest``, of the result names, where there is one."""
    path = result.get("path", result.get("dest"))
    if path is None or not os.path.exists(path):
        return
    with contextlib.suppress(FileNotFoundError):  # it may be gone by now
        status = os.lstat(path)
        state = _state(path, status)
        result.update(uid=status.st_uid, gid=status.st_gid, mode=f"0{stat.S_IMODE(status.st_mode):03o}", size=status.st_size)
        result.update(owner=_user(status.st_uid), group=_group(status.st_gid), state=state)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _state(path: str, status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "link"
    if stat.S_ISDIR(status.st_mode):
        return "directory"
    return "hard" if os.stat(path).st_nlink > 1 else "file"
