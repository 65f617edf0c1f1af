# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real registries whose storage is set back before each run, reached directly or through a proxy."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from ..servers.distribution import Distribution, Settings
from ..servers.programs import find_registry
from .proxy import Proxy

_CACHE = Path.home() / ".cache" / "ocitools-servers"


class Registry:
    """One registry; ``host`` is where it is reached from now on."""

    def __init__(self, folder: Path, cleanup: contextlib.ExitStack) -> None:
        self._storage = folder / "storage" / "docker"
        self._kept = folder / "kept"
        self._server = Distribution(find_registry(_CACHE), folder, Settings())
        cleanup.callback(self._server.stop)
        self._server.start()
        self._cleanup = cleanup
        self._proxies: dict[float, Proxy] = {}
        self.delay = 0.0

    @property
    def host(self) -> str:
        """Where to reach it: itself, or with a delay its proxy."""
        return self._proxy().host if self.delay else self._server.host

    def _proxy(self) -> Proxy:
        if self.delay not in self._proxies:
            self._proxies[self.delay] = Proxy(self._server.host, self.delay)
            self._cleanup.callback(self._proxies[self.delay].close)
        return self._proxies[self.delay]

    def take_counts(self) -> dict[str, int]:
        """Return which requests came since the last call; none are known without a proxy."""
        return self._proxy().take_counts() if self.delay else {}

    def keep(self) -> None:
        """Take what the registry holds now as its first state."""
        shutil.rmtree(self._kept, ignore_errors=True)
        if self._storage.is_dir():
            shutil.copytree(self._storage, self._kept)

    def set_back(self) -> None:
        """Give the registry its first state again: it keeps nothing in memory."""
        shutil.rmtree(self._storage, ignore_errors=True)
        if self._kept.is_dir():
            shutil.copytree(self._kept, self._storage)

    def forget(self) -> None:
        """Let its first state be an empty one."""
        shutil.rmtree(self._kept, ignore_errors=True)
        self.set_back()
