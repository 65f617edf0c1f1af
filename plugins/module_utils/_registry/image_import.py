# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring an image from this host to a registry by the steps of a copy: from an export, with what refers to it, or from an archive."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._oci.image_source import ImageSource
from .._oci.manifest import Descriptor
from .._oci.reference import Digest
from .attached_images import AttachedImage
from .client import RegistryClient
from .image_copy import Copy, CopyOptions, CopyTask
from .tagging import TagMap


@dataclass(frozen=True)
class LocalImage:
    """How an image on this host is read: ``read`` may look at the destination first, ``attached`` returns what refers to it."""

    read: t.Callable[[RegistryClient], ImageSource]
    attached: t.Callable[[], list[AttachedImage]] = list


class ImportTask(CopyTask):
    """Copies one image from this host."""

    def __init__(self, image: LocalImage, destination: RegistryClient, copy: Copy, options: CopyOptions) -> None:
        super().__init__(destination, destination, copy, options)
        self._image = image
        self._opened: ImageSource | None = None

    def _read(self) -> ImageSource:
        if self._opened is None:
            self._opened = self._image.read(self._destination)
        return self._opened

    def _describe(self, before: TagMap) -> Descriptor:
        digest = self._copy.source.digest
        if digest is not None and set(before.values()) == {digest}:
            return Descriptor("", digest, 0)
        return self._read().root.descriptor()

    def _read_attached(self, digests: t.Sequence[Digest]) -> list[AttachedImage]:
        return self._image.attached()
