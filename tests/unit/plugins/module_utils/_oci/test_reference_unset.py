# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and registries in which a variable has no value."""

from __future__ import annotations

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Reference, split_base
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import refusal

SHA256 = "sha256:" + "0123456789abcdef" * 4
_UNSET_PARTS = ("", ":1.2", ":", "/", "@" + SHA256, "app:", "app:@" + SHA256, "app@", "app@sha256:", "/app", "/app:1", "//app", "https://")


@pytest.mark.parametrize("base", [None, "reg.example.com", "reg.example.com/team"])
@pytest.mark.parametrize("name", [*_UNSET_PARTS, "org/:1", "org//app", "https:///app"])
def test_a_variable_without_a_value_in_a_name_is_recognised(name: str, base: str | None) -> None:
    assert "a variable seems to be empty" in refusal(Reference.parse, name, base, kind="invalid_reference").message


@pytest.mark.parametrize(
    "name", ["quay.io/", "quay.io/:1", "quay.io//app", "quay.io:/app", "registry:5000/", ":5000/app", "docker://quay.io/"]
)
def test_a_variable_without_a_value_beside_a_registry_is_recognised(name: str) -> None:
    assert "a variable seems to be empty" in refusal(Reference.parse, name, kind="invalid_reference").message


@pytest.mark.parametrize("base", ["", "/", "/team", ":5000", "reg.example.com:", "reg.example.com:/team", "https://", "https:///v2/"])
def test_a_variable_without_a_value_in_a_registry_is_recognised(base: str) -> None:
    assert "a variable seems to be empty" in refusal(split_base, base, kind="invalid_reference").message
