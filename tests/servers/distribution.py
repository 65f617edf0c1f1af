# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One real registry, Debian's docker-registry, on a free loopback port.

``python -m tests.servers.distribution FOLDER --cache CACHE`` serves one, open to all, until its input ends, and prints as JSON at which ``host``, or what is
``missing``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import secrets
import ssl
import sys
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from .debian import Unavailable
from .processes import ADDRESS, Child, NotStarted, free_port
from .programs import find_registry

_PATIENCE = 30  # seconds until a registry answers, on a busy machine
_TRIES = 5
_MARK = "X-Ocitools-Test"


@dataclass(frozen=True)
class Settings:
    """What is special about one registry: TLS (paths of certificate and key), its kind of login, whether it deletes."""

    certificate: str = ""
    key: str = ""
    auth: dict[str, t.Any] = field(default_factory=dict)
    deletion: bool = True

    def config(self, port: int, storage: Path, mark: str) -> dict[str, t.Any]:
        """Return the registry's configuration; JSON is YAML too."""
        http_settings: dict[str, t.Any] = {"addr": f"{ADDRESS}:{port}", "secret": mark, "headers": {_MARK: [mark]}}
        if self.certificate:
            http_settings["tls"] = {"certificate": self.certificate, "key": self.key}
        return {
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": self.deletion}},
            "http": http_settings,
            **({"auth": self.auth} if self.auth else {}),
        }


class Distribution:
    """A running registry; it ends with the process that started it. One in the ``folder`` of another goes on with what that had, on its ``port`` if asked."""

    def __init__(self, program: Path, folder: Path, settings: Settings, port: int = 0) -> None:
        self._program = program
        self._port = port
        self._folder = folder
        self._settings = settings
        self._mark = secrets.token_hex(16)
        self._process: Child | None = None
        self.host = ""

    @property
    def pid(self) -> int:
        """The process id of the registry."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start and wait until this very process answers; a port that somebody took meanwhile leads to another try."""
        (self._folder / "storage").mkdir(parents=True, exist_ok=True)
        for _attempt in range(_TRIES):
            port = self._port or free_port()
            self._launch(port)
            if self._wait_for_answer(port):
                self.host = f"{ADDRESS}:{port}"
                return
            self.stop()
        raise NotStarted(f"The registry in {self._folder} does not start: {self._process.last_lines() if self._process else 'no try'}")

    def _launch(self, port: int) -> None:
        config = self._folder / "config.yml"
        config.write_text(json.dumps(self._settings.config(port, self._folder / "storage", self._mark)), encoding="utf-8")
        environ = {"PATH": "/usr/bin:/bin", "OTEL_TRACES_EXPORTER": "none"}
        self._process = Child([self._program, "serve", config], self._folder / "log", env=environ)

    def _wait_for_answer(self, port: int) -> bool:
        deadline = time.monotonic() + _PATIENCE
        while self.is_alive() and time.monotonic() < deadline:
            if self._answers(port):
                return True
            time.sleep(0.02)
        return False

    def _answers(self, port: int) -> bool:
        """Tell whether the answer bears the mark of this process, and not of a stranger on the same port."""
        connection = http.client.HTTPConnection(ADDRESS, port, timeout=5)
        if self._settings.certificate:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = http.client.HTTPSConnection(ADDRESS, port, timeout=5, context=context)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().getheader(_MARK) == self._mark
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process is not None and self._process.is_alive()

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.stop()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.distribution", description="One real registry, until its input ends.")
    parser.add_argument("folder", type=Path, help="where its configuration and storage are")
    parser.add_argument("--cache", type=Path, required=True, help="keeps downloaded packages")
    parser.add_argument("--port", type=int, default=0, help="the port that it must have; by default a free one")
    options = parser.parse_args()
    try:
        registry = Distribution(find_registry(options.cache.absolute()), options.folder.absolute(), Settings(), options.port)
        registry.start()
    except (NotStarted, Unavailable) as error:
        sys.stdout.write(json.dumps({"missing": str(error)}))
        return
    try:
        sys.stdout.write(f"{json.dumps({'host': registry.host})}\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        registry.stop()


if __name__ == "__main__":
    main()
