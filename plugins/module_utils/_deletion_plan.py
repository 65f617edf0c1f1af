# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tags a deletion means and takes along: found by reads, carried out one tag after the other."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ._client import RegistryClient
from ._deletion import delete_digest, delete_tag
from ._download import walk
from ._errors import NotFound, RegistryError
from ._manifest import Manifest
from ._reference import Digest

Result = dict[str, t.Any]


@dataclass(frozen=True)
class DeletionPlan:
    """The manifests of the tags to delete, the tags that are absent, and those that would go along."""

    method: str
    found: t.Mapping[str, Manifest]
    absent: tuple[str, ...] = ()
    also: t.Mapping[str, Digest] = field(default_factory=dict)
    digest: Digest | None = None

    def before(self) -> dict[str, str]:
        """Return what exists now and will not: tags with their digests."""
        states = {tag: str(manifest.digest) for tag, manifest in self.found.items()}
        states.update({tag: str(digest) for tag, digest in self.also.items()})
        return states or ({str(self.digest): str(self.digest)} if self.digest else {})

    def result(self) -> Result:
        """Return the results that the plan foresees."""
        return {
            "deleted_tags": list(self.found),
            "absent_tags": list(self.absent),
            "also_deleted_tags": list(self.also),
            "digests": {tag: str(manifest.digest) for tag, manifest in self.found.items()},
            "methods": dict.fromkeys(self.found, self.method),
        }


def _read(client: RegistryClient, tag: str) -> Manifest | None:
    try:
        return client.get_manifest(tag)
    except NotFound:
        return None


def plan_deletion(
    client: RegistryClient, tags: t.Sequence[str], digest: Digest | None, method: str, expected: Digest | None
) -> DeletionPlan:
    """Return what deleting ``tags`` (or ``digest``) means; raises ``precondition`` where it must not happen."""
    read = dict(zip(tags, client.fan_out(lambda tag: _read(client, tag), tags)))
    found = {tag: manifest for tag, manifest in read.items() if manifest is not None}
    absent = tuple(tag for tag in read if tag not in found)
    for tag, manifest in found.items():
        if expected is not None and manifest.digest != expected:
            raise RegistryError(
                f"The tag {tag} of {client.registry} is on {manifest.digest}, not on the expected {expected}: nothing was deleted.",
                "precondition",
                reference=f"{client.registry}:{tag}",
            )
    if method != "digest":
        return DeletionPlan(method, found, absent)
    if digest is not None and expected not in (None, digest):
        raise RegistryError(f"{digest} is not the expected {expected}: nothing was deleted.", "precondition")
    if digest is not None and _read(client, str(digest)) is None:
        return DeletionPlan(method, {}, ())
    doomed = {manifest.digest for manifest in found.values()} | ({digest} if digest else set())
    also = _tags_on(client, doomed, found) if doomed else {}
    return DeletionPlan(method, found, absent, also, digest)


def _tags_on(client: RegistryClient, doomed: set[Digest], found: t.Mapping[str, Manifest]) -> dict[str, Digest]:
    """Return the other tags that would go; refuses where an index that stays names one of the digests."""
    others = [tag for tag in client.list_tags() if tag not in found]
    states = client.find_tags(others)
    staying = {digest: tag for tag, digest in states.items() if digest is not None and digest not in doomed}

    def named(digest: Digest) -> set[Digest]:
        manifest = client.get_manifest(str(digest))
        source = _Reader(client)
        return {child.digest for child, _manifest in walk(source, manifest)} & doomed if manifest.is_index else set()

    for digest, needed in zip(staying, client.fan_out(named, staying)):
        for child in needed:
            raise RegistryError(
                f"The manifest {child} of {client.registry} cannot be deleted: the index {digest} (tag {staying[digest]}) needs it.",
                "precondition",
                reference=f"{client.registry}@{child}",
            )
    return {tag: digest for tag, digest in states.items() if digest is not None and digest in doomed}


class _Reader:
    def __init__(self, client: RegistryClient) -> None:
        self._client = client

    def manifest(self, descriptor: t.Any) -> Manifest:
        """Return a child's manifest."""
        return self._client.get_manifest(str(descriptor.digest))


class Deletion:
    """Carries out a plan, and knows at any moment what was done of it."""

    def __init__(self, client: RegistryClient, plan: DeletionPlan) -> None:
        self._client = client
        self._plan = plan
        self._methods: dict[str, str] = {}

    def run(self) -> None:
        """Delete what the plan says."""
        if self._plan.method == "digest":
            self._delete_digests()
            return
        method = self._plan.method
        for tag, manifest in self._plan.found.items():
            done = delete_tag(self._client.api, tag, manifest, method)
            self._methods[tag] = done
            if method == "auto" and done == "substitute":
                method = done  # the registry has said that it deletes no tags by name

    def _delete_digests(self) -> None:
        digests = dict.fromkeys(manifest.digest for manifest in self._plan.found.values())
        if self._plan.digest is not None:
            digests[self._plan.digest] = None
        for digest in digests:
            delete_digest(self._client.api, digest)
            self._methods.update({tag: "digest" for tag, manifest in self._plan.found.items() if manifest.digest == digest})

    def result(self) -> Result:
        """Return the results as far as things were done."""
        whole = self._plan.result()
        return {
            **whole,
            "deleted_tags": list(self._methods),
            "digests": {tag: whole["digests"][tag] for tag in self._methods},
            "methods": dict(self._methods),
            "also_deleted_tags": list(self._plan.also) if self._plan.method == "digest" else [],
        }
