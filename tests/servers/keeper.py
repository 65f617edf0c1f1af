# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that keeps the servers of one test run: starts them, says where they are, and ends them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import signal
import threading
import time
import typing as t
from pathlib import Path

from .distribution import Distribution, Settings
from .processes import NotStarted
from .programs import find_registry

KINDS = ("open", "tls", "token", "undeletable")
PULP = "pulp"
_TICK = 0.5  # seconds between two looks at the parent


def _password() -> str:
    return f"{secrets.token_hex(8)}:%\N{LATIN SMALL LETTER U WITH DIAERESIS}"


class Registry(t.Protocol):
    """A registry of whatever family, while it runs."""

    host: str

    @property
    def pid(self) -> int:
        """The process id."""

    def start(self) -> None:
        """Start and wait until it answers."""

    def is_alive(self) -> bool:
        """Tell whether it runs."""

    def stop(self) -> None:
        """End it."""


class Servers:
    """The registries of one run; ``facts`` say all that a client needs. ``pulp`` is a virtual environment with Pulp, for the kind of that name."""

    def __init__(self, folder: Path, cache: Path, pulp: Path | None) -> None:
        self._folder = folder
        self._cache = cache
        self._pulp_venv = pulp
        self._running: list[Registry] = []
        self._end = contextlib.ExitStack()
        self._authority: t.Any = None
        self.facts: dict[str, t.Any] = {"keeper": os.getpid(), "folder": str(folder), "registries": {}}

    def start(self, kinds: t.Sequence[str]) -> None:
        """Start the registries of these kinds."""
        ways = {"open": self._open, "tls": self._tls, "token": self._token, "undeletable": self._undeletable, PULP: self._pulp}
        for kind in kinds:
            ways[kind](kind)

    def stop(self) -> None:
        """End all of them."""
        self._end.close()

    def are_alive(self) -> bool:
        """Tell whether all of them run."""
        return all(registry.is_alive() for registry in self._running)

    def _serve(self, kind: str, settings: Settings, **facts: t.Any) -> None:
        self._run(kind, Distribution(find_registry(self._cache), self._folder / kind, settings), **facts)

    def _run(self, kind: str, registry: Registry, **facts: t.Any) -> None:
        self._end.callback(registry.stop)
        registry.start()
        self._running.append(registry)
        self.facts["registries"][kind] = {"name": kind, "host": registry.host, "pid": registry.pid, **facts}

    def _open(self, kind: str) -> None:
        self._serve(kind, Settings(), plain_http=True)

    def _undeletable(self, kind: str) -> None:
        self._serve(kind, Settings(deletion=False), plain_http=True)

    def _certified(self) -> t.Any:
        from .authority import Authority

        if self._authority is None:
            self._authority = Authority(self._folder)
            self.facts.update(ca_path=str(self._authority.ca_path), certificates=str(self._authority.certificates))
        return self._authority

    def _tls(self, kind: str) -> None:
        import bcrypt

        authority, password = self._certified(), _password()
        users = self._folder / "htpasswd"
        users.write_bytes(b"writer:" + bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)) + b"\n")
        auth = {"htpasswd": {"realm": "ocitools-test", "path": str(users)}}
        settings = Settings(str(authority.certificate), str(authority.key), auth)
        self._serve(kind, settings, ca_path=str(authority.ca_path), username="writer", password=password)

    def _token(self, kind: str) -> None:
        from .tokens import ISSUER, SERVICE, TokenServer, User

        authority = self._certified()
        allowed = {"writer": ("pull", "push", "delete"), "reader": ("pull",)}
        users = [User(name, _password(), secrets.token_urlsafe(24), actions) for name, actions in allowed.items()]
        log = self._folder / "tokens.jsonl"
        server = TokenServer(users, authority.context(), authority.signing_key(), authority.signing_chain(), log)
        server.start()
        self._end.callback(server.stop)
        bundle = str(authority.ca_path)
        auth = {"token": {"realm": server.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": bundle}}
        settings = Settings(str(authority.certificate), str(authority.key), auth)
        writer, reader = users
        self._serve(
            kind,
            settings,
            ca_path=str(authority.ca_path),
            username=writer.name,
            password=writer.password,
            identity_token=writer.identity_token,
            reader={"username": reader.name, "password": reader.password},
            realm=server.realm,
            service=SERVICE,
            token_log=str(log),
        )

    def _pulp(self, kind: str) -> None:
        from .pulp import ADMIN, Parts, Pulp

        if self._pulp_venv is None:
            raise NotStarted("The kind pulp needs a virtual environment with pulp-container: name it with --pulp.")
        parts = Parts.find(self._pulp_venv, self._cache)
        authority = self._certified()
        pulp = Pulp(parts, self._folder / kind, parts.template(self._cache), authority.certificate, authority.key)
        self._run(kind, pulp, ca_path=str(authority.ca_path), username=ADMIN, password=pulp.password)
        self.facts["registries"][kind]["worker"] = pulp.worker


def keep(folder: Path, cache: Path, kinds: t.Sequence[str], parent: int, lifetime: float, pulp: Path | None = None) -> None:
    """Keep servers until somebody asks to stop, the process ``parent`` is gone, or ``lifetime`` seconds are over."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stopping.set())
    deadline = time.monotonic() + lifetime
    servers = Servers(folder, cache, pulp)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            servers.start(kinds)
            draft = folder / "facts.new"
            draft.write_text(json.dumps(servers.facts), encoding="utf-8")
            draft.rename(folder / "facts.json")
            while not stopping.wait(_TICK) and time.monotonic() < deadline and _exists(parent):
                if not servers.are_alive():
                    raise NotStarted("A registry ended by itself.")
        finally:
            servers.stop()
            (folder / "facts.json").unlink(missing_ok=True)


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
