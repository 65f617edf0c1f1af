# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files as an artifact: their titles, how a folder is marked, and the manifest that names them, the same bytes every time."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field

from .._core.errors import NotFound, RegistryError
from .._core.scrub import quoted, steers
from .manifest import OCI_MANIFEST, Descriptor, Manifest
from .reference import Digest

TITLE = "org.opencontainers.image.title"
WHOLE = "."  # the title of the folder that all files go to
VERSION = "org.opencontainers.image.version"
CREATED = "org.opencontainers.image.created"
UNPACK = "io.deis.oras.content.unpack"  # what ORAS marks folders with
CONTENT_DIGEST = "io.deis.oras.content.digest"  # of the tar archive before it was compressed

FILE_TYPE = "application/vnd.oci.image.layer.v1.tar"  # as ORAS calls any file that nobody gave a media type
FOLDER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
UNKNOWN_CONFIG = "application/vnd.unknown.config.v1+json"
UNKNOWN_ARTIFACT = "application/vnd.unknown.artifact.v1"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
_CHART_FILES = {  # what Helm gives no title, and how its own names of them end
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip": ".tgz",
    "application/tar+gzip": ".tgz",
    "application/vnd.cncf.helm.chart.provenance.v1.prov": ".tgz.prov",
}

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}", re.ASCII)
_LONGEST_NAME = 255  # bytes of one part, as file systems have it
_LONGEST_TITLE = 1000  # characters


def check_media_type(text: str, where: str) -> str:
    """Return a media type that is one; ``where`` names the option in the error."""
    if not _MEDIA_TYPE.fullmatch(text):
        raise RegistryError(
            f"The {where} is {quoted(text, 200)}, which is not a media type: write type/subtype, for example text/plain.", "invalid_option"
        )
    return text


def plain_title(title: str) -> str:
    """Return a title without the parts that stand for the folder itself, as some programs write them: ``./x`` is ``x``."""
    parts = [part for part in title.split("/") if part != "."]
    return title if title.startswith("/") else "/".join(parts) or title[:1]


def check_title(title: str, where: str, kind: str) -> str:
    """Return a title that names a file or folder below another folder, and nothing else; ``where`` and ``kind`` word the error."""
    fault = _title_fault(title)
    if fault:
        raise RegistryError(f"The title {quoted(title, 200)} of {where} {fault}: it must be a relative path such as docs/report.txt.", kind)
    return title


def check_packed_path(path: str, where: str, kind: str) -> str:
    """Return the path of a file in a packed folder, which may have any name that a file can have; ``where`` and ``kind`` word the error."""
    fault = _path_fault(path)
    if fault:
        raise RegistryError(f"The path {quoted(path, 200)} in {where} {fault}: rename the file, and pack the folder again.", kind)
    return path


def _title_fault(title: str) -> str:
    if any(steers(char) for char in title):
        return "contains a control character, or another invisible one that changes how text is shown"
    return _path_fault(title)


def _path_fault(path: str) -> str:
    parts = path.split("/")
    if not path or len(path) > _LONGEST_TITLE:
        return "is empty" if not path else f"is longer than {_LONGEST_TITLE} characters"
    if path.startswith("/"):
        return "is an absolute path"
    if any(part in ("", ".", "..") for part in parts):
        return "has an empty part, '.' or '..' in it"
    if not _is_name(path):
        return "contains a null character, or is not UTF-8"
    if any(len(part.encode("utf-8")) > _LONGEST_NAME for part in parts):
        return f"has a part of more than {_LONGEST_NAME} bytes"
    return ""


def _is_name(text: str) -> bool:
    """Tell whether a file can have this name: bytes that are not UTF-8 are surrogates here."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def check_titles_differ(titles: t.Iterable[str], where: str, kind: str) -> None:
    """Refuse titles that are there twice, and a title that is a file in one place and a folder in another."""
    seen: set[str] = set()
    for title in titles:
        if title in seen:
            raise RegistryError(f"The title {quoted(title, 200)} is used twice in {where}: give each file its own title.", kind)
        seen.add(title)
    for title in seen:
        above = title.rpartition("/")[0]
        while above:
            if above in seen:
                raise RegistryError(
                    f"In {where}, {quoted(title, 200)} is below {quoted(above, 200)}, which is the title of another file.", kind
                )
            above = above.rpartition("/")[0]


@dataclass(frozen=True)
class TitledLayer:
    """A file of an artifact, or a folder that is packed into an archive: its title, and its layer."""

    title: str
    layer: Descriptor

    @property
    def is_folder(self) -> bool:
        """Whether it is marked for unpacking."""
        return self.layer.annotations.get(UNPACK) == "true"

    @property
    def is_whole(self) -> bool:
        """Whether it is the folder that all files go to, as ``oras push REF .`` packs it."""
        return self.is_folder and self.title == WHOLE

    @property
    def parts(self) -> tuple[str, ...]:
        """Where it goes below that folder."""
        return () if self.is_whole else tuple(self.title.split("/"))

    @property
    def content_digest(self) -> Digest:
        """The digest of what it unpacks to, where that is stated, else its own."""
        stated = self.layer.annotations.get(CONTENT_DIGEST, "")
        return Digest.parse(stated) if self.is_folder and stated else self.layer.digest


def is_untitled_chart(manifest: Manifest) -> bool:
    """Tell whether an artifact is a chart as Helm pushes it: its files have no titles."""
    is_chart = manifest.config is not None and manifest.config.media_type == HELM_CONFIG
    return is_chart and any(layer.media_type in _CHART_FILES and not layer.annotations.get(TITLE) for layer in manifest.layers)


def titled_layers(manifest: Manifest, name: str, include: t.Sequence[str] = (), chart: str = "") -> list[TitledLayer]:
    """Return what of the artifact ``name`` has a title, all or those in ``include``, each title one that stays below a folder.

    Files of a chart without titles are called ``chart``, with the ending that Helm gives them. Errors: ``invalid_response`` for a title that does
    not stay, or two files for one place, ``not_found`` for one of ``include`` that is not there.
    """
    kind = "invalid_response"
    titles = [(plain_title(layer.annotations.get(TITLE) or _chart_title(layer, chart)), layer) for layer in manifest.layers]
    layers = [TitledLayer(title, layer) for title, layer in titles if title]
    for item in layers:
        if not item.is_whole:
            check_title(item.title, name, kind)
        elif len(layers) > 1:
            raise RegistryError(
                f"{name} has other files beside '{WHOLE}', which is the whole folder: their places could be the same.", kind
            )
    check_titles_differ([item.title for item in layers], name, kind)
    there = {item.title for item in layers}
    wanted = {plain_title(title) for title in include}
    missing = [title for title in include if plain_title(title) not in there]
    if missing:
        shown = ", ".join(quoted(title, 100) for title in sorted(there)[:50]) or "none"
        raise NotFound(f"{name} has no file {quoted(missing[0], 200)}; it has: {shown}.", reference=name)
    return [item for item in layers if not include or item.title in wanted]


def _chart_title(layer: Descriptor, chart: str) -> str:
    is_file = chart and layer.media_type in _CHART_FILES
    return f"{chart}{_CHART_FILES[layer.media_type]}" if is_file else ""


def link_stays(folder: t.Sequence[str], target: str) -> bool:
    """Tell whether a symbolic link in ``folder`` (its parts below the top) leads nowhere but below the top, whatever other links are there.

    Only the first steps may lead up: after another link, a step up could lead anywhere.
    """
    parts = target.split("/")
    up = 0
    while up < len(parts) and parts[up] in ("..", "."):
        up += 1
    climbs = parts[:up].count("..")
    return bool(target) and not target.startswith("/") and climbs <= len(folder) and ".." not in parts[up:] and _is_name(target)


@dataclass(frozen=True)
class ArtifactParts:
    """What an artifact says besides its files; ``config`` is None for the empty one."""

    artifact_type: str = ""
    config: Descriptor | None = None
    annotations: t.Mapping[str, str] = field(default_factory=dict)
    subject: Descriptor | None = None


def empty_descriptor() -> Descriptor:
    """Return the descriptor of the content that stands for none."""
    return Descriptor(EMPTY_TYPE, Digest.of(EMPTY), len(EMPTY))


def _document(descriptor: Descriptor) -> dict[str, t.Any]:
    document: dict[str, t.Any] = {"mediaType": descriptor.media_type, "digest": str(descriptor.digest), "size": descriptor.size}
    if descriptor.annotations:
        document["annotations"] = dict(sorted(descriptor.annotations.items()))
    if descriptor.media_type == EMPTY_TYPE and descriptor.digest == Digest.of(EMPTY):
        document["data"] = "e30="
    return document


def make_artifact(parts: ArtifactParts, layers: t.Sequence[Descriptor]) -> Manifest:
    """Return the manifest of an artifact with ``layers``, byte by byte as ORAS writes it."""
    has_config = parts.config is not None and parts.config.media_type != EMPTY_TYPE
    artifact_type = parts.artifact_type or ("" if has_config else UNKNOWN_ARTIFACT)  # one of the two has to say what it is
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        **({"artifactType": artifact_type} if artifact_type else {}),
        "config": _document(parts.config or empty_descriptor()),
        "layers": [_document(layer) for layer in layers or [empty_descriptor()]],
        **({"subject": _document(parts.subject)} if parts.subject else {}),
        **({"annotations": dict(sorted(parts.annotations.items()))} if parts.annotations else {}),
    }
    raw = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    return Manifest.parse(raw, OCI_MANIFEST, None, "The manifest of the artifact")
