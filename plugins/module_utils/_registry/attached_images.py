# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to an image without being named by it: what refers to it, the signatures that cosign keeps under tags, and theirs."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.budget import Once
from .._core.errors import NotFound, RegistryError
from .._oci.image_source import ImageSource, walk
from .._oci.reference import Digest
from .client import RegistryClient
from .referrers import list_referrers, signature_tags
from .transfer import PushPlan

MOST_COMPANIONS = 2000


@dataclass(frozen=True)
class AttachedImage:
    """What is kept under ``identifier`` (a digest, or a signature's tag); ``subject`` is what lists it as a referrer."""

    identifier: str
    image: ImageSource
    subject: Digest | None


class TagLists:
    """The tags of repositories, each listed once; safe for several threads."""

    def __init__(self) -> None:
        self._lists: Once[str, list[str]] = Once()
        self._ordered: Once[str, list[str]] = Once()

    def of(self, client: RegistryClient) -> list[str]:
        """Return the tags of the client's repository."""
        return self._lists.get(client.registry, lambda: client.list_tags(on_unusable=client.warn_of_name))

    def ordered(self, client: RegistryClient) -> list[str]:
        """Return the tags of the client's repository in the order of their names: what belongs to each of thousands of digests is looked for."""
        return self._ordered.get(client.registry, lambda: sorted(self.of(client)))


def find_attached(source: RegistryClient, digests: t.Iterable[Digest], lists: TagLists) -> list[AttachedImage]:
    """Return what belongs to ``digests``, and what belongs to that, each after what it belongs to."""
    found: dict[str, AttachedImage] = {}
    pending = list(dict.fromkeys(digests))
    seen = set(pending)
    while pending:
        wanted = {name: subject for name, subject in _names(source, pending, lists) if name not in found}
        if len(found) + len(wanted) > MOST_COMPANIONS:
            raise RegistryError(f"More than {MOST_COMPANIONS} manifests refer to one image in {source.registry}.", "limit")
        pending = []
        for attachment in source.fan_out(lambda entry: _read(source, *entry), wanted.items()):
            if attachment is None:
                continue
            found[attachment.identifier] = attachment
            root = attachment.image.root
            for digest in [root.digest, *(child.digest for child, _manifest in walk(attachment.image, root))]:
                if digest not in seen:
                    seen.add(digest)
                    pending.append(digest)
    return list(found.values())


def _names(source: RegistryClient, digests: t.Sequence[Digest], lists: TagLists) -> t.Iterator[tuple[str, Digest | None]]:
    tags = lists.ordered(source)
    api = source.api
    for digest, referrers in zip(digests, source.fan_out(lambda digest: list_referrers(api, digest), digests)):
        yield from ((str(referrer.digest), digest) for referrer in referrers)
        yield from ((tag, None) for tag in signature_tags(digest, tags))


def _read(source: RegistryClient, identifier: str, subject: Digest | None) -> AttachedImage | None:
    try:
        return AttachedImage(identifier, source.get_image(identifier), subject)
    except NotFound:
        return None  # lists of referrers, and of tags, may name what was deleted


def plan_attached(destination: RegistryClient, attached: t.Sequence[AttachedImage], existing: str) -> list[PushPlan]:
    """Return a plan for each companion; the policy ``existing`` is for signature tags, digests are never in conflict."""
    api = destination.api
    subjects = list(dict.fromkeys(attachment.subject for attachment in attached if attachment.subject))
    listed = dict(zip(subjects, destination.fan_out(lambda subject: {item.digest for item in list_referrers(api, subject)}, subjects)))

    def plan(attachment: AttachedImage) -> PushPlan:
        root, subject = attachment.image.root, attachment.subject
        planned = destination.plan_push(attachment.image, [attachment.identifier], existing if subject is None else "overwrite")
        refers = subject is not None and root.subject is not None and root.subject.digest == subject
        if planned.writes or not refers or root.digest in listed[t.cast(Digest, subject)]:
            return planned
        return _again(planned)

    return destination.fan_out(plan, attached)


def with_lost_referrer(destination: RegistryClient, plan: PushPlan) -> PushPlan:
    """Return the ``plan`` for an image; one that is there by its digest, and that the list of referrers does not name, is written again."""
    subject = plan.root.subject
    if subject is None or plan.writes or list(plan.before) != [str(plan.root.digest)]:
        return plan
    listed = list_referrers(destination.api, subject.digest)
    return plan if any(item.digest == plan.root.digest for item in listed) else _again(plan)


def _again(plan: PushPlan) -> PushPlan:
    """Return a plan that writes what is there by its digest: nothing leads to it, since a run before may have been cut off."""
    return plan._replace(before=dict.fromkeys(plan.before))
