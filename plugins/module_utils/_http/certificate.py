# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a TLS certificate says of itself. Python's own reader tells nothing of one that it has not verified."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._core.scrub import clean

_SEQUENCE, _SET, _VERSION = 0x30, 0x31, 0xA0
_ATTRIBUTES = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x05": "serialNumber",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
    b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19": "DC",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01": "emailAddress",
}
_ENCODINGS = {0x0C: "utf-8", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}  # of the kinds of text; all others are read as Latin-1
_TIME = re.compile(rb"((?:[0-9]{2})?[0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z")

Element = tuple[int, bytes]


@dataclass(frozen=True)
class Certificate:
    """Names as ``C=DE, O=Example, CN=registry.example.com``, and the end of the validity as ISO 8601 in UTC."""

    subject: str
    issuer: str
    not_after: str

    @classmethod
    def parse(cls, der: bytes) -> Certificate:
        """Return what the X.509 certificate in ``der`` says; raises ``invalid_response`` for anything else."""
        try:
            (_tag, whole), *_rest = _elements(der)
            (_tag, signed), *_rest = _elements(whole)
            fields = [element for element in _elements(signed) if element[0] != _VERSION]
            issuer, validity, subject = (content for _tag, content in fields[2:5])
            _start, (_tag, end) = _elements(validity)
            return cls(_name(subject), _name(issuer), _time(end))
        except ValueError:  # too few or too many elements to unpack, too
            raise RegistryError("The TLS certificate of the registry cannot be read.", "invalid_response") from None


def _elements(content: bytes) -> list[Element]:
    """Return the DER elements in ``content`` as tags and contents."""
    found = []
    position = 0
    while position < len(content):
        header = content[position : position + 2]
        if len(header) < 2:
            raise ValueError("cut short")
        tag, length = header
        position += 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4:
                raise ValueError("no length")
            length = int.from_bytes(content[position : position + size], "big")
            position += size
        if position + length > len(content):
            raise ValueError("cut short")
        found.append((tag, content[position : position + length]))
        position += length
    return found


def _name(content: bytes) -> str:
    parts = []
    for _set, attributes in _elements(content):
        for _sequence, attribute in _elements(attributes):
            (_tag, kind), (tag, value) = _elements(attribute)
            text = clean(value.decode(_ENCODINGS.get(tag, "latin-1"), "replace"), 200)
            parts.append(f"{_ATTRIBUTES.get(kind, kind.hex())}={text}")
    return ", ".join(parts)


def _time(content: bytes) -> str:
    match = _TIME.fullmatch(content)
    if match is None:
        raise ValueError("no time")
    year, month, day, hour, minute, second = (t.cast(bytes, part).decode("ascii") for part in match.groups())
    if len(year) == 2:
        year = f"{'19' if year >= '50' else '20'}{year}"
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"
