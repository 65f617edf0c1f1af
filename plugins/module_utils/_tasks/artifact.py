# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_artifact: push files to a registry as an OCI artifact."""

from __future__ import annotations

import json
import os
import re
import time
import typing as t
from dataclasses import replace

from .._core.errors import RegistryError
from .._core.scrub import quoted
from .._core.times import read_time
from .._local.artifact_files import ArtifactSource, NamedFile, pack_files
from .._local.files import Directory, FileRange, open_path, read_all
from .._oci.artifact import (
    CREATED,
    EMPTY,
    EMPTY_TYPE,
    TITLE,
    UNKNOWN_CONFIG,
    ArtifactParts,
    check_media_type,
    check_title,
    check_titles_differ,
    make_artifact,
)
from .._oci.manifest import MAX_CONFIG, Descriptor
from .._oci.reference import DIGEST_PREFIXES, Digest, Reference, check_tags
from .._registry.attached_images import with_lost_referrer
from .._registry.client import RegistryClient
from .._registry.results import Result
from .._registry.transfer import PushPlan
from .entries import parse_annotations, parse_entries
from .options import ArgumentSpec, refuse_unset
from .push_plan import carry_out
from .task import Task

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "required": True, "aliases": ["image"]},
    "tags": {"type": "list", "elements": "raw", "default": [], "aliases": ["tag"]},
    "files": {"type": "list", "elements": "raw", "default": []},
    "artifact_type": {"type": "str"},
    "config": {
        "type": "dict",
        "options": {"path": {"type": "path"}, "content": {"type": "raw"}, "media_type": {"type": "str", "default": UNKNOWN_CONFIG}},
    },
    "annotations": {"type": "dict", "default": {}},
    "created": {"type": "str"},
    "subject": {"type": "str"},
}
_ENTRY = {"path": "text", "media_type": "text", "title": "text"}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII)


def _parse_files(task: Task) -> list[NamedFile]:
    listed = task.params["files"]
    if not listed and not task.params["subject"] and not task.params["config"]:
        raise RegistryError(
            "The option files is empty: an artifact without a subject or a config needs at least one file.", "invalid_option"
        )
    files = [_parse_file(entry, number) for number, entry in enumerate(parse_entries(listed, "files", "path", _ENTRY) if listed else (), 1)]
    check_titles_differ([file.title for file in files], "the option files", "invalid_option")
    return files


def _parse_file(entry: t.Mapping[str, t.Any], number: int) -> NamedFile:
    where = f"entry {number} of files"
    path = os.path.expanduser(os.path.expandvars(entry["path"]))
    title = entry["title"] or os.path.basename(os.path.normpath(path))
    media_type = check_media_type(entry["media_type"], f"media_type of {where}") if entry["media_type"] else ""
    return NamedFile(path, check_title(title, where, "invalid_option"), media_type)


def _parse_annotations(task: Task) -> dict[str, str]:
    annotations = parse_annotations(task.params["annotations"], "option annotations")
    created = task.params["created"]
    if created is None:
        return annotations
    if CREATED in annotations:
        raise RegistryError(f"The task sets both created and the annotation {CREATED}: leave one out.", "invalid_option")
    return {**annotations, CREATED: _parse_time(created)}


def _parse_time(text: str) -> str:
    """Return a time that there is, as RFC 3339 has it."""
    match = _TIME.fullmatch(text)
    try:
        day, time_of_day, fraction, offset = match.groups() if match else ("", "", "", "")
        read_time(day, time_of_day)
    except ValueError:
        raise RegistryError(
            f"The option created is {quoted(text, 100)}, which is not a time of RFC 3339: write it with its offset, for example "
            "2026-01-31T12:00:00Z.",
            "invalid_option",
        ) from None
    return f"{day}T{time_of_day}{fraction or ''}{offset}"


def _read_config(task: Task) -> tuple[Descriptor, bytes] | None:
    config = task.params["config"]
    if config is None:
        return None
    refuse_unset(config, ("path", "content", "media_type"), " of config")
    path, content = config["path"], config["content"]
    if (path is None) == (content is None):
        raise RegistryError("The option config requires either path or content.", "invalid_option")
    raw = _read_file(path) if path is not None else _text(content)
    if config["media_type"] == EMPTY_TYPE and raw != EMPTY:
        raise RegistryError(f"The config has the media type {EMPTY_TYPE}, whose only content is {{}}: set another one.", "invalid_option")
    return Descriptor(check_media_type(config["media_type"], "media_type of config"), Digest.of(raw), len(raw)), raw


def _text(content: t.Any) -> bytes:
    return (content if isinstance(content, str) else _json(content)).encode("utf-8", "surrogatepass")


def _json(content: t.Any) -> str:
    try:
        return json.dumps(content, separators=(",", ":"), sort_keys=True, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise RegistryError(
            "The content of config contains .nan or .inf, which are not numbers in JSON: replace them.", "invalid_option"
        ) from None


def _read_file(path: str) -> bytes:
    opened = open_path(path)
    try:
        if isinstance(opened, Directory):
            raise RegistryError(f"{path} is a folder: the config of an artifact is a file.", "invalid_source")
        if opened.size > MAX_CONFIG:
            raise RegistryError(f"{path} is larger than the limit of {MAX_CONFIG} bytes for a config.", "limit")
        return read_all(FileRange(opened, 0, opened.size))
    finally:
        opened.close()


def _parse_subject(task: Task, image: Reference) -> Reference | None:
    """Return what ``subject`` says, which is in the repository of ``image``; None without one."""
    subject = task.params["subject"]
    if subject is None:
        return None
    if subject.startswith(DIGEST_PREFIXES):
        return replace(image, tag=None, digest=Digest.parse(subject))
    parsed = task.reference(subject)
    if parsed.name != image.name:
        raise RegistryError(
            f"The subject {parsed} is in another repository than {image.name}: an artifact must be in the repository of its subject.",
            "invalid_reference",
        )
    return parsed if parsed.tag or parsed.digest else parsed.with_tag(parsed.identifier)


def _check_tags_stay(tags: t.Iterable[str], image: Reference, subject: str) -> None:
    """Refuse ``tags`` that are those of the subject: they would point to the artifact from now on."""
    taken = [f"{image.name}:{tag}" for tag in tags]
    if taken:
        raise RegistryError(
            f"{', '.join(taken)} points to the subject {subject}, and would point to the artifact instead: give the artifact another tag, or "
            "none.",
            "invalid_option",
            reference=taken[0],
        )


def _parse_name(task: Task) -> Reference:
    image = task.reference(task.params["name"])
    if image.digest is not None:
        raise RegistryError(
            f"The name {image} has a digest, but the content determines the digest: give a tag instead.", "invalid_reference"
        )
    return image


def _plan(client: RegistryClient, source: ArtifactSource, tags: tuple[str, ...], subject: Descriptor | None) -> PushPlan:
    plan = client.plan_push(source, tags or [str(source.root.digest)])
    if subject is not None:
        image = Reference(client.registry, client.repository)
        _check_tags_stay([tag for tag in tags if plan.before.get(tag) == subject.digest], image, str(subject.digest))
    return with_lost_referrer(client, plan)


def _push(
    task: Task, image: Reference, tags: tuple[str, ...], source: ArtifactSource, client: RegistryClient, subject: Descriptor | None
) -> None:
    plan = _plan(client, source, tags, subject)
    carry_out(task, image, plan, lambda written: client.execute_push(plan, source, written), lambda: client.predict_push(plan))


def run(task: Task) -> None:
    """Run the task."""
    start = time.monotonic()
    image = _parse_name(task)
    task.progress.name(str(image))
    subject = _parse_subject(task, image)
    tags = check_tags(([image.tag] if image.tag else []) + task.params["tags"]) or (() if subject else ("latest",))
    if subject is not None:
        _check_tags_stay([tag for tag in tags if tag == subject.tag], image, str(subject))
    refuse_unset(task.params, ("artifact_type", "created"))
    files = _parse_files(task)
    annotations = _parse_annotations(task)
    given = task.params["artifact_type"]
    artifact_type = check_media_type(given, "option artifact_type") if given is not None else ""
    config = _read_config(task)
    client = task.client(image, "pull", "push")
    layers = pack_files(files, lambda: None if task.check_mode else task.tmpdir, task.params["concurrency"])
    target = client.get_descriptor(subject.identifier) if subject else None
    root = make_artifact(
        ArtifactParts(artifact_type, config[0] if config else None, annotations, target), [layer.descriptor for layer in layers]
    )
    source = ArtifactSource(root, layers, config[1] if config else EMPTY)
    try:
        _push(task, image, tags, source, client, target)
    finally:
        source.close()
    task.result.update(_told(source, target), elapsed=round(time.monotonic() - start, 3))


def _told(source: ArtifactSource, subject: Descriptor | None) -> Result:
    root = source.root
    files = [
        {"title": title, "digest": str(layer.digest), "size": layer.size, "media_type": layer.media_type}
        for layer in root.layers
        for title in [layer.annotations.get(TITLE)]
        if title
    ]
    return {"artifact_type": root.artifact_type, "subject": str(subject.digest) if subject else None, "files": files}
