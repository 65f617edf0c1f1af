# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaulted, undefined and omitted values in templates, which some versions of ansible-core hand to plugins as objects of their own."""

from __future__ import annotations

import typing as t


def decrypted(value: t.Any) -> t.Any:
    """Return a vaulted string as the string that it stands for, and anything else as it is."""
    return str(value) if getattr(type(value), "yaml_tag", "") == "!vault" else value


def is_omitted(value: t.Any) -> bool:
    """Tell whether a value is what ``omit`` stands for: a text before ansible-core 2.19, which would be a valid tag."""
    return type(value).__name__ == "_OmitType" or (isinstance(value, str) and value.startswith("__omit_place_holder__"))


def is_undefined(value: t.Any) -> bool:
    """Tell whether a value is what Jinja has in place of a variable that is not set, by the name of its class: Jinja is not ours to import."""
    return any((kind.__module__, kind.__name__) == ("jinja2.runtime", "Undefined") for kind in type(value).__mro__)
