# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is where in an archive of an image: its members by name, links among them."""

from __future__ import annotations

import posixpath
import re
import typing as t

from .._core.budget import Budget
from .._core.scrub import quoted
from .tar import MAX_EXTENSIONS, MAX_MEMBERS, Forward, HeaderReader

MAX_NAME = 256  # longer names are passed over: no layout has them, and all names are kept in memory
_MEMBER_WEIGHT = 350  # bytes of memory, besides the names
_ROOTED = re.compile(r"\A/+(?=oci-layout\Z|index\.json\Z|blobs/)")  # so layouts of the buildpacks are packed; no path in full is meant


class Member(t.NamedTuple):
    """Where the content of a member is; or, for a link, the name that it points to."""

    offset: int
    size: int
    link: str = ""


class Members(dict[str, Member]):
    """The members of an archive by name, the last of each name; ``repeated`` are those that came more than once."""

    def __init__(self) -> None:
        super().__init__()
        self.repeated: set[str] = set()

    def add(self, name: str, member: Member) -> None:
        """Enter a member under its plain name; one that no path inside the archive can name is left out."""
        plain = normalize(_ROOTED.sub("", name))
        if not plain or len(plain) > MAX_NAME or len(member.link) > MAX_NAME:
            return
        if plain in self:
            self.repeated.add(plain)
        self[plain] = member

    def find(self, name: str) -> Member | None:
        """Return the file ``name``, through links that stay inside the archive; None where there is none."""
        seen: set[str] = set()
        plain = normalize(name)
        while plain not in seen:
            seen.add(plain)
            member = self.get(plain)
            if member is None or not member.link:
                return member
            plain = member.link
        return None


def normalize(name: str) -> str:
    """Return ``name`` in its shortest form, "" where it is absolute or leads out of the archive."""
    plain = posixpath.normpath(name)
    return "" if plain.startswith(("/", "../")) or plain in (".", "..") else plain


def scan(forward: Forward, what: str, budget: Budget) -> Members:
    """Return the members of an archive, charged to ``budget``; ``what`` names it in errors (``invalid_source``, ``limit``)."""
    members, reader = Members(), HeaderReader(forward, what, MAX_MEMBERS, MAX_EXTENSIONS)
    for header in reader:
        name, link = header.name, header.link
        budget.take(_MEMBER_WEIGHT + len(name) + len(link), f"The table of {what[:1].lower()}{what[1:]}")
        if header.is_regular:
            members.add(name, Member(forward.position, header.size))
        elif header.is_link:
            target = normalize(posixpath.join(posixpath.dirname(normalize(name)), link) if header.kind == b"2" else link)
            members.add(name, Member(0, 0, target or ".."))
        elif not header.is_directory:
            raise reader.damaged(f"the member {quoted(name, 100)} is neither file, directory nor link (type {quoted(header.kind, 10)})")
        reader.pass_over(header.size)
    return members
