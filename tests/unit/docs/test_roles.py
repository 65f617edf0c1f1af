# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says of its variables is the same in its README, its defaults and its argument specification."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
PLAYBOOK = {"role", "when", "vars", "tags"}


def _options(role: Path) -> dict[str, t.Any]:
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return t.cast("dict[str, t.Any]", specs["argument_specs"]["main"]["options"])


@pytest.fixture(params=sorted(path.parent for path in ROLES.glob("*/README.md")), ids=lambda path: path.name)
def role(request: pytest.FixtureRequest) -> Path:
    """The folder of each role."""
    return t.cast(Path, request.param)


def test_readme_has_every_variable(role: Path) -> None:
    readme = (role / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(rf"^\| `({role.name}_\w+)` \|", readme, re.MULTILINE)) == set(_options(role))


def test_defaults_are_as_documented(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert defaults == {name: option["default"] for name, option in _options(role).items() if "default" in option}


def test_plays_in_readme_use_the_role_rightly(role: Path) -> None:
    options = _options(role)
    required = {name for name, option in options.items() if option.get("required")}
    blocks = re.findall(r"```yaml\n(.*?)```", (role / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    uses = [use for block in blocks for play in yaml.safe_load(block) for use in play["roles"]]
    assert uses
    for use in uses:
        assert use["role"] == f"ocitools.registry.{role.name}"
        assert required <= set(use) - PLAYBOOK <= set(options)
