# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registries that the stage of the event source watches, and what moves tags in them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import socket
import subprocess
import sys
import threading
import time
import typing as t
import urllib.request
from pathlib import Path

from environment import CHECKOUT, LeftOut, private_home
from pythons import Failed

USER, PASSWORD = "deployer", "rulebook-passw0rd"
REPOSITORY = "team/app"
_ADDRESS = "127.0.0.1"
_PATIENCE = 30
_FIND = "import pathlib, sys; from tests.servers.programs import find_registry; print(find_registry(pathlib.Path(sys.argv[1])))"


class Registry:
    """A registry that is watched; ``stop`` and ``start`` let it go away and come back with what it had."""

    name = ""
    goes_away = False
    host = ""

    def start(self) -> None:
        """Serve."""

    def stop(self) -> None:
        """End."""


class Fake(Registry):
    """The registry of the unit tests, with a login."""

    name = "the fake registry"

    def __init__(self, tree: Path) -> None:
        program = tree / "tests" / "unit" / "registry" / "__main__.py"
        self._command = [sys.executable, str(program), "--user", USER, "--password", PASSWORD]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Serve."""
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.host = json.loads(t.cast("t.IO[str]", self._process.stdout).readline())["host"]

    def stop(self) -> None:
        """End."""
        if self._process is not None:
            self._process.communicate("")  # it ends with its input


class Debian(Registry):
    """Debian's docker-registry, on a port that it keeps."""

    name = "Debian's docker-registry"
    goes_away = True

    def __init__(self, folder: Path) -> None:
        cache = private_home() / ".cache" / "ocitools-servers"
        found = subprocess.run([sys.executable, "-c", _FIND, str(cache)], cwd=CHECKOUT, capture_output=True, text=True, check=False)
        if found.returncode:
            raise LeftOut(f"There is no docker-registry to watch: {(found.stderr.strip() or 'it is not found').splitlines()[-1]}")
        with socket.socket() as probe:
            probe.bind((_ADDRESS, 0))
            self.host = f"{_ADDRESS}:{probe.getsockname()[1]}"
        folder.mkdir()
        settings = {
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
            "http": {"addr": self.host, "secret": "a secret of the test"},
        }
        (folder / "config.yml").write_text(json.dumps(settings), encoding="utf-8")
        self._command = [found.stdout.strip(), "serve", str(folder / "config.yml")]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Serve, and wait until it answers."""
        environment = {"PATH": "/usr/bin:/bin", "OTEL_TRACES_EXPORTER": "none"}
        silent = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, env=environment, stdin=silent, stdout=silent, stderr=silent)
        deadline = time.monotonic() + _PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection((_ADDRESS, int(self.host.rpartition(":")[2])), 1):
                return
            time.sleep(0.05)
        raise Failed(f"{self.name} does not start.")

    def stop(self) -> None:
        """End."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_PATIENCE)


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
