# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How registries legally (and otherwise) differ, as switches, and the known ones as sets of them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace


@dataclass
class Style:
    """The ways of a registry; the defaults are those of one that does all that the distribution specification offers.

    A test may change a switch at any time: ``registry.style.read_only = True``.
    """

    # Manifests
    accept: str = "strict"  # strict: 404 where the Accept list lacks the type; any
    validates: bool = True  # blobs and children must be there (400 MANIFEST_BLOB_UNKNOWN), types must agree
    head_manifest: str = "ok"  # ok; or a status such as 405 or 404 for every HEAD
    head_digest: str = "ok"  # Docker-Content-Digest of HEAD, GET and PUT: ok, off, wrong, sha512, garbage
    get_digest: str = "ok"
    put_digest: str = "ok"
    put_status: int = 201
    manifest_limit: int = 4 * 1024 * 1024
    foreign_layers: str = "ok"  # ok; refused: 500 UNKNOWN
    immutable_tags: str = "off"  # off; different: only another digest is refused; always: even the same one
    immutable_status: int = 412
    immutable_code: str = "PRECONDITION"
    tag_parameters: str = "off"  # PUT by digest with ?tag=: off, ok, partial (only the first is set)
    stale_reads: int = 0  # after a tag was written, so many reads of it still tell the old state
    missing: str = "json"  # what an absent manifest or blob answers: json, empty (a bare 404), html, denied (403)

    # Deletion
    delete_by_tag: str = "ok"  # ok, digest_invalid (400), unsupported (405), not_found (404 page), deletes_manifest,
    #                            removes_siblings, stale (202, but there for ``stale_deletes`` reads)
    delete_by_digest: bool = True  # False: 405 UNSUPPORTED, there or not
    delete_status: int = 202
    delete_leaves_tags: bool = False  # a deleted digest leaves its tags dangling in the list
    tags_outlive: bool = False  # a tag goes on to lead to the manifest that was deleted by its digest (crane's server)
    stale_deletes: int = 3
    delete_races: bool = False  # two digests at a time in a repository: 500, the manifests go, and of the tags some stay (distribution 2.8)
    collects_untagged: bool = False  # a manifest goes with its last tag, unless an index names it (Quay)
    read_only: bool = False  # 405 plain text for whatever writes

    # Blobs and uploads
    head_blob: str = "ok"  # ok; or a status
    ranges: str = "ok"  # ok; ignored (200 with everything); wrong (206 from the first byte)
    blob_redirect: bool = False  # GET of a blob: 307 to the second listener, ``registry.storage``
    mount: str = "ok"  # ok; ignored (202 always); or a status
    mount_same_repository: bool = True  # whether from=the repository itself gives 201
    mount_anywhere: str = "session"  # a mount without from: session (202), ok (found in any repository), or a status
    single_post: bool = False  # POST with ?digest= completes the upload
    body_limit: int | None = None  # longer request bodies: 413, a web page
    chunks: str = "ok"  # ok; append (a wrong offset is appended silently); or a status for every PATCH
    chunk_limit: int | None = None  # longer PATCH bodies: 416
    chunk_keeps: int | None = None  # so many bytes of each PATCH, and says so
    chunk_minimum: int = 0  # announced as OCI-Chunk-Min-Length
    chunk_range: str = "ok"  # Range after a PATCH: ok, stale (as before it), off, garbage, relative (of this chunk alone)
    patch_status: int = 202
    resumable: bool = True  # False: a broken connection loses the session (404)
    location: str = "absolute"  # of uploads: absolute, relative, other_host (``registry.storage``)
    location_query: bool = True  # it has a query that must be kept
    stale_location: str = "refused"  # what an old Location is good for: refused (404), ok
    cancel: str = "ok"  # ok; or a status
    session_code: str = "BLOB_UPLOAD_UNKNOWN"  # the error code of a session that is lost, or of an old Location

    # Lists
    page_size: int = 0  # 0: everything on one page
    page_limit: int = 0  # n above it: 400
    ignores_n: bool = False  # of tags; the catalog knows n and last
    ignores_last: bool = False
    refuses_n: bool = False  # 400
    next_page: str = "last"  # last; opaque (a token); loop (the same page again); endless (ever new cursors)
    link: str = "relative"  # relative, absolute, off
    tag_order: str = "sorted"  # sorted, reversed, written
    null_tags: bool = False  # no tags: null instead of an empty list
    null_items: bool = False  # nulls among the tags
    catalog: str = "ok"  # ok; or a status
    referrers: bool = True  # False: 404 page, and no OCI-Subject
    referrers_filter: bool = True
    referrers_page: int = 0

    # Everything
    html_errors: bool = False  # every error is a web page
    warning: str = ""  # sent as Warning: 299 with every answer
    keep: str = "all"  # all; hash: of uploaded blobs only digest and size are kept (they cannot be read again)


def distribution2(delete: bool = True) -> Style:
    """docker-registry 2.8.2."""
    return Style(
        delete_by_tag="digest_invalid" if delete else "unsupported",
        delete_by_digest=delete,
        chunks="append",
        session_code="BLOB_UPLOAD_INVALID",
        delete_races=True,
        foreign_layers="refused",
        ignores_n=True,
        ignores_last=True,
        tag_order="written",
        null_tags=True,
        referrers=False,
    )


def distribution3() -> Style:
    """distribution 3."""
    return Style(referrers=False, null_tags=True)


def hub() -> Style:
    """Docker Hub."""
    return Style(delete_by_tag="unsupported", delete_by_digest=False, catalog="401", page_size=100, referrers=False)


def ghcr() -> Style:
    """GitHub's container registry."""
    return Style(
        delete_by_tag="unsupported",
        delete_by_digest=False,
        referrers=False,
        chunk_limit=4 * 1024 * 1024,
        catalog="404",
        location="relative",
    )


def ecr() -> Style:
    """Amazon's registry."""
    return Style(
        page_limit=1000,
        page_size=100,
        next_page="opaque",
        mount="ignored",
        chunk_range="stale",
        immutable_tags="always",
        immutable_status=400,
        immutable_code="TAG_INVALID",
        put_digest="off",
        catalog="404",
    )


def harbor() -> Style:
    """Harbor."""
    return Style(delete_by_tag="digest_invalid", mount="401", mount_same_repository=True, page_size=100, immutable_tags="different")


def quay() -> Style:
    """Quay."""
    return Style(mount_anywhere="400", page_size=50, next_page="opaque", referrers=True)


def nexus() -> Style:
    """Nexus."""
    return Style(null_items=True, null_tags=True, referrers=False)


def artifactory() -> Style:
    """Artifactory."""
    return Style(missing="denied", mount="ignored", referrers=False)


def acr() -> Style:
    """Azure's registry: uploads cannot be resumed."""
    return Style(resumable=False, location="relative", page_size=100)


def zot() -> Style:
    """Project zot."""
    return Style(single_post=True, tag_parameters="ok", location="relative", chunk_range="off")


def crane() -> Style:
    """The server in crane: n and last, but never a Link; nothing is validated or mounted."""
    return Style(
        accept="any", validates=False, mount="ignored", link="off", location="relative", single_post=True, patch_status=204, referrers=False
    )


PRESETS: dict[str, t.Callable[[], Style]] = {
    "full": Style,
    "distribution2": distribution2,
    "distribution3": distribution3,
    "hub": hub,
    "ghcr": ghcr,
    "ecr": ecr,
    "harbor": harbor,
    "quay": quay,
    "nexus": nexus,
    "artifactory": artifactory,
    "acr": acr,
    "zot": zot,
    "crane": crane,
}


def make_style(style: Style | str, changes: t.Mapping[str, t.Any]) -> Style:
    """Return a style, or the one that a name stands for, with some switches changed."""
    return replace(style if isinstance(style, Style) else PRESETS[style](), **changes)
