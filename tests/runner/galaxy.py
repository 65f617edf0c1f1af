# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as it is published: what is in it, how Galaxy and execution environments take it, and whether it works with what it asks for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
import typing as t
from pathlib import Path

import ansible_test
from environment import (
    REQUIREMENTS,
    build_collection,
    collection_tree,
    environment,
    install_collection,
    make_tools,
    make_venv,
    run,
    source_files,
)
from pythons import Failed, find_controller, find_pythons

_NAME = "ocitools.registry"

# What is published. Users get what they use and read, packagers the tests that ansible-test runs. What needs a checkout stays there: the Makefile
# and all that it calls (tests/runner, tests/requirements, tests/benchmark, tests/fuzz, settings of linters), the drawings of the benchmark, which the
# site alone shows, and what concerns git and GitHub.
_PUBLISHED = (
    *("CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "COPYING", "README.md", "REUSE.toml", "SECURITY.md"),
    *(
        "LICENSES",
        "changelogs/config.yaml",
        "docs/RELEASING.md",
        "docs/docsite",
        "docs/decision-environment.yml",
        "docs/execution-environment.yml",
        "examples",
        "extensions",
        "meta",
        "playbooks",
        "plugins",
        "roles",
    ),
    *("tests/config.yml", "tests/integration", "tests/servers", "tests/unit"),
)
_UNPUBLISHED = "docs/docsite/rst/images/benchmark-"
_MADE = {"CHANGELOG.md", "FILES.json", "MANIFEST.json", "changelogs/changelog.yaml"}

_SECTIONS = (
    *("Description", "Requirements", "Installation", "Use Cases", "Testing", "Contributing", "Communication", "Support"),
    *("Release Notes and Roadmap", "Related Information", "License Information"),
)

_IMPORTER = """\
[galaxy-importer]
CHECK_REQUIRED_TAGS = True
REQUIRE_V1_OR_GREATER = True
RUN_ANSIBLE_LINT = False
"""  # the linters run ansible-lint, with rules that the importer leaves out

_LOADING = re.compile("Loading ")

_PLAY = """\
- name: Use every kind of plugin and a role
  hosts: localhost
  gather_facts: false
  module_defaults:
    group/ocitools.registry.registry: {plain_http: true}
  tasks:
    - name: Set a tag
      ocitools.registry.registry_tag: {name: "{{ host }}/team/app:1.0", tags: ["1"]}
      register: tag
    - name: Judge by the lookup, a filter and a test
      ansible.builtin.assert:
        that:
          - tag is changed
          - reference == host ~ '/team/app@' ~ tag.digest
          - reference is ocitools.registry.image_pinned
          - (reference | ocitools.registry.image_parse).repository == 'team/app'
      vars:
        reference: "{{ lookup('ocitools.registry.registry_digest', host ~ '/team/app:1', plain_http=true, result='reference') }}"
    - name: Run a role
      ansible.builtin.include_role: {name: ocitools.registry.preflight}
      vars:
        preflight_images: ["{{ host }}/team/app:1"]
"""


def version(root: Path) -> str:
    """Return the version in galaxy.yml."""
    (found,) = re.findall(r"^version: (\S+)$", (root / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
    return str(found)


def released(root: Path) -> list[str]:
    """Return the versions in the changelog."""
    path = root / "changelogs" / "changelog.yaml"
    return re.findall(r"^  (\d+\.\d+\.\d+):$", path.read_text(encoding="utf-8"), re.MULTILINE) if path.is_file() else []


def write_changelog(tools: Path, tree: Path, out: t.TextIO | None = None) -> None:
    """Write the changelog into a copy of the checkout as a release would, where the version is not released yet."""
    if version(tree) not in released(tree):
        run([tools / "bin" / "antsibull-changelog", "release", "--version", version(tree)], cwd=tree, env=environment(tools), out=out)


def check_content(artifact: Path) -> None:
    """Raise Failed unless the artifact holds what is published, as regular files, and nothing else."""
    with tarfile.open(artifact) as tar:
        members = tar.getmembers()
    found = {member.name for member in members if not member.isdir()}
    odd = {member.name for member in members if not (member.isdir() or member.isfile())}
    names = [name for name in map(Path.as_posix, source_files()) if not name.startswith(_UNPUBLISHED)]
    expected = {name for name in names if name.startswith(tuple(f"{each}/" for each in _PUBLISHED)) or name in _PUBLISHED} | _MADE
    wrong = [f"{name} is missing" for name in sorted(expected - found)]
    wrong += [f"{name} must not be there" for name in sorted(found - expected | odd)]
    if wrong:
        raise Failed(f"The artifact is not what tests/runner/galaxy.py says and galaxy.yml chooses: {', '.join(wrong)}.")


def check_readme(root: Path) -> None:
    """Raise Failed unless the README has the sections that certified content has, full links only, and every ansible-core that is tested."""
    text = (root / "README.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.*)", text, re.MULTILINE)
    wrong = [f"the section {name} is missing" for name in _SECTIONS if name not in sections]
    wrong += [f"the link to {link} is not a full one" for link in re.findall(r"\]\((?!https://)([^)]*)\)", text)]
    wrong += [f"ansible-core {core} is not named" for core in ansible_test.CORES if not re.search(rf"\b{re.escape(core)}\b", text)]
    if wrong:
        raise Failed(f"README.md is not as Galaxy shows it best: {', '.join(wrong)}.")


def check_import(tools: Path, artifact: Path, out: t.TextIO | None = None) -> None:
    """Import the artifact as Galaxy does; a warning is a failure."""
    settings = artifact.with_name("galaxy-importer.cfg")
    settings.write_text(_IMPORTER, encoding="utf-8")
    env = environment(tools, GALAXY_IMPORTER_CONFIG=str(settings))
    output = run([tools / "bin" / "python", "-m", "galaxy_importer.main", artifact], cwd=artifact.parent, env=env, out=out, hide=_LOADING)
    found = re.findall(r"^(?:WARNING|ERROR).*", output, re.MULTILINE)
    if found:
        raise Failed(f"galaxy-importer is not content: {' '.join(found)}")


def check_environment(tools: Path, collections: Path, out: t.TextIO) -> None:
    """Look at what ansible-builder finds in the installed collection, and let it make the build contexts of the examples."""
    builder = tools / "bin" / "ansible-builder"
    output = run([builder, "introspect", collections], env=environment(tools), out=out)
    if f"python:\n- 'requests>=2.25.1  # from collection {_NAME}'\nsystem: []" not in output:
        raise Failed("ansible-builder does not find that the collection needs requests and nothing else.")
    docs = collections / "ansible_collections" / "ocitools" / "registry" / "docs"
    for kind in ("execution", "decision"):
        context, example = collections.with_name(f"context-{kind}"), docs / f"{kind}-environment.yml"
        words: list[str | Path] = ["create", "--file", example, "--context", context, "--output-filename", "Containerfile"]
        run([builder, *words], env=environment(tools), out=out)
        requirements = (context / "_build" / "requirements.yml").read_text(encoding="utf-8")
        if _NAME not in requirements or not (context / "Containerfile").is_file():
            raise Failed(f"ansible-builder makes no context with the collection from docs/{kind}-environment.yml.")


def _plugins(root: Path) -> t.Iterator[tuple[str, list[str]]]:
    """Yield each kind of plugin that ansible-doc knows, with the names that there are."""
    for kind, pattern in {"module": "modules/*.py", "lookup": "lookup/*.py", "filter": "filter/*.yml", "test": "test/*.yml"}.items():
        yield kind, sorted(f"{_NAME}.{path.stem}" for path in (root / "plugins").glob(pattern))
    yield "role", sorted(f"{_NAME}.{path.name}" for path in (root / "roles").iterdir())


def check_use(collections: Path, out: t.TextIO) -> None:
    """Use the installed collection with ansible-core and what the collection says that it needs, nothing else."""
    root = collections / "ansible_collections" / "ocitools" / "registry"
    requirements = [REQUIREMENTS / f"core-{ansible_test.NEWEST}.txt", root / "meta" / "ee-requirements.txt"]
    venv = make_venv("user", find_pythons()[find_controller()], requirements, out)
    env = environment(venv, ANSIBLE_COLLECTIONS_PATH=str(collections))
    for kind, names in _plugins(root):
        command: list[str | Path] = [venv / "bin" / "ansible-doc", "--type", kind, "--json", *names]
        documented = json.loads(subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True).stdout)
        if sorted(name for name, entry in documented.items() if "error" not in entry) != names:
            raise Failed(f"ansible-doc does not document every {kind} of the installed collection.")
    play = collections.with_name("play.yml")
    play.write_text(_PLAY, encoding="utf-8")
    server: list[str | Path] = [sys.executable, root / "tests" / "unit" / "registry" / "__main__.py", "--image", "team/app:1.0"]
    with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        host = json.loads(t.cast("t.IO[str]", process.stdout).readline())["host"]
        run([venv / "bin" / "ansible-playbook", "-e", f"host={host}", play], env=env, out=out)
        t.cast("t.IO[str]", process.stdin).close()  # the server ends with its input


def galaxy(out: t.TextIO) -> None:
    """Build the collection as a release would, and check it in every way."""
    tools, tree = make_tools(out), collection_tree("galaxy")
    run([tools / "bin" / "reuse", "lint", "--lines"], cwd=tree, env=environment(tools, REUSE_ENCODING_MODULE="charset_normalizer"), out=out)
    write_changelog(tools, tree, out)
    # Of a collection inside of another one's folder, where a checkout may lie, ansible-doc does not find the roles.
    with tempfile.TemporaryDirectory() as scratch:
        artifact = build_collection(tools, tree, Path(scratch), out)
        check_content(artifact)
        check_readme(tree)
        check_import(tools, artifact, out)
        collections = Path(scratch, "collections")
        install_collection(tools, artifact, collections, out)
        check_environment(tools, collections, out)
        check_use(collections, out)
