# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of files and folders, by which tasks tell what another one is writing; NFS has them only for files that are open for writing."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import time
import typing as t

from .._core.errors import RegistryError
from .._core.waiting import take_within

_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DAY = 86_400


def _try_lock(descriptor: int, waits: bool = False) -> bool | None:
    """Take the lock of an open file or folder; False where somebody holds it and it is not waited for, None where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def take_lock(descriptor: int, waits: bool = False) -> bool:
    """Take the lock of an open file or folder, if there are locks; False where another task or program holds it, and ``waits`` does not say to wait."""
    return _try_lock(descriptor, waits) is not False


def is_abandoned(descriptor: int) -> bool:
    """Take the lock of an open file or folder and tell whether nobody held it; without locks, whether it is a day old."""
    taken = _try_lock(descriptor)
    return time.time() - os.fstat(descriptor).st_mtime > _DAY if taken is None else taken


def open_to_lock(name: str, folder: int) -> int:
    """Open the file ``name`` of an open ``folder`` to lock it; raises ``OSError``."""
    try:
        return os.open(name, os.O_RDWR | _FLAGS, dir_fd=folder)
    except PermissionError:
        return os.open(name, os.O_RDONLY | _FLAGS, dir_fd=folder)


@contextlib.contextmanager
def locked_folder(folder: int, path: str, seconds: float, file: str = "") -> t.Iterator[None]:
    """Hold the lock of an open ``folder``, and that of a ``file`` in it; ``local_io`` where one is held for more than ``seconds``."""
    with contextlib.ExitStack() as locks:
        descriptors = [folder]
        if file:
            with contextlib.suppress(OSError):
                descriptors.append(open_to_lock(file, folder))
                locks.callback(os.close, descriptors[1])
        for descriptor in descriptors:
            if not take_within(seconds, functools.partial(take_lock, descriptor)):
                raise RegistryError(
                    f"{path} has been locked by another program for {seconds:g} s: end that program, or choose another path.", "local_io"
                )
            locks.callback(_release, descriptor)
        yield


def _release(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
