# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy images between repositories: the engine of a push with a registry as its source."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field, replace

from .._core.errors import RegistryError
from .._oci.image_source import ImageSource
from .._oci.manifest import Descriptor, Manifest
from .._oci.platform import Platform
from .._oci.reference import Digest, Reference, is_digest
from .._oci.subset import choose_platforms
from .attached_images import AttachedImage, TagLists, find_attached, plan_attached, with_lost_referrer
from .client import RegistryClient, pair_clients
from .results import Result, printable, tagging_result, transfer_result
from .tagging import TagMap, align, apply_policy
from .transfer import PushPlan, Transferred

if t.TYPE_CHECKING:
    from .verification import Verification


@dataclass(frozen=True)
class CopyOptions:
    """What to copy besides the image, what to leave, and what the copies of one task share.

    With ``brief`` no request is spent on telling more of an image than that the destination has it. ``foresee`` is told in check mode
    what would be written to which repository.
    """

    referrers: bool = False
    existing: str = "overwrite"
    expected_digest: Digest | None = None
    check_mode: bool = False
    brief: bool = False
    lists: TagLists = field(default_factory=TagLists)
    verification: Verification | None = None
    foresee: t.Callable[[Reference, t.Sequence[PushPlan]], None] = lambda destination, plans: None


@dataclass(frozen=True)
class Copy:
    """One image to copy: from where, to which repository, under which tags (or by digest, with none), which platforms of it."""

    source: Reference
    destination: Reference
    tags: tuple[str, ...]
    platforms: tuple[Platform, ...] = ()

    @property
    def origin(self) -> str:
        """The one spelling of the source."""
        return f"{self.source.name}{'@' if self.source.digest else ':'}{self.source.identifier}"


@dataclass
class Copied:
    """The states of the destination by full names, and the result for the user."""

    before: TagMap
    after: TagMap
    result: Result

    @property
    def changed(self) -> bool:
        """Whether anything is, or would be, another than before."""
        return self.before != self.after


class CopyTask:
    """Copies one image."""

    _reads_ahead = False  # whether check mode reads what a run would send

    def __init__(self, source: RegistryClient, destination: RegistryClient, copy: Copy, options: CopyOptions) -> None:
        self._source, self._destination = pair_clients(source, destination)
        self._copy = copy
        self._options = options
        self._plans: list[PushPlan] = []
        self._written: set[str] = set()

    def done(self) -> tuple[TagMap, TagMap]:
        """Return before and after, by full names, of what was written, whatever became of the rest."""
        before: TagMap = {}
        after: TagMap = {}
        for plan in self._plans:
            for named, states in zip((before, after), plan.done(self._written)):
                named.update({self._name(key): digest for key, digest in states.items()})
        return before, after

    def run(self) -> Copied:
        """Copy (or in check mode, plan) and return what became of it."""
        start = time.monotonic()
        copied = self._run()
        copied.result["elapsed"] = round(time.monotonic() - start, 3)
        return copied

    def _run(self) -> Copied:
        if self._options.verification is not None:
            self._copy = replace(self._copy, source=self._pin(self._options.verification))
        before = self._destination.find_states(self._copy.tags, self._options.existing) if self._copy.tags else None
        unchanged = self._compare_digests(before) if before else None
        if unchanged is not None:
            return unchanged
        original = self._read()
        self._check_expected(original.root.digest, original.root)
        image = self._choose(original)
        if before and self._options.brief and not self._options.referrers:
            aligned = align(before, image.root)
            if aligned == apply_policy(aligned, image.root.digest, self._options.existing, self._copy.destination.name):
                return self._unchanged(aligned, image.root.descriptor(), original.root.digest)
        self._source.fan_out(image.manifest, [child for child in image.root.children if child.is_manifest])
        identifiers = self._copy.tags or (str(image.root.digest),)
        plan = with_lost_referrer(self._destination, self._destination.plan_push(image, identifiers, self._options.existing, before))
        attached = self._find_attached(plan)
        along = plan_attached(self._destination, attached, self._options.existing)
        transferred = self._transfer(plan, image)
        for attachment, attachment_plan in zip(attached, along):
            if not self._options.check_mode or self._reads_ahead:
                self._transfer(attachment_plan, attachment.image)
        if self._options.check_mode:
            self._options.foresee(self._copy.destination, [plan, *along])
        result = transfer_result(self._copy.destination, plan, transferred)
        if self._options.referrers:
            result["referrers"] = [attached_result(one, own.before != own.after) for one, own in zip(attached, along)]
        return self._copied([plan, *along], original.root.digest, result)

    def _pin(self, verification: Verification) -> Reference:
        """Return the source with the digest that was verified."""
        return verification.pin(self._source, self._copy.source)

    def _read(self) -> ImageSource:
        return self._source.get_image(self._copy.source.identifier)

    def _describe(self, before: TagMap) -> Descriptor:
        """Return what the source is; with ``brief`` its name tells that, where the destination has that digest."""
        digest = self._copy.source.digest
        if self._options.brief and digest is not None and set(before.values()) == {digest}:
            return Descriptor("", digest, 0)
        return self._look()

    def _look(self) -> Descriptor:
        return self._source.get_descriptor(self._copy.source.identifier)

    def _transfer(self, plan: PushPlan, image: ImageSource) -> Transferred:
        if self._options.check_mode:
            return self._destination.predict_push(plan)
        self._plans.append(plan)
        return self._destination.execute_push(plan, image, self._written)

    def _copied(self, plans: t.Sequence[PushPlan], origin: Digest, result: Result) -> Copied:
        before = {self._name(key): digest for plan in plans for key, digest in plan.before.items()}
        after = {self._name(key): digest for plan in plans for key, digest in plan.after.items()}
        digest_changed = plans[0].root.digest != origin
        return Copied(before, after, {**result, "src_digest": str(origin), "digest_changed": digest_changed})

    def _name(self, identifier: str) -> str:
        return f"{self._copy.destination.name}{'@' if is_digest(identifier) else ':'}{identifier}"

    def _choose(self, image: ImageSource) -> ImageSource:
        """Return the image with the platforms that are wanted; a single image must be for all of them."""
        return choose_platforms(image, self._copy.platforms, str(self._copy.source), self._copy.source.registry)

    def _check_expected(self, digest: Digest, root: Manifest | None = None) -> None:
        expected = self._options.expected_digest
        if expected is not None and digest != expected and not (root and root.has_digest(expected)):
            raise RegistryError(
                f"{self._copy.source} has the digest {digest}, not the expected {expected}: nothing was copied.",
                "precondition",
                reference=str(self._copy.source),
            )

    def _compare_digests(self, before: TagMap) -> Copied | None:
        """Find out by HEADs alone whether there is nothing to do; None where that cannot be told."""
        if self._copy.platforms or self._options.referrers or None in before.values():
            return None
        source = self._describe(before)
        others = {digest.algorithm for digest in (*before.values(), self._options.expected_digest) if digest}
        if others != {source.digest.algorithm}:
            return None  # digests of two algorithms can be compared by the content alone
        self._check_expected(source.digest)
        after = apply_policy(before, source.digest, self._options.existing, self._copy.destination.name)
        return self._unchanged(before, source, source.digest) if before == after else None

    def _unchanged(self, states: TagMap, root: Descriptor, origin: Digest) -> Copied:
        """Return what is told of a copy with nothing to do, whose tags are in these ``states``."""
        nothing: Result = {key: [] for key in ("uploaded_blobs", "mounted_blobs", "existing_blobs", "skipped_layers")}
        nothing.update(dict.fromkeys(("uploaded_bytes", "mounted_bytes", "existing_bytes"), 0))
        result = {**tagging_result(self._copy.destination, root, states, states), **nothing, "size": None}
        named = {self._name(tag): digest for tag, digest in states.items()}
        return Copied(named, named, {**result, "src_digest": str(origin), "digest_changed": root.digest != origin})

    def _find_attached(self, plan: PushPlan) -> list[AttachedImage]:
        if not self._options.referrers or plan.root.digest not in plan.after.values():
            return []
        return self._read_attached([plan.root.digest, *(child.digest for child, _manifest in plan.children)])

    def _read_attached(self, digests: t.Sequence[Digest]) -> list[AttachedImage]:
        return find_attached(self._source, digests, self._options.lists)


def attached_result(attachment: AttachedImage, changed: bool) -> Result:
    """Return what became of an image that is attached to another one."""
    root = attachment.image.root
    return {
        "name": attachment.identifier,
        "digest": str(root.digest),
        "media_type": root.media_type,
        "artifact_type": printable(root.artifact_type),
        "changed": changed,
    }


def destination_tags(source: Reference, destination: Reference, tags: t.Sequence[str]) -> tuple[str, ...]:
    """Return the tags that a copy writes: the destination's, else the source's, and the further ones."""
    if destination.digest is not None:
        raise RegistryError(
            f"The destination {destination} has a digest, but the content determines the digest: give a tag instead.", "invalid_reference"
        )
    if destination.tag:
        first = [destination.tag]
    elif tags:
        first = []
    else:
        first = [source.tag] if source.tag else [] if source.digest else ["latest"]
    return tuple(dict.fromkeys([*first, *tags]))
