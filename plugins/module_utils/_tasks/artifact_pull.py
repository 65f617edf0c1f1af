# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_artifact_pull: pull the files of artifacts from a registry."""

from __future__ import annotations

import contextlib
import time
import typing as t
from datetime import datetime, timezone

from .._core.cleanup import on_failure
from .._core.errors import NotFound, RegistryError
from .._core.scrub import quoted, some
from .._local.attributes import Attributes
from .._local.file_tree import FileTree
from .._local.open_path import Found
from .._oci.artifact import CREATED, TITLE, VERSION, is_untitled_chart, titled_layers
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Reference
from .._oci.subset import image_config
from .._registry.artifact_pull import ArtifactPlace, ArtifactPull
from .._registry.client import RegistryClient
from .._registry.referrers import list_referrers
from .._registry.results import Result, printable, typed_result
from .._retention.policy import parse_created
from .options import ArgumentSpec
from .task import Task
from .verify_option import VERIFY, parse_verify

if t.TYPE_CHECKING:
    from .._registry.verification import Verification

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "aliases": ["image"]},
    "subject": {"type": "str"},
    "artifact_type": {"type": "str"},
    "select": {"type": "str", "choices": ["single", "newest", "all"], "default": "single"},
    "dest": {"type": "path", "required": True},
    "include": {"type": "list", "elements": "str", "default": []},
    **VERIFY,
}
RULES = {"add_file_common_args": True, "required_one_of": [["name", "subject"]], "mutually_exclusive": [["name", "subject"]]}


def _find_attached(task: Task, client: RegistryClient, subject: Reference, verification: Verification | None) -> list[Manifest]:
    """Return the artifacts that are attached to ``subject`` and wanted."""
    digest = client.get_digest(subject.identifier)
    wanted = task.params["artifact_type"]
    listed = list_referrers(client.api, digest)
    asked = [item for item in listed if _may_be(item, wanted)]
    manifests = client.fan_out(lambda item: _read_listed(client, item), asked)
    found = [manifest for manifest in manifests if manifest is not None and wanted in (None, manifest.artifact_type)]
    if not found:
        gone = [item for item, manifest in zip(asked, manifests) if manifest is None]
        listed = [item for item in listed if item not in gone]
        types = some(sorted({quoted(item.artifact_type or item.media_type, 100) for item in listed}))
        what = f"artifact of the type {quoted(wanted, 200)}" if wanted and listed else "artifact"
        there = f"; it has these types: {types}" if listed else ""
        raise NotFound(f"{subject} has no {what} attached to it{there}.", reference=str(subject))
    chosen = _choose(found, task.params["select"], subject)
    for manifest in chosen if verification is not None else ():
        t.cast("Verification", verification).check(client, f"{subject.name}@{manifest.digest}", manifest.digest)
    return chosen


def _read_listed(client: RegistryClient, item: Descriptor) -> Manifest | None:
    try:
        return client.get_manifest(str(item.digest))
    except NotFound:
        return None  # lists of referrers may name what was deleted


def _may_be(item: Descriptor, wanted: str | None) -> bool:
    return wanted is None or item.artifact_type in ("", wanted)


def _choose(found: list[Manifest], select: str, subject: Reference) -> list[Manifest]:
    if select == "all" or len(found) == 1:
        return found
    if select == "single":
        raise RegistryError(
            f"{subject} has several artifacts that match: {_listed(found)}. Set name to one of them with its digest, or set select to newest or all.",
            "invalid_option",
            reference=str(subject),
        )
    now = datetime.now(timezone.utc)
    dates = {manifest.digest: parse_created(manifest.annotations.get(CREATED), now) for manifest in found}
    known = [date for date in dates.values() if date is not None]
    newest = [manifest for manifest in found if known and dates[manifest.digest] == max(known)]
    if len(known) < len(dates) or len(newest) > 1:
        fault = "some have no valid time" if len(known) < len(dates) else "several have the same time"
        raise RegistryError(
            f"It is not known which artifact of {subject} is the newest, because {fault}: {_listed(found)}. Set name to one of them with its digest.",
            "invalid_option",
            reference=str(subject),
        )
    return newest


def _listed(found: t.Sequence[Manifest]) -> str:
    return some(
        [
            f"{manifest.digest} ({quoted(manifest.artifact_type, 100)}, {quoted(manifest.annotations.get(CREATED, 'no time'), 60)})"
            for manifest in found
        ]
    )


def _find(task: Task, client: RegistryClient, image: Reference) -> list[Manifest]:
    verification = parse_verify(task.params)
    if task.params["subject"] is not None:
        return _find_attached(task, client, image, verification)
    if verification is not None:
        image = verification.pin(client, image)
    return [client.get_manifest(image.identifier)]


def _chart_name(task: Task, client: RegistryClient, manifest: Manifest) -> str:
    """Return what Helm calls the files of a chart, to which it gives no titles: its name and version, "" for anything but a chart."""
    if not is_untitled_chart(manifest):
        return ""
    known: t.Mapping[str, t.Any] = {"name": manifest.annotations.get(TITLE), "version": manifest.annotations.get(VERSION)}
    if not all(known.values()):
        known = image_config(client.image_of(manifest), client.registry, task.budget)  # before Helm 3.9 only the config had them
    name, version = known.get("name"), known.get("version")
    return f"{name}-{version}" if isinstance(name, str) and isinstance(version, str) and name and version else ""


def _leaves_programs(attributes: Attributes) -> bool:
    """Tell whether the task leaves to a file whether its owner may execute it, as without a mode, or with X in one."""
    with_it, without = (attributes.of_new(mode, None, None, False)[0] for mode in (0o755, 0o644))
    return bool(with_it & 0o100) and not without & 0o100


def _plan(task: Task, client: RegistryClient, image: Reference, tree: FileTree, keeps_modes: bool) -> list[ArtifactPull]:
    found = _find(task, client, image)
    each = task.params["subject"] is not None and task.params["select"] == "all"
    pulls = []
    for manifest in found:
        name = f"{image.name}@{manifest.digest}" if task.params["subject"] is not None else str(image)
        if manifest.is_index:
            raise RegistryError(
                f"{name} is an index, not an artifact with files: use the digest of one of its manifests.",
                "invalid_response",
                reference=name,
            )
        items = titled_layers(manifest, name, task.params["include"], _chart_name(task, client, manifest))
        if not items:
            task.warn(f"{name} has no file with a title: nothing was pulled.")
        place = ArtifactPlace(tree, (str(manifest.digest),) if each else (), keeps_modes, lambda: task.tmpdir)
        pulls.append(ArtifactPull(client, manifest, name, items, place))
    return pulls


def _plan_attributes(attributes: Attributes, tree: FileTree, pulls: t.Sequence[ArtifactPull]) -> int:
    """Return how many files that are there have other attributes; an owner or mode that does not exist is found before any download."""
    attributes.apply(tree.surroundings, predict=True)
    return sum(bool(attributes.apply(found, predict=True)) for found in _own_files(tree, pulls))


def _own_files(tree: FileTree, pulls: t.Sequence[ArtifactPull]) -> t.Iterator[Found]:
    """Yield what is there of the artifacts, each open until the next one."""
    return (found for pull in pulls for file in pull.files for place in file.places for found in tree.files(place))


def _carry_out(task: Task, tree: FileTree, pulls: t.Sequence[ArtifactPull], attributes: Attributes) -> None:
    before: Result = {}
    after: Result = {}
    for pull in pulls:
        pull.plan()
        for known, states in zip((before, after), pull.states()):
            known.update(states)
    others = _plan_attributes(attributes, tree, pulls)
    if others:
        before[f"{tree.path} (files with other permissions)"] = others
    if not task.changes(before, after, tree.path):
        return
    written: set[str] = set()
    task.done = lambda: written
    if any(not file.is_there for pull in pulls for file in pull.files):
        tree.begin()
    for pull in pulls:
        pull.execute(written, task.note_written)
    attributes.apply_to_all(lambda: _own_files(tree, pulls), task.note_written)


def _told(task: Task, pulls: t.Sequence[ArtifactPull]) -> Result:
    artifacts = [
        {
            "digest": str(pull.manifest.digest),
            "artifact_type": printable(pull.manifest.artifact_type),
            "annotations": printable(dict(pull.manifest.annotations)),
            "files": pull.result(),
            "skipped_layers": typed_result(
                layer for layer in pull.manifest.layers if layer.digest not in {file.item.layer.digest for file in pull.files}
            ),
        }
        for pull in pulls
    ]
    task.budget.hold_result(artifacts, "The result for the artifacts")
    downloaded = sum(file.item.layer.size for pull in pulls for file in pull.files if file.is_downloaded)
    single = artifacts[0] if len(artifacts) == 1 else {}
    files = [file for artifact in artifacts for file in t.cast("list[Result]", artifact["files"])]
    return {
        "dest": task.params["dest"],
        "digest": single.get("digest"),
        "artifact_type": single.get("artifact_type"),
        "artifacts": artifacts,
        "files": files,
        "downloaded_bytes": downloaded,
    }


def run(task: Task) -> None:
    """Run the task."""
    start = time.monotonic()
    params = task.params
    image = task.reference(params["name"] if params["subject"] is None else params["subject"])
    task.progress.name(str(image))
    if params["subject"] is None and (params["artifact_type"] is not None or params["select"] != "single"):
        raise RegistryError("The options artifact_type and select require subject.", "invalid_option")
    if not params["dest"]:
        raise RegistryError("The option dest is empty: name a folder.", "invalid_option")
    attributes = task.attributes(params["dest"])
    keeps_modes = _leaves_programs(attributes)
    with contextlib.ExitStack() as opened:
        tree = FileTree(params["dest"], attributes.hides_new, lambda file: attributes.apply(file, placed=False))
        opened.callback(tree.close)
        pulls = _plan(task, task.client(image), image, tree, keeps_modes)
        for pull in pulls:
            opened.callback(pull.close)
        with on_failure(tree.remove_empty):
            _carry_out(task, tree, pulls, attributes)
        task.result.update(_told(task, pulls), elapsed=round(time.monotonic() - start, 3))
