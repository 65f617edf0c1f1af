# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_push: from a path to a plan, its prediction or its execution, and the result."""

from __future__ import annotations

import typing as t

from .._core.errors import NotFound, RegistryError
from .._local.oci_layout import LayoutImage
from .._local.source import Opened, open_source
from .._oci.image_source import ImageSource, drain
from .._oci.manifest import Manifest
from .._oci.platform import Platform
from .._oci.reference import Reference, is_digest
from .._oci.subset import choose_platforms
from .._registry.client import RegistryClient
from .._registry.results import total_size
from .._registry.tagging import TagMap, hides
from .._registry.transfer import PushPlan, Transferred
from .push_plan import carry_out
from .task import Task

if t.TYPE_CHECKING:
    from .._local.docker_archive import DockerArchive


def push(
    task: Task,
    image: Reference,
    identifiers: t.Sequence[str],
    platforms: t.Sequence[Platform],
    mount_from: tuple[str, ...],
) -> None:
    """Push what ``path`` holds to ``identifiers`` of the image's repository and fill the module's result."""
    params, path = task.params, task.path()
    opened = open_source(path, params["source_name"], task.budget, platforms)
    try:
        client = _client(task, image, mount_from)
        source, known = _image(task, client, opened, identifiers)
        try:
            source = choose_platforms(source, platforms, path)
            _check_digest(image, source.root, path)
            plan = client.plan_push(source, identifiers, params["existing"], known)
            if plan.root.subject is not None:
                from .._registry.attached_images import with_lost_referrer

                plan = with_lost_referrer(client, plan)
            # The layers of a docker save archive were checked when its manifest was made; and what is missing here may be mounted.
            is_checked = isinstance(opened, LayoutImage) and not mount_from
            _push(task, client, image, plan, source, is_checked)
        finally:
            source.close()
    finally:
        opened.close()


def _client(task: Task, image: Reference, mount_from: tuple[str, ...]) -> RegistryClient:
    client = task.client(image, "pull", "push")
    wanted = (image.repository, *mount_from) if mount_from else ()
    return client.with_options(chunk_size=task.params["chunk_size"], mount_from=wanted)


def _check_digest(image: Reference, root: Manifest, path: str) -> None:
    if image.digest is not None and not root.has_digest(image.digest):
        raise RegistryError(
            f"The image in {path} has the digest {root.digest}, not {image.digest} as the name says: nothing was sent.",
            "precondition",
            reference=str(image),
        )


def _push(task: Task, client: RegistryClient, image: Reference, plan: PushPlan, source: ImageSource, is_checked: bool) -> None:
    def execute(written: set[str]) -> Transferred:
        if is_checked:
            _check_source(client, plan, source)
        return client.execute_push(plan, source, written)

    def predict() -> Transferred:
        return client.predict_push(plan, (lambda blob: drain(source.open_blob(blob))) if is_checked else lambda blob: None)

    _log(task, carry_out(task, image, plan, execute, predict))


def _check_source(client: RegistryClient, plan: PushPlan, source: ImageSource) -> None:
    """Raise what is wrong with a blob that has to be sent, before anything is: it is missing, or has another size."""
    for blob in plan.blobs():
        try:
            source.open_blob(blob).close()
        except RegistryError:
            if not client.api.has_blob(blob):
                raise


def _log(task: Task, transferred: Transferred) -> None:
    counts = {"sent": transferred.uploaded, "mounted": transferred.mounted, "there already": transferred.existing}
    task.log(", ".join(f"{len(blobs)} blobs of {total_size(blobs)} bytes {how}" for how, blobs in counts.items()))


# Archives of docker save hold uncompressed layers: the config and its layers, not the manifest's digest, say whether it is the same image.


def _image(task: Task, client: RegistryClient, opened: Opened, identifiers: t.Sequence[str]) -> tuple[ImageSource, TagMap]:
    """Return the image to push, and what was learnt of the tags on the way."""
    if isinstance(opened, LayoutImage):
        return opened, {}
    pushed, known = find_pushed(client, opened, identifiers)
    if pushed is not None:
        return client.image_of(pushed), known
    tmpdir = None if task.check_mode else task.tmpdir
    built = opened.build(task.params["compression"], task.params["concurrency"], tmpdir, task.progress)
    task.progress.begin("", 0)  # from here on bytes are counted
    return built, {}  # by then, somebody may have set a tag


# A tag that is absent, or on something that we cannot read, is not on this image.
_OTHER = frozenset({"unsupported", "invalid_response", "digest_mismatch", "limit"})


def find_pushed(client: RegistryClient, saved: DockerArchive, identifiers: t.Sequence[str]) -> tuple[Manifest | None, TagMap]:
    """Return the manifest, on one of the tags, that an earlier push made of the same image, and what the tags were seen on."""
    known: TagMap = {}
    for tag in identifiers:
        if is_digest(tag):
            continue
        try:
            manifest = client.get_manifest(tag)
        except NotFound:
            known[tag] = None
            continue
        except RegistryError as error:
            if error.kind not in _OTHER and not hides(error):
                raise
            continue
        known[tag] = manifest.digest
        if saved.is_image_of(manifest):
            return manifest, known
    return None, known
