# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of pulls need: content in a registry, what came to lie on the disk, and bodies that stall."""

from __future__ import annotations

import json
import random
import tarfile
import threading
import typing as t
from pathlib import Path

from ansible_collections.ocitools.registry.plugins.module_utils._local.source import open_source
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import read_image
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import tar_bytes
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.faults import SECONDS
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

REF_NAME = "org.opencontainers.image.ref.name"
FULL_NAME = "io.containerd.image.name"
MIB = 1024 * 1024

Pull = t.Callable[..., Result]


def put(registry: FakeRegistry, repository: str, tag: str, content: images.Content) -> images.Content:
    """Put ``content`` into a registry behind its back."""
    for digest, raw in content.blobs.items():
        store = registry.store
        with store.lock:
            store.get(repository).blobs[digest] = store.new_blob(raw)
    for digest, (media_type, raw) in content.manifests.items():
        registry.add_manifest(repository, raw, media_type, tag if digest == content.digest else None)
    return content


def large_image(*sizes: int, seed: int = 1) -> images.Content:
    """Return an image whose layers, not compressed, have about these sizes and cannot be compressed."""
    numbers = random.Random(seed)
    layers = [tar_bytes([("data", numbers.getrandbits(8 * size).to_bytes(size, "big"))]) for size in sizes]
    return images.image(layers=layers, compression="")


def tree(path: t.Any) -> dict[str, bytes]:
    """Return everything beneath ``path`` by its path: the bytes of files, the targets of links, nothing of directories."""
    found: dict[str, bytes] = {}
    for item in sorted(Path(path).rglob("*")):
        name = str(item.relative_to(path))
        if item.is_symlink():
            found[name] = b"-> " + bytes(item.readlink() if hasattr(item, "readlink") else item)
        else:
            found[name] = item.read_bytes() if item.is_file() else b""
    return found


def content_of(path: t.Any, source_name: str | None = None) -> dict[str, bytes]:
    """Return all that a layout or OCI archive holds of an image by digest, read as registry_push would."""
    source = open_source(str(path), source_name)
    try:
        return read_image(source)
    finally:
        source.close()


def index_of(path: t.Any) -> list[dict[str, t.Any]]:
    """Return the entries of a layout's index.json."""
    document = json.loads((Path(path) / "index.json").read_bytes())
    assert document["schemaVersion"] == 2
    return t.cast("list[dict[str, t.Any]]", document["manifests"])


def blob_names(path: t.Any) -> set[str]:
    """Return the digests of the blobs in a layout, whatever they hold."""
    return {f"{folder.name}:{file.name}" for folder in (Path(path) / "blobs").iterdir() for file in folder.iterdir()}


def temporary_files(path: t.Any) -> list[str]:
    """Return the names of temporary files beneath ``path``."""
    return [name for name in tree(path) if name.endswith(".tmp")]


def members_of(path: Path) -> dict[str, bytes]:
    """Return the files of an archive, which has nothing but files and directories of nobody and no time."""
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            assert member.isfile() or member.isdir()
            assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
            if member.isfile():
                assert member.name not in found
                found[member.name] = t.cast("t.IO[bytes]", archive.extractfile(member)).read()
    return found


def digests_of(blobs: t.Sequence[dict[str, t.Any]]) -> set[str]:
    """Return the digests in a list of blobs that a module returned."""
    return {blob["digest"] for blob in blobs}


def make_pull(registry: FakeRegistry, run_module: RunModule, path: Path) -> Pull:
    """Return a function that pulls app:1.0 to a file in one format or another."""

    def run(kind: str, check: bool = False, diff: bool = False, **options: t.Any) -> Result:
        arguments = {"name": "app:1.0", "path": str(path), "format": kind, **options}
        return run_module("registry_pull", registry.args(**arguments), check=check, diff=diff)

    return run


def make_arguments(registry: FakeRegistry, path: Path) -> t.Callable[..., dict[str, t.Any]]:
    """Return a function that makes the options of a pull of app:1.0, one request at a time."""

    def make(kind: str = "oci-layout", **options: t.Any) -> dict[str, t.Any]:
        return registry.args(**{"name": "app:1.0", "path": str(path), "format": kind, "concurrency": 1, **options})

    return make


class Stall:
    """Has a body stop after ``count`` bytes: so many that the client must have read most of them (``rule.change(stall)``)."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._sent = threading.Event()
        self._go_on = threading.Event()

    def __call__(self, answer: Answer) -> None:
        """Change an answer."""
        answer.body = _Stalled(answer.content(), self._count, self._sent, self._go_on)

    def wait(self) -> None:
        """Wait until so much was sent."""
        assert self._sent.wait(SECONDS), "the body was not read"

    def release(self) -> None:
        """Send the rest."""
        self._go_on.set()


class _Stalled:
    def __init__(self, data: bytes, count: int, sent: threading.Event, go_on: threading.Event) -> None:
        self._data, self._count = data, count
        self._sent, self._go_on = sent, go_on

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> t.Iterator[bytes]:
        yield self._data[: self._count]
        self._sent.set()
        self._go_on.wait(SECONDS)
        yield self._data[self._count :]
