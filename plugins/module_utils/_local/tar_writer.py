# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headers of a tar archive: the same bytes for the same content, whoever writes it, when, and with which Python."""

from __future__ import annotations

from .tar import RECORD

_MAX_OCTAL = 8**11  # larger sizes are written in binary, as GNU tar does and every reader knows
_MAX_NAME = 100
_GROUP = 20 * RECORD  # archives end at a multiple of this


def padded(size: int) -> int:
    """Return how much room a member's content of ``size`` bytes takes."""
    return size + -size % RECORD


def end_of(position: int) -> int:
    """Return the length of an archive whose last member ends at ``position``: two empty records, then up to a whole group."""
    end = position + 2 * RECORD
    return end + -end % _GROUP


def header(name: str, size: int, mode: int | None = None, link: str | None = None) -> bytes:
    """Return what stands before a member's content; a ``name`` that ends with "/" is a directory, one with a ``link`` a symbolic link."""
    kind = b"2" if link is not None else b"5" if name.endswith("/") else b"0"
    permissions = (0o755 if kind == b"5" else 0o644) if mode is None else mode
    stated = b"".join(_pax(key, text) for key, text in (("path", name), ("linkpath", link or "")) if not _fits(text))
    extension = _record("././@PaxHeader", len(stated), b"x", 0o644, "") + stated.ljust(padded(len(stated)), b"\0") if stated else b""
    return extension + _record(name, size, kind, permissions, link or "")


def _fits(text: str) -> bool:
    return len(text) <= _MAX_NAME and text.isascii()


def _pax(key: str, value: str) -> bytes:
    text = f" {key}={value}\n".encode("utf-8", "surrogateescape")
    length = len(text) + 1
    while len(str(length)) + len(text) != length:
        length += 1
    return str(length).encode("ascii") + text


def _field(text: str) -> bytes:
    return text.encode("ascii", "replace")[:_MAX_NAME].ljust(_MAX_NAME, b"\0")


def _record(name: str, size: int, kind: bytes, mode: int, link: str) -> bytes:
    stated = f"{size:011o}\0".encode("ascii") if size < _MAX_OCTAL else b"\x80" + size.to_bytes(11, "big")
    zero = b"0000000\0"
    before = _field(name) + f"{mode:07o}\0".encode("ascii") + zero + zero + stated + b"00000000000\0"
    after = kind + _field(link) + b"ustar\x0000"
    record = (before + b" " * 8 + after).ljust(RECORD, b"\0")
    checksum = f"{sum(record):06o}\0 ".encode("ascii")
    return before + checksum + record[len(before) + 8 :]
