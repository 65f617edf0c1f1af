# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stories of guides about deployments and pipelines; test_guide_plays.py tells how they are told."""

from __future__ import annotations

import json
import re
import typing as t

import pytest
import yaml
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import LOGIN, RST, MakeRegistry, Tell, blocks, guarded, telling
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth, User
from jinja2 import Template

pytestmark = pytest.mark.usefixtures("one_authority")
tell = pytest.fixture(telling)


def test_digests(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
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


def test_ci(make_registry: MakeRegistry, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    password = LOGIN["vault_registry_password"]
    registry = make_registry(tls=True, auth=TokenAuth({"ci": User(password), "reader": User(password, {"*": "pull"})}))
    reader = tell("guide_ci", {"registry.example.com": registry})
    job = {"OCITOOLS_REGISTRY": registry.host, "OCITOOLS_REGISTRY_USERNAME": "ci", "OCITOOLS_REGISTRY_PASSWORD": password}
    job.update(IMAGE=f"{registry.host}/team/app", COMMIT="0a1b2c3", VERSION="1.4.2")

    def run(file: str, fails: bool = False, unset: str = "", **environment: str) -> str:
        for name, value in {**job, **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv(unset, raising=False)
        return reader.play(file, fails=fails, pause_seconds="0").output

    for file in (".gitlab-ci.yml", ".github/workflows/push.yml"):
        text = (reader.folder / file).read_text(encoding="utf-8")
        assert set(re.findall(r"OCITOOLS_\w+|\bIMAGE\b|\bCOMMIT\b", text)) == set(job) - {"VERSION"}
    run("push.yml", fails=True)
    pushed = images.image()
    images.write_docker_archive(reader.folder / "app.tar", {"app": pushed})
    run("push.yml", fails=True, IMAGE=f"{registry.host}/Team/app")
    run("push.yml", fails=True, unset="OCITOOLS_REGISTRY")
    run("push.yml", fails=True, OCITOOLS_REGISTRY="registry.example.net")
    run("push.yml", fails=True, OCITOOLS_REGISTRY_USERNAME="reader")
    assert registry.tags("team/app") == {}

    registry.on("put_manifest").answer(429, {"Retry-After": "3600"})
    again = run("push.yml")
    assert "FAILED - RETRYING" in again
    assert re.search('"0 bytes sent, [1-9][0-9]* were in the registry"', again)
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
    registry = guarded(make_registry)
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
    inject({**credential, "registry": "registry.example.net/team"})
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
    for name in files["injectors.yml"]["env"]:
        monkeypatch.delenv(name)
    inject({"tower": {"filename": injected}}, "injectors_of_auth_files.yml")
    reader.play("test.yml")


def test_events(make_registry: MakeRegistry, tell: Tell) -> None:
    reader = tell("guide_events", {"registry.example.com": guarded(make_registry)})
    image = f"registry.example.com/team/app@sha256:{'1' * 64}"
    deploy = ("deploy.yml", "-i", "inventory.yml", "--limit", "web1.example.com")
    variables: dict[str, t.Any] = {"app_image": image, "folder": str(reader.folder), "ansible_connection": "local"}
    assert reader.play(*deploy, **variables).changed == 1
    assert yaml.safe_load((reader.folder / "compose.yml").read_text(encoding="utf-8")) == {"services": {"app": {"image": image}}}
    assert reader.play(*deploy, **variables).changed == 0
