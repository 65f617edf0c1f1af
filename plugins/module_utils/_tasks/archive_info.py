# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_archive_info: tell which images a file or directory holds."""

from __future__ import annotations

import typing as t

from .._core.budget import Budget
from .._core.json import load_object
from .._local.inventory import NamedImage, list_images
from .._local.oci_layout import LayoutImage
from .._local.source import is_index_for, open_store
from .._oci.manifest import MAX_CONFIG, Manifest
from .._oci.platform import Platform
from .._oci.reference import Digest
from .._oci.subset import image_config
from .._registry.results import config_result, printable
from .options import ArgumentSpec
from .task import Task

if t.TYPE_CHECKING:
    from .._local.docker_archive import DockerArchive

OPTIONS: ArgumentSpec = {"path": {"type": "path", "required": True, "aliases": ["src", "load_path", "input"]}}
Result = dict[str, t.Any]


def run(task: Task) -> None:
    """Run the task."""
    path = task.path()
    store = open_store(path, task.budget)
    try:
        task.result["images"] = [_describe(image, path, task.budget) for image in list_images(store)]
    finally:
        store.close()


def _describe(image: NamedImage, path: str, budget: Budget) -> Result:
    source = image.source
    told = _of_layout(source, path, budget) if isinstance(source, LayoutImage) else _of_archive(source, path)
    entry = {"names": printable(list(image.names)), **told}
    if image.index is not None:  # a push can send other platforms that were saved, too
        listed = [child.platform for child in image.index[0].root.platforms if child.platform]
        others = [str(platform) for platform in listed if is_index_for(*image.index, [platform])]
        entry["platforms"] = list(dict.fromkeys([*told["platforms"], *others]))
    budget.hold_result(entry, f"The result for the images in {path}")
    return entry


def _of_layout(image: LayoutImage, path: str, budget: Budget) -> Result:
    root = image.root
    size = 0
    blobs: dict[Digest, int] = {}
    for manifest in image.reachable():
        size += len(manifest.raw)
        blobs.update({blob.digest: blob.size for blob in manifest.blobs})
    first = _first_image(image)
    config = image_config(image.with_root(first), path, budget) if first is not None else {}
    own = Platform.from_document(config)
    platforms = [child.platform for child in root.platforms] if root.is_index else [own] if own else []
    return {
        "digest": str(root.digest),
        "config_digest": str(root.config.digest) if root.config else None,
        "media_type": root.media_type,
        "is_index": root.is_index,
        "platforms": list(map(str, platforms)),
        "size": size + sum(blobs.values()),
        **_told(config),
    }


def _first_image(image: LayoutImage) -> Manifest | None:
    """Return the image itself, or the first one that an index lists; None where that is not there."""
    root = image.root
    if not root.is_index:
        return root
    wanted = next(iter(root.platforms), None)
    return next((manifest for manifest in image.reachable() if wanted and manifest.digest == wanted.digest and not manifest.is_index), None)


def _of_archive(saved: DockerArchive, path: str) -> Result:
    config = load_object(saved.config, MAX_CONFIG, f"The config {saved.config_digest} in {path}", "invalid_source")
    platform = Platform.from_document(config)
    return {
        "digest": None,
        "config_digest": str(saved.config_digest),
        "media_type": None,
        "is_index": False,
        "platforms": [str(platform)] if platform else [],
        "size": saved.size,
        **_told(config),
    }


def _told(config: Result) -> Result:
    shown = config_result(config)
    return {"created": shown.get("created"), "labels": shown["labels"]}
