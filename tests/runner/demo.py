# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the collection at work: install it as a user would, make an image, find a registry, run playbooks/demo.yml twice.

Everything lies in .demo. REGISTRY_URL (host[:port][/prefix]), REGISTRY_USERNAME, REGISTRY_PASSWORD and REGISTRY_PLAIN_HTTP name a registry
of yours; without REGISTRY_URL one is started here: Debian's package unpacked, else an engine's container, else the fake one of the unit
tests. OCITOOLS_DEMO_REGISTRY (debian, docker, podman or fake) chooses.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from environment import CHECKOUT, build_collection, collection_tree, environment, install_collection, locked, make_venv, report, run
from pythons import Failed, find_python, find_pythons

FOLDER = CHECKOUT / ".demo"
_OLDEST = 10  # the minor version of Python 3 that ansible-core 2.16 needs
_IMAGE = "registry:3"
_PATIENCE = 120  # seconds for an engine to fetch its image
_SETTINGS = """[defaults]
collections_path = {folder}/collections
local_tmp = {folder}/tmp
remote_tmp = {folder}/tmp
callback_result_format = yaml
localhost_warning = false
display_skipped_hosts = false
nocows = true

[inventory]
inventory_unparsed_warning = false
"""
_PROGRESS = 0.2  # seconds between two lines of progress: a registry on this machine takes the image in less than one
_CHANGES = 6  # push, tag, template, deletion, promotion and mirror
_RECAP = re.compile(r"ok=\d+ +changed=(\d+) +unreachable=0 +failed=0")


class NotHere(Exception):
    """This kind of registry cannot be had on this machine."""


def say(text: str) -> None:
    """Print a heading."""
    sys.stdout.write(f"\n== {text}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def debian() -> t.Iterator[str]:
    """Run the registry of Debian's package docker-registry, unpacked without root."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        command = [sys.executable, "-m", "tests.servers"]
        folder = str(Path(scratch, "servers"))
        packages = str(FOLDER / "packages")
        start = [*command, "start", folder, "--cache", packages, "--kinds", "open", "--parent", str(os.getpid())]
        done = subprocess.run(start, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotHere(done.stderr.strip())
        try:
            yield json.loads(done.stdout)["registries"]["open"]["host"]
        finally:
            subprocess.run([*command, "stop", folder], cwd=CHECKOUT, check=False)


@contextlib.contextmanager
def engine(program: str) -> t.Iterator[str]:
    """Run a registry in a container of docker or podman."""
    if not shutil.which(program):
        raise NotHere(f"There is no {program}.")
    options = ["--rm", "--detach", "--publish", "127.0.0.1::5000", "--env", "REGISTRY_STORAGE_DELETE_ENABLED=true"]
    container = _ask(program, "run", *options, f"docker.io/library/{_IMAGE}")
    try:
        host = _ask(program, "port", container, "5000/tcp").splitlines()[0]
        _wait_for(host)
        yield host
    finally:
        subprocess.run([program, "rm", "--force", container], capture_output=True, check=False)


def _ask(*command: str) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise NotHere(f"{command[0]} does not answer.") from None
    if done.returncode:
        raise NotHere((done.stderr.strip() or f"{command[0]} fails.").splitlines()[0])
    return done.stdout.strip()


def _wait_for(host: str) -> None:
    from urllib.request import urlopen

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with urlopen(f"http://{host}/v2/", timeout=5):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise NotHere(f"The container does not answer: {error}.") from None
            time.sleep(0.1)


@contextlib.contextmanager
def fake() -> t.Iterator[str]:
    """Run the registry of the unit tests, which needs nothing but Python."""
    command = [sys.executable, str(CHECKOUT / "tests" / "unit" / "registry" / "__main__.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield json.loads(t.cast("t.IO[str]", server.stdout).readline())["host"]
        finally:
            t.cast("t.IO[str]", server.stdin).close()  # the server ends with its input


REGISTRIES: dict[str, tuple[str, t.Callable[[], t.ContextManager[str]]]] = {
    "debian": ("Debian's docker-registry", debian),
    "docker": (f"{_IMAGE} by docker", lambda: engine("docker")),
    "podman": (f"{_IMAGE} by podman", lambda: engine("podman")),
    "fake": ("the fake registry of the unit tests", fake),
}


def start_registry(stack: contextlib.ExitStack) -> tuple[str, dict[str, str]]:
    """Return words for the registry and the environment that leads to it."""
    if os.environ.get("REGISTRY_URL"):
        named = [name for name in os.environ if name.startswith("REGISTRY_") or name == "DOCKER_CONFIG"]
        return f"your registry {os.environ['REGISTRY_URL']}", {"HOME": str(Path.home()), **{name: os.environ[name] for name in named}}
    wanted = os.environ.get("OCITOOLS_DEMO_REGISTRY")
    if wanted and wanted not in REGISTRIES:
        raise Failed(f"OCITOOLS_DEMO_REGISTRY is {wanted}: it may be {', '.join(REGISTRIES)}.")
    reasons = []
    for kind in [wanted] if wanted else REGISTRIES:
        words, way = REGISTRIES[kind]
        try:
            host = stack.enter_context(way())
        except NotHere as reason:
            reasons.append(f"{words}: {reason}")
            continue
        return words, {"REGISTRY_URL": host, "REGISTRY_PLAIN_HTTP": "true"}
    raise Failed(f"No registry can be started. {' '.join(reasons)}")


def play(venv: Path, settings: t.Mapping[str, str]) -> int:
    """Run the playbook; return how many of its tasks changed something."""
    (FOLDER / "ansible.cfg").write_text(_SETTINGS.format(folder=FOLDER), encoding="utf-8")
    quick = [] if os.environ.get("REGISTRY_URL") else ["-e", f"ocitools_registry_progress={_PROGRESS}"]
    color = {"ANSIBLE_FORCE_COLOR": "true"} if sys.stdout.isatty() else {}
    env = environment(venv, ANSIBLE_CONFIG=str(FOLDER / "ansible.cfg"), **color, **settings)
    output = run([venv / "bin" / "ansible-playbook", "ocitools.registry.demo", "--diff", "-e", f"folder={FOLDER}", *quick], env=env)
    recap = _RECAP.search(re.sub(r"\x1b\[[\d;]*m", "", output))
    if recap is None:
        raise Failed("The playbook printed no recap.")
    return int(recap[1])


def demo() -> str:
    """Run the demo; return in one line what it was."""
    begun = time.monotonic()
    os.environ["OCITOOLS_CACHE"] = str(FOLDER)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "deploy.yml").unlink(missing_ok=True)
    with contextlib.ExitStack() as stack:
        say("Tools: ansible-core and requests in a virtual environment, and the collection, built and installed as a user would")
        venv = make_venv("demo", find_pythons()[find_python(_OLDEST, -1)], ["ansible-core >= 2.16", "requests >= 2.25.1"])
        with locked("build"), tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
            install_collection(venv, build_collection(venv, collection_tree("build"), Path(scratch)), FOLDER / "collections")
        say("An image: an OCI archive, app.tar")
        run([sys.executable, "-m", "tests.servers.demo_image", FOLDER / "app.tar", "--cache", FOLDER / "packages"])
        words, settings = start_registry(stack)
        say(f"The registry: {words}, at {settings['REGISTRY_URL']}")
        say("First run: release the app, promote it, mirror it")
        changed = play(venv, settings)
        if changed != _CHANGES and not os.environ.get("REGISTRY_URL"):
            raise Failed(f"The first run changed the work of {changed} tasks, where it must be {_CHANGES}.")
        say("Second run: the same playbook finds all that and changes nothing")
        changed = play(venv, settings)
        if changed:
            raise Failed(f"The second run changed the work of {changed} tasks, where it must not change anything.")
        if os.environ.get("REGISTRY_URL"):
            say("Your registry keeps the repositories ocitools-demo, ocitools-demo-released, and the one below mirrored")
    return (
        f"make demo: a release, a promotion, a mirror, and a rerun without a change, against {words}, in {time.monotonic() - begun:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(report("make demo", demo))
