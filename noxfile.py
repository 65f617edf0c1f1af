# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the Makefile as sessions of nox, beside those of antsibull-nox."""

from __future__ import annotations

import antsibull_nox
import nox

STAGES = ("lint", "galaxy", "sanity", "units", "worker", "integration", "events", "pulp", "fuzz")

antsibull_nox.load_antsibull_nox_toml()


@nox.session(venv_backend="none", default=False)
@nox.parametrize("stage", STAGES, ids=STAGES)
def make(session: nox.Session, stage: str) -> None:
    """Run a stage of the tests; arguments such as --core 2.19 are passed on."""
    session.run("python3", "tests/runner/run.py", *session.posargs, stage, external=True)


@nox.session(venv_backend="none", default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation as HTML."""
    session.run("python3", "tests/runner/website.py", external=True)


if __name__ == "__main__":
    nox.main()
