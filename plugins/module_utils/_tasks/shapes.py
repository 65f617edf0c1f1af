# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists and dictionaries in the wrong option, files in place of their paths, and what should have been left out.

ansible-core makes text of some lists and dictionaries, and raises exceptions for others.
"""

from __future__ import annotations

import contextlib
import math
import typing as t

from .._core.scrub import kind_of, quoted
from .options import PATHS, ArgumentSpec, Map, texts

_TEXTS = ("str", "path")
_OMIT = "__omit_place_holder__"


def wrong_shape(params: Map, options: ArgumentSpec, of: str = "") -> str:
    """Return what is wrong with the shape of the first such value in ``params``, as a sentence; "" if nothing is.

    ``params`` are the options as they were given, before ansible-core converts them; ``of`` names the option that they are suboptions of.
    """
    for option, settings in options.items():
        for name in (option, *settings.get("aliases", ())):
            value = params.get(name)
            if value is None:
                continue
            wrong = _omitted(f"{of}{name}", value) or _content(option, name, value) or _wrong(value, settings, f"{of}{name}")
            if wrong:
                return wrong
    return ""


def _omitted(name: str, value: t.Any) -> str:
    """Say that an option has what stands for ``omit`` in it: nobody means that for a tag or a path."""
    if not any(_OMIT in text for text in texts(value)):
        return ""
    return f"The option {name} has omit in a list or in a string, but ansible-core before 2.19 knows it only as the whole value: use a filter instead."


def _content(option: str, name: str, value: t.Any) -> str:
    """Say that an option has a certificate, a key or an auth file where its path belongs."""
    is_content = isinstance(value, dict) or (isinstance(value, str) and ("\n" in value.strip() or value.startswith(("{", "-----BEGIN"))))
    if option not in PATHS or not is_content:
        return ""
    advice = "set auth_config to the content, or give the path" if option == "auth_file" else "write it to a file, and give its path"
    return f"The option {name} has the content of a file, not a path: {advice}."


def _wrong(value: t.Any, settings: Map, name: str) -> str:
    if settings["type"] != "list":
        return _wrong_value(value, settings["type"], settings, f"The option {name}", f"{name}.")
    kind = settings.get("elements", "raw")
    if isinstance(value, list):
        entries = (
            _wrong_value(entry, kind, settings, f"Entry {number} of the option {name}", f"{name}.") for number, entry in enumerate(value, 1)
        )
        return next(filter(None, entries), "")
    if kind != "dict" or isinstance(value, dict):
        return ""  # text is a list with commas, and ansible-core names the option that has something else
    wrong = _wrong_value(value, kind, settings, f"The option {name}")
    return wrong.replace("must be a dictionary", "must be a list of dictionaries")


def _wrong_value(value: t.Any, kind: str, settings: Map, what: str, of: str = "") -> str:
    found = kind_of(value)
    if kind in _TEXTS and isinstance(value, (list, dict)):
        hint = ". To give JSON as text, add the filter string" if isinstance(value, dict) else ""
        return f"{what} is {found}: it must be a string{hint}."
    if kind == "int" and _is_endless(value):
        return f"{what} is {quoted(value, 60)}: it must be a whole number."
    suboptions = settings.get("options")
    if kind != "dict" or not suboptions:
        return ""
    if isinstance(value, dict):
        return wrong_shape(value, suboptions, of)
    return "" if _is_dictionary(value) else f"{what} is {found}: it must be a dictionary with {', '.join(suboptions)}."


def _is_endless(value: t.Any) -> bool:
    """Tell whether a number is infinite, or so large that it might as well be: ansible-core from 2.19 on makes an integer of all digits."""
    with contextlib.suppress(ValueError):
        return isinstance(value, (str, float)) and math.isinf(float(value))
    return False


def _is_dictionary(value: t.Any) -> bool:
    """Tell whether ansible-core may make a dictionary of text: of JSON, or of ``key=value``."""
    return isinstance(value, str) and ("=" in value or value.startswith("{"))
