# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages that ansible-test runs: sanity, units, integration; for one ansible-core or for all, with its lowest and highest Python or all."""

from __future__ import annotations

import functools
import json
import os
import re
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

from environment import REQUIREMENTS, Job, LeftOut, cache_dir, collection_tree, environment, locked, make_venv, private_home, run
from pythons import Failed, find_controller, find_pythons

OLDEST, NEWEST = "2.16", "2.21"
CORES = {OLDEST: "3.12", "2.18": "3.13", "2.19": "3.13", "2.20": "3.14", NEWEST: "3.14"}
"""The highest Python that each ansible-core knows as one for modules; all of them know 3.9."""

PULP = "pulp"
"""The integration target that has a stage of its own."""

_KINDS = ("open", "tls", "token")  # of registries, see the integration target setup_registry
_EVERY_TARGET = (".*",)
_WORKER = "worker"  # in place of a Python: tasks that Ansible runs itself, by its own Python
# The modules that all others stand on, and the lookup; their unit tests, with those of every module's start and errors.
_CORE_TARGETS = "registry_(digest|image_info|push|tag|tag_delete)"
CORE_UNITS = r"tests/unit/plugins/modules/test_(errors|smoke|registry_(push|tag).*)\.py"
_INSTALLING = re.compile(
    r"\s*(Collecting |Downloading |Processing |Installing collected |Successfully installed |Looking in |Using cached |Requirement already "
    r"|Attempting uninstall|Found existing |Uninstalling |Successfully uninstalled |\u2501|$"
    r"|INFO: pip is looking |WARNING: (Location |Using locale |Reviewing previous 1 ))"
)
_RETRIED = re.compile(r'^WARNING: Retrying test target "([^"]+)"', re.MULTILINE)
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
# By the library that ansible-core brings along.
_MAKE_KEY = """\
import sys
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

key = rsa.generate_private_key(65537, 2048)
pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
for path, content in (sys.argv[1], pem), (sys.argv[1] + ".pub", public + b"\\n"):
    with open(path, "wb") as file:
        file.write(content)
"""


class Wanted(t.NamedTuple):
    """Which versions to test: the newest ansible-core with the lowest and the highest Python of this machine that it knows, or more, or others."""

    every: bool
    """Every ansible-core, and the newest one with every Python."""
    ends: bool
    """The newest ansible-core with the highest Python, and the oldest with the lowest."""
    pythons: tuple[str, ...]
    """These Pythons only, such as "3.9"."""
    targets: tuple[str, ...] = ()
    """Of the integration tests these targets only, of the unit tests these files, of the sanity tests these."""


def choose_cores(wanted: Wanted) -> list[str]:
    """Return the versions of ansible-core to test, those that take longest first."""
    if wanted.every:
        return list(CORES)
    return [NEWEST, OLDEST] if wanted.ends else [NEWEST]


@dataclass(frozen=True)
class AnsibleTest:
    """ansible-test of one ansible-core, on its copy of the checkout, with further programs from a folder."""

    core: str
    venv: Path
    tree: Path
    home: Path
    out: t.TextIO
    programs: Path | None = None

    @classmethod
    def prepare(cls, core: str, stage: str, out: t.TextIO, programs: Path | None = None) -> AnsibleTest:
        """Install ansible-core, copy the checkout, and put the bootstrap of pip where ansible-test looks for it."""
        venv = _core(core, out)
        # The sanity tests of two versions must not make one venv at the same time: ansible-test keeps them in the home.
        home = private_home(f"home-{core}" if stage == "sanity" else "home")
        _provide_pip(venv, home, out)
        _provide_key(venv, home, out)
        return cls(core, venv, collection_tree(f"{stage}-{core}"), home, out, programs)

    def run(self, *arguments: str) -> str | None:
        """Run ansible-test; return what there is to say of tests that it ran again. Tests that it leaves out with a mere warning are a failure."""
        command: list[str | Path] = [self.venv / "bin" / "ansible-test", *arguments, "--color", "no"]
        try:
            env = environment(self.venv, HOME=str(self.home))
            if self.programs:
                env["PATH"] = os.pathsep.join([str(self.programs), env["PATH"]])
            output = run(command, cwd=self.tree, env=env, out=self.out, hide=_INSTALLING)
        except Failed as failure:
            raise Failed(f"With ansible-core {self.core}: {failure}") from failure
        for warning in ("Required program", "All targets skipped"):
            if warning in output:
                raise Failed(f"ansible-test left tests out, see its warning above: {warning} ...")
        retried = _RETRIED.findall(output)
        return f"FAILED ONCE, and passed when run again: {', '.join(retried)}." if retried else None


def _core(core: str, out: t.TextIO | None = None) -> Path:
    """Return the virtual environment of an ansible-core."""
    return make_venv(f"core-{core}", find_pythons()[find_controller()], [REQUIREMENTS / f"core-{core}.txt"], out)


def usable(core: str) -> list[str]:
    """Return the Pythons of this machine that an ansible-core knows, from the lowest to the highest."""
    pythons = list(find_pythons())
    return [minor for minor in pythons if int(minor.split(".")[1]) <= int(CORES[core].split(".")[1])]


def _pythons(core: str, wanted: Wanted) -> list[str]:
    """Return the Pythons to test with, from the highest to the lowest."""
    there = usable(core)
    if wanted.pythons:
        chosen = [minor for minor in there if minor in wanted.pythons]
        if not chosen:
            raise Failed(f"None of {', '.join(wanted.pythons)} is here and known to ansible-core {core}; there are {', '.join(there)}.")
    elif wanted.ends:
        chosen = there[-1:] if core == NEWEST else there[:1]
    elif wanted.every and core == NEWEST:
        chosen = there
    else:
        chosen = [minor for minor in there if minor in (there[0], there[-1])]
    return chosen[::-1]


def _provide_pip(venv: Path, home: Path, out: t.TextIO) -> None:
    (source,) = venv.glob("lib/python3.*/site-packages/ansible_test/_internal/python_requirements.py")
    match = re.search(r"\bpip='([\d.]+)'", source.read_text(encoding="utf-8"))
    if match is None:
        raise Failed(f"{source} does not say which pip it wants.")
    cache = home / ".ansible" / "test" / "cache"
    program = cache / f"get_pip_{match.group(1).replace('.', '_')}.py"
    with locked("get-pip"):
        if not program.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            run([venv / "bin" / "python", "-m", "pip", "download", "-qq", "--no-deps", "-d", cache, f"pip=={match.group(1)}"], out=out)
            program.write_text(_GET_PIP, encoding="utf-8")


def _provide_key(venv: Path, home: Path, out: t.TextIO) -> None:
    """Make the key that ansible-test wants and does not use here: it would need ssh-keygen, and two runs of it would make one at the same moment."""
    key = home / ".ansible" / "test" / "id_rsa"
    with locked("ssh-key"):
        if not key.is_file() or not key.with_suffix(".pub").is_file():
            key.parent.mkdir(parents=True, exist_ok=True)
            run([venv / "bin" / "python", "-c", _MAKE_KEY, key], out=out)


def label(core: str, python: str = "") -> str:
    """Return what the summary calls a job; the newest ansible-core goes without saying."""
    words = [] if core == NEWEST else [f"ansible-core {core}"]
    words += [f"{python} old stack" if python == "3.9" else python] if python else []
    return f" ({', '.join(words)})" if words else ""


def is_other_end(core: str, wanted: Wanted) -> bool:
    """Tell whether both ends are wanted, and this is not the newest one."""
    return wanted.ends and core != NEWEST


def units(core: str, wanted: Wanted) -> t.Iterator[Job]:
    """Yield the runs of the unit tests, with an older ansible-core of the core of them; on Python 3.9 with the oldest libraries that are supported, on others
    with the newest.
    """
    is_core = core != NEWEST and not wanted.targets
    paths = [CORE_UNITS] if is_core else wanted.targets
    name = "core units" if is_core else "units"
    for python in _pythons(core, wanted):
        yield Job(f"{name}{label(core, python)}", functools.partial(_units, core, python, paths))


def _units(core: str, python: str, paths: t.Sequence[str], out: t.TextIO) -> str | None:
    return AnsibleTest.prepare(core, f"units-{python}", out).run("units", *paths, "--venv", "--python", python)


class Share(t.NamedTuple):
    """One run of integration targets: as modules on a Python, or in Ansible's worker, on some kinds of registries."""

    python: str
    """The Python of modules, or the worker."""
    kinds: t.Sequence[str]
    targets: t.Sequence[str]
    """Arguments of ansible-test that name them."""

    @property
    def settings(self) -> dict[str, t.Any]:
        """What the targets find in integration_config.yml; setup_registry sees to it that tasks run where they should."""
        is_worker = self.python == _WORKER
        interpreter = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"} if is_worker else {}
        where = {"setup_registry_front": _WORKER if is_worker else "module", "ocitools_registry_in_process": is_worker}
        return {"setup_registry_kinds": self.kinds, **where, **interpreter}


def integration(core: str, wanted: Wanted) -> t.Iterator[Job]:
    """Yield the runs of the integration targets."""
    for share in shares(core, wanted):
        yield Job(f"integration{label(core, share.python)}", functools.partial(_integration, core, share))


def shares(core: str, wanted: Wanted) -> list[Share]:
    """Return the runs of the integration targets: as modules on each Python that is wanted, and, unless Pythons were named, in Ansible's worker.

    Unless Pythons or targets were named, the runs of an ansible-core divide the kinds of registries (what a target needs of another kind is there in any
    case), each ansible-core in another way where all of them are tested. In the worker everything runs. As modules the core targets run on each Python, and
    the roles, which are made of tasks, on the highest one; the newest ansible-core runs all others too. The two ends divide the targets.
    """
    pythons = [*_pythons(core, wanted), *([] if wanted.pythons else [_WORKER])]
    there = usable(core)
    if wanted.targets or wanted.pythons or len(there) == 1:
        return [Share(python, _KINDS, wanted.targets or _EVERY_TARGET) for python in pythons]
    if is_other_end(core, wanted):
        pythons.remove(_WORKER)
    turn = list(reversed(CORES)).index(core) if wanted.every else 0
    places = {there[-1]: 1, there[0]: 2}
    return [Share(one, (_KINDS[(turn + places.get(one, 0)) % len(_KINDS)],), _targets(core, wanted, one)) for one in pythons]


def _targets(core: str, wanted: Wanted, python: str) -> tuple[str, ...]:
    """Return the arguments that name the targets for a Python, or for the worker."""
    there = usable(core)
    if python == _WORKER:
        return _EVERY_TARGET
    if python == there[-1]:
        return ("--exclude", _CORE_TARGETS) if wanted.ends else _EVERY_TARGET if core == NEWEST else ("role_.*",)
    return ("registry_.*",) if python == there[0] and core == NEWEST and not wanted.ends else (_CORE_TARGETS,)


def _provide_programs(out: t.TextIO) -> Path:
    """Return the folder of the programs that this machine lacks; raise LeftOut when one cannot be had."""
    folder = cache_dir() / "programs"
    cache = private_home() / ".cache" / "ocitools-servers"
    with locked("programs"):
        missing = json.loads(run([sys.executable, "-m", "tests.servers.programs", folder, "--cache", cache], out=out))
    if missing:
        reasons = " ".join(f"{name}: {reason}" for name, reason in missing.items())
        raise LeftOut(
            f"The integration tests need {', '.join(missing)}. On Debian and Ubuntu they are downloaded; on other systems install them "
            f"so that they are on PATH. {reasons}"
        )
    return folder


def _integration(core: str, share: Share, out: t.TextIO) -> str | None:
    python = find_controller() if share.python == _WORKER else share.python
    return run_targets(f"integration-{share.python}", core, python, [*share.targets, "--exclude", PULP], share.settings, out)


def run_targets(name: str, core: str, python: str, targets: t.Sequence[str], variables: t.Mapping[str, t.Any], out: t.TextIO) -> str | None:
    """Run integration targets, modules on this Python, in a copy of the checkout of this name, with variables for all of them.

    A target that fails is run once more, with all that Ansible can tell: real registries on a busy machine are not in our hands. The summary says so.
    After one that fails for good the others run all the same.
    """
    programs = _provide_programs(out)
    controller, target = f"origin:python=venv/{find_controller()}", f"controller:python=venv/{python}"
    test = AnsibleTest.prepare(core, name, out, programs)
    settings = test.tree / "tests" / "integration" / "integration_config.yml"
    settings.write_text(json.dumps(variables), encoding="utf-8")
    return test.run("integration", *targets, "--retry-on-error", "--continue-on-error", "--controller", controller, "--target", target)
