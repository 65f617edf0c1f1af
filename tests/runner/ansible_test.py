# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages that ansible-test runs: sanity, units, integration; for one ansible-core or for all, with its lowest and highest Python or all."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

from environment import (
    REQUIREMENTS,
    Failed,
    Job,
    collection_tree,
    environment,
    find_controller,
    find_pythons,
    locked,
    make_venv,
    private_home,
    run,
)

NEWEST = "2.21"
CORES = ("2.16", "2.18", "2.19", "2.20", NEWEST)
_TOOLS = ("skopeo", "umoci")
# Of the integration tests: the kinds of registries, see the target setup_registry, and the targets; all, and with the lower and the higher of two Pythons.
_WHOLE = (("open", "tls", "token"), ".*")
_PARTS = ((("token",), "registry_.*"), (("tls", "token"), ".*"))
_INSTALLING = re.compile(
    r"\s*(Collecting |Downloading |Processing |Installing collected |Successfully installed |Looking in |Using cached |Requirement already "
    r"|Attempting uninstall|Found existing |Uninstalling |Successfully uninstalled |\u2501|$"
    r"|INFO: pip is looking |WARNING: (Location |Using locale |Reviewing previous 1 ))"
)
_VERSIONS = (
    "import json; from ansible_test._util.target.common import constants as known; "
    "print(json.dumps([*known.REMOTE_ONLY_PYTHON_VERSIONS, *known.CONTROLLER_PYTHON_VERSIONS]))"
)

# ansible-test wants to fetch this program from a host of its own, and runs whatever its cache has under that name.
_GET_PIP = '''\
"""Install pip from the wheel beside this file: what the original does, but from the package index that pip is set up for."""

import os
import re
import sys

VERSION = re.sub(r"get_pip_|\\.py$", "", os.path.basename(__file__)).replace("_", ".")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pip-%s-py3-none-any.whl" % VERSION))

from pip._internal.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["install", "--upgrade", "--force-reinstall"] + [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]))
'''


class Wanted(t.NamedTuple):
    """Which Pythons to test with: ``every`` one, or those that ``pythons`` names ("3.9")."""

    every: bool
    pythons: tuple[str, ...]


@dataclass(frozen=True)
class AnsibleTest:
    """ansible-test of one ansible-core, on its copy of the checkout."""

    core: str
    venv: Path
    tree: Path
    out: t.TextIO

    @classmethod
    def prepare(cls, core: str, stage: str, out: t.TextIO) -> AnsibleTest:
        """Install ansible-core, copy the checkout, and put the bootstrap of pip where ansible-test looks for it."""
        venv = _core(core, out)
        _provide_pip(venv, out)
        _provide_key(out)
        return cls(core, venv, collection_tree(f"{stage}-{core}"), out)

    def run(self, *arguments: str) -> None:
        """Run ansible-test. Tests that it leaves out with a mere warning are a failure."""
        command: list[str | Path] = [self.venv / "bin" / "ansible-test", *arguments, "--color", "no"]
        try:
            output = run(command, cwd=self.tree, env=environment(self.venv), out=self.out, hide=_INSTALLING)
        except Failed as failure:
            raise Failed(f"With ansible-core {self.core}: {failure}") from failure
        for warning in ("Required program", "All targets skipped"):
            if warning in output:
                raise Failed(f"ansible-test left tests out, see its warning above: {warning} ...")


def _core(core: str, out: t.TextIO | None = None) -> Path:
    """Return the virtual environment of an ansible-core."""
    return make_venv(f"core-{core}", find_pythons()[find_controller()], [REQUIREMENTS / f"core-{core}.txt"], out)


def _pythons(core: str, wanted: Wanted) -> list[str]:
    """Return the Pythons to test with, of those that this machine has and this ansible-core knows as targets: the lowest and the highest.

    Those that were asked for by name are all; and of ``every``, the newest ansible-core is tested with all that there are.
    """
    known = json.loads(subprocess.check_output([_core(core) / "bin" / "python", "-I", "-c", _VERSIONS]))
    usable = [minor for minor in find_pythons() if minor in known]
    if wanted.pythons:
        chosen = [minor for minor in usable if minor in wanted.pythons]
        if not chosen:
            raise Failed(f"None of {', '.join(wanted.pythons)} is here and known to ansible-core {core}; there are {', '.join(usable)}.")
        return chosen
    return usable if wanted.every and core == NEWEST else sorted({usable[0], usable[-1]}, key=usable.index)


def _provide_pip(venv: Path, out: t.TextIO) -> None:
    (source,) = venv.glob("lib/python3.*/site-packages/ansible_test/_internal/python_requirements.py")
    match = re.search(r"\bpip='([\d.]+)'", source.read_text(encoding="utf-8"))
    if match is None:
        raise Failed(f"{source} does not say which pip it wants.")
    cache = private_home() / ".ansible" / "test" / "cache"
    program = cache / f"get_pip_{match.group(1).replace('.', '_')}.py"
    with locked("get-pip"):
        if not program.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            run([venv / "bin" / "python", "-m", "pip", "download", "-qq", "--no-deps", "-d", cache, f"pip=={match.group(1)}"], out=out)
            program.write_text(_GET_PIP, encoding="utf-8")


def _provide_key(out: t.TextIO) -> None:
    """Make the key that ansible-test makes for itself, before two runs of it do so at the same moment."""
    key = private_home() / ".ansible" / "test" / "id_rsa"
    with locked("ssh-key"):
        if not key.is_file() and shutil.which("ssh-keygen"):
            key.parent.mkdir(parents=True, exist_ok=True)
            run(["ssh-keygen", "-m", "PEM", "-q", "-t", "rsa", "-N", "", "-f", key], out=out)


def _label(core: str, python: str = "") -> str:
    """Return what the summary calls a job; the newest ansible-core goes without saying."""
    words = [] if core == NEWEST else [f"ansible-core {core}"]
    words += [f"{python} old stack" if python == "3.9" else python] if python else []
    return f" ({', '.join(words)})" if words else ""


def sanity(core: str, wanted: Wanted) -> t.Iterator[Job]:
    """Yield the run of all sanity tests."""
    yield Job(f"sanity{_label(core)}", lambda out: AnsibleTest.prepare(core, "sanity", out).run("sanity", "--local"))


def units(core: str, wanted: Wanted) -> t.Iterator[Job]:
    """Yield the runs of the unit tests; on Python 3.9 with the oldest libraries that are supported, on all others with the newest."""
    for python in reversed(_pythons(core, wanted)):
        yield Job(f"units{_label(core, python)}", functools.partial(_units, core, python))


def oldest() -> list[Job]:
    """Return what checks the other end of the versions: the modules' unit tests with the oldest ansible-core on the oldest Python, and its sanity tests."""
    core = CORES[0]
    python = _pythons(core, Wanted(False, ()))[0]
    modules = functools.partial(_units, core, python, paths=["tests/unit/plugins/modules/"])
    return [Job(f"units of modules{_label(core, python)}", modules), *sanity(core, Wanted(False, ()))]


def _units(core: str, python: str, out: t.TextIO, paths: t.Sequence[str] = ()) -> None:
    AnsibleTest.prepare(core, f"units-{python}", out).run("units", *paths, "--venv", "--python", python)


def integration(core: str, wanted: Wanted) -> t.Iterator[Job]:
    """Yield the runs of the integration targets, modules on each Python that is wanted, the controller on its own.

    Unless all that there is shall be run, two Pythons divide the kinds of registries (what a target needs of another kind is there in any case), and
    the roles, which are made of tasks, run on the higher one.
    """
    missing = [program for program in _TOOLS if not shutil.which(program)]
    if missing:
        raise Failed(f"The integration tests need {' and '.join(missing)}; on Debian and Ubuntu: apt-get install {' '.join(missing)}")
    pythons = _pythons(core, wanted)
    parts = dict(zip(pythons, _PARTS)) if len(pythons) == len(_PARTS) and not wanted.every else {}
    for python in reversed(pythons):  # what takes longest begins first
        yield Job(f"integration{_label(core, python)}", functools.partial(_integration, core, python, *parts.get(python, _WHOLE)))


def _integration(core: str, python: str, kinds: t.Sequence[str], targets: str, out: t.TextIO) -> None:
    controller, target = f"origin:python=venv/{find_controller()}", f"controller:python=venv/{python}"
    test = AnsibleTest.prepare(core, f"integration-{python}", out)
    variables = test.tree / "tests" / "integration" / "integration_config.yml"
    variables.write_text(f"setup_registry_kinds: {json.dumps(kinds)}\n", encoding="utf-8")
    test.run("integration", targets, "--controller", controller, "--target", target)
