# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of several images in a layout or archive is meant."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._core.scrub import clean, quoted
from .._oci.reference import Digest, Reference

_SHORT = re.compile(r"[0-9a-f]{7,128}", re.ASCII)
_MAX_LISTED = 20


@dataclass(frozen=True)
class Candidate:
    """One image with the names it goes by, and its digest: of the manifest, or in archives of docker save, of the config."""

    names: tuple[str, ...]
    digest: Digest
    value: t.Any

    def __str__(self) -> str:
        return f"{' or '.join(clean(name, 300) for name in self.names[:5])} ({self.digest})" if self.names else str(self.digest)


def choose(candidates: t.Sequence[Candidate], wanted: str | None, path: str) -> t.Any:
    """Return the ``value`` of the one image that ``wanted`` names; none, or an empty one, is enough where there is only one."""
    if not candidates:
        raise RegistryError(f"{path} holds no image.", "invalid_source")
    if not wanted:
        return _only(candidates, f"{path} holds several images, choose one by source_name")
    for matches in (_exactly, _fully, _shortly):
        found = [candidate for candidate in candidates if matches(candidate, wanted)]
        if found:
            return _only(found, f"Several images in {path} match the source_name {quoted(wanted, 300)}, choose one by its digest")
    raise RegistryError(f"{path} has no image {quoted(wanted, 300)}; it has: {_list(candidates)}.", "invalid_source")


def _only(candidates: t.Sequence[Candidate], fault: str) -> t.Any:
    if len({candidate.digest for candidate in candidates}) > 1:
        raise RegistryError(f"{fault}: {_list(candidates)}.", "invalid_source")
    return candidates[0].value


def _list(candidates: t.Sequence[Candidate]) -> str:
    names: dict[Digest, dict[str, None]] = {}
    for candidate in candidates:
        names.setdefault(candidate.digest, {}).update(dict.fromkeys(candidate.names))
    merged = [str(Candidate(tuple(several), digest, None)) for digest, several in names.items()]
    more = f" and {len(merged) - _MAX_LISTED} more" if len(merged) > _MAX_LISTED else ""
    return f"{', '.join(merged[:_MAX_LISTED])}{more}"


def _exactly(candidate: Candidate, wanted: str) -> bool:
    return wanted in candidate.names or wanted == str(candidate.digest)


def _fully(candidate: Candidate, wanted: str) -> bool:
    """Tell whether a name is the same image written in another way: docker.io/library/app:latest is app."""
    image = _image(wanted)
    return image is not None and any(_image(name) == image for name in candidate.names)


def _image(name: str) -> tuple[str, str] | None:
    try:
        reference = Reference.parse(name)
    except RegistryError:
        return None
    return reference.name, reference.identifier


def _shortly(candidate: Candidate, wanted: str) -> bool:
    """Tell whether ``wanted`` is a name's tag, or the beginning of the digest as ``docker images`` shows it."""
    tags = [name.rpartition(":")[2] for name in candidate.names if ":" in name]
    return wanted in tags or bool(_SHORT.fullmatch(wanted) and candidate.digest.hex.startswith(wanted))
