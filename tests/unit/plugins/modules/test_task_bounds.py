# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T51: what a registry or a file can make a task keep, where each thing is small enough and all of them together are not."""

from __future__ import annotations

import json
import secrets
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.budget import Budget
from ansible_collections.ocitools.registry.plugins.module_utils._local.source import open_source
from ansible_collections.ocitools.registry.tests.unit.plugins import artifacts, images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, start_module
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import put
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import refused
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import header, tar_bytes
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Grants, TokenAuth
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

MOST_MEMORY = 200_000_000
VALUES = 124_000  # as many as a document may hold, each as dear as it can be


@pytest.fixture
def run(tmp_path: Path) -> t.Callable[..., Result]:
    """Run a module in a process of its own, and look at the most memory that it had."""

    def run_bounded(name: str, args: dict[str, t.Any], most: int = MOST_MEMORY) -> Result:
        status = tmp_path / "status"
        folder = tmp_path / "module"
        folder.mkdir(exist_ok=True)
        process = start_module(name, args, folder, status=status)
        try:
            result = process.wait(240)
        finally:
            process.end()
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        peak = int(line.split()[1]) * 1024
        assert peak < most, result.msg
        return result

    return run_bounded


def heavy(document: dict[str, t.Any], number: int = 0) -> bytes:
    """A document of 868 KB, valid and as heavy in memory as it can be."""
    raw = images.to_json({**document, "x": [number]})
    return raw.replace(b"[%d]" % number, b"[%d" % number + b',{"":0}' * VALUES + b"]")


def heavy_image(number: int, **members: t.Any) -> images.Content:
    """An image with a heavy manifest."""
    content = images.image(f"linux/arm/v{number}", layers=["a"])
    raw = heavy({**content.document, **members}, number)
    manifests = {images.digest_of(raw): (content.media_type, raw)}
    return images.Content(raw, content.media_type, manifests, content.blobs, content.extra)


class LongTokens(TokenAuth):
    """A token server whose tokens have nearly 60 KB."""

    def _grant(self, request: Recorded, grants: Grants) -> Answer:
        answer = super()._grant(request, grants)
        document = json.loads(answer.content())
        short = document["token"]
        document["token"] = f"{short}{secrets.token_urlsafe(44_000)}"
        self.tokens[document["token"]] = self.tokens.pop(short)
        answer.replace(json.dumps(document).encode())
        return answer


@pytest.mark.parametrize(("pages", "fits"), [(300, False), (40, True)])
def test_t51_the_tokens_of_many_pages_are_not_kept_without_end(
    make_registry: MakeRegistry, run: t.Callable[..., Result], pages: int, fits: bool
) -> None:
    registry = make_registry(auth=LongTokens(uses=1), page_size=1)
    digest = registry.add_image("app", "000").digest
    for number in range(pages):
        registry.set_tag("app", f"{number:03}", digest)
    result = run("registry_tag_info", registry.args(name="app"))
    if fits:
        assert len(result.ok()["tags"]) == pages
    else:
        assert "token" in result.failure("limit").msg


def test_t51_long_addresses_of_pages_are_not_kept(make_registry: MakeRegistry, run: t.Callable[..., Result]) -> None:
    registry = make_registry()
    registry.add_image("app", "0")
    pages = 2_000
    count = 0

    def lengthen(answer: Answer) -> None:
        nonlocal count
        count += 1
        answer.replace(json.dumps({"name": "app", "tags": [f"{count}"]}).encode())
        if count < pages:
            answer.headers.set("Link", f"</v2/app/tags/list?last={count}{'x' * 16_000}>; rel=next")

    registry.on("list_tags", times=None).change(lengthen)
    assert len(run("registry_tag_info", registry.args(name="app"), most=70_000_000).ok()["tags"]) == pages


@pytest.mark.parametrize("tag", ["1" + ".1" * 60, "1" + "-a" * 60])
def test_t51_the_order_of_versions_takes_little(make_registry: MakeRegistry, run: t.Callable[..., Result], tag: str) -> None:
    registry = make_registry()
    registry.add_image("app", "1")
    tags = [f"{tag}.{number:06}" for number in range(60_000)]
    body = json.dumps({"name": "app", "tags": tags}).encode()
    registry.on("list_tags", times=None, optional=True).body(body)
    result = run("registry_tag_info", registry.args(name="app", sort="version"))
    assert result.failed or result["tags"] == tags


@pytest.mark.parametrize("module", ["registry_copy", "registry_pull"])
def test_t51_the_children_of_an_index_are_counted_together(
    make_registry: MakeRegistry, run: t.Callable[..., Result], tmp_path: Path, module: str
) -> None:
    registry = make_registry()
    put(registry, "app", "1", images.index(*(heavy_image(number) for number in range(37))))
    more: dict[str, t.Any] = {"src": registry.name("app:1"), "dest": registry.name("copy:1")}
    if module == "registry_pull":
        more = {"name": "app:1", "path": str(tmp_path / "layout")}
    result = run(module, registry.args(**more)).failure("limit")
    assert "exceeds the memory limit" in result.msg
    assert registry.writes() == []
    assert not (tmp_path / "layout").exists()


@pytest.mark.parametrize("size", [8_000_000, 800_000, 20_000])
def test_t51_a_config_of_many_children_is_read_once(make_registry: MakeRegistry, run: t.Callable[..., Result], size: int) -> None:
    registry = make_registry()
    content = images.image(layers=["a"], labels={"x": "[0]"})
    config = content.config.replace(b'"[0]"', b"[" + b'{"":0},' * (min(size, 860_000) // 7) + b'"' + b"x" * max(size - 860_000, 1) + b'"]')
    children = []
    for number in range(12):
        document = {**content.document, "annotations": {"number": str(number)}}
        document["config"] = {**document["config"], "digest": images.digest_of(config), "size": len(config)}
        raw = images.to_json(document)
        blobs = {**content.blobs, images.digest_of(config): config}
        platform = {"platform": {"os": "linux", "architecture": "arm", "variant": f"v{number}"}}
        children.append(images.Content(raw, content.media_type, {images.digest_of(raw): (content.media_type, raw)}, blobs, platform))
    put(registry, "app", "1", images.index(*children))
    result = run("registry_image_info", registry.args(name="app:1", details="config"))
    assert len(registry.named("get_blob")) == 1
    assert result.failed == (size > 100_000)
    assert result.failed or len(result["images"][0]["configs"]) == 12


def test_t51_referrers_are_counted_together(make_registry: MakeRegistry, run: t.Callable[..., Result]) -> None:
    registry = make_registry()
    root = put(registry, "app", "1", images.image(layers=["a"]))
    subject = {"subject": {"mediaType": root.media_type, "digest": root.digest, "size": len(root.raw)}}
    for number in range(60):
        put(registry, "app", f"r{number}", heavy_image(number, **subject))
    arguments = registry.args(src=registry.name("app:1"), dest=registry.name("copy:1"), referrers=True)
    run("registry_copy", arguments).failure("limit")
    assert registry.writes() == []


def test_t51_a_layout_that_is_a_docker_archive_too_is_counted_as_one(
    make_registry: MakeRegistry, run: t.Callable[..., Result], tmp_path: Path
) -> None:
    registry = make_registry()
    content = images.index(*(heavy_image(number) for number in range(15)))
    saved = images.docker_files({"1": images.image(layers=["a"])})
    files = {**saved, **images.layout_files({"1": content})}
    path = images.write_bytes(tmp_path / "image.tar", tar_bytes(files.items()))
    run("registry_push", registry.args(name="app:1", path=path)).failure("limit")
    assert registry.writes() == []


def test_t51_the_table_of_an_archive_is_charged(tmp_path: Path) -> None:
    path = images.write_bytes(tmp_path / "image.tar", tar_bytes((f"{number:06}", b"") for number in range(3000)))
    with refused("limit", "The table of the archive", path, "more than 1 MB"):
        open_source(path, None, Budget(1_000_000))
    with refused("invalid_source", "contains no image"):
        open_source(path, None, Budget(2_000_000))


@pytest.mark.parametrize("most", [1_000_000, 100_000_000])
def test_t51_the_signatures_of_many_children_are_counted_together(
    make_registry: MakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    registry = make_registry()
    children = [images.image(f"linux/arm/v{number}", layers=["a"]) for number in range(10)]
    put(registry, "app", "1", images.index(*children))
    absurd = {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": images.digest_of(b""), "size": 10**9}
    for child in children:
        signatures = {**images.image(layers=[]).document, "layers": [absurd] * 90}
        registry.add_manifest("app", signatures, images.OCI_MANIFEST, f"{child.digest.replace(':', '-')}.sig")
    monkeypatch.setattr(Budget.__init__, "__defaults__", (most,))
    arguments = registry.args(name=["app:1"], keys=[signing.KEYS["p256"]], recursive=True, unverified="report")
    image = run_module("registry_verify", arguments).data["images"][0]
    assert (len(image["signatures"]) == 900) is (most > 1_000_000)
    assert ("exceeds the memory limit" in str(image)) is (most <= 1_000_000)


@pytest.mark.parametrize("tags", [60, 250])
def test_t51_the_plan_for_many_tags_is_charged(
    make_registry: MakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, tags: int
) -> None:
    registry = make_registry()
    old, new = (put(registry, "app", tag, images.image(layers=[tag])) for tag in ("1", "1000"))
    for number in range(2, tags):
        registry.set_tag("app", f"{number}", old.digest)
    monkeypatch.setattr(Budget.__init__, "__defaults__", (300_000,))
    result = run_module("registry_prune", registry.args(name="app", keep_last=1, sort="version", max_deletions=0))
    assert result.failed == (tags > 100)
    assert result.failed or registry.tags("app") == {"1000": new.digest}
    assert not result.failed or (result.error["kind"] == "limit" and "Nothing was deleted" in result.msg and not registry.writes())


def test_t51_the_folders_of_an_artifact_are_not_kept_together(
    make_registry: MakeRegistry, run: t.Callable[..., Result], tmp_path: Path
) -> None:
    registry = make_registry()
    layers = []
    for number in range(10):
        files = [(f"f{number}/{name}", bytes([number]) * 62_000) for name in range(260)]  # 16 MB, of which nearly nothing is sent
        layers.append(artifacts.folder(registry, f"f{number}", tar_bytes(files)))
    artifacts.artifact(registry, "1", *layers)
    dest = tmp_path / "dest"
    assert run("registry_artifact_pull", registry.args(name="app:1", dest=str(dest))).ok().changed
    for number in range(10):
        (dest / f"f{number}" / "7").write_bytes(b"changed")
    assert run("registry_artifact_pull", registry.args(name="app:1", dest=str(dest))).ok().changed
    assert all((dest / f"f{number}" / f"{name}").read_bytes() == bytes([number]) * 62_000 for number in range(10) for name in (7, 259))


@pytest.mark.parametrize(
    ("module", "told"), [("sync", "The plan for 299 tags"), ("sync newest", "The state of the 300 tags"), ("tag_delete", "The state of")]
)
def test_t51_the_tags_that_are_looked_at_are_charged(
    make_registry: MakeRegistry, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, module: str, told: str
) -> None:
    registry = make_registry()
    added = put(registry, "app", "1", images.image(layers=["a"]))
    for number in range(2, 301):
        registry.set_tag("app", f"{number}", added.digest)
    chosen = {"include": ["."], **({"newest": 2, "sort": "created"} if module == "sync newest" else {"exclude": ["^7$"]})}
    tasks = {
        "sync": {"images": [{"src": f"{registry.host}/app", **chosen}], "dest_registry": f"{registry.host}/mirror", "plain_http": True},
        "tag_delete": registry.args(name="app:1", method="digest"),
    }
    monkeypatch.setattr(Budget.__init__, "__defaults__", (150_000,))
    result = run_module(f"registry_{module.split()[0]}", tasks[module.split()[0]])
    assert result.failed
    assert told in str(result.data)
    assert registry.writes() == []


@pytest.mark.parametrize(
    ("kind", "path", "count"), [(b"0", "/a", 30_000), (b"0", "/**", 3000), (b"2", "/a", 3000), (b"1", "/h", 12_000), (b"l", "/h", 12_000)]
)
def test_t51_long_paths_in_layers_are_counted_by_their_parts(
    make_registry: MakeRegistry, run: t.Callable[..., Result], tmp_path: Path, kind: bytes, path: str, count: int
) -> None:
    registry = make_registry()
    deep = b"a/" * 46

    def entry(number: int) -> bytes:
        if kind in b"02":
            return header(deep + b"f", kind=kind, link=b"f", prefix=b"%05d/" % number + deep)
        return header(b"h/%05d" % number, kind=b"1" if kind == b"1" else b"2", link=b"/%05d/" % number + deep)

    registry.add_image("app", "1", [header(b"a") + b"".join(map(entry, range(count))) + bytes(1024)])
    run("registry_extract", registry.args(name="app:1", paths=[path], dest=str(tmp_path / "dest"))).failure("limit")
