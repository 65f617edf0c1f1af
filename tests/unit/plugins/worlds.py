# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random repositories for model tests: images, indexes, referrers, signatures, and tags that share digests."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random

from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.store import Repository
from hypothesis import strategies as st

NOW = datetime.now(timezone.utc)
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
NAMES = ["1.0", "1.1", "1.2-rc1", "v2.0", "latest", "edge", "old", "older"]


@dataclass(frozen=True)
class World:
    """A random repository: ages of images in days (None for the epoch), and what is made of earlier manifests by their number."""

    ages: list[int | None]
    indexes: list[list[int]]
    referrers: list[int]
    tags: dict[str, int]
    signed: list[int]
    listed: list[int]
    lost_signature: bool


def some(chance: Random, most: int, least: int = 0) -> list[int]:
    """Return numbers of manifests; what is made of them takes them modulo how many there are."""
    return [chance.randrange(100) for _number in range(chance.randint(least, most))]


def random_world(seed: int) -> World:
    """Return the world of this seed; chance alone spreads better over what matters than a search from the simple on."""
    chance = Random(seed)
    return World(
        ages=[chance.choice([None, *range(10)]) for _number in range(chance.randint(2, 5))],
        indexes=[some(chance, 3, 1) for _number in range(chance.choice([0, 0, 1, 2]))],
        referrers=some(chance, 2),
        tags={tag: chance.randrange(100) for tag in chance.sample(NAMES, chance.randint(3, len(NAMES)))},
        signed=some(chance, 3),
        listed=some(chance, 1),
        lost_signature=chance.random() < 0.2,
    )


worlds = st.integers(0, 2**32).map(random_world)


def build(registry: FakeRegistry, world: World) -> None:
    """Put the world into the repository app."""
    made: list[str] = []
    dates: list[str] = []
    for number, age in enumerate(world.ages):
        created = "1970-01-01T00:00:00Z" if age is None else (NOW - timedelta(days=age, minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
        made.append(registry.add_image("app", None, 1, seed=f"image {number}", config={"created": created}).digest)
        dates.append(created)
    for number, children in enumerate(world.indexes):
        entries = [descriptor(registry, made[child % len(made)]) for child in children]
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, "annotations": {"number": str(number)}}
        made.append(registry.add_manifest("app", document).digest)
    for number, subject in enumerate(world.referrers):
        notes = {"org.opencontainers.image.created": dates[subject % len(dates)]}
        made.append(registry.add_referrer("app", made[subject % len(made)], data=b"%d" % number, annotations=notes).digest)
    for tag, number in world.tags.items():
        registry.set_tag("app", tag, made[number % len(made)])
    for number in world.signed:
        name = made[number % len(made)].replace(":", "-")
        made.append(registry.add_image("app", f"{name}.sig", 1, seed=f"signature of {name}").digest)
    for number in world.listed:
        name = made[number % len(made)].replace(":", "-")
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(registry, made[(number + 1) % len(made)])]}
        registry.add_manifest("app", document, tag=name)
    if world.lost_signature:
        registry.add_image("app", f"sha256-{'0' * 64}.sig", 1)


def descriptor(registry: FakeRegistry, digest: str) -> dict[str, t.Any]:
    stored = registry.manifest("app", digest)
    assert stored is not None
    return {**stored.descriptor(), "platform": {"os": "linux", "architecture": digest[7:15]}}


@dataclass
class Snapshot:
    """A repository at one moment: tags, what each pulls, and what each leads to."""

    tags: dict[str, str]
    documents: dict[str, t.Any]
    subjects: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, repository: Repository) -> Snapshot:
        documents = {digest: json.loads(stored.raw) for digest, stored in repository.manifests.items()}
        subjects = {digest: document["subject"]["digest"] for digest, document in documents.items() if "subject" in document}
        return cls(dict(repository.tags), documents, subjects)

    def pulls(self, tag: str) -> t.Any:
        """Return the document that the tag is on, None where there is no such tag."""
        return self.documents.get(self.tags.get(tag, ""))

    def needs(self, tags: t.Iterable[str], companions: bool = True) -> set[str]:
        """Return all that is there and that these tags lead to: children, with ``companions`` what refers to them and signatures too."""
        found: set[str] = set()
        pending = [self.tags[tag] for tag in tags]
        while pending:
            digest = pending.pop()
            if digest in found or digest not in self.documents:
                continue
            found.add(digest)
            pending += [entry["digest"] for entry in self.documents[digest].get("manifests", [])]
            if not companions:
                continue
            pending += [referrer for referrer, subject in self.subjects.items() if subject == digest]
            pending += [there for tag, there in self.tags.items() if tag.startswith(digest.replace(":", "-"))]
        return found
