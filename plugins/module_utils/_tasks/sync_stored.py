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
from .._oci.companions import UNREAD_TYPES
from .._oci.digest_tags import digest_key, owner_key
from .._oci.manifest import Descriptor
from .._oci.reference import DIGEST_PREFIXES, Digest, Reference
from .._registry.attached_images import MOST_COMPANIONS, AttachedImage

_KIND = "kind"  # what cosign save says of each entry, and nothing else
_SAVED_IMAGES = ("dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageIndex")
_SAVED_WITH_THEM = {"dev.cosignproject.cosign/sigs": "sig", "dev.cosignproject.cosign/atts": "att"}  # and how their tags end
_WEIGHT = 1000  # bytes of memory for each manifest that belongs to another one


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
        self._tables: Once[None, _Table | RegistryError] = Once()

    def of(self, image: LayoutImage, names: t.Iterable[str]) -> list[AttachedImage]:
        """Return what belongs to ``image``, which has these ``names``, and what belongs to that, each after what it belongs to."""
        table = self._tables.get(None, lambda: _read_table(image.store))
        if isinstance(table, RegistryError):
            raise table.again()
        repositories = {repository for repository, _tag in map(_place, names) if repository}
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


def _place(name: str) -> tuple[str, str]:
    """Return the repository and the tag that a name in a layout says, "" for what it does not say."""
    reference = archived_name(name)
    return (reference.name, reference.tag or "") if reference else ("", name.rpartition(":")[2])


def _places(root: Descriptor) -> list[tuple[str, str]]:
    """Return the repositories and tags of an entry of index.json; a tag that it names with its repository as well is in that one alone."""
    places = [_place(name) for name in entry_names(root)]
    told = {tag for repository, tag in places if repository}
    return [(repository, tag) for repository, tag in places if repository or tag not in told]


def _saved_by_cosign(roots: t.Sequence[Descriptor]) -> t.Iterator[tuple[Digest, Descriptor, str]]:
    """Yield what ``cosign save`` has put beside its image: the digest of that, the entry, and how its tag ends."""
    images = {root.digest for root in roots if root.annotations.get(_KIND) in _SAVED_IMAGES}
    if len(images) != 1:
        return
    (image,) = images
    for root in roots:
        ending = _SAVED_WITH_THEM.get(root.annotations.get(_KIND, ""))
        if ending is not None and not entry_names(root):
            yield image, root, ending


def _growing(digests: dict[Digest, None]) -> t.Iterator[Digest]:
    """Yield the ``digests``, also those that are added in the meantime."""
    done = 0
    while done < len(digests):
        fresh = list(digests)[done:]
        done += len(fresh)
        yield from fresh


class _Table(dict[str, "list[_Belonging]"]):
    """What belongs to any manifest of a layout, by the key of its digest; each manifest is read once."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._lists: dict[Digest, list[tuple[str, str]]] = {}  # the lists of referrers: of which key, in which repository
        roots = [root for root in read_index(store)[1] if self._has(root)] if store.has(INDEX) else []
        for root in roots:
            for repository, tag in _places(root):
                key = owner_key(tag)
                if tag == key != "":
                    self._lists.setdefault(root.digest, []).append((key, repository))
                elif key:
                    self._add(key, _Belonging(repository, tag, root, None))
        for image, root, ending in _saved_by_cosign(roots):
            self._add(digest_key(image), _Belonging("", f"{digest_key(image)}.{ending}", root, None))
        pending = list({root.digest: root for root in roots}.values())
        seen = {root.digest for root in roots}
        while pending:
            # Among what an index lists are the referrers that a fallback tag leads to.
            fresh = [child for child in self._look(pending.pop()) if child.digest not in seen and self._has(child)]
            pending += fresh
            seen.update(child.digest for child in fresh)

    def _has(self, content: Descriptor) -> bool:
        return content.is_manifest and self._store.has(blob_path(content.digest))

    def _look(self, content: Descriptor) -> tuple[Descriptor, ...]:
        """Enter a manifest that refers to another one; return what it lists if it is an index."""
        manifest = read_manifest(self._store, content)
        if manifest.subject is not None:
            subject = manifest.subject.digest
            self._add(digest_key(subject), _Belonging("", str(manifest.digest), content, subject))
        # What nobody can read is entered too, so that who asks for all that belongs to an image is told of it.
        unread = [child for child in manifest.children if child.media_type in UNREAD_TYPES and self._store.has(blob_path(child.digest))]
        for key, repository in self._lists.get(content.digest, ()) if unread else ():
            for child in unread:
                self._add(key, _Belonging(repository, str(child.digest), child, None))
        return manifest.children

    def _add(self, key: str, one: _Belonging) -> None:
        self._store.budget.take(_WEIGHT, f"The table of what belongs to the images in {self._store.path}")
        self.setdefault(key, []).append(one)


def _read_table(store: Store) -> _Table | RegistryError:
    """Return the table of a layout, or what is wrong with it: other images need not read all of it again to find the same."""
    try:
        return _Table(store)
    except RegistryError as error:
        return error.bare()
