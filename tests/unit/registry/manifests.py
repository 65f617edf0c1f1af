# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests: HEAD, GET, PUT and DELETE by tag and digest."""

from __future__ import annotations

import json
import time
import typing as t

from .backend import DIGEST, Backend, Endpoint, fixed, not_found_page
from .body import Body
from .faults import refuse
from .journal import Headers, Recorded
from .store import DOCKER_LIST, MEDIA_TYPES, OCI_INDEX, Repository, Stored, digest_of, is_foreign
from .wire import Answer

_WALK = 0.01  # seconds that the walk through the tags takes
_INDEXES = (OCI_INDEX, DOCKER_LIST)


def _digest_header(answer: Answer, stored: Stored, how: str) -> Answer:
    """Set the digest header as the style's switch ``how`` says."""
    told = {
        "ok": stored.digest,
        "off": None,
        "wrong": digest_of(stored.raw + b"wrong"),
        "sha512": digest_of(stored.raw, "sha512"),
        "garbage": "sha256:nonsense",
    }
    answer.headers.set("Docker-Content-Digest", told[how])
    return answer


def _accepts(backend: Backend, request: Recorded, stored: Stored) -> bool:
    accepted = [part.partition(";")[0].strip() for line in request.headers.all("Accept") for part in line.split(",")]
    return backend.style.accept == "any" or stored.media_type in accepted or "*/*" in accepted


def _read(backend: Backend, request: Recorded, how: str) -> Answer:
    with backend.store.lock:
        stored = backend.repository(request).read(request.reference)
    if stored is None:
        return backend.absent("MANIFEST_UNKNOWN", request.reference)
    if not _accepts(backend, request, stored):
        return refuse(404, "MANIFEST_UNKNOWN", "manifest found, but the accept header does not support its type")
    return _digest_header(Answer(200, Headers([("Content-Type", stored.media_type)]), stored.raw), stored, how)


def head_manifest(backend: Backend, request: Recorded, body: Body) -> Answer:
    """HEAD of a manifest."""
    if backend.style.head_manifest != "ok":
        return fixed(backend.style.head_manifest)
    return _read(backend, request, backend.style.head_digest)


def get_manifest(backend: Backend, request: Recorded, body: Body) -> Answer:
    """GET of a manifest."""
    return _read(backend, request, backend.style.get_digest)


def put_manifest(backend: Backend, request: Recorded, body: Body) -> Answer:
    """PUT of a manifest."""
    style, raw = backend.style, body.read()
    stored = Stored(_named_digest(request, raw), request.headers.get("Content-Type"), raw)
    with backend.store.lock:
        repository = backend.repository(request)
        refusal = _refusal(backend, request, repository, stored)
        if refusal is not None:
            return refusal
        repository.put(stored)
        if not DIGEST.fullmatch(request.reference):
            repository.set_tag(request.reference, stored.digest, style.stale_reads)
        extra = _set_tag_parameters(backend, request, repository, stored)
    headers = Headers([("Location", f"{backend.url}/v2/{repository.name}/manifests/{stored.digest}"), *extra])
    subject = stored.document.get("subject")
    if style.referrers and isinstance(subject, dict):
        headers.add("OCI-Subject", subject.get("digest", ""))
    return _digest_header(Answer(style.put_status, headers), stored, style.put_digest)


def _named_digest(request: Recorded, raw: bytes) -> str:
    return digest_of(raw, "sha512" if request.reference.startswith("sha512:") else "sha256")


def _set_tag_parameters(backend: Backend, request: Recorded, repository: Repository, stored: Stored) -> list[tuple[str, str]]:
    wanted = request.query.get("tag", []) if backend.style.tag_parameters != "off" else []
    done = wanted[:1] if backend.style.tag_parameters == "partial" else wanted
    for tag in done:
        repository.set_tag(tag, stored.digest)
    return [("OCI-Tag", tag) for tag in done]


def _refusal(backend: Backend, request: Recorded, repository: Repository, stored: Stored) -> Answer | None:
    """Return why a manifest is not taken, None where it is."""
    style = backend.style
    if len(stored.raw) > style.manifest_limit:
        return refuse(400, "MANIFEST_INVALID", "http: request body too large")
    if DIGEST.fullmatch(request.reference) and request.reference != stored.digest:
        return refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    there = repository.tags.get(request.reference)
    if there is not None and (style.immutable_tags == "always" or (style.immutable_tags == "different" and there != stored.digest)):
        return refuse(style.immutable_status, style.immutable_code, f"the tag {request.reference} is immutable")
    if not style.validates:
        return None
    return _invalid(stored) or _missing_content(backend, repository, stored)


def _invalid(stored: Stored) -> Answer | None:
    try:
        document = json.loads(stored.raw)
    except ValueError:
        return refuse(400, "MANIFEST_INVALID", "manifest is no JSON")
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        return refuse(400, "MANIFEST_INVALID", "manifest has no schemaVersion 2")
    if stored.media_type not in MEDIA_TYPES:
        return refuse(400, "MANIFEST_INVALID", f"unknown media type {stored.media_type}")
    if document.get("mediaType", stored.media_type) != stored.media_type:
        return refuse(400, "MANIFEST_INVALID", "mediaType in the manifest is not the Content-Type")
    wanted = "manifests" if stored.media_type in _INDEXES else "layers"
    if not isinstance(document.get(wanted), list):
        return refuse(400, "MANIFEST_INVALID", f"manifest has no {wanted}")
    return None


def _missing_content(backend: Backend, repository: Repository, stored: Stored) -> Answer | None:
    blobs: list[dict[str, t.Any]] = [] if stored.media_type in _INDEXES else stored.blobs
    if backend.style.foreign_layers == "refused" and any(is_foreign(blob) for blob in blobs):
        return refuse(500, "UNKNOWN", "unknown error")
    missing = [blob["digest"] for blob in blobs if not is_foreign(blob) and blob["digest"] not in repository.blobs]
    missing += [child for child in stored.children if child not in repository.manifests]
    if missing:
        return refuse(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", {"digest": missing[0]})
    return None


def delete_manifest(backend: Backend, request: Recorded, body: Body) -> Answer:
    """DELETE of a manifest or tag."""
    repository = backend.repository(request)
    if DIGEST.fullmatch(request.reference) and backend.style.delete_races:
        return _delete_slowly(backend, repository, request.reference)
    with backend.store.lock:
        if DIGEST.fullmatch(request.reference):
            return _delete_digest(backend, repository, request.reference)
        return _delete_tag(backend, repository, request.reference)


def _delete_digest(backend: Backend, repository: Repository, digest: str) -> Answer:
    if not backend.style.delete_by_digest:
        return backend.unsupported()
    if digest not in repository.manifests:
        return backend.absent("MANIFEST_UNKNOWN", digest)
    if backend.style.tags_outlive:
        repository.outliving[digest] = repository.manifests.pop(digest)
        return Answer(backend.style.delete_status)
    repository.delete_manifest(digest, not backend.style.delete_leaves_tags)
    return Answer(backend.style.delete_status)


def _delete_slowly(backend: Backend, repository: Repository, digest: str) -> Answer:
    """Delete a digest, then walk through all tags for those that are on it; another deletion meanwhile breaks that off."""
    with backend.store.lock:
        if not backend.style.delete_by_digest or digest not in repository.manifests:
            return _delete_digest(backend, repository, digest)
        repository.delete_manifest(digest, with_tags=False)
        repository.deleting += 1
    time.sleep(_WALK)
    with backend.store.lock:
        raced = repository.deleting > 1
        repository.deleting -= 1
        if raced:
            return refuse(500, "UNKNOWN", "unknown error")
        repository.delete_manifest(digest, not backend.style.delete_leaves_tags)
    return Answer(backend.style.delete_status)


def _delete_tag(backend: Backend, repository: Repository, tag: str) -> Answer:
    style = backend.style
    if style.delete_by_tag == "digest_invalid":
        return refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    if style.delete_by_tag == "unsupported":
        return backend.unsupported()
    if style.delete_by_tag == "not_found":
        return not_found_page()
    if tag not in repository.tags:
        return backend.absent("MANIFEST_UNKNOWN", tag)
    digest = repository.tags.pop(tag)
    if style.delete_by_tag == "deletes_manifest":
        repository.delete_manifest(digest)
    elif style.delete_by_tag == "removes_siblings":
        repository.tags = {other: there for other, there in repository.tags.items() if there != digest}
    elif style.delete_by_tag == "stale":
        repository.stale[tag] = (style.stale_deletes, digest)
    if style.collects_untagged:
        repository.collect(digest)
    return Answer(style.delete_status)


ENDPOINTS: dict[str, Endpoint] = {
    "head_manifest": head_manifest,
    "get_manifest": get_manifest,
    "put_manifest": put_manifest,
    "delete_manifest": delete_manifest,
}
