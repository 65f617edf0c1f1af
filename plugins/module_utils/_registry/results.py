# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return values of modules: plain JSON types out of the values of the client."""

from __future__ import annotations

import typing as t

from .._core.scrub import cut, without_controls
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Reference
from .tagging import TagMap

if t.TYPE_CHECKING:
    from .transfer import PushPlan, Transferred

_LONGEST_TEXT = 16384

Result = dict[str, t.Any]


def printable(value: t.Any) -> t.Any:
    """Return text and structures from a registry without control characters but tab and newline, texts cut at 16 KiB."""
    if isinstance(value, str):
        return without_controls(cut(value, _LONGEST_TEXT))
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [printable(item) for item in value]
    return value


def blob_result(descriptors: t.Iterable[Descriptor]) -> list[Result]:
    """Return blobs as ``{digest, size}``."""
    return [{"digest": str(blob.digest), "size": blob.size} for blob in descriptors]


def total_size(descriptors: t.Iterable[Descriptor]) -> int:
    """Return the bytes of all of them."""
    return sum(blob.size for blob in descriptors)


def typed_result(descriptors: t.Iterable[Descriptor]) -> list[Result]:
    """Return descriptors as ``{digest, size, media_type}``."""
    return [{"digest": str(item.digest), "size": item.size, "media_type": printable(item.media_type)} for item in descriptors]


def tagging_result(image: Reference, root: Descriptor, before: TagMap, after: TagMap) -> Result:
    """Return what became of the tags that were to be on ``root``."""
    names = {tag: f"{image.name}:{tag}" for tag in before if ":" not in tag}
    return {
        "digest": str(root.digest),
        "media_type": root.media_type,
        "image": f"{image.name}@{root.digest}",
        "tagged_images": [name for tag, name in names.items() if before[tag] != after[tag]],
        "unchanged_images": [name for tag, name in names.items() if before[tag] == after[tag] == root.digest],
        "kept_images": [name for tag, name in names.items() if before[tag] == after[tag] != root.digest],
        "previous": {tag: str(before[tag]) if before[tag] else None for tag in names},
    }


def transfer_result(image: Reference, plan: PushPlan, transferred: Transferred) -> Result:
    """Return what a push or copy did, or would do."""
    manifests = {manifest.digest: manifest for manifest in plan.manifests()}
    blobs = plan.blobs(every=True)
    return {
        **tagging_result(image, plan.root.descriptor(), plan.before, plan.after),
        "size": sum(len(manifest.raw) for manifest in manifests.values()) + total_size(blobs),
        "uploaded_blobs": blob_result(transferred.uploaded),
        "mounted_blobs": blob_result(transferred.mounted),
        "existing_blobs": blob_result(transferred.existing),
        "uploaded_bytes": total_size(transferred.uploaded),
        "mounted_bytes": total_size(transferred.mounted),
        "existing_bytes": total_size(transferred.existing),
        "skipped_layers": typed_result(plan.foreign()),
    }


def platforms_result(index: Manifest) -> list[Result]:
    """Return the images of an index, with their platforms."""
    return [{"platform": str(child.platform), **typed_result([child])[0]} for child in index.platforms]


def manifest_result(manifest: Manifest) -> Result:
    """Return what a manifest or index tells of itself."""
    result: Result = {
        "digest": str(manifest.digest),
        "media_type": manifest.media_type,
        "size": len(manifest.raw),
        "is_index": manifest.is_index,
        "annotations": printable(dict(manifest.annotations)),
        "manifest": printable(manifest.document),
    }
    if manifest.artifact_type:
        result["artifact_type"] = printable(manifest.artifact_type)
    if manifest.subject is not None:
        result["subject"] = typed_result([manifest.subject])[0]
    if manifest.is_index:
        result["platforms"] = platforms_result(manifest)
    if manifest.config is not None:
        result["config_digest"] = str(manifest.config.digest)
        result["layers"] = typed_result(manifest.layers)
        result["total_size"] = total_size(manifest.blobs)
    return result


def config_result(config: Result) -> Result:
    """Return an image's config and what people look for in it."""
    shown = printable(config)
    inner = shown.get("config")
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    stated = {key: shown[key] for key in ("created", "os", "architecture", "variant") if shown.get(key) is not None}
    return {"config": shown, "labels": labels if isinstance(labels, dict) else {}, **stated}


def referrer_result(referrers: t.Iterable[Descriptor]) -> list[Result]:
    """Return what refers to an image."""
    return [
        {
            **typed_result([item])[0],
            "artifact_type": printable(item.artifact_type),
            "annotations": printable(dict(item.annotations)),
        }
        for item in referrers
    ]
