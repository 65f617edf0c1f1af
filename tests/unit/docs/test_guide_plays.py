# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every play in a guide is run as it stands there, but for the names of hosts.

A guide gives each play a file name, in the line before it, and other files too that the plays need. A test here prepares registries,
reads the guide, runs its plays and looks at what the reader would look at; ``tell`` sees to it that none is left out, and that each
message in the guide (a block of ``text``) was seen.
"""

from __future__ import annotations

import json
import re
import tarfile
import typing as t
from collections import Counter
from pathlib import Path

import pytest
import yaml
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import LOGIN, RST, MakeRegistry, Tell, blocks, guarded, telling
from ansible_collections.ocitools.registry.tests.unit.plugins import images

GUIDES = sorted(path.stem for path in RST.glob("guide_*.rst"))

pytestmark = pytest.mark.usefixtures("one_authority")
tell = pytest.fixture(telling)


def test_every_play_has_a_name_and_is_told() -> None:
    stories = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_guide_plays*.py")]
    told = [guide for story in stories for guide in re.findall(r'tell\("(guide_\w+)"', story)]
    plays = {guide: [block for block in blocks(guide) if block.is_play] for guide in GUIDES}
    assert [block.text for found in plays.values() for block in found if not block.file] == []
    assert sorted(guide for guide, found in plays.items() if found) == sorted(set(told))


def test_authentication(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
    reader = tell("guide_authentication", {"reg.example.com": registry})
    pushed = images.image()
    images.write_oci_archive(reader.folder / "app.tar", {"1.4.2": pushed})
    assert reader.play("release.yml", **LOGIN).changed == 1
    assert registry.tags("team/app") == {"1.4.2": pushed.digest}


def test_retention(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
    for number in range(12):
        registry.add_image("team/app", f"b{number:02}", config={"created": f"2020-01-{number + 1:02}T00:00:00Z"})
    registry.add_image("team/base", "only")
    reader = tell("guide_retention", {"registry.example.com": registry})
    assert reader.play("retention.yml", **LOGIN).changed == 0
    assert len(registry.tags("team/app")) == 12
    assert reader.play("retention.yml", apply="true", **LOGIN).changed > 0
    assert sorted(registry.tags("team/app")) == [f"b{number:02}" for number in range(2, 12)]
    assert set(registry.tags("team/base")) == {"only"}


def test_promote(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
    old = registry.add_image("release/app", "1.4", config={"author": "the last release"}).digest
    reader = tell("guide_promote", {"registry.example.com": registry})
    reader.play("test.yml", fails=True, **LOGIN)
    tested = registry.add_image("team/app", "1.4.2-rc1").digest
    reader.play("test.yml", **LOGIN)
    reader.play("promote.yml", fails=True, **LOGIN)  # nobody is there who could say yes
    reader.play("promote.yml", fails=True, approved="false", **LOGIN)
    assert registry.tags("release/app") == {"1.4": old}
    shown = reader.play("promote.yml", "--check", "--diff", approved="true", **LOGIN).output
    assert old in shown
    assert tested in shown
    assert registry.tags("release/app") == {"1.4": old}
    assert reader.play("promote.yml", approved="true", **LOGIN).changed > 0
    assert registry.tags("release/app") == {"1.4": tested, "1.4.2": tested}
    previous = yaml.safe_load((reader.folder / "previous.yml").read_text(encoding="utf-8"))
    assert previous == {"previous": {"1.4": old, "1.4.2": None}}
    assert reader.play("promote.yml", approved="true", **LOGIN).changed == 0
    assert reader.play("rollback.yml", **LOGIN).changed > 0
    assert registry.tags("release/app") == {"1.4": old, "1.4.2": tested}
    registry.add_image("team/app", "1.4.2-rc1", config={"author": "somebody else"})
    failed = reader.play("promote.yml", approved="true", fails=True, **LOGIN)
    assert f"not the expected {tested}: nothing was copied." in failed.output
    assert registry.tags("release/app") == {"1.4": old, "1.4.2": tested}


def _is_layer(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x1f\x8b")


def test_air_gap(make_registry: MakeRegistry, tell: Tell) -> None:
    outside, inside = guarded(make_registry), guarded(make_registry)
    outside.add_index("org/db", "16.1", platforms=["linux/amd64", "linux/arm64"])
    outside.add_image("org/db", "15.9")
    reader = tell("guide_air_gap", {"quay.example.org": outside, "registry.example.com": inside})
    reader.play("export.yml", fails=True, **LOGIN)
    app = outside.add_index("org/app", "1.2", platforms=["linux/amd64", "linux/arm64"]).digest
    outside.clear()
    assert reader.play("export.yml", **LOGIN).changed > 0
    assert {request.repository for request in outside.named("get_blob")} == {"org/app"}
    outside.clear()
    assert inside.log() == []
    carried = yaml.safe_load((reader.folder / "carried" / "images.yml").read_text(encoding="utf-8"))["images"]
    assert [(image["name"].partition("/")[2], image["platforms"]) for image in carried] == [
        ("org/app:1.2", ["linux/amd64", "linux/arm64"]),
        ("org/db:16.1", ["linux/amd64"]),
    ]
    folder = reader.folder / "carried"
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
    assert inside.tags("mirror/org/app") == {}
    assert inside.tags("mirror/org/db") == {"16.1": carried[1]["digest"]}
    (folder / "images.yml").write_text(right.replace(f'"path": "{carried[0]["path"]}"', '"path": "../elsewhere"'), encoding="utf-8")
    assert "is not the name of a folder beside it" in reader.play("import.yml", fails=True, **LOGIN).output
    (folder / "images.yml").write_text(right, encoding="utf-8")
    assert reader.play("import.yml", **LOGIN).changed > 0
    assert inside.tags("mirror/org/app") == {"1.2": app}
    assert reader.play("import.yml", **LOGIN).changed == 0
    assert outside.log() == []


def test_moving(make_registry: MakeRegistry, tell: Tell) -> None:
    old, new = guarded(make_registry), guarded(make_registry)
    passwords: dict[str, t.Any] = dict.fromkeys(("vault_old_password", "vault_new_password"), LOGIN["vault_registry_password"])
    moved = [old.add_image("team/app", tag, config={"author": tag}) for tag in ("1.0", "2.0")]
    signature = old.add_referrer("team/app", moved[1].digest)
    old.add_image("team/db", "16")
    old.add_image("others/app", "1")
    reader = tell("guide_moving", {"old.example.com": old, "new.example.com": new})
    (layer, *_others) = moved[0].layers
    content = old.blob("team/app", layer["digest"])
    old.remove_blob("team/app", layer["digest"])
    reader.play("move.yml", fails=True, **passwords)
    assert set(new.tags("team/app")) == {"2.0"}
    old.add_blob("team/app", content)
    old.set_tag("team/app", "latest", moved[1].digest)
    assert reader.play("move.yml", **passwords).changed > 0
    assert {name: new.tags(name) for name in ("team/app", "team/db", "others/app")} == {
        "team/app": old.tags("team/app"),
        "team/db": old.tags("team/db"),
        "others/app": {},
    }
    assert signature.digest in new.manifests("team/app")
    assert reader.play("move.yml", "--check", **passwords).changed == 0
    old.style.catalog = "405"
    reader.play("move.yml", fails=True, **passwords)


def test_fan_out(make_registry: MakeRegistry, tell: Tell) -> None:
    source, registry = make_registry(tls=True), guarded(make_registry)
    for name in ("app:1.2", "db:16", "web:3"):
        source.add_image(f"org/{name.partition(':')[0]}", name.partition(":")[2])
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
    assert reader.play("mirror.yml", *hosts, **LOGIN).changed > 0
    assert {name: set(registry.tags(f"mirror/org/{name}")) for name in ("app", "db", "web")} == {"app": {"1.2"}, "db": {"16"}, "web": {"3"}}
    assert all(count == 1 for count in Counter(request.path for request in source.named("get_blob")).values())
