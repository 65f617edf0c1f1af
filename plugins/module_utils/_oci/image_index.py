# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An index made of images that there are: its entries, one for each platform, and the same bytes every time."""

from __future__ import annotations

import json
import typing as t

from .._core.errors import RegistryError
from .._core.scrub import clean
from .companions import is_companion, owner_of
from .manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, Manifest
from .platform import Platform

Entry = dict[str, t.Any]  # a descriptor as an index lists it
Annotations = t.Mapping[str, str]

AUTO = "auto"
MEDIA_TYPES = {"oci": OCI_INDEX, "docker": DOCKER_LIST}


def entry_of(image: Manifest, platform: t.Mapping[str, t.Any], annotations: Annotations) -> Entry:
    """Return the entry of a single image for ``platform``."""
    stated = {"annotations": dict(sorted(annotations.items()))} if annotations else {}
    return {
        "mediaType": image.media_type,
        "digest": str(image.digest),
        "size": len(image.raw),
        **stated,
        "platform": dict(platform),
    }


def entries_of(index: Manifest, annotations: Annotations) -> list[Entry]:
    """Return the entries of an index as they are; the images among them get ``annotations`` as well."""
    return [_annotated(entry, annotations) for entry in index.document["manifests"] or []]


def _annotated(entry: Entry, annotations: Annotations) -> Entry:
    own = entry.get("annotations") or {}
    if not annotations or is_companion(own):
        return entry
    return {**entry, "annotations": dict(sorted({**own, **annotations}.items()))}


def platform_of(config: t.Mapping[str, t.Any], given: Platform | None = None) -> Entry | None:
    """Return the platform of an image as an index writes it: the ``given`` one, or what its config states; None where there is neither.

    The version and features of the operating system are those of the config, where that is for the same one.
    """
    stated = Platform.from_document(config)
    platform = given or stated
    if platform is None:
        return None
    is_same = stated is not None and (stated.os, stated.architecture) == (platform.os, platform.architecture)
    version, features = config.get("os.version"), config.get("os.features")
    further: Entry = {"os.version": version} if is_same and version and isinstance(version, str) else {}
    if is_same and features and isinstance(features, list) and all(isinstance(feature, str) for feature in features):
        further["os.features"] = features
    variant = {"variant": platform.variant} if platform.variant else {}
    return {"architecture": platform.architecture, "os": platform.os, **variant, **further}


def _key(entry: Entry) -> tuple[Platform, str, str] | None:
    """Return what an index has once: the platform of an entry, with its version of Windows; None for what is no image for one."""
    platform = Platform.from_document(entry.get("platform"))
    if platform is None or is_companion(entry.get("annotations") or {}) or "unknown" in (platform.os, platform.architecture):
        return None
    document = entry["platform"]
    return (platform.full, str(document.get("os.version") or ""), str(document.get("os.features") or ""))


def check_platforms_differ(entries: t.Iterable[tuple[str, Entry]]) -> None:
    """Refuse two different images for one platform; each of ``entries`` comes with the name of the image that it is from."""
    seen: dict[t.Any, tuple[str, str]] = {}
    for name, entry in entries:
        key = _key(entry)
        first, digest = seen.setdefault(key, (name, entry["digest"]))
        if key is not None and digest != entry["digest"]:
            version = f" ({clean(key[1], 60)})" if key[1] else ""
            raise RegistryError(
                f"Two images are for the platform {key[0]}{version}: {first} ({digest}) and {name} ({entry['digest']}). "
                "An index has one image for each platform: leave one out, or set its platform.",
                "invalid_option",
            )


def merge_entries(there: t.Sequence[Entry], added: t.Sequence[Entry]) -> list[Entry]:
    """Return the entries of an index after ``added`` took the places of those ``there`` for the same platforms, attestations included."""
    pending = unique_entries(added)
    named = {entry["digest"] for entry in pending}
    merged: list[Entry] = []
    replaced: set[str] = set()
    for entry in there:
        place = next((number for number, item in enumerate(pending) if _is_same(item, entry)), None)
        merged.append(entry if place is None else pending.pop(place))
        if merged[-1]["digest"] != entry["digest"]:
            replaced.add(entry["digest"])
    gone = replaced - named
    return [entry for entry in merged if owner_of(entry.get("annotations") or {}) not in gone] + pending


def _is_same(one: Entry, other: Entry) -> bool:
    """Tell whether an index has one of the two only: they are for one platform, or the same content for none."""
    key = _key(one)
    return key == _key(other) and (key is not None or one["digest"] == other["digest"])


def unique_entries(entries: t.Iterable[Entry]) -> list[Entry]:
    """Return the entries, each image once for its platform, with the annotations of all its entries; others word for word once."""
    unique: list[Entry] = []
    places: dict[t.Any, int] = {}
    for entry in entries:
        key = _key(entry)
        place = places.setdefault((key, entry["digest"]), len(unique)) if key is not None else len(unique)
        if place < len(unique):
            unique[place] = _annotated(unique[place], entry.get("annotations") or {})
        elif key is not None or entry not in unique:
            unique.append(entry)
    return unique


def make_index(entries: t.Sequence[Entry], kind: str, annotations: Annotations, base: Manifest | None = None) -> Manifest:
    """Return the index of ``entries``; ``kind`` is one of ``MEDIA_TYPES`` or ``auto``.

    Whatever else the index ``base`` says stays, and it is returned itself where nothing changes.
    """
    document: dict[str, t.Any] = dict(base.document) if base is not None else {"schemaVersion": 2}
    known = document.get("annotations") or {}
    merged = dict(sorted({**known, **annotations}.items()))
    has_annotations = bool(merged) or any(entry.get("annotations") for entry in entries)
    media_type = MEDIA_TYPES[kind] if kind != AUTO else _media_type(entries, has_annotations, base)
    if media_type == DOCKER_LIST and has_annotations:
        raise RegistryError(
            "A manifest list of Docker cannot have annotations: leave them out, or set media_type to oci.",
            "invalid_option",
        )
    if base is not None and base.media_type == media_type and document["manifests"] == list(entries) and known == merged:
        return base
    document.update(mediaType=media_type, manifests=list(entries), **({"annotations": merged} if merged else {}))
    raw = json.dumps(document, separators=(",", ":")).encode()
    return Manifest.parse(raw, media_type, None, "The index that the images make")


def _media_type(entries: t.Iterable[Entry], has_annotations: bool, base: Manifest | None) -> str:
    """Return Docker's media type where all images are Docker's, and nothing but OCI's has what the index says."""
    is_docker = all(entry["mediaType"] in (DOCKER_MANIFEST, DOCKER_LIST) for entry in entries) and not has_annotations
    return DOCKER_LIST if is_docker and (base is None or base.media_type == DOCKER_LIST) else OCI_INDEX
