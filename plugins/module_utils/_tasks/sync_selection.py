# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose among the tags of a repository, as an entry of registry_sync says: by name, by version, and of those the newest."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from .._core.budget import Budget
from .._core.errors import NotFound
from .._oci.digest_tags import owner_key
from .._oci.reference import Digest
from .._oci.versions import sort_by_version, weigh_keys
from .._registry.client import RegistryClient
from .._retention.manifest_reader import ManifestReader
from .sync_entries import Choice

_TAG_WEIGHT = 400  # bytes of memory for each tag, while they are sorted


def choose_tags(client: RegistryClient, choice: Choice, listed: t.Iterable[str]) -> list[str]:
    """Return the tags among those ``listed`` that are chosen; signatures and the like, which belong to an image by its digest, never are."""
    budget = client.connection.exchange.budget
    chosen = choose_by_name(choice, listed, budget)
    if choice.newest is None or len(chosen) <= choice.newest:
        return chosen
    return (_newest(client, chosen) if choice.sort == "created" else chosen)[: choice.newest]


def choose_by_name(choice: Choice, listed: t.Iterable[str], budget: Budget) -> list[str]:
    """Return what is chosen by name and version alone, the highest version first."""
    tags = [tag for tag in listed if not owner_key(tag) and choice.selection.has(tag)]
    chosen = [tag for tag in tags if choice.versions is None or choice.versions.has(tag)]
    with budget.lend(weigh_keys(chosen), "The list of tags, to be sorted by version,"):
        return sort_by_version(chosen, str, reverse=True)


def _newest(client: RegistryClient, tags: t.Sequence[str]) -> list[str]:
    """Return the newest first; what has no date that can be believed counts as newest, and of one age comes the highest version first."""
    budget, weight = client.connection.exchange.budget, _TAG_WEIGHT * len(tags)
    budget.take(weight, f"The state of the {len(tags)} tags of {client.api.name}")
    try:
        states = dict(zip(tags, client.fan_out(lambda tag: _find(client, tag), tags)))
        there = {tag: digest for tag, digest in states.items() if digest is not None}
        now = datetime.now(timezone.utc)
        dates = ManifestReader(client).read_dates(dict.fromkeys(there.values()), now)
        latest = datetime.max.replace(tzinfo=timezone.utc)
        return sorted(there, key=lambda tag: dates[there[tag]] or latest, reverse=True)
    finally:
        budget.give_back(weight)


def _find(client: RegistryClient, tag: str) -> Digest | None:
    try:
        return client.get_digest(tag)
    except NotFound:
        return None  # deleted since it was listed
