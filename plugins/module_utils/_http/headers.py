# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the headers that registries answer with: strictly, and None where one says nothing that can be used."""

from __future__ import annotations

import re

MAX_WARNING = 4096
_MAX_LINK = 16384
_COUNT = re.compile(r"[0-9]{1,18}", re.ASCII)
_RECEIVED = re.compile(r"(?:bytes=)?0-([0-9]{1,18})", re.ASCII)
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.ASCII)
_WARNING = re.compile(rf'299 [^ ]+ "((?:[^"\\]|\\.){{0,{MAX_WARNING}}})"', re.ASCII)
_LINK = re.compile(r'<([^<>]*)>((?:[^<"]|"(?:[^"\\]|\\.)*")*)')
_BARE_LINK = re.compile(
    r"""\s*["']?((?:[Hh][Tt]{2}[Pp][Ss]?://|[/?])[^\s<>"';]*)["']?\s*((?:;\s*(?:[a-zA-Z*-]+\s*(?:=\s*(?:(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+)\s*)?)?)?)+)"""
)
_PARAMETER = re.compile(r';\s*([^\s=;,"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?', re.ASCII)

_OTHER_PARAMETER = re.compile(r'(?i)\b(?!rel\b)[a-z*]{1,20}\s{0,5}=\s{0,5}"[^"]*"')
_LIST = re.compile(r"\?|/v2/|/tags/|/_catalog|/referrers/")  # what the address of a page of a list has
_LIKE_NEXT = re.compile(r".*next.*|following|continue|continuation|more")  # what some say in place of next
_SAYS_NEXT = re.compile(r"""(?i)\brel\s{0,5}=\s{0,5}\\?["']?[^"';,]{0,100}\bnext\b(?!-)""")


def parse_count(value: str | None) -> int | None:
    """Return the number of bytes that a header such as Content-Length gives."""
    return int(value) if value and _COUNT.fullmatch(value) else None


def parse_received(value: str | None) -> int | None:
    """Return how many bytes of an upload the registry has, as its Range (``0-<last byte>``) says."""
    match = _RECEIVED.fullmatch((value or "").strip())
    return int(match.group(1)) + 1 if match else None


def parse_content_range(value: str | None) -> int | None:
    """Return the first byte that a Content-Range (``bytes <first>-<last>/<all>``) names."""
    match = _CONTENT_RANGE.fullmatch((value or "").strip())
    return int(match.group(1)) if match and int(match.group(1)) <= int(match.group(2)) else None


def parse_part(value: str | None) -> tuple[int, int | None] | None:
    """Return the length of the part that a Content-Range names, and of the whole (None where that is not told)."""
    match = _CONTENT_RANGE.fullmatch((value or "").strip())
    return (int(match.group(2)) - int(match.group(1)) + 1, parse_count(match.group(3))) if match else None


def parse_warnings(value: str | None) -> list[str]:
    """Return the texts of the warnings with code 299; text behind the first 16 KiB of the header is left out."""
    return [re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) for text in _WARNING.findall((value or "")[: 4 * MAX_WARNING])]


def parse_next_link(value: str | None) -> str | None:
    """Return the address of the next page that a Link header names, with its angle brackets or, as some registries write it, without.

    Raises ``ValueError`` where the header says that there is more, but not where: a list must not be taken for the whole then.
    """
    text = value or ""
    if len(text) > _MAX_LINK:
        raise ValueError("it is too long")
    links = [(link, _relations(parameters)) for link, parameters in _LINK.findall(text)]
    bare = _BARE_LINK.fullmatch(text) if "<" not in text else None
    if bare:
        links.append((bare.group(1), _relations(bare.group(2))))
    for link, relations in links:
        if relations and "next" in relations[0]:
            return link or None  # an empty one is how some registries say that this was the last page
    if _SAYS_NEXT.search(_OTHER_PARAMETER.sub("", text)) or any(
        _LIST.search(link) and _may_be_next(relations) for link, relations in links
    ):
        raise ValueError("it is malformed")
    if not bare and "?" in _LINK.sub("", text):
        raise ValueError("it has a URL without rel")
    return None


def _may_be_next(relations: list[list[str]]) -> bool:
    """Tell whether a link with these relations may be the next page all the same: it says nothing, or something like next."""
    said = [word for words in relations for word in words]
    return not said or any(map(_LIKE_NEXT.fullmatch, said))


def _relations(parameters: str) -> list[list[str]]:
    """Return what each parameter ``rel`` of a link says, in words."""
    found = [quoted or plain.strip("'") for name, quoted, plain in _PARAMETER.findall(parameters) if name.lower() == "rel"]
    return [text.lower().split() for text in found]
