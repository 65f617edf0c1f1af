# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake registry as a server of its own, for those who have no other: it needs only the standard library."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import typing as t

from .auth import Basic, TokenAuth, User
from .fake import FakeRegistry
from .styles import PRESETS


def _parse(arguments: t.Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve a registry in memory until the standard input ends or the process is terminated.")
    parser.add_argument("--port", type=int, default=0, help="port on the loopback interface, 0 for a free one")
    parser.add_argument("--user", default="", help="user name; without one nobody has to log in")
    parser.add_argument("--password", default="")
    parser.add_argument("--token", action="store_true", help="log in by tokens instead of Basic")
    parser.add_argument("--style", choices=sorted(PRESETS), default="full", help="whose ways to have")
    parser.add_argument("--image", action="append", default=[], metavar="NAME:TAG", help="put a small image in; may be repeated")
    return parser.parse_args(arguments)


def make(options: argparse.Namespace) -> FakeRegistry:
    """Return the registry that the command line asks for."""
    auth: Basic | TokenAuth | None = None
    if options.user and options.token:
        auth = TokenAuth({options.user: User(options.password)})
    elif options.user:
        auth = Basic(options.user, options.password)
    registry = FakeRegistry(options.style, auth, port=options.port)
    for image in options.image:
        repository, _colon, tag = image.rpartition(":")
        registry.add_index(repository, tag)
    return registry


def _when_input_ends(done: threading.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    done.set()


def main(arguments: t.Sequence[str] | None = None) -> None:
    """Print the address as one line of JSON and serve."""
    registry = make(_parse(arguments))
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, frame: done.set())
    sys.stdout.write(json.dumps({"url": registry.url, "host": registry.host, "port": registry.server.port}) + "\n")
    sys.stdout.flush()
    threading.Thread(target=_when_input_ends, args=(done,), daemon=True).start()
    done.wait()
    registry.close()
