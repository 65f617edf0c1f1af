# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists: tags, repositories, referrers, and their pages."""

from __future__ import annotations

import json
import typing as t
from urllib.parse import quote, urlencode

from .backend import Backend, Endpoint, fixed, not_found_page
from .body import Body
from .faults import refuse
from .journal import Headers, Recorded
from .store import OCI_INDEX, Repository
from .wire import Answer

_JSON = Headers([("Content-Type", "application/json")])


def _json(document: t.Any, headers: Headers) -> Answer:
    merged = Headers(_JSON.pairs + headers.pairs)
    return Answer(200, merged, json.dumps(document).encode())


def base(backend: Backend, request: Recorded, body: Body) -> Answer:
    """GET of the root."""
    return _json({}, Headers([("Docker-Distribution-API-Version", "registry/2.0")]))


def _link(backend: Backend, request: Recorded, arguments: dict[str, str]) -> Headers:
    if backend.style.link == "off":
        return Headers()
    address = f"{quote(request.path)}?{urlencode(arguments)}"
    if backend.style.link == "absolute":
        address = f"{backend.url}{address}"
    return Headers([("Link", f'<{address}>; rel="next"')])


def _start(backend: Backend, request: Recorded, names: list[str]) -> int:
    cursor, last = request.argument("next_page"), request.argument("last")
    if cursor.startswith("cursor-"):
        return int(cursor[7:])
    if not last or (backend.style.ignores_last and request.endpoint == "list_tags"):
        return 0
    if last in names:
        return names.index(last) + 1
    return sum(name <= last for name in names)


def _page(backend: Backend, request: Recorded, names: list[str]) -> tuple[list[str], Headers] | Answer:
    """Return the names on the page that is asked for and the link to the next one, or a refusal."""
    style, told = backend.style, request.argument("n")
    if "n" in request.query and (style.refuses_n or not told.lstrip("-").isdigit()):
        return refuse(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested")
    ignored = style.ignores_n and request.endpoint == "list_tags"
    wanted = 0 if ignored or not told else max(int(told), 0)
    if style.page_limit and wanted > style.page_limit:
        return refuse(400, "PAGINATION_NUMBER_INVALID", f"n must be at most {style.page_limit}")
    if told == "0" and not ignored:
        return [], Headers()
    start = _start(backend, request, names)
    size = min(filter(None, (wanted, style.page_size)), default=0)
    shown = names[start : start + size] if size else names[start:]
    more = start + len(shown) < len(names)
    carried = {"n": told} if wanted else {}
    if style.next_page == "loop":
        return shown, _link(backend, request, {**carried, "next_page": f"cursor-{start}"})
    if style.next_page == "endless":
        return shown, _link(backend, request, {**carried, "next_page": f"cursor-{start + len(shown) + 1}"})
    if not more:
        return shown, Headers()
    following = {"next_page": f"cursor-{start + len(shown)}"} if style.next_page == "opaque" else {"last": shown[-1]}
    return shown, _link(backend, request, {**carried, **following})


def _visible_tags(repository: Repository) -> list[str]:
    """Return the tags that a reader gets to see; one that was deleted may still be among them for a while."""
    tags = list(repository.tags)
    for tag, (left, digest) in list(repository.stale.items()):
        if left and digest is not None and tag not in repository.tags:
            repository.stale[tag] = (left - 1, digest)
            tags.append(tag)
    return tags


def list_tags(backend: Backend, request: Recorded, body: Body) -> Answer:
    """GET of the tags."""
    style = backend.style
    with backend.store.lock:
        repository = backend.store.repositories.get(request.repository)
        if repository is None or not repository.known:
            return refuse(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": request.repository})
        tags = _visible_tags(repository)
    if style.tag_order != "written":
        tags.sort(reverse=style.tag_order == "reversed")
    found = _page(backend, request, tags)
    if isinstance(found, Answer):
        return found
    shown, headers = found
    listed: list[str | None] = [*shown, None] if style.null_items else list(shown)
    return _json({"name": request.repository, "tags": listed or (None if style.null_tags else [])}, headers)


def catalog(backend: Backend, request: Recorded, body: Body) -> Answer:
    """GET of the repositories."""
    if backend.style.catalog != "ok":
        return fixed(backend.style.catalog)
    with backend.store.lock:
        names = sorted(name for name, repository in backend.store.repositories.items() if repository.known)
    found = _page(backend, request, names)
    if isinstance(found, Answer):
        return found
    return _json({"repositories": found[0]}, found[1])


def referrers(backend: Backend, request: Recorded, body: Body) -> Answer:
    """GET of what refers to a manifest."""
    style, kind = backend.style, request.argument("artifactType")
    if not style.referrers:
        return not_found_page()
    with backend.store.lock:
        found = backend.repository(request).referrers(request.reference)
    headers = Headers([("Content-Type", OCI_INDEX)])
    if kind and style.referrers_filter:
        found = [descriptor for descriptor in found if descriptor["artifactType"] == kind]
        headers.add("OCI-Filters-Applied", "artifactType")
    start = int(request.argument("next_page")[7:] or "0")
    shown = found[start : start + style.referrers_page] if style.referrers_page else found
    if start + len(shown) < len(found):
        carried = {"artifactType": kind} if kind else {}
        headers.pairs += _link(backend, request, {**carried, "next_page": f"cursor-{start + len(shown)}"}).pairs
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": shown}
    return Answer(200, headers, json.dumps(index).encode())


ENDPOINTS: dict[str, Endpoint] = {"base": base, "list_tags": list_tags, "catalog": catalog, "referrers": referrers}
