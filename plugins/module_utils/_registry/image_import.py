# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring an image from this host to a registry by the steps of a copy: from an export, with what refers to it, or from an archive."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.errors import NotFound, RegistryError
from .._oci.digest_tags import owner_digest
from .._oci.image_source import ImageSource, walk
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest, Reference
from .._oci.subset import choose_platforms
from .attached_images import AttachedImage
from .client import RegistryClient
from .image_copy import Copy, CopyOptions, CopyTask

if t.TYPE_CHECKING:
    from .signatures import SignatureStore
    from .transfer import PushPlan, Transferred
    from .verification import Verification


@dataclass(frozen=True)
class LocalImage:
    """How an image on this host is read: ``read`` may look at the destination first, ``attached`` returns what refers to it.

    ``origin`` is the path that messages name. ``check`` reads a blob that check mode would send, and raises what is wrong with it.
    ``title`` is what messages call an image that has no full name.
    """

    read: t.Callable[[RegistryClient], ImageSource]
    attached: t.Callable[[], list[AttachedImage]] = list
    origin: str = ""
    check: t.Callable[[ImageSource, Descriptor], None] | None = None
    title: str = ""

    def store(self, root: ImageSource) -> SignatureStore:
        """Return what has the image and its signatures."""
        return _LocalSignatures(self.origin, root, self.attached())


class _LocalSignatures:
    """An image on this host, and what came along with it, as a ``SignatureStore``."""

    def __init__(self, registry: str, image: ImageSource, attached: t.Sequence[AttachedImage]) -> None:
        self.registry = registry
        self._attached = attached
        self._named = {item.identifier: item.image for item in attached}
        self._named.update((str(source.root.digest), source) for source in (*(item.image for item in attached), image))

    def get_manifest(self, identifier: str) -> Manifest:
        """Return what came along under a tag or digest, or the image."""
        if identifier not in self._named:
            raise NotFound(f"{self.registry} has no {identifier}.")
        return self._named[identifier].root

    def referrers(self, digest: Digest) -> t.Sequence[Descriptor]:
        """Return what came along since it refers to ``digest``."""
        return [item.image.root.descriptor() for item in self._attached if item.subject == digest]

    def image_of(self, manifest: Manifest) -> ImageSource:
        """Return what reads the blobs of ``manifest``."""
        return self._named[str(manifest.digest)]


class ImportTask(CopyTask):
    """Copies one image from this host."""

    def __init__(self, image: LocalImage, destination: RegistryClient, copy: Copy, options: CopyOptions) -> None:
        super().__init__(destination, destination, copy, options)
        self._image = image
        self._reads_ahead = image.check is not None
        self._opened: ImageSource | None = None

    def _pin(self, verification: Verification) -> Reference:
        image = self._read()
        try:
            verification.check(self._image.store(image), self._image.title or str(self._copy.source), image.root.digest)
        except RegistryError as error:
            if self._image.title:
                error.registry = error.reference = None
            raise
        return self._copy.source

    def _choose(self, image: ImageSource) -> ImageSource:
        return choose_platforms(image, self._copy.platforms, self._image.title) if self._image.title else super()._choose(image)

    def _read(self) -> ImageSource:
        if self._opened is None:
            self._opened = self._image.read(self._destination)
        return self._opened

    def _look(self) -> Descriptor:
        return self._read().root.descriptor()

    def _transfer(self, plan: PushPlan, image: ImageSource) -> Transferred:
        check = self._image.check
        if check is None or not self._options.check_mode:
            return super()._transfer(plan, image)
        return self._destination.predict_push(plan, lambda blob: check(image, blob))

    def _read_attached(self, digests: t.Sequence[Digest]) -> list[AttachedImage]:
        """Return what came along with these manifests: an image of fewer platforms leaves behind what refers to the others, and to all."""
        reached, found = set(digests), []
        for item in self._image.attached():  # each after what it belongs to
            owner = item.subject or owner_digest(item.identifier)
            if owner is None or owner in reached:
                found.append(item)
                reached.update((item.image.root.digest, *(child.digest for child, _manifest in walk(item.image, item.image.root))))
        return found
