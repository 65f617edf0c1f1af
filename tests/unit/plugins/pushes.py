# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of pushes have in common."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Push = t.Callable[..., Result]


def layout(folder: Path, content: images.Content, name: str = "1.0") -> str:
    """Write an OCI layout with one image and return its path."""
    return images.write_layout(folder / "layout", {name: content})


def image(*layers: str) -> images.Content:
    """Return an image of layers with these names."""
    return images.image(layers=layers)


def digests(blobs: t.Sequence[dict[str, t.Any]]) -> set[str]:
    """Return the digests of blobs in a result."""
    return {blob["digest"] for blob in blobs}


def make_push(registry: FakeRegistry, run_module: RunModule) -> Push:
    """Return a function that pushes a path to app:1, and sees to it that check mode foretells it and that it changes nothing when repeated."""

    def run(path: t.Any, digest: str | None = None, **options: t.Any) -> Result:
        arguments = registry.args(name="app:1", path=str(path), **options)
        predicted = run_module("registry_push", arguments, check=True).ok()
        result = run_module("registry_push", arguments).ok()
        assert (predicted.changed, predicted["digest"]) == (True, result["digest"])
        assert result["digest"] == (digest or result["digest"])
        assert registry.tags("app") == {"1": result["digest"]}
        assert registry.gaps() == []
        registry.clear()
        assert run_module("registry_push", arguments).ok().changed is False
        assert registry.writes() == []
        return result

    return run
