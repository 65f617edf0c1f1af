# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests that refer to another by ``subject``: the referrers API, and the tag that stands in for it."""

from __future__ import annotations

import json
import typing as t
from bisect import bisect_left

from .._core.budget import Kept
from .._core.errors import NotFound, RegistryError
from .._core.json import load_object
from .._http.answers import is_page
from .._http.origin import Target
from .._oci.digest_tags import digest_key
from .._oci.manifest import INDEX_TYPES, MAX_MANIFEST, OCI_INDEX, Descriptor, Manifest
from .._oci.reference import Digest
from .api import ACCEPT, RepositoryApi
from .pages import Visited, next_page
from .shared_tag import SharedTag
from .tagging import find_digest

MOST_PAGES = 1000


def signature_tags(digest: Digest, tags: t.Sequence[str]) -> list[str]:
    """Return those of ``tags``, which are in their order, under which cosign keeps signatures, attestations and SBOMs of ``digest``."""
    beginning = f"{digest.algorithm}-{digest.hex}."
    found: list[str] = []
    for place in range(bisect_left(tags, beginning), len(tags)):
        if not tags[place].startswith(beginning):
            break
        found.append(tags[place])
    return found


class NoReferrersList(RegistryError):
    """The registry answers the question for referrers with something that is no list, and no word that it has none."""


def _read_page(api: RepositoryApi, target: Target) -> tuple[Manifest | None, Target | None]:
    """Return one page of referrers, an index under whatever media type, and where the next one is; None where there is no referrers API."""
    what = f"The referrers in {api.name}"
    try:
        answer = api.send("GET", target, api.name, headers={"Accept": ACCEPT}, whole=(MAX_MANIFEST, what))
    except RegistryError as error:
        if error.kind != "untrusted_target":
            raise
        raise _no_list(api, f"leads elsewhere ({error.message})", error) from None
    if answer.status in (400, 404, 405, 406, 501):
        answer.finish()
        return None, None
    if answer.status != 200:
        failure = api.failure(answer, f"Listing the referrers in {api.name}")
        if answer.abroad:
            raise _no_list(api, "leads elsewhere", failure)
        raise _no_list(api, f"responds with status {answer.status}", failure) if answer.status < 400 else failure
    raw = answer.read_all(MAX_MANIFEST, what)
    if not raw.strip():
        raise _no_list(api, "sends an empty response")
    if is_page(answer.content_type, raw):
        raise _no_list(api, "shows a web page")
    if raw.lstrip()[:1] != b"{":
        raise _no_list(api, "says something else")
    with api.exchange.budget.parsing(raw, what):
        names = list(load_object(raw, MAX_MANIFEST, what))
    if not any(key.casefold() == "manifests" for key in names):
        raise _no_list(api, "says something else")
    carrier = answer.content_type if answer.content_type in INDEX_TYPES else ""
    return Manifest.parse(raw, carrier, None, what, api.exchange.budget), next_page(api, answer)


def _no_list(api: RepositoryApi, instead: str, error: RegistryError | None = None) -> NoReferrersList:
    message = f"{api.exchange.registry} has no list of referrers: in its place, it {instead}."
    status, code = (error.status, error.code) if error else (200, None)
    return NoReferrersList(message, "invalid_response", status, code, api.exchange.registry, api.name)


def _read_fallback(api: RepositoryApi, digest: Digest) -> Manifest | None:
    """Return what is under the tag that stands in for the referrers API; some registries take that tag for ``digest`` itself."""
    tag = digest_key(digest)
    try:
        found = api.get_manifest(tag)
    except NotFound:
        return None
    except RegistryError as error:
        from .listing import is_unlisted

        if not is_unlisted(api, tag, error):
            raise
        return None
    return None if found.has_digest(digest) else found


def list_referrers(api: RepositoryApi, digest: Digest) -> list[Descriptor]:
    """Return the descriptors of what refers to ``digest``, by the API, else by the fallback tag.

    Where the API gives no list, a warning says that the tag was used. Those who must know all ask ``list_by_api``.
    """
    try:
        page, following = _read_page(api, api.url(f"referrers/{digest}"))
    except NoReferrersList as error:
        api.exchange.warn(f"{error.message} The fallback tags for referrers are read instead.")
        page = following = None
    if page is None:
        index = _read_fallback(api, digest)
        return list({child.digest: child for child in index.children}.values()) if index and index.is_index else []
    return _read_rest(api, page, following)


def list_by_api(api: RepositoryApi, digest: Digest) -> list[Descriptor] | None:
    """Return the descriptors of what refers to ``digest``, None where there is no referrers API; ``NoReferrersList`` where it gives no list."""
    page, following = _read_page(api, api.url(f"referrers/{digest}"))
    return None if page is None else _read_rest(api, page, following)


def _read_rest(api: RepositoryApi, page: Manifest, following: Target | None) -> list[Descriptor]:
    found: dict[Digest, Descriptor] = {}
    referrers: Kept[Descriptor] = Kept()
    seen = Visited()
    while True:
        fresh = {child.digest: child for child in page.children if child.digest not in found}
        api.exchange.budget.hold(referrers, sum(child.weight for child in fresh.values()), f"The list of referrers in {api.name}")
        found.update(fresh)
        if following is None:
            referrers += found.values()
            return referrers
        if not seen.add(following) or len(seen) > MOST_PAGES:
            raise RegistryError(f"The list of referrers in {api.name} does not end: its pages repeat.", "invalid_response")
        further, following = _read_page(api, following)
        if further is None:
            raise RegistryError(
                f"The list of referrers in {api.name} is not complete: it lacks a page.", "invalid_response", reference=api.name
            )
        page = further


def add_referrer(api: RepositoryApi, manifest: Manifest, subject: Digest) -> FallbackTag:
    """Enter ``manifest`` in the fallback tag of its ``subject``, which is returned; what others entered there stays."""
    tag = FallbackTag(api, manifest, subject)
    tag.add()
    return tag


def _entry_of(manifest: Manifest) -> dict[str, t.Any]:
    entry: dict[str, t.Any] = {"mediaType": manifest.media_type, "digest": str(manifest.digest), "size": len(manifest.raw)}
    if manifest.artifact_type or manifest.config:
        entry["artifactType"] = manifest.artifact_type or (manifest.config.media_type if manifest.config else "")
    if manifest.annotations:
        entry["annotations"] = dict(manifest.annotations)
    return entry


class FallbackTag(SharedTag):
    """The tag that stands in for the referrers API, on an index of what refers to ``subject``: ``manifest`` shall be in it."""

    member, noun, verb = "manifests", "referrer", "add referrers to"

    def __init__(self, api: RepositoryApi, manifest: Manifest, subject: Digest) -> None:
        super().__init__(api, digest_key(subject), _entry_of(manifest))
        self._manifest = manifest
        self._subject = subject

    @property
    def patience(self) -> float:
        """Nobody waits: some registries never show what is under this tag, but the subject."""
        return 0.0

    def find(self) -> Manifest | None:
        """Return the index that is there."""
        found = _read_fallback(self.api, self._subject)
        if found is not None and not found.is_index:
            raise RegistryError(
                f"The tag {self.tag} of {self.api.name} is not an index of referrers: {self._manifest.digest} was stored, but not added to it.",
                "conflict",
                reference=self.name,
            )
        return found

    def key(self, entry: t.Mapping[str, t.Any]) -> t.Hashable:
        """Return the digest of what refers to the subject."""
        return str(entry["digest"])

    def write(self, present: Manifest | None, entries: t.Sequence[t.Any]) -> bool:
        """Put an index with these entries there, but for those that were deleted, where the registry refuses them."""
        written = {self.key(entry) for entry in _write_fallback(self.api, self.tag, entries, str(self._manifest.digest))}
        for entry in entries:
            if self.key(entry) not in written:
                self.forget(entry)
        return True


def remove_referrer(api: RepositoryApi, manifest: Manifest) -> None:
    """Take ``manifest``, which was deleted, out of the fallback tag of its subject; registries with the referrers API do it themselves."""
    subject = manifest.subject
    if subject is None or _read_page(api, api.url(f"referrers/{subject.digest}"))[0] is not None:
        return
    current = _read_fallback(api, subject.digest)
    entries = (current.document["manifests"] or []) if current and current.is_index else []
    left = [entry for entry in entries if entry["digest"] != str(manifest.digest)]
    if len(left) < len(entries):
        _write_fallback(api, digest_key(subject.digest), left)


def _write_fallback(api: RepositoryApi, tag: str, entries: t.Sequence[t.Any], own: str = "") -> t.Sequence[t.Any]:
    """Put a list of referrers under ``tag`` and return its entries.

    Where somebody has deleted some of them and left them in the list, a registry may refuse it as a whole: it is put without them. What was
    stored just now, ``own``, is none of them.
    """
    try:
        _put_list(api, tag, entries)
        return entries
    except RegistryError as error:
        if error.status not in (400, 404):
            raise
        left = [entry for entry in entries if entry["digest"] == own or find_digest(api, str(entry["digest"])) is not None]
        if len(left) == len(entries):
            raise
    _put_list(api, tag, left)
    return left


def _put_list(api: RepositoryApi, tag: str, entries: t.Sequence[t.Any]) -> None:
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}
    raw = json.dumps(document, separators=(",", ":")).encode("ascii")
    api.put_manifest(tag, Manifest.parse(raw, OCI_INDEX))
