# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blobs: HEAD, GET with ranges, DELETE."""

from __future__ import annotations

import re

from .backend import Backend, Endpoint, fixed
from .body import Body
from .faults import refuse
from .journal import Headers, Recorded
from .store import Blob, Slice
from .wire import Answer

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def _find(backend: Backend, request: Recorded) -> Blob | None:
    with backend.store.lock:
        return backend.repository(request).blobs.get(request.reference)


def _headers(blob: Blob, digest: str) -> Headers:
    return Headers([("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", digest), ("Accept-Ranges", "bytes")])


def head_blob(backend: Backend, request: Recorded, body: Body) -> Answer:
    """HEAD of a blob."""
    blob = _find(backend, request)
    if backend.style.head_blob != "ok":
        return fixed(backend.style.head_blob)
    if blob is None:
        return backend.absent("BLOB_UNKNOWN", request.reference)
    return Answer(200, _headers(blob, request.reference), Slice(blob, 0, blob.size))


def get_blob(backend: Backend, request: Recorded, body: Body) -> Answer:
    """GET of a blob or of a part of it."""
    blob = _find(backend, request)
    if blob is None:
        return backend.absent("BLOB_UNKNOWN", request.reference)
    if backend.style.blob_redirect and request.server == "registry":
        signed = f"{backend.storage_url()}{request.path}?signature=abc%2F123&expires=60"
        return Answer(307, Headers([("Location", signed)]))
    if not blob.keeps:
        return refuse(500, "UNKNOWN", "this registry kept only the digest of the blob")
    headers = _headers(blob, request.reference)
    wanted = _RANGE.fullmatch(request.headers.get("Range"))
    if wanted is None or backend.style.ranges == "ignored":
        return Answer(200, headers, Slice(blob, 0, blob.size))
    return _part(blob, headers, wanted.group(1), wanted.group(2), backend.style.ranges == "wrong")


def _part(blob: Blob, headers: Headers, first: str, last: str, wrong: bool) -> Answer:
    start = int(first) if first else max(blob.size - int(last or "0"), 0)
    stop = min(int(last) + 1, blob.size) if first and last else blob.size
    if start >= stop:
        headers.add("Content-Range", f"bytes */{blob.size}")
        return Answer(416, headers, b"range not satisfiable\n")
    if wrong:
        start = 0
    headers.add("Content-Range", f"bytes {start}-{stop - 1}/{blob.size}")
    return Answer(206, headers, Slice(blob, start, stop))


def delete_blob(backend: Backend, request: Recorded, body: Body) -> Answer:
    """DELETE of a blob."""
    if not backend.style.delete_by_digest:
        return backend.unsupported()
    with backend.store.lock:
        found = backend.repository(request).blobs.pop(request.reference, None)
    return backend.absent("BLOB_UNKNOWN", request.reference) if found is None else Answer(backend.style.delete_status)


ENDPOINTS: dict[str, Endpoint] = {"head_blob": head_blob, "get_blob": get_blob, "delete_blob": delete_blob}
