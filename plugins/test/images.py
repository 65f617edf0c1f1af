# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests for names of images; each is documented in the .yml file of its name."""

from __future__ import annotations

import typing as t

from ..module_utils._core.errors import RegistryError
from ..module_utils._oci.reference import Reference
from ..plugin_utils._template_values import decrypted


def _parse(image: t.Any) -> Reference | None:
    text = decrypted(image)
    try:
        return Reference.parse(text) if isinstance(text, str) else None
    except RegistryError:
        return None


def image_reference(image: t.Any) -> bool:
    """Tell whether something is the name of an image."""
    return _parse(image) is not None


def image_pinned(image: t.Any) -> bool:
    """Tell whether something is the name of an image with a digest."""
    parsed = _parse(image)
    return parsed is not None and parsed.digest is not None


class TestModule:
    """The tests of the collection."""

    def tests(self) -> dict[str, t.Callable[[t.Any], bool]]:
        """Return the tests by name."""
        return {"image_pinned": image_pinned, "image_reference": image_reference}
