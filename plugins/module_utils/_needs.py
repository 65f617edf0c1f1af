# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tags need of each other: children of indexes, what refers to an image, its signatures. Pure code over what manifests name."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ._digest_tags import digest_key, owner_key
from ._manifest import Descriptor, Manifest
from ._reference import Digest
from ._retention import Tags, Verdict

CREATED = "org.opencontainers.image.created"


@dataclass(frozen=True)
class Content:
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
    def of(cls, manifest: Manifest) -> Content:
        """Return what ``manifest`` names."""
        children = [child for child in manifest.children if child.is_manifest]
        return cls(
            tuple(child.digest for child in children),
            tuple(child.digest for child in children if child.is_index),
            tuple(child.digest for child in children if not child.is_attestation),
            manifest.subject.digest if manifest.subject else None,
            manifest.config,
            manifest.annotations.get(CREATED, ""),
        )


Contents = t.Mapping[Digest, Content]
NOTHING = Content()


def below(contents: Contents, root: Digest) -> set[Digest]:
    """Return what the manifest ``root`` names, at every depth."""
    found: set[Digest] = set()
    pending = [root]
    while pending:
        for child in contents.get(pending.pop(), NOTHING).children:
            if child not in found:
                found.add(child)
                pending.append(child)
    return found


class Reached:
    """What some tags lead to, and which tag leads there."""

    def __init__(self, tags: Tags, contents: Contents) -> None:
        self._tags = tags
        self._contents = contents
        self.tagged: dict[Digest, str] = {}
        self.below: dict[Digest, str] = {}
        self.keys: dict[str, str] = {}

    def add(self, tag: str) -> None:
        """Add what ``tag`` leads to."""
        digest = self._tags[tag]
        self.tagged.setdefault(digest, tag)
        self.keys.setdefault(digest_key(digest), tag)
        for child in below(self._contents, digest):
            self.below.setdefault(child, tag)
            self.keys.setdefault(digest_key(child), tag)

    def has(self, digest: Digest) -> bool:
        """Tell whether one of the tags leads to ``digest``."""
        return digest in self.tagged or digest in self.below

    def why(self, tag: str) -> str:
        """Return why these tags need what ``tag`` is on, "" where they do not; that it is on the same digest is no reason."""
        digest = self._tags[tag]
        subject = self._contents.get(digest, NOTHING).subject
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


def settle(tags: Tags, verdicts: t.Mapping[str, Verdict | None], contents: Contents, gone: t.Container[str] = ()) -> Settlement:
    """Return what becomes of each tag when what a kept tag needs is kept too.

    Tags that belong to an image by their name (no verdict yet) follow it; those in ``gone`` have lost it and go.
    """
    kept = _Group(tags, contents)
    for tag, verdict in verdicts.items():
        if verdict is not None and verdict.keep:
            kept.add(tag, verdict)
    orphans: list[str] = []
    while True:
        kept.draw([tag for tag in verdicts if tag not in kept.verdicts], kept.reached.why)
        doomed = _doomed(tags, contents, {tag: verdict for tag, verdict in verdicts.items() if tag not in kept.verdicts}, gone)
        left = [tag for tag in verdicts if tag not in kept.verdicts and tag not in doomed.verdicts]
        if not left:
            settled = {**kept.verdicts, **doomed.verdicts}
            return Settlement({tag: settled[tag] for tag in tags}, kept.reached, tuple(orphans))
        orphans += left
        for tag in left:
            kept.add(tag, Verdict(True, "it belongs to an image that no tag leads to"))


class _Group:
    """Tags that share a fate, and what they draw along."""

    def __init__(self, tags: Tags, contents: Contents) -> None:
        self.reached = Reached(tags, contents)
        self.verdicts: dict[str, Verdict] = {}

    def add(self, tag: str, verdict: Verdict) -> None:
        self.verdicts[tag] = verdict
        self.reached.add(tag)

    def draw(self, candidates: t.Sequence[str], why: t.Callable[[str], str], keep: bool = True) -> None:
        """Add the candidates for which ``why`` has a reason, and what those draw along, until nothing moves."""
        before = -1
        while before != len(self.verdicts):
            before = len(self.verdicts)
            for tag in candidates:
                reason = "" if tag in self.verdicts else why(tag)
                if reason:
                    self.add(tag, Verdict(keep, reason))


def _doomed(tags: Tags, contents: Contents, candidates: t.Mapping[str, Verdict | None], gone: t.Container[str]) -> _Group:
    """Return the tags that go, among them those that belong to an image that goes."""
    group = _Group(tags, contents)
    for tag, verdict in candidates.items():
        if verdict is not None:
            group.add(tag, verdict)
        elif tag in gone:
            group.add(tag, Verdict(False, "the image it belongs to is gone"))

    def follows(tag: str) -> str:
        owner = group.reached.keys.get(owner_key(tag))
        return f"it belongs to the image of the tag {owner}, which goes" if owner else ""

    group.draw(list(candidates), follows, keep=False)
    return group
