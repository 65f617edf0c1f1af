# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every play in a guide is run as it stands there, but for the names of hosts.

A guide gives each play a file name (``:caption: promote.yml``), and other files too that the plays need. A test here prepares registries,
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
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import RST, Reader, blocks
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.registry.auth import EVERYTHING, TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from jinja2 import Template

MakeRegistry = t.Callable[..., FakeRegistry]
Tell = t.Callable[..., Reader]
GUIDES = sorted(path.stem for path in RST.glob("guide_*.rst"))
LOGIN: dict[str, t.Any] = {"vault_registry_password": "s3cret-of-the-guide"}

pytestmark = pytest.mark.usefixtures("one_authority")


@pytest.fixture
def tell(tmp_path: Path) -> t.Iterator[Tell]:
    """Let somebody read a guide: ``tell("guide_promote", {"registry.example.com": registry})``."""
    readers = []

    def begin(guide: str, registries: t.Mapping[str, FakeRegistry]) -> Reader:
        folder = tmp_path / "reader"
        folder.mkdir()
        readers.append(Reader(guide, folder, {name: registry.host for name, registry in registries.items()}))
        return readers[-1]

    yield begin
    assert [reader.untold() for reader in readers] == [set() for _reader in readers]


def test_every_play_has_a_name_and_is_told() -> None:
    told = re.findall(r'tell\("(guide_\w+)"', Path(__file__).read_text(encoding="utf-8"))
    plays = {guide: [block for block in blocks(guide) if block.is_play] for guide in GUIDES}
    assert [block.text for found in plays.values() for block in found if not block.file] == []
    assert sorted(guide for guide, found in plays.items() if found) == sorted(set(told))


def _guarded(make_registry: MakeRegistry) -> FakeRegistry:
    """A registry for the users of the guides."""
    users = {name: User(LOGIN["vault_registry_password"], EVERYTHING) for name in ("ci", "robot")}
    return make_registry(tls=True, auth=TokenAuth(users))


def test_authentication(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = _guarded(make_registry)
    reader = tell("guide_authentication", {"reg.example.com": registry})
    pushed = images.image()
    images.write_oci_archive(reader.folder / "app.tar", {"1.4.2": pushed})
    assert reader.play("release.yml", **LOGIN).changed == 1
    assert registry.tags("team/app") == {"1.4.2": pushed.digest}


def test_retention(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = _guarded(make_registry)
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
    registry = _guarded(make_registry)
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
    outside, inside = _guarded(make_registry), _guarded(make_registry)
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
    (folder / "images.yml").write_text(right, encoding="utf-8")
    assert reader.play("import.yml", **LOGIN).changed > 0
    assert inside.tags("mirror/org/app") == {"1.2": app}
    assert reader.play("import.yml", **LOGIN).changed == 0
    assert outside.log() == []


def test_digests(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = _guarded(make_registry)
    app = registry.add_image("team/app", "1.4").digest
    db = registry.add_index("team/db", "16", platforms=["linux/amd64"]).digest
    reader = tell("guide_digests", {"registry.example.com": registry})
    folders = [reader.folder / name for name in ("web1.example.com", "web2.example.com")]
    for folder in folders:
        folder.mkdir()
    web = ("-i", "inventory.yml", "-e", "ansible_connection=local", "-e", f"folder={reader.folder}/{{{{inventory_hostname}}}}")

    assert reader.play("deploy.yml", *web, **LOGIN).changed == 2
    assert registry.counts() == {"head_manifest": 3, "token": 2}
    images_named = [reader.there(f"image: registry.example.com/team/{name}\n") for name in (f"app@{app}", f"db@{db}")]
    assert [all(line in (folder / "compose.yml").read_text(encoding="utf-8") for line in images_named) for folder in folders] == [
        True,
        True,
    ]
    again = reader.play("deploy.yml", *web, **LOGIN)
    assert again.changed == 0
    assert "Here goes" not in again.output
    for target in ("deployment.yml", "app.container"):
        assert reader.play("deploy.yml", *web, target=target, **LOGIN).changed == 2
        assert f"team/app@{app}\n" in (folders[0] / target).read_text(encoding="utf-8")

    reader.play("pin.yml", **LOGIN)
    assert reader.play("deploy_pinned.yml", *web, **LOGIN).changed == 2
    moved = registry.add_image("team/app", "1.4", config={"author": "somebody else"}).digest
    shown = reader.play("deploy.yml", "--check", "--diff", *web, **LOGIN).output
    assert f"-    image: {registry.host}/team/app@{app}" in shown
    assert f"+    image: {registry.host}/team/app@{moved}" in shown
    stopped = reader.play("deploy_pinned.yml", *web, fails=True, **LOGIN).output
    assert f"team/app:1.4 has moved to {registry.host}/team/app@{moved}: run pin.yml and have the change reviewed" in stopped
    loose = reader.play("deploy_pinned.yml", *web, fails=True, app_image=f"{registry.host}/team/app:1.4", **LOGIN).output
    assert "team/app:1.4 has no digest: run pin.yml" in loose

    registry.remove_tag("team/app", "1.4")
    reader.play("deploy.yml", *web, fails=True, **LOGIN)
    reader.play("deploy.yml", *web, fails=True, vault_registry_password="outdated")
    reader.play("deploy.yml", *web, fails=True, ocitools_registry_username="", ocitools_registry_password="")


def test_moving(make_registry: MakeRegistry, tell: Tell) -> None:
    old, new = _guarded(make_registry), _guarded(make_registry)
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
    source, registry = make_registry(tls=True), _guarded(make_registry)
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


def test_ci(make_registry: MakeRegistry, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    password = LOGIN["vault_registry_password"]
    registry = make_registry(tls=True, auth=TokenAuth({"ci": User(password), "reader": User(password, {"*": "pull"})}))
    reader = tell("guide_ci", {"registry.example.com": registry})
    job = {"OCITOOLS_REGISTRY": registry.host, "OCITOOLS_REGISTRY_USERNAME": "ci", "OCITOOLS_REGISTRY_PASSWORD": password}
    job.update(IMAGE=f"{registry.host}/team/app", COMMIT="0a1b2c3", VERSION="1.4.2")

    def run(file: str, fails: bool = False, **environment: str) -> str:
        for name, value in {**job, **environment}.items():
            monkeypatch.setenv(name, value)
        return reader.play(file, fails=fails, pause_seconds="0").output

    for file in (".gitlab-ci.yml", ".github/workflows/push.yml"):
        text = (reader.folder / file).read_text(encoding="utf-8")
        assert set(re.findall(r"OCITOOLS_\w+|\bIMAGE\b|\bCOMMIT\b", text)) == set(job) - {"VERSION"}
    run("push.yml", fails=True)
    pushed = images.image()
    images.write_docker_archive(reader.folder / "app.tar", {"app": pushed})
    run("push.yml", fails=True, IMAGE=f"{registry.host}/Team/app")
    run("push.yml", fails=True, OCITOOLS_REGISTRY="")
    run("push.yml", fails=True, OCITOOLS_REGISTRY="registry.example.net")
    run("push.yml", fails=True, OCITOOLS_REGISTRY_USERNAME="reader")
    assert registry.tags("team/app") == {}

    registry.on("put_manifest").answer(429, {"Retry-After": "3600"})
    again = run("push.yml")
    assert "FAILED - RETRYING" in again
    assert re.search('"0 bytes sent, [1-9][0-9]* were there"', again)
    noted: dict[str, t.Any] = dict(line.split("=") for line in (reader.folder / "pushed.env").read_text(encoding="utf-8").split())
    assert registry.tags("team/app") == {"0a1b2c3": noted["PUSHED_DIGEST"]}

    registry.clear()
    run("release.yml", **noted)
    assert dict.fromkeys(("0a1b2c3", "1.4.2", "latest"), noted["PUSHED_DIGEST"]) == registry.tags("team/app")
    assert registry.writes() == ["PUT /v2/team/app/manifests/1.4.2", "PUT /v2/team/app/manifests/latest"]
    other = registry.add_image("team/app", "1.4.2", config={"author": "somebody else"}).digest
    run("release.yml", fails=True, **noted)
    assert registry.tags("team/app")["1.4.2"] == other


def test_awx(make_registry: MakeRegistry, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = _guarded(make_registry)
    old = registry.add_image("team/app", "1.4", config={"author": "the last release"}).digest
    tested = registry.add_image("team/app", "1.4.2-rc1").digest
    reader = tell("guide_awx", {"registry.example.com": registry})
    files = {block.file: yaml.safe_load(block.text) for block in blocks("guide_awx") if block.language.startswith("yaml")}

    def inject(fields: t.Mapping[str, t.Any], file: str = "injectors.yml") -> None:
        for name, template in files[file]["env"].items():
            monkeypatch.setenv(name, Template(template).render(fields))

    assert files["execution-environment.yml"] == yaml.safe_load((RST.parents[1] / "execution-environment.yml").read_text(encoding="utf-8"))
    (reader.folder / "ansible.cfg").write_text("[defaults]\nshow_custom_stats = true\n", encoding="utf-8")
    credential = {"registry": registry.host, "username": "ci", "password": LOGIN["vault_registry_password"]}
    assert set(credential) == set(files["inputs.yml"]["required"]) == {field["id"] for field in files["inputs.yml"]["fields"]}
    reader.play("test.yml", fails=True)
    inject({**credential, "registry": f"https://{registry.host}"})
    reader.play("test.yml", fails=True)
    inject(credential)
    stats = reader.play("test.yml", "-vvv").output
    assert credential["password"] not in stats
    assert f'RUN: {{ "tested_digest": "{tested}"}}' in stats
    reader.play("promote.yml", fails=True)
    shown = reader.play("promote.yml", "--check", "--diff", tested_digest=tested).output
    assert f'-    "1.4": "{old}"' in shown
    assert f'"1.4": "{old}"' in reader.play("promote.yml", tested_digest=tested).output
    assert registry.tags("team/app") == dict.fromkeys(("1.4", "1.4.2", "1.4.2-rc1"), tested)
    registry.add_image("team/app", "1.4.2-rc1", config={"author": "somebody else"})
    reader.play("promote.yml", fails=True, tested_digest=tested)

    auth_file = json.dumps({"auths": {registry.host: {key: credential[key] for key in ("username", "password")}}})
    injected = reader.folder / "tower"
    injected.write_text(Template(files["injectors_of_auth_files.yml"]["file"]["template"]).render(auth_file=auth_file), encoding="utf-8")
    inject(dict.fromkeys(credential, ""))
    inject({"tower": {"filename": injected}}, "injectors_of_auth_files.yml")
    reader.play("test.yml")
