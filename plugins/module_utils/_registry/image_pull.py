# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull images to this host: plan with reads only, then write blobs, manifests and the image's name, in this order."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._core.fanout import Cancellation, fan_out
from .._local.archive_writer import Dress, OciArchiveWriter
from .._local.docker_writer import DockerArchiveWriter
from .._local.layout_writer import LayoutWriter
from .._local.open_path import Found
from .._oci.image_content import Gap, ImageContent, ImageName
from .._oci.image_source import BlobStream, CountedBlob, ImageSource
from .._oci.manifest import Descriptor, Manifest
from .._oci.platform import Platform
from .._oci.reference import Digest, Reference
from .._oci.subset import choose_platforms
from .client import RegistryClient
from .results import Result, blob_result, typed_result

LAYOUT = "oci-layout"
OCI_ARCHIVE = "oci-archive"
DOCKER_ARCHIVE = "docker-archive"
FORMATS = (LAYOUT, OCI_ARCHIVE, DOCKER_ARCHIVE)


class Destination(t.Protocol):
    """A path that an image is written to: a layout or an archive."""

    @property
    def path(self) -> str:
        """The path as the user gave it."""

    def find(self, name: ImageName, digest: Digest | None) -> Manifest | None:
        """Return the manifest or index that is there under ``name`` or with ``digest``, None where there is none."""

    def manifest(self, descriptor: Descriptor) -> Manifest | None:
        """Return a manifest that is there and whole."""

    def gap(self, content: ImageContent, workers: int) -> Gap:
        """Return what of ``content`` is missing there."""

    def begin(self, content: ImageContent, gap: Gap) -> None:
        """Make ready for the blobs."""

    def store(self, blob: Descriptor, stream: BlobStream, check: t.Callable[[], None]) -> None:
        """Write a blob; several threads may."""

    def finish(self, content: ImageContent, gap: Gap, on_visible: t.Callable[[], None] = ...) -> None:
        """Make the image visible, now that all its blobs are there; ``on_visible`` is told before anything else can fail."""

    @property
    def surroundings(self) -> Found:
        """The folder that the path is in."""

    def files(self) -> t.Iterator[Found]:
        """Yield all that is there, each open until the next one."""

    def close(self) -> None:
        """Release what is held; what was not finished is removed."""


def open_destination(path: str, kind: str, append: bool, private: bool, dress: Dress) -> Destination:
    """Return the destination of a pull; nothing is written.

    ``dress`` gives what will be there its mode and owner; a ``private`` destination is its owner's alone until then.
    Errors: ``local_io``, ``invalid_source``, ``invalid_option``.
    """
    if kind == LAYOUT:
        return LayoutWriter(path, append, private)
    if append:
        raise RegistryError("The option append requires the format oci-layout: an archive is always written as a whole.", "invalid_option")
    return OciArchiveWriter(path, private, dress) if kind == OCI_ARCHIVE else DockerArchiveWriter(path, private, dress)


@dataclass(frozen=True)
class PullPlan:
    """An image in a registry, what of it is missing at the destination, where to read it from, and its digest there, of all its platforms."""

    content: ImageContent
    gap: Gap
    source: ImageSource
    origin: Digest


class _Known:
    """An image in a registry of which the destination has some manifests already."""

    is_local = False

    def __init__(self, client: RegistryClient, root: Manifest, destination: Destination) -> None:
        self._image = client.image_of(root)
        self._destination = destination

    @property
    def root(self) -> Manifest:
        """The manifest or index that was asked for."""
        return self._image.root

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Return the manifest of a child, from the registry only where it is not here."""
        return self._destination.manifest(descriptor) or self._image.manifest(descriptor)

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        """Return a blob from the registry."""
        return self._image.open_blob(descriptor)

    def close(self) -> None:
        """Nothing is held open."""


def plan_pull(
    client: RegistryClient, image: Reference, platforms: t.Sequence[Platform], destination: Destination, single: bool
) -> PullPlan:
    """Return what must be written so that ``image`` (of an index, only ``platforms``) is at ``destination``.

    ``single`` destinations hold one image and no index. An image that is there already costs one HEAD, named by its digest none.
    """
    name = ImageName.of(image)
    root = _single(client, image, platforms) if single else _root(client, image, name, platforms, destination)
    source: ImageSource = _Known(client, root, destination)
    if not single:
        source = choose_platforms(source, platforms, str(image), image.registry)
    client.fan_out(source.manifest, [child for child in source.root.children if child.is_manifest])
    content = ImageContent.read(name, source)
    return PullPlan(content, destination.gap(content, client.connection.options.workers), source, root.digest)


def _root(client: RegistryClient, image: Reference, name: ImageName, platforms: t.Sequence[Platform], destination: Destination) -> Manifest:
    existing = None if platforms else destination.find(name, image.digest)
    if existing is not None and (image.digest or client.get_digest(image.identifier) == existing.digest):
        return existing
    return client.get_manifest(image.identifier)


def _single(client: RegistryClient, image: Reference, platforms: t.Sequence[Platform]) -> Manifest:
    if len(set(platforms)) > 1:
        raise RegistryError("The format docker-archive can contain only one image: list one platform, not several.", "invalid_option")
    manifest = client.get_manifest(image.identifier, platforms[0] if platforms else None)
    if manifest.is_index:
        there = ", ".join(dict.fromkeys(str(child.platform) for child in manifest.platforms))
        advice = f"set platforms to one of {there}" if there else "it has none for a platform, so use one of the OCI formats"
        raise RegistryError(
            f"{image} is an index and the format docker-archive can contain only one image: {advice}.",
            "invalid_option",
            reference=str(image),
        )
    return manifest


def execute_pull(plan: PullPlan, destination: Destination, client: RegistryClient, on_visible: t.Callable[[], None] = lambda: None) -> None:
    """Carry out ``plan``; after a failure what was there before is there still, unless ``on_visible`` was called."""
    options = client.connection.options
    cancellation = Cancellation()

    def fetch(blob: Descriptor) -> None:
        progress = options.progress.blob(str(blob.digest), blob.size)
        stream = CountedBlob(plan.source.open_blob(blob), progress.reach)
        try:
            destination.store(blob, stream, cancellation.check)
        finally:
            stream.close()
        progress.end("downloaded")
        options.on_log(f"{blob.digest} ({blob.size} bytes): downloaded")

    missing = sum(blob.size for blob in plan.gap.blobs)
    options.progress.exists(sum(blob.size for blob in plan.content.blobs) - missing)
    options.progress.expect(missing)
    destination.begin(plan.content, plan.gap)
    fan_out(fetch, plan.gap.blobs, options.workers, cancellation)
    destination.finish(plan.content, plan.gap, on_visible)


def pull_result(plan: PullPlan) -> Result:
    """Return what a pull did, or would do."""
    missing = {blob.digest for blob in plan.gap.blobs}
    return {
        "digest": str(plan.content.root.digest),
        "image_size": plan.content.size,
        "downloaded_blobs": blob_result(plan.gap.blobs),
        "existing_blobs": blob_result(blob for blob in plan.content.blobs if blob.digest not in missing),
        "downloaded_bytes": sum(blob.size for blob in plan.gap.blobs),
        "skipped_layers": typed_result(plan.content.skipped),
    }
