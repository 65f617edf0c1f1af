# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags of one registry that are watched: check each with one HEAD request and report what changed since the last check."""

from __future__ import annotations

import threading
import typing as t

from ..module_utils._core.errors import NotFound, RegistryError
from ..module_utils._core.fanout import fan_out
from ..module_utils._oci.digest_tags import owner_key
from ..module_utils._oci.reference import Digest, Reference
from ..module_utils._registry.connections import Connections

MOST_TAGS = 10_000
_OUTAGE = 5  # failures in a row after which the registry is left alone until the next check

Event = dict[str, t.Any]


class Check(t.NamedTuple):
    """What one check found: events, and whether the registry is in trouble and how long it asks to be left alone (seconds)."""

    events: list[Event]
    is_outage: bool
    retry_after: float


class _Seen(t.NamedTuple):
    digest: Digest | None = None
    error: RegistryError | None = None
    is_skipped: bool = False


class _Tag:
    """What is known of a tag: its digest (None: absent) once ``is_known``, and the kind of error that was reported last."""

    __slots__ = ("digest", "is_known", "reported")

    def __init__(self, is_known: bool) -> None:
        self.digest: Digest | None = None
        self.is_known = is_known
        self.reported = ""

    def change(self, digest: Digest | None) -> str:
        """Return what happened if the tag is on ``digest`` now; "" for nothing, or for a tag whose state was not known."""
        if not self.is_known or digest == self.digest:
            return ""
        return "created" if self.digest is None else "deleted" if digest is None else "moved"


class _Failures:
    """Counts failures in a row over all threads; a rate limit counts as an outage at once."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._count = 0
        self._is_outage = False

    def note(self, error: RegistryError | None) -> None:
        """Note the outcome of a request."""
        self._count = 0 if error is None else self._count + 1
        self._is_outage = self._is_outage or self._count >= _OUTAGE or (error is not None and error.kind == "rate_limited")

    @property
    def end(self) -> bool:
        """Whether to send no more requests in this check."""
        return self._is_outage or self._stop.is_set()


class TagWatch:
    """Watches ``images`` of one registry, or those tags of ``repository`` that ``selects`` returns True for; ``stop`` ends a check early."""

    def __init__(
        self,
        images: t.Iterable[Reference],
        stop: threading.Event,
        repository: Reference | None = None,
        selects: t.Callable[[str], bool] = bool,
    ) -> None:
        self._tags = {image: _Tag(is_known=False) for image in images}
        self._stop = stop
        self._repository = repository
        self._selects = selects
        self._is_listed = False
        self._outage = ""  # the kind of error that was reported for the whole registry

    def check(self, connections: Connections) -> Check:
        """Check every tag once. Errors do not raise: they are events."""
        events: list[Event] = []
        if self._repository is not None:
            try:
                events += self._list(connections, self._repository)
            except RegistryError as error:
                return self.fail(error)
        seen = self._look(connections)
        answered = [image for image, each in seen.items() if each.error is None and not each.is_skipped]
        failures = {image: each.error for image, each in seen.items() if each.error is not None}
        for image in answered:
            events += self._update(image, seen[image].digest)
        self._reorder(seen)
        worst = _telling(list(failures.values()))
        if worst and (worst.kind == "rate_limited" or not answered or len(answered) + len(failures) < len(seen)):
            return self.fail(worst, events)
        self._outage = ""
        return Check([*events, *self._report(failures)], False, 0.0)

    def _report(self, failures: t.Mapping[Reference, RegistryError]) -> t.Iterator[Event]:
        """Yield an event for each image that fails otherwise than at the last check."""
        for image, error in failures.items():
            tag = self._tags[image]
            if tag.reported != error.kind:
                tag.reported = error.kind
                yield _error_event(error)

    def fail(self, error: RegistryError, events: t.Sequence[Event] = ()) -> Check:
        """Return a check that an error of the whole registry ended; the error is an event unless it was one already."""
        is_new = self._outage != error.kind
        self._outage = error.kind
        return Check([*events, *([_error_event(error)] if is_new else [])], True, error.retry_after or 0.0)

    def _list(self, connections: Connections, repository: Reference) -> t.Iterator[Event]:
        """Read the list of tags; yield an event for each that is gone."""
        client = connections.client(repository)
        try:
            listed = client.list_tags(on_unusable=client.warn_of_name)
        except NotFound:
            listed = []
        selected = {tag for tag in listed if self._selects(tag) and not owner_key(tag)}
        if len(selected) > MOST_TAGS:  # before each takes more memory
            raise RegistryError(
                f"{len(selected)} tags of {repository} are selected, more than the {MOST_TAGS} that can be watched: select fewer.",
                "limit",
                reference=str(repository),
            )
        images = {repository.with_tag(tag) for tag in selected}
        for image in [image for image in self._tags if image not in images]:
            yield from self._update(image, None)
            del self._tags[image]
        for image in sorted(images - self._tags.keys(), key=str):
            self._tags[image] = _Tag(is_known=self._is_listed)
        self._is_listed = True

    def _look(self, connections: Connections) -> dict[Reference, _Seen]:
        failures = _Failures(self._stop)

        def look(image: Reference) -> _Seen:
            if failures.end:
                return _Seen(is_skipped=True)
            try:
                seen = _Seen(connections.client(image).find_digest(image.identifier))
            except RegistryError as error:
                seen = _Seen(error=error)
            failures.note(seen.error)
            return seen

        images = list(self._tags)
        return dict(zip(images, fan_out(look, images, connections.concurrency)))

    def _update(self, image: Reference, digest: Digest | None) -> t.Iterator[Event]:
        tag = self._tags[image]
        change = tag.change(digest)
        if change:
            yield {
                "change": change,
                "name": str(image),
                "tag": image.identifier,
                "image": f"{image.name}@{digest}" if digest else None,
                "digest": str(digest) if digest else None,
                "previous_digest": str(tag.digest) if tag.digest else None,
            }
        tag.digest, tag.is_known, tag.reported = digest, True, ""

    def _reorder(self, seen: t.Mapping[Reference, _Seen]) -> None:
        """Begin the next check with what this one skipped, and leave to the end what failed, so that every tag gets its turn."""
        self._tags = dict(sorted(self._tags.items(), key=lambda item: (not seen[item[0]].is_skipped, seen[item[0]].error is not None)))


def _telling(errors: t.Sequence[RegistryError]) -> RegistryError | None:
    """Return the error that tells most about a registry in trouble: that it limits requests, and for the longest time, else the first one."""
    limits = [error for error in errors if error.kind == "rate_limited"]
    return max(limits, key=lambda error: error.retry_after or 0.0) if limits else next(iter(errors), None)


def _error_event(error: RegistryError) -> Event:
    return {"msg": error.message, "error": error.facts()}
