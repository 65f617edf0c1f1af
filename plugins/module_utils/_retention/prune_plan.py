# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy makes of a repository: everything that the decision needs is read first, and nothing is written."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import datetime

from .._core.budget import Kept
from .._core.errors import NotFound, RegistryError
from .._core.scrub import some
from .._oci.digest_tags import owner_digest, owner_key
from .._oci.manifest import Descriptor
from .._oci.reference import Digest
from .._registry.client import RegistryClient
from .._registry.referrers import list_by_api
from .dependencies import NO_LINKS, ManifestLinks, Manifests, Reached, Settlement, settle
from .ghosts import among_ghosts, list_all
from .manifest_reader import ManifestReader, find_descriptor
from .policy import Dates, Judge, Verdict

_TAG_WEIGHT, _LETTER_WEIGHT = 1600, 12  # bytes of memory for each tag and each character of its name, with all that is told of it
_UNREAD = Verdict(True, "its manifest has a media type that is not supported")

Result = dict[str, t.Any]


@dataclass
class Foreseen:
    """What a repository will have that it does not have yet: the manifests of ``tags``, and what these and other manifests name."""

    tags: dict[str, Descriptor] = field(default_factory=dict)
    manifests: dict[Digest, ManifestLinks] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """What becomes of one tag, and why; a ghost has no ``descriptor``."""

    tag: str
    descriptor: Descriptor | None
    keep: bool
    reason: str
    created: datetime | None = None

    def result(self) -> Result:
        """Return the entry as plain values."""
        return {
            "tag": self.tag,
            "digest": str(self.descriptor.digest) if self.descriptor else None,
            "action": "keep" if self.keep else "delete",
            "reason": self.reason,
            "created": self.created.strftime("%Y-%m-%dT%H:%M:%SZ") if self.created else None,
        }


@dataclass(frozen=True)
class PrunePlan:
    """What becomes of each tag, in the order of their names, and what the kept ones lead to.

    ``warnings`` tell of what is listed and left alone. With ``by_digest`` manifests that no kept tag leads to are deleted.
    """

    entries: Kept[Entry]
    kept: Reached
    manifests: Manifests
    by_digest: bool
    warnings: tuple[str, ...]

    @property
    def doomed(self) -> list[Entry]:
        """The tags that go."""
        return [entry for entry in self.entries if not entry.keep]

    def states(self) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        """Return what there is before and after, each tag with the reason."""
        before = {entry.tag: f"{entry.descriptor.digest if entry.descriptor else 'no manifest'} ({entry.reason})" for entry in self.entries}
        return before, {entry.tag: before[entry.tag] if entry.keep else None for entry in self.entries}

    def deleted_by_digest(self, entry: Entry) -> Digest | None:
        """Return the digest that is deleted so that the tag goes, None where only the tag is: a kept one may lead to the digest."""
        if entry.descriptor is None or not self.by_digest or self.kept.has(entry.descriptor.digest):
            return None
        return entry.descriptor.digest

    def overview(self) -> Result:
        """Return for each tag why it goes or stays."""
        return {
            "delete": {entry.tag: entry.reason for entry in self.doomed},
            "keep": {entry.tag: entry.reason for entry in self.entries if entry.keep},
        }

    def result(self) -> Result:
        """Return the results that the plan foresees."""
        return {
            "kept": [entry.tag for entry in self.entries if entry.keep],
            "deleted": [entry.tag for entry in self.doomed],
            "protected_by": {entry.tag: entry.reason for entry in self.entries if entry.keep},
            "plan": [entry.result() for entry in self.entries],
            "failed_tags": {},
        }


def plan_prune(client: RegistryClient, policy: Judge, now: datetime, method: str, foreseen: Foreseen | None = None) -> PrunePlan:
    """Return what becomes of each tag of the repository, as if it had what is ``foreseen``; any read that fails ends it."""
    try:
        return _plan(client, policy, now, method, foreseen or Foreseen())
    except RegistryError as error:
        error.message += " Nothing was deleted."
        raise


def _plan(client: RegistryClient, policy: Judge, now: datetime, method: str, foreseen: Foreseen) -> PrunePlan:
    unusable: list[str] = []
    names = sorted({*_list(client, unusable.append, foreseen), *foreseen.tags})
    entries: Kept[Entry] = Kept()
    if policy.keeps_all(names):
        return PrunePlan(entries, settle({}, {}, {}).kept, {}, False, tuple(_warnings(client.registry, [], unusable, method)))

    weight = _TAG_WEIGHT * len(names) + _LETTER_WEIGHT * sum(map(len, names))
    client.connection.exchange.budget.hold(entries, weight, f"The plan for the {len(names)} tags of {client.api.name}")

    def look(tag: str) -> Descriptor | None:
        return foreseen.tags.get(tag) or find_descriptor(client, tag)

    states = dict(zip(names, client.fan_out(client.progress.each("tags read", len(names), look), names)))
    found = {tag: descriptor for tag, descriptor in states.items() if descriptor}
    absent = [tag for tag in names if tag not in found]
    ghosts = among_ghosts(client, absent, list_all(client)) if absent else []
    tags = {tag: descriptor.digest for tag, descriptor in found.items()}
    reader = ManifestReader(client, foreseen.manifests)
    readable = {tag: digest for tag, digest in tags.items() if found[tag].is_manifest}
    dates = reader.read_dates(policy.dates_needed(readable), now)
    verdicts = {**dict.fromkeys(tags, _UNREAD), **policy.judge(readable, dates, now)}
    if any(verdict is None or not verdict.keep for verdict in verdicts.values()):
        reader.read(descriptor.digest for descriptor in found.values() if descriptor.is_index)
        reader.read(tags[tag] for tag, verdict in verdicts.items() if verdict is not None and not verdict.keep)
    settlement = settle(tags, verdicts, reader.found)
    # A repository that has nothing but signatures has never had their images, which are in another one: cosign can be told so.
    orphans = () if all(map(owner_key, names)) else settlement.orphans
    gone = _find_gone(client, orphans, foreseen.manifests)
    gone = {tag for tag in gone if not any(child in settlement.kept.tagged for child in reader.found.get(tags[tag], NO_LINKS).children)}
    if gone:
        settlement = settle(tags, verdicts, reader.found, gone)
    nameless = (Entry(tag, None, False, "it has no manifest") for tag in ghosts if policy.names(tag))
    entries += sorted([*_entries(found, settlement, dates), *nameless], key=lambda entry: entry.tag)
    by_digest = method == "digest" and not unusable
    left = [tag for tag in ghosts if not policy.names(tag)]
    warnings = tuple(_warnings(client.registry, left, unusable, method))
    plan = PrunePlan(entries, settlement.kept, reader.found, by_digest, warnings)
    _check_referrers(client, plan)
    return plan


def _list(client: RegistryClient, on_unusable: t.Callable[[str], None], foreseen: Foreseen) -> t.Sequence[str]:
    """Return the tags of the repository, which need not be there yet where some are ``foreseen``."""
    try:
        return client.list_tags(on_unusable=on_unusable)
    except NotFound:
        if not foreseen.tags:
            raise
        return ()


def _warnings(registry: str, ghosts: t.Sequence[str], unusable: t.Sequence[str], method: str) -> t.Iterator[str]:
    if ghosts:
        yield (
            f"{registry} lists tags that have no manifest: {some(ghosts)}. They were not deleted. registry_tag_delete deletes "
            "them, and so does registry_prune if include matches them."
        )
    if unusable:
        digests = " Their digests are not known, so method digest deletes only tags, and no manifests." if method == "digest" else ""
        yield f"{registry} lists names that are not valid tags: {some(unusable)}. They were not deleted.{digests}"


def _check_referrers(client: RegistryClient, plan: PrunePlan) -> None:
    """Read what refers to the manifests that are to be deleted: who cannot be asked that must not be asked to delete them."""
    doomed = list(dict.fromkeys(digest for digest in map(plan.deleted_by_digest, plan.doomed) if digest))
    client.fan_out(lambda digest: list_by_api(client.api, digest), doomed)


def _find_gone(client: RegistryClient, orphans: t.Sequence[str], foreseen: Manifests) -> set[str]:
    """Return those of the tags that belong to manifests which the repository does not have any more, and will not have."""
    owners = {tag: owner for tag, owner in ((tag, owner_digest(tag)) for tag in orphans) if owner and owner not in foreseen}
    states = client.fan_out(lambda owner: client.find_digest(str(owner)), owners.values())
    return {tag for tag, state in zip(owners, states) if state is None}


def _entries(found: t.Mapping[str, Descriptor], settlement: Settlement, dates: Dates) -> t.Iterator[Entry]:
    for tag, descriptor in found.items():
        verdict = settlement.verdicts[tag]
        other = settlement.kept.tagged.get(descriptor.digest)
        shared = f"; its digest is kept under the tag {other}" if other and not verdict.keep else ""
        yield Entry(tag, descriptor, verdict.keep, verdict.reason + shared, dates.get(descriptor.digest))
