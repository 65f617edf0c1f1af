# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose names by regular expressions, the options ``include`` and ``exclude`` of several modules."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ._errors import RegistryError

Patterns = tuple[re.Pattern[str], ...]


def compile_patterns(given: t.Any, option: str) -> Patterns:
    """Return the regular expressions of an option, a list or a single one; raises ``invalid_option`` for what is none.

    The options are raw ones: ansible-core would divide a text at its commas, and "a{1,3}" has one.
    """
    patterns = []
    for text in given if isinstance(given, (list, tuple)) else [] if given is None else [given]:
        if not isinstance(text, str) or not text:
            raise RegistryError(
                f"The option {option} holds {text!a:.200}, which is no regular expression: give a list of texts that are not empty.",
                "invalid_option",
            )
        try:
            patterns.append(re.compile(text))
        except (re.error, OverflowError, RecursionError) as error:
            raise RegistryError(
                f"The option {option} holds {text!a:.200}, which is no regular expression: {error}.", "invalid_option"
            ) from None
    return tuple(patterns)


@dataclass(frozen=True)
class Selection:
    """Names in which one of ``include`` is found (any name without them) and none of ``exclude``."""

    include: Patterns = ()
    exclude: Patterns = ()

    @classmethod
    def parse(cls, include: t.Any, exclude: t.Any) -> Selection:
        """Return the selection that the options ``include`` and ``exclude`` make."""
        return cls(compile_patterns(include, "include"), compile_patterns(exclude, "exclude"))

    def has(self, name: str) -> bool:
        """Tell whether ``name`` is chosen; an expression may match anywhere in it."""
        included = not self.include or any(pattern.search(name) for pattern in self.include)
        return included and not any(pattern.search(name) for pattern in self.exclude)


def check_limit(limit: int | None) -> int | None:
    """Return the option ``limit``; raises ``invalid_option`` where it is less than one."""
    if limit is not None and limit < 1:
        raise RegistryError(f"The option limit is {limit}: it must be 1 or more.", "invalid_option")
    return limit
