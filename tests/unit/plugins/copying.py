# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of registry_copy and registry_sync share: the options for two registries, images in one of them, and a limit of pulls."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.plugins.module_utils._registry.two_registries import SIDED
from ansible_collections.ocitools.registry.tests.unit.plugins.images import Content
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]


def side(name: str, registry: FakeRegistry, credentials: bool = True) -> dict[str, t.Any]:
    """Return the options that say how one side is reached: ``src_registry`` and so on."""
    return {f"{name}_{option}": value for option, value in registry.args(credentials).items() if option in SIDED}


def between(source: FakeRegistry, destination: FakeRegistry, **options: t.Any) -> dict[str, t.Any]:
    """Return the options of a copy from one registry to another, names relative to them, and ``options``."""
    return {"timeout": 10, **side("src", source), **side("dest", destination), **options}


def export_to(folder: Path, source: FakeRegistry, *listed: t.Any, **options: t.Any) -> dict[str, t.Any]:
    """Return the options of registry_sync that export the images ``listed`` to a directory."""
    return {"timeout": 10, **side("src", source), "dest_dir": str(folder), "images": list(listed), **options}


def import_from(folder: Path | str, destination: FakeRegistry, **options: t.Any) -> dict[str, t.Any]:
    """Return the options of registry_sync that import from a directory or archive."""
    return {"timeout": 10, **side("dest", destination), "src_dir": str(folder), **options}


def within(registry: FakeRegistry, **options: t.Any) -> dict[str, t.Any]:
    """Return the options of a copy inside one registry, as one would write them: credentials without a prefix."""
    bases = {"src_registry": registry.host, "dest_registry": registry.host}
    return {**registry.args(**options), **bases}


def put(registry: FakeRegistry, repository: str, content: Content, tag: str | None = None) -> Content:
    """Put an image, index or artifact with all that it needs into a registry and return it."""
    for digest, raw in content.blobs.items():
        registry.store.get(repository).blobs[digest] = registry.store.new_blob(raw)
    for digest, (media_type, raw) in content.manifests.items():
        registry.add_manifest(repository, raw, media_type, tag if digest == content.digest else None)
    return content


def digests(blobs: t.Iterable[dict[str, t.Any]]) -> set[str]:
    """Return the digests of blobs in a result."""
    return {blob["digest"] for blob in blobs}


def limit_pulls(registry: FakeRegistry, left: int) -> dict[str, int]:
    """Let the registry tell how many pulls are left, as Docker Hub does; return the count, which tests may set."""
    count = {"left": left}

    def told(answer: t.Any) -> None:
        answer.headers.set("RateLimit-Remaining", f"{count['left']};w=21600")

    def pulled(answer: t.Any) -> None:
        count["left"] -= 1
        told(answer)

    registry.on("head_manifest", times=None).change(told)
    registry.on("get_manifest", times=None).change(pulled)
    return count


def read_so_far() -> int:
    """Return how many bytes this process has read, from files and from connections."""
    told = Path("/proc/self/io").read_text(encoding="ascii").split()
    return int(told[told.index("rchar:") + 1])
