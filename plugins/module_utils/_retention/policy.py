# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tags a policy keeps, and why: pure code over their names, digests and dates."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from .._core.errors import RegistryError
from .._core.patterns import Patterns, compile_patterns
from .._core.scrub import quoted
from .._core.times import read_time
from .._oci.digest_tags import owner_key
from .._oci.reference import Digest
from .._oci.versions import VersionRange, version_key

_FIRST_IMAGE = datetime(2013, 1, 1, tzinfo=timezone.utc)  # builds that are to be reproducible write dates before it
_CLOCKS_DIFFER = timedelta(days=1)
_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdwy])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}
_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,12})?(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)

Tags = t.Mapping[str, Digest]
Dates = t.Mapping[Digest, t.Optional[datetime]]


class Verdict(t.NamedTuple):
    """Whether a tag stays, and why."""

    keep: bool
    reason: str


def parse_created(text: t.Any, now: datetime) -> datetime | None:
    """Return the date in ``text`` (RFC 3339), None where it cannot be when an image was made: before 2013, or days ahead."""
    match = _DATE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    zone = "+00:00" if match["zone"] in "Zz" else match["zone"]
    try:
        date = read_time(match["day"], match["time"], zone).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return date if _FIRST_IMAGE <= date <= now + _CLOCKS_DIFFER else None


def _parse_span(text: str) -> timedelta:
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        message = (
            f"The option keep_within is {quoted(text, 60)}: it must be a number of hours, days, weeks or years, such as 12h, 30d, 8w or 1y."
        )
        raise RegistryError(message, "invalid_option")
    return timedelta(hours=int(match.group(1)) * _HOURS[match.group(2)])


def _match(patterns: Patterns, tag: str, what: str) -> str:
    """Return which of ``patterns`` matches, as ``what`` it did: "excluded by -rc"; "" for none."""
    return next((f"{what} by {pattern.pattern or 'an empty expression'}" for pattern in patterns if pattern.search(tag)), "")


class Judge(t.Protocol):
    """What decides over the tags of a repository: a policy by age or version, or a list of those that stay."""

    def names(self, tag: str) -> bool:
        """Tell whether a tag that has no manifest shall go."""

    def keeps_all(self, tags: t.Collection[str]) -> bool:
        """Tell whether all of these tags stay by their names alone."""

    def dates_needed(self, tags: Tags) -> set[Digest]:
        """Return the digests whose dates decide."""

    def judge(self, tags: Tags, dates: Dates, now: datetime) -> dict[str, Verdict | None]:
        """Return what becomes of each tag; None for those that follow the image they belong to."""


class Listed(t.NamedTuple):
    """The judge that keeps the tags in a list; all others go, but for those that belong to an image by its digest: they follow it."""

    tags: t.AbstractSet[str]

    def names(self, tag: str) -> bool:
        """Tell whether a tag that has no manifest shall go: one that is not in the list."""
        return tag not in self.tags and not owner_key(tag)

    def keeps_all(self, tags: t.Collection[str]) -> bool:
        """Tell whether the list has them all."""
        return self.tags >= set(tags)

    def dates_needed(self, tags: Tags) -> set[Digest]:
        """Return none: how old something is does not matter."""
        return set()

    def judge(self, tags: Tags, dates: Dates, now: datetime) -> dict[str, Verdict | None]:
        """Return what becomes of each tag."""
        listed, extra = Verdict(True, "in the list"), Verdict(False, "not in the list")
        return {tag: listed if tag in self.tags else None if owner_key(tag) else extra for tag in tags}


@dataclass(frozen=True)
class Policy:
    """What stays among the tags that ``include`` and ``exclude`` choose; all others stay anyway.

    A chosen tag stays if ``protect`` matches it, if it is a version in ``keep_semver``, if its digest is one of the ``keep_last`` newest (or,
    with ``sort`` version, highest), or if it was made ``within`` this span. What has no date that can be believed counts as new.
    """

    include: Patterns = ()
    exclude: Patterns = ()
    protect: Patterns = ()
    keep_last: int | None = None
    keep_within: str = ""
    within: timedelta | None = None
    sort: str = "created"
    keep_semver: VersionRange | None = None

    @classmethod
    def parse(cls, options: t.Mapping[str, t.Any]) -> Policy:
        """Return the policy that the options of a task make; raises ``invalid_option``."""
        keep_last, keep_within = options["keep_last"], options["keep_within"]
        if keep_last is None and keep_within is None:
            raise RegistryError(
                "Neither keep_last nor keep_within has a value: set one of them, or nothing would be kept.", "invalid_option"
            )
        for option in ("include", "exclude", "protect"):
            if options[option] is None:
                message = f"The option {option} has no value: give a list, which may be empty, or leave the option out."
                raise RegistryError(message, "invalid_option")
        if keep_last is not None and keep_last < 1:
            raise RegistryError(f"The option keep_last is {keep_last}: it must be 1 or more.", "invalid_option")
        names = {option: compile_patterns(options[option], option) for option in ("include", "exclude", "protect")}
        within = None if keep_within is None else _parse_span(keep_within)
        semver = None if options.get("keep_semver") is None else VersionRange.parse(options["keep_semver"], "keep_semver")
        return cls(**names, keep_last=keep_last, keep_within=keep_within or "", within=within, sort=options["sort"], keep_semver=semver)

    def outside(self, tag: str) -> str:
        """Return why the policy has no say in a tag, "" where it has."""
        if self.include and not _match(self.include, tag, "included"):
            return "not included"
        return _match(self.exclude, tag, "excluded")

    def names(self, tag: str) -> bool:
        """Tell whether ``include`` names a tag, and neither ``exclude`` nor ``protect`` nor ``keep_semver`` keeps it."""
        return bool(self.include) and not self.outside(tag) and not self._protected(tag)

    def keeps_all(self, tags: t.Collection[str]) -> bool:
        """Return False: what each tag is on is always told."""
        return False

    def by_name(self, tag: str) -> str:
        """Return why a tag stays by its name alone, "" where ranks and dates decide."""
        unranked = self.sort == "version" and not owner_key(tag) and version_key(tag) is None
        return self._protected(tag) or ("not a version, so it has no rank" if unranked else "")

    def _protected(self, tag: str) -> str:
        kept = self.keep_semver
        return _match(self.protect, tag, "protected") or (f"in the range {kept.text}" if kept is not None and kept.has(tag) else "")

    def counted(self, tags: Tags) -> list[str]:
        """Return the tags that are ranked: those that belong to another image by its digest are not."""
        return [tag for tag in tags if not self.outside(tag) and not owner_key(tag)]

    def dates_needed(self, tags: Tags) -> set[Digest]:
        """Return the digests whose dates decide; none where everything stays anyway."""
        counted = self.counted(tags)
        ranked = {tags[tag] for tag in counted}
        if self.keep_last is not None and len(ranked) <= self.keep_last:
            return set()
        if self.keep_last is not None and self.sort == "created":
            return ranked
        if self.within is None:
            return set()
        return {tags[tag] for tag in counted if not self.by_name(tag)} - self._last(tags, {})

    def judge(self, tags: Tags, dates: Dates, now: datetime) -> dict[str, Verdict | None]:
        """Return what becomes of each tag by the policy alone; None for those that follow the image they belong to."""
        last = self._last(tags, dates)
        verdicts: dict[str, Verdict | None] = {}
        for tag, digest in tags.items():
            named = self.outside(tag) or self.by_name(tag)
            if named:
                verdicts[tag] = Verdict(True, named)
            elif owner_key(tag):
                verdicts[tag] = None
            elif digest in last:
                verdicts[tag] = Verdict(True, f"one of the last {self.keep_last}")
            else:
                verdicts[tag] = self._by_age(dates.get(digest), now)
        return verdicts

    def _by_age(self, date: datetime | None, now: datetime) -> Verdict:
        behind = f"not one of the last {self.keep_last}" if self.keep_last is not None else ""
        if self.sort == "version" and self.within is None:
            return Verdict(False, behind)
        if date is None:
            return Verdict(True, "its age is unknown, which counts as new")
        made = f"made {date:%Y-%m-%d}"
        if self.within is None:
            return Verdict(False, f"{behind}, {made}")
        if now - date <= self.within:
            return Verdict(True, f"{made}, within {self.keep_within}")
        return Verdict(False, " and ".join(filter(None, (behind, f"{made}, longer than {self.keep_within} ago"))))

    def _last(self, tags: Tags, dates: Dates) -> set[Digest]:
        """Return the digests that ``keep_last`` keeps; those as old as the last of them are among them."""
        if self.keep_last is None:
            return set()
        ranks: dict[Digest, t.Any] = {}
        for tag in self.counted(tags):
            digest = tags[tag]
            rank = dates.get(digest) if self.sort == "created" else version_key(tag)
            if rank is not None and (digest not in ranks or rank > ranks[digest]):
                ranks[digest] = rank
        counted = {tags[tag] for tag in self.counted(tags)}
        if len(counted) <= self.keep_last:
            return counted
        if len(ranks) <= self.keep_last:
            return set(ranks)
        least = sorted(ranks.values(), reverse=True)[self.keep_last - 1]
        return {digest for digest, rank in ranks.items() if rank >= least}
