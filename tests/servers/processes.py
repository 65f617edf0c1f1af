# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that a keeper starts; they end with it, whatever ends it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

ADDRESS = "127.0.0.1"
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_PARTING = 10  # seconds for an end in peace


class NotStarted(Exception):
    """A server did not start."""


class Child:
    """A running program, which writes to ``log``; ``ending`` is the signal that asks it to end, ``user`` somebody else to run it as."""

    def __init__(
        self,
        command: t.Sequence[str | Path],
        log: Path,
        *,
        env: t.Mapping[str, str],
        cwd: Path | None = None,
        user: str = "",
        sockets: t.Sequence[socket.socket] = (),
        ending: signal.Signals = signal.SIGTERM,
    ) -> None:
        self._log = log
        self._ending = ending
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                cwd=cwd,
                pass_fds=[each.fileno() for each in sockets],
                start_new_session=True,
                preexec_fn=self._end_with_parent if sys.platform == "linux" else None,
                **run_as(user),
            )

    def _end_with_parent(self) -> None:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, self._ending)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Tell whether it runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ask it to end; what is left of it and of its children then is killed."""
        if self.is_alive():
            self._process.send_signal(self._ending)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PARTING)
            self._end_group()

    def kill(self) -> None:
        """End it and its children at once."""
        if self.is_alive():
            self._end_group()

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def last_lines(self) -> str:
        """Return the end of what it wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-600:]


def run_as(user: str) -> dict[str, t.Any]:
    """Return the arguments of subprocess that run a program as somebody else, none for the user who asks."""
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
