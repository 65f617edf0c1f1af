# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The config of an image: what it is for, what it holds, and how it runs."""

from __future__ import annotations

import typing as t

from .._core.json import check_spelling, check_twins
from .manifest import PLATFORM_KEYS, lower

_CONFIG = (*PLATFORM_KEYS, "created", "config", "rootfs", "history")


def check_config(document: dict[str, t.Any], what: str, kind: str = "invalid_response") -> None:
    """Refuse the config of an image that readers would not agree on: in what it is for, what it holds, or how it runs."""
    check_spelling(document, _CONFIG, what, kind)
    rootfs = document.get("rootfs")
    if isinstance(rootfs, dict):
        check_spelling(rootfs, ("type", "diff_ids"), f"The rootfs of {lower(what)}", kind)
    check_twins(document.get("config"), f"The part config of {lower(what)}", kind)
    history = document.get("history")
    for entry in history if isinstance(history, list) else ():
        check_twins(entry, f"The history of {lower(what)}", kind)
