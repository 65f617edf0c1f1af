# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registries that the stage of the event source watches, and what moves tags in them."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import subprocess
import sys
import threading
import time
import typing as t
import urllib.request
from pathlib import Path

from environment import CHECKOUT, LeftOut, private_home

USER, PASSWORD = "deployer", "rulebook-passw0rd"
REPOSITORY = "team/app"


class Registry:
    """A registry that is watched: a process that says at which host it serves, and ends with its input.

    One that ``goes_away`` is started again on its port, with what it had.
    """

    def __init__(self, name: str, command: t.Sequence[str | Path], goes_away: bool = False) -> None:
        self.name = name
        self.goes_away = goes_away
        self.host = ""
        self._command = [sys.executable, *command]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Serve; raise LeftOut where this machine lacks what that takes."""
        port = ["--port", self.host.rpartition(":")[2]] if self.host else []
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([*self._command, *port], cwd=CHECKOUT, stdin=pipe, stdout=pipe, text=True)
        said = json.loads(t.cast("t.IO[str]", self._process.stdout).readline() or "{}")
        if "host" not in said:
            raise LeftOut(f"{self.name} cannot be watched: {said.get('missing', 'it does not start.')}")
        self.host = said["host"]

    def stop(self) -> None:
        """End."""
        if self._process is not None:
            self._process.communicate("")
            self._process = None


def fake(tree: Path) -> Registry:
    """Return the registry of the unit tests, with a login."""
    program = tree / "tests" / "unit" / "registry" / "__main__.py"
    return Registry("the fake registry", [program, "--user", USER, "--password", PASSWORD])


def debian(folder: Path) -> Registry:
    """Return Debian's docker-registry, with its storage in ``folder``."""
    cache = private_home() / ".cache" / "ocitools-servers"
    command: list[str | Path] = ["-m", "tests.servers.distribution", folder, "--cache", cache]
    return Registry("Debian's docker-registry", command, goes_away=True)


def move(host: str, tag: str, number: int) -> str:
    """Put a tag on a new image, an empty index that ``number`` makes another one; return its digest."""
    media_type = "application/vnd.oci.image.index.v1+json"
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": [], "annotations": {"number": str(number)}}
    raw = json.dumps(document).encode()
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = {"Content-Type": media_type, "Authorization": f"Basic {login}"}
    request = urllib.request.Request(f"http://{host}/v2/{REPOSITORY}/manifests/{tag}", raw, headers, method="PUT")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


class Story(threading.Thread):
    """What happens while the rulebook watches: the tag moves until it is deployed, the registry goes away and comes back, the tag moves again."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        super().__init__(daemon=True)
        self.chapters: list[str] = []
        """What was seen, in words."""
        self._registry = registry
        self._deployed, self._trouble = folder / "deployed", folder / "trouble"
        self._over = threading.Event()
        self._number = 0

    def run(self) -> None:
        """Tell it to its end."""
        digests, pause = {self._move()}, 2
        while not self._until(lambda: self._read(self._deployed) in digests, pause):
            if self._over.is_set():
                return
            digests.add(self._move())  # the source had not looked yet before the tag moved last
            pause *= 2
        self.chapters.append("a tag that moves is deployed")
        if self._registry.goes_away and not self._go_away():
            return
        move(self._registry.host, "done", 0)

    def _go_away(self) -> bool:
        self._registry.stop()
        if not self._until(self._trouble.is_file):
            return False
        self.chapters.append("a registry that goes away is reported")
        self._registry.start()
        digest = self._move()
        if not self._until(lambda: self._read(self._deployed) == digest):
            return False
        self.chapters.append("a registry that is back is watched")
        return True

    def _move(self) -> str:
        self._number += 1
        return move(self._registry.host, "production", self._number)

    @staticmethod
    def _read(path: Path) -> str:
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def _until(self, seen: t.Callable[[], bool], patience: float = math.inf) -> bool:
        deadline = time.monotonic() + patience
        while not seen():
            if self._over.wait(0.2) or time.monotonic() > deadline:
                return False
        return True

    def stop(self) -> None:
        """End it where it is."""
        self._over.set()
        self.join(15)
