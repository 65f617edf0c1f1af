# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read image sources in tests: whole, in pieces, and up to the error that is expected."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._local.oci_layout import LayoutImage
from ansible_collections.ocitools.registry.plugins.module_utils._local.source import open_source

CODECS = ("", "gzip", "bzip2", "xz", "zstd")


def open_layout(path: str, source_name: str | None = None) -> LayoutImage:
    """Open what must be an OCI layout, or an archive of one."""
    source = open_source(path, source_name)
    assert isinstance(source, LayoutImage)
    return source


def read_stream(stream: t.Any, amount: int = 100_000) -> bytes:
    """All that ``stream`` has, read in pieces; it is closed."""
    parts: list[bytes] = []
    try:
        while True:
            block = stream.read(amount)
            assert len(block) <= amount
            if not block:
                return b"".join(parts)
            parts.append(block)
    finally:
        stream.close()


def read_image(source: t.Any) -> dict[str, bytes]:
    """Everything in ``source`` by digest: its manifests and blobs, foreign layers excepted."""
    found: dict[str, bytes] = {}

    def visit(manifest: t.Any) -> None:
        found[str(manifest.digest)] = manifest.raw
        for blob in manifest.blobs:
            if not blob.is_foreign:
                found[str(blob.digest)] = read_stream(source.open_blob(blob))
        for child in manifest.children:
            visit(source.manifest(child))

    visit(source.root)
    return found


@contextlib.contextmanager
def refused(kind: str, *words: str) -> t.Iterator[None]:
    """Expect a ``RegistryError`` of ``kind`` whose sentence has each of ``words``."""
    with pytest.raises(RegistryError) as caught:
        yield
    assert caught.value.kind == kind, caught.value.message
    for word in words:
        assert word in caught.value.message
    assert caught.value.message.endswith(".")
