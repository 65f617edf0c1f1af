# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The linters: style, types, YAML, documentation, changelog, shell, the rules of this code base, and the tests of the runner itself."""

from __future__ import annotations

import typing as t
from pathlib import Path

import overview
import rules
from environment import CHECKOUT, cache_dir, collection_tree, environment, make_tools, run, source_files
from galaxy import write_changelog
from pythons import Failed

_PACKAGE = "ansible_collections.ocitools.registry"
_RUNNER = Path("tests", "runner")


def _packages(tree: Path) -> list[str]:
    """Return the packages to check types in: plugins, extensions, and each folder of tests that has Python files, but for the runner, which is a program."""
    folders = {file.relative_to(tree).parts[1] for file in tree.glob("tests/*/**/*.py")} - {"runner", "output", "integration"}
    return [f"{_PACKAGE}.plugins", f"{_PACKAGE}.extensions", *(f"{_PACKAGE}.tests.{name}" for name in sorted(folders))]


def _commands(tree: Path) -> t.Iterator[tuple[Path, list[str | Path]]]:
    """Yield each linter with the folder that it runs in: the checkout where files are enough, a collection tree where names count."""
    mypy: list[str | Path] = ["mypy", "--config-file", CHECKOUT / "pyproject.toml", "--cache-dir", cache_dir() / "mypy"]
    yield CHECKOUT, ["ruff", "check", "--no-cache", "."]
    yield CHECKOUT, ["ruff", "format", "--no-cache", "--check", "."]
    yield CHECKOUT, ["shellcheck", ".ci/run"]
    yield CHECKOUT, ["zizmor", "--offline", "--quiet", ".github"]
    yield tree.parents[2], [*mypy, *(word for name in _packages(tree) for word in ("-p", name))]
    yield tree / _RUNNER, [*mypy, "."]
    yield CHECKOUT / _RUNNER, ["python", "-m", "unittest", "--quiet"]
    yield tree, ["yamllint", "--strict", "."]
    yield tree, ["antsibull-changelog", "lint"]
    references = ["--validate-collection-refs=all", "--check-extra-docs-refs", "--disallow-unknown-collection-refs"]
    yield tree, ["antsibull-docs", "lint-collection-docs", "--plugin-docs", *references, "."]
    yield tree, ["ansible-lint", "--offline", "--strict", "--profile", "production"]


# antsibull-docs names a temporary folder by chance and writes the name into its text, where an underscore at the end makes a broken link.
_ATTEMPTS = {"antsibull-docs": 2}


def lint(out: t.TextIO) -> None:
    """Run every linter to its end, then report all that failed."""
    venv = make_tools(out)
    tree = collection_tree("lint")
    write_changelog(venv, tree, out)
    env = environment(venv, ANSIBLE_COLLECTIONS_PATH=str(tree.parents[2]))
    failures = []
    for folder, command in _commands(tree):
        found: list[str] = []
        for _attempt in range(_ATTEMPTS.get(str(command[0]), 1)):
            try:
                run([venv / "bin" / command[0], *command[1:]], cwd=folder, env=env, out=out)
            except Failed as failure:
                found.append(str(failure))
            else:
                found.clear()
                break
        failures += found[-1:]
    broken = [*rules.check(CHECKOUT, source_files()), *overview.check()]
    out.writelines(f"{line}\n" for line in broken)
    if broken:
        failures.append(f"Rules of this code base are broken in {len(broken)} places.")
    if failures:
        raise Failed(" ".join(failures))
