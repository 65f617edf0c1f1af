# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaulted values in templates: ansible-core before 2.19 hands them to plugins as objects of its own."""

from __future__ import annotations

import typing as t


def decrypted(value: t.Any) -> t.Any:
    """Return a vaulted string as the string that it stands for, and anything else as it is."""
    return str(value) if getattr(type(value), "yaml_tag", "") == "!vault" else value
