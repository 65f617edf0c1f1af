# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make one index of several images, wherever they are: read what they hold, bring what is missing, and put the index on its tags."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.errors import NotFound, RegistryError
from .._http.challenge import merge_scopes
from .._oci.image_index import (
    Annotations,
    Entry,
    check_platforms_differ,
    entries_of,
    entry_of,
    make_index,
    merge_entries,
    platform_of,
    unique_entries,
)
from .._oci.image_source import BlobStream, ImageSource, walk
from .._oci.manifest import Descriptor, Manifest
from .._oci.platform import Platform
from .._oci.reference import Digest, Reference
from .._oci.subset import image_config, reduce_index
from .client import RegistryClient
from .tagging import find_digest
from .transfer import PushPlan, Transferred

if t.TYPE_CHECKING:
    from .verification import Verification


_NO_CONFIG = frozenset({"not_found", "invalid_response", "digest_mismatch", "limit"})
_STATE = "set the platform of this entry, for example linux/arm64"


@dataclass(frozen=True)
class Member:
    """An image that goes into an index: its name, the platform that is stated for it, and annotations of its entry."""

    image: Reference
    platform: Platform | None = None
    annotations: Annotations = field(default_factory=dict)


@dataclass(frozen=True)
class ReadMember:
    """A member as it was found: where its content is read from, and the entries that it contributes."""

    name: str
    client: RegistryClient
    source: ImageSource
    entries: list[Entry]


class TagMoved(RegistryError):
    """Somebody else has put the tag elsewhere since it was read."""


def read_member(client: RegistryClient, member: Member) -> ReadMember:
    """Return what ``member``, in the repository of ``client``, contributes: an index its children, one for the stated platform alone."""
    image = client.get_image(member.image.identifier)
    name = str(member.image)
    if image.root.is_index:
        entries = entries_of(_chosen(image, member.platform, name, member.image.registry), member.annotations)
        if not entries:
            raise RegistryError(f"{name} is an empty index: it has no image to add.", "invalid_response", reference=name)
        return ReadMember(name, client, image, entries)
    return ReadMember(name, client, image, [entry_of(image.root, _platform(client, image, name, member.platform), member.annotations)])


def _chosen(image: ImageSource, platform: Platform | None, name: str, registry: str) -> Manifest:
    """Return the index with the image for ``platform`` alone, which may be in an index within it; all of it without a platform."""
    root = image.root
    if platform is None:
        return root
    holders = [root]
    if not root.has_platform(platform) and any(child.is_index for child in root.children):
        holders += [index for _child, index in walk(image, root) if index.is_index]
    holder = next((index for index in holders if index.has_platform(platform)), root)
    return reduce_index(holder, [platform], name, registry)


def _platform(client: RegistryClient, image: ImageSource, name: str, given: Platform | None = None, advice: str = _STATE) -> Entry:
    config: t.Mapping[str, t.Any] = {}
    if given is None or given.os == "windows":
        try:
            config = image_config(image, client.registry, client.connection.exchange.budget)
        except RegistryError as error:
            if given is None or error.kind not in _NO_CONFIG:
                raise  # what is damaged or absent states no version; of what was not read nobody knows that
    platform = platform_of(config, given)
    if platform is None:
        raise RegistryError(
            f"The config of {name} states no platform: {advice}.",
            "invalid_option",
            reference=name,
        )
    return platform


class IndexSource:
    """An index as an image source: each child and blob is read from where the member that needs it is."""

    is_local = False

    def __init__(self, root: Manifest, members: t.Sequence[ReadMember]) -> None:
        self._root = root
        self._owners: dict[Digest, ReadMember] = {}
        for member in members:
            for entry in member.entries:
                self._owners.setdefault(Digest.parse(entry["digest"]), member)

    @property
    def root(self) -> Manifest:
        """The index."""
        return self._root

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Return the manifest of a child; what it needs comes from the same place."""
        owner = self._owners[descriptor.digest]
        found = owner.source.manifest(descriptor)
        for needed in (*found.blobs, *found.children):
            self._owners.setdefault(needed.digest, owner)
        return found

    def open_blob(self, descriptor: Descriptor) -> BlobStream:
        """Return the content of a blob."""
        return self._owners[descriptor.digest].source.open_blob(descriptor)

    def homes(self, registry: str) -> dict[Digest, str]:
        """Return the repositories of ``registry`` that hold what was asked for up to now, by digest."""
        owners = {digest: member.client for digest, member in self._owners.items()}
        return {digest: client.repository for digest, client in owners.items() if client.connection.exchange.registry == registry}

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True)
class IndexOptions:
    """What the index says of itself, its media type (``auto``, ``oci``, ``docker``) and annotations, and what its images have to prove."""

    media_type: str
    annotations: Annotations
    verification: Verification | None = None


class IndexTask:
    """Makes one index in the repository of ``client`` for ``identifiers``; with ``append`` it goes on from what the first of them is on."""

    def __init__(
        self, client: RegistryClient, identifiers: t.Sequence[str], members: t.Sequence[ReadMember], options: IndexOptions, append: bool
    ) -> None:
        scopes = [member.client.scope for member in members if member.client.connection is client.connection]
        self._client = RegistryClient(client.connection, client.repository, client.actions, merge_scopes([client.scope], scopes))
        self._identifiers = identifiers
        self._members = members
        self._options = options
        self._append = append
        self._base: ReadMember | None = None

    def plan(self) -> tuple[PushPlan, IndexSource]:
        """Return, by reads only, what has to be written, and the source of it."""
        self._base = self._find_base() if self._append else None
        members = [*self._members, *([self._base] if self._base else [])]
        root = self._make(self._base)
        source = IndexSource(root, members)
        self._client.fan_out(source.manifest, [child for child in root.children if child.is_manifest])
        return self._client.plan_push(source, self._identifiers, before=self._known()), source

    def _known(self) -> dict[str, Digest | None] | None:
        if not self._append:
            return None
        return {self._identifiers[0]: self._base.source.root.digest if self._base else None}

    def _find_base(self) -> ReadMember | None:
        """Return what the tag is on, None where it is absent."""
        tag = self._identifiers[0]
        name = self._client.api.display(tag)
        try:
            image = self._client.get_image(tag)
        except NotFound:
            return None
        # An index of the verified images and nothing else may be what this task has made before.
        if self._options.verification is not None and not image.root.has_digest(self._make(None).digest):
            self._options.verification.check(self._client, name, image.root.digest)
        entries = entries_of(image.root, {}) if image.root.is_index else [self._entry(image, name)]
        return ReadMember(name, self._client, image, entries)

    def _entry(self, image: ImageSource, name: str) -> Entry:
        advice = "images cannot be added to it. Choose another tag, or set children: exact"
        return entry_of(image.root, _platform(self._client, image, name, None, advice), {})

    def _make(self, base: ReadMember | None) -> Manifest:
        check_platforms_differ((member.name, entry) for member in self._members for entry in member.entries)
        added = unique_entries(entry for member in self._members for entry in member.entries)
        entries = merge_entries(base.entries, added) if base else added
        known = base.source.root if base and base.source.root.is_index else None
        return make_index(entries, self._options.media_type, self._options.annotations, known)

    def predict(self, plan: PushPlan) -> Transferred:
        """Return what ``execute`` would send."""
        return self._client.predict_push(plan)

    def execute(self, plan: PushPlan, source: IndexSource, written: set[str]) -> Transferred:
        """Carry out ``plan``; raises ``TagMoved``, before any tag is written, where what was appended to is not on the tag any more."""
        connection = self._client.connection
        for digest, repository in source.homes(connection.exchange.registry).items():
            connection.capabilities.locations.settle(digest, repository)
        client = self._client.with_options(before_root=self._check_base) if self._append else self._client
        return client.execute_push(plan, source, written)

    def _check_base(self) -> None:
        tag, known = self._identifiers[0], self._known() or {}
        found = find_digest(self._client.api, tag)
        if found != known[tag]:
            raise TagMoved(
                f"The tag {self._client.api.display(tag)} points to {found or 'nothing'}, and no longer to {known[tag] or 'nothing'}, to which the "
                "images were to be added: somebody else moved it. Nothing was written to it.",
                "conflict",
                reference=self._client.api.display(tag),
            )
