# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of images, many at a time."""

from __future__ import annotations

import typing as t

from ._client import RegistryClient
from ._connection import Connections
from ._errors import NotFound, RegistryError
from ._fanout import fan_out
from ._manifest import INDEX_TYPES, Manifest
from ._platform import Platform
from ._reference import Digest, Reference
from ._referrers import list_referrers
from ._results import Result, config_result, manifest_result, printable, referrer_result


def _configs(client: RegistryClient, index: Manifest, shown: str) -> list[Result]:
    found = []
    for child in index.platforms:
        manifest = client.get_child(child, shown)
        if not manifest.is_index:
            config = config_result(client.config_of(manifest, str(child.digest)))["config"]
            found.append({"platform": str(child.platform), "digest": str(child.digest), "config": config})
    return found


def _details(client: RegistryClient, image: Reference, details: str, platform: Platform | None) -> Result:
    if details == "digest":
        found = client.get_descriptor(image.identifier, platform)
        return {
            "digest": str(found.digest),
            "media_type": printable(found.media_type),
            "size": found.size,
            "is_index": found.media_type in INDEX_TYPES,
        }
    manifest = client.get_manifest(image.identifier, platform)
    result = manifest_result(manifest)
    if details == "config" and manifest.is_index:
        result["configs"] = _configs(client, manifest, str(image))
    elif details == "config":
        result.update(config_result(client.config_of(manifest, image.identifier)))
    return result


def look_at(
    connections: Connections,
    images: t.Sequence[Reference],
    details: str = "manifest",
    platform: Platform | None = None,
    referrers: bool = False,
    report: bool = False,
) -> list[tuple[Result, NotFound | None]]:
    """Return an entry for each image, in order, with the registry's word for an absent one.

    Errors end it unless they are to be ``report``-ed in their entries.
    """

    def look(image: Reference) -> tuple[Result, NotFound | None]:
        entry: Result = {
            "exists": False,
            "registry": image.registry,
            "repository": image.repository,
            "tag": None if image.digest and not image.tag else image.tag or "latest",
            "digest": str(image.digest) if image.digest else None,
        }
        try:
            client = connections.client(image)
            entry.update(_details(client, image, details, platform), exists=True)
            if referrers:
                entry["referrers"] = referrer_result(list_referrers(client.api, Digest.parse(entry["digest"])))
        except NotFound as absence:
            return {**entry, "exists": False}, absence
        except RegistryError as error:
            if not report:
                raise
            entry["error"] = {"msg": error.message, **error.facts()}
        return entry, None

    # The limit is for each registry; the names of a task are mostly in one.
    return fan_out(look, images, connections.concurrency)
