# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What registry_sync finds in a directory or archive that it imports: images, and what each is called there."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._local.export_list import ExportedImage
from .._local.inventory import NamedImage
from .._oci.reference import Digest, Reference


@dataclass(frozen=True)
class StoredImage:
    """An image of the directory or archive: the ``name`` it has there in full, if any, all its ``names``, and what says more of it."""

    name: Reference | None
    names: tuple[str, ...]
    exported: ExportedImage | None = None
    found: NamedImage | None = None

    @property
    def digest(self) -> Digest:
        """What tells it from other images, whatever they are called."""
        return self.exported.digest if self.exported else t.cast(NamedImage, self.found).digest

    @property
    def title(self) -> str:
        """What results and messages call it."""
        if self.exported or self.name is None:
            return self.names[0]
        return str(self.name if self.name.tag or self.name.digest else self.name.with_tag(self.name.identifier))


def archived_name(name: str) -> Reference | None:
    """Return the image that a name in an archive says; what is a tag alone says none."""
    try:
        return Reference.parse(name) if ":" in name or "/" in name or "@" in name else None
    except RegistryError:
        return None


def stored_by_name(image: NamedImage) -> list[StoredImage]:
    """Return an image once for each of its full names, with the short ones that mean the same; one without any goes by its digest."""
    full: dict[Reference, list[str]] = {}
    short: list[str] = []
    for name in image.names:
        reference = archived_name(name)
        if reference is None:
            short.append(name)
        else:
            full.setdefault(reference, []).append(name)
    if not full:
        return [StoredImage(None, image.names or (str(image.digest),), None, image)]
    tags = {reference.tag for reference in full}
    left = [name for name in short if name not in tags]
    made = []
    for number, (reference, names) in enumerate(full.items()):
        own = [name for name in short if name == reference.tag]
        made.append(StoredImage(reference, (*names, *own, *(left if number == 0 else ())), None, image))
    return made
