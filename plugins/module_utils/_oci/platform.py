# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Platforms: operating system, architecture and variant."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._core.scrub import quoted

_PART = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}
_VARIANTS = {"arm64": "v8", "arm": "v7"}  # what is meant where no variant is written


@dataclass(frozen=True)
class Platform:
    """What an image runs on; ``variant`` is "" where none is written."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Return the platform in ``text``: ``os/arch[/variant]``."""
        parts = text.strip().split("/")
        if len(parts) not in (2, 3) or not all(_PART.fullmatch(part) for part in parts):
            raise RegistryError(
                f"The platform {quoted(text, 100)} is not valid: write os/arch or os/arch/variant, for example linux/arm64.",
                "invalid_option",
            )
        return cls._make(*parts)

    @classmethod
    def from_document(cls, document: t.Any) -> Platform | None:
        """Return the platform that an index entry's ``platform`` or an image config states, None where it states none."""
        if not isinstance(document, dict):
            return None
        values = [document.get(key) for key in ("os", "architecture", "variant")]
        os, architecture, variant = [value if isinstance(value, str) and _PART.fullmatch(value) else "" for value in values]
        return cls._make(os, architecture, variant) if os and architecture else None

    @classmethod
    def _make(cls, os: str, architecture: str, variant: str = "") -> Platform:
        architecture = architecture.lower()
        return cls(os.lower(), _ARCHITECTURES.get(architecture, architecture), variant.lower())

    def satisfies(self, wanted: Platform) -> bool:
        """Tell whether an image of this platform is what ``wanted`` asks for."""
        if (self.os, self.architecture) != (wanted.os, wanted.architecture):
            return False
        default = _VARIANTS.get(self.architecture, "")
        asked = wanted.variant or default
        return not asked or (self.variant or default) == asked

    @property
    def full(self) -> Platform:
        """The platform with the variant that is meant where none is written."""
        return Platform(self.os, self.architecture, self.variant or _VARIANTS.get(self.architecture, ""))

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)
