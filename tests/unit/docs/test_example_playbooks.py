# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook in examples/ is short, and runs as it is, but for the names of hosts; a second run changes nothing."""

from __future__ import annotations

import re
import sys
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import run_ansible
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
PLAYBOOKS = sorted(path.stem for path in EXAMPLES.glob("*.yml"))
MOST_LINES = 20
RECAP = re.compile(r"changed=(\d+) +unreachable=0 +failed=0")

pytestmark = pytest.mark.usefixtures("one_authority")


@pytest.fixture
def registry(make_registry: MakeRegistry, tmp_path: Path) -> FakeRegistry:
    """A registry with the images that the playbooks are about, and the archive to push."""
    made = make_registry(tls=True)
    candidate = made.add_index("team/app", "1.4.2-rc1", platforms=["linux/amd64", "linux/arm64"])
    made.set_tag("team/app", "1.4", candidate.digest)
    for number in range(12):
        made.add_image("team/app", f"build-{number}", config={"created": f"2020-01-{number + 1:02}T00:00:00Z"})
    for repository, tag in (("team/db", "16"), ("library/alpine", "3.20"), ("library/redis", "7")):
        made.add_image(repository, tag)
    images.write_oci_archive(tmp_path / "app.tar", {"1.4.2": images.image()})
    return made


def _pulled(folder: Path, registry: FakeRegistry) -> bool:
    return tarfile.is_tarfile(folder / "app-1.4.tar")


def _pinned(folder: Path, registry: FakeRegistry) -> bool:
    return (folder / "image.yml").read_text(encoding="utf-8") == f"image: {registry.host}/team/app@{registry.tags('team/app')['1.4']}\n"


# What is so after each playbook that changes something.
OUTCOMES: dict[str, t.Callable[[Path, FakeRegistry], bool]] = {
    "push": lambda folder, registry: {"1.4.2", "latest"} <= set(registry.tags("team/app")),
    "pull": _pulled,
    "copy": lambda folder, registry: set(registry.tags("base/alpine")) == {"3.20"} and set(registry.tags("base/redis")) == {"7"},
    "tag": lambda folder, registry: {"1.4.2", "1.4", "latest"} <= set(registry.tags("team/app")),
    "delete_tag": lambda folder, registry: "1.4" in registry.tags("team/app") and "1.4.2-rc1" not in registry.tags("team/app"),
    "prune": lambda folder, registry: sum(tag.startswith("build-") for tag in registry.tags("team/app")) == 10,
    "pin_digest": _pinned,
}


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_works_and_is_idempotent(registry: FakeRegistry, tmp_path: Path, name: str) -> None:
    text = (EXAMPLES / f"{name}.yml").read_text(encoding="utf-8")
    (tmp_path / "play.yml").write_text(re.sub(r"\b(reg|mirror)\.example\.com\b", registry.host, text), encoding="utf-8")
    changed = []
    for _run in range(2):
        done = run_ansible("playbook", ["-e", f"ansible_python_interpreter={sys.executable}", "play.yml"], tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        changed += RECAP.findall(done.stdout)
    assert changed == ["1" if name in OUTCOMES else "0", "0"]
    assert OUTCOMES.get(name, lambda folder, registry: True)(tmp_path, registry)


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_is_short_and_listed(name: str) -> None:
    text = (EXAMPLES / f"{name}.yml").read_text(encoding="utf-8").partition("---\n")[2]
    assert text.count("\n") <= MOST_LINES
    assert f"[{name}.yml]({name}.yml)" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_there_is_a_playbook_for_each_of_the_ten_commonest_jobs() -> None:
    assert len(PLAYBOOKS) == 10
