# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all endpoints share: state, style, addresses, and which endpoint a request is for."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .body import Body
from .faults import page, refuse
from .journal import Headers, Recorded
from .store import Repository, Store
from .styles import Style
from .wire import Answer

DIGEST = re.compile(r"(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})")
NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_DIGEST = r"[a-z0-9]+:[0-9a-f]+"
_ROUTES = (
    (re.compile(r"/v2/"), {"GET": "base", "HEAD": "base"}),
    (re.compile(r"/v2/_catalog"), {"GET": "catalog"}),
    (re.compile(rf"/v2/({NAME})/tags/list"), {"GET": "list_tags"}),
    (re.compile(rf"/v2/({NAME})/referrers/({_DIGEST})"), {"GET": "referrers"}),
    (re.compile(rf"/v2/({NAME})/blobs/uploads/"), {"POST": "start_upload"}),
    (
        re.compile(rf"/v2/({NAME})/blobs/uploads/([A-Za-z0-9-]+)"),
        {"GET": "upload_status", "PATCH": "patch_upload", "PUT": "put_upload", "DELETE": "cancel_upload"},
    ),
    (re.compile(rf"/v2/({NAME})/blobs/({_DIGEST})"), {"HEAD": "head_blob", "GET": "get_blob", "DELETE": "delete_blob"}),
    (
        re.compile(rf"/v2/({NAME})/manifests/({TAG}|{_DIGEST})"),
        {"HEAD": "head_manifest", "GET": "get_manifest", "PUT": "put_manifest", "DELETE": "delete_manifest"},
    ),
)


def route(request: Recorded) -> None:
    """Fill in endpoint, repository and reference; the endpoint stays ``unknown`` where there is none."""
    for pattern, endpoints in _ROUTES:
        match = pattern.fullmatch(request.path)
        if match is None or request.method not in endpoints:
            continue
        parts = (*match.groups(), "", "")
        request.endpoint, request.repository, request.reference = endpoints[request.method], parts[0], parts[1]
        if request.endpoint == "start_upload" and request.argument("mount"):
            request.endpoint = "mount"
        return


@dataclass
class Backend:
    """State, style and addresses of a registry."""

    store: Store
    style: Style
    url: str = ""
    storage_url: t.Callable[[], str] = lambda: ""
    may_pull: t.Callable[[Recorded, str], bool] = lambda request, repository: True

    def repository(self, request: Recorded) -> Repository:
        """Return the repository that the request is about, made where it is not there."""
        return self.store.get(request.repository)

    def absent(self, code: str, reference: str) -> Answer:
        """Return the answer for what is not there."""
        if self.style.missing == "empty":
            return Answer(404)
        if self.style.missing == "html":
            return page(404, "404 Not Found")
        if self.style.missing == "denied":
            return refuse(403, "DENIED", "access denied")
        return refuse(404, code, f"{reference} is unknown")

    def unsupported(self) -> Answer:
        """Return the answer to what is not allowed at all."""
        return refuse(405, "UNSUPPORTED", "The operation is unsupported.")


Endpoint = t.Callable[[Backend, Recorded, Body], Answer]


def not_found_page() -> Answer:
    """Return what a router says of a path that it does not know."""
    return Answer(404, Headers([("Content-Type", "text/plain; charset=utf-8")]), b"404 page not found\n")


def fixed(status: str) -> Answer:
    """Return the refusal that a switch of the style names by its status."""
    codes = {"400": "UNSUPPORTED", "401": "UNAUTHORIZED", "403": "DENIED", "404": "NOT_FOUND", "405": "UNSUPPORTED", "416": "RANGE_INVALID"}
    return refuse(int(status), codes.get(status, "UNKNOWN"))
