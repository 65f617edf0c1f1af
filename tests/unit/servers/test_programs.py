# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the integration tests, on a machine that lacks them; apt-get and dpkg-deb are stand-ins."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.servers import programs

_APT = """#!/bin/sh
case "$*" in
  *indextargets*|*update*) exit 0;;
  *" -s "*) [ -z "$PLAN" ] && exit 0; for name in $PLAN; do echo "Inst $name (1.0)"; done;;
  *download*) found=; for name in "$@"; do [ -n "$found" ] && echo "$name" > "$name.deb"; [ "$name" = download ] && found=1; done; exit 0;;
esac
"""
_DPKG = """#!/bin/sh
mkdir -p "$3/usr/bin" "$3/usr/lib"
name=$(cat "$2")
case "$name" in
  lib*) echo > "$3/usr/lib/$name.so.1";;
  *) printf '#!/bin/sh\\necho "$LD_LIBRARY_PATH $*"\\n' > "$3/usr/bin/$name"; chmod 755 "$3/usr/bin/$name"
     [ -z "$BROKEN" ] || echo 'exit 1' >> "$3/usr/bin/$name";;
esac
"""


class Machine(t.NamedTuple):
    """A machine whose PATH is one folder."""

    path: Path
    programs: Path
    cache: Path

    def add(self, name: str, text: str) -> Path:
        """Put a program on PATH."""
        program = self.path / name
        program.write_text(text, encoding="ascii")
        program.chmod(0o755)
        return program


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A Debian that has neither skopeo nor umoci nor the registry."""
    made = Machine(tmp_path / "path", tmp_path / "programs", tmp_path / "cache")
    made.path.mkdir()
    for name in ("sh", "mkdir", "cat", "chmod"):
        (made.path / name).symlink_to(f"/bin/{name}")
    made.add("apt-get", _APT)
    made.add("dpkg-deb", _DPKG)
    monkeypatch.setenv("PATH", str(made.path))
    monkeypatch.setenv("PLAN", "skopeo umoci libgpgme")
    monkeypatch.delenv("BROKEN", raising=False)
    return made


def test_programs_that_are_missing_do_not_end_the_tests(machine: Machine) -> None:
    assert programs.provide(machine.programs, machine.cache) == {}
    for name in ("skopeo", "umoci"):
        done = subprocess.run([machine.programs / name, "copy"], capture_output=True, text=True, check=True)
        assert done.stdout.split()[0] == str(machine.cache / f"{name}-with-libraries" / "usr" / "lib")
        assert done.stdout.split()[-1] == "copy"
    assert programs.find_registry(machine.cache).is_file()


def test_programs_that_are_here_are_not_unpacked(machine: Machine) -> None:
    own = {name: machine.add(name, "#!/bin/sh\n") for name in ("skopeo", "umoci", "docker-registry")}
    assert programs.provide(machine.programs, machine.cache) == {}
    assert not machine.programs.exists()
    assert programs.find_registry(machine.cache) == own["docker-registry"]
    assert sorted(folder.name for folder in machine.cache.iterdir()) == ["busybox-static-amd64", "busybox-static-arm64"]


def test_a_program_that_was_unpacked_does_not_hide_one_that_is_installed(machine: Machine) -> None:
    programs.provide(machine.programs, machine.cache)
    machine.add("skopeo", "#!/bin/sh\n")
    programs.provide(machine.programs, machine.cache)
    assert sorted(file.name for file in machine.programs.iterdir()) == ["policy.json", "umoci"]


def test_a_program_that_does_not_start_is_not_taken_for_one(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "yes")
    missing = programs.provide(machine.programs, machine.cache)
    assert sorted(missing) == ["skopeo", "umoci"]
    assert not (machine.programs / "skopeo").exists()


@pytest.mark.parametrize("tool", ["apt-get", "dpkg-deb"])
def test_a_system_without_apt_is_told_what_is_missing(machine: Machine, tool: str) -> None:
    (machine.path / tool).unlink()
    missing = programs.provide(machine.programs, machine.cache)
    assert sorted(missing) == ["docker-registry", "skopeo", "umoci"]
    assert all(f"There is no {tool} here" in reason for reason in missing.values())


def test_a_package_that_apt_does_not_have_is_not_waited_for(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAN", "")
    assert "apt-get has no package skopeo" in programs.provide(machine.programs, machine.cache)["skopeo"]
