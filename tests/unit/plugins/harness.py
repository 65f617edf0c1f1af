# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run modules and the lookup as Ansible runs them: in this process, or modules in one of their own."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import typing as t
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from ansible.module_utils import basic
from ansible.module_utils.common import warnings

from ..registry.canary import assert_clean, canaries

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core before 2.19

    @contextlib.contextmanager
    def patch_module_args(args: dict[str, t.Any] | None = None) -> t.Iterator[None]:
        """Hand ``args`` to the next module."""
        before = basic._ANSIBLE_ARGS
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": args or {}}).encode()
        try:
            yield
        finally:
            basic._ANSIBLE_ARGS = before


__all__ = ["Process", "Result", "assert_clean", "canaries", "plugin", "run_ansible", "run_lookup", "run_module", "start_module"]

ROOT = Path(__file__).resolve().parents[6]
PYTHON_PATH = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))  # of processes that import the collection
PLUGINS = "ansible_collections.ocitools.registry.plugins"
_CHILD = Path(__file__).with_name("child.py")
HAS_CONTROLLER = importlib.util.find_spec("ansible.plugins") is not None
"""Whether this Python has Ansible's controller: the Pythons of modules have no more than module_utils."""
_FACTS = {"kind", "status", "code", "registry", "reference"}


@dataclass
class Result:
    """What a module returned: ``result["digest"]``, ``result.changed``, ``result.error`` (facts), ``result.warnings`` (texts)."""

    data: dict[str, t.Any]
    rc: int
    stdout: str
    stderr: str = ""
    warnings: list[str] = field(default_factory=list)

    def __getitem__(self, key: str) -> t.Any:
        return self.data[key]

    def __contains__(self, key: str) -> bool:
        return key in self.data

    @property
    def changed(self) -> bool:
        """Whether the module says that something changed."""
        changed = self.data["changed"]
        assert isinstance(changed, bool)
        return changed

    @property
    def failed(self) -> bool:
        """Whether the module failed."""
        return bool(self.data.get("failed", False))

    @property
    def msg(self) -> str:
        """The message of a failure."""
        return str(self.data.get("msg", ""))

    @property
    def error(self) -> dict[str, t.Any]:
        """The facts of a failure."""
        return dict(self.data["error"])

    @property
    def text(self) -> str:
        """Everything that the module wrote."""
        return self.stdout + self.stderr

    def ok(self) -> Result:
        """Return the result of a module that must not have failed."""
        assert not self.failed, f"{self.msg} {self.data.get('error')}"
        return self

    def failure(self, kind: str) -> Result:
        """Return the result of a module that must have failed so."""
        assert self.failed, f"the module did not fail: {self.data}"
        assert set(self.error) - {"choices"} == _FACTS
        assert self.error["kind"] == kind, f"{self.error} {self.msg}"
        return self


RunModule = t.Callable[..., Result]


def plugin(name: str) -> t.Any:
    """Return a file of the plugins folder as a module: ``plugin("module_utils._http.retry")``."""
    return importlib.import_module(f"{PLUGINS}.{name}")


def _parse(stdout: str, stderr: str, rc: int) -> Result:
    lines = [line for line in stdout.splitlines() if line.strip()]
    assert len(lines) == 1, f"a module writes one line of JSON, this one ended with {rc} and wrote: {stdout!r} {stderr!r}"
    data = json.loads(lines[0])
    texts = [entry if isinstance(entry, str) else entry["event"]["msg"] for entry in data.get("warnings", [])]
    return Result(data, rc, stdout, stderr, texts)


def module_arguments(args: t.Mapping[str, t.Any], check: bool, diff: bool, tmpdir: Path) -> dict[str, t.Any]:
    """Return the arguments as Ansible hands them over."""
    return {**args, "_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": str(tmpdir), "_ansible_tmpdir": str(tmpdir)}


@contextlib.contextmanager
def _fresh_state() -> t.Iterator[None]:
    """Forget warnings of modules before; be no controller, which shows warnings itself; put back the signal handler."""
    for name in ("_global_warnings", "_global_deprecations"):
        getattr(warnings, name).clear()
    internal: t.Any = sys.modules.get("ansible.module_utils._internal")
    controller = getattr(internal, "is_controller", False)
    if controller:
        internal.is_controller = False
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
        if controller:
            internal.is_controller = True


def run_module(name: str, args: t.Mapping[str, t.Any], check: bool, diff: bool, tmpdir: Path) -> Result:
    """Run a module in this process (its main thread only)."""
    main = plugin(f"modules.{name}").main
    out, err = io.StringIO(), io.StringIO()
    arguments, rc = module_arguments(args, check, diff, tmpdir), None
    with _fresh_state(), patch_module_args(arguments), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            rc = int(end.code or 0)
    assert rc is not None, f"{name} came to its end without a result"
    return _parse(out.getvalue(), err.getvalue(), rc)


def run_action(name: str, args: t.Mapping[str, t.Any], check: bool, diff: bool, tmpdir: Path) -> Result:
    """Run a task as Ansible's worker does: its action plugin, on this host; controller Pythons only."""
    from ansible.parsing.dataloader import DataLoader
    from ansible.playbook.play_context import PlayContext
    from ansible.playbook.task import Task
    from ansible.plugins.loader import action_loader, connection_loader
    from ansible.template import Templar

    loader, context = DataLoader(), PlayContext()
    task = Task.load({"action": f"ocitools.registry.{name}"})
    task.args = {key: value for key, value in args.items() if not key.startswith("_ansible_")}
    task.check_mode, task.diff = check, diff
    connection = connection_loader.get("ansible.builtin.local", context)
    connection._shell.set_options(var_options={"ansible_remote_tmp": str(tmpdir)})
    parts = {"task": task, "connection": connection, "play_context": context, "loader": loader, "templar": Templar(loader=loader)}
    action = action_loader.get(f"ocitools.registry.{name}", **parts, shared_loader_obj=None)
    with mock.patch.dict(os.environ, ANSIBLE_INJECT_INVOCATION=str(bool(args.get("_ansible_inject_invocation")))):
        data = json.loads(json.dumps(action.run(task_vars={"ansible_python_interpreter": sys.executable})))
    return Result(data, int(bool(data.get("failed"))), json.dumps(data), "", list(data.get("warnings", [])))


class Process:
    """A module that runs in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], request: bytes) -> None:
        self._process = process
        assert process.stdin is not None
        process.stdin.write(request)
        process.stdin.close()
        process.stdin = None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def cmdline(self) -> str:
        """Return the command line as everybody on the host can read it."""
        return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def wait_for_end(self, timeout: float = 60) -> tuple[int, str, str]:
        """Wait and return exit status, output and error output."""
        out, err = self._process.communicate(timeout=timeout)
        return self._process.returncode, out.decode(), err.decode()

    def wait(self, timeout: float = 60) -> Result:
        """Wait for its result."""
        rc, out, err = self.wait_for_end(timeout)
        return _parse(out, err, rc)

    def end(self) -> None:
        """Make sure that it has ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


def start_module(
    name: str,
    args: t.Mapping[str, t.Any],
    tmpdir: Path,
    check: bool = False,
    diff: bool = False,
    env: t.Mapping[str, str] | None = None,
    hide: t.Sequence[str] = (),
    fast: bool = True,
    status: Path | None = None,
) -> Process:
    """Start a module in a process of its own, with ``env`` added to the environment.

    ``hide``: libraries that it shall not find; ``fast``: it does not really wait between attempts; ``status`` is a file for what the
    system tells of the process at its end.
    """
    request = {
        "name": name,
        "args": module_arguments(args, check, diff, tmpdir),
        "hide": list(hide),
        "fast": fast,
        "status": str(status or ""),
    }
    process = subprocess.Popen(
        [sys.executable, str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": PYTHON_PATH, **(env or {})},
    )
    return Process(process, json.dumps(request).encode())


def run_lookup(terms: t.Sequence[t.Any], variables: t.Mapping[str, t.Any] | None = None, **options: t.Any) -> list[t.Any]:
    """Run the lookup as a template would; controller Pythons only."""
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import lookup_loader
    from ansible.template import Templar

    known = dict(variables or {})
    loader = DataLoader()
    lookup = lookup_loader.get("ocitools.registry.registry_digest", loader=loader, templar=Templar(loader=loader, variables=known))
    found: list[t.Any] = lookup.run(list(terms), variables=known, **options)
    return found


def run_ansible(program: str, arguments: t.Sequence[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run ``ansible-playbook`` (``playbook``) or ``ansible`` (``adhoc``) on this collection, in ``folder``, with no settings of Ansible but these."""
    command, environ = ansible_command(program, arguments, **settings)
    return subprocess.run(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        timeout=600,  # as many tasks as there are modules, each a process, on a machine that has much else to do
        check=False,
    )


def ansible_command(program: str, arguments: t.Sequence[str], **settings: str) -> tuple[list[str], dict[str, str]]:
    """Return what ``run_ansible`` runs, and its environment."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environ.update(
        PYTHONPATH=PYTHON_PATH,
        ANSIBLE_COLLECTIONS_PATH=str(ROOT),
        ANSIBLE_COLLECTIONS_ON_ANSIBLE_VERSION_MISMATCH="ignore",
        ANSIBLE_LOCALHOST_WARNING="false",
        ANSIBLE_NOCOLOR="1",
        LC_ALL="C.UTF-8",
        **settings,
    )
    return [sys.executable, "-c", f"from ansible.cli.{program} import main; main()", *arguments], environ
