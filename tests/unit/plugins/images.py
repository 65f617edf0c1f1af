# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny images for tests, the same bytes on every run, and the files that tools would make of them.

Make content:      ``image()``  ``index(...)``  ``artifact(...)``  ``attestation(...)``  and ``multi_arch()``  ``nested()``
                   ``image(foreign=True)`` has a layer that may not be distributed (and is in no layout or archive).
Look at it:        ``.digest`` ``.media_type`` ``.raw`` ``.size`` ``.document`` ``.manifests`` ``.blobs`` ``.config`` ``.layer_tars``
Write it to disk:  ``write_layout(path, content)``  ``write_oci_archive(path, content)``  ``write_docker_archive(path, image)``

Several images with names: pass ``{"1.4.2": content, "latest": other}`` where one content may stand; for docker archives the keys are
RepoTags such as ``"app:1.4.2"``. All ``write_`` functions return the path as text; archives take ``compression`` (a key of COMPRESSIONS).
"""

from __future__ import annotations

import hashlib
import json
import os
import typing as t
from dataclasses import dataclass, field

from ansible_collections.ocitools.registry.tests.unit.plugins.tars import COMPRESSIONS, Link, tar_bytes

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"

Json = dict[str, t.Any]


def digest_of(raw: bytes, algorithm: str = "sha256") -> str:
    """The digest of ``raw`` as text."""
    return f"{algorithm}:{hashlib.new(algorithm, raw).hexdigest()}"


def to_json(document: t.Any) -> bytes:
    """``document`` as the bytes that all content here is written in."""
    return json.dumps(document, separators=(",", ":")).encode()


# Content


@dataclass(frozen=True)
class Content:
    """A manifest or an index, and all that it needs."""

    raw: bytes
    media_type: str
    manifests: dict[str, tuple[str, bytes]]  # this one and every child by digest: media type and bytes; children first
    blobs: dict[str, bytes]  # configs and layers by digest, without foreign layers
    extra: Json = field(default_factory=dict)  # what a descriptor of it holds besides: platform, annotations, artifactType
    config: bytes = b""  # of an image
    layer_tars: tuple[bytes, ...] = ()  # of an image, not compressed

    @property
    def digest(self) -> str:
        """Its digest as text."""
        return digest_of(self.raw)

    @property
    def size(self) -> int:
        """Its own length in bytes."""
        return len(self.raw)

    @property
    def document(self) -> Json:
        """Its JSON, read anew."""
        return t.cast(Json, json.loads(self.raw))

    @property
    def files(self) -> dict[str, bytes]:
        """Everything by digest: manifests and blobs."""
        return {**{digest: raw for digest, (_type, raw) in self.manifests.items()}, **self.blobs}

    def descriptor(self, **extra: t.Any) -> Json:
        """Its descriptor as an index holds it; ``extra`` is added."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **self.extra, **extra}


def _descriptor(media_type: str, raw: bytes, algorithm: str = "sha256") -> Json:
    return {"mediaType": media_type, "digest": digest_of(raw, algorithm), "size": len(raw)}


def layer_tar(seed: str, size: int = 64) -> bytes:
    """A layer, not compressed: a tar of one file of ``size`` bytes that differ by ``seed``."""
    return tar_bytes([(f"srv/{seed}", hashlib.shake_256(seed.encode()).digest(size))])


def image(
    platform: str = "linux/amd64",
    layers: t.Sequence[str | bytes] = ("base", "app"),
    compression: str = "gzip",
    docker: bool = False,
    foreign: bool = False,
    subject: Content | None = None,
    annotations: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    algorithm: str = "sha256",
) -> Content:
    """A single image; ``layers`` are seeds for ``layer_tar`` or tars, ``algorithm`` is that of its blobs' digests."""
    parts = dict(zip(("os", "architecture", "variant"), platform.split("/")))
    tars = tuple(layer if isinstance(layer, bytes) else layer_tar(layer) for layer in layers)
    config = to_json(
        {
            "created": "2026-01-01T00:00:00Z",
            **parts,
            "config": {"Cmd": ["/srv/app"], "Labels": labels or {}},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in tars]},
        }
    )
    packed = [COMPRESSIONS[compression](tar) for tar in tars]
    layer_type = DOCKER_LAYER if docker else OCI_LAYER + (f"+{compression}" if compression else "")
    descriptors = [_descriptor(layer_type, raw, algorithm) for raw in packed]
    if foreign:
        descriptors.append({**_descriptor(FOREIGN_LAYER, b"elsewhere"), "urls": ["https://layers.example.com/base"]})
    document: Json = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
        "config": _descriptor(DOCKER_CONFIG if docker else OCI_CONFIG, config, algorithm),
        "layers": descriptors,
        **({"subject": _subject(subject)} if subject else {}),
        **({"annotations": annotations} if annotations else {}),
    }
    blobs = {digest_of(raw, algorithm): raw for raw in [config, *packed]}
    return _content(document, (), blobs, {"platform": parts}, config, tars)


def encrypted() -> Content:
    """An image whose layers can only be read with a key."""
    plain = image()
    layers = [{**layer, "mediaType": f"{layer['mediaType']}+encrypted"} for layer in plain.document["layers"]]
    return _content({**plain.document, "layers": layers}, (), dict(plain.blobs), plain.extra)


def _subject(subject: Content) -> Json:
    return {"mediaType": subject.media_type, "digest": subject.digest, "size": subject.size}


def _content(document: Json, children: t.Sequence[Content], blobs: dict[str, bytes], extra: Json, *image_parts: t.Any) -> Content:
    raw = to_json(document)
    manifests: dict[str, tuple[str, bytes]] = {}
    for child in children:
        manifests.update(child.manifests)
        blobs.update(child.blobs)
    manifests[digest_of(raw)] = (document["mediaType"], raw)
    return Content(raw, document["mediaType"], manifests, blobs, extra, *image_parts)


def index(*children: Content, docker: bool = False, annotations: dict[str, str] | None = None, subject: Content | None = None) -> Content:
    """An index (with ``docker``, a manifest list) of ``children``, which may be indexes themselves."""
    document: Json = {
        "schemaVersion": 2,
        "mediaType": DOCKER_LIST if docker else OCI_INDEX,
        "manifests": [child.descriptor() for child in children],
        **({"subject": _subject(subject)} if subject else {}),
        **({"annotations": annotations} if annotations else {}),
    }
    return _content(document, children, {}, {})


def artifact(subject: Content | None = None, artifact_type: str = "application/vnd.example.sbom", data: bytes = b"parts list") -> Content:
    """An artifact with an empty config, which refers to ``subject`` if one is given."""
    document: Json = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": _descriptor(OCI_EMPTY, b"{}"),
        "layers": [_descriptor("application/octet-stream", data)],
        **({"subject": _subject(subject)} if subject else {}),
    }
    return _content(document, (), {digest_of(raw): raw for raw in (b"{}", data)}, {"artifactType": artifact_type})


def attestation(of: Content) -> Content:
    """A BuildKit attestation of the image ``of``, to be put into the same index."""
    statement = to_json({"_type": "https://in-toto.io/Statement/v0.1", "of": of.digest})
    made = artifact(None, "application/vnd.docker.attestation.manifest.v1+json", statement)
    marks = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.digest}
    extra = {"platform": {"os": "unknown", "architecture": "unknown"}, "annotations": marks}
    return Content(made.raw, made.media_type, made.manifests, made.blobs, extra)


def multi_arch(*platforms: str, docker: bool = False, attested: bool = False) -> Content:
    """An index for these platforms (amd64 and arm64 without any); the images share their first layer."""
    chosen = platforms or ("linux/amd64", "linux/arm64")
    children = [image(platform, ("base", f"app-{platform.replace('/', '-')}"), docker=docker) for platform in chosen]
    return index(*children, *(attestation(child) for child in children if attested), docker=docker)


def nested() -> Content:
    """An index that holds another index and an image."""
    return index(multi_arch(), image("linux/s390x", ("base", "app-s390x")))


# Layouts and archives

Named = t.Union[Content, dict[str, Content]]


def _entries(images: Named) -> list[tuple[str, Content]]:
    return [("", images)] if isinstance(images, Content) else list(images.items())


def layout_files(images: Named, name_key: str = "org.opencontainers.image.ref.name") -> dict[str, bytes]:
    """The files of an OCI layout by path; ``name_key`` is the annotation that the names are written to."""
    manifests, files = [], {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    for name, content in _entries(images):
        notes = {**content.extra.get("annotations", {}), **({name_key: name} if name else {})}
        manifests.append(content.descriptor(**({"annotations": notes} if notes else {})))
        for digest, raw in content.files.items():
            files[f"blobs/{digest.replace(':', '/')}"] = raw
    files["index.json"] = to_json({"schemaVersion": 2, "manifests": manifests})
    return files


def docker_files(images: Named, form: str = "old") -> dict[str, bytes | Link]:
    """The members of a docker save archive.

    ``form``: "old" (before Docker 25; a layer that comes twice is a link), "mixed" (Docker 25, layers not compressed, with an OCI layout
    beside manifest.json) or "packed" (as crane and kaniko write it, layers compressed by gzip).
    """
    files: dict[str, bytes | Link] = {}
    saved: dict[str, Json] = {}
    for name, content in _entries(images):
        entry = _saved_image(files, content, form)
        saved.setdefault(entry["Config"], {**entry, "RepoTags": []})["RepoTags"] += [name] if name else []
    if form == "mixed":
        files.update(layout_files({name: _unpacked(content) for name, content in _entries(images)}, "io.containerd.image.name"))
    files["manifest.json"] = to_json(list(saved.values()))
    return files


def _unpacked(content: Content) -> Content:
    """The same image as Docker's classic store writes it: layers not compressed."""
    document = {**content.document, "mediaType": OCI_MANIFEST, "layers": [_descriptor(OCI_LAYER, tar) for tar in content.layer_tars]}
    return _content(document, (), {digest_of(raw): raw for raw in [content.config, *content.layer_tars]}, content.extra)


def _saved_image(files: dict[str, bytes | Link], content: Content, form: str) -> Json:
    digest = digest_of(content.config)
    config = {"old": f"{digest[7:]}.json", "mixed": f"blobs/sha256/{digest[7:]}", "packed": digest}[form]
    files[config] = content.config
    names = []
    for number, tar in enumerate(content.layer_tars):
        diff = digest_of(tar)[7:]
        if form == "old":
            name = f"{digest_of(f'{digest}{number}'.encode())[7:]}/layer.tar"
            same = [other for other, raw in files.items() if raw == tar]
            files.setdefault(name, Link(f"../{same[0]}") if same else tar)
        elif form == "mixed":
            name = f"blobs/sha256/{diff}"
            files[name] = tar
        else:
            packed = COMPRESSIONS["gzip"](tar)
            name = f"{digest_of(packed)[7:]}.tar.gz"
            files[name] = packed
        names.append(name)
    return {"Config": config, "Layers": names}


def write_files(path: t.Any, files: t.Mapping[str, bytes]) -> str:
    """Write ``files`` (by path) beneath the directory ``path`` and return it."""
    os.makedirs(path, exist_ok=True)
    for name, raw in files.items():
        where = os.path.join(path, name)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        write_bytes(where, raw)
    return str(path)


def write_bytes(path: t.Any, raw: bytes) -> str:
    """Write a file and return its path."""
    with open(path, "wb") as file:
        file.write(raw)
    return str(path)


def write_layout(path: t.Any, images: Named) -> str:
    """Write an OCI layout directory."""
    return write_files(path, layout_files(images))


def write_oci_archive(path: t.Any, images: Named, compression: str = "") -> str:
    """Write an OCI archive: a layout in a tar."""
    return write_bytes(path, COMPRESSIONS[compression](tar_bytes(layout_files(images).items())))


def write_docker_archive(path: t.Any, images: Named, form: str = "old", compression: str = "") -> str:
    """Write a docker save archive; for ``form`` see ``docker_files``."""
    return write_bytes(path, COMPRESSIONS[compression](tar_bytes(docker_files(images, form).items())))
