# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that runs the modules against a real registry of another family: Pulp, the registry in Red Hat Satellite and Automation Hub."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible_test import NEWEST, PULP, run_targets
from environment import REQUIREMENTS, Job, LeftOut, locked, make_venv, private_home, run
from pythons import Failed, find_controller, find_pythons


def pulp() -> Job:
    """Return the job."""
    return Job("pulp", _pulp)


def _pulp(out: t.TextIO) -> str | None:
    venv = _provide_pulp(out)
    return run_targets(PULP, NEWEST, find_controller(), [PULP], {"setup_registry_pulp": str(venv)}, out)


def _provide_pulp(out: t.TextIO) -> Path:
    """Return the virtual environment of Pulp, once all that it runs on is there; raise LeftOut when something cannot be had."""
    try:
        venv = make_venv("pulp", find_pythons()[find_controller()], [REQUIREMENTS / "pulp.txt"], out)
        with locked("pulp"):
            cache = private_home() / ".cache" / "ocitools-servers"
            missing = run([sys.executable, "-m", "tests.servers.pulp", venv, "--cache", cache], out=out).strip()
    except Failed as failure:
        raise LeftOut(f"Pulp cannot be installed. {failure}") from failure
    if missing:
        raise LeftOut(f"Pulp cannot be started. {missing}")
    return venv
