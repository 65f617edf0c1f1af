# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests for names of images, called as a condition calls them."""

from __future__ import annotations

import typing as t

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import test_loader as loader
from ansible.template import Templar
from ansible_collections.ocitools.registry.plugins.test.images import image_pinned, image_reference
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, quick
from ansible_collections.ocitools.registry.tests.unit.plugins.vaulted import Vaulted
from hypothesis import given
from jinja2 import Undefined

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("value", "reference", "pinned"),
    [
        ("alpine", True, False),
        ("quay.io/org/app:1.2", True, False),
        (f"quay.io/org/app@{DIGEST}", True, True),
        (f"quay.io/org/app:1.2@{DIGEST}", True, True),
        (f"quay.io/org/app:1.2@{DIGEST[:-1]}", False, False),
        (f"App@{DIGEST}", False, False),
        ("App", False, False),
        ("a b", False, False),
        ("", False, False),
        ("http://quay.io/app", False, False),
        (None, False, False),
        (1.10, False, False),
        (["alpine"], False, False),
        ({"alpine": 1}, False, False),
        (Vaulted(f"alpine@{DIGEST}"), True, True),
        (Undefined(name="image"), False, False),
    ],
)
def test_values(value: t.Any, reference: bool, pinned: bool) -> None:
    assert (image_reference(value), image_pinned(value)) == (reference, pinned)


@quick
@given(hostile_text)
def test_any_text_is_one_or_not(text: str) -> None:
    assert image_reference(text) in (True, False)
    assert not image_pinned(text) or image_reference(text)


@pytest.mark.parametrize(("name", "expected"), [("image_reference", True), ("image_pinned", False)])
def test_conditions_find_the_tests(name: str, expected: bool) -> None:
    assert loader.get(f"ocitools.registry.{name}") is not None
    templar = Templar(loader=DataLoader(), variables={"image": "quay.io/org/app:1"})
    condition = f"image is ocitools.registry.{name}"
    try:
        from ansible.template import trust_as_template
    except ImportError:
        found: t.Any = templar.template("{{ " + condition + " }}")
    else:
        found = templar.template(trust_as_template("{{ " + condition + " }}"))
    assert found is expected
