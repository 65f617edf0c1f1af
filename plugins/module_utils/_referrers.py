# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests that refer to another by ``subject``: the referrers API, and the tag that stands in for it."""

from __future__ import annotations

import json
import typing as t

from ._api import RepositoryApi
from ._digest_tags import digest_key
from ._errors import NotFound, RegistryError
from ._manifest import ACCEPT, MAX_MANIFEST, OCI_INDEX, Descriptor, Manifest
from ._origin import Target
from ._pages import next_page
from ._reference import Digest

MOST_PAGES = 1000


def signature_tags(digest: Digest, tags: t.Iterable[str]) -> list[str]:
    """Return those of ``tags`` under which cosign keeps signatures, attestations and SBOMs of ``digest``."""
    beginning = f"{digest.algorithm}-{digest.hex}."
    return [tag for tag in tags if tag.startswith(beginning)]


def _read_fallback(api: RepositoryApi, digest: Digest) -> Manifest | None:
    try:
        index = api.get_manifest(digest_key(digest))
    except NotFound:
        return None
    return index if index.is_index else None


def _get_referrers(api: RepositoryApi, target: Target) -> tuple[Manifest | None, Target | None]:
    """Return one page of referrers; None where the registry has no referrers API."""
    what = f"The referrers in {api.name}"
    answer = api.send("GET", target, api.name, headers={"Accept": ACCEPT}, whole=(MAX_MANIFEST, what))
    if answer.status in (400, 404, 405, 406):
        answer.finish()
        return None, None
    if answer.status != 200:
        raise api.failure(answer, f"Listing the referrers in {api.name}")
    page = Manifest.parse(answer.read_all(MAX_MANIFEST, what), answer.content_type, None, what)
    return page, next_page(api, answer)


def list_referrers(api: RepositoryApi, digest: Digest) -> list[Descriptor]:
    """Return the descriptors of what refers to ``digest``, by the API, else by the fallback tag."""
    page, following = _get_referrers(api, api.url(f"referrers/{digest}"))
    if page is None:
        index = _read_fallback(api, digest)
        return list(index.children) if index else []
    found = {child.digest: child for child in page.children}
    seen: set[Target] = set()
    while following is not None:
        if following in seen or len(seen) >= MOST_PAGES:
            raise RegistryError(f"The list of referrers in {api.name} does not end: its pages repeat.", "invalid_response")
        seen.add(following)
        page, following = _get_referrers(api, following)
        found.update({child.digest: child for child in (page.children if page else ())})
    return list(found.values())


def add_referrer(api: RepositoryApi, manifest: Manifest) -> None:
    """Enter ``manifest`` in the fallback tag of its subject; what others entered there stays."""
    subject = manifest.subject
    if subject is None:
        return
    tag = digest_key(subject.digest)
    try:
        current = api.get_manifest(tag)
    except NotFound:
        entries: list[t.Any] = []
    else:
        if not current.is_index:
            raise RegistryError(
                f"The tag {tag} of {api.name} is no index of referrers: {manifest.digest} was stored, but not entered there.",
                "conflict",
                reference=api.display(tag),
            )
        entries = list(current.document["manifests"] or [])
    if any(entry["digest"] == str(manifest.digest) for entry in entries):
        return
    entry: dict[str, t.Any] = {"mediaType": manifest.media_type, "digest": str(manifest.digest), "size": len(manifest.raw)}
    if manifest.artifact_type or manifest.config:
        entry["artifactType"] = manifest.artifact_type or (manifest.config.media_type if manifest.config else "")
    if manifest.annotations:
        entry["annotations"] = dict(manifest.annotations)
    _write_fallback(api, tag, [*entries, entry])


def remove_referrer(api: RepositoryApi, manifest: Manifest) -> None:
    """Take ``manifest``, which was deleted, out of the fallback tag of its subject; registries with the referrers API do it themselves."""
    subject = manifest.subject
    if subject is None or _get_referrers(api, api.url(f"referrers/{subject.digest}"))[0] is not None:
        return
    current = _read_fallback(api, subject.digest)
    entries = (current.document["manifests"] or []) if current else []
    left = [entry for entry in entries if entry["digest"] != str(manifest.digest)]
    if len(left) < len(entries):
        _write_fallback(api, digest_key(subject.digest), left)


def _write_fallback(api: RepositoryApi, tag: str, entries: t.Sequence[t.Any]) -> None:
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}
    raw = json.dumps(document, separators=(",", ":")).encode("ascii")
    api.put_manifest(tag, Manifest.parse(raw, OCI_INDEX))
