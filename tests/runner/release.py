# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a release but for its publication: changelog, commit, artifact, and the commands that are left. See docs/RELEASING.md."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import galaxy
from environment import CHECKOUT, build_collection, cache_dir, collection_tree, environment, make_tools, report, run
from pythons import Failed

Version = tuple[int, ...]

_BRANCH = "main"
_STEPS = ("breaking_changes removed_features", "major_changes minor_changes deprecated_features")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"`git {' '.join(words)}` fails: {done.stderr.strip()}")
    return done.stdout.strip()


def _parse(version: str) -> Version:
    return tuple(int(number) for number in version.split("."))


def sections(root: Path) -> set[str]:
    """Return the sections that the fragments have."""
    fragments = (path.read_text(encoding="utf-8") for path in (root / "changelogs" / "fragments").glob("*.y*ml"))
    return {name for text in fragments for name in re.findall(r"^(\w+):", text, re.MULTILINE)}


def check_version(version: str, released: t.Sequence[str], found: t.AbstractSet[str]) -> None:
    """Hold a version against those that are released and against the sections of the fragments; raise Failed where it does not fit."""
    if "release_summary" not in found:
        raise Failed("No fragment in changelogs/fragments has a release_summary.")
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise Failed(f"The version in galaxy.yml is {version}: a release has three numbers and nothing else.")
    if not released:
        return
    last = max(map(_parse, released))
    needed = next((index for index, names in enumerate(_STEPS) if found & set(names.split())), len(_STEPS))
    lowest = (*last[:needed], last[needed] + 1, *(0 for _rest in last[needed + 1 :]))
    if _parse(version) < lowest:
        words = [".".join(map(str, numbers)) for numbers in (last, lowest)]
        raise Failed(
            f"The version in galaxy.yml is {version}, the last release is {words[0]}: with these fragments it must be {words[1]} at least."
        )


def check_checkout(version: str) -> None:
    """Raise Failed where the checkout is not one to release from."""
    if _git("status", "--porcelain"):
        raise Failed("The checkout is not clean: commit what `git status` shows, or put it away.")
    branch = _git("rev-parse", "--abbrev-ref", "HEAD")
    if branch != _BRANCH:
        raise Failed(f"Releases are made on {_BRANCH}, this is {branch}.")
    if _git("tag", "--list", version):
        raise Failed(f"There is a tag {version} already.")


def release() -> str:
    """Check, write the changelog, commit it, build and check the artifact; return what is left to do."""
    version = galaxy.version(CHECKOUT)
    check_checkout(version)
    released = galaxy.released(CHECKOUT)
    if version in released:
        raise Failed(f"{version} is in the changelog already: write the next version to galaxy.yml.")
    check_version(version, released, sections(CHECKOUT))
    tools = make_tools()
    run([tools / "bin" / "antsibull-changelog", "release", "--version", version], env=environment(tools))
    _git("add", "--all", "changelogs", "CHANGELOG.md")
    _git("commit", "--quiet", "--message", f"Release {version}")
    folder = cache_dir() / "release"
    shutil.rmtree(folder, ignore_errors=True)
    artifact = build_collection(tools, collection_tree("release"), folder)
    galaxy.check_content(artifact)
    galaxy.check_readme(CHECKOUT)
    galaxy.check_import(tools, artifact)
    return (
        f"\n{version} is committed and built, and nothing is published. Look at CHANGELOG.md and `git show`, then:\n\n"
        f"  git tag --annotate {version} --message 'ocitools.registry {version}'\n"
        f"  git push origin {_BRANCH} {version}\n"
        f"  ansible-galaxy collection publish {artifact}"
    )


if __name__ == "__main__":
    sys.exit(report("make release", release))
