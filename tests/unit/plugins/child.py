# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one module in a process of its own; what to run comes in as JSON, since a command line can be read by everybody."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.abc
import json
import os
import pkgutil
import signal
import sys
import typing as t
from pathlib import Path

_COLLECTION = "ansible_collections.ocitools.registry"


class _Hidden(importlib.abc.MetaPathFinder):
    """Makes libraries look as if they were not installed."""

    def __init__(self, names: t.Sequence[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, path: t.Any, target: t.Any = None) -> None:
        """Refuse the hidden ones."""
        if any(f"{fullname}.".startswith(f"{name}.") for name in self._names):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


_SET_DUMPABLE = 4
_CHANGES = ("os.mkdir", "os.rename", "os.symlink")


def _die_before(change: int) -> None:
    """End this process as a power cut does, right before it makes the change of that number to the file system."""
    left = change

    def audit(event: str, _arguments: t.Any) -> None:
        nonlocal left
        if event in _CHANGES:  # and not, over and over, the event of the signal itself
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def _load_all(package: t.Any) -> None:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(found.name)


def _become(user: int, harness: t.Any) -> None:
    """Go on as another user, who need not be able to read Python and its libraries: all that a module loads is imported before."""
    _load_all(harness.plugin("module_utils"))
    with contextlib.suppress(ImportError):  # what ansible-core 2.19 and newer load when a module begins and ends
        _load_all(importlib.import_module("ansible.module_utils._internal._json"))
    "x".encode("idna")
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    ctypes.CDLL(None).prctl(_SET_DUMPABLE, 1, 0, 0, 0)  # /proc/self is this user's again, as for a program that the user starts


def main() -> None:
    """Run the module that the standard input names."""
    request = json.load(sys.stdin)
    sys.path.pop(0)  # this folder is none of the module's business
    sys.meta_path.insert(0, _Hidden(request["hide"]))
    harness = importlib.import_module(f"{_COLLECTION}.tests.unit.plugins.harness")
    if request["fast"] and not request["hide"]:
        harness.plugin("module_utils._http.retry").Retry.__init__.__defaults__ = (lambda seconds: None,)
    if "AS_USER" in os.environ:
        _become(int(os.environ["AS_USER"]), harness)
    _die_before(int(os.environ.get("KILLED_BEFORE_CHANGE", "-1")))
    with harness.patch_module_args(request["args"]):
        try:
            harness.plugin(f"modules.{request['name']}").main()
        finally:
            if request.get("status"):
                Path(request["status"]).write_bytes(Path("/proc/self/status").read_bytes())


if __name__ == "__main__":
    main()
