# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times that others have written: the same ones on every Python."""

from __future__ import annotations

from datetime import datetime


def read_time(day: str, time: str, zone: str = "") -> datetime:
    """Return the time of ``2026-01-31``, ``12:00:00`` and ``+01:00`` or nothing; ``ValueError`` for one that there is not."""
    if time.startswith("24"):
        raise ValueError(time)  # Python 3.14 takes it for the next day
    return datetime.fromisoformat(f"{day} {time}{zone}")
