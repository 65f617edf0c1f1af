# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real registry of another family: Pulp, from a virtual environment with ``pulp-container``, on PostgreSQL and Redis, behind nginx.

``python -m tests.servers.pulp VENV --cache CACHE`` gets what else it needs, makes its database once, and prints why that cannot be had, "" where it can.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

from . import nginx
from .debian import Unavailable, library_path, unpack_with_libraries
from .postgres import USER, Postgres, Programs, find_programs
from .processes import ADDRESS, Child, NotStarted

ADMIN = "admin"
_WORKERS = 2
_PATIENCE = 180  # seconds until it answers, on a busy machine
_SETTING_UP = 900  # seconds for the database
_TOKENS, _PUBLIC, _ENCRYPTION, _PASSWORD, _DATA = "tokens.pem", "tokens.pub.pem", "encryption.key", "password", "data"
# In Pulp's own virtual environment: the keys first, for its settings name them.
_SET_UP = f"""\
import base64, os, secrets, sys
from pathlib import Path
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

folder = Path(sys.argv[1])
key = ec.generate_private_key(ec.SECP256R1())
pem = serialization.Encoding.PEM
plain = serialization.NoEncryption()
(folder / "{_TOKENS}").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
(folder / "{_PUBLIC}").write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
(folder / "{_ENCRYPTION}").write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
(folder / "{_PASSWORD}").write_text(secrets.token_hex(16))

import django
django.setup()
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
call_command("reset-admin-password", password=(folder / "{_PASSWORD}").read_text())
"""


@dataclass(frozen=True)
class Program:
    """A program, and LD_LIBRARY_PATH where it needs one."""

    path: Path
    libraries: str = ""

    @classmethod
    def find(cls, name: str, package: str, cache: Path) -> Program:
        """Return this machine's own, or that of Debian's package."""
        own = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        if own:
            return cls(Path(own))
        unpacked = unpack_with_libraries(package, cache)
        for path in unpacked.glob(f"usr/*bin/{name}"):
            return cls(path, library_path(unpacked))
        raise Unavailable(f"Debian's package {package} brought no {name}.")

    def environ(self) -> dict[str, str]:
        """Return the environment that it runs in."""
        return {"PATH": "/usr/bin:/bin", **({"LD_LIBRARY_PATH": self.libraries} if self.libraries else {})}


@dataclass(frozen=True)
class Parts:
    """What Pulp is made of and runs on."""

    venv: Path
    postgres: Programs
    redis: Program
    nginx: Program

    @classmethod
    def find(cls, venv: Path, cache: Path) -> Parts:
        """Return this machine's own programs, or those of Debian's packages."""
        return cls(
            venv, find_programs(cache), Program.find("redis-server", "redis-server", cache), Program.find("nginx", nginx.PACKAGE, cache)
        )

    def template(self, cache: Path) -> Path:
        """Return the folder with the database and the keys, which is made once for each version of Pulp and PostgreSQL."""
        about = [str(path.name) for path in sorted(self.venv.glob("lib/python3*/site-packages/pulp*.dist-info"))]
        key = hashlib.sha256("\n".join([_SET_UP, str(self.venv), *about, str(self.postgres.folder)]).encode()).hexdigest()[:16]
        folder = cache / f"pulp-{key}"
        if not folder.is_dir():
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                content = Path(scratch, "content")
                content.mkdir()
                self._set_up(content)
                content.rename(folder)
        return folder

    def _set_up(self, folder: Path) -> None:
        with _short_folder() as scratch:
            postgres = Postgres(self.postgres, scratch)
            postgres.create()
            postgres.start()
            try:
                env = _environ(self.venv, scratch, _settings(scratch, folder, postgres.socket, ""))
                command: list[str | Path] = [self.venv / "bin" / "python", "-c", _SET_UP, folder]
                done = subprocess.run(
                    command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SETTING_UP, check=False
                )
                if done.returncode:
                    raise NotStarted(f"Pulp's database cannot be set up: {done.stderr.strip()[-600:]}")
                postgres.keep(folder / _DATA)
            finally:
                postgres.stop()


class Pulp:
    """A running Pulp with TLS; ``folder`` gets what is pushed, ``certificate`` and ``key`` are the paths of what it shows."""

    def __init__(self, parts: Parts, folder: Path, template: Path, certificate: Path, key: Path) -> None:
        self._parts = parts
        self._folder = folder
        self._template = template
        self._certificate, self._key = certificate, key
        self._end = contextlib.ExitStack()
        self._children: dict[str, Child] = {}
        self.password = (template / _PASSWORD).read_text(encoding="ascii")
        self.host = ""

    @property
    def pid(self) -> int:
        """The process id of what listens."""
        return self._children["nginx"].pid

    @property
    def worker(self) -> int:
        """The process id of what deletes."""
        return self._children["worker"].pid

    def start(self) -> None:
        """Start what it runs on and its three programs, and wait until they answer."""
        self._folder.mkdir(parents=True)
        scratch = self._end.enter_context(_short_folder())
        postgres = Postgres(self._parts.postgres, scratch)
        postgres.restore(self._template / _DATA)
        self._end.callback(postgres.stop)
        postgres.start()
        cache = scratch / "redis"
        redis = ["--port", "0", "--unixsocket", str(cache), "--save", "", "--dir", str(self._folder)]
        self._start("redis", [self._parts.redis.path, *redis], self._parts.redis.environ())
        self._start_front(scratch)
        settings = {
            **_settings(self._folder, self._template, postgres.socket, self.host),
            "CACHE_ENABLED": True,
            "REDIS_URL": f"unix://{cache}",
        }
        env = _environ(self._parts.venv, self._folder, settings)
        for name, workers in (("api", _WORKERS), ("content", 1)):
            with _listen(scratch / name) as listener:
                options = ["--workers", str(workers), "--bind", f"fd://{listener.fileno()}", "--no-control-socket"]
                self._start(name, [self._parts.venv / "bin" / f"pulpcore-{name}", *options], env, listener)
        self._start("worker", [self._parts.venv / "bin" / "pulpcore-worker"], env)
        self._wait()

    def _start(self, name: str, command: t.Sequence[str | Path], env: dict[str, str], listener: socket.socket | None = None) -> None:
        """Start a program; it takes over the socket that it listens on."""
        sockets = [listener] if listener else []
        self._children[name] = Child(command, self._folder / f"{name}.log", env=env, cwd=self._folder, sockets=sockets)
        self._end.callback(self._children[name].kill)

    def _start_front(self, scratch: Path) -> None:
        """Start what listens; it takes over the socket as if from a predecessor, so that no stranger can take the port."""
        with socket.create_server((ADDRESS, 0)) as listener:
            self.host = f"{ADDRESS}:{listener.getsockname()[1]}"
            routes = {"/": scratch / "api", "/pulp/content/": scratch / "content", "/pulp/container/": scratch / "content"}
            path = self._folder / "nginx.conf"
            path.write_text(nginx.configuration(self._folder, self.host, self._certificate, self._key, routes), encoding="utf-8")
            env = {**self._parts.nginx.environ(), "NGINX": f"{listener.fileno()};"}
            self._start("nginx", [self._parts.nginx.path, "-c", path, "-p", self._folder, "-e", "stderr"], env, listener)

    def _wait(self) -> None:
        """Ask both programs something: each answers once it is ready. Nobody else can have the port, so the certificate does not matter."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for name, path in (("api", "/v2/"), ("content", "/pulp/content/")):
            connection = http.client.HTTPSConnection(self.host, timeout=_PATIENCE, context=context)
            try:
                connection.request("GET", path)
                status = connection.getresponse().status
            except (OSError, http.client.HTTPException) as error:
                raise NotStarted(f"Pulp's {name} does not start: {error} {self._last_lines()}") from error
            finally:
                connection.close()
            if status not in (200, 401):
                raise NotStarted(f"Pulp's {name} answers {status}. {self._last_lines()}")

    def _last_lines(self) -> str:
        return " ".join(f"{name}: {child.last_lines()}" for name, child in self._children.items() if not child.is_alive())

    def is_alive(self) -> bool:
        """Tell whether all of its parts run."""
        return all(child.is_alive() for child in self._children.values())

    def stop(self) -> None:
        """End all of it; what it keeps is worth nothing."""
        self._end.close()


@contextlib.contextmanager
def _short_folder() -> t.Iterator[Path]:
    """Yield a folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ocitools-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _listen(path: Path) -> t.Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield listener


def _settings(folder: Path, template: Path, database: Path, host: str) -> dict[str, t.Any]:
    for name in ("media", "static", "tmp"):
        (folder / name).mkdir()
    return {
        "SECRET_KEY": secrets.token_hex(32),
        "DB_ENCRYPTION_KEY": str(template / _ENCRYPTION),
        "DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": USER, "HOST": str(database)}},
        "DEPLOY_ROOT": str(folder),
        "MEDIA_ROOT": str(folder / "media"),
        "STATIC_ROOT": str(folder / "static"),
        "WORKING_DIRECTORY": str(folder / "tmp"),
        "FILE_UPLOAD_TEMP_DIR": str(folder / "tmp"),
        "ANALYTICS": False,
        "REST_FRAMEWORK__PAGE_SIZE": 1,  # lists come in pages of ten times that at the most
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],  # every token costs one
        "CONTENT_ORIGIN": f"https://{host}",
        "TOKEN_SERVER": f"https://{host}/token/",
        "TOKEN_SIGNATURE_ALGORITHM": "ES256",
        "PUBLIC_KEY_PATH": str(template / _PUBLIC),
        "PRIVATE_KEY_PATH": str(template / _TOKENS),
    }


def _environ(venv: Path, folder: Path, settings: dict[str, t.Any]) -> dict[str, str]:
    """Write the settings and return the environment of a program that reads them."""
    path = folder / "settings.py"
    path.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()), encoding="utf-8")
    path.chmod(0o600)
    own = {"PATH": f"{venv / 'bin'}:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8", "NO_PROXY": "*"}
    return {**own, "PULP_SETTINGS": str(path), "DJANGO_SETTINGS_MODULE": "pulpcore.app.settings"}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.pulp", description="What Pulp needs for tests.")
    parser.add_argument("venv", type=Path, help="a virtual environment with pulp-container")
    parser.add_argument("--cache", type=Path, required=True, help="keeps downloaded packages and the database")
    options = parser.parse_args()
    try:
        cache = options.cache.absolute()
        Parts.find(options.venv.absolute(), cache).template(cache)
    except (Unavailable, NotStarted) as error:
        sys.stdout.write(str(error))


if __name__ == "__main__":
    main()
