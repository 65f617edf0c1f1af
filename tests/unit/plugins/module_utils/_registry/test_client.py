# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RegistryClient, method by method: what it returns, what it refuses, and which requests it sends."""

from __future__ import annotations

import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import NotFound, RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._oci.platform import Platform
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeClient, MakeRegistry, kind_of
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import open_layout
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

ARM = Platform.parse("linux/arm64")
ABSENT = "sha256:" + "0" * 64


# Scope


def test_segments_extend_the_scope_and_leave_the_parent(registry: FakeRegistry, connect: MakeClient) -> None:
    base = connect(registry)
    assert base.registry == registry.host
    team = base.with_segment("team")
    app = team.with_segment("/app/", "web")
    assert (team.registry, app.registry) == (f"{registry.host}/team", f"{registry.host}/team/app/web")
    assert base.with_segment("team/app", "web").registry == app.registry
    assert team.with_segment().registry == team.registry


@pytest.mark.parametrize("segment", ["", "//", "..", "a/../b", ".", "Upper", "a b", "a//b", "a%2fb", "-a", "a\n"])
def test_a_segment_that_breaks_the_grammar_is_refused(registry: FakeRegistry, connect: MakeClient, segment: str) -> None:
    assert kind_of(lambda: connect(registry, "team").with_segment(segment)) == "invalid_reference"
    assert registry.log() == []


def test_a_client_is_shared_by_threads(token_registry: FakeRegistry, connect: MakeClient) -> None:
    added = token_registry.add_image("team/app", "1")
    client = connect(token_registry, "team")
    start = threading.Barrier(8)
    found: list[t.Any] = []

    def work() -> None:
        start.wait()
        for _round in range(4):
            app = client.with_segment("app")
            found.append((app.registry, str(app.get_digest("1")), app.list_tags()))

    threads = [threading.Thread(target=work) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(f"{token_registry.host}/team/app", added.digest, ["1"])] * 32
    assert token_registry.counts()["token"] == 1
    assert token_registry.peak <= 8


# Digest, manifest, config, existence


def test_a_digest_comes_from_head(registry: FakeRegistry, connect: MakeClient) -> None:
    added = registry.add_image("app", "1")
    client = connect(registry, "app")
    for name in ("1", added.digest, f"@{added.digest}"):
        assert str(client.get_digest(name)) == added.digest
    assert {request.method for request in registry.requests} == {"HEAD"}


@pytest.mark.parametrize("switch", [{"head_digest": "off"}, {"head_manifest": "405"}, {"head_manifest": 404}, {"head_manifest": 405}])
def test_a_digest_is_hashed_where_head_does_not_tell(make_registry: MakeRegistry, connect: MakeClient, switch: dict[str, t.Any]) -> None:
    registry = make_registry(get_digest="off", **switch)
    added = registry.add_image("app", "1")
    assert str(connect(registry, "app").get_digest("1")) == added.digest
    assert registry.counts()["get_manifest"] == 1


def test_a_digest_header_that_disagrees_with_the_bytes_is_refused(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry = make_registry(get_digest="wrong")
    registry.add_image("app", "1")
    assert kind_of(lambda: connect(registry, "app").get_manifest("1")) == "digest_mismatch"


def test_a_sha512_header_does_not_disturb(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry = make_registry(get_digest="sha512")
    added = registry.add_image("app", "1")
    assert str(connect(registry, "app").get_manifest(added.digest).digest) == added.digest


def test_of_an_index_the_digest_is_the_index_or_a_child(registry: FakeRegistry, connect: MakeClient) -> None:
    added = registry.add_index("app", "1", platforms=["linux/amd64", "linux/arm64/v8"])
    client = connect(registry, "app")
    assert str(client.get_digest("1")) == added.digest
    assert str(client.get_digest("1", ARM)) == added.children["linux/arm64/v8"].digest
    assert str(client.get_manifest("1", ARM).digest) == added.children["linux/arm64/v8"].digest
    assert client.get_manifest("1").is_index
    assert client.get_manifest("1").raw == added.raw


def test_a_platform_that_is_missing_lists_what_there_is(registry: FakeRegistry, connect: MakeClient) -> None:
    registry.add_index("app", "1", platforms=["linux/amd64", "linux/s390x"])
    registry.add_image("app", "single", platform="linux/amd64")
    client = connect(registry, "app")
    for tag in ("1", "single"):
        with pytest.raises(NotFound, match="linux/amd64"):
            client.get_manifest(tag, ARM)


def test_the_config_of_an_image_and_of_a_child(registry: FakeRegistry, connect: MakeClient) -> None:
    registry.add_index("app", "1", platforms=["linux/amd64", "linux/arm64"])
    registry.add_image("app", "single", config={"config": {"Labels": {"team": "blue"}}})
    client = connect(registry, "app")
    assert client.get_image_config("single")["config"]["Labels"] == {"team": "blue"}
    assert client.get_image_config("1", ARM)["architecture"] == "arm64"
    with pytest.raises(RegistryError, match=r"linux/amd64, linux/arm64"):
        client.get_image_config("1")


def test_absent_is_not_found_and_denied_is_not_absent(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry = make_registry(auth="token")
    registry.add_image("app", "1")
    client = connect(registry, "app")
    client.check_image_exists("1")
    assert client.exists("1") is True
    assert client.exists("2") is False
    assert client.find_digest("2") is None
    with pytest.raises(NotFound):
        client.check_image_exists("2")
    registry.on("head_manifest", times=None).answer(403, code="DENIED")
    assert kind_of(lambda: client.exists("1")) == "denied"


@pytest.mark.parametrize("missing", ["json", "empty"])
def test_absence_is_confirmed_by_a_get(make_registry: MakeRegistry, connect: MakeClient, missing: str) -> None:
    registry = make_registry(missing=missing)
    assert connect(registry, "app").exists("1") is False
    asked = ["GET /v2/"] if missing == "empty" else []
    assert registry.log() == ["HEAD /v2/app/manifests/1", "GET /v2/app/manifests/1", *asked]


@pytest.mark.parametrize(("missing", "kind"), [("html", "invalid_response"), ("denied", "denied")])
def test_a_page_or_a_refusal_is_no_absence(make_registry: MakeRegistry, connect: MakeClient, missing: str, kind: str) -> None:
    registry = make_registry(missing=missing)
    assert kind_of(lambda: connect(registry, "app").exists("1")) == kind


def test_a_400_with_name_unknown_is_an_absence(registry: FakeRegistry, connect: MakeClient) -> None:
    registry.on("head_manifest").answer(400)
    registry.on("get_manifest").answer(400, code="NAME_UNKNOWN")
    client = connect(registry, "app")
    with pytest.raises(RegistryError):
        client.get_digest("1")
    assert kind_of(lambda: client.get_manifest("1")) == "not_found"


# Images


def test_an_image_reads_like_a_layout(registry: FakeRegistry, connect: MakeClient, tmp_path: Path) -> None:
    client = connect(registry, "app")
    content = images.nested()
    with_layout = open_layout(images.write_layout(tmp_path / "layout", {"1": content}), None)
    done = client.push_image("1", with_layout, "latest")
    assert registry.tags("app") == {"1": content.digest, "latest": content.digest}
    assert len(done.uploaded) > 0
    copy = connect(registry, "copy")
    copy.push_image("1", client.get_image("1"))
    assert registry.tags("copy") == {"1": content.digest}
    assert registry.gaps() == []
    with_layout.close()


def test_pushing_what_is_there_writes_nothing(registry: FakeRegistry, connect: MakeClient, tmp_path: Path) -> None:
    client = connect(registry, "app")
    source = open_layout(images.write_layout(tmp_path / "layout", {"1": images.image()}), None)
    client.push_image("1", source)
    registry.clear()
    client.push_image("1", source)
    assert registry.log() == ["HEAD /v2/app/manifests/1"]
    source.close()


def test_a_blob_that_is_redirected_is_still_verified(make_registry: MakeRegistry, connect: MakeClient) -> None:
    registry = make_registry(blob_redirect=True)
    registry.add_image("app", "1", config={"config": {"Labels": {"a": "b"}}})
    client = connect(registry, "app", allowed_hosts=[f"{registry.storage.host}"])
    assert client.get_image_config("1")["config"]["Labels"] == {"a": "b"}


# Tagging and deleting


def test_tagging_puts_the_bytes_once(registry: FakeRegistry, connect: MakeClient) -> None:
    added = registry.add_index("app", "1", platforms=["linux/amd64"])
    client = connect(registry, "app")
    assert client.tag_image("1", "2") is True
    assert client.tag_image("1", "2") is False
    assert client.tag_image(added.digest, "3") is True
    assert registry.tags("app") == dict.fromkeys(["1", "2", "3"], added.digest)
    assert registry.writes() == ["PUT /v2/app/manifests/2", "PUT /v2/app/manifests/3"]
    assert kind_of(lambda: client.tag_image("absent", "4")) == "not_found"


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_deleting_a_tag_leaves_its_siblings(make_registry: MakeRegistry, connect: MakeClient, style: str) -> None:
    registry = make_registry(style)
    added = registry.add_image("app", "1")
    registry.set_tag("app", "2", added.digest)
    client = connect(registry, "app")
    assert client.delete_tag("1") == ("tag" if style == "full" else "substitute")
    assert registry.tags("app") == {"2": added.digest}
    assert registry.manifest("app", added.digest) is not None
    assert kind_of(lambda: client.delete_tag("1")) == "not_found"


def test_deleting_a_manifest(registry: FakeRegistry, connect: MakeClient) -> None:
    added = registry.add_image("app", "1")
    client = connect(registry, "app")
    client.delete_manifest(added.digest)
    assert registry.tags("app") == {}
    assert kind_of(lambda: client.delete_manifest(added.digest)) == "not_found"
    assert kind_of(lambda: client.delete_manifest(ABSENT)) == "not_found"


def test_copying_keeps_the_digest_and_mounts(registry: FakeRegistry, connect: MakeClient) -> None:
    added = registry.add_index("src", "1", platforms=["linux/amd64", "linux/arm64"])
    source, destination = connect(registry, "src"), connect(registry, "dst")
    done = source.copy_image("1", destination)
    assert registry.tags("dst") == {"1": added.digest}
    assert done.uploaded == []
    assert kind_of(lambda: source.copy_image("absent", destination)) == "not_found"


# Token, retries


def test_an_expired_token_is_renewed(token_registry: FakeRegistry, connect: MakeClient) -> None:
    added = token_registry.add_image("app", "1")
    client = connect(token_registry, "app")
    client.get_digest("1")
    token_registry.auth.expire_all()
    assert str(client.get_digest("1")) == added.digest
    assert token_registry.counts()["token"] == 2


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_passing_faults_are_retried(registry: FakeRegistry, connect: MakeClient, waits: list[float], status: int) -> None:
    added = registry.add_image("app", "1")
    registry.on("head_manifest", times=2).answer(status)
    assert str(connect(registry, "app").get_digest("1")) == added.digest
    assert len(waits) == 2


@pytest.mark.parametrize("status", [400, 403, 409, 418, 422, 451])
def test_other_refusals_are_final(registry: FakeRegistry, connect: MakeClient, waits: list[float], status: int) -> None:
    registry.add_image("app", "1")
    registry.on("get_manifest").answer(status)
    with pytest.raises(RegistryError):
        connect(registry, "app").get_manifest("1")
    assert waits == []
