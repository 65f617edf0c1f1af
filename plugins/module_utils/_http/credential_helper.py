# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a credential helper (docker-credential-NAME get): without a shell, from PATH, in time, its output never shown."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import time
import typing as t

from .._core.cleanup import on_failure
from .._core.errors import RegistryError
from .._core.json import load_object
from .._core.scrub import quoted

SECONDS = 10
MAX_OUTPUT = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_NONE = b"credentials not found in native keychain"

RunHelper = t.Callable[[str, bytes], tuple[int, bytes]]


class _Helper(subprocess.Popen[bytes]):
    """A helper at work, in a session of its own: with it goes all that it has started."""

    def __init__(self, path: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("OCITOOLS_")}
        super().__init__(
            [path, "get"], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def kill(self) -> None:
        if self.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)

    def ask(self, server: bytes, seconds: float) -> bytes:
        """Write ``server`` and return what comes back until it ends, or until it is more than MAX_OUTPUT."""
        deadline = time.monotonic() + seconds
        source, sink = t.cast(t.IO[bytes], self.stdout), t.cast(t.IO[bytes], self.stdin)
        try:
            with sink:
                sink.write(server)
        except BrokenPipeError:
            pass  # what it answers without having read the question is looked at all the same
        output = b""
        with selectors.DefaultSelector() as selector:
            selector.register(source, selectors.EVENT_READ)
            while len(output) <= MAX_OUTPUT:
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    raise subprocess.TimeoutExpired(self.args, seconds)
                block = os.read(source.fileno(), MAX_OUTPUT)
                if not block:
                    break
                output += block
            else:
                self.kill()
        try:
            self.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise subprocess.TimeoutExpired(self.args, seconds) from None
        return output


def run_helper(program: str, server: bytes, seconds: float = SECONDS) -> tuple[int, bytes]:
    """Run ``program get`` with ``server`` on its standard input; return its exit code and the first 64 KiB that it printed."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    path = shutil.which(program, path=os.pathsep.join(folders))
    if path is None:
        raise FileNotFoundError(program)
    with _Helper(path) as process, on_failure(process.kill):
        output = process.ask(server, seconds)
    return process.returncode, output


def ask_helper(name: str, server: str, run: RunHelper = run_helper) -> tuple[str, str] | None:
    """Return user name and secret that the helper ``name`` has for ``server``, None where it has none.

    Errors: ``credentials``, which never show what the helper printed.
    """
    what = f"The credential helper {quoted(name, 60)} for {server}"
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise RegistryError(f"{what} has an invalid name: it was not run.", "credentials")
    try:
        code, output = run(f"docker-credential-{name}", f"{server}\n".encode())
    except FileNotFoundError:
        raise RegistryError(
            f"{what} is not on the PATH: install docker-credential-{name}, or remove it from the auth file.", "credentials"
        ) from None
    except subprocess.TimeoutExpired as error:
        raise RegistryError(f"{what} did not respond within {error.timeout:g} seconds.", "credentials") from None
    except OSError:
        raise RegistryError(f"{what} cannot be run.", "credentials") from None
    if len(output) > MAX_OUTPUT:
        raise RegistryError(f"{what} printed more than {MAX_OUTPUT} bytes.", "credentials")
    if output.strip().startswith(_NONE):
        return None
    if code != 0:
        raise RegistryError(f"{what} failed with exit code {code}.", "credentials")
    document = load_object(output, MAX_OUTPUT, f"The answer of the credential helper {name}", "credentials")
    username, secret = document.get("Username"), document.get("Secret")
    if not (isinstance(username, str) and isinstance(secret, str) and username and secret):
        raise RegistryError(f"{what} returned no user name and secret.", "credentials")
    return username, secret
