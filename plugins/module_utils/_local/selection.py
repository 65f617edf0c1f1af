# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of several images in a layout or archive is meant."""

from __future__ import annotations

import re
import typing as t
from collections import Counter

from .._core.errors import RegistryError
from .._core.scrub import clean, quoted
from .._oci.reference import Digest, Reference

_SHORT = re.compile(r"[0-9a-f]{7,128}", re.ASCII)
_MAX_LISTED = 20


class Candidate(t.NamedTuple):
    """One image with the names it goes by, and its digest: of the manifest, or in archives of docker save, of the config."""

    names: tuple[str, ...]
    digest: Digest
    value: t.Any

    def has(self, wanted: str) -> bool:
        """Tell whether ``wanted`` would choose this one, were it alone."""
        return any(matches(self, wanted) for matches in (_exactly, _fully, _shortly))

    def __str__(self) -> str:
        return f"{' or '.join(clean(name, 300) for name in self.names[:5])} ({self.digest})" if self.names else str(self.digest)


def choose(candidates: t.Sequence[Candidate], wanted: str | None, path: str) -> t.Any:
    """Return the ``value`` of the one image that ``wanted`` names; none, or an empty one, is enough where there is only one."""
    if not candidates:
        raise RegistryError(f"{path} contains no image.", "invalid_source")
    if not wanted:
        return _only(candidates, f"{path} contains several images. Choose one with source_name")
    for matches in (_exactly, _fully, _shortly):
        found = [candidate for candidate in candidates if matches(candidate, wanted)]
        if found:
            return _only(found, f"Several images in {path} match the source_name {quoted(wanted, 300)}. Choose one by its digest")
    raise _unclear(f"{path} has no image {quoted(wanted, 300)}; it has", candidates)


def _only(candidates: t.Sequence[Candidate], fault: str) -> t.Any:
    if len({candidate.digest for candidate in candidates}) > 1:
        raise _unclear(fault, candidates)
    return candidates[0].value


def _unclear(fault: str, candidates: t.Sequence[Candidate]) -> RegistryError:
    """Return the error of a choice that is left to the user; its ``choices`` are what source_name may be."""
    merged = merge_names(candidates)
    shown = [str(candidate) for candidate in merged[:_MAX_LISTED]]
    more = f" and {len(merged) - _MAX_LISTED} more" if len(merged) > _MAX_LISTED else ""
    error = RegistryError(f"{fault}: {', '.join(shown)}{more}.", "invalid_source")
    shared = Counter(name for candidate in merged for name in candidate.names)
    error.choices = [next((name for name in candidate.names if shared[name] == 1), str(candidate.digest)) for candidate in merged]
    return error


def merge_names(candidates: t.Iterable[Candidate]) -> list[Candidate]:
    """Return one candidate for each digest, with all names that it goes by."""
    merged: dict[Digest, Candidate] = {}
    for candidate in candidates:
        known = merged.get(candidate.digest, candidate)
        merged[candidate.digest] = known._replace(names=tuple(dict.fromkeys([*known.names, *candidate.names])))
    return list(merged.values())


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
