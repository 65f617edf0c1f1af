# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a file below a directory step by step, so that no link leads out of it, whoever changes it meanwhile."""

from __future__ import annotations

import errno
import os

_MAX_LINKS = 40  # on the way to one file, as Linux has it


def open_inside(descriptor: int, path: str, name: str, flags: int, links: bool) -> int:
    """Return the file ``name`` (parts joined by "/") of the open directory ``path``, opened with ``flags``; raises ``OSError``.

    ``links`` says whether links are followed; one that leads out of the directory never is (``ELOOP``).
    """
    folders = [descriptor]
    try:
        return _walk(folders, path, name.split("/"), flags | os.O_NOFOLLOW, _MAX_LINKS if links else 0)
    finally:
        for folder in folders[1:]:
            os.close(folder)


def _walk(folders: list[int], path: str, parts: list[str], flags: int, links: int) -> int:
    """Go the way of ``parts`` from the last of ``folders`` on, which holds those on the way."""
    while parts:
        part, *parts = parts
        if part == "..":
            _leave(folders)
            continue
        try:
            opened = os.open(part or ".", flags | (os.O_DIRECTORY if parts else 0), dir_fd=folders[-1])
        except OSError as error:
            # A link where a folder should be is "no folder" to some systems.
            if not links or error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            links -= 1
            parts = [*_target(folders, path, part), *parts]
            continue
        if not parts:
            return opened
        folders.append(opened)
    raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))


def _leave(folders: list[int]) -> None:
    if len(folders) == 1:
        raise OSError(errno.ELOOP, "a link leads out")
    os.close(folders.pop())


def _target(folders: list[int], path: str, link: str) -> list[str]:
    """Return the steps to where ``link`` points, from the last of ``folders`` on; a path in full has to begin with that of the directory."""
    try:
        target = os.readlink(link, dir_fd=folders[-1])
    except OSError:
        raise OSError(errno.ENOTDIR, "it is no link") from None
    if not os.path.isabs(target):
        return target.split("/")
    for base in (os.path.abspath(path), os.path.realpath(path)):
        if target.startswith(f"{base}/"):
            while len(folders) > 1:
                _leave(folders)
            return target[len(base) + 1 :].split("/")
    raise OSError(errno.ELOOP, "a link leads out")
