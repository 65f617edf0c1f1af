# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads: mounts, sessions, chunks, and the PUT that ends them."""

from __future__ import annotations

import re

from .backend import DIGEST, Backend, Endpoint, fixed
from .body import Body
from .faults import page, refuse
from .journal import Headers, Recorded
from .store import Blob, Repository, Session
from .wire import Answer, ClientLeft

_RANGE = re.compile(r"(\d+)-(\d+)")


def _location(backend: Backend, request: Recorded, session: Session) -> str:
    """Return a new Location of the session; the ones before are no longer good."""
    session.state += 1
    path = f"/v2/{request.repository}/blobs/uploads/{session.name}"
    if backend.style.location_query:
        path += f"?_state={session.state}"
    if backend.style.location == "relative":
        return path
    return (backend.storage_url() if backend.style.location == "other_host" else backend.url) + path


def _reached(size: int) -> str:
    return f"0-{max(size - 1, 0)}"


def _progress(backend: Backend, request: Recorded, session: Session, status: int, told: str | None = None) -> Answer:
    headers = Headers([("Location", _location(backend, request, session)), ("Docker-Upload-UUID", session.name)])
    headers.set("Range", told)
    if backend.style.chunk_minimum:
        headers.add("OCI-Chunk-Min-Length", str(backend.style.chunk_minimum))
    return Answer(status, headers)


def _created(backend: Backend, repository: Repository, digest: str, blob: Blob) -> Answer:
    repository.blobs[digest] = blob
    headers = [("Location", f"{backend.url}/v2/{repository.name}/blobs/{digest}"), ("Docker-Content-Digest", digest)]
    return Answer(201, Headers(headers))


def start_upload(backend: Backend, request: Recorded, body: Body) -> Answer:
    """POST: open a session; or the whole blob at once, where the registry takes that."""
    session = backend.store.open_session(request.repository, backend.style.keep == "all")
    if backend.style.single_post and request.argument("digest"):
        return _complete(backend, request, body, session)
    body.drain()
    return _progress(backend, request, session, 202, "0-0")


def mount(backend: Backend, request: Recorded, body: Body) -> Answer:
    """POST with mount: take the blob from another repository, else open a session."""
    style, digest, source = backend.style, request.argument("mount"), request.argument("from")
    body.drain()
    if style.mount not in ("ok", "ignored"):
        return fixed(style.mount)
    if not source and style.mount_anywhere not in ("ok", "session"):
        return fixed(style.mount_anywhere)
    if style.mount == "ok":
        with backend.store.lock:
            blob = _mountable(backend, request, digest, source)
            if blob is not None:
                return _created(backend, backend.repository(request), digest, blob)
    return start_upload(backend, request, body)


def _mountable(backend: Backend, request: Recorded, digest: str, source: str) -> Blob | None:
    if source == request.repository and not backend.style.mount_same_repository:
        return None
    anywhere = list(backend.store.repositories) if backend.style.mount_anywhere == "ok" else []
    for name in [source] if source else anywhere:
        repository = backend.store.repositories.get(name)
        if repository and digest in repository.blobs and backend.may_pull(request, name):
            return repository.blobs[digest]
    return None


def _session(backend: Backend, request: Recorded) -> Session | None:
    """Return the session that a request's Location leads to, None where it is lost or the Location is an old one."""
    with backend.store.lock:
        session = backend.repository(request).sessions.get(request.reference)
    if session is None or session.lost:
        return None
    told = request.argument("_state")
    current = not backend.style.location_query or told == str(session.state) or (told and backend.style.stale_location == "ok")
    return session if current else None


def _unknown(backend: Backend) -> Answer:
    return refuse(404, backend.style.session_code, "blob upload unknown to registry")


def _too_large(backend: Backend, body: Body) -> Answer | None:
    limit = backend.style.body_limit
    if limit is None or body.announced is None or body.announced <= limit:
        return None
    answer = page(413, "413 Request Entity Too Large")
    answer.delivery.early = True
    return answer


def _receive(backend: Backend, body: Body, session: Session, room: int | None = None) -> None:
    """Append the body, or what there is room for; what came before a connection broke stays, where uploads can be resumed."""
    try:
        for block in body.blocks():
            session.blob.append(block[:room])
            room = room and room - len(block[:room])
    except ClientLeft:
        session.lost = not backend.style.resumable
        raise


def patch_upload(backend: Backend, request: Recorded, body: Body) -> Answer:
    """PATCH: one chunk."""
    style, session = backend.style, _session(backend, request)
    if style.chunks not in ("ok", "append"):
        return fixed(style.chunks)
    if session is None:
        return _unknown(backend)
    before = session.blob.size
    told = _RANGE.fullmatch(request.headers.get("Content-Range"))
    if told and int(told.group(1)) != before and style.chunks == "ok":
        return _progress(backend, request, session, 416, _reached(before))
    refusal = _too_large(backend, body) or _bad_chunk(backend, request, body, session)
    if refusal is not None:
        return refusal
    _receive(backend, body, session, style.chunk_keeps)
    session.last_length = session.blob.size - before
    ranges = {
        "ok": _reached(session.blob.size),
        "stale": _reached(before),
        "off": None,
        "garbage": "bytes 0-nonsense",
        "relative": _reached(session.last_length),
    }
    return _progress(backend, request, session, style.patch_status, ranges[style.chunk_range])


def _bad_chunk(backend: Backend, request: Recorded, body: Body, session: Session) -> Answer | None:
    limit = backend.style.chunk_limit
    if limit is not None and body.announced is not None and body.announced > limit:
        return _progress(backend, request, session, 416, _reached(session.blob.size))
    if session.last_length is not None and session.last_length < backend.style.chunk_minimum:
        return refuse(400, "SIZE_INVALID", f"the chunk before was shorter than {backend.style.chunk_minimum}")
    return None


def put_upload(backend: Backend, request: Recorded, body: Body) -> Answer:
    """PUT: the last bytes, or all of them, and the digest."""
    session = _session(backend, request)
    return _unknown(backend) if session is None else _complete(backend, request, body, session)


def _complete(backend: Backend, request: Recorded, body: Body, session: Session) -> Answer:
    refusal = _too_large(backend, body)
    if refusal is not None:
        return refusal
    told = _RANGE.fullmatch(request.headers.get("Content-Range"))
    if told and int(told.group(1)) != session.blob.size and backend.style.chunks == "ok":
        return _progress(backend, request, session, 416, _reached(session.blob.size))
    _receive(backend, body, session)
    digest = request.argument("digest")
    if not DIGEST.fullmatch(digest) or session.blob.digest(digest.partition(":")[0]) != digest:
        return refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    with backend.store.lock:
        repository = backend.repository(request)
        repository.sessions.pop(session.name, None)
        return _created(backend, repository, digest, session.blob)


def upload_status(backend: Backend, request: Recorded, body: Body) -> Answer:
    """GET: how far the session is."""
    session = _session(backend, request)
    return _unknown(backend) if session is None else _progress(backend, request, session, 204, _reached(session.blob.size))


def cancel_upload(backend: Backend, request: Recorded, body: Body) -> Answer:
    """DELETE: give the session up."""
    if backend.style.cancel != "ok":
        return fixed(backend.style.cancel)
    if _session(backend, request) is None:
        return _unknown(backend)
    with backend.store.lock:
        del backend.repository(request).sessions[request.reference]
    return Answer(204)


ENDPOINTS: dict[str, Endpoint] = {
    "start_upload": start_upload,
    "mount": mount,
    "patch_upload": patch_upload,
    "put_upload": put_upload,
    "upload_status": upload_status,
    "cancel_upload": cancel_upload,
}
