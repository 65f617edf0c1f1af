# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what manifests name and when images were made: in parallel, each once, and only little of each is kept."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ._client import RegistryClient
from ._download import RegistryBlob
from ._errors import NotFound, RegistryError
from ._image_source import VerifiedBlob, read_config
from ._manifest import CONFIG_TYPES, Descriptor
from ._needs import NOTHING, Content
from ._reference import Digest
from ._retention import parse_created

_DEEPEST = 8


class ContentReader:
    """Reads manifests of one repository; ``found`` has what they name."""

    def __init__(self, client: RegistryClient) -> None:
        self._client = client
        self.found: dict[Digest, Content] = {}

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

    def _read(self, digest: Digest) -> Content:
        return Content.of(self._client.get_manifest(str(digest)))

    def _read_child(self, digest: Digest) -> Content:
        try:
            return self._read(digest)
        except NotFound:
            return NOTHING  # an index may name more than the repository holds

    def read_dates(self, digests: t.Iterable[Digest], now: datetime) -> dict[Digest, datetime | None]:
        """Return when these manifests were made, None where that is unknown; an index is as old as its newest image."""
        wanted = list(digests)
        self.read(wanted)
        images = self._unread(image for digest in self._with_indexes(wanted) for image in self.found[digest].images)
        self.found.update(zip(images, self._client.fan_out(self._read_child, images)))
        configs = {config.digest: config for digest in wanted for config in self._configs(digest)}
        texts = dict(zip(configs, self._client.fan_out(self._read_created, configs.values())))

        def made(digest: Digest) -> datetime | None:
            content = self.found[digest]
            below = [made(image) for image in content.images]
            if None in below:
                return None
            written = texts.get(content.config.digest) if content.config else None
            dates = [parse_created(content.stated, now), parse_created(written, now), *below]
            return max((date for date in dates if date), default=None)

        return {digest: made(digest) for digest in wanted}

    def _with_indexes(self, digests: t.Iterable[Digest]) -> t.Iterator[Digest]:
        """Yield these digests and the indexes below them, each once."""
        pending = list(digests)
        seen = set(pending)
        while pending:
            digest = pending.pop()
            yield digest
            fresh = [index for index in self.found[digest].indexes if index not in seen]
            seen.update(fresh)
            pending += fresh

    def _configs(self, digest: Digest) -> t.Iterator[Descriptor]:
        content = self.found[digest]
        if content.config and content.config.media_type in CONFIG_TYPES:
            yield content.config
        for image in content.images:
            yield from self._configs(image)

    def _read_created(self, config: Descriptor) -> t.Any:
        api = self._client.api
        blob = VerifiedBlob(RegistryBlob(api, config, self._client.connection.options.retries), config, api.name, reference=api.name)
        return read_config(blob, config, api.name).get("created")
