# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads of one blob for tests."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._local.oci_layout import LayoutImage
from ansible_collections.ocitools.registry.plugins.module_utils._local.source import open_source
from ansible_collections.ocitools.registry.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.ocitools.registry.plugins.module_utils._registry.connections import ConnectionOptions, Connections
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
MIB = 1024 * 1024


def is_large(request: t.Any) -> bool:
    """Whether the request carries bytes of the layer, not the config."""
    return int(request.headers.get("Content-Length", "0")) >= MIB


class Push:
    """An image of one layer of ``size`` bytes, to be pushed to ``app:1``."""

    def __init__(self, registry: FakeRegistry, folder: Path, size: int = 3 * MIB, **options: t.Any) -> None:
        self.registry = registry
        self.content = images.image(layers=[images.layer_tar("layer", size)], compression="")
        self.layer = self.content.document["layers"][0]["digest"]
        self.path = images.write_layout(folder / "layout", {"1": self.content})
        settings = {"concurrency": 1, **{key: value for key, value in options.items() if key != "chunk_size"}}
        self.connections = Connections(ConnectionOptions.parse(registry.args(**settings)))
        client = RegistryClient(self.connections.connection(registry.host)).with_segment("app")
        self.client = client.with_options(chunk_size=options.get("chunk_size", 0))

    def run(self) -> None:
        """Push, and see that what arrived is whole."""
        source = t.cast(LayoutImage, open_source(self.path, None))
        try:
            self.client.push_image("1", source)
        finally:
            source.close()
            self.connections.close()
        assert self.registry.tags("app") == {"1": self.content.digest}
        assert self.registry.gaps() == []
        assert not self.registry.style.resumable or self.registry.sessions("app") == []

    def fail(self) -> RegistryError:
        """Push, which must fail and leave no tag."""
        with pytest.raises(RegistryError) as caught:
            self.run()
        assert self.registry.tags("app") == {}
        return caught.value

    def bodies(self) -> int:
        """How many times bytes of the layer began to be sent."""
        return sum(1 for request in self.registry.named("put_upload", "patch_upload") if request.length >= MIB)
