# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of the guides that mirror lists of images: with signed and multi-platform images, repositories without tags, and limits of pulls among them."""

from __future__ import annotations

import json
import tarfile
import typing as t
from collections import Counter
from pathlib import Path

import pytest
import yaml
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Reference
from ansible_collections.ocitools.registry.plugins.module_utils._tasks.sync_entries import shard_of
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import LOGIN, MakeRegistry, Reader, Tell, guarded, telling
from ansible_collections.ocitools.registry.tests.unit.plugins import signing
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import limit_pulls
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

PLATFORMS = ("linux/amd64", "linux/arm64")

pytestmark = pytest.mark.usefixtures("one_authority")
tell = pytest.fixture(telling)


def _add_signed(registry: FakeRegistry, repository: str, tag: str) -> tuple[str, set[str]]:
    """Add a multi-platform image with a signature and a referrer; return its digest, and the tags that belong to it."""
    digest = registry.add_index(repository, tag, platforms=list(PLATFORMS)).digest
    signing.add_simple(registry, digest, signing.make_key(), repository=repository)
    registry.add_referrer(repository, digest)
    return digest, {tag, f"{digest.replace(':', '-')}.sig"}


def _add_empty(registry: FakeRegistry, repository: str) -> None:
    registry.add_image(repository, "gone")
    registry.remove_tag(repository, "gone")


def _is_layer(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x1f\x8b")


def _import_what_was_spoilt(reader: Reader, inside: FakeRegistry, carried: t.Sequence[dict[str, t.Any]]) -> None:
    """Lose and change files of the directory, and see that the import brings no image that is not what the list says; leave all as it was."""
    folder, app = reader.folder / "carried", carried[0]["digest"]
    spoilt, lost = (max((folder / image["path"] / "blobs" / "sha256").iterdir(), key=_is_layer) for image in carried)
    contents = [path.read_bytes() for path in (spoilt, lost)]
    spoilt.write_bytes(contents[0][:-1] + b"!")
    lost.unlink()
    reader.play("import.yml", fails=True, **LOGIN)
    assert inside.tags("mirror/org/app") == inside.tags("mirror/org/db") == {}
    for path, content in zip((spoilt, lost), contents):
        path.write_bytes(content)
    right = (folder / "images.yml").read_text(encoding="utf-8")
    (folder / "images.yml").write_text(right.replace(app, f"sha256:{'0' * 64}"), encoding="utf-8")
    reader.play("import.yml", fails=True, **LOGIN)
    assert "1.2" not in inside.tags("mirror/org/app")
    assert inside.tags("mirror/org/db") == {"16.1": carried[1]["digest"]}
    (folder / "images.yml").write_text(right.replace(f'"path": "{carried[0]["path"]}"', '"path": "../elsewhere"'), encoding="utf-8")
    assert "is not the name of a folder beside it" in reader.play("import.yml", fails=True, **LOGIN).output
    (folder / "images.yml").write_text(right, encoding="utf-8")


def test_air_gap(make_registry: MakeRegistry, tell: Tell) -> None:
    outside, inside = guarded(make_registry), guarded(make_registry)
    pulls = limit_pulls(outside, 100)
    whole = outside.add_index("org/db", "16.1", platforms=list(PLATFORMS)).digest
    outside.add_image("org/db", "15.9")
    _add_empty(outside, "org/tools")
    reader = tell("guide_air_gap", {"quay.example.org": outside, "registry.example.com": inside})
    reader.play("export.yml", fails=True, **LOGIN)
    app, tags = _add_signed(outside, "org/app", "1.2")
    pulls["left"] = 10
    reader.play("export.yml", fails=True, **LOGIN)
    assert pulls["left"] == 10
    pulls["left"] = 100
    outside.clear()
    assert reader.play("export.yml", **LOGIN).changed > 0
    assert {request.repository for request in outside.named("get_blob")} == {"org/app"}
    outside.clear()
    assert inside.log() == []
    folder = reader.folder / "carried"
    listed = yaml.safe_load((folder / "images.yml").read_text(encoding="utf-8"))["images"]
    carried = [image for image in listed if ".sig" not in image["name"] and image.get("platforms")]
    assert [(image["name"].partition("/")[2], image["platforms"]) for image in carried] == [
        ("org/app:1.2", list(PLATFORMS)),
        ("org/db:16.1", ["linux/amd64"]),
    ]
    assert carried[0]["digest"] == app
    assert carried[1]["digest"] != whole
    _import_what_was_spoilt(reader, inside, carried)
    assert reader.play("import.yml", **LOGIN).changed > 0
    assert inside.tags("mirror/org/app")["1.2"] == app
    assert set(inside.tags("mirror/org/app")) == tags
    assert set(outside.manifests("org/app")) == set(inside.manifests("mirror/org/app"))
    assert reader.play("import.yml", **LOGIN).changed == 0
    reader.play("check.yml", **LOGIN)
    inside.set_tag("mirror/org/app", "1.2", inside.add_image("mirror/org/app").digest)
    reader.play("check.yml", fails=True, **LOGIN)
    assert outside.log() == []


def test_moving(make_registry: MakeRegistry, tell: Tell) -> None:
    old, new = guarded(make_registry), guarded(make_registry)
    passwords: dict[str, t.Any] = dict.fromkeys(("vault_old_password", "vault_new_password"), LOGIN["vault_registry_password"])
    broken = old.add_image("team/app", "1.0")
    signed, _tags = _add_signed(old, "team/app", "2.0")
    old.add_image("team/db", "16")
    old.add_image("others/app", "1")
    _add_empty(old, "team/abandoned")
    reader = tell("guide_moving", {"old.example.com": old, "new.example.com": new})
    layer = broken.layers[0]["digest"]
    content = old.blob("team/app", layer)
    old.remove_blob("team/app", layer)
    old.on("get_manifest").answer(429, {"Retry-After": "1"})
    reader.play("move.yml", fails=True, **passwords)
    assert "1.0" not in new.tags("team/app")
    assert new.tags("team/app")["2.0"] == signed
    old.add_blob("team/app", content)
    old.set_tag("team/app", "latest", signed)
    assert reader.play("move.yml", **passwords).changed > 0
    assert {name: new.tags(name) for name in ("team/app", "team/db", "others/app")} == {
        "team/app": old.tags("team/app"),
        "team/db": old.tags("team/db"),
        "others/app": {},
    }
    assert set(old.manifests("team/app")) == set(new.manifests("team/app"))
    assert reader.play("move.yml", "--check", **passwords).changed == 0
    reader.play("verify.yml", **passwords)
    new.set_tag("team/app", "2.0", broken.digest)
    reader.play("verify.yml", fails=True, **passwords)
    old.style.catalog = "405"
    reader.play("move.yml", fails=True, **passwords)


def test_fan_out(make_registry: MakeRegistry, tell: Tell) -> None:
    source, registry = guarded(make_registry), guarded(make_registry)
    for name in ("db:16", "web:3"):
        source.add_image(f"org/{name.partition(':')[0]}", name.partition(":")[2])
    app, tags = _add_signed(source, "org/app", "1.2")
    _add_empty(source, "org/tools")
    pulls = limit_pulls(source, 10)
    reader = tell("guide_fan_out", {"quay.example.org": source, "registry.example.com": registry})
    edges = [reader.folder / f"edge{number}.example.net" for number in (1, 2)]
    hosts = ("-i", "hosts.yml", "--connection", "local", "-e", "image_dir={{playbook_dir}}/{{inventory_hostname}}")
    reader.play("fan_out.yml", *hosts, fails=True, **LOGIN)
    digest = registry.add_image("team/app", "1.4", platform="linux/amd64").digest
    edges[0].mkdir()
    assert reader.play("fan_out.yml", *hosts, fails=True, **LOGIN).changed == 1
    edges[1].mkdir()
    assert reader.play("fan_out.yml", *hosts, **LOGIN).changed == 1
    assert len({(edge / "app.tar").read_bytes() for edge in edges}) == 1
    with tarfile.open(edges[0] / "app.tar") as archive:
        (image,) = json.load(t.cast("t.IO[bytes]", archive.extractfile("manifest.json")))
    assert (image["RepoTags"], registry.tags("team/app")["1.4"]) == ([reader.there("registry.example.com/team/app:1.4")], digest)
    registry.on("head_manifest").answer(429, {"Retry-After": "3600"})
    reader.play("fan_out.yml", *hosts, fails=True, **LOGIN)
    secrets = {**LOGIN, "vault_quay_password": LOGIN["vault_registry_password"]}
    assert "min_remaining" in reader.play("mirror.yml", *hosts, fails=True, **secrets).output
    assert registry.tags("mirror/org/db") == {}
    pulls["left"] = 100
    source.clear()
    # The names hold the port of this run's registry: one host's part may be all of the images.
    parts = {shard_of(Reference(registry.host, f"mirror/org/{name}"), len(edges)) for name in ("app", "db", "web")}
    assert reader.play("mirror.yml", *hosts, **secrets).changed == len(parts)
    assert {name: set(registry.tags(f"mirror/org/{name}")) for name in ("app", "db", "web")} == {"app": tags, "db": {"16"}, "web": {"3"}}
    assert registry.tags("mirror/org/app")["1.2"] == app
    assert all(count == 1 for count in Counter(request.path for request in source.named("get_blob")).values())
    assert reader.play("mirror.yml", *hosts, **secrets).changed == 0
