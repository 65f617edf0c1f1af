# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What registry_sync finds in a directory or archive that it imports: images, and what each is called there."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.budget import Once
from .._core.errors import RegistryError
from .._local.export_list import ExportedImage
from .._local.files import Store
from .._local.inventory import NamedImage
from .._local.oci_layout import INDEX, LayoutImage, blob_path, entry_names, read_index, read_manifest
from .._oci.digest_tags import digest_key, owner_key
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import DIGEST_PREFIXES, Digest, Reference
from .._registry.attached_images import MOST_COMPANIONS, AttachedImage


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
    """Return the image that a name in an archive says; what is a tag alone, or a digest, says none."""
    if name.startswith(DIGEST_PREFIXES):
        return None
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


class _Belonging(t.NamedTuple):
    """What belongs to a manifest of a layout: its tag or digest, in a ``repository`` if the layout says in which; ``subject`` is what it refers to."""

    repository: str
    identifier: str
    content: Descriptor
    subject: Digest | None


class StoredReferrers:
    """What belongs to the images of a layout: what refers to them, and what has a tag with their digest, as other tools put it there."""

    def __init__(self) -> None:
        self._tables: Once[None, dict[str, list[_Belonging]]] = Once()

    def of(self, image: LayoutImage, names: t.Iterable[str]) -> list[AttachedImage]:
        """Return what belongs to ``image``, which has these ``names``, and what belongs to that, each after what it belongs to."""
        table = self._tables.get(None, lambda: _read_table(image.store))
        repositories = {name.rpartition(":")[0] for name in names} - {""}
        found: dict[str, AttachedImage] = {}
        pending = {manifest.digest: None for manifest in image.reachable()}
        for digest in _growing(pending):
            for one in table.get(digest_key(digest), ()):
                is_other = one.repository and repositories and one.repository not in repositories
                if is_other or one.identifier in found or one.subject not in (None, digest):
                    continue
                attached = LayoutImage(image.store, read_manifest(image.store, one.content))
                found[one.identifier] = AttachedImage(one.identifier, attached, one.subject)
                if len(found) > MOST_COMPANIONS:
                    raise RegistryError(f"More than {MOST_COMPANIONS} manifests refer to one image in {image.store.path}.", "limit")
                pending.update((manifest.digest, None) for manifest in attached.reachable())
        return list(found.values())


def _growing(digests: dict[Digest, None]) -> t.Iterator[Digest]:
    """Yield the ``digests``, also those that are added in the meantime."""
    done = 0
    while done < len(digests):
        fresh = list(digests)[done:]
        done += len(fresh)
        yield from fresh


def _read_table(store: Store) -> dict[str, list[_Belonging]]:
    """Return what belongs to any manifest, by the key of its digest."""
    table: dict[str, list[_Belonging]] = {}
    for root in read_index(store)[1] if store.has(INDEX) else ():
        if root.is_manifest and store.has(blob_path(root.digest)):
            for key, one in _look(store, root):
                table.setdefault(key, []).append(one)
    return table


def _look(store: Store, root: Descriptor) -> t.Iterator[tuple[str, _Belonging]]:
    manifest = read_manifest(store, root)
    yield from _refers(manifest, root)
    for name in entry_names(root):
        repository, _colon, tag = name.rpartition(":")
        key = owner_key(tag)
        if key and tag != key:
            yield key, _Belonging(repository, tag, root, None)
        for child in manifest.children if key == tag else ():
            if child.is_manifest and store.has(blob_path(child.digest)):
                yield from _refers(read_manifest(store, child), child)


def _refers(manifest: Manifest, content: Descriptor) -> t.Iterator[tuple[str, _Belonging]]:
    if manifest.subject is not None:
        yield digest_key(manifest.subject.digest), _Belonging("", str(manifest.digest), content, manifest.subject.digest)
