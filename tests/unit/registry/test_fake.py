# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake registry by itself: what the specification says, and what its switches change."""

from __future__ import annotations

import json
import time
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.registry.asking import ACCEPT, ask, local, upload
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.store import OCI_MANIFEST, digest_of

MakeRegistry = t.Callable[..., FakeRegistry]
DATA = b"some bytes of a blob"
DIGEST = digest_of(DATA)


def test_starting_is_fast() -> None:
    taken = []
    for _attempt in range(5):
        start = time.perf_counter()
        FakeRegistry().close()
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.02


def test_push_by_hand_and_read_back(registry: FakeRegistry) -> None:
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/json", "digest": digest_of(b"{}"), "size": 2},
        "layers": [{"mediaType": "application/octet-stream", "digest": DIGEST, "size": len(DATA)}],
    }
    raw = json.dumps(manifest).encode()
    typed = {"Content-Type": OCI_MANIFEST}
    assert upload(registry, "app", DATA).status == 201
    refused = ask(registry, "PUT", "/v2/app/manifests/1.0", raw, typed)
    assert (refused.status, refused.code) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert upload(registry, "app", b"{}").headers["Docker-Content-Digest"] == digest_of(b"{}")
    assert ask(registry, "PUT", "/v2/app/manifests/1.0", raw, {"Content-Type": "text/plain"}).code == "MANIFEST_INVALID"
    assert ask(registry, "PUT", f"/v2/app/manifests/{DIGEST}", raw, typed).code == "DIGEST_INVALID"
    stored = ask(registry, "PUT", "/v2/app/manifests/1.0", raw, typed)
    assert (stored.status, stored.headers["Docker-Content-Digest"]) == (201, digest_of(raw))
    assert ask(registry, "GET", f"/v2/app/manifests/{digest_of(raw)}", headers=ACCEPT).body == raw
    head = ask(registry, "HEAD", "/v2/app/manifests/1.0", headers=ACCEPT)
    assert (head.headers["Content-Length"], head.headers["Content-Type"]) == (str(len(raw)), OCI_MANIFEST)
    assert ask(registry, "GET", "/v2/app/manifests/1.0").status == 404
    assert registry.gaps() == []
    registry.remove_blob("app", DIGEST)
    assert registry.gaps() == [f"app:1.0 needs the blob {DIGEST}"]


def test_blob_ranges(make_registry: MakeRegistry) -> None:
    registry = make_registry()
    path = f"/v2/app/blobs/{registry.add_blob('app', DATA)['digest']}"
    part = ask(registry, "GET", path, headers={"Range": "bytes=5-9"})
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, DATA[5:10], f"bytes 5-9/{len(DATA)}")
    assert ask(registry, "GET", path, headers={"Range": "bytes=-4"}).body == DATA[-4:]
    assert ask(registry, "GET", path, headers={"Range": "bytes=999-"}).status == 416
    registry.style.ranges = "ignored"
    assert ask(registry, "GET", path, headers={"Range": "bytes=5-"}).status == 200


def test_chunks(make_registry: MakeRegistry) -> None:
    registry = make_registry(chunk_minimum=5)
    opened = ask(registry, "POST", "/v2/app/blobs/uploads/")
    assert opened.headers["OCI-Chunk-Min-Length"] == "5"
    first = ask(registry, "PATCH", local(opened), DATA[:8], {"Content-Range": "0-7"})
    assert (first.status, first.headers["Range"]) == (202, "0-7")
    assert ask(registry, "PATCH", local(opened), DATA[8:], {"Content-Range": "8-19"}).code == "BLOB_UPLOAD_UNKNOWN"
    wrong = ask(registry, "PATCH", local(first), DATA, {"Content-Range": "3-22"})
    assert (wrong.status, wrong.headers["Range"]) == (416, "0-7")
    status = ask(registry, "GET", local(wrong))
    assert (status.status, status.headers["Range"]) == (204, "0-7")
    rest = ask(registry, "PATCH", local(status), DATA[8:], {"Content-Range": "8-19"})
    assert ask(registry, "PUT", local(rest, f"digest={DIGEST}"), b"").status == 201
    assert registry.blob("app", DIGEST) == DATA
    assert registry.sessions("app") == []


def test_distribution2_appends_a_chunk_at_a_wrong_offset(make_registry: MakeRegistry) -> None:
    registry = make_registry("distribution2")
    opened = ask(registry, "POST", "/v2/app/blobs/uploads/")
    patched = ask(registry, "PATCH", local(opened), DATA, {"Content-Range": "7-26"})
    assert ask(registry, "GET", local(opened)).code == "BLOB_UPLOAD_INVALID"
    assert (patched.status, patched.headers["Range"]) == (202, f"0-{len(DATA) - 1}")
    assert ask(registry, "PUT", local(patched, f"digest={digest_of(b'x')}"), b"").code == "DIGEST_INVALID"


def test_a_large_blob_goes_to_a_file_or_only_its_digest_is_kept(make_registry: MakeRegistry) -> None:
    data = b"0123456789abcdef" * 200_000
    for keep, status in (("all", 200), ("hash", 500)):
        registry = make_registry(keep=keep)
        assert upload(registry, "app", data).status == 201
        read = ask(registry, "GET", f"/v2/app/blobs/{digest_of(data)}")
        assert (read.status, read.body == data) == (status, keep == "all")
        put = registry.named("put_upload")[0]
        assert (put.length, f"sha256:{put.sha256}", put.body) == (len(data), digest_of(data), b"")


@pytest.mark.parametrize(
    ("switches", "source", "status"),
    [
        ({}, "from=other", 201),
        ({}, "from=app", 202),
        ({}, "from=nowhere", 202),
        ({}, "", 202),
        ({"mount": "ignored"}, "from=other", 202),
        ({"mount": "401"}, "from=other", 401),
        ({"mount_anywhere": "ok"}, "", 201),
        ({"mount_anywhere": "400"}, "", 400),
    ],
)
def test_mount(make_registry: MakeRegistry, switches: dict[str, str], source: str, status: int) -> None:
    registry = make_registry(**switches)
    registry.add_blob("other", DATA)
    reply = ask(registry, "POST", f"/v2/app/blobs/uploads/?mount={DIGEST}&{source}")
    assert reply.status == status
    assert registry.has_blob("app", DIGEST) is (status == 201)
    assert registry.counts() == {"mount": 1}


@pytest.mark.parametrize(
    ("how", "status", "code", "left"),
    [
        ("ok", 202, "", ["b", "c"]),
        ("digest_invalid", 400, "DIGEST_INVALID", ["a", "b", "c"]),
        ("unsupported", 405, "UNSUPPORTED", ["a", "b", "c"]),
        ("not_found", 404, "", ["a", "b", "c"]),
        ("deletes_manifest", 202, "", ["c"]),
        ("removes_siblings", 202, "", ["c"]),
    ],
)
def test_delete_by_tag(make_registry: MakeRegistry, how: str, status: int, code: str, left: list[str]) -> None:
    registry = make_registry(delete_by_tag=how)
    added = registry.add_image("app", "a")
    registry.set_tag("app", "b", added.digest)
    registry.add_image("app", "c")
    reply = ask(registry, "DELETE", "/v2/app/manifests/a")
    assert (reply.status, reply.code if code else "") == (status, code)
    assert list(registry.tags("app")) == left
    assert (registry.manifest("app", added.digest) is None) is (how == "deletes_manifest")


def test_a_deleted_tag_may_be_seen_for_a_while(make_registry: MakeRegistry) -> None:
    registry = make_registry(delete_by_tag="stale", stale_deletes=2)
    registry.add_image("app", "a")
    assert ask(registry, "DELETE", "/v2/app/manifests/a").status == 202
    seen = [ask(registry, "HEAD", "/v2/app/manifests/a", headers=ACCEPT).status for _read in range(3)]
    assert seen == [200, 200, 404]


def test_a_new_tag_may_be_unseen_for_a_while(make_registry: MakeRegistry) -> None:
    registry = make_registry(stale_reads=1)
    added = registry.add_image("app", "a")
    ask(registry, "PUT", "/v2/app/manifests/b", added.raw, {"Content-Type": added.media_type})
    assert [ask(registry, "HEAD", "/v2/app/manifests/b", headers=ACCEPT).status for _read in range(2)] == [404, 200]


def test_distribution2_deletes_by_digest_only_and_where_it_is_enabled(make_registry: MakeRegistry) -> None:
    registry = make_registry("distribution2")
    added = registry.add_image("app", "a")
    registry.set_tag("app", "b", added.digest)
    assert ask(registry, "DELETE", "/v2/app/manifests/absent").code == "DIGEST_INVALID"
    assert ask(registry, "DELETE", f"/v2/app/manifests/{digest_of(b'x')}").code == "MANIFEST_UNKNOWN"
    assert ask(registry, "DELETE", f"/v2/app/manifests/{added.digest}").status == 202
    assert ask(registry, "GET", "/v2/app/tags/list").json == {"name": "app", "tags": None}
    registry.style.delete_by_digest = False
    assert ask(registry, "DELETE", f"/v2/app/manifests/{digest_of(b'x')}").code == "UNSUPPORTED"
    registry.style.read_only = True
    assert ask(registry, "PUT", "/v2/app/manifests/a", added.raw).body == b"Method not allowed\n"


def pages(registry: FakeRegistry, query: str = "") -> t.Iterator[list[str]]:
    """Yield the pages of the tags, at most five."""
    path = f"/v2/app/tags/list{query}"
    for _page in range(5):
        reply = ask(registry, "GET", path)
        yield reply.json["tags"]
        if "Link" not in reply.headers:
            return
        path = reply.headers["Link"].partition("<")[2].partition(">")[0]


@pytest.mark.parametrize(
    ("switches", "query", "expected"),
    [
        ({}, "", [["a", "b", "c"]]),
        ({}, "?n=2", [["a", "b"], ["c"]]),
        ({}, "?last=a", [["b", "c"]]),
        ({}, "?n=0", [[]]),
        ({"page_size": 2}, "", [["a", "b"], ["c"]]),
        ({"page_size": 1, "next_page": "opaque"}, "", [["a"], ["b"], ["c"]]),
        ({"ignores_n": True}, "?n=2", [["a", "b", "c"]]),
        ({"next_page": "loop", "page_size": 2}, "", [["a", "b"]] * 5),
        ({"next_page": "endless", "page_size": 2}, "", [["a", "b"], [], [], [], []]),
        ({"tag_order": "reversed", "null_items": True}, "", [["c", "b", "a", None]]),
    ],
)
def test_pages(make_registry: MakeRegistry, switches: dict[str, t.Any], query: str, expected: list[list[str]]) -> None:
    registry = make_registry(**switches)
    for tag in "abc":
        registry.add_image("app", tag)
    assert list(pages(registry, query)) == expected


def test_lists_of_what_is_not_there(registry: FakeRegistry) -> None:
    assert ask(registry, "HEAD", "/v2/app/manifests/a", headers=ACCEPT).status == 404
    assert ask(registry, "GET", "/v2/app/tags/list").code == "NAME_UNKNOWN"
    registry.add_image("db", "1")
    assert ask(registry, "GET", "/v2/_catalog").json == {"repositories": ["db"]}
    registry.style.refuses_n = True
    assert ask(registry, "GET", "/v2/db/tags/list?n=5").status == 400


def test_distribution2_pages_its_catalog_but_not_its_tags(make_registry: MakeRegistry) -> None:
    registry = make_registry("distribution2")
    for repository in ("a", "b"):
        registry.add_image(repository, "2")
        registry.add_image(repository, "1")
    first = ask(registry, "GET", "/v2/_catalog?n=1")
    assert (first.json, first.headers["Link"]) == ({"repositories": ["a"]}, '</v2/_catalog?n=1&last=a>; rel="next"')
    assert ask(registry, "GET", "/v2/_catalog?n=-1&last=a").json == {"repositories": ["b"]}
    assert ask(registry, "GET", "/v2/a/tags/list?n=1&last=2").json == {"name": "a", "tags": ["2", "1"]}


def test_referrers(make_registry: MakeRegistry) -> None:
    registry = make_registry()
    image = registry.add_image("app", "1")
    added = registry.add_referrer("app", image.digest)
    listed = ask(registry, "GET", f"/v2/app/referrers/{image.digest}?artifactType=application/vnd.example.signature")
    assert [entry["digest"] for entry in listed.json["manifests"]] == [added.digest]
    assert listed.headers["OCI-Filters-Applied"] == "artifactType"
    put = ask(registry, "PUT", f"/v2/app/manifests/{added.digest}", added.raw, {"Content-Type": added.media_type})
    assert put.headers["OCI-Subject"] == image.digest
    registry.style.referrers = False
    assert ask(registry, "GET", f"/v2/app/referrers/{image.digest}").body == b"404 page not found\n"
    put = ask(registry, "PUT", f"/v2/app/manifests/{added.digest}", added.raw, {"Content-Type": added.media_type})
    assert (put.status, "OCI-Subject" in put.headers) == (201, False)


@pytest.mark.parametrize(("how", "statuses"), [("different", [201, 412]), ("always", [412, 412])])
def test_immutable_tags(make_registry: MakeRegistry, how: str, statuses: list[int]) -> None:
    registry = make_registry(immutable_tags=how)
    images = [registry.add_image("app", "a"), registry.add_image("app", "b")]
    typed = {"Content-Type": OCI_MANIFEST}
    assert [ask(registry, "PUT", "/v2/app/manifests/a", image.raw, typed).status for image in images] == statuses


def test_indexes_are_complete(registry: FakeRegistry) -> None:
    nested = registry.add_index("app", "1", nested=True, attestations=True)
    assert list(nested.children) == ["linux/amd64", "linux/arm64"]
    assert registry.gaps() == []
    registry.remove_manifest("app", nested.children["linux/arm64"].digest)
    assert registry.gaps() == [f"app:1 needs the manifest {nested.children['linux/arm64'].digest}"]
