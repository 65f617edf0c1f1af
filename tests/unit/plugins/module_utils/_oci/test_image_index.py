# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes put together of entries: one image for a platform, the new one, and nothing of what it replaced."""

from __future__ import annotations

import typing as t

from ansible_collections.ocitools.registry.plugins.module_utils._oci.image_index import make_index, merge_entries
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import quick
from hypothesis import given
from hypothesis import strategies as st

Entry = dict[str, t.Any]
_TYPE = "application/vnd.oci.image.manifest.v1+json"
_PLATFORMS = ["amd64", "arm64", "s390x", "riscv64"]


def _entry(number: int, **more: t.Any) -> Entry:
    return {"mediaType": _TYPE, "digest": f"sha256:{number:064x}", "size": number, **more}


def _image(number: int, architecture: str) -> Entry:
    return _entry(number, platform={"architecture": architecture, "os": "linux"})


def _attestation(image: Entry) -> Entry:
    notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]}
    return _entry(image["size"] + 500, platform={"architecture": "unknown", "os": "unknown"}, annotations=notes)


def _images(first: int) -> st.SearchStrategy[list[Entry]]:
    """Images for some platforms, each with or without an attestation."""

    def build(chosen: dict[str, bool]) -> list[Entry]:
        images = {name: _image(first + _PLATFORMS.index(name), name) for name in chosen}
        return [*images.values(), *(_attestation(images[name]) for name, attested in chosen.items() if attested)]

    return st.dictionaries(st.sampled_from(_PLATFORMS), st.booleans(), min_size=1).map(build)


def _named(entries: list[Entry]) -> list[str]:
    return [entry["platform"]["architecture"] for entry in entries if entry["platform"]["os"] != "unknown"]


@quick
@given(_images(1), _images(100))
def test_what_is_added_is_there_and_what_it_replaces_is_not(there: list[Entry], added: list[Entry]) -> None:
    merged = merge_entries(there, added)
    assert all(entry in merged for entry in added)
    assert len(set(_named(merged))) == len(_named(merged))
    assert set(_named(merged)) == {*_named(there), *_named(added)}
    digests = {entry["digest"] for entry in merged}
    attested = [entry["annotations"]["vnd.docker.reference.digest"] for entry in merged if "annotations" in entry]
    assert set(attested) <= digests
    assert merge_entries(merged, added) == merged


@quick
@given(_images(1), st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=3))
def test_the_same_entries_make_the_same_bytes(entries: list[Entry], annotations: dict[str, str]) -> None:
    made = make_index(entries, "auto", annotations)
    assert make_index(entries, "auto", dict(reversed(list(annotations.items())))).raw == made.raw
    assert make_index(entries, "auto", annotations, made) is made
