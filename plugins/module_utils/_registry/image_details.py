# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of images, many at a time."""

from __future__ import annotations

import typing as t

from .._core.budget import Once
from .._core.errors import NotFound, RegistryError
from .._core.fanout import fan_out
from .._oci.manifest import INDEX_TYPES, Descriptor, Manifest
from .._oci.platform import Platform
from .._oci.reference import Digest, Reference
from .client import RegistryClient
from .connections import Connections
from .results import Result, config_result, manifest_result, printable, referrer_result

Configs = Once[tuple[str, Digest, int], Result]  # by repository, digest and size


def _config(client: RegistryClient, manifest: Manifest, shown: str, configs: Configs) -> Result:
    """Return what the config of an image tells; one that several images have is read once, but charged for each."""
    budget, what = client.connection.exchange.budget, f"The config of {shown} in {client.registry}"
    fresh = False
    stated = t.cast(Descriptor, manifest.config)

    def read() -> Result:
        nonlocal fresh
        fresh = True
        config = client.config_of(manifest, shown)
        budget.hold_result(config, what)  # before it is copied
        return config_result(config)

    told = configs.get((client.registry, stated.digest, stated.size), read)
    if not fresh:
        budget.hold_result(told["config"], what)
    return told


def _configs(client: RegistryClient, index: Manifest, shown: str, configs: Configs) -> list[Result]:
    found = []
    read: dict[tuple[Digest, int, str], Result | None] = {}  # one child may be listed for several platforms
    for child in index.platforms:
        key = (child.digest, child.size, child.media_type)
        if key not in read:
            manifest = client.get_child(child, shown)
            read[key] = None if manifest.is_index else _config(client, manifest, str(child.digest), configs)["config"]
        else:
            client.connection.exchange.budget.hold_result(read[key], f"The config of {child.digest} in {client.registry}")
        config = read[key]
        if config is not None:
            found.append({"platform": str(child.platform), "digest": str(child.digest), "config": config})
    return found


def _details(client: RegistryClient, image: Reference, details: str, platform: Platform | None, configs: Configs) -> Result:
    if details == "digest":
        found = client.get_descriptor(image.identifier, platform)
        return {
            "digest": str(found.digest),
            "media_type": printable(found.media_type),
            "size": found.size,
            "is_index": found.media_type in INDEX_TYPES,
        }
    manifest = client.get_manifest(image.identifier, platform)
    client.connection.exchange.budget.hold_result(manifest.document, f"The result for {image}")
    result = manifest_result(manifest)
    if details == "config" and manifest.is_index:
        result["configs"] = _configs(client, manifest, str(image), configs)
    elif details == "config":
        result.update(_config(client, manifest, image.identifier, configs))
    return result


def _referrers(client: RegistryClient, digest: Digest) -> list[Result]:
    from .referrers import list_referrers

    return referrer_result(list_referrers(client.api, digest))


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
    configs: Configs = Once()

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
            entry.update(_details(client, image, details, platform, configs), exists=True)
            if referrers:
                entry["referrers"] = _referrers(client, Digest.parse(entry["digest"]))
            told = {key: value for key, value in entry.items() if key not in ("manifest", "config", "configs")}  # these are charged already
            client.connection.exchange.budget.hold_result(told, f"The result for {image}")
        except NotFound as absence:
            return {**entry, "exists": False}, absence
        except RegistryError as error:
            if not report:
                raise
            entry["error"] = error.entry()
        return entry, None

    # The limit is for each registry; the names of a task are mostly in one.
    counted = connections.progress.each("images read", len(images), look) if len(images) > 1 else look
    return fan_out(counted, images, connections.concurrency)
