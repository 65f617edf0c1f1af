# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what manifests name and when images were made: in parallel, each once, and only little of each is kept."""

from __future__ import annotations

import typing as t
from datetime import datetime

from .._core.errors import NotFound, RegistryError
from .._oci.image_source import read_config
from .._oci.manifest import CONFIG_TYPES, Descriptor
from .._oci.reference import Digest
from .._registry.client import RegistryClient
from .._registry.download import open_blob
from .dependencies import NO_LINKS, ManifestLinks, Manifests
from .policy import parse_created

_DEEPEST = 8


def find_descriptor(client: RegistryClient, tag: str) -> Descriptor | None:
    """Return the descriptor of what ``tag`` is on, None where it is absent."""
    try:
        return client.get_descriptor(tag)
    except NotFound:
        return None


class ManifestReader:
    """Reads manifests of one repository; ``found`` has what they name, and what was ``known`` before."""

    def __init__(self, client: RegistryClient, known: Manifests | None = None) -> None:
        self._client = client
        self.found: dict[Digest, ManifestLinks] = dict(known or {})

    def read(self, digests: t.Iterable[Digest]) -> None:
        """Read these manifests, and of indexes those below that are indexes; a child may be absent, these must be there."""
        pending = self._unread(digests)
        self.found.update(zip(pending, self._client.fan_out(self._read, pending)))
        level = [self.found[digest] for digest in pending]
        for _depth in range(_DEEPEST):
            pending = self._unread(index for content in level for index in content.indexes)
            self.found.update(zip(pending, self._client.fan_out(self._read_child, pending)))
            level = [self.found[digest] for digest in pending]
        if self._unread(index for content in level for index in content.indexes):
            raise RegistryError(f"An index of {self._client.registry} is nested deeper than {_DEEPEST} levels.", "limit")

    def _unread(self, digests: t.Iterable[Digest]) -> list[Digest]:
        return [digest for digest in dict.fromkeys(digests) if digest not in self.found]

    def _read(self, digest: Digest) -> ManifestLinks:
        content = ManifestLinks.of(self._client.get_manifest(str(digest)))
        self._client.connection.exchange.budget.hold(self, content.weight, f"What {self._client.registry}@{digest} names")
        return content

    def _read_child(self, digest: Digest) -> ManifestLinks:
        try:
            return self._read(digest)
        except NotFound:
            return NO_LINKS  # an index may name more than the repository holds

    def read_dates(self, digests: t.Iterable[Digest], now: datetime) -> dict[Digest, datetime | None]:
        """Return when these manifests were made, None where that is unknown; an index is as old as its newest image."""
        wanted = list(digests)
        self.read(wanted)
        images = self._unread(image for digest in self._with_indexes(wanted) for image in self.found[digest].images)
        self.found.update(zip(images, self._client.fan_out(self._read_child, images)))
        configs = {config.digest: config for config in self._configs(wanted)}
        texts = dict(zip(configs, self._client.fan_out(self._read_created, configs.values())))

        made: dict[Digest, datetime | None] = {}

        def find(digest: Digest) -> datetime | None:
            if digest not in made:
                content = self.found[digest]
                below = [find(image) for image in dict.fromkeys(content.images)]
                written = texts.get(content.config.digest) if content.config else None
                dates = [parse_created(content.stated, now), parse_created(written, now), *below]
                made[digest] = None if None in below else max((date for date in dates if date), default=None)
            return made[digest]

        return {digest: find(digest) for digest in wanted}

    def _with_indexes(self, digests: t.Iterable[Digest]) -> t.Iterator[Digest]:
        """Yield these digests and the indexes below them, each once."""
        return self._walk(digests, lambda content: content.indexes)

    def _configs(self, digests: t.Iterable[Digest]) -> t.Iterator[Descriptor]:
        """Yield the configs of images among these digests and below them."""
        for digest in self._walk(digests, lambda content: content.images):
            config = self.found[digest].config
            if config and config.media_type in CONFIG_TYPES:
                yield config

    def _walk(self, digests: t.Iterable[Digest], following: t.Callable[[ManifestLinks], t.Iterable[Digest]]) -> t.Iterator[Digest]:
        """Yield these digests and what ``following`` names of each, each once."""
        pending = list(digests)
        seen = set(pending)
        while pending:
            digest = pending.pop()
            yield digest
            fresh = [index for index in dict.fromkeys(following(self.found[digest])) if index not in seen]
            seen.update(fresh)
            pending += fresh

    def _read_created(self, config: Descriptor) -> t.Any:
        api = self._client.api
        blob = open_blob(api, config, self._client.connection.options.retries)
        return read_config(blob, config, api.name, api.exchange.budget).get("created")
