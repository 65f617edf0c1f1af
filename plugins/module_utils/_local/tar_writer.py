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


def header(name: str, size: int) -> bytes:
    """Return what stands before a member's content; a ``name`` that ends with "/" is a directory."""
    if len(name) <= _MAX_NAME:
        return _record(name, size, b"5" if name.endswith("/") else b"0")
    stated = _pax("path", name)
    extension = _record("././@PaxHeader", len(stated), b"x") + stated.ljust(padded(len(stated)), b"\0")
    return extension + _record(name[:_MAX_NAME], size, b"0")


def _pax(key: str, value: str) -> bytes:
    text = f" {key}={value}\n"
    length = len(text) + 1
    while len(str(length)) + len(text) != length:
        length += 1
    return f"{length}{text}".encode("ascii")


def _record(name: str, size: int, kind: bytes) -> bytes:
    mode = 0o755 if kind == b"5" else 0o644
    stated = f"{size:011o}\0".encode("ascii") if size < _MAX_OCTAL else b"\x80" + size.to_bytes(11, "big")
    zero = b"0000000\0"
    before = name.encode("ascii").ljust(_MAX_NAME, b"\0") + f"{mode:07o}\0".encode("ascii") + zero + zero + stated + b"00000000000\0"
    after = kind + bytes(100) + b"ustar\x0000"
    record = (before + b" " * 8 + after).ljust(RECORD, b"\0")
    checksum = f"{sum(record):06o}\0 ".encode("ascii")
    return before + checksum + record[len(before) + 8 :]
