# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of pushes have in common."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.plugins import images


def layout(folder: Path, content: images.Content, name: str = "1.0") -> str:
    """Write an OCI layout with one image and return its path."""
    return images.write_layout(folder / "layout", {name: content})


def image(*layers: str) -> images.Content:
    """Return an image of layers with these names."""
    return images.image(layers=layers)


def digests(blobs: t.Sequence[dict[str, t.Any]]) -> set[str]:
    """Return the digests of blobs in a result."""
    return {blob["digest"] for blob in blobs}
