# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what is fuzzed: one entry for each module, and for the lookup. A new module needs an entry, or the run fails.

An entry has ``tasks``, which succeed as long as nothing is changed, and ``failures``, which fail, and which no change can make right: a task that is "ok" then
has believed what nobody should. Each of them is a function that puts files into ``world.folder / "in"`` and returns the options of the task.
"""

from __future__ import annotations

import gzip
import json
import os
import typing as t
from dataclasses import dataclass

from ..unit.plugins import images, signing, tars
from .world import World

Options = dict[str, t.Any]
Task = t.Callable[[World], Options]


@dataclass(frozen=True)
class Entry:
    """What is run of a module."""

    tasks: tuple[Task, ...]
    failures: tuple[Task, ...] = ()
    answers: tuple[str, ...] = ()
    """Endpoints (see ENDPOINTS in tests/unit/registry/fake.py) whose answers are changed for ``failures``; all without any.

    Tags and lists are the registry's word alone: a task that fails for what they lead to succeeds where a change makes them lead elsewhere.
    """
    result: t.Callable[[World, Options], bool] = lambda world, result: True
    """Whether what an "ok" task says is a success at all: some report what is wrong."""


def _docker(world: World) -> Options:
    return {"name": "new:1", "path": images.write_docker_archive(world.folder / "in" / "app.tar", images.image(layers=["one", "two"]))}


def _layout(world: World) -> Options:
    return {"name": "new:1", "path": images.write_layout(world.folder / "in" / "app", images.multi_arch())}


def _archive(compression: str) -> Task:
    def task(world: World) -> Options:
        return {"name": "new:1", "path": images.write_oci_archive(world.folder / "in" / "app.tar", images.image(), compression)}

    return task


def _held(world: World) -> Options:
    return {"path": images.write_docker_archive(world.folder / "in" / "app.tar", images.image(layers=["one", "two"]), "mixed")}


def _held_layout(world: World) -> Options:
    return {"path": images.write_layout(world.folder / "in" / "app", {"app:1": images.multi_arch(), "app:2": images.image()})}


def _torn_layout(world: World) -> Options:
    content = images.image(layers=["one", "two"])
    options = {"name": "new:1", "path": images.write_layout(world.folder / "in" / "app", content)}
    layer = list(content.blobs)[-1]
    path = world.folder / "in" / "app" / "blobs" / layer.replace(":", "/")
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    return options


def _files(**options: t.Any) -> Task:
    def task(world: World) -> Options:
        (world.folder / "in" / "folder").mkdir(exist_ok=True)
        path = images.write_bytes(world.folder / "in" / "folder" / "file.txt", b"text")
        return {"files": [path, os.path.dirname(path)], "annotations": {"a": "b"}, **options}

    return task


def _artifact(world: World, content: bytes, **annotations: str) -> str:
    """Put an artifact with one file into the registry and return its name."""
    notes = {
        f"org.opencontainers.image.{key}" if key == "title" else f"io.deis.oras.content.{key}": text for key, text in annotations.items()
    }
    layer = {**world.registry.add_blob("app", content, "text/plain"), "annotations": notes}
    made = world.registry.add_referrer("app", world.registry.tags("app")["old"], "application/vnd.example.file", layers=[layer])
    return f"app@{made.digest}"


def _pulled_artifact(world: World) -> Options:
    return {"name": _artifact(world, b"text", title="sub/a.txt"), "dest": str(world.folder / "out" / "pulled")}


def _pulled_folder(world: World) -> Options:
    content = gzip.compress(tars.tar_bytes([("d/run", b"x" * 3000), ("d/sub/file", b"y")]), mtime=0)
    return {"name": _artifact(world, content, title="d", unpack="true"), "dest": str(world.folder / "out" / "pulled")}


def _hostile_artifact(world: World) -> Options:
    return {"name": _artifact(world, b"text", title="../elsewhere/secret"), "dest": str(world.folder / "out" / "pulled")}


def _torn_artifact(world: World) -> Options:
    content = gzip.compress(tars.tar_bytes([("d/run", b"x"), ("../elsewhere/secret", b"x")]), mtime=0)
    return {"name": _artifact(world, content, title="d", unpack="true"), "dest": str(world.folder / "out" / "pulled")}


def _pull(form: str, name: str) -> Task:
    return lambda world: {"name": name, "path": str(world.folder / "out" / "pulled"), "format": form}


def _extract(name: str, **options: t.Any) -> Task:
    return lambda world: {"name": name, "paths": ["/"], "dest": str(world.folder / "out" / "pulled"), **options}


def _torn_extract(world: World) -> Options:
    return _extract(f"app@{world.torn}")(world)


def _linked_pull(world: World) -> Options:
    (world.folder / "out" / "pulled").symlink_to(world.folder / "elsewhere")
    return {"name": "app:1", "path": str(world.folder / "out" / "pulled")}


def _fixed(**options: t.Any) -> Task:
    return lambda world: dict(options)


def _torn(option: str, **options: t.Any) -> Task:
    return lambda world: {**options, option: f"app@{world.torn}"}


def _torn_pull(world: World) -> Options:
    return _pull("oci-archive", f"app@{world.torn}")(world)


def _copy(source: t.Callable[[World], str], **options: t.Any) -> Task:
    return lambda world: {"src": world.registry.name(source(world)), "dest": world.registry.name("copy:1"), **options}


def _login(content: bytes) -> Task:
    def task(world: World) -> Options:
        path = world.folder / "in" / "login.json"
        path.write_bytes(content)
        return {"auth_file": str(path), **(world.registry.auth.credentials() or {"username": "user", "password": "a-password"})}

    return task


def _linked_login(world: World) -> Options:
    (world.folder / "in" / "login.json").symlink_to(world.folder / "elsewhere" / "login.json")
    return {
        "auth_file": str(world.folder / "in" / "login.json"),
        **(world.registry.auth.credentials() or {"username": "u", "password": "a-password"}),
    }


def _signed(*names: str, **options: t.Any) -> Task:
    """Verify the image of the recorded signatures, with those among them that are named."""

    def task(world: World) -> Options:
        signing.add_recorded(world.registry, *names, repository="signed")
        return {"name": ["signed:1"], **options}

    return task


def _tag_signed(world: World) -> Options:
    signing.add_recorded(world.registry, "cosign2-p256", repository="signed")
    return {"name": "signed:1", "tags": ["2"], "verify": {"keys": [signing.KEYS["p384"]]}}


_AUTHORITY = {"certificate_authorities": [signing.AUTHORITY], "identities": "ci@example.com"}
_SIGNING_KEY = signing.private_pem(signing.make_key())


def _sync(entry: t.Callable[[World], t.Any], **options: t.Any) -> Task:
    return lambda world: {"dest_registry": world.registry.name("mirror"), "images": [entry(world)], **options}


def _export(world: World) -> Options:
    return {
        "dest_dir": str(world.folder / "out" / "pulled"),
        "images": [world.registry.name("app:1"), world.registry.name("app:multi")],
        "referrers": True,
    }


def _import(world: World) -> Options:
    content = images.image()
    images.write_layout(world.folder / "in" / "carried" / "quay.io+app", {"1": content})
    entry = {"name": "quay.io/app:1", "path": "quay.io+app", "digest": content.digest, "size": 1, "platforms": []}
    (world.folder / "in" / "carried" / "images.yml").write_text(json.dumps({"images": [entry]}), encoding="ascii")
    return {"src_dir": str(world.folder / "in" / "carried"), "dest_registry": world.registry.name("mirror")}


TABLE: dict[str, Entry] = {
    "registry_archive_info": Entry((_held, _held_layout)),
    "registry_artifact": Entry(
        (_files(name="new:1"), _files(name="app", subject="app:1"), _files(name="app:file", subject="app:multi")),
    ),
    "registry_artifact_pull": Entry((_pulled_artifact, _pulled_folder), (_hostile_artifact, _torn_artifact), ("get_blob",)),
    "registry_copy": Entry(
        (_copy(lambda world: "app:1", referrers=True), _copy(lambda world: "app:multi")),
        (_copy(lambda world: f"app@{world.torn}"),),
    ),
    "registry_digest": Entry((lambda world: {"terms": ["app:1"]},)),
    "registry_extract": Entry(
        (_extract("app:1"), _extract("app:multi", platform="linux/amd64")),
        (_extract("app:1", paths=["/not/there"]), _torn_extract),
        ("get_blob",),
    ),
    "registry_image_info": Entry(
        (_fixed(name=["app:1"], details="config", referrers=True), _fixed(name=["app:multi"], platform="linux/arm64", details="config")),
        (lambda world: {"name": [f"app@{world.torn}"], "details": "config"},),
        result=lambda world, result: all(image["exists"] for image in result["images"]),
    ),
    "registry_index": Entry(
        (
            _fixed(name="app:all", images=["app:1", {"name": "app:multi", "platform": "linux/arm64", "annotations": {"a": "b"}}]),
            _fixed(name="app:multi", images=["app:1"], children="append"),
        ),
        (lambda world: {"name": "copy:all", "images": [f"app@{world.torn}"]},),
    ),
    "registry_info": Entry((_fixed(), _fixed(push_to="new"))),
    "registry_login": Entry(
        (_login(b""), _login(b'{"auths": {"other.example.com": {"auth": "dTpw"}}, "HttpHeaders": {"X": "1.10"}}')), (_linked_login,)
    ),
    "registry_preflight": Entry(
        (_fixed(images=["app:1", {"name": "app:multi", "platforms": ["linux/arm64"]}], push_to=["new"]),),
        (lambda world: {"images": ["app:absent"]},),
    ),
    "registry_prune": Entry(
        (
            _fixed(name="app", keep_within="1d", include=["^(old|1)$"]),
            _fixed(name="app", keep_last=1, include=["^(old|1)$"], method="digest"),
            _fixed(name=[{"name": "app", "include": ["^(old|1)$"], "keep_semver": "^1"}], keep_within="1d"),
        ),
        (_fixed(name="app", keep_within="1d"),),
        ("get_blob",),
    ),
    "registry_pull": Entry(
        (_pull("oci-layout", "app:1"), _pull("oci-archive", "app:multi"), _pull("docker-archive", "app:1")),
        (_pull("oci-layout", "app:broken"), _torn_pull, _linked_pull),
        ("get_blob",),
    ),
    "registry_push": Entry((_docker, _layout, _archive(""), _archive("gzip"), _archive("xz")), (_torn_layout,)),
    "registry_repository_info": Entry((_fixed(),)),
    "registry_sign": Entry(
        (
            _fixed(name="app:1", signing_key=_SIGNING_KEY),
            _fixed(name="app:multi", signing_key=_SIGNING_KEY, format="bundle", recursive=True),
        ),
        (_torn("name", signing_key=_SIGNING_KEY),),
    ),
    "registry_sync": Entry(
        (
            _sync(
                lambda world: {
                    "src": world.registry.name("app"),
                    "include": ["^(1|old)$"],
                    "newest": 1,
                    "sort": "created",
                    "referrers": True,
                }
            ),
            _sync(lambda world: {"src": world.registry.name("app:multi"), "platforms": ["linux/arm64"]}),
            _export,
            _import,
        ),
        (_sync(lambda world: world.registry.name(f"app@{world.torn}")),),
    ),
    "registry_tag": Entry((_fixed(name="app:1", tags=["2", "3"]),), (_torn("name", tags=["2"]), _tag_signed)),
    "registry_tag_delete": Entry((_fixed(name="app:old"), lambda world: {"name": f"app@{world.referrer}", "method": "digest"})),
    "registry_tag_info": Entry(
        (
            _fixed(name="app", details="config", include=["^[a-z1]*[^n]$"]),
            _fixed(name="app", sort="version"),
            _fixed(name="app", include=["^(old|1)$"], digests=[f"sha512:{'0' * 128}"]),
        ),
        (_fixed(name="app", details="config"),),
        ("get_blob",),
    ),
    "registry_verify": Entry(
        (
            _signed("cosign2-p256", keys=[signing.KEYS["p256"]]),
            _signed("cosign3-fallback", keys=[signing.KEYS["p256"]]),
            _signed("notation-fallback", **_AUTHORITY),
            _signed("cosign2-certificate", **_AUTHORITY),
        ),
        (
            _signed("cosign2-p256", "cosign3-rsa", keys=[signing.KEYS["p384"]]),
            _signed("cosign3-attestation", keys=[signing.KEYS["p256"]]),
            _signed("notation-p256", **{**_AUTHORITY, "identities": "CN=somebody else"}),
        ),
    ),
}
