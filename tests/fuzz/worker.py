# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that runs one module after the other, each in a fork of its own, and says what became of it and what it took.

It reads lines of JSON and answers each by one: the result, or how the module came to another end; seconds; the peak of memory in MB.
"""

from __future__ import annotations

import ipaddress
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
import typing as t
from pathlib import Path
from unittest import mock

from ..unit.plugins import harness

_PATIENCE = 60  # seconds after which a module is killed


def _stay_at_home() -> None:
    """Let no name but localhost be known, and no address but the loopback interface's be reached."""
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def known(host: t.Any, *args: t.Any, **options: t.Any) -> t.Any:
        if host != "localhost" and not str(host).replace(".", "").isdigit() and ":" not in str(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **options)

    def near(self: socket.socket, address: t.Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(address[0]).is_loopback:
            raise ConnectionRefusedError("Nothing but the loopback interface is there.")
        connect(self, address)

    mock.patch.object(socket, "getaddrinfo", known).start()
    mock.patch.object(socket.socket, "connect", near).start()


def _run(order: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Run what the order says in this process."""
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    if order["name"] == "registry_digest":
        return _look_up(order["args"])
    try:
        return harness.run_module(order["name"], order["args"], order["check"], True, Path(order["tmpdir"])).data
    except AssertionError as error:
        return {"crash": str(error)}


def _look_up(args: dict[str, t.Any]) -> dict[str, t.Any]:
    """Run the lookup; the result has the form of a module's."""
    from ansible.errors import AnsibleError

    options = dict(args)
    try:
        return {"changed": False, "found": harness.run_lookup(options.pop("terms"), {}, **options)}
    except AnsibleError as error:
        return {"failed": True, "msg": str(error)}


def _child(order: t.Mapping[str, t.Any], pipe: int) -> None:
    """Run the order and write what became of it; never return."""
    try:
        text = json.dumps(_run(order))
    except BaseException:
        text = json.dumps({"crash": traceback.format_exc()})
    with os.fdopen(pipe, "w") as file:
        file.write(text)
    os._exit(0)


def _read(pipe: int, deadline: float) -> str | None:
    """Return what the child writes until it ends, None where it does not end in time."""
    parts: list[bytes] = []
    while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(pipe, 1 << 20)
        if not part:
            return b"".join(parts).decode()
        parts.append(part)
    return None


def _carry_out(order: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Run the order in a fork."""
    reader, writer = os.pipe()
    begun = time.monotonic()
    pid = os.fork()
    if not pid:
        os.close(reader)
        _child(order, writer)
    os.close(writer)
    text = _read(reader, begun + _PATIENCE)
    os.close(reader)
    if text is None:
        os.kill(pid, signal.SIGKILL)
    _pid, status, usage = os.wait4(pid, 0)
    took = {"seconds": time.monotonic() - begun, "megabytes": usage.ru_maxrss / 1024}
    if text is None:
        return {"result": {"crash": f"It did not end within {_PATIENCE} s."}, **took}
    return {"result": json.loads(text) if text else {"crash": f"It ended with status {status}."}, **took}


def main() -> None:
    """Carry out orders until there are no more."""
    harness.plugin("module_utils._registry.connections")
    _stay_at_home()
    for name in json.loads(sys.stdin.readline()):
        harness.plugin(f"modules.{name}")
    for line in sys.stdin:
        answer = json.dumps(_carry_out(json.loads(line)))
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
