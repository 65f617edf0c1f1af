# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy images between repositories: the engine of a push with a registry as its source."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ._client import RegistryClient, pair_clients
from ._errors import RegistryError
from ._image_source import ImageSource
from ._platform import Platform
from ._reference import Digest, Reference, is_digest
from ._referrers import list_referrers
from ._results import Result, tagging_result, transfer_result
from ._subset import Subset
from ._transfer import TagMap, apply_policy

_SIGNATURE_SUFFIXES = (".sig", ".att", ".sbom")


@dataclass(frozen=True)
class CopyOptions:
    """What to copy and what to leave."""

    platforms: tuple[Platform, ...] = ()
    referrers: bool = False
    existing: str = "overwrite"
    expected_digest: Digest | None = None
    check_mode: bool = False


@dataclass(frozen=True)
class Copy:
    """One image to copy: from where, to which repository, under which tags (or by digest, with none)."""

    source: Reference
    destination: Reference
    tags: tuple[str, ...]


@dataclass
class Copied:
    """The states of the destination, and the result for the user."""

    before: TagMap
    after: TagMap
    result: Result


class CopyTask:
    """Copies one image."""

    def __init__(self, source: RegistryClient, destination: RegistryClient, copy: Copy, options: CopyOptions) -> None:
        self._source, self._destination = pair_clients(source, destination)
        self._copy = copy
        self._options = options

    def run(self) -> Copied:
        """Copy (or in check mode, plan) and return what became of it."""
        unchanged = self._compare_digests()
        if unchanged is not None:
            return unchanged
        image: ImageSource = self._source.get_image(self._copy.source.identifier)
        origin = image.root.digest
        self._check_expected(origin)
        if self._options.platforms:
            image = Subset(image, self._options.platforms, str(self._copy.source))
        identifiers = self._copy.tags or (str(image.root.digest),)
        plan = self._destination.plan_push(image, identifiers, self._options.existing)
        transferred = self._destination.predict_push(plan) if self._options.check_mode else self._destination.execute_push(plan, image)
        result = transfer_result(self._copy.destination, plan, transferred)
        copied = Copied(dict(plan.before), dict(plan.after), {**result, **self._origin(origin, image.root.digest)})
        if self._options.referrers:
            for digest in dict.fromkeys([image.root.digest, *(child.digest for child, _manifest in plan.children)]):
                self._copy_referrers(digest, copied)
                self._copy_signatures(digest, copied)
        return copied

    def _origin(self, origin: Digest, digest: Digest) -> Result:
        return {"src_digest": str(origin), "digest_changed": origin != digest}

    def _check_expected(self, digest: Digest) -> None:
        expected = self._options.expected_digest
        if expected is not None and digest != expected:
            raise RegistryError(
                f"{self._copy.source} has the digest {digest}, not the expected {expected}: nothing was copied.",
                "precondition",
                reference=str(self._copy.source),
            )

    def _compare_digests(self) -> Copied | None:
        """Find out by HEADs alone whether there is nothing to do; None where that cannot be told."""
        if self._options.platforms or self._options.referrers or not self._copy.tags:
            return None
        before = self._destination.find_tags(self._copy.tags)
        if None in before.values():
            return None
        source = self._source.get_descriptor(self._copy.source.identifier)
        self._check_expected(source.digest)
        after = apply_policy(before, source.digest, self._options.existing, self._copy.destination.name)
        if before != after:
            return None
        nothing: Result = {key: [] for key in ("uploaded_blobs", "mounted_blobs", "existing_blobs", "skipped_layers")}
        result = {**tagging_result(self._copy.destination, source, before, after), **nothing, "uploaded_bytes": 0, "size": None}
        return Copied(before, after, {**result, **self._origin(source.digest, source.digest)})

    def _copy_referrers(self, subject: Digest, copied: Copied) -> None:
        """Copy what refers to ``subject``, and what refers to that."""
        for referrer in list_referrers(self._source.api, subject):
            known = str(referrer.digest) in copied.after
            if not known and referrer.is_manifest:
                self._push_along(self._source.get_image(str(referrer.digest)), str(referrer.digest), copied)
                self._copy_referrers(referrer.digest, copied)

    def _copy_signatures(self, subject: Digest, copied: Copied) -> None:
        """Copy the tags under which cosign keeps signatures, attestations and SBOMs of ``subject``."""
        for suffix in _SIGNATURE_SUFFIXES:
            tag = f"{subject.algorithm}-{subject.hex}{suffix}"
            digest = self._source.find_digest(tag)
            if digest is not None:
                self._push_along(self._source.get_image(str(digest)), tag, copied)

    def _push_along(self, image: ImageSource, identifier: str, copied: Copied) -> None:
        plan = self._destination.plan_push(image, [identifier])
        if not self._options.check_mode:
            self._destination.execute_push(plan, image)
        copied.before.update(plan.before)
        copied.after.update(plan.after)
        copied.result.setdefault("referrers", []).append(
            {"name": identifier, "digest": str(image.root.digest), "changed": bool(plan.writes)}
        )


def destination_tags(source: Reference, destination: Reference, tags: t.Sequence[str]) -> tuple[str, ...]:
    """Return the tags that a copy writes: the destination's, else the source's, and the further ones."""
    if destination.digest is not None:
        raise RegistryError(
            f"The destination {destination} names a digest: digests follow from what is copied; name a tag.", "invalid_reference"
        )
    if destination.tag:
        first = [destination.tag]
    elif tags:
        first = []
    else:
        first = [source.tag] if source.tag else [] if source.digest else ["latest"]
    return tuple(dict.fromkeys([*first, *tags]))


def names(copy: Copy, states: TagMap) -> dict[str, Digest | None]:
    """Return states with full names as keys, for the diff."""
    return {f"{copy.destination.name}{'@' if is_digest(key) else ':'}{key}": digest for key, digest in states.items()}
