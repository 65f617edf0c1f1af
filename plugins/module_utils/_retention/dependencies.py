# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tags need of each other: children of indexes, what refers to an image, its signatures. Pure code over what manifests name."""

from __future__ import annotations

import typing as t
from collections import deque
from dataclasses import dataclass

from .._oci.digest_tags import digest_key, owner_key
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest
from .policy import Tags, Verdict

_NAMED_WEIGHT = 1000  # bytes of memory for each manifest that is named
CREATED = "org.opencontainers.image.created"


@dataclass(frozen=True)
class ManifestLinks:
    """What a manifest names, and where its date is: in ``stated``, in the ``config``, or in those of its ``images``.

    ``children`` are all manifests that an index names, ``indexes`` and ``images`` (attestations are none) are among them.
    """

    children: tuple[Digest, ...] = ()
    indexes: tuple[Digest, ...] = ()
    images: tuple[Digest, ...] = ()
    subject: Digest | None = None
    config: Descriptor | None = None
    stated: str = ""

    @classmethod
    def of(cls, manifest: Manifest) -> ManifestLinks:
        """Return what ``manifest`` names."""
        children = [child for child in manifest.children if child.is_manifest]
        return cls(
            tuple(child.digest for child in children),
            tuple(child.digest for child in children if child.is_index),
            tuple(child.digest for child in children if not child.is_companion),
            manifest.subject.digest if manifest.subject else None,
            manifest.config,
            manifest.annotations.get(CREATED, ""),
        )

    @property
    def weight(self) -> int:
        """How many bytes of memory it takes, together with what is concluded from it."""
        return (1 + len(self.children)) * _NAMED_WEIGHT + len(self.stated) + (self.config.weight if self.config else 0)


Manifests = t.Mapping[Digest, ManifestLinks]
NO_LINKS = ManifestLinks()


def below(manifests: Manifests, root: Digest) -> set[Digest]:
    """Return what the manifest ``root`` names, at every depth."""
    found: set[Digest] = set()
    pending = [root]
    while pending:
        for child in manifests.get(pending.pop(), NO_LINKS).children:
            if child not in found:
                found.add(child)
                pending.append(child)
    return found


class Reached:
    """What some tags lead to, and which tag leads there."""

    def __init__(self, tags: Tags, manifests: Manifests) -> None:
        self._tags = tags
        self._manifests = manifests
        self.tagged: dict[Digest, str] = {}
        self.below: dict[Digest, str] = {}
        self.keys: dict[str, str] = {}

    def add(self, tag: str) -> tuple[list[Digest], list[str]]:
        """Add what ``tag`` leads to; return the digests and the keys that were not reached before."""
        root = self._tags[tag]
        digests: list[Digest] = []
        keys: list[str] = []
        if root not in self.tagged:
            self.tagged[root] = tag
            digests.append(root)
        pending = [root] if digests and root not in self.below else []
        while pending:
            for child in self._manifests.get(pending.pop(), NO_LINKS).children:
                if child not in self.below:
                    self.below[child] = tag
                    digests.append(child)
                    if child not in self.tagged:
                        pending.append(child)
        for key in map(digest_key, digests):
            if key not in self.keys:
                self.keys[key] = tag
                keys.append(key)
        return digests, keys

    def has(self, digest: Digest) -> bool:
        """Tell whether one of the tags leads to ``digest``."""
        return digest in self.tagged or digest in self.below

    def why(self, tag: str) -> str:
        """Return why these tags need what ``tag`` is on, "" where they do not; that it is on the same digest is no reason."""
        digest = self._tags[tag]
        subject = self._manifests.get(digest, NO_LINKS).subject
        if owner_key(tag) in self.keys:
            return f"it belongs to the image of the tag {self.keys[owner_key(tag)]}"
        if digest in self.below:
            return f"the index of the tag {self.below[digest]} needs it"
        if subject is not None and self.has(subject):
            return f"it refers to the image of the tag {self.tagged.get(subject) or self.below[subject]}"
        return ""


@dataclass(frozen=True)
class Settlement:
    """What becomes of each tag in the end, and what the kept ones lead to.

    ``orphans`` stay although their name says that they belong to an image, since no tag leads to that.
    """

    verdicts: dict[str, Verdict]
    kept: Reached
    orphans: tuple[str, ...]


def settle(tags: Tags, verdicts: t.Mapping[str, Verdict | None], manifests: Manifests, gone: t.Container[str] = ()) -> Settlement:
    """Return what becomes of each tag when what a kept tag needs is kept too.

    Tags that belong to an image by their name (no verdict yet) follow it; those in ``gone`` have lost it and go.
    """
    links = _Links(tags, verdicts, manifests)
    kept = _Group(tags, manifests, links)
    for tag, verdict in verdicts.items():
        if verdict is not None and verdict.keep:
            kept.add(tag, verdict)
    orphans: list[str] = []
    while True:
        kept.draw(kept.reached.why)
        doomed = _doomed(tags, manifests, links, {tag: verdict for tag, verdict in verdicts.items() if tag not in kept.verdicts}, gone)
        left = [tag for tag in verdicts if tag not in kept.verdicts and tag not in doomed.verdicts]
        if not left:
            settled = {**kept.verdicts, **doomed.verdicts}
            return Settlement({tag: settled[tag] for tag in tags}, kept.reached, tuple(orphans))
        orphans += left
        for tag in left:
            kept.add(tag, Verdict(True, "it belongs to an image that no tag leads to"))


class _Links:
    """Which tags may be drawn along by what: by the digest that they are on or refer to, or by the key of their owner."""

    def __init__(self, tags: Tags, candidates: t.Iterable[str], manifests: Manifests) -> None:
        self.by_digest: dict[Digest, list[str]] = {}
        self.by_key: dict[str, list[str]] = {}
        for tag in candidates:
            digest = tags[tag]
            subject = manifests.get(digest, NO_LINKS).subject
            for named in {digest, subject} if subject else {digest}:
                self.by_digest.setdefault(named, []).append(tag)
            if owner_key(tag):
                self.by_key.setdefault(owner_key(tag), []).append(tag)


class _Group:
    """Tags that share a fate, and what they draw along: whoever joins brings those up for a decision that it is linked with."""

    def __init__(self, tags: Tags, manifests: Manifests, links: _Links, candidates: t.Container[str] | None = None) -> None:
        self.reached = Reached(tags, manifests)
        self.verdicts: dict[str, Verdict] = {}
        self._links = links
        self._candidates = candidates
        self._pending: deque[str] = deque()

    def add(self, tag: str, verdict: Verdict) -> None:
        self.verdicts[tag] = verdict
        digests, keys = self.reached.add(tag)
        for digest in digests:
            self._pending.extend(self._links.by_digest.get(digest, ()))
        for key in keys:
            self._pending.extend(self._links.by_key.get(key, ()))

    def draw(self, why: t.Callable[[str], str], keep: bool = True) -> None:
        """Add the tags for which ``why`` has a reason, and what those draw along, until nothing moves."""
        while self._pending:
            tag = self._pending.popleft()
            if tag in self.verdicts or (self._candidates is not None and tag not in self._candidates):
                continue
            reason = why(tag)
            if reason:
                self.add(tag, Verdict(keep, reason))


def _doomed(tags: Tags, manifests: Manifests, links: _Links, candidates: t.Mapping[str, Verdict | None], gone: t.Container[str]) -> _Group:
    """Return the tags that go, among them those that belong to an image that goes."""
    group = _Group(tags, manifests, links, candidates)
    for tag, verdict in candidates.items():
        if verdict is not None:
            group.add(tag, verdict)
        elif tag in gone:
            group.add(tag, Verdict(False, "the image it belongs to is gone"))

    def follows(tag: str) -> str:
        owner = group.reached.keys.get(owner_key(tag))
        return f"it belongs to the image of the tag {owner}, which goes" if owner else ""

    group.draw(follows, keep=False)
    return group
